#!/usr/bin/env python3
"""Guarded programs in the ledger of the machine.

guard_machine_test.py PROGRAM MODELS_DIR CLASS name=PATH...
"""
import json
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from guard_case import LLAMA, MIB, PLIMSOLL, PROGRAMS, Guard  # noqa: E402


class Machine(Guard):
    """The ledger of the machine: a guarded program stands in it, and shares with the others."""

    def setUp(self):
        super().setUp()
        self.ledger = self.path / "ledger"
        self.environment["PLIMSOLL_BROKER"] = str(self.ledger)

    def start(self, *words, program="links", options=()):
        """One that waits behind its words until it is told to go on."""
        running = subprocess.Popen([PLIMSOLL, "guard", *options, "--", PROGRAMS[program], *words, "pause"], env=self.environment,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.communicate)
        self.addCleanup(running.kill)
        said = ""
        while "paused" not in said:
            line = running.stdout.readline()
            self.assertTrue(line, said)
            said += line
        return running, said

    def finish(self, running):
        out, error = running.communicate("on\n", timeout=300)
        self.assertEqual(running.returncode, 0, error)
        return out, error

    def processes(self):
        return json.loads(self.run_it([PLIMSOLL, "ps", "--json"]).stdout)["processes"]

    def taken(self, *words):
        """What it takes of the host at most."""
        devices = self.guard(PROGRAMS["links"], *words, env={**self.environment, "PLIMSOLL_BROKER": "off"}).report["devices"]
        self.report_file.unlink()
        return next(d["peak"] for d in devices if d["device"] == "CPU")

    ONE = (f"model@0={LLAMA}", "context=4096", "ask")

    def test_ps_shows_a_guarded_program_and_its_models(self):
        for program in ("links", "opens"):
            running, _ = self.start(*self.ONE, program=program)
            process, = self.processes()
            self.assertEqual((process["pid"], process["alive"]), (running.pid, True))
            self.assertEqual(process["program"], f"guard: guard_{program}_llama")
            host = next(m for m in process["memories"] if m["memory"] == "host")
            self.assertGreater(host["taken"], MIB)
            self.assertEqual(host["reserved"], host["taken"])
            model, = process["models"]
            self.assertEqual((model["name"], model["state"], model["may_go"]), ("llama-dense", "ready", False))
            self.assertGreaterEqual(model["idle_ms"], 0)
            self.assertEqual(model["memories"][0]["taken"], host["taken"])
            self.assertRegex(self.run_it([PLIMSOLL, "ps"]).stdout, rf"(?m)^ *{running.pid}  guard: guard_")
            self.finish(running)
            self.assertEqual(self.processes(), [])

    def test_what_is_freed_is_there_for_others(self):
        running, _ = self.start(*self.ONE, "free")
        process, = self.processes()
        self.assertEqual([(m["reserved"], m["taken"]) for m in process["memories"] if m["memory"] == "host"], [(0, 0)])
        self.assertEqual(process["models"], [])
        self.finish(running)

    def test_a_second_program_is_refused_while_the_first_has_the_memory(self):
        budget = ["--budget", f"CPU={int(1.5 * self.taken(*self.ONE))},shared"]
        running, said = self.start(*self.ONE, options=budget)
        self.assertIn("context made", said)
        done = self.guard(PROGRAMS["links"], *self.ONE, options=budget)
        self.assertIn("context null", done.stdout)
        self.assertIn("all Plimsoll processes share there are left ('plimsoll ps' lists them)", done.stderr)
        self.assertEqual(done.report["contexts"][0]["state"], "refused")
        self.finish(running)
        self.assertIn("context made", self.guard(PROGRAMS["links"], *self.ONE, options=budget).stdout)

    def test_a_killed_program_leaves_its_memory_to_the_next(self):
        budget = ["--budget", f"CPU={int(1.5 * self.taken(*self.ONE))},shared"]
        for end in (signal.SIGKILL, signal.SIGABRT):
            running, _ = self.start(*self.ONE, options=budget)
            running.send_signal(end)
            running.wait()
            done = self.guard(PROGRAMS["links"], *self.ONE, options=budget)
            self.assertIn("context made", done.stdout, done.stderr)
            self.assertEqual(self.processes(), [])

    def test_a_stopped_program_blocks_nobody_and_keeps_what_it_has(self):
        one = self.taken(*self.ONE)
        running, _ = self.start(*self.ONE)
        running.send_signal(signal.SIGSTOP)
        shared = ["--budget", f"CPU={int(1.5 * one)},shared"]
        self.assertIn("context null", self.guard(PROGRAMS["links"], *self.ONE, options=shared).stdout)
        shared = ["--budget", f"CPU={int(2.5 * one)},shared"]
        self.assertIn("context made", self.guard(PROGRAMS["links"], *self.ONE, options=shared).stdout)
        running.send_signal(signal.SIGCONT)
        self.finish(running)

    def test_a_program_of_ours_is_counted_once(self):
        arguments = ["-m", LLAMA, "-c", "2048", "--device", "none", "-t", "1", "--no-mmap"]
        devices = json.loads(self.run_it([PLIMSOLL, "plan", *arguments, "--json"]).stdout)["devices"]
        needed = next(d["required"] for d in devices if d["device"] == "CPU")
        budget = ["--budget", f"CPU={int(1.5 * needed)},shared"]
        self.guard(PLIMSOLL, "generate", *arguments, *budget, "-p", "x", "-n", "4", options=budget)

    def test_idle_models_of_a_server_go_for_it(self):
        # Caches that are most of it: what is estimated beside them, some MiB, does not make place for both once it is measured.
        large = (f"model@0={LLAMA}", "context=16384", "ask")
        arguments = ["-m", LLAMA, "-c", "16384", "-np", "1", "--device", "none", "-t", "1", "--no-mmap"]
        devices = json.loads(self.run_it([PLIMSOLL, "plan", *arguments, "--json"]).stdout)["devices"]
        served = next(d["required"] for d in devices if d["device"] == "CPU")
        one = self.taken(*large)
        budget = ["--budget", f"CPU={max(served, one) + min(served, one) // 2},shared"]
        server = subprocess.Popen([PLIMSOLL, "serve", *arguments, *budget, "--port", "0", "-v"], env=self.environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        self.assertIn("1 model at", server.stdout.readline())
        until = time.monotonic() + 120
        while not any(m["state"] == "ready" for p in self.processes() for m in p["models"]):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)
        done = self.guard(PROGRAMS["links"], *large, options=budget)
        self.assertIn("context made", done.stdout, done.stderr)
        self.assertEqual(done.report["refused"], 0)
        server.terminate()
        _, said = server.communicate(timeout=120)
        self.assertRegex(said, r"process \d+ \(guard: guard_links_llama\) asks for the memory of 'llama-dense', which goes")

    def test_a_program_that_closes_all_descriptors_keeps_its_files_and_its_place(self):
        scratch = self.path / "scratch"
        running, said = self.start(f"model@0={LLAMA}", "context=256", f"close-all={scratch}", "context=4096", "ask")
        self.assertEqual(said.count("context made"), 2)
        self.assertEqual(scratch.stat().st_size, 0)
        process, = self.processes()
        self.assertEqual((process["pid"], process["alive"]), (running.pid, True))
        self.assertGreater(process["memories"][0]["taken"], MIB)
        self.finish(running)
        self.assertEqual(scratch.stat().st_size, 0)
        self.assertEqual(self.processes(), [])

    def test_a_forked_child_is_not_its_parent(self):
        done = self.guard(PROGRAMS["links"], f"model@0={LLAMA}", "context=256", "fork", "ask", "context=128", "ask", "free")
        self.assertIn("child ended with 0", done.stdout)
        self.assertEqual(self.processes(), [])
        # Forked before anything was loaded, it is a process as any other.
        running, _ = self.start("fork", *self.ONE)
        process, = self.processes()
        self.assertNotEqual(process["pid"], running.pid)
        self.assertGreater(process["memories"][0]["taken"], MIB)
        self.finish(running)

    def test_children_stand_for_themselves(self):
        one = f"{PROGRAMS['links']} model@0={LLAMA} context=4096"
        script = subprocess.Popen([PLIMSOLL, "guard", "--", "sh", "-c", f"{one} pause; {one}"], env=self.environment,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(script.communicate)
        self.addCleanup(script.kill)
        while "paused" not in script.stdout.readline():
            self.assertIsNone(script.poll())
        process, = self.processes()
        self.assertNotEqual(process["pid"], script.pid)
        out, error = script.communicate("on\n", timeout=300)
        self.assertEqual(script.returncode, 0, error)
        self.assertIn("end", out)
        self.assertEqual(self.processes(), [])

    def test_without_a_ledger_it_is_said_once_and_everything_goes_on(self):
        (self.path / "folder").mkdir()
        for ledger, words in (("off", None), ("/nowhere/there/ledger", "is not seen"), (str(self.path / "folder" / "no" / "such"), "is not seen")):
            self.report_file.unlink(missing_ok=True)
            done = self.guard(PROGRAMS["links"], *self.ONE, env={**self.environment, "PLIMSOLL_BROKER": ledger})
            self.assertIn("context made", done.stdout)
            self.assertEqual(done.stderr.count("is not seen"), 0 if words is None else 1, done.stderr)


if __name__ == "__main__":
    chosen = sys.argv[3]
    del sys.argv[2:]
    unittest.main(argv=[sys.argv[0], chosen, "-v"])
