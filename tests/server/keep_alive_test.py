#!/usr/bin/env python3
"""Answers that are long in coming: heartbeats, and which status they have. keep_alive_test.py PROGRAM [unittest arguments]"""
import json
import pathlib
import socket
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, Serving  # noqa: E402

PROGRAM = sys.argv[1]
HEADERS = {"Content-Type": "application/json"}
CHAT = {"messages": [{"role": "user", "content": "Who is the captain?"}], "max_tokens": 4, "temperature": 0}


class KeepAlive(unittest.TestCase):
    def serving(self, *arguments, model=MATE, context=32768):
        server = Serving(PROGRAM, "-m", model, "-c", context, "-np", 1, *SMALL, *arguments)
        self.addCleanup(lambda: server.process.poll() is not None or server.stop())
        return server

    def begin(self, server, path, body):
        connection = server.connection()
        connection.request("POST", path, json.dumps(body), HEADERS)
        self.addCleanup(connection.close)
        return connection

    def hold(self, server):
        """Takes the only slot; the connection that gives it back when it is closed."""
        connection = server.hold()
        self.addCleanup(connection.close)
        return connection

    def test_a_stream_that_waits_has_its_headers_and_comments(self):
        server = self.serving("--sse-ping-interval", 0.05)
        holder = self.hold(server)
        answer = self.begin(server, "/v1/chat/completions", {**CHAT, "stream": True}).getresponse()
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "text/event-stream"))
        self.assertEqual([answer.readline() for _ in range(6)], [b":\n", b"\n"] * 3)
        holder.close()
        lines = answer.read().decode().split("\n\n")
        events = [line for line in lines if line and line != ":"]
        self.assertEqual(events[-1], "data: [DONE]")
        self.assertTrue(all(event.startswith("data: ") for event in events), events)

    def test_anthropics_clients_are_pinged(self):
        server = self.serving("--sse-ping-interval", 0.05)
        holder = self.hold(server)
        answer = self.begin(server, "/v1/messages", {**CHAT, "stream": True}).getresponse()
        self.assertEqual(answer.readline(), b"event: ping\n")
        self.assertEqual(json.loads(answer.readline()[len("data: "):]), {"type": "ping"})
        holder.close()
        self.assertIn("event: message_stop", answer.read().decode())

    def test_ollamas_lines_begin_with_spaces(self):
        server = self.serving("--sse-ping-interval", 0.05)
        holder = self.hold(server)
        answer = self.begin(server, "/api/chat", {"messages": CHAT["messages"], "options": {"num_predict": 4}}).getresponse()
        self.assertEqual(answer.read(2), b"  ")
        holder.close()
        lines = answer.read().decode().splitlines()
        self.assertTrue(json.loads(lines[-1])["done"])
        self.assertTrue(all(json.loads(line) for line in lines), "each line is JSON, and none is empty")

    def test_a_long_prompt_is_read_with_comments(self):
        server = self.serving("--sse-ping-interval", 0.002)
        text = self.begin(server, "/v1/completions", {"prompt": "sails and ropes " * 800, "max_tokens": 1, "stream": True}).getresponse().read().decode()
        self.assertTrue(text.startswith(":\n\n"), text[:100])
        self.assertTrue(text.endswith("data: [DONE]\n\n"))

    def test_a_request_may_say_how_often_itself(self):
        server = self.serving()
        holder = self.hold(server)
        answer = self.begin(server, "/v1/chat/completions", {**CHAT, "stream": True, "sse_ping_interval": 1}).getresponse()
        self.assertEqual(answer.readline(), b":\n")
        holder.close()
        self.assertEqual(server.post("/v1/chat/completions", {**CHAT, "sse_ping_interval": "often"})[0], 400)

    def test_a_streams_headers_do_not_wait_for_anything(self):
        server = self.serving("--sse-ping-interval", 3600)
        holder = self.hold(server)
        for path, body, kind in (("/v1/chat/completions", {**CHAT, "stream": True}, "text/event-stream"), ("/v1/messages", {**CHAT, "stream": True}, "text/event-stream"),
                                 ("/v1/responses", {"input": "Who?", "max_output_tokens": 4, "stream": True}, "text/event-stream"),
                                 ("/completion", {"prompt": "Day 1.", "n_predict": 4, "stream": True}, "text/event-stream"),
                                 ("/api/chat", {"messages": CHAT["messages"], "options": {"num_predict": 4}}, "application/x-ndjson")):
            with self.subTest(path):
                connection = self.begin(server, path, body)
                connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # its end is no half-closed connection
                answer = connection.getresponse()  # in an hour the first comment would come
                self.assertEqual((answer.status, answer.getheader("Content-Type").split(";")[0]), (200, kind))
                self.assertEqual(server.get("/plimsoll/v1/status")[1]["waiting"], 1)
                answer.close()
                connection.close()
                while server.get("/plimsoll/v1/status")[1]["waiting"] > 0:  # it is seen to have gone
                    time.sleep(0.01)
        holder.close()

    def test_what_is_certain_before_anything_waits_has_its_own_status(self):
        server = self.serving("--max-queue", 1)
        self.hold(server)
        for status, wrong in ((400, {"max_tokens": -5}), (400, {"messages": []}), (400, {"grammar": "no grammar"}), (400, {"messages": [{"role": "user", "content": "sail " * 40000}]})):
            self.assertEqual(server.post("/v1/chat/completions", {**CHAT, **wrong, "stream": True})[0], status, wrong)
        self.begin(server, "/v1/chat/completions", {**CHAT, "stream": True}).getresponse()  # the queue is full
        status, headers, body = server.request("POST", "/v1/chat/completions", {**CHAT, "stream": True})
        self.assertEqual((status, body["error"]["code"]), (503, "busy"))
        self.assertIn("Retry-After", headers)

    def test_a_model_that_cannot_fit_has_its_own_status(self):
        with tempfile.TemporaryDirectory() as folder:
            fleet = pathlib.Path(folder) / "fleet.toml"
            keys = 'device = "none"\nthreads = 1\nbatch-size = 128\nubatch-size = 128\n'
            fleet.write_text(f'budgets = ["CPU=64MiB"]\n[[model]]\nname = "small"\npath = "{BOSUN}"\nctx-size = 256\n{keys}[[model]]\nname = "large"\npath = "{MATE}"\nctx-size = 1048576\n{keys}')
            server = Serving(PROGRAM, fleet)
            self.addCleanup(lambda: server.process.poll() is not None or server.stop())
            status, _, body = server.request("POST", "/v1/chat/completions", {**CHAT, "model": "large", "stream": True})
            self.assertEqual((status, body["error"]["code"]), (507, "over_budget"))

    def test_what_is_refused_later_is_an_event(self):
        server = self.serving("--sse-ping-interval", 0.05, "--max-wait", 3)
        self.hold(server)
        answer = self.begin(server, "/v1/chat/completions", {**CHAT, "stream": True}).getresponse()
        self.assertEqual(answer.status, 200)
        events = [line for line in answer.read().decode().split("\n\n") if line.startswith("data: {")]
        self.assertEqual([json.loads(event[len("data: "):])["error"]["code"] for event in events], ["busy"])

    def test_a_response_that_never_began_fails_as_one(self):
        server = self.serving("--sse-ping-interval", 0.05, "--max-wait", 1)
        self.hold(server)
        events = [data for _, data in server.events("/v1/responses", {"input": "Who?", "max_output_tokens": 4, "stream": True})]
        self.assertEqual([one["type"] for one in events], ["response.created", "response.in_progress", "error", "response.failed"])
        self.assertEqual(events[-1]["response"]["id"], events[0]["response"]["id"])
        self.assertEqual(events[2]["code"], "busy")

    def test_without_heartbeats_a_stream_waits_for_its_status(self):
        server = self.serving("--sse-ping-interval", 0, "--max-wait", 1)
        self.hold(server)
        self.assertEqual(server.post("/v1/chat/completions", {**CHAT, "stream": True})[0], 503)

    def test_white_space_keeps_an_answer_alive_that_is_no_stream(self):
        server = self.serving("--sse-ping-interval", 0.05, "--keep-alive-spaces")
        holder = self.hold(server)
        answer = self.begin(server, "/v1/chat/completions", CHAT).getresponse()
        self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "application/json"))
        self.assertEqual(answer.read(3), b"   ")
        holder.close()
        self.assertEqual(json.loads(answer.read())["choices"][0]["finish_reason"], "length")

    def test_an_error_behind_white_space_is_in_the_body(self):
        server = self.serving("--sse-ping-interval", 0.05, "--keep-alive-spaces", "--max-wait", 3)
        self.hold(server)
        status, _, body = server.request("POST", "/v1/chat/completions", CHAT)
        self.assertEqual((status, body["error"]["code"]), (200, "busy"))
        self.assertRegex(server.log_text(), "POST /v1/chat/completions 503")

    def test_white_space_keeps_vectors_alive(self):
        server = self.serving("--sse-ping-interval", 0.002, "--keep-alive-spaces", "--embeddings", "--pooling", "mean", context=512)
        texts = [f"Day {i}. Wind north, sails and ropes, all hands on deck. " * 4 for i in range(200)]
        few = server.post("/v1/embeddings", {"input": texts[:2]})[1]["data"]
        for path, fields, read in (("/v1/embeddings", {"input": texts}, lambda body: [one["embedding"] for one in body["data"]]),
                                   ("/api/embed", {"input": texts}, lambda body: body["embeddings"])):
            answer = self.begin(server, path, fields).getresponse()
            self.assertEqual((answer.status, answer.getheader("Content-Type")), (200, "application/json"))
            text = answer.read().decode()
            self.assertTrue(text.startswith(" "), text[:20])
            vectors = read(json.loads(text))
            self.assertEqual(len(vectors), len(texts))
            self.assertAlmostEqual(vectors[1][0], few[1]["embedding"][0], places=2)
        self.assertEqual(server.post("/v1/embeddings", {"input": []})[0], 400)

    def test_an_answer_that_comes_soon_is_as_ever(self):
        server = self.serving("--sse-ping-interval", 60, "--keep-alive-spaces")
        status, headers, body = server.request("POST", "/v1/chat/completions", CHAT)
        self.assertEqual((status, body["object"]), (200, "chat.completion"))
        self.assertIn("Content-Length", headers)
        status, headers, body = server.request("POST", "/v1/chat/completions", {**CHAT, "max_tokens": -5})
        self.assertEqual(status, 400)

    def test_a_client_that_goes_while_it_waits_leaves_nothing(self):
        server = self.serving("--sse-ping-interval", 0.05)
        holder = self.hold(server)
        waiting = self.begin(server, "/v1/chat/completions", {**CHAT, "stream": True})
        self.assertEqual(waiting.getresponse().readline(), b":\n")
        waiting.close()
        holder.close()
        self.assertEqual(server.post("/v1/chat/completions", CHAT)[0], 200)
        self.assertEqual(server.stop(), 0)

    def test_llama_servers_completion_tells_how_far_its_prompt_is(self):
        server = self.serving(model=BOSUN, context=4096)
        body = {"prompt": "sails and ropes " * 100, "n_predict": 1, "stream": True, "return_progress": True, "timings_per_token": True}
        events = [data for _, data in server.events("/completion", body)]
        told = [event["prompt_progress"] for event in events if "prompt_progress" in event]
        self.assertGreater(len(told), 1)
        self.assertEqual((told[0]["cache"], told[0]["processed"]), (0, 0))
        self.assertEqual(told[-1]["processed"], told[-1]["total"])
        self.assertEqual([one["processed"] for one in told], sorted({one["processed"] for one in told}))
        again = [data["prompt_progress"] for _, data in server.events("/completion", body) if "prompt_progress" in data]
        self.assertGreater(again[0]["cache"], 0)
        self.assertEqual(again[0]["processed"], again[0]["cache"])
        self.assertEqual({one["cache"] for one in again}, {again[0]["cache"]})
        self.assertTrue(all("timings" in event for event in events if event["content"]))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
