#!/usr/bin/env python3
"""Clients that go away at any point, beside clients that stay: nothing of them is left. disconnects_test.py PROGRAM [unittest arguments]

PLIMSOLL_TEST_SEED=N goes the same ways again; PLIMSOLL_TEST_DROPS=N goes more of them.
"""
import json
import os
import pathlib
import random
import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, SMALL, Serving, in_threads  # noqa: E402

PROGRAM = sys.argv[1]
SEED = int(os.environ.get("PLIMSOLL_TEST_SEED", random.SystemRandom().randrange(1 << 32)))
DROPS = int(os.environ.get("PLIMSOLL_TEST_DROPS", 90))
DROPPERS = 6
# What is computed beside an answer changes none of its bits: texts may be compared.
EXACT = (*SMALL[:-2], "-ub", "1", "-fa", "off")
STEADY = [{"prompt": f"Day {day}.", "max_tokens": 12, "temperature": 0} for day in (3, 17, 29)]
LONG = {"max_tokens": 400, "ignore_eos": True}
PATHS = {"/v1/completions": {"prompt": "Day 5. Wind north."}, "/v1/chat/completions": {"messages": [{"role": "user", "content": "Who is the captain?"}]},
         "/v1/messages": {"messages": [{"role": "user", "content": "Who?"}]}, "/v1/responses": {"input": "Who is the mate?"}, "/completion": {"prompt": "Day 6."},
         "/api/generate": {"prompt": "Day 7."}}
NO_LENGTH = {"/v1/responses": "max_output_tokens", "/completion": "n_predict"}


class Dropper:
    """One client after the other that goes away. `whole`: requests that were sent in full, by who said goodbye as TCP wants it."""

    def __init__(self, server, rng, context=None):
        self.server, self.rng, self.context = server, rng, context
        self.whole = 0

    def request(self):
        path = self.rng.choice(list(PATHS))
        body = {**PATHS[path], **LONG, "stream": self.rng.random() < 0.6}
        body[NO_LENGTH.get(path, "max_tokens")] = body.pop("max_tokens")
        text = json.dumps(body)
        return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode(), text.encode()

    def connect(self):
        s = socket.create_connection((self.server.host, self.server.port), timeout=300)
        return self.context.wrap_socket(s) if self.context else s

    def drop(self):
        kinds = ["in the head", "in the body", "at once", "while it waits", "in the answer", "in the answer"] + ([] if self.context else ["half"])
        kind = self.rng.choice(kinds)
        head, body = self.request()
        with self.connect() as s:
            if kind == "in the head":
                s.sendall(head[:self.rng.randrange(len(head))])
            elif kind == "in the body":
                s.sendall(head + body[:self.rng.randrange(len(body))])
            else:
                self.go_on(s, kind, head + body)
            time.sleep(self.rng.choice([0, 0, 0.01, 0.05]))

    def go_on(self, s, kind, request):
        if kind == "at once" and self.rng.random() < 0.5:  # with a reset, which takes back what was not read
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.sendall(request)
            return
        self.whole += 1
        s.sendall(request)
        if kind == "half":
            s.shutdown(socket.SHUT_WR)
        if kind == "while it waits":
            time.sleep(self.rng.random() * 0.3)
        if kind in ("in the answer", "half"):
            for _ in range(self.rng.randrange(1, 6)):
                if not s.recv(400):
                    break


