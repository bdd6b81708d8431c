"""What tests of `plimsoll guard` stand on: programs, models, and a run under the guard with its report."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PLIMSOLL = sys.argv[1]
MODELS = pathlib.Path(sys.argv[2])
PROGRAMS = dict(one.split("=", 1) for one in sys.argv[4:] if "=" in one)
LLAMA = str(MODELS / "llama-dense.gguf")
MAMBA = str(MODELS / "mamba-dense.gguf")
QWEN = str(MODELS / "qwen2-dense.gguf")
USAGE, FAILED = 2, 1
MIB = 1 << 20


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
