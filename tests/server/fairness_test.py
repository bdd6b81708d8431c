#!/usr/bin/env python3
"""API keys with names, shares and limits. fairness_test.py PROGRAM [unittest arguments]"""
import hashlib
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, Serving, new_folder  # noqa: E402

PROGRAM = sys.argv[1]
CHAT = {"messages": [{"role": "user", "content": "Who is the captain?"}], "max_tokens": 4, "temperature": 0}


def of(key):
    return {"Authorization": f"Bearer {key}"}


class Fairness(unittest.TestCase):
    def serving(self, keys, *arguments, model=MATE, context=2048):
        folder = new_folder(self)
        file = folder / "keys.toml"
        file.write_text(keys)
        server = Serving(PROGRAM, "-m", model, "-c", context, "-np", 1, "--api-key-file", file, *SMALL, *arguments)
        self.addCleanup(lambda: server.process.poll() is not None or server.stop())
        return server

    def begin(self, server, path, body, key):
        connection = server.connection()
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **of(key)})
        self.addCleanup(connection.close)
        return connection

    def test_who_has_a_name_is_let_in_and_counted_by_it(self):
        digest = hashlib.sha256(b"larboard").hexdigest()
        server = self.serving(f'[[key]]\nname = "crew"\nkey = "starboard"\n[[key]]\nname = "mate"\nsha256 = "{digest}"\n')
        self.assertEqual(server.post("/v1/chat/completions", CHAT)[0], 401)
        self.assertEqual(server.post("/v1/chat/completions", CHAT, of(digest))[0], 401)
        for key in ("starboard", "larboard", "larboard"):
            status, headers, _ = server.request("POST", "/v1/chat/completions", CHAT, of(key))
            self.assertEqual(status, 200)
            self.assertFalse([name for name in headers if "ratelimit" in name.lower()], "it has no limits")
        text = server.get("/metrics", of("starboard"))[1]
        self.assertIn('plimsoll_key_requests_total{key="crew"} 1\n', text)
        self.assertIn('plimsoll_key_requests_total{key="mate"} 2\n', text)
        self.assertRegex(text, r'plimsoll_key_completion_tokens_total\{key="mate"\} 8\n')
        self.assertNotIn("board", text + server.log_text())

    def test_requests_of_a_minute(self):
        server = self.serving('[[key]]\nname = "crew"\nkey = "starboard"\nrequests-per-minute = 2\n')
        for left in ("1", "0"):
            status, headers, _ = server.request("POST", "/v1/chat/completions", CHAT, of("starboard"))
            self.assertEqual((status, headers["x-ratelimit-limit-requests"], headers["x-ratelimit-remaining-requests"]), (200, "2", left))
        status, headers, body = server.request("POST", "/v1/chat/completions", CHAT, of("starboard"))
        self.assertEqual((status, body["error"]["type"], body["error"]["code"]), (429, "rate_limit_error", "rate_limit_exceeded"))
        self.assertTrue(0 < int(headers["Retry-After"]) <= 30)
        self.assertRegex(headers["x-ratelimit-reset-requests"], r"^(1m0s|[\d.]+s)$")
        status, headers, body = server.request("POST", "/v1/messages", CHAT, of("starboard"))
        self.assertEqual((status, body["error"]["type"]), (429, "rate_limit_error"))
        self.assertEqual(headers["anthropic-ratelimit-requests-remaining"], "0")
        self.assertIn('plimsoll_key_refused_total{key="crew",limit="requests"} 2\n', server.get("/metrics", of("starboard"))[1])
        self.assertEqual(server.get("/v1/models", of("starboard"))[0], 200, "asking what there is costs nothing")

    def test_tokens_of_a_minute(self):
        server = self.serving('[[key]]\nname = "crew"\nkey = "starboard"\ntokens-per-minute = 60\n')
        status, headers, body = server.request("POST", "/v1/completions", {"prompt": list(range(100, 150)), "max_tokens": 1}, of("starboard"))
        self.assertEqual(status, 200, body)
        self.assertEqual(headers["x-ratelimit-limit-tokens"], "60")
        status, headers, body = server.request("POST", "/v1/completions", {"prompt": list(range(200, 250)), "max_tokens": 1, "stream": True}, of("starboard"))
        self.assertEqual((status, body["error"]["limit"]), (429, "tokens"))
        self.assertTrue(0 < int(headers["Retry-After"]) <= 45)
        status, _, body = server.request("POST", "/v1/completions", {"prompt": "", "max_tokens": -7}, of("starboard"))
        self.assertEqual(status, 400, body)

    def test_requests_at_once(self):
        server = self.serving('[[key]]\nname = "crew"\nkey = "starboard"\nmax-requests = 1\n[[key]]\nname = "mate"\nkey = "larboard"\n')
        holder = server.hold(of("starboard"))
        status, headers, body = server.request("POST", "/v1/chat/completions", CHAT, of("starboard"))
        self.assertEqual((status, body["error"]["limit"], headers["Retry-After"]), (429, "concurrency", "1"))
        self.assertEqual(server.post("/v1/chat/completions", b"{", of("starboard"))[0], 429)  # before anything is made of it
        waiting = self.begin(server, "/v1/chat/completions", CHAT, "larboard")
        holder.close()
        self.assertEqual(waiting.getresponse().status, 200)

    def test_who_has_the_end_of_an_answer_may_ask_again_at_once(self):
        server = self.serving('[[key]]\nname = "crew"\nkey = "starboard"\nmax-requests = 1\n')
        for _ in range(20):
            answer = self.begin(server, "/v1/chat/completions", CHAT | {"stream": True}, "starboard").getresponse()
            while answer.readline() != b"data: [DONE]\n":
                pass
            self.assertEqual(server.post("/v1/chat/completions", CHAT, of("starboard"))[0], 200)

    def interrupted(self, server, body, key, by):
        """A stream that gave way to other requests. One that has ended before they came, as on a busy machine, is asked for again."""
        for _ in range(50):
            answer = self.begin(server, "/v1/completions", body, key).getresponse()
            first = answer.readline()
            for _ in range(3):
                status, _, told = server.request("POST", "/v1/completions", {"prompt": "Day 9.", "max_tokens": 5, "temperature": 0}, of(by))
                self.assertEqual(status, 200, told)
            text = first + answer.read()
            if "gives way to one of a higher priority" in server.log_text():
                return text
        self.fail("no request gave way: " + server.log_text())

    def test_a_request_of_a_higher_priority_takes_the_slot_and_the_text_is_the_same(self):
        keys = "".join(f'[[key]]\nname = "{name}"\nkey = "{name}-key"\npriority = {priority}\n' for name, priority in (("low", 0), ("again", 0), ("high", 5)))
        server = self.serving(keys, "--time-slice", 0, model=BOSUN, context=8192)
        story = {"prompt": "Day 3.", "max_tokens": 3000, "ignore_eos": True, "temperature": 0, "repeat_penalty": 1.1, "stream": True}
        disturbed = self.text_of(self.interrupted(server, story, "low-key", "high-key"))
        undisturbed = self.text_of(self.begin(server, "/v1/completions", story, "again-key").getresponse().read())
        self.assertEqual(disturbed, undisturbed)
        self.assertGreater(len(disturbed), 3000)

    def test_a_request_may_stand_back(self):
        server = self.serving('[[key]]\nname = "crew"\nkey = "starboard"\npriority = 5\n', "--time-slice", 0, model=BOSUN, context=8192)
        batch = {"prompt": "Day 3.", "max_tokens": 2000, "ignore_eos": True, "stream": True, "priority": -1}
        self.assertTrue(self.interrupted(server, batch, "starboard", "starboard").endswith(b"data: [DONE]\n\n"))

    def test_a_client_that_goes_while_its_request_has_given_way_leaves_nothing(self):
        keys = '[[key]]\nname = "low"\nkey = "low-key"\n[[key]]\nname = "high"\nkey = "high-key"\npriority = 1\n'
        server = self.serving(keys, "--time-slice", 0, "--sse-ping-interval", 0.05, model=BOSUN, context=32768)
        low = server.hold(of("low-key"))
        high = server.hold(of("high-key"))
        while (line := low.held.readline()) != b":\n":  # what it had made, then heartbeats
            self.assertTrue(line, "it ended before it gave way")
        low.close()
        high.close()
        self.assertEqual(server.post("/v1/completions", {"prompt": "Day 9.", "max_tokens": 2}, of("low-key"))[0], 200)
        self.assertEqual(server.stop(), 0)

    def test_keys_in_the_fleet_file_and_what_is_wrong_with_them(self):
        folder = new_folder(self)
        fleet = folder / "fleet.toml"
        fleet.write_text(f'[[model]]\npath = "{MATE}"\ndevice = "none"\nctx-size = 512\n[[key]]\nname = "crew"\nkey = "starboard"\n')
        server = Serving(PROGRAM, fleet)
        self.addCleanup(lambda: server.process.poll() is not None or server.stop())
        self.assertEqual(server.post("/v1/chat/completions", CHAT)[0], 401)
        self.assertEqual(server.post("/v1/chat/completions", CHAT, of("starboard"))[0], 200)
        fleet.write_text(f'[[model]]\npath = "{MATE}"\n[[key]]\nname = "crew"\n')
        with self.assertRaisesRegex(AssertionError, "a key takes one of"):
            Serving(PROGRAM, fleet)

    def text_of(self, stream):
        events = [line[len("data: "):] for line in stream.decode().split("\n") if line.startswith("data: {")]
        return "".join(choice["text"] for event in events for choice in json.loads(event)["choices"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
