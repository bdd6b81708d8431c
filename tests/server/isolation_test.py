#!/usr/bin/env python3
"""Models in processes of their own, and what becomes of requests when those die. isolation_test.py PROGRAM [unittest arguments]"""
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase, Serving, in_threads, new_folder  # noqa: E402

PROGRAM = ServedCase.program = sys.argv[1]
# One token a micro-batch, and attention without blocks: what is computed beside an answer changes none of its bits, so texts
# can be compared to the letter whatever ran beside them (docs/decisions/0043).
EXACT = (*SMALL[:-2], "-ub", "1", "-fa", "off")
SIZES = ("-np", "4", "-c", "4096", *EXACT)
ASKED = [{"model": name, "prompt": prompt, "max_tokens": 48, "ignore_eos": True, "seed": seed, "temperature": temperature}
         for name in ("mate-chat", "bosun-log")
         for prompt, seed, temperature in (("Day 12. The wind is", 1, 0), ("Day 3. We saw", 7, 1.2), ("Day 9.", 8, 0.9))]


def status_of(server, name):
    return next(m for m in server.get("/plimsoll/v1/status")[1]["models"] if m["name"] == name)


def pid_of(server, name):
    """Waits while it has none: it has died, and is started again."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        process = status_of(server, name).get("process")
        if process and process["pid"]:
            return process["pid"]
        time.sleep(0.01)
    raise AssertionError(f"no process of {name}: {server.log_text()}")


def complete(server, asked):
    status, answer = server.post("/v1/completions", asked)
    if status != 200:
        raise AssertionError(f"{status}: {answer}")
    return answer["choices"][0]["text"]


def stream(server, asked, at_first=lambda: None):
    connection = server.connection()
    connection.request("POST", "/v1/completions", json.dumps({**asked, "stream": True}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = ""
    for line in answer:
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        if "error" in event:
            raise AssertionError(event)
        if not text:
            at_first()
        text += event["choices"][0]["text"]
    connection.close()
    return text


def together(items, work):
    """work(item) for each at once; what they gave, in order."""
    out = in_threads(len(items), lambda i: work(items[i]))
    for one in out:
        if isinstance(one, Exception):
            raise one
    return out


def children_of(pid):
    out = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            out.append((int(stat.parent.name), fields[0]))
    return out


class Isolation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with_one = Serving(PROGRAM, "-m", MATE, "-m", BOSUN, *SIZES)
        cls.expected = [complete(with_one, asked) for asked in ASKED]
        cls.log_probabilities = with_one.post("/v1/completions", {**ASKED[0], "logprobs": 2})[1]["choices"][0]["logprobs"]
        with_one.stop()

    def serve(self, *arguments, **options):
        server = Serving(PROGRAM, *arguments, **options)
        self.addCleanup(lambda: self.assertEqual(server.stop(), 0))
        return server

    def isolated(self, *arguments, **options):
        return self.serve("-m", MATE, "-m", BOSUN, *SIZES, "--isolate", *arguments, **options)

    def fleet(self, text):
        folder = new_folder(self)
        path = folder / "fleet.toml"
        path.write_text(text)
        return path

    def in_groups(self, *root, model=""):
        """Each model in a process of its own."""
        common = f'ctx-size = 4096\nparallel = 4\ndevice = "none"\nthreads = 1\nbatch-size = 128\nubatch-size = 1\nflash-attn = "off"\nload-at-start = true\n{model}\n'
        return self.fleet("isolation = \"process\"\n" + "\n".join(root) + "\n" + "".join(
            f'[[model]]\nname = "{name}"\npath = "{path}"\ncompute-group = "{name}"\n{common}'
            for name, path in (("mate-chat", MATE), ("bosun-log", BOSUN))))

    def test_it_says_what_it_says_without(self):
        server = self.isolated()
        self.assertEqual([complete(server, asked) for asked in ASKED], self.expected)
        self.assertEqual(together(ASKED, lambda asked: stream(server, asked)), self.expected)
        answer = server.post("/v1/completions", {**ASKED[0], "logprobs": 2})[1]["choices"][0]
        self.assertEqual(answer["logprobs"]["tokens"], self.log_probabilities["tokens"])

    def test_models_of_one_group_share_a_process_and_the_host_has_none(self):
        server = self.isolated()
        self.assertEqual(pid_of(server, "mate-chat"), pid_of(server, "bosun-log"))
        self.assertNotEqual(pid_of(server, "mate-chat"), server.process.pid)
        each = self.serve(self.in_groups())
        self.assertNotEqual(pid_of(each, "mate-chat"), pid_of(each, "bosun-log"))

    def test_killed_in_the_middle_of_streams_every_answer_goes_on(self):
        server = self.isolated()
        begun = threading.Barrier(len(ASKED) + 1)

        def kill():
            begun.wait(60)
            os.kill(pid_of(server, "mate-chat"), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        longer = [{**asked, "max_tokens": 400} for asked in ASKED]
        texts = together(longer, lambda asked: stream(server, asked, lambda: begun.wait(60)))
        killer.join()
        again = together(longer, lambda asked: complete(server, asked))
        self.assertEqual(texts, again)
        for text, start in zip(texts, self.expected):
            self.assertTrue(text.startswith(start))
        self.assertEqual(status_of(server, "mate-chat")["process"]["restarts"], 1)

    def test_killed_again_and_again_between_requests_nothing_stays(self):
        server = self.serve(self.in_groups("most-deaths = 0"))
        complete(server, ASKED[0])
        descriptors = lambda: len(os.listdir(f"/proc/{server.process.pid}/fd"))
        pid_of(server, "mate-chat"), pid_of(server, "bosun-log")
        before = descriptors()
        for _ in range(6):
            os.kill(pid_of(server, "mate-chat"), signal.SIGKILL)
            self.assertEqual(complete(server, ASKED[0]), self.expected[0])
        until = time.monotonic() + 30
        while descriptors() > before and time.monotonic() < until:
            time.sleep(0.05)
        self.assertLessEqual(descriptors(), before)
        self.assertEqual([state for _, state in children_of(server.process.pid) if state == "Z"], [])
        self.assertEqual(status_of(server, "mate-chat")["process"]["restarts"], 6)
        self.assertEqual(status_of(server, "bosun-log")["process"]["restarts"], 0)

    def faulty(self, how, *root):
        """A server in which a request with a token that nobody else says breaks mate-chat's process."""
        plain = self.serve("-m", MATE, *SIZES)
        token = plain.post("/tokenize", {"content": "Nothing but §", "add_special": True})[1]["tokens"][-1]
        return self.serve(self.in_groups(*root), environment={"PLIMSOLL_TEST_WORKER_FAULT": f"{how}@{token}"})

    def broken_by(self, how, *root):
        server = self.faulty(how, *root)
        poison = {"model": "mate-chat", "prompt": "Nothing but §", "max_tokens": 4}
        answers = {}

        def ask(what):
            answers[what] = (server.post("/v1/completions", poison) if what == "poison" else
                             (complete(server, ASKED[0]) if what == "beside" else [complete(server, a) for a in ASKED[3:]]))

        together(["poison", "beside", "other model"], ask)
        status, answer = answers["poison"]
        self.assertEqual(status, 500, answer)
        self.assertEqual(answer["error"]["code"], "model_crashed", answer)
        self.assertEqual(answers["beside"], self.expected[0])
        self.assertEqual(answers["other model"], self.expected[3:])
        self.assertEqual(complete(server, ASKED[0]), self.expected[0])
        self.assertEqual(status_of(server, "mate-chat")["process"]["restarts"], 2)
        self.assertEqual(status_of(server, "bosun-log")["process"]["restarts"], 0)

    def test_a_request_that_aborts_its_process(self):
        self.broken_by("abort")

    def test_a_request_that_makes_its_process_fault(self):
        self.broken_by("segv")

    def test_a_request_that_hangs_its_process(self):
        self.broken_by("loop", 'max-decode-time = "5s"')

    def test_a_request_that_takes_all_memory(self):
        self.broken_by("alloc", 'process-memory = "1GiB"')

    def test_after_too_many_deaths_it_is_failed_until_it_is_loaded_by_hand(self):
        server = self.serve(self.in_groups("most-deaths = 2"))
        for _ in range(2):
            pid = pid_of(server, "mate-chat")
            os.kill(pid, signal.SIGABRT)
            while os.path.exists(f"/proc/{pid}"):
                time.sleep(0.01)
        until = time.monotonic() + 60
        while status_of(server, "mate-chat")["state"] != "failed" and time.monotonic() < until:
            time.sleep(0.02)
        status, answer = server.post("/v1/completions", ASKED[0])
        self.assertGreaterEqual(status, 500, answer)
        self.assertIn("has died 2 times", answer["error"]["message"])
        self.assertIn("Aborted", answer["error"]["message"])
        self.assertEqual(complete(server, ASKED[3]), self.expected[3])
        self.assertEqual(server.post("/plimsoll/v1/models/mate-chat/load")[0], 200)
        pid_of(server, "mate-chat")
        self.assertEqual(complete(server, ASKED[0]), self.expected[0])

    def test_when_the_server_dies_its_processes_end(self):
        server = Serving(PROGRAM, "-m", MATE, *SIZES, "--isolate")
        pid = pid_of(server, "mate-chat")
        server.stop(signal.SIGKILL)
        until = time.monotonic() + 30
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < until:
            time.sleep(0.02)
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_processes_that_hang_do_not_hold_up_the_end(self):
        """Whether nobody asks them anything or an answer of theirs is under way: nobody waits for each of them in turn."""
        fleet = self.fleet('isolation = "process"\n' + "".join(
            f'[[model]]\nname = "{group}-{i}"\npath = "{MATE}"\ndevice = "none"\nctx-size = 512\ncompute-group = "{group}"\nload-at-start = true\n'
            for group in "abc" for i in range(2)))
        for is_at_work in (False, True):
            server = Serving(PROGRAM, fleet, "-t", "1", "--drain-time", "0")
            self.addCleanup(server.stop, signal.SIGKILL)
            processes = {pid_of(server, f"{group}-{i}") for group in "abc" for i in range(2)}
            self.assertEqual(len(processes), 3)
            if is_at_work:
                self.addCleanup(server.hold(model="a-0").close)
            for pid in processes:
                os.kill(pid, signal.SIGSTOP)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(timeout=70), 0)  # each would have had 30 s, and an answer half an hour
            self.assertEqual([pid for pid in processes if os.path.exists(f"/proc/{pid}")], [])

    def test_prompts_are_kept_beside_a_process_that_hangs_at_the_end(self):
        """It is ended alone while an answer of it is under way; where nobody asks it anything, once a prompt of it was waited for."""
        for is_at_work in (True, False):
            folder = new_folder(self)
            fleet = self.in_groups("[swap]", 'keep-prompts = "16MiB"', f'folder = "{folder}"')
            server = Serving(PROGRAM, fleet, "-t", "1", "--drain-time", "0")
            self.addCleanup(server.stop, signal.SIGKILL)
            for name in ("mate-chat", "bosun-log"):  # the last one is saved first
                complete(server, {"model": name, "prompt": f"Day 12. The wind is, said {is_at_work},", "max_tokens": 4})
            if is_at_work:
                self.addCleanup(server.hold(model="mate-chat").close)
            os.kill(pid_of(server, "mate-chat"), signal.SIGSTOP)
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(timeout=300), 0)  # it would have had half an hour
            memory = self.kept_memory(folder)
            self.assertGreater(memory["bosun-log"], 0, server.log_text())
            if not is_at_work:
                self.assertEqual(memory["mate-chat"], 0)  # tokens alone

    def kept_memory(self, folder):
        """Bytes of the last prompt that was kept, by model: see src/run/state_archive.hpp."""
        kept = folder / "kept"
        return {prompt["model"]: struct.unpack("<8sQQQ", (kept / prompt["file"]).read_bytes()[:32])[3]
                for prompt in json.loads((kept / "index.json").read_text())["prompts"]}

    def test_ps_shows_a_process_on_the_line_of_its_model(self):
        folder = new_folder(self)
        environment = {"PLIMSOLL_BROKER": str(folder / "ledger")}
        server = self.serve("-m", MATE, *SIZES, "--isolate", environment=environment)

        def shown(restarts, pid):
            until = time.monotonic() + 60
            while time.monotonic() < until:
                done = subprocess.run([PROGRAM, "ps", "--json"], capture_output=True, check=True, env={**os.environ, **environment})
                processes = json.loads(done.stdout)["processes"]
                self.assertEqual([one["program"] for one in processes], ["serve"])
                models = {m["name"]: (m["process"], m["restarts"]) for m in processes[0]["models"]}
                if models.get("mate-chat") == (pid, restarts):
                    return
                time.sleep(0.05)
            self.fail(models)
        first = pid_of(server, "mate-chat")
        shown(0, first)
        os.kill(first, signal.SIGKILL)
        while status_of(server, "mate-chat")["process"]["restarts"] < 1:
            time.sleep(0.01)
        shown(1, pid_of(server, "mate-chat"))

    def test_what_contradicts_itself_is_said_with_its_place(self):
        mixed = self.fleet("".join(f'[[model]]\nname = "{name}"\npath = "{MATE}"\ncompute-group = "one"\nisolation = "{how}"\n'
                                   for name, how in (("a", "process"), ("b", "none"))))
        with self.assertRaisesRegex(AssertionError, "a process computes for a whole group"):
            Serving(PROGRAM, mixed)

    def test_conversations_of_a_shared_cache_make_room_for_each_other(self):
        """Prompts that are kept fill it: each new one needs the room of an old one, through all of which its process dies twice."""
        asked = [{"prompt": f"Day {day}. " + "The wind was fair and the sea calm. " * 30, "max_tokens": 24, "ignore_eos": True, "temperature": 0}
                 for day in range(6)]
        shape = ("-m", MATE, "-np", "4", "-c", "1024", "-kvu", *EXACT)
        plain = self.serve(*shape)
        expected = [complete(plain, one) for one in asked]
        server = self.serve(*shape, "--isolate")
        texts = []
        for i, one in enumerate(asked):
            if i in (2, 4):
                os.kill(pid_of(server, "mate-chat"), signal.SIGKILL)
            texts.append(complete(server, one))
        self.assertEqual(texts, expected)
        self.assertEqual(in_threads(len(asked), lambda i: len(complete(server, asked[i])) > 0), [True] * len(asked))
        self.assertGreater(server.get("/plimsoll/v1/status")[1]["swap"]["memory"], 0)
        self.assertEqual(status_of(server, "mate-chat")["process"]["restarts"], 2)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
