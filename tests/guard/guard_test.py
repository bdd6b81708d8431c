#!/usr/bin/env python3
"""`plimsoll guard` before programs that know nothing of it.

guard_test.py PROGRAM MODELS_DIR CLASS name=PATH... [unittest arguments]
"""
import os
import pathlib
import re
import signal
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from guard_case import LLAMA, MAMBA, MIB, PLIMSOLL, PROGRAMS, QWEN, Guard  # noqa: E402


def write_lora(path, layers, width, rank):
    """An adapter for the query matrices of a llama."""
    def text(value):
        return struct.pack("<Q", len(value)) + value.encode()
    string, real, floats = 8, 6, 0
    fields = b"".join(text(key) + struct.pack("<I", string) + text(value) for key, value in
                      (("general.architecture", "llama"), ("general.type", "adapter"), ("adapter.type", "lora")))
    fields += text("adapter.lora.alpha") + struct.pack("<If", real, rank)
    tensors, data = b"", b""
    for layer in range(layers):
        for part, shape in (("lora_a", (width, rank)), ("lora_b", (rank, width))):
            tensors += text(f"blk.{layer}.attn_q.weight.{part}") + struct.pack("<IQQIQ", 2, *shape, floats, len(data))
            data += struct.pack("<f", 0.01) * (width * rank)
    head = b"GGUF" + struct.pack("<IQQ", 3, 2 * layers, 4) + fields + tensors
    path.write_bytes(head + bytes(-len(head) % 32) + data)


