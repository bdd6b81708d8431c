"""What tests of the command line stand on: the program, small models, and a run that is told by its exit status.

Their arguments: PROGRAM MODELS_DIR [unittest arguments]
"""
import ctypes
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv[1]
MODELS = pathlib.Path(sys.argv[2])
LLAMA = str(MODELS / "llama-dense.gguf")
SANITIZED = bool(os.environ.get("PLIMSOLL_TEST_SANITIZED"))
# Under a sanitizer a process is said not to grow (src/device/host_probes.cpp): nothing is measured, no line is left.
MEASURED = set() if SANITIZED else {"calibrated"}
DEMO = pathlib.Path(__file__).resolve().parents[2] / "models/demo"
BOSUN = str(DEMO / "bosun-log.gguf")
MATE = str(DEMO / "mate-chat.gguf")  # answers questions, and carries a template
FAILED, USAGE, REFUSED, UNUSABLE, INTERRUPTED = 1, 2, 3, 4, 130
# Small and on the CPU, with one thread: tests run side by side.
SMALL = ["-c", "256", "-b", "64", "-ub", "32", "-t", "1", "--device", "none"]


def obey_permissions():
    """For a child: files that may not be read cannot be, also where it is root. Two capabilities let root read them."""
    if os.geteuid() != 0:
        return
    drop_from_bounding_set = 24  # PR_CAPBSET_DROP: what is started next does not get them
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        if libc.prctl(drop_from_bounding_set, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "a capability could not be dropped")


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL_") or k == "PLIMSOLL_IN_ROOT"}
        self.environment.update(XDG_CACHE_HOME=str(self.path / "cache"), XDG_CONFIG_HOME=str(self.path / "config"), PLIMSOLL_BROKER="off")

    def run_it(self, *arguments, status=0, **options):
        options.setdefault("timeout", 120)
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, env=self.environment, **options)
        out, err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, status, f"{arguments}\nstdout: {out}\nstderr: {err}")
        if status != 0:
            self.assertRegex(err, r"plimsoll: .{10,}", "a sentence is due")
        return out, err

    def refused_file(self, content, words, name="bad.gguf"):
        path = self.path / name
        if content is not None:
            path.write_bytes(content)
        for command in (["plan"], ["generate", "--tokens", "1"]):
            _, err = self.run_it(*command, "-m", path, *SMALL, status=UNUSABLE)
            self.assertRegex(err, words)
        out, _ = self.run_it("plan", "-m", path, "--json", status=UNUSABLE)
        self.assertEqual(json.loads(out)["schema"], "plimsoll.error/1")
        self.assertEqual(json.loads(out)["code"], "model_unusable")
