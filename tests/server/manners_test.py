#!/usr/bin/env python3
"""Keys, limits, bad input, clients that go away. manners_test.py PROGRAM [unittest arguments]"""
import json
import os
import pathlib
import re
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase  # noqa: E402

ServedCase.program = sys.argv[1]


class Manners(ServedCase):
    arguments = ("-m", BOSUN, "-m", MATE, "-np", "2", "-c", "512", "--api-key", "starboard", "--api-key", "larboard",
                 "--max-body", "64KiB", "--max-connections", "64", *SMALL)
    KEY = {"Authorization": "Bearer starboard"}

    def ask(self, body, headers=None, path="/v1/completions"):
        return self.server.post(path, body, headers if headers is not None else self.KEY)

    def test_who_has_no_key_gets_nothing(self):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "starboard"}, {"Authorization": "Bearer "}, {"x-api-key": "starboardx"}):
            self.refused(self.ask({"prompt": "x"}, headers), 401, "API key")
        self.refused(self.server.post("/v1/messages", {}), 401, "API key")
        self.refused(self.server.post("/plimsoll/v1/models/bosun-log/unload"), 401, "API key", "plimsoll")
        for path in ("/v1/models", "/metrics", "/plimsoll/v1/status", "/props"):
            self.assertEqual(self.server.get(path)[0], 401, path)
        self.assertEqual(self.server.get("/health")[0], 200)
        for headers in (self.KEY, {"Authorization": "Bearer larboard"}, {"x-api-key": "starboard"}):
            self.assertEqual(self.ask({"prompt": "Day 1.", "max_tokens": 2}, headers)[0], 200)

    def test_prompts_in_memory_are_of_ones_own_key(self):
        body = {"model": "bosun-log", "prompt": "Day 77. The secret of the hold is known to nobody.", "max_tokens": 2, "temperature": 0}
        cached = lambda headers: self.ask(body, headers)[1]["usage"]["prompt_tokens_details"]["cached_tokens"]
        self.assertLess(cached(self.KEY), 4)
        self.assertGreater(cached(self.KEY), 10)
        self.assertLess(cached({"Authorization": "Bearer larboard"}), 4)

    def test_bad_json_is_answered_with_a_sentence(self):
        for body, words in [(b"", "JSON"), (b"{", "JSON"), (b"[1]", "must be a JSON object"), (b'{"prompt": NaN}', "JSON"), (b'{"prompt": "\xff\xfe"}', "JSON"),
                            (b'{"prompt":' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper"), (b'{"prompt": "x", "max_tokens": 1e999}', "JSON|max_tokens"),
                            (b'{"prompt": "x", "max_tokens": -5}', "max_tokens"), (b'{"prompt": {"x": 1}}', "prompt"), (b'{"prompt": [1.5]}', "token ids"),
                            (b'{"prompt": [999999999]}', "token"), (json.dumps({"prompt": "x", "logit_bias": {str(i): 1 for i in range(3000)}}).encode(), "1024 members")]:
            with self.subTest(body[:40]):
                self.refused(self.ask(body), 400, words)

    def test_a_body_that_is_too_large(self):
        status, body = self.ask({"prompt": "x" * 70000})
        self.assertEqual(status, 413, body)

    def test_schemas_that_explode_are_refused_in_time(self):
        inner = {"type": "string", "maxLength": 10**9}
        chain = {"$defs": {f"d{i}": {"$ref": f"#/$defs/d{i + 1}", "properties": {"a": {"$ref": f"#/$defs/d{i + 1}", "type": "object"}}} for i in range(40)} | {"d40": {"type": "object"}}, "$ref": "#/$defs/d0", "type": "object"}
        for schema in (chain, {"type": "array", "items": inner, "minItems": 10**6}, {"type": "string", "pattern": "(" * 5000}, {"$ref": "#"}, {"type": "string", "pattern": "(a{1000}){1000}"},
                       {"type": "object", "properties": {f"p{i}": inner for i in range(800)}}):
            before = self.server.cpu_seconds()
            status, body = self.ask({"model": "bosun-log", "prompt": "x", "max_tokens": 1, "json_schema": schema})
            self.assertIn(status, (200, 400), body)
            self.assertLess(self.server.cpu_seconds() - before, 20, str(schema)[:60])

    def test_no_such_route_and_no_such_method(self):
        self.refused(self.server.request("GET", "/v1/nothing", headers=self.KEY)[::2], 404, "no GET /v1/nothing")
        self.assertEqual(self.server.request("DELETE", "/v1/models", headers=self.KEY)[0], 405)
        self.assertEqual(self.server.request("GET", "/../../etc/passwd", headers=self.KEY)[0], 404)
        self.assertEqual(self.server.get("/v1/models/..%2f..%2fetc%2fpasswd", self.KEY)[0], 404)

    def test_a_nul_is_in_no_name(self):
        """C would read a name to there, and mean another one."""
        for method, path in (("GET", "/v1/models/bosun-log%00"), ("GET", "/v1/models/bosun-log%00x"), ("GET", "/props?model=bosun-log%00"), ("GET", "/%00"),
                             ("POST", "/v1/completions%00"), ("POST", "/slots/0%00?action=erase")):
            self.refused(self.server.request(method, path, {"prompt": "x"} if method == "POST" else None, self.KEY)[::2], 400, "has a NUL character")
        self.refused(self.server.request("POST", "/plimsoll/v1/models/bosun-log%00/unload", {}, self.KEY)[::2], 400, "has a NUL character", "plimsoll")
        self.refused(self.ask({"model": "bosun-log\0", "prompt": "x"}), 404, r"there is no model 'bosun-log\\0' here")
        self.assertEqual(self.ask({"prompt": "a\0b", "max_tokens": 1})[0], 200)  # in a text it is a character like others

    def test_one_request_is_not_two(self):
        head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        inner = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer starboard\r\n\r\n"
        # Refused without a key: what follows is not read as a request of its own.
        out = self.server.raw(head + b"Content-Length: %d\r\n\r\n" % len(inner) + inner)
        self.assertEqual(out.count(b"HTTP/1.1 "), 1, out)
        # Two lengths, or a length beside chunks: never two answers of which the second is 200.
        for framing in (b"Content-Length: 2\r\nContent-Length: 40\r\n", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"):
            out = self.server.raw(head + b"Authorization: Bearer starboard\r\n" + framing + b"\r\n{}" + inner)
            self.assertNotIn(b'"object":"list"', out)

    def test_a_client_that_goes_away_frees_its_slot(self):
        held = []
        for _ in range(2):
            connection = self.server.connection()
            body = {"model": "bosun-log", "prompt": "Day 5.", "max_tokens": 100000, "ignore_eos": True, "stream": True, "logit_bias": {}}
            connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json", **self.KEY})
            held.append((connection, connection.getresponse()))
        leases = lambda: next(m["leases"] for m in self.server.get("/plimsoll/v1/status", self.KEY)[1]["models"] if m["name"] == "bosun-log")
        for connection, answer in held:
            answer.close()
            connection.close()
        self.assertEqual(self.ask({"model": "bosun-log", "prompt": "Day 6.", "max_tokens": 2})[0], 200)
        until = time.monotonic() + 60
        while leases() > 0 and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(leases(), 0)

    def test_a_client_that_closes_its_half_still_gets_its_answer(self):
        key = {"Authorization": "Bearer starboard"} if "--api-key" in self.arguments else {}
        for streams in (False, True):
            body = json.dumps({"prompt": "Day 1.", "max_tokens": 200, "ignore_eos": True, "stream": streams})
            head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", "Content-Length": len(body), **key}.items())
            with socket.create_connection((self.server.host, self.server.port), timeout=120) as s:
                s.sendall(f"POST /v1/completions HTTP/1.1\r\n{head}\r\n{body}".encode())
                s.shutdown(socket.SHUT_WR)
                answer = b""
                while chunk := s.recv(65536):
                    answer += chunk
            self.assertIn(b"HTTP/1.1 200", answer)
            self.assertIn(b'"finish_reason":"length"', answer.replace(b" ", b""))

    def test_what_it_has_open_closes_where_another_program_begins(self):
        self.server.get("/health")
        process = pathlib.Path(f"/proc/{self.server.process.pid}")
        names = {}
        for one in (process / "fdinfo").iterdir():
            try:
                flags = int(re.search(r"flags:\s+(\d+)", one.read_text())[1], 8)
                if int(one.name) > 2 and not flags & os.O_CLOEXEC:
                    names[one.name] = os.readlink(process / "fd" / one.name)
            except FileNotFoundError:  # a connection of another test that the server closes meanwhile
                pass
        self.assertEqual({d: n for d, n in names.items() if not n.startswith("/dev/")}, {})

    def test_idle_and_half_open_connections_hold_nobody_up(self):
        idle = [socket.create_connection((self.server.host, self.server.port)) for _ in range(30)]
        slow = [socket.create_connection((self.server.host, self.server.port)) for _ in range(10)]
        for s in slow:
            s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nAuthorization: Bearer starboard\r\n\r\n{")
        self.assertEqual(self.ask({"prompt": "Day 1.", "max_tokens": 2})[0], 200)
        for s in idle + slow:
            s.close()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
