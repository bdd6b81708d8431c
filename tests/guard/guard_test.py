#!/usr/bin/env python3
"""`plimsoll guard` before programs that know nothing of it.

guard_test.py PROGRAM MODELS_DIR CLASS name=PATH... [unittest arguments]
"""
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

PLIMSOLL = sys.argv[1]
MODELS = pathlib.Path(sys.argv[2])
PROGRAMS = dict(one.split("=", 1) for one in sys.argv[4:] if "=" in one)
LLAMA = str(MODELS / "llama-dense.gguf")
MAMBA = str(MODELS / "mamba-dense.gguf")
QWEN = str(MODELS / "qwen2-dense.gguf")
USAGE, FAILED = 2, 1
MIB = 1 << 20


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


class Guard(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.startswith("PLIMSOLL_") and k != "LD_PRELOAD" or k == "PLIMSOLL_IN_ROOT"}
        self.environment["PLIMSOLL_BROKER"] = "off"
        self.report_file = self.path / "report.json"

    def run_it(self, command, status=0, **options):
        options.setdefault("timeout", 300)
        options.setdefault("env", self.environment)
        done = subprocess.run(command, capture_output=True, text=True, **options)
        if status is not None:
            self.assertEqual(done.returncode, status, f"{command}\n{done.stdout}\n{done.stderr}")
        return done

    def guard(self, *command, options=(), status=0, report=True, **others):
        """Runs a command under the guard; the report is read where there is one."""
        wishes = ["--report", str(self.report_file)] if report else []
        done = self.run_it([PLIMSOLL, "guard", *options, *wishes, "--", *command], status=status, **others)
        done.report = None
        if report and self.report_file.exists() and self.report_file.stat().st_size > 0:
            done.report = json.loads(self.report_file.read_text())
        return done

    def alone(self, *command, **others):
        return self.run_it(list(command), **others)


class Library(Guard):
    """The library itself, as a linker sees it."""

    def symbols(self, *flags):
        text = self.run_it(["nm", "-D", *flags, PROGRAMS["library"]]).stdout
        return {line.split()[-1].split("@")[0] for line in text.splitlines() if line.strip()}

    def test_it_shows_nothing_but_the_names_that_it_stands_before(self):
        source = pathlib.Path(__file__).resolve().parents[2] / "src/guard/preload/exported_names.map"
        wanted = set(re.findall(r"^    (\w+);$", source.read_text(), re.M))
        self.assertIn("llama_init_from_model", wanted)
        self.assertEqual(self.symbols("--defined-only"), wanted)

    def test_it_needs_the_c_library_alone(self):
        text = self.run_it(["readelf", "-d", PROGRAMS["library"]]).stdout
        needed = set(re.findall(r"NEEDED.*\[(.*?)\]", text))
        self.assertLessEqual(needed, {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}, text)

    def test_what_it_takes_from_outside_is_the_c_library_s(self):
        text = self.run_it(["nm", "-D", "--undefined-only", PROGRAMS["library"]]).stdout
        foreign = [line for line in text.splitlines() if "@GLIBC" not in line and not re.search(r"\bw\b", line)]
        self.assertEqual(foreign, [])

    def test_a_program_can_be_loaded_with_it_while_it_is_bound_at_once(self):
        done = self.run_it([PROGRAMS["no_engine"]], env={**self.environment, "LD_PRELOAD": PROGRAMS["library"], "LD_BIND_NOW": "1"})
        self.assertEqual(done.stdout, "hello\n")
        self.assertEqual(done.stderr, "")