class Fakes(Guard):
    """An engine of another version, whose parameters have sizes that no header of ours has."""

    def fake(self, *libraries, **options):
        environment = {**self.environment, **options.pop("engine", {})}
        return self.guard(PROGRAMS["fake"], *libraries, env=environment, **options)

    def test_parameters_of_any_size_come_through(self):
        for libraries in ([], [PROGRAMS["fake_engine"]]):
            self.report_file.unlink(missing_ok=True)
            done = self.fake(*libraries)
            self.assertIn("context made", done.stdout)
            self.assertIn("handed through 2", done.stdout)
            engine = done.report["engines"][0]
            self.assertEqual((engine["ggml"], engine["guarded"]), ("0.26.3", True))
            context = done.report["contexts"][0]
            self.assertEqual(context["name"], "fake/context")
            self.assertEqual(context["made"], 4 * MIB)
            self.assertTrue(context["sealed"])
            self.assertGreater(len(context["warm_up"]["steps"]), 5)
            held = {(e["owner"], e["stage"]): e["total"] for e in done.report["ledger"]}
            self.assertEqual(held["fake", "weights"], 8 * MIB)

    def test_an_engine_that_is_not_known_is_left_alone_with_one_line(self):
        for version in ("0.9.4", "0.24.9", "0.99.0", "1.0.0", "nonsense", ""):
            self.report_file.unlink(missing_ok=True)
            done = self.fake(engine={"FAKE_VERSION": version}, options=["--budget", "1KiB"])
            self.assertIn("context made", done.stdout)
            self.assertIn("handed through 2", done.stdout)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            self.assertIn("stands aside", done.stderr)
            self.assertIn("0.25 to 0.27", done.stderr)
            self.assertFalse(done.report["engines"][0]["guarded"])
            self.assertEqual(done.report["ledger"], [])
        done = self.fake(engine={"FAKE_VERSION": "0.99.0"}, options=["--budget", "1KiB", "--any-engine"])
        self.assertIn("context null", done.stdout)

    def test_an_engine_without_a_version(self):
        done = self.fake(PROGRAMS["fake_engine_old"])
        self.assertIn("without a version", done.stderr)
        self.assertIn("context made", done.stdout)

    def test_two_engines_in_one_process_keep_apart(self):
        done = self.fake(PROGRAMS["fake_engine"], PROGRAMS["fake_engine_too"])
        self.assertEqual(done.stdout.count("context made"), 2)
        self.assertEqual(done.stdout.count("handed through 2"), 2)
        self.assertIn("end", done.stdout)
        self.assertEqual(len(done.report["engines"]), 2)
        self.assertEqual({c["name"] for c in done.report["contexts"]}, {"fake/context", "fake-2/context"})

    def test_an_engine_that_is_closed_and_opened_again_is_guarded_again(self):
        done = self.fake(PROGRAMS["fake_engine"], PROGRAMS["fake_engine_too"], engine={"FAKE_REOPEN": "1"})
        self.assertEqual(done.stdout.count("context made"), 4)
        self.assertIn("end", done.stdout)
        self.assertEqual(len(done.report["engines"]), 2)
        self.assertEqual([c["state"] for c in done.report["contexts"]], ["freed"] * 4)

    def test_a_model_may_have_the_address_of_one_that_is_being_freed(self):
        done = self.fake(engine={"FAKE_RELOAD": "1"})
        self.assertIn("another model", done.stdout)
        self.assertEqual({m["name"]: m["loaded"] for m in done.report["models"]}, {"fake": False, "another": True})

    def test_two_threads_meet_an_engine_at_once(self):
        # What the guard asks engines and the dynamic linker for is asked without its locks: the other thread is not waited for.
        done = self.fake(engine={"FAKE_BESIDE": "1"})
        self.assertIn("another model", done.stdout)
        self.assertIn("end", done.stdout)
        self.assertEqual(len(done.report["engines"]), 1)

    def test_a_budget_refuses_the_model_or_the_context(self):
        done = self.fake(options=["--budget", "Fake0=7MiB"])
        self.assertIn("context null", done.stdout)
        self.assertRegex(done.stderr, r"'fake' asked for 8.00 MiB of weights on Fake0: 7.00 MiB are left within the budget of 7.00 MiB")
        done = self.fake(options=["--budget", "9MiB"])
        self.assertIn("context null", done.stdout)
        self.assertEqual(done.report["contexts"][0]["state"], "refused")
        self.assertEqual(done.report["refused"], 1)
        self.assertEqual(self.fake(options=["--budget", "12MiB"]).report["contexts"][0]["state"], "freed")

    def test_what_the_first_inference_would_end_the_process_with_refuses_the_context(self):
        for behaviour, words in (("throw", "the device was lost"), ("out-of-memory", "ErrorOutOfDeviceMemory"),
                                 ("abort", "CUDA error"), ("fail", "status -3")):
            self.report_file.unlink(missing_ok=True)
            done = self.fake(engine={"FAKE_ENGINE": behaviour})
            self.assertIn("context null, 0 exceptions on their way", done.stdout, behaviour)
            self.assertIn("end", done.stdout)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.report["contexts"][0]["state"], "refused")
            held = sum(e["current"] for e in done.report["ledger"] if e["owner"] == "fake/context")
            self.assertEqual(held, 4 * MIB if behaviour == "abort" else 0)  # what gave up is not touched again

    def test_without_a_warm_up_the_program_meets_it_itself(self):
        done = self.fake(engine={"FAKE_ENGINE": "abort", "FAKE_LATER": "1"}, options=["--warm-up", "none"], status=-signal.SIGABRT)
        self.assertIn("context made", done.stdout)
        self.assertIn("fake.cu:7: CUDA error: out of memory", done.stderr)
        self.assertEqual(done.report["contexts"][0]["state"], "ready")  # the report is kept while it runs

    def test_a_shape_that_the_engine_does_not_take_refuses_nothing(self):
        done = self.fake(engine={"FAKE_ENGINE": "not-taken"})
        self.assertIn("context made", done.stdout)
        context = done.report["contexts"][0]
        self.assertFalse(context["sealed"])
        self.assertIn("not complete", context["why"])

    def test_the_seal_refuses_a_card_and_can_be_told_to_count(self):
        late = {"FAKE_ENGINE": "grow", "FAKE_LATER": "1"}
        done = self.fake(engine=late)
        self.assertIn("late -2", done.stdout)
        self.assertIn("sealed", done.stderr)
        after = done.report["contexts"][0]["after_ready"]
        self.assertEqual((after["refused"], after["taken"]), (1, 0))
        self.report_file.unlink()
        done = self.fake(engine=late, options=["--seal", "count"])
        self.assertIn("late 0", done.stdout)
        after = done.report["contexts"][0]["after_ready"]
        self.assertEqual((after["allocations"], after["refused"], after["taken"]), (1, 0, 2 * MIB))
        self.report_file.unlink()
        done = self.fake(engine=late, options=["--warm-up", "none"])  # not everything was seen: the budget alone holds
        self.assertIn("late 0", done.stdout)
        done = self.fake(engine=late, options=["--seal", "count", "--budget", "13MiB"])
        self.assertIn("late -2", done.stdout)


