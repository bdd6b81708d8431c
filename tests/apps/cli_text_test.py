#!/usr/bin/env python3
"""Text on the command line: generating, chatting, pictures, drafts, interrupts. cli_text_test.py PROGRAM MODELS_DIR [unittest arguments]"""
import json
import os
import pathlib
import pty
import resource
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_case import DEMO, FAILED, INTERRUPTED, LLAMA, MATE, MEASURED, PROGRAM, REFUSED, SANITIZED, SMALL, UNUSABLE, USAGE, Cli  # noqa: E402


class Generates(Cli):
    def generate(self, *arguments, **options):
        return self.run_it("generate", "-m", LLAMA, *SMALL, "--tokens", "1,2,3", "--temp", "0", *arguments, **options)

    def test_the_report_proves_the_seal(self):
        report = self.path / "report.json"
        out, _ = self.generate("-n", 8, "--report", report)
        self.assertEqual(out.count("\n"), 1)
        said = json.loads(report.read_text())
        self.assertEqual(said["schema"], "plimsoll.report/1")
        self.assertEqual(said["seal"], {"allocations_after_seal": 0, "refused_after_seal": 0, "graph_reallocations": 0})
        if SANITIZED:  # its allocator keeps what was freed, so the process grows by what comes and goes
            self.assertLess(said["growth_after_ready_bytes"], 16 << 20)
        else:
            self.assertLess(said["growth_after_ready_bytes"], 2 << 20)
        self.assertEqual([f.name for f in self.path.glob("report*")], ["report.json"])
        planned = {(l["device"], l["buffer"], l["stage"]): l["bytes"] for l in said["plan"]["models"][0]["entries"] if l["stage"] != "runtime"}
        for moment in ("after_context", "ready", "end"):
            taken = {(l["device"], l["buffer"], l["stage"]): l["bytes"] for l in said["ledger"][moment] if l["stage"] != "runtime"}
            self.assertEqual(taken, planned, moment)

    def test_memory_that_is_not_touched_before_it_is_used_says_the_same(self):
        touched, _ = self.generate("-n", 8)
        later, _ = self.generate("-n", 8, "--no-prefault")
        self.assertEqual(later, touched)

    def test_what_was_measured_is_in_the_next_plan(self):
        report = self.path / "report.json"
        self.generate("-n", 1, "--report", report)
        measured = [l for l in json.loads(report.read_text())["ledger"]["ready"] if l["stage"] == "runtime"]
        out, _ = self.run_it("plan", "-m", LLAMA, *SMALL, "--json")
        planned = [l for l in json.loads(out)["models"][0]["entries"] if l["stage"] == "runtime"]
        self.assertEqual([(l["device"], l["bytes"]) for l in planned], [(l["device"], l["bytes"]) for l in measured])
        self.assertEqual({l["source"] for l in planned}, MEASURED)

    def test_a_schema_shapes_the_answer(self):
        schema = {"type": "object", "properties": {"day": {"type": "integer", "minimum": 1, "maximum": 31}}, "required": ["day"]}
        file = self.path / "schema.json"
        file.write_text(json.dumps(schema))
        for flags in (["-j", json.dumps(schema)], ["--json-schema-file", file], ["-jf", file]):
            out, _ = self.run_it("generate", "-m", MATE, *SMALL, "-p", "Day 12.", "--seed", 1, "--json", *flags)
            answer = json.loads(json.loads(out)["text"])
            self.assertEqual(list(answer), ["day"])
            self.assertIn(answer["day"], range(1, 32))

    def test_every_sampler_has_its_flag(self):
        said = {}
        for name, flags in {"plain": [], "biased": ["-l", "65+100"], "order": ["--samplers", "temperature;top_k", "--top-k", 1],
                            "mirostat": ["--mirostat", 2, "--mirostat-lr", 0.2, "--mirostat-ent", 3],
                            "all": ["--dynatemp-range", 0.3, "--dynatemp-exp", 2, "--top-n-sigma", 2, "--typical", 0.9,
                                    "--xtc-probability", 0.5, "--xtc-threshold", 0.05, "--dry-multiplier", 1, "--dry-base", 2,
                                    "--dry-allowed-length", 1, "--dry-penalty-last-n", 32, "--dry-sequence-breaker", "none",
                                    "--adaptive-target", 0.5, "--adaptive-decay", 0.8]}.items():
            out, _ = self.run_it("generate", "-m", MATE, *SMALL, "-p", "Day 12.", "--seed", 3, "-n", 20, "--json", *flags)
            said[name] = json.loads(out)["text"]
        self.assertEqual(len(set(said.values())), len(said), said)

    def test_a_prompt_longer_than_the_context(self):
        _, err = self.run_it("generate", "-m", LLAMA, *SMALL, "--tokens", ",".join(["1"] * 300), status=FAILED)
        self.assertIn("300", err)

    def test_a_report_that_cannot_be_written(self):
        self.generate("-n", 1, "--report", "/dev/full", status=FAILED)
        self.generate("-n", 1, "--report", self.path / "no/such/folder/r.json", status=FAILED)

    def test_a_full_disk_leaves_the_old_report(self):
        report = self.path / "report.json"
        report.write_text("old")
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512))
        ignore = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), limit())
        self.environment["XDG_CACHE_HOME"] = "/proc/version"
        self.generate("-n", 1, "--report", report, status=FAILED, preexec_fn=ignore)
        self.assertEqual(report.read_text(), "old")
        self.assertEqual([f.name for f in self.path.glob("report*")], ["report.json"])

    def test_a_refusal_loads_nothing(self):
        out, _ = self.generate("--budget", "CPU=64KiB", "--json", status=REFUSED)
        self.assertEqual(json.loads(out)["verdict"], "refused")

    @staticmethod
    def catches_interrupts(process):
        for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return int(line.split()[1], 16) & 1 << (signal.SIGINT - 1)
        return False

    def interrupted(self, when, *arguments):
        process = subprocess.Popen([PROGRAM, "generate", "-m", LLAMA, *SMALL, "--tokens", "1", *arguments], env=self.environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        while not self.catches_interrupts(process):
            time.sleep(0.002)
        when(process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)  # what it was asked for takes minutes
        self.assertEqual(process.returncode, INTERRUPTED, err.decode())
        self.assertIn(b"interrupted" if b"interrupted" in err else b"cancelled", err)

    def test_ctrl_c_while_generating(self):
        self.interrupted(lambda process: process.stdout.read(1), "-n", "100000", "-c", "65536", "--ignore-eos")

    def test_ctrl_c_at_any_moment(self):
        for milliseconds in (0, 30, 100, 200, 400):
            with self.subTest(milliseconds):
                self.interrupted(lambda process, ms=milliseconds: time.sleep(ms / 1000), "-n", "1000000", "-c", "65536", "--ignore-eos")


def lines_of(model):
    return {(l["device"], l["buffer"], l["stage"]): l["bytes"] for l in model["entries"] if l["stage"] != "runtime"}


def taken(lines):
    return {(l["device"], l["buffer"], l["stage"]): l["bytes"] for l in lines if l["stage"] != "runtime"}


class Drafts(Cli):
    BOSUN = str(DEMO / "bosun-log.gguf")
    ASKED = ["-p", "Day 12.", "--temp", "0", "-n", "24"]

    def test_the_text_is_the_targets_and_the_report_proves_both_seals(self):
        report = self.path / "report.json"
        alone, _ = self.run_it("generate", "-m", self.BOSUN, *SMALL, *self.ASKED)
        out, _ = self.run_it("generate", "-m", self.BOSUN, "-md", self.BOSUN, "--draft-max", 4, *SMALL, *self.ASKED, "--report", report)
        self.assertEqual(out, alone)
        said = json.loads(report.read_text())
        target, draft = said["plan"]["models"]
        self.assertEqual([target["name"], draft["name"]], ["bosun-log", "bosun-log-draft"])
        self.assertEqual(target["context"]["outputs"], 5)
        self.assertEqual(taken(said["ledger"]["end"]), lines_of(target))
        self.assertEqual(taken(said["draft"]["ledger"]["end"]), lines_of(draft))
        for seal in (said["seal"], said["draft"]["seal"]):
            self.assertEqual(seal, {"allocations_after_seal": 0, "refused_after_seal": 0, "graph_reallocations": 0})
        self.assertGreater(said["draft"]["accepted"], 0)
        self.assertLessEqual(said["draft"]["accepted"], said["draft"]["proposed"])

    def test_the_plan_has_both_and_sums_their_compute_buffers(self):
        out, _ = self.run_it("plan", "-m", self.BOSUN, "-md", MATE, *SMALL, "--json")
        plan = json.loads(out)
        self.assertEqual([m["name"] for m in plan["models"]], ["bosun-log", "mate-chat"])
        charged = sum(l["bytes"] for m in plan["models"] for l in m["entries"] if l.get("charged", True))
        host = next(d for d in plan["devices"] if d["device"] == "CPU")
        self.assertEqual(host["required"], charged)
        table, _ = self.run_it("plan", "-m", self.BOSUN, "-md", MATE, *SMALL)
        self.assertRegex(table, "(?s)bosun-log.*mate-chat")

    def test_what_does_not_fit_together_is_refused_before_either_is_loaded(self):
        both = ["-m", self.BOSUN, "-md", self.BOSUN, *SMALL]
        plan = json.loads(self.run_it("plan", *both, "--json")[0])
        line = next(d for d in plan["devices"] if d["device"] == "CPU")["required"] - 1
        _, err = self.run_it("generate", *both, *self.ASKED, "--budget", f"CPU={line}", status=REFUSED)
        self.assertIn("bosun-log-draft", err)
        self.run_it("generate", "-m", self.BOSUN, *SMALL, *self.ASKED, "--budget", f"CPU={line}")
        self.run_it("generate", *both, *self.ASKED, "--budget", f"CPU={line}", "--fit")

    def test_what_means_nothing(self):
        for flags in (["--draft-max", 0], ["--draft-max", 64], ["--draft-p-min", 2], ["-ngld", "some"]):
            with self.subTest(flags):
                self.run_it("generate", "-m", self.BOSUN, "-md", self.BOSUN, *SMALL, *self.ASKED, *flags, status=USAGE)
        self.run_it("plan", "-m", self.BOSUN, "-m", MATE, "-md", MATE, *SMALL, status=USAGE)
        _, err = self.run_it("generate", "-m", LLAMA, "-md", self.BOSUN, *SMALL, "--tokens", "1,2", status=USAGE)
        self.assertIn("not the same vocabulary", err)
        self.run_it("generate", "-m", self.BOSUN, "-md", self.path / "absent.gguf", *SMALL, *self.ASKED, status=UNUSABLE)


class Sees(Cli):
    """With a projector of random numbers: PLIMSOLL_TEST_PROJECTOR, PLIMSOLL_TEST_PICTURE."""
    BOSUN = str(DEMO / "bosun-log.gguf")
    PROJECTOR = os.environ.get("PLIMSOLL_TEST_PROJECTOR", "")
    PICTURE = os.environ.get("PLIMSOLL_TEST_PICTURE", "")

    def see(self, *arguments, **options):
        return self.run_it("generate", "-m", self.BOSUN, "--mmproj", self.PROJECTOR, *SMALL, "--temp", 0, "-n", 6, *arguments, **options)

    def test_the_report_proves_plan_and_seal(self):
        report = self.path / "report.json"
        self.see("--image", self.PICTURE, "-p", "Day 12. <__media__> Then", "--report", report)
        said = json.loads(report.read_text())
        model = said["plan"]["models"][0]
        self.assertEqual(model["projector"], {"path": self.PROJECTOR, "picture_tokens": 16})
        self.assertGreater(lines_of(model)["CPU", "CPU", "projector"], 0)
        for moment in ("after_context", "ready", "end"):
            self.assertEqual(taken(said["ledger"][moment]), lines_of(model), moment)
        self.assertEqual(said["seal"], {"allocations_after_seal": 0, "refused_after_seal": 0, "graph_reallocations": 0})
        self.assertTrue(any(s["step"].startswith("picture of") for s in said["warm_up"]))

    def test_pictures_are_part_of_the_prompt(self):
        out, _ = self.see("--image", self.PICTURE, "-p", "Day 12.", "--json")
        with_one = json.loads(out)["prompt_tokens"]
        out, _ = self.see("--image", self.PICTURE, "--image", self.PICTURE, "-p", "Day 12.", "--json")
        self.assertEqual(json.loads(out)["prompt_tokens"] - with_one, 16 + 1)  # and the line's end between them

    def chat(self, *lines, status=0):
        text = "".join(f"{line}\n" for line in lines)
        return self.run_it("chat", "-m", self.BOSUN, "--mmproj", self.PROJECTOR, *SMALL, "--temp", 0, "-n", 4, input=text.encode(), status=status)

    def test_a_picture_goes_with_the_next_message_of_a_chat(self):
        out, _ = self.chat(f"/image {self.PICTURE}", "See.", "/stats", "And then?", "/history", f"/save {self.path}/chat", "/clear", f"/load {self.path}/chat", "So?")
        self.assertIn("user: <__media__>See.", out)
        self.assertIn("user: And then?", out)
        self.assertIn("allocations after seal 0", out)
        self.assertRegex(self.chat("/image absent.png", status=FAILED)[1], "cannot be read")
        _, err = self.run_it("chat", "-m", self.BOSUN, *SMALL, input=f"/image {self.PICTURE}\n".encode(), status=USAGE)
        self.assertIn("without a projector", err)

    def test_what_means_nothing(self):
        for flags, status, words in (
                (["--image", self.PICTURE, "-p", "<__media__> <__media__>"], USAGE, "2 markers"),
                (["--image", self.path / "absent.png", "-p", "a"], FAILED, "cannot be read"),
                (["--image", self.PROJECTOR, "-p", "a"], USAGE, "not a picture"),
                (["--image", self.PICTURE, "-md", self.BOSUN, "-p", "a"], USAGE, "draft"),
                (["--image-max-tokens", -1, "-p", "a"], USAGE, "--image-max-tokens"),
                (["--mmproj", self.PROJECTOR, "-p", "a"], USAGE, "one --mmproj")):
            with self.subTest(flags):
                self.assertRegex(self.see(*flags, status=status)[1], words)
        self.run_it("generate", "-m", self.BOSUN, "--image", self.PICTURE, *SMALL, "-p", "a", status=USAGE)
        self.run_it("plan", "--mmproj", self.PROJECTOR, *SMALL, status=USAGE)

    def test_a_projector_that_is_none(self):
        for file, words in ((self.BOSUN, "is not a projector"), (self.path / "absent.gguf", "absent.gguf")):
            _, err = self.run_it("plan", "-m", self.BOSUN, "--mmproj", file, *SMALL, status=UNUSABLE)
            self.assertRegex(err, words)
        _, err = self.run_it("generate", "-m", LLAMA, "--mmproj", self.PROJECTOR, *SMALL, "--tokens", "1", status=UNUSABLE)
        self.assertRegex(err, "mismatch")

    def test_a_damaged_projector_is_its_own_fault(self):
        whole = pathlib.Path(self.PROJECTOR).read_bytes()
        bad = self.path / "bad.gguf"
        for end in range(0, len(whole), max(1, len(whole) // 20)):
            bad.write_bytes(whole[:end])
            self.run_it("plan", "-m", self.BOSUN, "--mmproj", bad, *SMALL, status=UNUSABLE)


class Chats(Cli):
    QUESTION = "What is the name of the ship?"

    def chat(self, *lines, flags=(), **options):
        text = "".join(line + "\n" for line in lines)
        return self.run_it("chat", "-m", MATE, *SMALL, "-n", 12, "--temp", 0, *flags, input=text.encode(), **options)

    def test_a_message_gets_an_answer(self):
        out, _ = self.chat(self.QUESTION)
        self.assertTrue(out.strip())

    def test_it_remembers_until_it_is_told_to_forget(self):
        alone, _ = self.chat(self.QUESTION)
        again, _ = self.chat(self.QUESTION, "/clear", self.QUESTION)
        self.assertEqual(again, alone * 2)
        history, _ = self.chat(self.QUESTION, "/history")
        self.assertIn(self.QUESTION, history)
        forgotten, _ = self.chat(self.QUESTION, "/clear", "/history")
        self.assertNotIn(self.QUESTION, forgotten)

    def test_the_system_message_is_set_by_flag_and_by_command_and_survives_clear(self):
        out, _ = self.chat("/history", flags=("--system", "Speak like a mate."))
        self.assertIn("Speak like a mate.", out)
        out, _ = self.chat("/system Speak like a cook.", "/clear", "/history", flags=("--system", "Speak like a mate."))
        self.assertIn("Speak like a cook.", out)
        self.assertNotIn("mate", out)

    def test_quit_ends_it_there(self):
        out, _ = self.chat("/quit", self.QUESTION)
        self.assertEqual(out, "")

    def test_an_unknown_command_tells_those_there_are(self):
        for line, words in (("/sing a song", "there is no command /sing\n"), ("/save", "/save takes a file\n")):
            _, err = self.chat(line)
            self.assertIn(words, err)
            self.assertIn("/clear", err)
            self.assertIn("/quit", err)

    def test_a_refusal_says_so(self):
        self.chat(self.QUESTION, flags=("--budget", "CPU=64KiB"), status=REFUSED)

    def test_a_message_longer_than_the_context_is_an_error_where_nobody_can_answer(self):
        _, err = self.chat(self.QUESTION * 100, status=FAILED)
        self.assertIn("context", err)

    def test_ctrl_c_while_answering(self):
        process = subprocess.Popen([PROGRAM, "chat", "-m", LLAMA, *SMALL, "-c", "65536", "-n", "-1"], env=self.environment,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        process.stdin.write(self.QUESTION.encode() + b"\n")
        process.stdin.flush()
        self.assertTrue(process.stdout.read(1))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, INTERRUPTED, err.decode())


    def test_ctrl_c_at_the_prompt(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([PROGRAM, "chat", "-m", LLAMA, *SMALL, "-c", "256"], env=self.environment, stdin=theirs,
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        self.addCleanup(process.kill)
        told = b""
        while not told.endswith(b"> "):
            told += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)  # once: it would wait for the next line for ever
        self.assertEqual(process.wait(timeout=60), INTERRUPTED)


class InterruptsOnVulkan(Cli):
    """A device cannot be stopped inside a micro-batch; Ctrl-C is heard after it."""

    DEVICE = ["-ngl", "99", "-c", "256", "-b", "16", "-ub", "16", "-t", "1"]  # few shapes

    def setUp(self):
        super().setUp()
        self.environment["MESA_SHADER_CACHE_DIR"] = str(self.path / "pipelines")

    def warming_up(self):
        """A program in the middle of its warm-up. Progress is told to terminals only, so it gets one."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        process = subprocess.Popen([PROGRAM, "generate", "-m", LLAMA, *self.DEVICE, "--tokens", "1", "-n", "1"], env=self.environment,
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        told = b""
        while b"warming up" not in told:
            told += os.read(ours, 4096)
        # Somebody has to read on, or the program waits for its terminal.
        reader = threading.Thread(target=self.read_on, args=(ours,), daemon=True)
        reader.start()
        return process

    @staticmethod
    def read_on(terminal):
        try:
            while os.read(terminal, 4096):
                pass
        except OSError:  # closed at the other end
            pass

    def test_ctrl_c_during_warm_up_is_heard_after_the_micro_batch(self):
        # Every step of a warm-up with cold pipelines is one micro-batch or a few; the first compiles and takes longest.
        out, _ = self.run_it("calibrate", "-m", LLAMA, *self.DEVICE, "--json", timeout=300)
        longest = max(step["ms"] for step in json.loads(out)["warm_up"]) / 1000
        self.environment["MESA_SHADER_CACHE_DIR"] = str(self.path / "cold-pipelines")
        process = self.warming_up()
        # Three times, and a second for unloading, on every core.
        self.assertLess(self.computed_after_an_interrupt(process), (3 * longest + 1) * (os.cpu_count() or 1))

    def test_a_second_ctrl_c_ends_it_at_once(self):
        process = self.warming_up()
        process.send_signal(signal.SIGINT)
        while self.pending(process):  # two of the same that wait are delivered as one
            time.sleep(0.001)
        self.assertLess(self.computed_after_an_interrupt(process), os.cpu_count() or 1)

    def computed_after_an_interrupt(self, process):
        """Seconds of all cores that it still took: what else the machine does is not counted."""
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        before = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        process.send_signal(signal.SIGINT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, INTERRUPTED)
        return used.ru_utime + used.ru_stime - before

    @staticmethod
    def pending(process):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        waiting = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd:", "ShdPnd:"))]
        return any(mask & 1 << (signal.SIGINT - 1) for mask in waiting)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