class Starts(Guard):
    """Which programs are started, and how."""

    def test_without_a_command_it_says_where_that_stands(self):
        for command in (["guard"], ["guard", "--budget", "1GiB"], ["guard", "--"]):
            done = self.run_it([PLIMSOLL, *command], status=USAGE)
            self.assertIn("behind --", done.stderr)

    def test_values_that_mean_nothing_are_told_before_anything_runs(self):
        for options, word in ((["--budget", "much"], "'much'"), (["--warm-up", "hot"], "full"), (["--seal", "wax"], "count"),
                              (["--report", "/nowhere/there/report"], "/nowhere")):
            done = self.guard(PROGRAMS["no_engine"], options=options, status=None, report=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, "")
            self.assertIn(word, done.stderr)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)

    def test_a_program_that_is_not_there(self):
        done = self.guard("no-such-program-anywhere", status=USAGE, report=False)
        self.assertIn("no-such-program-anywhere", done.stderr)

    def test_a_program_without_ggml_runs_as_alone(self):
        done = self.guard(PROGRAMS["no_engine"], report=False)
        self.assertEqual(done.stdout, "hello\n")
        self.assertRegex(done.stderr, r"^plimsoll guard: 'guard_no_engine' used no ggml that could be seen[^\n]*\n$")
        done = self.guard(PROGRAMS["no_engine"], options=["--quiet"], report=False)
        self.assertEqual(done.stderr, "")

    def test_what_is_not_there_is_not_found_because_of_the_guard(self):
        done = self.guard(PROGRAMS["no_engine"], "look", report=False)
        self.assertIn("puts 1, llama 0, named", done.stdout)

    def test_a_static_program_is_not_started(self):
        done = self.guard(PROGRAMS["static"], status=None, report=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertIn("static", done.stderr)
        self.assertIn("not started", done.stderr)

    def test_a_program_of_another_architecture_is_not_started(self):
        other = self.path / "other"
        content = bytearray(pathlib.Path(PROGRAMS["no_engine"]).read_bytes())
        content[4] = 1  # 32 bits
        other.write_bytes(bytes(content))
        other.chmod(0o755)
        done = self.guard(str(other), status=None, report=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("architecture", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "only root makes programs of another user")
    def test_a_setuid_program_is_not_started(self):
        own = self.path / "setuid"
        shutil.copy(PROGRAMS["no_engine"], own)
        os.chown(own, 65534, 65534)
        own.chmod(0o4755)
        done = self.guard(str(own), status=None, report=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("setuid", done.stderr)

    def test_a_script_is_judged_by_its_interpreter(self):
        script = self.path / "script"
        script.write_text(f"#!/bin/sh\n{PROGRAMS['no_engine']}\n")
        script.chmod(0o755)
        self.assertIn("hello", self.guard(str(script), report=False).stdout)
        script.write_text(f"#!{PROGRAMS['static']}\n")
        done = self.guard(str(script), status=None, report=False)
        self.assertIn("static", done.stderr)

    def test_the_status_and_the_arguments_are_the_programs(self):
        done = self.guard("sh", "-c", 'echo "$0 $1 $2"; exit 7', "-ngl", "--budget", "--", status=7, report=False)
        self.assertEqual(done.stdout, "-ngl --budget --\n")

    def test_it_takes_the_place_of_the_program_that_started_it(self):
        child = subprocess.Popen([PLIMSOLL, "guard", "--quiet", "--", "sh", "-c", "echo $$; kill -TERM $$"], env=self.environment,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, _ = child.communicate(timeout=60)
        self.assertEqual(int(out), child.pid)
        self.assertEqual(child.returncode, -signal.SIGTERM)

    def test_what_was_preloaded_before_stays(self):
        shown = self.guard("sh", "-c", "echo $LD_PRELOAD", report=False, env={**self.environment, "LD_PRELOAD": "libm.so.6"}).stdout
        self.assertEqual(shown, f"libm.so.6:{os.path.realpath(PROGRAMS['library'])}\n")

    def test_twice_is_once_with_the_tighter_budget(self):
        inner = [PLIMSOLL, "guard", "--budget", "CPU=1GiB", "--", PROGRAMS["links"], f"model@0={LLAMA}", "context=256", "ask"]
        done = self.guard(*inner, options=["--budget", "CPU=20MiB"])
        self.assertEqual(next(d for d in done.report["devices"] if d["device"] == "CPU")["budget"], 20 * MIB)
        self.assertIn("asked 0", done.stdout)
        environment = self.guard(PLIMSOLL, "guard", "--", "env", report=False).stdout
        preload = re.search(r"^LD_PRELOAD=(.*)$", environment, re.M)[1]
        self.assertEqual(preload.count("libplimsoll-guard"), 1)

    def test_a_library_whose_path_no_list_can_hold(self):
        folder = self.path / "with a space: and a colon"
        (folder / "bin").mkdir(parents=True)
        (folder / "lib/plimsoll").mkdir(parents=True)
        shutil.copy(PLIMSOLL, folder / "bin/plimsoll")
        shutil.copy(PROGRAMS["library"], folder / "lib/plimsoll")
        done = self.run_it([str(folder / "bin/plimsoll"), "guard", "--report", str(folder / "a report"), "--",
                            "sh", "-c", f"{PROGRAMS['links']} model@0={LLAMA} context=256 ask"])
        self.assertIn("asked 0", done.stdout)
        self.assertNotIn("cannot be preloaded", done.stderr)
        self.assertEqual(json.loads((folder / "a report").read_text())["contexts"][0]["state"], "freed")

    def test_children_have_reports_of_their_own(self):
        one = f"{PROGRAMS['links']} model@0={LLAMA} context=256 ask"
        done = self.guard("sh", "-c", f"{one}; {one}")
        self.assertEqual(done.stdout.count("asked 0"), 2)
        reports = sorted(self.path.glob("report.json*"))
        self.assertEqual(len(reports), 2)
        for file in reports:
            report = json.loads(file.read_text())
            self.assertEqual(report["program"], PROGRAMS["links"])
            self.assertTrue(report["ended"])

    def test_settings_may_stand_in_the_environment(self):
        done = self.run_it([PROGRAMS["links"], f"model@0={LLAMA}", "context=256"],
                           env={**self.environment, "LD_PRELOAD": PROGRAMS["library"], "PLIMSOLL_GUARD_BUDGET": "CPU=1KiB"})
        self.assertIn("context null", done.stdout)  # its weights are mapped, and charged to nobody
        self.assertIn("within the budget of 1.00 KiB", done.stderr)
        done = self.run_it([PROGRAMS["links"], f"model@0={LLAMA}", "context=256"],
                           env={**self.environment, "LD_PRELOAD": PROGRAMS["library"], "PLIMSOLL_GUARD_BUDGET": "nonsense"})
        self.assertIn("PLIMSOLL_GUARD_BUDGET", done.stderr)
        self.assertIn("context made", done.stdout)


class Doctor(Guard):
    """What the guard would say of a program, before it runs."""

    def doctor(self, *command, status=0, **options):
        done = self.run_it([PLIMSOLL, "doctor", "--json", "--", *command], status=None, **options)
        self.assertIn(done.returncode, (0, 1) if status == 0 else (status,), done.stderr)  # 1: no hook, in a build without
        return json.loads(done.stdout)["guard"] if status == 0 else done.stderr

    def test_a_program_that_is_linked_with_the_engine(self):
        said = self.doctor(PROGRAMS["links"], "--not-a-flag-of-ours")
        self.assertTrue(said["preloaded"])
        self.assertFalse(said["engine_inside"])
        self.assertEqual([(e["found"], e["guarded"]) for e in said["engines"] if e["found"] == "linked"], [("linked", True)])
        met = self.guard(PROGRAMS["links"], f"model@0={LLAMA}").report["engines"][0]
        engine = next(e for e in said["engines"] if e["found"] == "linked")
        self.assertEqual((os.path.realpath(met["library"]), met["ggml"]), (engine["library"], engine["ggml"]))

    def test_a_program_that_opens_the_systems(self):
        folder = self.path / "alone"
        folder.mkdir()
        shutil.copy(PROGRAMS["opens"], folder / "program")
        engine, = self.doctor(str(folder / "program"))["engines"]
        self.assertEqual((engine["found"], engine["guarded"]), ("of_system", True))

    def test_an_engine_that_lies_beside_the_program_or_its_files(self):
        for version, guarded in (("0.26.3", True), ("0.9.4", False)):
            app = self.path / f"app-{version}"
            (app / "runtimes/linux-x64/native").mkdir(parents=True)
            shutil.copy(PROGRAMS["fake_engine"], app / "runtimes/linux-x64/native/libggml-base.so")
            (app / "MyChat.dll").write_text("")
            said = self.doctor("sh", str(app / "MyChat.dll"), env={**self.environment, "FAKE_VERSION": version})
            engine = next(e for e in said["engines"] if e["found"] == "beside")
            self.assertEqual((engine["library"], engine["ggml"], engine["guarded"]),
                             (os.path.realpath(app / "runtimes/linux-x64/native/libggml-base.so"), version, guarded))
            self.assertEqual(engine["why_not"], "" if guarded else "the guard knows ggml 0.25 to 0.27")
        text = self.run_it([PLIMSOLL, "doctor", "--", "sh", str(app / "MyChat.dll")], status=None,
                           env={**self.environment, "FAKE_VERSION": "0.9.4"}).stdout
        self.assertRegex(text, r"(?m)^guard: .*/libggml-base.so \(beside it, opened perhaps\): ggml 0.9.4, is left alone: the guard knows")

    def test_an_engine_without_a_version_or_that_cannot_be_loaded(self):
        for content, words in ((pathlib.Path(PROGRAMS["fake_engine_old"]).read_bytes(), "does not say its version"),):
            app = self.path / "app"
            app.mkdir(exist_ok=True)
            (app / "libggml-base.so").write_bytes(content)
            (app / "main.py").write_text("")
            engine = next(e for e in self.doctor("python3", str(app / "main.py"))["engines"] if e["found"] == "beside")
            self.assertFalse(engine["guarded"])
            self.assertIn(words, engine["why_not"])
        (app / "libggml-base.so").write_bytes(b"\x7fELF and nothing of it")
        self.assertEqual([e for e in self.doctor("python3", str(app / "main.py"))["engines"] if e["found"] == "beside"], [])

    def test_a_script_is_looked_at_by_its_interpreter(self):
        app = self.path / "app"
        app.mkdir()
        shutil.copy(PROGRAMS["fake_engine"], app / "libllama.so")
        (app / "script").write_text("#!/usr/bin/env -S sh\n")
        (app / "script").chmod(0o755)
        said = self.doctor(str(app / "script"))
        self.assertEqual([e["found"] for e in said["engines"]], ["beside"])

    def test_what_cannot_be_guarded(self):
        said = self.doctor(PROGRAMS["static"])
        self.assertFalse(said["preloaded"])
        self.assertIn("static", said["why_not"])
        self.assertEqual(said["engines"], [])
        self.assertIn("no-such-program", self.doctor("no-such-program", status=USAGE))
        self.assertIn("guard: ", self.run_it([PLIMSOLL, "doctor", "--", PROGRAMS["static"]], status=None).stdout)

    def test_without_a_command_nothing_is_said_of_it(self):
        done = self.run_it([PLIMSOLL, "doctor", "--json"], status=None)
        self.assertNotIn("guard", json.loads(done.stdout))


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

    def test_a_full_disk_is_no_reason_to_stop(self):
        if not os.path.exists("/dev/full"):
            self.fail("this test needs /dev/full")
        done = self.run_it([PLIMSOLL, "guard", "--report", "/dev/full", "--", PROGRAMS["links"], f"model@0={LLAMA}", "context=256", "ask"])
        self.assertIn("asked 0", done.stdout)

    def test_stderr_may_be_closed(self):
        done = self.run_it(["sh", "-c", f"exec 2>&-; exec {PLIMSOLL} guard -- {PROGRAMS['links']} model@0={LLAMA} context=256 ask"])
        self.assertIn("asked 0", done.stdout)


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
        arguments = ["-m", LLAMA, "-c", "4096", "-np", "1", "--device", "none", "-t", "1", "--no-mmap"]
        devices = json.loads(self.run_it([PLIMSOLL, "plan", *arguments, "--json"]).stdout)["devices"]
        served = next(d["required"] for d in devices if d["device"] == "CPU")
        one = self.taken(*self.ONE)
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
        done = self.guard(PROGRAMS["links"], *self.ONE, options=budget)
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
