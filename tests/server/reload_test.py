#!/usr/bin/env python3
"""A server whose fleet is read again. reload_test.py PROGRAM [unittest arguments]"""
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, Serving, in_threads  # noqa: E402

PROGRAM = sys.argv[1]
RELOAD = "/plimsoll/v1/reload"
KEYS = 'device = "none"\nthreads = 1\nbatch-size = 128\nubatch-size = 128\n'


def model(name, path, keys="ctx-size = 512\n", tables=""):
    return f'[[model]]\nname = "{name}"\npath = "{path}"\n{KEYS}{keys}{tables}\n'


class Fleet(unittest.TestCase):
    arguments = ()

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.file = self.folder / "fleet.toml"
        self.write(model("a", BOSUN))
        self.server = Serving(PROGRAM, self.file, *self.arguments)

    def tearDown(self):
        self.assertEqual(self.server.stop(), 0)
        shutil.rmtree(self.folder)

    def write(self, text):
        """As editors do: another file is renamed over it."""
        other = self.folder / ".fleet.toml.swp"
        other.write_text(text)
        other.rename(self.file)

    def reload(self, status=200):
        answer = self.server.post(RELOAD)
        self.assertEqual(answer[0], status, answer)
        return answer[1]

    def models(self):
        return [m["id"] for m in self.server.get("/v1/models")[1]["data"]]

    def until(self, what, seconds=120):
        end = time.monotonic() + seconds
        while not what():
            self.assertLess(time.monotonic(), end, self.server.log_text())
            time.sleep(0.02)

    def ask(self, name, **fields):
        return self.server.post("/v1/completions", {"model": name, "prompt": "Day 1.", "max_tokens": 4, "temperature": 0, **fields})

    def loads(self, name):
        return {m["name"]: m for m in self.server.get("/plimsoll/v1/status")[1]["models"]}[name]["loads"]


class Keys(Fleet):
    """Keys, weights and limits change with the fleet; files of keys are read again, too."""

    def setUp(self):
        self.keys = pathlib.Path(tempfile.mkdtemp()) / "keys"
        self.keys.write_text("plain-one\n")
        self.arguments = ("--api-key-file", str(self.keys))
        super().setUp()

    def tearDown(self):
        super().tearDown()
        shutil.rmtree(self.keys.parent)

    def write(self, text, *keys):
        super().write(text + "".join(f'[[key]]\nname = "{name}"\nkey = "{key}"\n{more}\n' for name, key, more in keys))

    def ask_with(self, key, **fields):
        return self.server.post("/v1/completions", {"prompt": "Day 1. The ship lies at anchor.", "max_tokens": 2, **fields},
                                {"Authorization": f"Bearer {key}"})

    def reload_with(self, key, status=200):
        answer = self.server.post(RELOAD, {}, {"Authorization": f"Bearer {key}"})
        self.assertEqual(answer[0], status, answer)
        return answer[1]

    def test_new_ones_are_let_in_and_old_ones_are_not(self):
        self.assertEqual((self.ask_with("plain-one")[0], self.ask_with("crew-1")[0]), (200, 401))
        self.write(model("a", BOSUN), ("crew", "crew-1", "requests-per-minute = 2"))
        report = self.reload_with("plain-one")
        self.assertEqual((report["settings"], report["from_next_start"]), (["key"], []))
        self.assertEqual([self.ask_with("crew-1")[0] for _ in range(3)], [200, 200, 429])
        self.write(model("a", BOSUN), ("crew", "crew-2", "requests-per-minute = 60"))
        self.keys.write_text("plain-two\n")
        self.assertEqual(self.reload_with("plain-one")["settings"], ["key", "api-key-file"])
        self.assertEqual([self.ask_with(key)[0] for key in ("crew-2", "plain-two", "crew-1", "plain-one")], [200, 200, 401, 401])
        self.assertEqual(self.reload_with("plain-two")["settings"], [])
        self.assertRegex(self.server.request("GET", "/metrics", headers={"Authorization": "Bearer plain-two"})[2],
                         r'plimsoll_key_requests_total\{key="crew"\} 3')

    def test_nobody_comes_by_what_another_has_left(self):
        cached = lambda key: self.ask_with(key)[1]["usage"]["prompt_tokens_details"]["cached_tokens"]
        self.assertEqual(cached("plain-one"), 0)
        self.assertGreater(cached("plain-one"), 0)
        self.keys.write_text("plain-two\nplain-one\n")
        self.reload_with("plain-one")
        self.assertEqual(cached("plain-two"), 0)
        self.assertGreater(cached("plain-one"), 0)
        self.keys.write_text("plain-two\n")
        self.reload_with("plain-one")
        self.keys.write_text("plain-one\nplain-two\n")
        self.reload_with("plain-two")
        self.assertEqual(cached("plain-one"), 0, "what it had was dropped with it")
        self.assertGreater(cached("plain-two"), 0)

    def test_wrong_ones_change_nothing(self):
        self.write(model("a", BOSUN), ("crew", "one", ""), ("crew", "two", ""))
        self.assertIn("two keys are called 'crew'", json.dumps(self.reload_with("plain-one", 422)))
        self.write(model("a", BOSUN))
        self.keys.unlink()
        self.assertIn("cannot be read", json.dumps(self.reload_with("plain-one", 422)))
        self.keys.write_text("two words\n")
        self.reload_with("plain-one", 422)
        self.assertEqual((self.ask_with("plain-one")[0], self.ask_with("one")[0]), (200, 401))
        self.keys.write_text("plain-one\n")
        self.reload_with("plain-one")