class Contexts(Guard):
    """Programs on the engine of this machine, linked with it and opening it."""

    def each(self):
        for name in ("links", "opens"):
            self.report_file.unlink(missing_ok=True)
            with self.subTest(program=name):
                yield PROGRAMS[name]

    def test_it_answers_as_alone(self):
        words = [f"model@0={LLAMA}", "context=256", "ask", f"model@0={MAMBA}", "context=128", "ask", f"model@0={QWEN}",
                 "embeddings=64", "free", "outputs=20", "ask"]
        for program in self.each():
            done = self.guard(program, *words)
            self.assertEqual(done.stdout, self.alone(program, *words).stdout)
            self.assertEqual([c["state"] for c in done.report["contexts"]], ["freed"] * 3)
            self.assertTrue(all(e["current"] == 0 for e in done.report["ledger"]), done.report["ledger"])
            self.assertEqual({m["name"] for m in done.report["models"]}, {"llama-dense", "mamba-dense", "qwen2-dense"})

    def test_a_second_context_is_refused_and_the_first_goes_on(self):
        words = [f"model@0={LLAMA}", "context=4096", "ask", f"model@0={QWEN}", "context=4096", "ask"]
        for program in self.each():
            taken = {e["stage"]: e for e in self.guard(program, *words).report["ledger"] if e["owner"] == "llama-dense/context"}
            self.report_file.unlink()
            one = sum(e["peak"] for e in taken.values())
            done = self.guard(program, *words, options=["--budget", f"CPU={int(1.5 * one)}"])
            self.assertEqual(re.findall(r"context (\w+)", done.stdout), ["made", "null"], done.stderr)
            asked = re.findall(r"asked (-?\d+) (-?[\d.]+)", done.stdout)
            self.assertEqual(len(asked), 2)
            self.assertEqual(asked[0], asked[1])
            self.assertEqual([c["state"] for c in done.report["contexts"]], ["refused", "freed"])
            self.assertIn("'qwen2-dense/context' was not made", done.stderr)

    def test_without_a_card_a_budget_is_the_hosts(self):
        self.environment["GGML_VK_VISIBLE_DEVICES"] = ""
        for program in self.each():
            for budget, expected in (("64MiB", 64 * MIB), ("64MiB,CPU=48MiB", 48 * MIB)):
                done = self.guard(program, f"model@0={LLAMA}", "context=256", "ask", options=["--budget", budget])
                self.assertEqual({d["device"]: d["budget"] for d in done.report["devices"]}, {"CPU": expected})
                self.report_file.unlink()

    def test_contexts_for_each_request_keep_one_name(self):
        done = self.guard(PROGRAMS["links"], f"model@0={LLAMA}", "contexts=256:30")
        self.assertEqual(done.stdout.count("context made"), 30)
        self.assertEqual({c["name"] for c in done.report["contexts"]}, {"llama-dense/context"})

    def test_more_outputs_than_the_warm_up_wanted_are_counted_not_refused(self):
        for program in self.each():
            done = self.guard(program, f"model@0={LLAMA}", "context=256", "outputs=64")
            self.assertIn("outputs 0", done.stdout)
            after = done.report["contexts"][0]["after_ready"]
            self.assertGreater(after["allocations"], 0)
            self.assertEqual(after["refused"], 0)

    def test_quick_and_full_warm_ups(self):
        for depth in ("quick", "full"):
            self.report_file.unlink(missing_ok=True)
            done = self.guard(PROGRAMS["opens"], f"model@0={LLAMA}", "context=256", "ask", options=["--warm-up", depth])
            warm_up = done.report["contexts"][0]["warm_up"]
            self.assertEqual(warm_up["depth"], depth)
            self.assertTrue(any("32 tokens" in step["step"] for step in warm_up["steps"]))

    def test_the_guarded_program_may_be_ours(self):
        done = self.guard(PLIMSOLL, "generate", "-m", LLAMA, "-p", "x", "-n", "4", "-c", "256", "--device", "none", "-t", "1",
                          options=["--budget", "CPU=64MiB"])
        self.assertTrue(any(e["total"] > 0 for e in done.report["ledger"]))


