#!/usr/bin/env python3
"""HTTP as it comes: encoded bodies, forms, chunks, old versions, odd methods, pages of other origins. http_test.py PROGRAM [unittest arguments]"""
import gzip
import json
import pathlib
import socket
import sys
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import MATE, SMALL, ServedCase  # noqa: E402

ServedCase.program = sys.argv[1]
PATH = "/v1/chat/completions"
CHAT = {"messages": [{"role": "user", "content": "Who is the captain?"}], "max_tokens": 3, "temperature": 0}
PAGE = "http://localhost:3000"


class Http(ServedCase):
    arguments = ("-m", MATE, "-np", "2", "-c", "2048", "--cors-origin", PAGE, "--max-body", "64KiB", *SMALL)

    def send(self, headers, body, version="1.1", method="POST", path=PATH, host="localhost"):
        """A request as it is written here, with Content-Length where nothing else says how long it is; status, headers, body."""
        lines = [f"{method} {path} HTTP/{version}", *([f"Host: {host}"] if host else []), *(f"{k}: {v}" for k, v in headers.items())]
        if body is not None and not {"Content-Length", "Transfer-Encoding"} & headers.keys():
            lines.append(f"Content-Length: {len(body)}")
        out = self.server.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""), until_closed=False)
        while out.startswith(b"HTTP/1.1 100 "):
            out = out.partition(b"\r\n\r\n")[2]
        head, _, rest = out.partition(b"\r\n\r\n")
        first, *fields = head.decode().split("\r\n")
        return int(first.split()[1]), {k.lower(): v for k, v in (f.split(": ", 1) for f in fields)}, rest

    def post(self, body, close=True, **headers):
        return self.send({"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}, **({"Connection": "close"} if close else {})}, body)

    def says(self, answer, status, words):
        self.assertEqual(answer[0], status, answer)
        self.assertRegex(json.loads(answer[2])["error"]["message"], words)

    def test_encoded_bodies_are_decoded(self):
        text = json.dumps(CHAT).encode()
        for encoding, body in (("gzip", gzip.compress(text)), ("x-gzip", gzip.compress(text)), ("deflate", zlib.compress(text)), ("identity", text), ("GZIP", gzip.compress(text))):
            status, _, answer = self.post(body, Content_Encoding=encoding)
            self.assertEqual(status, 200, (encoding, answer))
            self.assertTrue(json.loads(answer)["choices"][0]["message"]["content"])

    def test_what_cannot_be_read_is_told_by_its_name(self):
        text = json.dumps(CHAT).encode()
        self.says(self.post(text, Content_Encoding="gzip"), 400, "cannot be decoded as the gzip")
        self.says(self.post(text, Content_Encoding="lzma"), 415, "'lzma' is not read here; it may be plain or gzip")
        bomb = gzip.compress(b'{"prompt": "' + b"a" * (1 << 20) + b'"}')
        self.says(self.post(bomb, Content_Encoding="gzip"), 413, "larger than the 64.0 KiB")
        parts = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nmate\r\n--x--\r\n'
        for kind in ("multipart/form-data; boundary=x", "multipart/form-data"):
            self.says(self.post(parts, Content_Type=kind), 415, "multipart/form-data is not read here; send JSON")

    def test_curl_calls_json_a_form(self):
        long = {**CHAT, "messages": [{"role": "user", "content": "Aye. " * 100}], "metadata": {"x": "y" * 20_000}}
        for kind in ("application/x-www-form-urlencoded", "text/plain", "application/octet-stream"):
            status, _, answer = self.post(json.dumps(long).encode(), Content_Type=kind)
            self.assertEqual(status, 200, (kind, answer))
        self.says(self.post(b"x" * 70_000, Content_Type="application/x-www-form-urlencoded"), 413, "64.0 KiB")
        self.assertEqual(self.send({"Connection": "close"}, json.dumps(CHAT).encode())[0], 200)

    def test_chunks(self):
        text = json.dumps(CHAT).encode()
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (text[:10], text[10:])) + b"0\r\n\r\n"
        self.assertEqual(self.post(chunks, Transfer_Encoding="chunked")[0], 200)
        self.says(self.post(b"zz\r\n" + text + b"\r\n0\r\n\r\n", Transfer_Encoding="chunked"), 400, "chunks are damaged")

    def test_who_asks_first_whether_to_send_is_told_to(self):
        status, _, answer = self.post(json.dumps(CHAT).encode(), Expect="100-continue")
        self.assertEqual(status, 200, answer)

    def test_http_1_0_has_no_chunks(self):
        stream = json.dumps({**CHAT, "stream": True}).encode()
        for headers in ({}, {"Connection": "Keep-Alive"}):
            status, told, events = self.send({"Content-Type": "application/json", **headers}, stream, version="1.0")
            self.assertEqual(status, 200)
            self.assertNotIn("transfer-encoding", told)
            self.assertTrue(events.startswith(b"data: {"), events[:80])
            self.assertTrue(events.rstrip().endswith(b"data: [DONE]"), events[-80:])
            self.assertEqual("content-length" in told, bool(headers))  # else the connection's end is the stream's
        self.assertEqual(self.send({"Content-Type": "application/json"}, json.dumps(CHAT).encode(), version="1.0")[0], 200)

    def test_a_proxys_way_to_write_a_path(self):
        status, _, answer = self.send({"Connection": "close"}, None, method="GET", path="http://localhost:8080/v1/models")
        self.assertEqual(status, 200, answer)

    def test_requests_that_are_none(self):
        self.says(self.send({"Connection": "close"}, None, method="BREW"), 501, "method of HTTP is unknown")
        self.says(self.send({"Connection": "close"}, None, method="GET", path="/v1/models?" + "x" * 9000), 414, "longer than 8 KiB")
        for headers in ({f"X-{i}": "y" for i in range(150)}, {"X": "y" * 9000}):
            self.says(self.send({**headers, "Connection": "close"}, None, method="GET", path="/v1/models"), 400, "8 KiB")
        self.says(self.send({"Content-Length": "-5", "Connection": "close"}, b"{}"), 400, "Content-Length")
        status, headers, _ = self.send({"Connection": "close"}, b"{}", method="PUT")
        self.assertEqual((status, headers["allow"]), (405, "OPTIONS, POST"))

    def test_a_body_that_is_announced_too_large_is_refused_before_it_comes(self):
        """It never comes: the library would wait for it, half a minute for each piece."""
        for length in (70_000, 10**12, 2**64 + 2):
            with socket.create_connection((self.server.host, self.server.port), timeout=20) as s:
                s.sendall(f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
                self.assertTrue(s.recv(1000).startswith(b"HTTP/1.1 413 "), length)

    def test_what_follows_what_is_refused_is_no_request(self):
        """Behind a proxy the second answer would be somebody else's."""
        head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\n".encode()
        for request in (b"BREW /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n", head + b"Content-Length : 60\r\n\r\n",
                        head + b"X: y\r\n Content-Length: 60\r\n\r\n", head + b"Transfer-Encoding: gzip\r\n\r\n", head + b"Content-Length: 0x60\r\n\r\n"):
            with socket.create_connection((self.server.host, self.server.port), timeout=120) as s:
                s.sendall(request)
                out = s.recv(65536)
                try:
                    s.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    s.shutdown(socket.SHUT_WR)
                    while more := s.recv(65536):
                        out += more
                except OSError:  # it has closed
                    pass
            self.assertEqual(out.count(b"HTTP/1.1 "), 1, (request, out))

    def test_answers_have_no_parts(self):
        stream = json.dumps({**CHAT, "stream": True}).encode()
        for body in (json.dumps(CHAT).encode(), stream):
            status, told, answer = self.post(body, Range="bytes=0-3")
            self.assertEqual(status, 200, answer)
            self.assertGreater(len(answer), 100)

    def test_no_client_writes_lines_of_the_log(self):
        self.send({"Connection": "close"}, None, method="GET", path="/v1/models\nforged")
        self.says(self.send({"Connection": "close"}, b"{}", path="/slots/0%0Aforged?action=save"), 400, "there is no slot")
        log = self.server.log_text()
        self.assertIn("/v1/models\\nforged 404", log)
        self.assertEqual([line for line in log.split("\n") if line.startswith("forged")], [])

    def test_a_page_of_another_origin_asks_first(self):
        asked = ", ".join(["authorization", "content-type", "x-api-key", "anthropic-version", "anthropic-beta", "anthropic-dangerous-direct-browser-access"]
                          + [f"x-stainless-{name}" for name in ("arch", "lang", "os", "package-version", "retry-count", "runtime", "runtime-version", "timeout", "helper-method")])
        for path in (PATH, "/v1/messages", "/api/chat", "/v1/models"):
            status, told, _ = self.send({"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked,
                                         "Access-Control-Request-Private-Network": "true", "Connection": "close"}, None, method="OPTIONS", path=path)
            self.assertEqual(status, 200)
            self.assertEqual((told["access-control-allow-origin"], told["access-control-allow-headers"], told["access-control-allow-private-network"]), (PAGE, asked, "true"))
            self.assertIn("POST", told["access-control-allow-methods"])
        status, told, _ = self.post(json.dumps(CHAT).encode(), Origin=PAGE)
        self.assertEqual(status, 200)
        self.assertIn("x-request-id", told["access-control-expose-headers"])
        status, told, _ = self.send({"Origin": "https://evil.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true",
                                     "Connection": "close"}, None, method="OPTIONS")
        self.assertFalse([name for name in told if name.startswith("access-control-")])
        self.says(self.post(json.dumps(CHAT).encode(), Origin="https://evil.example"), 403, "other origins")

    def test_an_answer_may_be_gone_on_from(self):
        ask = lambda **body: self.server.post("/v1/responses", {"max_output_tokens": 8, "temperature": 0, **body})
        first = ask(input="Who is the captain?")[1]
        status, second = ask(input="Where?", previous_response_id=first["id"])
        self.assertEqual((status, second["previous_response_id"]), (200, first["id"]), second)
        whole = ask(input=[{"role": "user", "content": "Who is the captain?"}, *first["output"], {"role": "user", "content": "Where?"}])[1]
        self.assertEqual(second["output"][0]["content"], whole["output"][0]["content"])
        self.assertEqual(second["usage"]["input_tokens"], whole["usage"]["input_tokens"])
        third = ask(input="And when?", previous_response_id=second["id"])[1]
        self.assertGreater(third["usage"]["input_tokens"], second["usage"]["input_tokens"])
        streamed = [data for _, data in self.server.events("/v1/responses", {"input": "When?", "previous_response_id": third["id"], "max_output_tokens": 4, "stream": True})]
        self.assertEqual(ask(input="Go on.", previous_response_id=streamed[-1]["response"]["id"])[0], 200)
        for gone in ("resp_none", ask(input="Who?", store=False)[1]["id"]):
            error = self.refused(ask(input="Where?", previous_response_id=gone), 400, "is not .or no more. kept here: send the whole conversation")
            self.assertEqual((error["code"], error["param"]), ("previous_response_not_found", "previous_response_id"))

    def test_an_answer_is_given_again_and_forgotten(self):
        body = {"input": "Who is the captain?", "max_output_tokens": 8, "temperature": 0}
        first = self.server.post("/v1/responses", body)[1]
        self.assertEqual(self.server.get("/v1/responses/" + first["id"]), (200, first))
        streamed = [data for _, data in self.server.events("/v1/responses", {**body, "stream": True})][-1]["response"]
        self.assertEqual(self.server.get("/v1/responses/" + streamed["id"]), (200, streamed))
        path = "/v1/responses/" + first["id"]
        status, _, told = self.server.request("DELETE", path)
        self.assertEqual((status, told), (200, {"id": first["id"], "object": "response", "deleted": True}))
        for gone in (path, "/v1/responses/resp_none", "/v1/responses/" + self.server.post("/v1/responses", {**body, "store": False})[1]["id"]):
            self.refused(self.server.get(gone), 404, "is not .or no more. kept here")
            self.assertEqual(self.server.request("DELETE", gone)[0], 404)
        self.refused(self.server.post("/v1/responses", {**body, "previous_response_id": first["id"]}), 400, "not .or no more. kept here")
        reference = {"type": "item_reference", "id": first["output"][0]["id"]}
        self.assertEqual(self.server.post("/v1/responses", {**body, "input": [reference, {"role": "user", "content": "Where?"}]})[0], 400)

    def test_items_of_an_answer_may_be_referred_to(self):
        first = self.server.post("/v1/responses", {"input": "Who is the captain?", "max_output_tokens": 8})[1]
        reference = {"type": "item_reference", "id": first["output"][0]["id"]}
        question = [{"role": "user", "content": "Who is the captain?"}]
        again = {"input": [*question, reference, {"role": "user", "content": "Where?"}], "max_output_tokens": 8, "temperature": 0}
        whole = {**again, "input": [*question, first["output"][0], again["input"][2]]}
        status, referring = self.server.post("/v1/responses", again)
        self.assertEqual(status, 200, referring)
        self.assertEqual(referring["output"][0]["content"], self.server.post("/v1/responses", whole)[1]["output"][0]["content"])
        self.assertEqual(self.server.post("/v1/responses/input_tokens", again)[1], self.server.post("/v1/responses/input_tokens", whole)[1])
        events = dict(self.server.events("/v1/responses", {"input": "Who?", "max_output_tokens": 4, "stream": True}))
        streamed = events["response.incomplete"]["response"]["output"][0]["id"]
        self.assertEqual(self.server.post("/v1/responses", {**again, "input": [{**reference, "id": streamed}, *question]})[0], 200)
        secret = self.server.post("/v1/responses", {"input": "Who?", "max_output_tokens": 4, "store": False})[1]["output"][0]["id"]
        self.refused(self.server.post("/v1/responses", {**again, "input": [{**reference, "id": secret}, *question]}), 400, 'send it whole.*"store": false')


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
