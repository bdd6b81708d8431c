#!/usr/bin/env python3
"""The other subcommands on the command line. cli_test.py PROGRAM MODELS_DIR [unittest arguments]"""
import fcntl
import json
import os
import pathlib
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cli_case import FAILED, INTERRUPTED, LLAMA, MEASURED, MODELS, PROGRAM, REFUSED, SMALL, UNUSABLE, USAGE, Cli  # noqa: E402


class Calibrates(Cli):
    def runtime(self):
        out, _ = self.run_it("plan", "-m", LLAMA, *SMALL, "--json")
        lines = [line for line in json.loads(out)["models"][0]["entries"] if line["stage"] == "runtime"]
        return {line["device"]: line["bytes"] for line in lines}, {line["source"] for line in lines}

    def test_what_it_measures_is_in_the_next_plan_until_it_is_forgotten(self):
        before, source = self.runtime()
        self.assertEqual(source, {"estimated"})
        out, _ = self.run_it("calibrate", "-m", LLAMA, *SMALL, "--json")
        said = json.loads(out)
        self.assertEqual(said["schema"], "plimsoll.calibration/1")
        self.assertTrue(said["complete"])
        self.assertTrue(said["warm_up"])
        self.assertEqual(self.runtime(), ({line["device"]: line["bytes"] for line in said["runtime"]}, MEASURED))
        _, err = self.run_it("calibrate", "--forget")
        self.assertIn("forgot", err)
        self.assertEqual(self.runtime(), (before, {"estimated"}))

    def test_the_table_tells_every_step_and_what_was_kept(self):
        out, _ = self.run_it("calibrate", "-m", LLAMA, *SMALL)
        self.assertRegex(out, r"(?m)^1 token +1 ")
        self.assertRegex(out, r"(?m)^sample +1 ")
        self.assertEqual(bool(re.search(r"runtime on CPU: .*, kept as a calibration", out)), bool(MEASURED), out)

    def test_a_refusal_measures_nothing(self):
        self.run_it("calibrate", "-m", LLAMA, *SMALL, "--budget", "CPU=64KiB", status=REFUSED)
        self.assertEqual(self.runtime()[1], {"estimated"})


class Benches(Cli):
    def bench(self, *arguments, **options):
        return self.run_it("bench", "-m", LLAMA, *SMALL, *arguments, **options)

    def test_the_json_has_each_repetition(self):
        said = json.loads(self.bench("-p", 8, "-n", 4, "-r", 2, "--json")[0])
        self.assertEqual(said["schema"], "plimsoll.bench/1")
        self.assertEqual([(test["test"], len(test["tokens_per_s"])) for test in said["tests"]], [("pp8", 2), ("tg4", 2)])

    def test_what_means_nothing_is_named_with_what_is_right(self):
        for flag, value in (("--n-prompt", 0), ("--n-gen", -1), ("--n-gen", 2147483647), ("--repetitions", 0)):
            with self.subTest(flag):
                _, err = self.bench(flag, value, status=USAGE)
                self.assertRegex(err, rf"{flag}.* {value} not in range")


