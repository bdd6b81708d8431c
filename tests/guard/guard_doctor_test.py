#!/usr/bin/env python3
"""What `plimsoll doctor -- COMMAND` says of a program before it is guarded.

guard_doctor_test.py PROGRAM MODELS_DIR CLASS name=PATH...
"""
import json
import os
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from guard_case import LLAMA, PLIMSOLL, PROGRAMS, USAGE, Guard  # noqa: E402


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


if __name__ == "__main__":
    chosen = sys.argv[3]
    del sys.argv[2:]
    unittest.main(argv=[sys.argv[0], chosen, "-v"])
