"""A `plimsoll serve` of one's own, for tests: started, asked, ended."""
import functools
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "models/demo"
MATE = str(DEMO / "mate-chat.gguf")  # answers questions, and carries a template
BOSUN = str(DEMO / "bosun-log.gguf")
PASSED_ON = ("PLIMSOLL_IN_ROOT", "PLIMSOLL_ISOLATE")  # with the last one any of these tests asks models in processes of their own
SMALL = ["--device", "none", "-t", "1", "-b", "128", "-ub", "128"]


@functools.cache
def process_bytes(program):
    """What a plan counts for the process of models, where these tests ask for one: budgets are larger by that."""
    if not os.environ.get("PLIMSOLL_ISOLATE"):
        return 0
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as fleet:
        fleet.write(f'[[model]]\npath = "{BOSUN}"\ndevice = "none"\nctx-size = 256\nisolation = "process"\n')
        fleet.flush()
        plan = json.loads(subprocess.run([program, "plan", fleet.name, "--json"], capture_output=True, text=True, check=True).stdout)
    return sum(entry["bytes"] for model in plan["models"] for entry in model["entries"] if entry["buffer"] == "process")


def is_whole(answer):
    head, ended, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return bool(ended and length) and len(body) >= int(length[1])


# Programs that a test runs by itself find what this test's programs have measured, not what its user's have.
_caches = tempfile.TemporaryDirectory()
os.environ.update(XDG_CACHE_HOME=_caches.name, XDG_CONFIG_HOME=_caches.name)


class Serving:
    """The server as a child process, with its log and its address."""

    def __init__(self, program, *arguments, environment=None, wait_ready=True):
        self.folder = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.folder.name)
        variables = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL_") or k in PASSED_ON}
        variables.setdefault("PLIMSOLL_BROKER", "off")  # side by side, under budgets of their own
        variables.update(XDG_CACHE_HOME=str(path / "cache"), XDG_CONFIG_HOME=str(path / "config"), **(environment or {}))
        self.log = open(path / "log", "w+")
        self.process = subprocess.Popen([program, "serve", "--port", "0", *(a if isinstance(a, bytes) else str(a) for a in arguments)], stdout=subprocess.PIPE,
                                        stderr=self.log, env=variables, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"(https?)://([^:]+|\[.*\]):(\d+)", line)
        if not found:
            self.process.wait(timeout=60)
            raise AssertionError(f"the server did not start (status {self.process.returncode}): {line}{self.log_text()}")
        self.host, self.port = found.group(2), int(found.group(3))
        self.url = found.group(0)
        if wait_ready:
            self.wait_ready()

    def cpu_seconds(self):
        """What it has computed so far: what else the machine does is not counted."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log_text(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()

    def wait_ready(self, timeout=120):
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if self.get("/health")[0] == 200:
                return
            time.sleep(0.02)
        raise AssertionError("the server did not become ready: " + self.log_text())

    def connection(self, timeout=120):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        """Status, headers and the body as JSON where it is JSON, else as text."""
        connection = self.connection()
        data = body if isinstance(body, (bytes, str)) or body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        try:
            return answer.status, dict(answer.getheaders()), json.loads(text)
        except ValueError:
            return answer.status, dict(answer.getheaders()), text.decode(errors="replace")

    def get(self, path, headers=None):
        status, _, body = self.request("GET", path, headers=headers)
        return status, body

    def post(self, path, body=None, headers=None):
        status, _, answer = self.request("POST", path, body if body is not None else {}, headers)
        return status, answer

    def events(self, path, body, headers=None):
        """The server-sent events of one answer: (name or None, data as JSON or text)."""
        connection = self.connection()
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        if answer.status != 200:
            raise AssertionError(f"{answer.status}: {answer.read()!r}")
        assert answer.getheader("Content-Type").startswith("text/event-stream")
        out = []
        for block in answer.read().decode().split("\n\n"):
            if not block or block.startswith(":"):
                continue
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            data = fields["data"]
            out.append((fields.get("event"), data if data == "[DONE]" else json.loads(data)))
        connection.close()
        return out

    def raw(self, data, timeout=300, until_closed=True):
        """Bytes sent as they are; what comes back until the other end closes, as the server does with idle connections, or
        until an answer is whole that says its length: behind a body that could not be read cpp-httplib reads on for 30 s."""
        with socket.create_connection((self.host, self.port), timeout=timeout) as s:
            s.sendall(data)
            out = b""
            try:
                while (until_closed or not is_whole(out)) and (chunk := s.recv(65536)):
                    out += chunk
            except ConnectionResetError:
                pass
            return out

    def hold(self, headers=None, **more):
        """A connection whose request holds a slot until it is closed: nobody reads the answer, which is longer than what can be on
        its way unread (some 5 MiB), so it stands still. However busy the machine is, it does not end by itself."""
        body = {"prompt": "Day 3.", "max_tokens": -1, "ignore_eos": True, "n": 100, "stream": True, **more}
        connection = self.connection()
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json", **(headers or {})})
        connection.held = connection.getresponse()
        if connection.held.status != 200:
            raise AssertionError(f"{connection.held.status}: {connection.held.read()!r}")
        while not connection.held.readline().startswith(b"data: {"):  # its first piece comes once it has the slot
            pass
        return connection

    def wait_until_somebody_waits(self, headers=None, count=1):
        """Requests that have no slot yet."""
        while self.get("/plimsoll/v1/status", headers)[1]["waiting"] < count:
            time.sleep(0.01)

    def stop(self, sig=signal.SIGTERM, timeout=60):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        status = self.process.wait(timeout=timeout)
        self.process.stdout.close()
        self.log.close()
        self.folder.cleanup()
        return status


def new_folder(case):
    """An empty folder that goes with that test, or class of tests."""
    folder = tempfile.TemporaryDirectory()
    (case.addClassCleanup if isinstance(case, type) else case.addCleanup)(folder.cleanup)
    return pathlib.Path(folder.name)


class ServedCase(unittest.TestCase):
    """Tests that share one server; `arguments` says which."""
    program = None
    arguments = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Serving(cls.program, *cls.arguments)

    @classmethod
    def tearDownClass(cls):
        status = cls.server.stop()
        if status != 0:
            raise AssertionError(f"the server ended with status {status}")

    def refused(self, answer, status, words, shape="openai"):
        self.assertEqual(answer[0], status, answer)
        body = answer[1]
        error = body if shape == "plimsoll" else body["error"]
        self.assertRegex(error["message"], words)
        return error


def docs_row(page, begin, wanted):
    """What is wrong with the row of a page's table that begins like that; with PLIMSOLL_UPDATE_GOLDEN=1 it is written anew, too."""
    path = ROOT / page
    lines = path.read_text().split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(begin))
    found, lines[at] = lines[at], begin + wanted
    if os.environ.get("PLIMSOLL_UPDATE_GOLDEN"):
        path.write_text("\n".join(lines))
    return "" if found == begin + wanted else f"{page} says '{found}', and it is '{begin + wanted}'"


def in_threads(count, work):
    """work(i) for each i at once; what they gave, in order."""
    out = [None] * count

    def run(i):
        try:
            out[i] = work(i)
        except Exception as error:  # shown by whoever looks at the result
            out[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out