class Embeds(Cli):
    QWEN = str(MODELS / "qwen3-dense.gguf")

    def embed(self, *arguments, **options):
        return self.run_it("embed", "-m", LLAMA, *SMALL, *arguments, **options)

    def test_a_vector_of_length_one_for_each_text(self):
        out, _ = self.embed("--tokens", "5,6,7", "--tokens", "8", "--pooling", "mean")
        vectors = [[float(number) for number in line.split()] for line in out.splitlines()]
        self.assertEqual([len(vector) for vector in vectors], [256, 256])
        for vector in vectors:
            self.assertAlmostEqual(sum(x * x for x in vector), 1, places=4)

    def test_the_json_follows_its_schema(self):
        out, _ = self.embed("--tokens", "5,6,7", "--tokens", "8", "--pooling", "none", "--embd-normalize", "-1", "--json")
        said = json.loads(out)
        self.assertEqual(said["schema"], "plimsoll.embeddings/1")
        self.assertEqual((said["pooling"], said["normalize"], said["width"]), ("none", -1, 256))
        self.assertEqual([(e["index"], e["tokens"], len(e["vectors"])) for e in said["embeddings"]], [(0, 3, 3), (1, 1, 1)])

    def test_texts_come_from_flags_a_file_or_stdin(self):
        texts = self.path / "texts"
        texts.write_text("a cat\n\na ship\n")
        from_file = self.embed("-f", texts, "--pooling", "mean")
        self.assertEqual(from_file, self.embed("-p", "a cat", "-p", "a ship", "--pooling", "mean"))
        self.assertEqual(from_file, self.embed("--pooling", "mean", input=texts.read_bytes()))
        self.assertEqual(from_file[0].count("\n"), 2)

    def test_what_does_not_fit_is_refused_by_name(self):
        out, err = self.embed("--tokens", ",".join(["7"] * 40), "--pooling", "mean", "--json", status=FAILED)
        error = json.loads(out)
        self.assertEqual((error["code"], error["numbers"]), ("context_overflow", {"needed": 40, "available": 32, "input": 0}))
        self.embed("--tokens", ",".join(["7"] * 40), "--pooling", "last")
        out, _ = self.embed("--tokens", "7", "--budget", "CPU=64KiB", "--json", status=REFUSED)
        self.assertEqual(json.loads(out)["verdict"], "refused")

    def test_what_means_nothing(self):
        for arguments in (["--pooling", "sum"], ["--pooling", "rank"], ["--embd-normalize", "5"], ["--tokens", "x"],
                          ["-f", "/nowhere"]):
            with self.subTest(arguments):
                self.embed(*arguments, status=USAGE)
        self.embed(input=b"\n", status=USAGE)

    def test_ranking_scores_pairs(self):
        rank = ["rerank", "-m", self.QWEN, *SMALL, "--tokens", "5,6,7", "--tokens", "8,9", "--tokens", "4,3,2,1"]
        out, _ = self.run_it(*rank)
        lines = [line.split("\t") for line in out.splitlines()]
        self.assertEqual([line[1] for line in lines], ["0", "1", "2"])
        best = max(lines, key=lambda line: float(line[0]))
        said = json.loads(self.run_it(*rank, "--top-n", 1, "--sigmoid", "--json")[0])
        self.assertEqual(said["schema"], "plimsoll.rerank/1")
        self.assertEqual([r["index"] for r in said["results"]], [int(best[1])])
        self.assertTrue(0 <= said["results"][0]["score"] <= 1)
        self.assertFalse(said["results"][0]["truncated"])

    def test_a_model_that_cannot_rank_says_so_before_it_is_loaded(self):
        _, err = self.run_it("rerank", "-m", LLAMA, *SMALL, "-q", "a", "-d", "b", status=USAGE)
        self.assertIn("classification head", err)
        self.run_it("rerank", "-m", self.QWEN, *SMALL, "-d", "b", status=USAGE)
        _, err = self.run_it("rerank", "-m", self.QWEN, *SMALL, "-q", "a", "-d", "b", "--top-n", -3, status=USAGE)
        self.assertRegex(err, "--top-n.* -3 not in range")


