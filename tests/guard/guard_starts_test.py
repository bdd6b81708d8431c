#!/usr/bin/env python3
"""How `plimsoll guard` starts programs, and its library as a linker sees it.

guard_starts_test.py PROGRAM MODELS_DIR CLASS name=PATH...
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from guard_case import LLAMA, MIB, PLIMSOLL, PROGRAMS, USAGE, Guard  # noqa: E402


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

    def test_it_can_be_preloaded_on_debian_12(self):
        """Whose glibc is 2.36: a program there is guarded by the library of a bundle, which is built elsewhere."""
        text = self.run_it(["readelf", "-V", PROGRAMS["library"]]).stdout
        versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", text)}
        self.assertLessEqual(max(versions), (2, 36), versions)

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

    @unittest.skipUnless(os.geteuid() == 0, "only root makes programs of another user")
    def test_a_setuid_script_has_its_interpreters_rights(self):
        script = self.path / "script"
        script.write_text(f"#!/bin/sh\n{PROGRAMS['no_engine']}\n")
        os.chown(script, 65534, 65534)
        script.chmod(0o4755)
        self.assertIn("hello", self.guard(str(script), report=False).stdout)

    def test_what_the_loader_is_told_to_run_is_guarded(self):
        loader = re.search(r"interpreter: (\S+)\]", self.run_it(["readelf", "-lW", PROGRAMS["links"]]).stdout)[1]
        done = self.guard(loader, PROGRAMS["links"], f"model@0={LLAMA}", "context=256", options=["--budget", "CPU=1KiB"])
        self.assertIn("context null", done.stdout)

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


if __name__ == "__main__":
    chosen = sys.argv[3]
    del sys.argv[2:]
    unittest.main(argv=[sys.argv[0], chosen, "-v"])
