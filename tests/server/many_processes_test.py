#!/usr/bin/env python3
"""Many models with a process each under one server, and a limit of descriptors: many_processes_test.py PROGRAM [COUNT]

What each of them can get it gets; what does not fit is refused with a sentence that names its limit; nothing hangs, and nothing
is left behind. Prints what it counted. `make test` has 20 models under 44 descriptors; 300 need 4 GiB and five minutes or more."""
import os
import pathlib
import resource
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, Serving  # noqa: E402

PROGRAM = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 300
ASKED = {"prompt": "Day 12. The wind is", "max_tokens": 4, "temperature": 0, "ignore_eos": True}


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def own_memory(pid):
    """Bytes that would come back if it ended."""
    rows = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(row.split()[1]) << 10 for row in rows if row.startswith(("Private_Clean:", "Private_Dirty:")))


def in_shared_memory():
    return set(os.listdir("/dev/shm"))


class ManyProcesses(unittest.TestCase):
    def fleet(self, count):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "fleet.toml"
        path.write_text('isolation = "process"\n' + "".join(
            f'[[model]]\nname = "m{i}"\npath = "{BOSUN}"\ndevice = "none"\nctx-size = 64\nbatch-size = 32\nubatch-size = 32\ncompute-group = "g{i}"\n'
            for i in range(count)))
        return path

    def serve(self, count, most):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        try:
            server = Serving(PROGRAM, self.fleet(count), "-t", "1", wait_ready=False)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.addCleanup(lambda: server.process.poll() is None and server.stop(signal.SIGKILL))
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (most, most))
        return server

    def ask_all(self, server, numbers):
        texts, refusals = {}, {}
        for i in numbers:
            status, answer = server.post("/v1/completions", {"model": f"m{i}", **ASKED})
            if status == 200:
                texts[i] = answer["choices"][0]["text"]
            else:
                refusals[i] = f"{status} {answer['error']['message'] if isinstance(answer, dict) else answer}"
        return texts, refusals

    def processes(self, server):
        return [m["process"]["pid"] for m in server.get("/plimsoll/v1/status")[1]["models"] if m.get("process") and m["process"]["pid"]]

    def end(self, server, pids):
        begun = time.monotonic()
        self.assertEqual(server.stop(timeout=300), 0)
        took = time.monotonic() - begun
        self.assertEqual([pid for pid in pids if os.path.exists(f"/proc/{pid}")], [])
        return took

    def check(self, count, most):
        shared_before = in_shared_memory()
        server = self.serve(count, most)
        before = descriptors(server.process.pid)
        begun = time.monotonic()
        texts, refusals = self.ask_all(server, range(count))
        took = time.monotonic() - begun
        pids = self.processes(server)
        used = descriptors(server.process.pid)
        memory = own_memory(server.process.pid)
        others = sum(own_memory(pid) for pid in pids)
        begun = time.monotonic()
        again, refused_again = self.ask_all(server, sorted(texts))
        took_again = time.monotonic() - begun
        status = server.get("/health")[0]
        ended = self.end(server, pids)
        print(f"{count} models, {most} descriptors: {len(texts)} answered, {len(refusals)} refused, {len(pids)} processes, in {took:.0f} s; "
              f"descriptors {before} -> {used}; own memory {memory >> 20} MiB and {others >> 20} MiB in processes; "
              f"asked again {took_again:.1f} s; ended in {ended:.1f} s", flush=True)
        for sentence in sorted({text.replace(f"m{i}", "NAME") for i, text in refusals.items()}):
            print("  " + sentence, flush=True)
        self.assertEqual(len(set(texts.values())), 1)
        self.assertEqual((again, refused_again), (texts, {}))
        self.assertEqual(len(pids), len(texts))
        self.assertEqual(status, 200)
        self.assertEqual(in_shared_memory() - shared_before, set())
        return refusals

    def test_all_of_them(self):
        self.assertEqual(self.check(COUNT, 4096), {})

    def test_with_the_usual_limit(self):
        for text in self.check(COUNT, 1024).values():
            self.assertRegex(text, r"ulimit -n")

    def test_with_less_than_they_need(self):
        refusals = self.check(COUNT // 3, 24 + COUNT // 3)  # two for each, and some of the server's own
        self.assertGreater(len(refusals), 0)
        for text in refusals.values():
            self.assertRegex(text, r"ulimit -n")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