class Endings(Guard):
    """Reports at every kind of end, and forks."""

    def test_the_end(self):
        done = self.guard(PROGRAMS["links"], f"model@0={LLAMA}", "context=256", "ask")
        lines = done.stderr.strip().splitlines()
        self.assertTrue(all(line.startswith("plimsoll guard: ") for line in lines), lines)
        self.assertTrue(any("'llama-dense/context' took" in line for line in lines), lines)
        report = done.report
        self.assertEqual(report["schema"], "plimsoll.guard/1")
        self.assertEqual(report["name"], "guard_links_llama")
        self.assertTrue(report["ended"])
        self.assertEqual(report["contexts"][0]["computed"], 1)
        self.assertEqual(report["engines"][0]["llama"].split(".")[0], "0")
        self.assertEqual(self.guard(PROGRAMS["no_engine"], options=["--name", "mine"], report=False).stderr.count("'mine'"), 1)

    def test_a_context_of_one_thread_freed_by_another_at_exit(self):
        for name in ("links", "opens"):
            self.report_file.unlink(missing_ok=True)
            done = self.guard(PROGRAMS[name], "on-a-thread", "free-at-exit", f"model@0={LLAMA}", "context=256", "ask")
            self.assertIn("freed at exit", done.stdout)
            self.assertEqual(done.returncode, 0)

    def test_a_crash_leaves_the_latest_report(self):
        done = self.guard(PROGRAMS["links"], f"model@0={LLAMA}", "context=256", "abort", status=-signal.SIGABRT)
        self.assertFalse(done.report["ended"])
        self.assertEqual(done.report["contexts"][0]["state"], "ready")

    def test_sigusr1(self):
        done = self.guard(PROGRAMS["opens"], f"model@0={LLAMA}", "context=256", "usr1")
        self.assertIn("signalled", done.stdout)
        self.assertEqual(done.stderr.count("'llama-dense/context' took"), 2, done.stderr)

    def test_a_programs_own_handler_stays(self):
        script = "import signal, os, time\nsignal.signal(signal.SIGUSR1, lambda *_: print('mine', flush=True))\n" \
                 "import ctypes\nggml = ctypes.CDLL('libggml-base.so.0')\nggml.ggml_backend_buffer_free(None)\n" \
                 "os.kill(os.getpid(), signal.SIGUSR1)\n"
        done = self.guard("python3", "-c", script, report=False)
        self.assertEqual(done.stdout, "mine\n")

    def test_a_forked_child_leaves_the_report_to_its_parent(self):
        done = self.guard(PROGRAMS["links"], f"model@0={LLAMA}", "context=256", "fork", "ask", "context=128", "ask")
        self.assertIn("child ended with 0", done.stdout)
        self.assertEqual(done.stdout.count("asked 0"), 3)
        self.assertEqual([c["n_ctx"] for c in done.report["contexts"]], [256])
        self.assertEqual(len(list(self.path.glob("report.json*"))), 1)

    def test_a_child_waits_for_nothing_that_another_thread_had_locked(self):
        """One thread is in the middle of making a context, or of anything else, when another one forks."""
        for name in ("links", "opens"):
            self.report_file.unlink(missing_ok=True)
            done = self.guard(PROGRAMS[name], f"model@0={LLAMA}", "fork-meanwhile", "context=256", "ask", "free")
            self.assertIn("child ended with 0", done.stdout)
            self.assertEqual(done.stdout.count("asked 0"), 1)
        self.report_file.unlink(missing_ok=True)
        done = self.guard(PROGRAMS["links"], f"model@0={LLAMA}", "context=256", "context=128", "forks=40")
        self.assertIn("children 40", done.stdout)

    def test_a_child_makes_the_accounts_that_another_thread_had_only_begun(self):
        for name in ("links", "opens"):
            self.report_file.unlink(missing_ok=True)
            found = PROGRAMS["stops_nvml"] + ":" + self.environment.get("LD_LIBRARY_PATH", "")
            done = self.guard(PROGRAMS[name], f"fork-at-first={LLAMA}", f"model@0={LLAMA}", "context=256", "ask",
                              env={**self.environment, "LD_LIBRARY_PATH": found.rstrip(":")})
            self.assertIn("child ended with 0", done.stdout)
            self.assertEqual((done.stdout.count("asked 0"), done.stdout.count("model loaded")), (1, 2))

    def test_a_full_disk_is_no_reason_to_stop(self):
        if not os.path.exists("/dev/full"):
            self.fail("this test needs /dev/full")
        done = self.run_it([PLIMSOLL, "guard", "--report", "/dev/full", "--", PROGRAMS["links"], f"model@0={LLAMA}", "context=256", "ask"])
        self.assertIn("asked 0", done.stdout)

    def test_stderr_may_be_closed(self):
        done = self.run_it(["sh", "-c", f"exec 2>&-; exec {PLIMSOLL} guard -- {PROGRAMS['links']} model@0={LLAMA} context=256 ask"])
        self.assertIn("asked 0", done.stdout)