class LastKey(Fleet):
    def test_the_last_key_is_not_lost_by_accident(self):
        self.assertEqual(self.ask("a")[0], 200)  # nobody is asked for one
        self.write(model("a", BOSUN) + '[[key]]\nname = "crew"\nkey = "secret"\n')
        self.reload()
        self.assertEqual(self.ask("a")[0], 401)
        self.write(model("a", BOSUN))
        status, answer = self.server.post(RELOAD, {}, {"x-api-key": "secret"})
        self.assertEqual(status, 422)
        self.assertIn("no API key is left", json.dumps(answer))
        self.assertEqual(self.ask("a")[0], 401)


class ByRequest(Fleet):
    def test_new_changed_and_gone_models(self):
        said = self.ask("a")[1]["choices"][0]["text"]
        self.write(model("a", BOSUN) + model("b", MATE, tables='aliases = ["mate"]\n'))
        report = self.reload()
        self.assertEqual(report["schema"], "plimsoll.reload/1")
        self.assertTrue(report["applied"])
        self.assertEqual((report["added"], report["unchanged"], report["removed"], report["changed"]), (["b"], ["a"], [], []))
        self.assertEqual(self.models(), ["a", "b"])
        self.assertEqual(self.ask("mate")[0], 200)
        self.assertEqual(self.ask("a")[1]["choices"][0]["text"], said)
        self.assertEqual(self.loads("a"), 1)

        report = self.reload()
        self.assertEqual((report["unchanged"], report["settings"]), (["a", "b"], []))

        self.write(model("a", BOSUN, "ctx-size = 256\n") + model("c", MATE))
        report = self.reload()
        self.assertEqual(report["changed"], [{"model": "a", "keys": ["ctx-size"], "reloads": True}])
        self.assertEqual((report["added"], report["removed"]), (["c"], ["b"]))
        self.until(lambda: 'plimsoll_model_state{model="b"' not in self.server.get("/metrics")[1])
        status, answer = self.ask("b")
        self.assertEqual(status, 404, answer)
        self.assertEqual(answer["error"]["code"], "model_not_found")
        self.assertEqual(self.ask("a")[1]["choices"][0]["text"], said)
        self.assertEqual([m["meta"]["n_ctx"] for m in self.server.get("/v1/models")[1]["data"]][0], 256)
        text = self.server.get("/metrics")[1]
        self.assertIn('plimsoll_fleet_reloads_total{result="applied"} 3', text)
        self.assertIn("plimsoll_fleet_last_reload_successful 1", text)
        self.assertRegex(text, "plimsoll_fleet_last_reload_success_timestamp_seconds [0-9]")
        reloads = self.server.get("/plimsoll/v1/status")[1]["reloads"]
        self.assertEqual((reloads["applied"], reloads["last_was_applied"]), (3, True))
        self.assertIsNotNone(reloads["last_applied"])
        self.assertIn("the fleet was read again", self.server.log_text())

    def test_what_is_wrong_changes_nothing_and_is_said_with_its_place(self):
        self.assertEqual(self.ask("a")[0], 200)
        self.write(model("a", BOSUN) + "[[model]]\nname = 3\ncolour = 'red'\n")
        report = self.reload(422)["reload"]
        self.assertFalse(report["applied"])
        self.assertIn("fleet.toml:11:8", [r["place"] for r in report["reasons"]])
        self.write(model("a", BOSUN, "ctx-size = 256\n") + model("b", "/nowhere/b.gguf"))
        body = self.reload(422)
        reason = body["reload"]["reasons"][0]
        self.assertEqual((reason["place"], reason["model"]), ("fleet.toml:10:1", "b"))
        self.assertIn("/nowhere/b.gguf", reason["sentence"])
        self.assertIn("fleet.toml:10:1", body["message"])
        self.write('budgets = ["CPU=400MiB"]\n' + model("a", BOSUN) + model("b", MATE, "ctx-size = 1000000\n"))
        reason = self.reload(422)["reload"]["reasons"][0]
        self.assertIn("does not fit", reason["sentence"])
        self.file.unlink()
        self.assertIn("cannot be read", self.reload(422)["message"])
        self.assertEqual(self.models(), ["a"])
        self.assertEqual(self.ask("a")[0], 200)
        self.assertEqual(self.loads("a"), 1)
        self.assertIn("plimsoll_fleet_last_reload_successful 0", self.server.get("/metrics")[1])

    def test_settings_and_presets_touch_no_memory(self):
        self.assertEqual(self.ask("a")[0], 200)
        self.write('[thresholds]\nwarn = "50%"\n' + model("a", BOSUN, tables='[[model.preset]]\nname = "terse"\n[model.sampling]\ntemperature = 0.5\n'))
        report = self.reload()
        self.assertEqual(report["changed"], [{"model": "a", "keys": ["sampling", "preset"], "reloads": False}])
        self.assertEqual(report["settings"], ["thresholds.warn"])
        self.assertEqual(self.ask("terse")[0], 200)
        self.assertEqual(self.loads("a"), 1)
        preset = {"name": "terse", "model": "a", "bytes": 0}
        for path in ("plan", "ledger"):
            self.assertEqual(self.server.get("/plimsoll/v1/" + path)[1]["presets"], [preset], path)
        presets = self.server.get("/plimsoll/v1/status")[1]["models"][0]["presets"]
        self.assertEqual([one["name"] for one in presets], ["terse"])

    def test_a_template_is_chosen_by_file_and_by_preset(self):
        def written(name):
            status, answer = self.server.post("/apply-template", {"model": name, "messages": [{"role": "user", "content": "Hi"}]})
            self.assertEqual(status, 200, answer)
            return answer["prompt"]

        own = written("a")
        self.assertIn("Hi", own)
        (self.folder / "t.jinja").write_text("{{ messages[0].content }}!")
        self.write(model("a", BOSUN, tables='chat-template-file = "t.jinja"\n[[model.preset]]\nname = "p"\nchat-template = "gemma"\n'))
        self.assertEqual(self.reload()["changed"], [{"model": "a", "keys": ["chat-template", "preset"], "reloads": False}])
        self.assertEqual(written("a"), "Hi!")
        self.assertIn("<start_of_turn>user\nHi", written("p"))
        props = self.server.get("/props")[1]
        self.assertEqual(props["chat_template"], "{{ messages[0].content }}!")
        self.assertFalse(props["chat_template_caps"]["supports_tools"])
        self.assertIn("a: its chat template knows no tools", self.server.log_text())
        answer = self.server.post("/v1/chat/completions", {"model": "p", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2})
        self.assertEqual(answer[0], 200, answer)

    def test_a_stream_goes_on_while_its_model_changes(self):
        pieces = []
        connection = self.server.connection()
        connection.request("POST", "/v1/completions", json.dumps({"model": "a", "prompt": "Day 1.", "max_tokens": 200, "stream": True, "ignore_eos": True}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        pieces.append(answer.readline())
        self.write(model("a", BOSUN, "ctx-size = 384\n"))
        self.reload()
        rest = answer.read()
        self.assertIn(b"[DONE]", rest)
        self.assertNotIn(b'"error"', rest)
        connection.close()
        self.assertEqual(self.ask("a")[0], 200)
        self.assertEqual(self.loads("a"), 2)

    def test_many_at_once_are_one_after_the_other(self):
        self.write(model("a", BOSUN) + model("b", MATE))
        answers = in_threads(6, lambda _: self.server.post(RELOAD))
        self.assertEqual({a[0] for a in answers}, {200})
        self.assertEqual(sorted(a[1]["added"] for a in answers), [[]] * 5 + [["b"]])

    def test_requests_beside_reloads_are_answered(self):
        texts = [model("a", BOSUN) + model("b", MATE), model("a", BOSUN, "ctx-size = 384\n")]
        over = threading.Event()
        answers = []

        def ask(i):
            while not over.is_set():
                name = "ab"[i % 2]
                status, body = self.ask(name)
                answers.append((name, status, body if status not in (200, 404) else None))

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for i in range(6):
            self.write(texts[i % 2])
            self.reload()
        over.set()
        for t in threads:
            t.join()
        self.assertEqual([a for a in answers if a[2]], [], [line for line in self.server.log_text().splitlines() if "internal" in line or "error" in line])
        self.assertEqual({s for name, s, _ in answers if name == "a"}, {200})
        self.assertLessEqual({s for name, s, _ in answers if name == "b"}, {200, 404})


class BySignal(Fleet):
    def test_sighup_reads_it_again(self):
        self.write(model("a", BOSUN) + model("b", MATE))
        self.server.process.send_signal(signal.SIGHUP)
        self.until(lambda: self.models() == ["a", "b"])
        self.write("nonsense")
        self.server.process.send_signal(signal.SIGHUP)
        self.until(lambda: "left as it was" in self.server.log_text())
        self.assertIn("fleet.toml:1:9", self.server.log_text())
        self.assertEqual(self.models(), ["a", "b"])


class InATerminal(unittest.TestCase):
    def test_sighup_is_a_reload_until_the_terminal_is_gone(self):
        folder = tempfile.mkdtemp()
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(XDG_CACHE_HOME=folder, XDG_CONFIG_HOME=folder)
            os.execv(PROGRAM, [PROGRAM, "serve", "-m", BOSUN, "--port", "0", "-c", "256", *SMALL])
        shown = b""

        def until(words):
            nonlocal shown
            end = time.monotonic() + 120
            while words not in shown:
                self.assertLess(time.monotonic(), end, shown)
                if select.select([terminal], [], [], 1)[0]:
                    shown += os.read(terminal, 4096)

        until(b"http://")
        os.kill(pid, signal.SIGHUP)
        until(b"the fleet was read again")
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        shutil.rmtree(folder)


class ByWatching(Fleet):
    arguments = ("--watch",)

    def test_a_file_that_is_renamed_over_it_or_written_in_place_or_gone(self):
        self.write(model("a", BOSUN) + model("b", MATE))
        self.until(lambda: self.models() == ["a", "b"])
        self.file.write_text(model("b", MATE))
        self.until(lambda: self.models() == ["b"])
        text = self.file.read_text()
        self.file.unlink()
        self.until(lambda: "cannot be read" in self.server.log_text())
        self.assertEqual(self.models(), ["b"])
        self.file.write_text(text + model("c", BOSUN))
        self.until(lambda: self.models() == ["b", "c"])


class KeysByWatching(Fleet):
    """A file of keys is one of what the server was started with."""

    def setUp(self):
        self.keys = pathlib.Path(tempfile.mkdtemp()) / "keys"
        self.keys.write_text("plain-one\n")
        self.arguments = ("--watch", "--api-key-file", str(self.keys))
        super().setUp()

    def tearDown(self):
        super().tearDown()
        shutil.rmtree(self.keys.parent)

    def status_of(self, key):
        return self.server.request("GET", "/v1/models", headers={"Authorization": f"Bearer {key}"})[0]

    def test_a_file_of_keys_counts_when_it_is_written(self):
        self.assertEqual((self.status_of("plain-one"), self.status_of("plain-two")), (200, 401))
        self.keys.write_text("plain-two\n")
        self.until(lambda: self.status_of("plain-two") == 200)
        self.assertEqual(self.status_of("plain-one"), 401)


class FolderOfModels(unittest.TestCase):
    def test_models_come_and_go(self):
        folder = pathlib.Path(tempfile.mkdtemp())
        shutil.copy(BOSUN, folder / "bosun.gguf")
        shutil.copy(MATE, folder / "MATE.GGUF")
        server = Serving(PROGRAM, folder, "-c", "256", *SMALL, "--watch")
        try:
            def models():
                return [m["id"] for m in server.get("/v1/models")[1]["data"]]

            def until(what):
                end = time.monotonic() + 120
                while not what():
                    self.assertLess(time.monotonic(), end, server.log_text())
                    time.sleep(0.02)

            self.assertEqual(models(), ["MATE", "bosun"])
            odd = os.fsencode(folder) + b"/b\xe4r.gguf"
            shutil.copy(BOSUN, folder / "new")
            os.rename(folder / "new", odd)
            until(lambda: "b\ufffdr" in models())
            status, answer = server.post("/v1/completions", {"model": "b\ufffdr", "prompt": "Day 1.", "max_tokens": 2})
            self.assertEqual(status, 200, answer)
            (folder / "MATE.GGUF").unlink()
            until(lambda: "MATE" not in models())
            (folder / "broken.gguf").write_bytes(b"no model")  # its own failure
            until(lambda: "broken" in [m["name"] for m in server.get("/plimsoll/v1/status")[1]["models"]])
            status, answer = server.post("/v1/completions", {"model": "broken", "prompt": "Day 1.", "max_tokens": 2})
            self.assertEqual(answer["error"]["code"], "model_unusable")
            self.assertEqual(server.post("/v1/completions", {"model": "bosun", "prompt": "Day 1.", "max_tokens": 2})[0], 200)
        finally:
            self.assertEqual(server.stop(), 0)
            shutil.rmtree(folder)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:])