class Tokenizes(Cli):
    def setUp(self):
        super().setUp()
        self.model = sorted((pathlib.Path(__file__).parents[2] / "models/demo").glob("*.gguf"))[0]

    def tokenize(self, *arguments, **options):
        return self.run_it("tokenize", "-m", self.model, *arguments, **options)

    def test_ids_come_back_as_the_text(self):
        out, _ = self.tokenize("-p", "Day 12. The ship", "--ids", "--no-bos")
        ids = out.strip().strip("[]").replace(" ", "")
        self.assertRegex(ids, r"^\d+(,\d+)*$")
        back, _ = self.tokenize("--detokenize", "--tokens", ids)
        self.assertEqual(back.strip(), "Day 12. The ship")

    def test_json_pieces_and_count(self):
        said = json.loads(self.tokenize("-p", "Day 12.", "--json")[0])
        self.assertEqual(said["schema"], "plimsoll.tokens/1")
        self.assertEqual(said["count"], len(said["tokens"]))
        self.assertIn("Day", "".join(t["piece"] for t in said["tokens"]))
        out, _ = self.tokenize("--show-count", input=b"Day 12.")
        self.assertIn(f"Total number of tokens: {said['count']}", out)
        self.assertEqual(len(out.splitlines()), said["count"] + 1)

    def test_what_means_nothing(self):
        for arguments in (["--detokenize"], ["--tokens", "1"], ["--detokenize", "--tokens", "99999999"],
                          ["--detokenize", "--tokens", "x"], ["-f", "/nowhere"]):
            with self.subTest(arguments):
                self.tokenize(*arguments, status=USAGE, input=b"")

    def test_a_file_that_cannot_be_used(self):
        bad = self.path / "bad.gguf"
        self.run_it("tokenize", "-m", bad, "-p", "a", status=UNUSABLE)
        bad.write_bytes(self.model.read_bytes()[:5000])
        self.run_it("tokenize", "-m", bad, "-p", "a", status=UNUSABLE)


class Quantizes(Cli):
    def test_the_new_file_runs_and_the_sizes_are_true(self):
        new = self.path / "new.gguf"
        dry = json.loads(self.run_it("quantize", "--dry-run", LLAMA, "q8_0", "--json")[0])
        said = json.loads(self.run_it("quantize", LLAMA, new, "q8_0", "--json")[0])
        self.assertEqual(said["schema"], "plimsoll.quantize/1")
        self.assertEqual(said["files"], [str(new)])
        self.assertEqual((dry["bytes_before"], dry["bytes_after"]), (said["bytes_before"], said["bytes_after"]))
        self.assertLess(said["bytes_after"], said["bytes_before"])
        self.assertGreaterEqual(new.stat().st_size, said["bytes_after"])
        self.run_it("generate", "-m", new, *SMALL, "--tokens", "1,2", "-n", "4")

    def test_nothing_is_replaced_unasked(self):
        new = self.path / "new.gguf"
        new.write_text("precious")
        _, err = self.run_it("quantize", LLAMA, new, "Q8_0", status=USAGE)
        self.assertIn("--force", err)
        self.assertEqual(new.read_text(), "precious")
        self.run_it("quantize", LLAMA, new, "Q8_0", "--force")
        self.assertEqual(new.read_bytes()[:4], b"GGUF")

    def test_what_means_nothing(self):
        new = self.path / "new.gguf"
        for arguments in ([LLAMA, new], [LLAMA, new, "Q4"], [LLAMA, new, "Q8_0", "--tensor-type", "attn"],
                          [LLAMA, new, "Q8_0", "--tensor-type", "((=q8_0"], [LLAMA, new, "Q8_0", "--override-kv", "a=b"],
                          [LLAMA, new, "Q8_0", "--output-tensor-type", "q9"], [LLAMA, new, "Q8_0", "--prune-layers", "x"],
                          [LLAMA, new, "IQ2_XXS"], []):
            with self.subTest(arguments):
                self.run_it("quantize", *arguments, status=USAGE)
        self.assertIn("Q4_K_M", self.run_it("quantize", LLAMA, new, "Q4", status=USAGE)[1])
        self.assertFalse(new.exists())

    def test_a_damaged_file(self):
        bad = self.path / "bad.gguf"
        bad.write_bytes(b"no model at all")
        self.run_it("quantize", bad, self.path / "new.gguf", "Q8_0", status=UNUSABLE)
        self.assertEqual([f.name for f in self.path.glob("new*")], [])

    def test_a_full_disk_leaves_nothing_behind(self):
        limit = lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)))
        self.run_it("quantize", LLAMA, self.path / "new.gguf", "Q8_0", status=FAILED, preexec_fn=limit)
        self.assertEqual([f.name for f in self.path.glob("new*")], [])


