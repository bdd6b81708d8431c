#!/usr/bin/env python3
"""`plimsoll guard` before programs that other people wrote. others_test.py PROGRAM NODE_PACKAGES [unittest arguments]

scripts/test-guard.sh installs what they need.
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

PLIMSOLL = sys.argv[1]
NODE_PACKAGES = pathlib.Path(sys.argv[2])
HERE = pathlib.Path(__file__).resolve().parent
DEMO = HERE.parents[1] / "models/demo"
BOSUN, MATE = str(DEMO / "bosun-log.gguf"), str(DEMO / "mate-chat.gguf")
MIB = 1 << 20


class Others(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.report_file = self.path / "report.json"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL_") or k == "PLIMSOLL_IN_ROOT"}
        self.environment["PLIMSOLL_BROKER"] = str(self.path / "ledger")  # of its own: others may be at work on this machine

    def run_it(self, command, status=0, **options):
        options.setdefault("env", self.environment)
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)
        if status is not None:
            self.assertEqual(done.returncode, status, f"{command}\n{done.stdout}\n{done.stderr}")
        return done

    def guarded(self, *command, options=()):
        self.report_file.unlink(missing_ok=True)
        return [PLIMSOLL, "guard", "--report", str(self.report_file), *options, "--", *command]

    def report(self):
        return json.loads(self.report_file.read_text())

    def assert_all_given_back(self):
        left = [e for e in self.report()["ledger"] if e["current"] > 0 and e["charged"]]
        self.assertEqual(left, [])

    def contexts(self, state):
        return [c for c in self.report()["contexts"] if c["state"] == state]


class Tools(Others):
    """llama.cpp's own, of Debian."""

    def both(self, *command, options=()):
        alone = self.run_it(list(command))
        guarded = self.run_it(self.guarded(*command, options=options))
        self.assertNotIn("stands aside", guarded.stderr)
        return alone, guarded

    def test_llama_bench(self):
        alone, guarded = self.both("llama-bench", "-m", BOSUN, "-p", "32", "-n", "8", "-r", "1", "-t", "1", "-o", "json")
        same = lambda text: [(row["n_prompt"], row["n_gen"], row["model_type"]) for row in json.loads(text)]
        self.assertEqual(same(alone.stdout), same(guarded.stdout))
        self.assertEqual(len(self.contexts("freed")), 2)
        self.assert_all_given_back()

    def test_llama_batched_bench(self):
        command = ["llama-batched-bench", "-m", BOSUN, "-c", "512", "-npp", "16", "-ntg", "8", "-npl", "1,2", "-t", "1"]
        alone, guarded = self.both(*command)
        rows = lambda text: re.findall(r"^\|\s*16 \|\s*8 \|\s*(\d) \|\s*(\d+) \|", text, re.M)
        self.assertEqual(rows(alone.stdout + alone.stderr), [("1", "24"), ("2", "48")])
        self.assertEqual(rows(guarded.stdout + guarded.stderr), rows(alone.stdout + alone.stderr))
        self.assert_all_given_back()

    def test_llama_completion(self):
        alone, guarded = self.both("llama-completion", "-m", BOSUN, "-p", "Day 12.", "-n", "16", "-t", "1", "--temp", "0", "-no-cnv")
        self.assertIn("Wind", alone.stdout)
        self.assertEqual(alone.stdout, guarded.stdout)
        self.assertTrue(self.contexts("freed"))

    def test_llama_cli(self):
        command = ["llama-cli", "-m", MATE, "-p", "Who are you?", "-n", "16", "-t", "1", "--temp", "0", "-st", "--no-display-prompt"]
        answer = lambda text: re.sub(r"\[.*t/s.*\]|\x1b\[[0-9;]*m|.\x08", "", text)
        alone, guarded = self.both(*command)
        self.assertEqual(answer(alone.stdout), answer(guarded.stdout))
        self.assertTrue(self.contexts("freed"), self.report()["contexts"])

    def test_too_small_a_budget_is_their_own_error(self):
        done = self.run_it(self.guarded("llama-completion", "-m", BOSUN, "-p", "x", "-n", "1", "-t", "1", "-c", "65536", "-no-cnv",
                                        options=["--budget", "CPU=8MiB"]), status=None)
        self.assertGreater(done.returncode, 0)  # no signal
        self.assertIn("plimsoll guard: refused:", done.stderr)
        self.assertTrue(self.contexts("refused"))


