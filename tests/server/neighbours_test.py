#!/usr/bin/env python3
"""Two servers that share a budget, and programs beside them: who is short asks the other to let idle models go."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from serving import BOSUN, MATE, SMALL, Serving, process_bytes

PROGRAM = sys.argv[1]
CONTEXT = ["-c", "8192", "-np", "2", "--no-mmap"]  # the cache is most of it, and exactly planned


def planned(model, *arguments):
    """What it takes of the host, in bytes."""
    said = subprocess.run([PROGRAM, "plan", "-m", model, *SMALL, *CONTEXT, *arguments, "--json"], check=True, capture_output=True,
                          env={**os.environ, "PLIMSOLL_BROKER": "off"})
    return next(d["required"] for d in json.loads(said.stdout)["devices"] if d["device"] == "CPU")


class Neighbours(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.environment = {"PLIMSOLL_BROKER": str(pathlib.Path(self.folder.name) / "ledger")}
        self.mate, self.bosun = planned(MATE), planned(BOSUN)
        # Either of them with what a server keeps for itself, never both.
        room = min(self.mate, self.bosun)
        self.assertGreater(room, 20 << 20)
        # A process takes less than is planned for it, and leaves after its model: a quarter more is still too little for both.
        process = process_bytes(PROGRAM)
        self.budget = ["--budget", f"CPU={max(self.mate, self.bosun) + process + process // 4 + room // 2},shared"]

    def serve(self, model, *arguments, **options):
        server = Serving(PROGRAM, "-m", model, *SMALL, *CONTEXT, *self.budget, "-v", *arguments, environment=self.environment,
                         **options)
        self.addCleanup(server.stop)
        return server

    def ask(self, server, name, text="Day 12.", timeout=None):
        status, answer = server.post("/v1/completions", {"model": name, "prompt": text, "max_tokens": 8, "temperature": 0})
        self.assertEqual(status, 200, answer)
        return answer["choices"][0]["text"]

    def ps(self):
        said = subprocess.run([PROGRAM, "ps", "--json"], check=True, capture_output=True,
                              env={**os.environ, **self.environment})
        return json.loads(said.stdout)

    def models(self):
        """By name: state and whether its process has taken it."""
        return {model["name"]: model for process in self.ps()["processes"] for model in process["models"]}

    def wait_until_idle(self, name):
        until = time.monotonic() + 60
        while self.models().get(name, {}).get("state") != "ready":
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)

    def test_two_servers_are_asked_in_turns(self):
        a, b = self.serve(MATE), self.serve(BOSUN)
        texts = {(self.ask(a, "mate-chat"), self.ask(b, "bosun-log")) for _ in range(8)}
        self.assertEqual(len(texts), 1)
        for server in (a, b):
            self.assertIn("asks for the memory of", server.log_text())
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(timeout=60), 0)
        self.assertEqual(self.ps()["processes"], [])

    def test_two_servers_that_are_asked_at_once_all_the_time(self):
        a, b = self.serve(MATE), self.serve(BOSUN)
        answers, failures = [], []

        def work(server, name):
            for _ in range(6):
                try:
                    answers.append(self.ask(server, name))
                except AssertionError as failure:
                    failures.append(failure)

        threads = [threading.Thread(target=work, args=one) for one in ((a, "mate-chat"), (b, "bosun-log")) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [], a.log_text()[-4000:] + b.log_text()[-4000:])
        self.assertEqual(len(answers), 24)

    def test_a_pinned_model_stays_and_the_other_server_says_who_has_the_memory(self):
        fleet = pathlib.Path(self.folder.name) / "fleet.toml"
        fleet.write_text(f'[[model]]\nname = "mate-chat"\npath = "{MATE}"\ndevice = "none"\nctx-size = 8192\nparallel = 2\n'
                         'threads = 1\nbatch-size = 128\nubatch-size = 128\nload-mode = "none"\nload-at-start = true\npinned = true\n')
        a = Serving(PROGRAM, str(fleet), *self.budget, environment=self.environment)
        self.addCleanup(a.stop)
        b = self.serve(BOSUN, wait_ready=False)
        status, answer = b.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 12.", "max_tokens": 4})
        self.assertEqual(status, 507, answer)
        self.assertRegex(json.dumps(answer), "needed on CPU, where .* are free")
        self.ask(a, "mate-chat")

    def test_a_server_that_does_not_answer_is_passed_over(self):
        a = self.serve(MATE)
        self.wait_until_idle("mate-chat")
        a.process.send_signal(signal.SIGSTOP)
        self.addCleanup(a.process.send_signal, signal.SIGCONT)
        b = self.serve(BOSUN, wait_ready=False)
        start = time.monotonic()
        status, answer = b.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 12.", "max_tokens": 4})
        self.assertEqual(status, 507, answer)
        self.assertLess(time.monotonic() - start, 60)
        self.assertIn("does not answer", b.log_text())
        a.process.send_signal(signal.SIGCONT)
        until = time.monotonic() + 120  # it is passed over for ten seconds
        while b.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 12.", "max_tokens": 4})[0] != 200:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.5)

    def test_a_server_that_is_killed_leaves_its_memory_to_the_other(self):
        a, b = self.serve(MATE), self.serve(BOSUN, wait_ready=False)
        self.ask(a, "mate-chat")
        a.process.kill()
        a.process.wait()
        self.ask(b, "bosun-log")
        self.assertEqual([p["program"] for p in self.ps()["processes"]], ["serve"])

    @unittest.skipIf(process_bytes(PROGRAM), "`generate` has no process for its model, so that it fits beside a server's")
    def test_a_program_without_a_host_asks_too(self):
        a = self.serve(MATE)
        self.ask(a, "mate-chat")
        done = subprocess.run([PROGRAM, "generate", "-m", BOSUN, *SMALL, *CONTEXT, *self.budget, "-n", "4", "-p", "Day 12."],
                              capture_output=True, env={**os.environ, **self.environment}, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("asks for the memory of 'mate-chat', which goes", a.log_text())
        self.ask(a, "mate-chat")

    def fleet(self, name, model, context, **keys):
        path = pathlib.Path(self.folder.name) / f"{name}.toml"
        more = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
        isolation = 'isolation = "process"\n' if process_bytes(PROGRAM) else ""
        path.write_text(f'budgets = [{json.dumps(self.budget[1])}]\n{isolation}[[model]]\nname = "{name}"\npath = "{model}"\ndevice = "none"\n'
                        f'ctx-size = {context}\nparallel = 2\nthreads = 1\nbatch-size = 128\nubatch-size = 128\nload-mode = "none"\n{more}')
        return str(path)

    def test_a_plan_of_a_fleet_counts_what_others_have(self):
        holder = Serving(PROGRAM, self.fleet("mate-chat", MATE, 8192, pinned=True, **{"load-at-start": True}), environment=self.environment)
        self.addCleanup(holder.stop)
        fleet = self.fleet("bosun-log", BOSUN, 8192)

        def plan(*arguments, **variables):
            return subprocess.run([PROGRAM, "plan", fleet, *arguments], capture_output=True, text=True,
                                  env={**os.environ, **self.environment, **variables})
        self.assertEqual(plan(PLIMSOLL_BROKER="off").returncode, 0)
        refused = plan()
        self.assertEqual(refused.returncode, 3, refused.stdout + refused.stderr)
        self.assertRegex(refused.stdout, r"(?m)^  Not free on CPU: .* beyond the budget that all processes share \('plimsoll ps' lists them\)\.$")
        self.assertRegex(refused.stdout, r"Never: bosun-log: .*\(shared budget\): .*'plimsoll ps' lists them")
        device = next(d for d in json.loads(plan("--json").stdout)["devices"] if d["device"] == "CPU")
        self.assertGreater(device["held_back"], self.mate // 2)

    def test_a_model_whose_name_is_longer_than_the_ledger_keeps_goes_as_well(self):
        name = "mate" + "-and-his-mate" * 8
        holder = Serving(PROGRAM, self.fleet(name, MATE, 8192, **{"load-at-start": True}), environment=self.environment)
        self.addCleanup(holder.stop)
        self.ask(holder, name)
        self.ask(self.serve(BOSUN), "bosun-log")

    def test_a_reload_counts_what_others_have_but_for_what_they_would_let_go(self):
        holder_fleet = dict(pinned=True, **{"load-at-start": True})
        holder = Serving(PROGRAM, self.fleet("mate-chat", MATE, 8192, **holder_fleet), environment=self.environment)
        self.addCleanup(holder.stop)
        server = Serving(PROGRAM, self.fleet("bosun-log", BOSUN, 256), environment=self.environment)
        self.addCleanup(server.stop)
        self.fleet("bosun-log", BOSUN, 8192)
        status, answer = server.post("/plimsoll/v1/reload", {})
        self.assertEqual(status, 422, answer)
        self.assertIn("'plimsoll ps' lists them", answer["reload"]["reasons"][0]["sentence"])
        self.ask(server, "bosun-log")  # as it was
        status, _ = holder.post("/plimsoll/v1/models/mate-chat/pin", {"pinned": False})
        self.assertEqual(status, 200)
        until = time.monotonic() + 60
        while not self.models()["mate-chat"]["may_go"]:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)
        status, answer = server.post("/plimsoll/v1/reload", {})
        self.assertEqual((status, answer.get("applied")), (200, True), answer)
        self.ask(server, "bosun-log")
        self.assertEqual(self.models().get("mate-chat", {}).get("memories", []), [])

    def take(self, mebibytes):
        taker = subprocess.Popen([sys.executable, "-c", f"taken = b'x' * ({mebibytes} << 20); print('taken', flush=True); input()"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(lambda: taker.poll() is None and taker.communicate(b"\n"))
        self.assertEqual(taker.stdout.readline(), b"taken\n")
        return taker

    def test_idle_models_go_for_a_program_that_is_not_ours_and_come_back(self):
        fleet = pathlib.Path(self.folder.name) / "fleet.toml"

        def write(left):
            fleet.write_text(f'yield-to-foreign = "{left}"\n[[model]]\nname = "mate-chat"\npath = "{MATE}"\ndevice = "none"\n'
                             'ctx-size = 8192\nthreads = 1\nload-mode = "none"\nload-at-start = true\n')
        write("100000GiB")  # more than there is: whatever a program takes is too much
        server = Serving(PROGRAM, str(fleet), "-v", environment=self.environment)
        self.addCleanup(server.stop)
        self.wait_until_idle("mate-chat")
        taker = self.take(900)

        def wait_until_it_goes():
            nonlocal taker
            until = time.monotonic() + 120
            begin_again = time.monotonic() + 20
            while self.models().get("mate-chat"):
                self.assertLess(time.monotonic(), until, server.log_text())
                if time.monotonic() > begin_again:  # nothing has grown: it was there before the server's first look, or others have gone
                    taker.communicate(b"\n")
                    time.sleep(4)  # two looks without it
                    taker = self.take(900)
                    begin_again = time.monotonic() + 20
                time.sleep(0.1)

        wait_until_it_goes()
        self.assertIn("for programs that are not Plimsoll's", server.log_text())
        self.ask(server, "mate-chat")  # who asks for it has it
        wait_until_it_goes()  # and it goes again
        write("1MiB")
        status, report = server.post("/plimsoll/v1/reload", {})
        self.assertEqual((status, report["settings"]), (200, ["yield-to-foreign"]))
        until = time.monotonic() + 120
        while self.models().get("mate-chat", {}).get("state") != "ready":
            self.assertLess(time.monotonic(), until, server.log_text())
            time.sleep(0.1)

    def test_what_is_left_to_foreign_programs_is_a_size(self):
        done = subprocess.run([PROGRAM, "serve", MATE, "--yield-to-foreign", "much"], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **self.environment})
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--yield-to-foreign", done.stderr)

    def test_ps_shows_both(self):
        a = self.serve(MATE)
        self.ask(a, "mate-chat")
        self.wait_until_idle("mate-chat")
        process = self.ps()["processes"][0]
        self.assertEqual((process["pid"], process["program"], process["alive"]), (a.process.pid, "serve", True))
        host = next(m for m in process["memories"] if m["memory"] == "host")
        self.assertGreater(host["reserved"], self.mate // 2)
        model = self.models()["mate-chat"]
        self.assertTrue(model["may_go"])
        self.assertGreaterEqual(model["idle_ms"], 0)
        self.assertEqual([m["memory"] for m in model["memories"]], ["host"])
        self.assertGreater(model["memories"][0]["taken"], 0)
        table = subprocess.run([PROGRAM, "ps"], check=True, capture_output=True, text=True,
                               env={**os.environ, **self.environment}).stdout
        self.assertRegex(table, rf"(?m)^ *{a.process.pid}  serve .* host$")
        self.assertRegex(table, r"mate-chat +ready +\d+ s ")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
