#!/usr/bin/env python3
"""Bodies on their way: what they are charged to, and whose they are. bodies_test.py PROGRAM [unittest arguments]"""
import json
import pathlib
import select
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, Serving, new_folder, process_bytes  # noqa: E402

PROGRAM = sys.argv[1]


class Bodies(unittest.TestCase):
    def serving(self, *arguments):
        server = Serving(PROGRAM, *arguments)
        self.addCleanup(server.stop)
        return server

    def with_room_beside_its_model(self, *arguments):
        """16 MiB; the model is loaded, and stays."""
        shape = ("-m", MATE, "-c", "8192", *SMALL)
        plan = json.loads(subprocess.run([PROGRAM, "plan", *shape, "--json"], capture_output=True, text=True, check=True).stdout)
        needed = next(d["required"] for d in plan["devices"] if d["device"] == "CPU") + process_bytes(PROGRAM)
        server = self.serving(*shape, "--budget", f"CPU={needed + (16 << 20)}", *arguments)
        self.assertEqual(server.post("/v1/completions", {"prompt": "x", "max_tokens": 1})[0], 200)
        return server

    def test_what_is_made_of_a_body_is_charged_before_it_is_read(self):
        """There is room for the body, and none for what its JSON takes: whether it is JSON is not even looked at."""
        server = self.with_room_beside_its_model()
        body = b"[" + b"0," * (3 << 20)
        for path in ("/v1/chat/completions", "/v1/embeddings", "/v1/messages/count_tokens"):
            status, headers, answer = server.request("POST", path, body)
            self.assertEqual(status, 413, answer)  # to come again would be in vain
            self.assertNotIn("Retry-After", headers)
        self.assertEqual(server.post("/v1/completions", {"prompt": "x", "max_tokens": 1})[0], 200)

    def test_chunks_are_charged_as_they_arrive(self):
        """Where nobody is to read them, as the largest body."""
        server = self.with_room_beside_its_model("--max-body", "128MiB")
        # A process of models is planned larger than it proves to be: more is left then than was asked for.
        device, = server.get("/plimsoll/v1/status")[1]["devices"]
        most = (device["headroom"] >> 20) + 44
        head = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        small = json.dumps({"prompt": "x", "max_tokens": 1}).encode()
        body = lambda text: b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text)
        self.assertIn(b" 200 ", server.raw(head.format("/v1/completions").encode() + body(small)).split(b"\r\n")[0])
        self.assertIn(b" 413 ", server.raw(head.format("/v1/nowhere").encode() + body(small)).split(b"\r\n")[0])
        with socket.create_connection((server.host, server.port), timeout=300) as s:
            s.sendall(head.format("/v1/completions").encode())
            chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
            sent = 0
            s.setblocking(False)
            while not select.select([s], [], [], 0)[0] and sent < most:  # until it is told that there is no room
                data = chunk
                while data and not select.select([s], [], [], 0)[0]:
                    select.select([s], [s], [], 1)
                    try:
                        data = data[s.send(data):]
                    except (BlockingIOError, ConnectionError):
                        pass
                sent += 1
            s.setblocking(True)
            s.settimeout(300)
            self.assertIn(b" 503 ", s.recv(65536).split(b"\r\n")[0])
        self.assertLess(sent, most)

    def test_a_key_that_goes_while_a_body_arrives_lets_nobody_in(self):
        folder = new_folder(self)
        keys = folder / "keys"
        keys.write_text("plain-one\n")
        server = self.serving("-m", BOSUN, "-c", 512, "--api-key-file", keys, *SMALL)
        bearer = {"Authorization": "Bearer plain-one"}
        body = json.dumps({"prompt": "Day 1.", "max_tokens": 2}).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\nAuthorization: Bearer plain-one\r\nConnection: close\r\n"
        with socket.create_connection((server.host, server.port), timeout=300) as s:
            s.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n" + body[:5])
            self.assertIn(b"100", s.recv(1024))
            keys.write_text("plain-two\n")
            self.assertEqual(server.post("/plimsoll/v1/reload", {}, bearer)[0], 200)
            s.sendall(body[5:])
            answer = b""
            while chunk := s.recv(65536):
                answer += chunk
        self.assertRegex(answer, rb"HTTP/1.1 401 ")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
