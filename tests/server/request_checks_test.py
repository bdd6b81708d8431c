#!/usr/bin/env python3
"""Requests are checked in full before they take a slot: what is refused loads, evicts and waits for nothing.
request_checks_test.py PROGRAM [unittest arguments]"""
import json
import pathlib
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase, new_folder, process_bytes  # noqa: E402

PROGRAM = sys.argv[1]
QUESTION = [{"role": "user", "content": "Who is the captain?"}]
CONTEXT = 8192


def needed_by(model):
    plan = json.loads(subprocess.run([PROGRAM, "plan", "-m", model, "-c", str(CONTEXT), *SMALL, "--json"], capture_output=True, text=True, check=True).stdout)
    return next(d["required"] for d in plan["devices"] if d["device"] == "CPU")


def tool(**more):
    return {"type": "function", "function": {"name": "steer", **more}}


# The first ten bytes of a GIF, which say how large it is.
PICTURE = "data:image/gif;base64,R0lGODlhAgADAA=="

# Of a model with a context of 8192: (path, body, words of the refusal).
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
REFUSED = [
    (CHAT, {"messages": [{"role": "captain", "content": "x"}]}, "role"),
    (CHAT, {"messages": QUESTION, "max_tokens": -5}, "'max_tokens' must be"),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]}, "without base64"),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]}]}, "--mmproj"),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}]}, "--mmproj"),
    ("/completion", {"prompt": {"prompt_string": "<__media__>", "multimodal_data": [PICTURE]}}, "--mmproj"),
    (CHAT, {"messages": [{"role": "user", "content": "ship " * 9000}]}, "maximum context length is 8192 tokens (a sequence of 'mate-chat' holds them)"),
    (CHAT, {"messages": QUESTION, "logit_bias": {"7": 101}}, "'logit_bias' must hold numbers"),
    (CHAT, {"messages": QUESTION, "stop": ["x"] * 65}, "64 strings"),
    (CHAT, {"messages": QUESTION, "grammar": "root ::= ("}, "grammar cannot be read"),
    (CHAT, {"messages": QUESTION, "grammar": "root ::= [a-z]", "response_format": {"type": "json_object"}}, "a grammar and a schema"),
    (CHAT, {"messages": QUESTION, "response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "nothing"}}}}, "nothing"),
    (CHAT, {"messages": QUESTION, "tools": [tool()], "tool_choice": {"type": "function", "function": {"name": "sink"}}}, "sink"),
    (TEXT, {"prompt": [99999999]}, "there is no token 99999999; 'mate-chat' has"),
    (TEXT, {"prompt": "x", "repeat_penalty": 0}, "penalty"),
    ("/v1/messages", {"messages": QUESTION}, "max_tokens"),
    ("/v1/responses", {"input": [{"type": "captain"}]}, "input"),
    ("/v1/embeddings", {"input": "x"}, "not planned for embeddings"),
    ("/detokenize", {"tokens": [99999999]}, "token ids from 0 to"),
    ("/apply-template", {"messages": []}, "at least one message"),
]


class RequestChecks(ServedCase):
    """Two models of which one fits; bosun-log is loaded and at work, mate-chat is asked for."""

    @classmethod
    def setUpClass(cls):
        cls.program = PROGRAM
        folder = new_folder(cls)
        common = f'device = "none"\nthreads = 1\nctx-size = {CONTEXT}\nbatch-size = 128\nubatch-size = 128\n'
        fleet = folder / "fleet.toml"
        fleet.write_text(f'[[model]]\nname = "bosun-log"\npath = "{BOSUN}"\n{common}[[model]]\nname = "mate-chat"\npath = "{MATE}"\n{common}'
                         f'[[model]]\nname = "vectors"\npath = "{MATE}"\nembeddings = true\npooling = "mean"\n{common}'
                         f'[[model]]\nname = "rows"\npath = "{MATE}"\nembeddings = true\npooling = "none"\n{common}')
        cls.arguments = (str(fleet), "--budget", f"CPU={max(needed_by(MATE), needed_by(BOSUN)) + process_bytes(PROGRAM) + (1 << 20)}")
        super().setUpClass()

    def setUp(self):
        self.assertEqual(self.server.post(TEXT, {"model": "bosun-log", "prompt": "Day 1.", "max_tokens": 1})[0], 200)
        self.before = self.moves()

    def moves(self):
        keys = ("name", "state", "loads", "evictions", "refusals", "load_failures")
        return [{k: m[k] for k in keys} for m in self.server.get("/plimsoll/v1/status")[1]["models"]]

    def check_refusals(self):
        for path, body, words in REFUSED:
            with self.subTest(path=path, words=words):
                status, answer = self.server.post(path, {"model": "mate-chat", **body})
                self.assertEqual(status, 400, answer)
                self.assertIn(words, answer["error"]["message"])

    def test_what_is_refused_loads_and_evicts_nothing(self):
        self.check_refusals()
        long = " ship" * 9000
        for model, body, words in [("vectors", {"input": [long]}, "tokens long"), ("vectors", {"input": [[99999999]]}, "there is no token"),
                                   ("vectors", {"input": "x", "dimensions": 100000}, "this model's vectors have"),
                                   ("vectors", {"input": ["x", []]}, "input"), ("rows", {"input": "x"}, "a vector for each token")]:
            with self.subTest(model=model, words=words):
                status, answer = self.server.post("/v1/embeddings", {"model": model, **body})
                self.assertEqual(status, 400, answer)
                self.assertIn(words, answer["error"]["message"])
        self.assertEqual(self.moves(), self.before)

    def test_tokens_are_counted_without_the_weights(self):
        tokens = self.server.post("/tokenize", {"model": "mate-chat", "content": "All hands on deck."})[1]["tokens"]
        self.assertEqual(self.server.post("/detokenize", {"model": "mate-chat", "tokens": tokens})[1]["content"].strip(), "All hands on deck.")
        prompt = self.server.post("/apply-template", {"model": "mate-chat", "messages": QUESTION})[1]["prompt"]
        self.assertIn("Who is the captain?", prompt)
        counted = [self.server.post(path, {"model": "mate-chat", **body})[1]["input_tokens"]
                   for path, body in (("/v1/messages/count_tokens", {"messages": QUESTION}), ("/v1/responses/input_tokens", {"input": QUESTION[0]["content"]}),
                                      (CHAT + "/input_tokens", {"messages": QUESTION}))]
        self.assertEqual(self.moves(), self.before)
        asked = {"model": "mate-chat", "messages": QUESTION, "max_tokens": 1}
        self.assertEqual(counted, [self.server.post(CHAT, asked)[1]["usage"]["prompt_tokens"]] * 3)

    def test_what_is_refused_waits_for_nobody(self):
        """While bosun-log answers without end, a sound request for mate-chat waits; refusals come at once."""
        endless = self.server.hold(model="bosun-log")
        sound = []
        waiting = threading.Thread(target=lambda: sound.append(self.server.post(CHAT, {"model": "mate-chat", "messages": QUESTION, "max_tokens": 1})[0]))
        try:
            waiting.start()
            self.server.wait_until_somebody_waits()
            self.check_refusals()
            self.assertEqual(self.server.post("/v1/responses/input_tokens", {"model": "mate-chat", "input": "Aye?"})[0], 200)
            self.assertEqual(sound, [])
            self.assertEqual([(m["loads"], m["evictions"]) for m in self.moves()], [(m["loads"], m["evictions"]) for m in self.before])
        finally:
            endless.close()
            waiting.join()
        self.assertEqual(sound, [200])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