class Ps(Cli):
    def test_without_a_ledger_there_is_nobody(self):
        self.environment["PLIMSOLL_BROKER"] = str(self.path / "ledger")
        out, err = self.run_it("ps")
        self.assertEqual((out, err), ("no process stands in the machine's ledger\n", ""))
        out, _ = self.run_it("ps", "--json")
        self.assertEqual(json.loads(out), {"schema": "plimsoll.machine/1", "ledger": None, "processes": [], "damaged": 0})
        self.assertFalse((self.path / "ledger").exists())

    def test_turned_off_it_says_so(self):
        _, err = self.run_it("ps", status=FAILED)
        self.assertIn("turned off (PLIMSOLL_BROKER=off)", err)

    def test_what_is_no_ledger(self):
        self.environment["PLIMSOLL_BROKER"] = str(self.path / "ledger")
        (self.path / "ledger").write_bytes(b"nothing of ours" * 1000)
        out, _ = self.run_it("ps")
        self.assertIn("no process stands in", out)
        self.run_it("ps", "--interval", 0, status=USAGE)

    def test_a_program_that_works_is_shown_and_one_that_has_ended_is_not(self):
        self.environment["PLIMSOLL_BROKER"] = str(self.path / "ledger")
        self.run_it("generate", "-m", LLAMA, "--device", "none", "-c", 128, "-n", 2, "-p", "a")
        self.assertTrue((self.path / "ledger").exists())
        self.assertEqual(json.loads(self.run_it("ps", "--json")[0])["processes"], [])

    def test_watching_ends_with_control_c(self):
        self.environment["PLIMSOLL_BROKER"] = str(self.path / "ledger")
        running = subprocess.Popen([PROGRAM, "ps", "--watch", "--json", "--interval", "50"], stdout=subprocess.PIPE,
                                   env=self.environment, text=True)
        self.addCleanup(running.stdout.close)
        for _ in range(3):
            self.assertEqual(json.loads(running.stdout.readline())["processes"], [])
        running.send_signal(signal.SIGINT)
        self.assertEqual(running.wait(timeout=60), INTERRUPTED)