class OnCards(Guard):
    """On the software device, whose memory the budget holds by default."""

    def test_a_warm_up_before_the_program_gets_the_context(self):
        for name in ("links", "opens"):
            self.report_file.unlink(missing_ok=True)
            words = [f"model={LLAMA}", "context=256", "ask"]
            done = self.guard(PROGRAMS[name], *words)
            self.assertIn("asked 0", done.stdout)
            context = done.report["contexts"][0]
            self.assertEqual(context["warm_up"]["depth"], "auto")
            self.assertTrue(context["warm_up"]["settled"] and context["warm_up"]["reached_depth"], context)
            self.assertTrue(context["sealed"])
            self.assertEqual(context["after_ready"]["refused"], 0)
            card = next(d for d in done.report["devices"] if d["device"] == "Vulkan0")
            self.assertIsNotNone(card["budget"])

    def test_the_second_of_a_kind_is_warmed_up_in_short(self):
        done = self.guard(PROGRAMS["links"], f"model={LLAMA}", "contexts=256:2")
        first, second = (c["warm_up"] for c in done.report["contexts"])
        self.assertFalse(first["repeated"])
        self.assertTrue(second["repeated"])
        self.assertLess(len(second["steps"]), len(first["steps"]))

    def test_a_program_is_told_what_is_free_to_it(self):
        for name in ("links", "opens"):
            done = self.guard(PROGRAMS[name], f"model={LLAMA}", "free-memory", options=["--budget", "Vulkan0=64MiB"])
            free = int(re.search(r"free (\d+)", done.stdout)[1])
            taken = sum(e["peak"] for e in done.report["ledger"] if e["device"] == "Vulkan0")
            self.report_file.unlink()
            self.assertGreater(taken, 0)
            self.assertEqual(free, 64 * MIB - taken)

    def test_an_adapter_after_the_context_is_no_violation(self):
        write_lora(self.path / "lora.gguf", layers=2, width=256, rank=8)
        done = self.guard(PROGRAMS["links"], f"model={LLAMA}", "context=256", f"lora={self.path / 'lora.gguf'}", "ask", "ask")
        self.assertIn("adapter 0", done.stdout)
        self.assertEqual(done.stdout.count("asked 0"), 2)
        self.assertEqual(done.report["contexts"][0]["after_ready"]["refused"], 0)
        self.assertTrue(any(e["stage"] == "adapter" and e["total"] > 0 for e in done.report["ledger"]))


if __name__ == "__main__":
    chosen = sys.argv[3]
    del sys.argv[2:]
    unittest.main(argv=[sys.argv[0], chosen, "-v"])