class Disconnects(unittest.TestCase):
    def serving(self, *arguments, wait_ready=True):
        server = Serving(PROGRAM, "-m", BOSUN, "-np", "2", "-c", "2048", "--sse-ping-interval", "0.1", "--cached-prompts", "4", *EXACT, *arguments, wait_ready=wait_ready)
        self.addCleanup(lambda: server.process.poll() is not None or server.stop())
        return server

    def sockets(self, server):
        count = 0
        for one in pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir():
            try:
                count += os.readlink(one).startswith("socket:")
            except FileNotFoundError:
                pass
        return count

    def requests_counted(self, ask):
        return sum(int(n) for n in re.findall(r"^plimsoll_http_requests_total\{route=\"(?!/metrics|/plimsoll|/slots|/health)[^}]*\} (\d+)$", ask("/metrics"), re.M))

    def left(self, server, ask, idle):
        """What is still there of anybody."""
        status, slots = json.loads(ask("/plimsoll/v1/status")), json.loads(ask("/slots"))
        entries = {e["owner"]: e["current"] for e in json.loads(ask("/plimsoll/v1/ledger"))["entries"] if e["owner"] in ("requests", "slots")}
        found = {"leases": sum(m["leases"] for m in status["models"]), "waiting": status["waiting"], "slots at work": sum(s["is_processing"] for s in slots),
                 "at work": int(re.search(r"^plimsoll_http_requests_at_work (\d+)$", ask("/metrics"), re.M)[1]), "sockets": self.sockets(server) - idle, **entries}
        return {what: count for what, count in found.items() if count > 0}

    def go_away(self, server, ask, text_of, drops, context=None):
        """Clients that go, beside three that stay, until that many have gone."""
        idle = self.sockets(server)
        expected = [text_of(body, False) for body in STEADY]
        before = self.requests_counted(ask)
        droppers = [Dropper(server, random.Random(f"{SEED} {i}"), context) for i in range(DROPPERS)]
        over = threading.Event()
        answered = []

        def stay(i):
            streams = False
            while not over.is_set():
                streams = not streams
                text = text_of(STEADY[i], streams)
                answered.append(i)
                self.assertEqual(text, expected[i])

        def go(i):
            for _ in range(drops // DROPPERS):
                droppers[i].drop()

        staying = threading.Thread(target=lambda: answered.append(in_threads(3, stay)))
        staying.start()
        went = in_threads(DROPPERS, go)
        over.set()
        staying.join()
        self.assertEqual([e for e in went + answered.pop() if e is not None], [], f"PLIMSOLL_TEST_SEED={SEED}")
        until = time.monotonic() + 120
        while (left := self.left(server, ask, idle)) and time.monotonic() < until:
            time.sleep(0.02)
        self.assertEqual(left, {}, f"PLIMSOLL_TEST_SEED={SEED}")
        whole = sum(d.whole for d in droppers) + len(answered)
        self.assertGreaterEqual(self.requests_counted(ask) - before, whole, f"PLIMSOLL_TEST_SEED={SEED}")
        # Both slots are there, and what is kept of who went spoils no text.
        self.assertEqual(in_threads(2, lambda i: text_of(STEADY[i], True)), expected[:2])

    def test_nothing_is_left_of_who_goes(self):
        server = self.serving()

        def text_of(body, streams):
            if streams:
                return "".join(choice["text"] for _, event in server.events("/v1/completions", {**body, "stream": True}) if event != "[DONE]" for choice in event["choices"])
            status, answer = server.post("/v1/completions", body)
            self.assertEqual(status, 200, answer)
            return answer["choices"][0]["text"]

        def ask(path):
            connection = server.connection()
            connection.request("GET", path, headers={"Connection": "close"})
            text = connection.getresponse().read().decode()
            connection.close()
            return text

        self.go_away(server, ask, text_of, DROPS)
        self.assertNotIn(" ERROR ", server.log_text())
        self.assertEqual(server.stop(), 0)

    def test_nor_over_tls(self):
        with tempfile.TemporaryDirectory() as folder:
            key, cert = f"{folder}/key.pem", f"{folder}/cert.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert, "-days", "1",
                            "-subj", "/CN=localhost"], check=True, capture_output=True)
            server = self.serving("--ssl-cert-file", cert, "--ssl-key-file", key, wait_ready=False)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

        def talk(method, path, body=b""):
            """Status and body: whole, or as much of a stream as there is before the connection's end."""
            with context.wrap_socket(socket.create_connection((server.host, server.port), timeout=300)) as s:
                s.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                out = b""
                while more := s.recv(65536):
                    out += more
            head, _, rest = out.partition(b"\r\n\r\n")
            if b"chunked" in head:
                rest = re.sub(rb"(?:^|\r\n)[0-9a-f]+\r\n", b"", rest)
            return int(head.split()[1]), rest.decode()

        def text_of(body, streams):
            status, text = talk("POST", "/v1/completions", json.dumps({**body, "stream": streams}).encode())
            self.assertEqual(status, 200, text)
            lines = re.findall(r"^data: (\{.*)$", text, re.M) if streams else [text]
            return "".join(choice["text"] for line in lines for choice in json.loads(line)["choices"])

        while talk("GET", "/health")[0] != 200:
            time.sleep(0.02)
        self.go_away(server, lambda path: talk("GET", path)[1], text_of, DROPS // 3, context)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