class Top(Cli):
    def setUp(self):
        super().setUp()
        self.fleet = self.path / "fleet.toml"
        model = '[[model]]\nname = "{}"\npath = "{}"\ndevice = "none"\nctx-size = 256\nbatch-size = 64\nubatch-size = 32\nthreads = 1\n'
        self.fleet.write_text('budgets = ["CPU=1GiB"]\n' + model.format("first", LLAMA) + "load-at-start = true\n" + model.format("second", LLAMA))

    def test_a_frame_is_a_screen_of_plain_text(self):
        out, err = self.run_it("top", "--fleet", self.fleet, "--frame")
        self.assertEqual(err, "")
        self.assertNotIn("\x1b", out)
        lines = out.splitlines()
        self.assertEqual(len(lines), 24)
        self.assertLessEqual(max(map(len, lines)), 80)
        self.assertRegex(out, r"> first +ready +0/1 +0 +\? +\? +0% +-? *[\d.]+[KMG]")
        self.assertRegex(out, r"  second +absent +0/1 +0 +\? +\? +0% +- +- +- +-\n")
        self.assertRegex(out, r"\nCPU +█.*of budget\n  budget 1.00 GiB is the bar|\nCPU +.*┃")
        self.assertIn("first: warming -> ready", out)

    def test_several_frames_have_rates(self):
        out, _ = self.run_it("top", "--fleet", self.fleet, "--frames", 2, "--interval", 50)
        frames = out.split("\n\nplimsoll top")
        self.assertEqual(len(frames), 2)
        self.assertRegex(frames[1], r"> first +ready +0/1 +0 +0\.0 ")

    def test_the_json_is_what_the_host_holds(self):
        out, _ = self.run_it("top", "--fleet", self.fleet, "--json")
        status = json.loads(out)
        self.assertEqual(status["schema"], "plimsoll.status/1")
        cpu = next(d for d in status["devices"] if d["device"] == "CPU")
        self.assertEqual(cpu["budget"], 1 << 30)
        self.assertEqual(cpu["headroom"], cpu["budget"] - cpu["committed"])
        first, second = status["models"]
        self.assertEqual((first["state"], second["state"]), ("ready", "absent"))
        self.assertEqual(first["loads"], 1)
        self.assertEqual((first["kv_cells"], first["kv_cells_used"], first["generated"], first["presets"]), (256, 0, 0, []))
        self.assertEqual(first["pace"], {"tokens_per_second": None, "prompt_tokens_per_second": None, "first_token_ms": None})
        self.assertEqual(first["seal"], {"allocations_after_seal": 0, "refused_after_seal": 0})
        cache = next(m for m in first["memory"] if m["stage"] == "kv_cache")
        self.assertEqual(cache["taken"], cache["planned"])
        owners = [*status["models"], *status["others"]]
        self.assertEqual(sum(m["taken"] for o in owners for m in o["memory"] if m["device"] == "CPU"), cpu["taken"])

    def test_what_means_nothing(self):
        _, err = self.run_it("top", "--fleet", self.fleet, status=USAGE, stdin=subprocess.DEVNULL)
        self.assertIn("--frame", err)
        self.run_it("top", "--frame", status=USAGE)
        self.run_it("top", "--fleet", self.path / "none.toml", "--frame", status=FAILED)
        self.run_it("top", "--fleet", self.fleet, "--frames", 0, status=USAGE)
        self.run_it("top", "--fleet", self.fleet, "--frame", "--budget", "CPU=much", status=USAGE)

    def on_a_terminal(self):
        """The program on a terminal of 80 x 24, and a function that waits for a text on it."""
        ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        running = subprocess.Popen([PROGRAM, "top", "--fleet", self.fleet, "--interval", "100"], stdin=its, stdout=its,
                                   stderr=subprocess.PIPE, env={**self.environment, "TERM": "xterm"})
        os.close(its)
        self.addCleanup(os.close, ours)
        self.addCleanup(running.stderr.close)
        self.addCleanup(running.kill)
        seen = bytearray()

        def await_text(words):
            end = time.monotonic() + 60
            while time.monotonic() < end:
                if select.select([ours], [], [], 0.1)[0]:
                    seen.extend(os.read(ours, 65536))
                if re.search(words, seen.decode(errors="replace")):
                    return
            self.fail(f"{words} did not appear in {seen[-4000:].decode(errors='replace')}")

        def drain():
            try:
                while select.select([ours], [], [], 0.1)[0] or running.poll() is None:
                    if select.select([ours], [], [], 0)[0] and not os.read(ours, 65536):
                        break
            except OSError:
                pass  # the other end is closed
            return running.wait(timeout=60)

        return ours, await_text, drain

    def test_keys(self):
        terminal, await_text, drain = self.on_a_terminal()
        await_text("first +ready")
        os.write(terminal, b"j")
        await_text("> second")
        os.write(terminal, b"l")
        await_text("'second' is ready")
        os.write(terminal, b"p")
        await_text(r">\* ?second")
        os.write(terminal, b"q")
        self.assertEqual(drain(), 0)

    def test_control_c_leaves(self):
        terminal, await_text, drain = self.on_a_terminal()
        await_text("first +ready")
        os.write(terminal, b"\x03")
        self.assertEqual(drain(), INTERRUPTED)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