class Server(Others):
    """llama-server."""

    def start(self, command):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.log = open(self.path / "log", "w+")
        self.addCleanup(self.log.close)
        server = subprocess.Popen([*command, "--port", str(port)], env=self.environment, stdout=self.log, stderr=self.log)
        self.addCleanup(lambda: (server.poll() is None and server.kill(), server.wait()))
        self.base = f"http://127.0.0.1:{port}"
        return server

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}), timeout=120) as answer:
            return json.load(answer)

    def wait_until_ready(self, server):
        for _ in range(1200):
            self.assertIsNone(server.poll(), (self.path / "log").read_text())
            try:
                if self.ask("/health").get("status") == "ok":
                    return
            except (urllib.error.URLError, ConnectionError):
                pass
            time.sleep(0.1)
        self.fail("the server did not get ready")

    def answer_of(self, command):
        server = self.start(command)
        self.wait_until_ready(server)
        texts = [self.ask("/completion", {"prompt": prompt, "n_predict": 16, "temperature": 0, "seed": 1})["content"]
                 for prompt in ("Day 12.", "Day 3.")]
        server.send_signal(signal.SIGINT)
        return texts, server.wait(timeout=60)

    COMMAND = ["llama-server", "-m", BOSUN, "-c", "1024", "-np", "2", "-t", "1", "--host", "127.0.0.1", "--no-webui"]

    def test_it_answers_as_alone(self):
        alone = self.answer_of(self.COMMAND)
        guarded = self.answer_of(self.guarded(*self.COMMAND, options=["--budget", "CPU=256MiB", "--name", "log"]))
        self.assertEqual(alone, guarded)
        report = self.report()
        self.assertEqual(report["name"], "log")
        ready = [c for c in report["contexts"] if c["state"] == "freed"]
        self.assertTrue(any(c["computed"] > 10 for c in ready), report["contexts"])

    def test_a_budget_that_is_too_small_ends_it_in_its_own_words(self):
        server = self.start(self.guarded(*self.COMMAND, options=["--budget", "CPU=1MiB"]))
        self.assertGreater(server.wait(timeout=120), 0)
        self.assertIn("plimsoll guard: refused:", (self.path / "log").read_text())


class Languages(Others):
    """Two models under a budget for one and a half: the second context is refused and caught, the first goes on."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.programs = pathlib.Path(cls.folder.name)
        subprocess.run(["cc", str(HERE / "programs/sizes.c"), "-o", str(cls.programs / "sizes")], check=True)
        cls.sizes = subprocess.run([str(cls.programs / "sizes")], check=True, capture_output=True, text=True).stdout.split()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def mono(self):
        source = (HERE / "programs/TwoModels.cs").read_text()
        source = source.replace("CONTEXT_PARAMS -", f"{self.sizes[1]} -").replace("[MODEL_PARAMS]", f"[{self.sizes[0]}]")
        (self.programs / "TwoModels.cs").write_text(source)
        program = self.programs / "TwoModels.exe"
        subprocess.run(["mcs", "-unsafe", f"-out:{program}", str(self.programs / "TwoModels.cs")], check=True)
        return ["mono", str(program), BOSUN, MATE]

    def python(self):
        return ["python3", str(HERE / "programs/two_models.py"), *self.sizes, BOSUN, MATE]

    def hold_the_second(self, command):
        alone = self.run_it(command).stdout
        self.assertIn("second 0", alone)
        self.assertEqual(self.run_it(self.guarded(*command)).stdout, alone)
        one = next(c["made"] for c in self.report()["contexts"] if c["model"] == "bosun-log")
        self.assertTrue(all(c["warm_up"]["steps"] for c in self.report()["contexts"]))

        done = self.run_it(self.guarded(*command, options=["--budget", f"CPU={one * 3 // 2}"]))
        self.assertIn("caught: the context", done.stdout)
        self.assertEqual(re.findall(r"^first .*", done.stdout, re.M), re.findall(r"^first .*", alone, re.M))
        self.assertIn("end", done.stdout)
        self.assertIn("the context 'mate-chat/context' was not made", done.stderr)

    def test_c_sharp(self):
        self.hold_the_second(self.mono())

    def test_python(self):
        self.hold_the_second(self.python())


class Node(Others):
    """node-llama-cpp, which opens a build of its own of another version of the engine."""

    def command(self):
        shutil.copy(HERE / "programs/node/answers.mjs", NODE_PACKAGES / "answers.mjs")
        return ["node", str(NODE_PACKAGES / "answers.mjs"), BOSUN]

    def test_it_answers_as_alone_and_a_refusal_is_its_exception(self):
        alone = self.run_it(self.command()).stdout
        self.assertIn("Wind", alone)
        done = self.run_it(self.guarded(*self.command()))
        self.assertEqual(done.stdout, alone)
        engine = self.report()["engines"][0]
        self.assertIn("node_modules", engine["library"])
        self.assertTrue(engine["guarded"] or "stands aside" in done.stderr)
        if not engine["guarded"]:
            return
        self.assert_all_given_back()
        refused = self.run_it(self.guarded(*self.command(), options=["--budget", "CPU=3MB"]))
        self.assertIn("caught", refused.stdout)
        self.assertIn("end", refused.stdout)


if __name__ == "__main__":
    del sys.argv[1:3]
    unittest.main(verbosity=2)
