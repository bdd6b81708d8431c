#!/usr/bin/env python3
"""Every byte, as the server itself tells it. memory_test.py PROGRAM [unittest arguments]"""
import json
import pathlib
import re
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase, Serving, new_folder  # noqa: E402

ServedCase.program = sys.argv[1]


class Memory(ServedCase):
    arguments = ("-m", MATE, "-m", BOSUN, "-c", "256", "--budget", "CPU=1GiB", *SMALL)

    def test_the_ledger_is_the_plan(self):
        for name in ("mate-chat", "bosun-log"):
            self.server.post(f"/plimsoll/v1/models/{name}/load")
        plan = self.server.get("/plimsoll/v1/plan")[1]
        self.assertEqual(plan["schema"], "plimsoll.fleet/1")
        ledger = self.server.get("/plimsoll/v1/ledger")[1]["entries"]
        compared = 0
        for model in plan["models"]:
            for line in model["entries"]:
                if line["source"] != "exact" or line["stage"] == "compute" or not line.get("charged", True):
                    continue  # compute is the compute group's
                entry = next(e for e in ledger if (e["owner"], e["stage"], e["buffer"]) == (model["name"], line["stage"], line["buffer"]))
                self.assertEqual(entry["current"], line["bytes"])
                compared += 1
        self.assertGreaterEqual(compared, 4)

    def test_what_would_this_take(self):
        status, small = self.server.post("/plimsoll/v1/plan", {"model": "bosun-log", "ctx-size": 256})
        self.assertEqual((status, small["verdict"]), (200, "fits"), small)
        large = self.server.post("/plimsoll/v1/plan", {"models": [{"model": "bosun-log", "ctx-size": 4096, "cache-type-k": "q8_0", "cache-type-v": "q8_0"}]})[1]
        cache = lambda plan: sum(l["bytes"] for m in plan["models"] for l in m["entries"] if l["stage"] == "kv_cache")
        self.assertGreater(cache(large), cache(small))
        self.refused(self.server.post("/plimsoll/v1/plan", {"model": "bosun-log", "path": "/etc/passwd"}), 400, "path", "plimsoll")
        self.refused(self.server.post("/plimsoll/v1/plan", {"model": "../../etc/passwd"}), 404, "no model", "plimsoll")
        refused = self.server.post("/plimsoll/v1/plan", {"model": "bosun-log", "ctx-size": 1 << 24})
        self.assertEqual(refused[1]["verdict"], "refused")

    def test_what_is_kept_of_prompts_is_in_the_ledger(self):
        for day in range(8):
            self.server.post("/v1/completions", {"model": "bosun-log", "prompt": f"Day {day}. " + "The wind was fair. " * 30, "max_tokens": 1})
        status = self.server.get("/plimsoll/v1/status")[1]
        self.assertGreater(status["swap"]["memory"], 0)
        kept = {o["name"]: {m["stage"]: m["taken"] for m in o["memory"]} for o in status["others"]}
        self.assertEqual(kept["swap"]["conversations"], status["swap"]["memory"])
        self.assertGreater(kept["prompts"]["conversations"], 0)
        self.assertGreater(kept["records"]["bookkeeping"], 0)
        cpu = next(d for d in status["devices"] if d["device"] == "CPU")
        self.assertGreaterEqual(cpu["committed"], cpu["taken"])
        self.assertGreaterEqual(cpu["taken"], sum(sum(stages.values()) for stages in kept.values()))

    def test_hands_on_the_models(self):
        self.assertEqual(self.server.post("/plimsoll/v1/models/bosun-log/load")[1]["state"], "ready")
        self.assertEqual(self.server.post("/plimsoll/v1/models/bosun-log/pin", {"pinned": True})[1]["pinned"], True)
        self.refused(self.server.post("/plimsoll/v1/models/bosun-log/unload"), 400, "pinned", "plimsoll")
        self.server.post("/plimsoll/v1/models/bosun-log/pin", {"pinned": False})
        self.assertEqual(self.server.post("/plimsoll/v1/models/bosun-log/unload")[0], 200)
        until = time.monotonic() + 120
        state = lambda: next(m["state"] for m in self.server.get("/plimsoll/v1/status")[1]["models"] if m["name"] == "bosun-log")
        while state() not in ("swapped", "absent") and time.monotonic() < until:
            time.sleep(0.05)
        self.assertIn(state(), ("swapped", "absent"))
        self.assertEqual(self.server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 2.", "max_tokens": 4})[0], 200)
        self.refused(self.server.post("/plimsoll/v1/models/kraken/load"), 404, "no model", "plimsoll")

    def test_status_history_and_devices(self):
        status = self.server.get("/plimsoll/v1/status")[1]
        self.assertEqual(status["schema"], "plimsoll.status/1")
        cpu = next(d for d in self.server.get("/plimsoll/v1/devices")[1]["devices"] if d["device"] == "CPU")
        self.assertEqual(cpu["budget"], 1 << 30)
        while not (history := self.server.get("/plimsoll/v1/history")[1]["samples"]):
            time.sleep(0.05)
        self.assertEqual(history[-1]["devices"][-1].keys() >= {"device", "committed", "budget"}, True)

    def test_events_come_as_they_happen(self):
        self.server.post("/plimsoll/v1/models/mate-chat/load")
        connection = self.server.connection()
        connection.request("GET", "/plimsoll/v1/events")
        answer = connection.getresponse()
        lines = []
        while not any('"to":"ready"' in line for line in lines):
            lines.append(answer.fp.readline().decode())
        self.assertTrue(any(line.startswith("event: moved") for line in lines))
        connection.close()

    def test_metrics_as_prometheus_likes_them(self):
        self.server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 2.", "max_tokens": 4})
        status, text = self.server.get("/metrics")
        self.assertEqual(status, 200)
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertRegex(text, r'plimsoll_completion_tokens_total\{model="bosun-log"\} [1-9]')
        self.assertRegex(text, r'plimsoll_http_requests_total\{route="/v1/completions",status="200"\} [1-9]')
        self.assertNotIn("plimsoll_seal_allocations_total{model=\"bosun-log\"} 1", text)

    def pace_of(self, name):
        """Its first token of late, once the monitor has taken a sample since."""
        while True:
            pace = next(m["pace"] for m in self.server.get("/plimsoll/v1/status")[1]["models"] if m["name"] == name)
            if pace["first_token_ms"] is not None:
                return pace["first_token_ms"]
            time.sleep(0.05)

    def test_times_are_counted_by_model(self):
        families = {"time_to_first_token_seconds": 2, "inter_token_latency_seconds": 6, "request_queue_time_seconds": 2}

        def counts(model):
            text = self.server.get("/metrics")[1]
            value = lambda series: float((re.findall(rf"^plimsoll_{re.escape(series)} (\S+)$", text, re.M) or [0])[0])
            for family in families:
                self.assertEqual(value(f'{family}_bucket{{model="{model}",le="+Inf"}}'), value(f'{family}_count{{model="{model}"}}'))
            return {family: value(f'{family}_count{{model="{model}"}}') for family in families}
        before = {model: counts(model) for model in ("bosun-log", "mate-chat")}
        for _ in range(2):
            self.server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 2.", "max_tokens": 4, "ignore_eos": True})
        self.assertEqual(counts("bosun-log"), {family: before["bosun-log"][family] + more for family, more in families.items()})
        self.assertEqual(counts("mate-chat"), before["mate-chat"])
        text = self.server.get("/metrics")[1]
        self.assertNotRegex(text, "plimsoll_(load|first_token)_seconds_total")
        status = self.server.get("/plimsoll/v1/status")[1]
        asked = next(m for m in status["models"] if m["name"] == "bosun-log")
        self.assertIn(f'plimsoll_generated_tokens_total{{model="bosun-log"}} {asked["generated"]}\n', text)
        self.assertGreaterEqual(asked["generated"], 8)
        self.assertGreaterEqual(asked["first_tokens"], 2)
        self.assertGreater(asked["first_token_ms"], 0)
        self.assertIn(f'plimsoll_kv_cells{{model="bosun-log"}} {asked["kv_cells"]}\n', text)
        self.assertGreater(asked["kv_cells_used"], 0)  # its prompt is kept
        self.assertGreater(asked["pace"]["first_token_ms"] or self.pace_of("bosun-log"), 0)
        for model in status["models"]:
            for family in ("model_load_seconds", "model_warm_up_seconds"):
                self.assertIn(f'plimsoll_{family}_count{{model="{model["name"]}"}} {model["loads"]}\n', text)

    def test_the_page_needs_nothing_from_elsewhere(self):
        status, headers, page = self.server.request("GET", "/", headers={"Accept": "text/html,*/*"})
        self.assertEqual(status, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertIn("<!doctype html>", page.lower())
        self.assertNotRegex(page, r'(?:src|href)="https?://')


class WithoutAnAccelerator(unittest.TestCase):
    def test_a_budget_without_a_device_is_the_hosts(self):
        server = Serving(ServedCase.program, "-m", BOSUN, "-c", "256", "-t", "1", "-b", "128", "-ub", "128", "--budget", "900MiB",
                         environment={"GGML_VK_VISIBLE_DEVICES": ""})
        self.addCleanup(server.stop)
        devices = {device["device"]: device["budget"] for device in server.get("/plimsoll/v1/status")[1]["devices"]}
        self.assertEqual(devices, {"CPU": 900 << 20})


class ReadAhead(unittest.TestCase):
    """What requests are read with is made before the first one, which would wait for it."""

    # Weights that are not mapped: the vocabulary of a mapped model is the model's own.
    ARGUMENTS = ("-c", "256", "--no-mmap", *SMALL)

    def serving(self, *arguments):
        server = Serving(ServedCase.program, *arguments, *self.ARGUMENTS)
        self.addCleanup(server.stop)
        return server

    @staticmethod
    def vocabularies(server):
        return sum(entry["current"] for entry in server.get("/plimsoll/v1/ledger")[1]["entries"] if entry["owner"] == "vocabularies")

    def test_of_what_is_loaded_at_the_start_before_the_server_is_ready(self):
        self.assertGreater(self.vocabularies(self.serving("-m", BOSUN)), 0)

    def test_of_what_is_loaded_by_hand_with_its_load(self):
        for path, body in (("/plimsoll/v1/models/bosun-log/load", None), ("/models/load", {"model": "bosun-log"}),
                           ("/api/generate", {"model": "bosun-log"}), ("/api/embed", {"model": "bosun-log"})):
            with self.subTest(path):
                server = self.serving(str(pathlib.Path(BOSUN).parent))
                self.assertEqual(self.vocabularies(server), 0)
                status, answer = server.post(path, body)
                self.assertEqual(status, 200, answer)
                self.assertGreater(self.vocabularies(server), 0)

    def test_of_what_a_reload_loads(self):
        folder = new_folder(self)
        fleet = folder / "fleet.toml"
        keys = 'device = "none"\nthreads = 1\nbatch-size = 128\nubatch-size = 128\nctx-size = 256\nload-mode = "none"\n'
        first = f'[[model]]\nname = "a"\npath = "{MATE}"\n{keys}'
        fleet.write_text(first)
        server = Serving(ServedCase.program, str(fleet))
        self.addCleanup(server.stop)
        self.assertEqual(self.vocabularies(server), 0)
        fleet.write_text(f'{first}[[model]]\nname = "b"\npath = "{BOSUN}"\n{keys}load-at-start = true\n')
        self.assertEqual(server.post("/plimsoll/v1/reload")[0], 200)
        end = time.monotonic() + 120
        while self.vocabularies(server) == 0:
            self.assertLess(time.monotonic(), end, server.log_text())
            time.sleep(0.05)


class FullCache(ServedCase):
    """Two slots share 1024 cells, and a client that does not read its answer has 700 of them."""
    arguments = ("-m", MATE, "-np", "2", "-c", "1024", "-kvu", *SMALL)
    SHORT = {"prompt": [10] * 400, "n_predict": 4, "ignore_eos": True}
    WORDS = "ship " * 400

    def hold(self):
        """Each piece tells of the whole vocabulary: all of them are 15 MB, more than what can be on its way unread."""
        connection = self.server.connection()
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sock.connect((self.server.host, self.server.port))
        body = {"prompt": [20] * 700, "n_predict": 250, "ignore_eos": True, "stream": True, "n_probs": 768}
        connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
        connection.held = connection.getresponse()
        self.assertEqual(connection.held.status, 200)
        self.assertTrue(connection.held.readline().startswith(b"data: {"))  # it has read its prompt
        return connection

    def test_is_a_503_that_names_a_time(self):
        connection = self.hold()
        for path, body in (("/completion", self.SHORT), ("/v1/completions", self.SHORT),
                           ("/v1/chat/completions", {"messages": [{"role": "user", "content": self.WORDS}], "max_tokens": 4}),
                           ("/v1/messages", {"messages": [{"role": "user", "content": self.WORDS}], "max_tokens": 4}),
                           ("/v1/responses", {"input": self.WORDS, "max_output_tokens": 4}),
                           ("/api/generate", {"prompt": self.WORDS, "options": {"num_predict": 4}, "stream": False})):
            status, headers, answer = self.server.request("POST", path, body)
            self.assertEqual(status, 503, (path, answer))
            self.assertGreaterEqual(int({k.lower(): v for k, v in headers.items()}["retry-after"]), 1, path)
        connection.close()
        until = time.monotonic() + 120  # its end is noticed when somebody writes to it
        while (answer := self.server.post("/completion", self.SHORT))[0] == 503 and time.monotonic() < until:
            time.sleep(0.05)
        self.assertEqual(answer[0], 200, answer)
        self.assertEqual(answer[1]["tokens_predicted"], 4)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
