#!/usr/bin/env python3
"""What clients see of an answer whose server breaks off behind HAProxy, with the configuration that `plimsoll place` writes and
servers that only say what a test wants. broken_streams_test.py PROGRAM; packages: scripts/packages/cluster.txt"""
import http.client
import json
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import openai

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
ROOT = pathlib.Path(__file__).resolve().parents[2]
WORDS = "the server of this model has broken off in the middle of its answer"


def event(value, name=None):
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(value, separators=(',', ':'))}\n\n"


class Scripted:
    """A server that answers each request with headers and chunks, and then ends as the test says."""

    def __init__(self):
        self.kind, self.chunks, self.end, self.whole = "text/event-stream", [], "reset", False
        self.go_on = threading.Event()  # behind the first chunk
        self.may_end = threading.Event()  # behind the last one
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                self.answer(connection)
            except ConnectionError:  # HAProxy leaves health checks that way
                pass

    def answer(self, connection):
        reader = connection.makefile("rb")
        while head := reader.readline():
            length = 0
            while (line := reader.readline().strip()):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)
            if b" /health" in head:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}")
                continue
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {self.kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
            for number, chunk in enumerate(self.chunks):
                data = chunk.encode()
                connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))
                if number == 0:
                    self.go_on.wait(30)
            if self.whole:
                connection.sendall(b"0\r\n\r\n")
                continue
            self.may_end.wait(30)
            if self.end == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            reader.close()
            connection.close()
            return


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class BrokenStreams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        folder = pathlib.Path(cls.temporary.name)
        cls.server, cls.port = Scripted(), free_port()
        cls.addClassCleanup(cls.server.listening.close)
        (folder / "cluster.toml").write_text(
            f'[serve]\nport = {cls.server.port}\nfront-port = {cls.port}\n[[node]]\nname = "here"\naddress = "127.0.0.1"\nhost = "1GiB"\n'
            f'[[model]]\nname = "log"\npath = "{ROOT}/models/demo/bosun-log.gguf"\nctx-size = 1024\nkinds = ["host"]\n')
        subprocess.run([PROGRAM, "place", folder / "cluster.toml", "--render", "haproxy", "--write", folder], check=True, timeout=300,
                       stdout=subprocess.DEVNULL, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"})
        cls.log = open(folder / "haproxy.log", "w+")
        cls.addClassCleanup(cls.log.close)
        cls.haproxy = subprocess.Popen(["haproxy", "-W", "-f", folder / "haproxy/haproxy.cfg"], stdout=cls.log, stderr=cls.log)
        cls.addClassCleanup(cls.end_haproxy)
        cls.server.chunks, cls.server.whole = ["x"], True
        cls.server.go_on.set()
        until(cls.is_up)

    @classmethod
    def is_up(cls):
        try:
            return cls.ask()[0] == 200
        except ConnectionRefusedError:
            return False

    @classmethod
    def end_haproxy(cls):
        cls.haproxy.kill()
        cls.haproxy.wait()

    def setUp(self):
        self.server.kind, self.server.end, self.server.whole = "text/event-stream", "reset", False
        self.server.go_on.set()

    @classmethod
    def ask(cls, path="/v1/chat/completions", connection=None):
        """Status, what was read of the answer, and whether it came to its end. The server breaks off once all was read."""
        mine = None if connection else http.client.HTTPConnection("127.0.0.1", cls.port, timeout=60)
        connection, text, whole = connection or mine, "", True
        cls.server.may_end.clear()
        connection.request("POST", path, json.dumps({"model": "log"}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        try:
            while part := answer.read1(65536):
                text += part.decode()
                if len(text) >= len("".join(cls.server.chunks)):
                    cls.server.may_end.set()
        except (http.client.IncompleteRead, ConnectionError):
            whole = False
        if mine:
            mine.close()
        return answer.status, text, whole

    def test_each_api_gets_its_own_error(self):
        piece = event({"number": 1})
        shapes = {
            "/v1/chat/completions": event({"error": {"message": WORDS, "type": "server_error", "param": None, "code": "bad_gateway"}}),
            "/completion": event({"error": {"message": WORDS, "type": "server_error", "param": None, "code": "bad_gateway"}}),
            "/v1/messages": event({"type": "error", "error": {"type": "api_error", "message": WORDS}}, "error"),
        }
        for path, last in shapes.items():
            for self.server.end in ("reset", "close"):
                with self.subTest(path, end=self.server.end):
                    self.server.chunks = [piece, piece]
                    self.assertEqual(self.ask(path), (200, piece + piece + last, False))

    def test_responses_are_numbered_on(self):
        self.server.chunks = [event({"type": "a", "sequence_number": 6}, "a"), event({"type": "b", "sequence_number": 7}, "b")]
        _, text, whole = self.ask("/v1/responses")
        self.assertFalse(whole)
        self.assertEqual(text, "".join(self.server.chunks) + event({"type": "error", "sequence_number": 8, "code": "bad_gateway", "message": WORDS, "param": None}, "error"))

    def test_ollama_gets_a_line(self):
        self.server.kind, self.server.chunks = "application/x-ndjson", ['{"response":"a"}\n', '{"response":"b"}\n']
        self.assertEqual(self.ask("/api/generate"), (200, '{"response":"a"}\n{"response":"b"}\n{"error":"' + WORDS + '"}\n', False))

    def test_openais_client_raises_it(self):
        self.server.chunks = [event({"id": "1", "object": "text_completion", "created": 1, "model": "log", "choices": [{"index": 0, "text": "a", "finish_reason": None, "logprobs": None}]})]
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key="none", max_retries=0, timeout=60)
        self.server.may_end.clear()
        stream = client.completions.create(model="log", prompt="The", stream=True)
        self.addCleanup(stream.close)
        self.assertEqual(next(stream).choices[0].text, "a")
        self.server.may_end.set()
        with self.assertRaisesRegex(openai.APIError, WORDS) as raised:
            next(stream)
        self.assertEqual(raised.exception.code, "bad_gateway")

    def test_behind_half_an_event_nothing_is_written(self):
        self.server.chunks = [event({"number": 1}), 'data: {"numb']
        self.assertEqual(self.ask(), (200, "".join(self.server.chunks), False))

    def test_an_answer_that_is_no_stream_stays_cut(self):
        self.server.kind, self.server.chunks = "application/json", ['{"choices":', "["]
        self.assertEqual(self.ask(), (200, '{"choices":[', False))

    def test_what_comes_whole_is_as_it_was(self):
        self.server.whole = True
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.addCleanup(connection.close)
        for kind in ("text/event-stream", "application/x-ndjson", "application/json", "text/event-stream"):
            self.server.kind, self.server.chunks = kind, [event({"number": n}) for n in range(50)]
            self.assertEqual(self.ask(connection=connection), (200, "".join(self.server.chunks), True))

    def test_a_client_that_has_closed_its_half_gets_the_stream_alone(self):
        self.server.whole, self.server.chunks = True, [event({"number": n}) for n in range(20)]
        self.server.go_on.clear()
        body = b'{"model":"log"}'
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            text = b""
            while b"number" not in text:
                text += client.recv(65536)
            client.shutdown(socket.SHUT_WR)
            for _ in range(5):  # HAProxy has looked at its connections since
                front = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                front.request("GET", "/health")
                self.assertEqual(front.getresponse().status, 200)
                front.close()
            self.server.go_on.set()
            while part := client.recv(65536):
                text += part
        self.assertNotIn(WORDS.encode(), text)
        self.assertIn(b'"number":19', text)


def until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(0.1)  # between two looks


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:], verbosity=2)
