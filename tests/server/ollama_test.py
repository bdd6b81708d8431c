#!/usr/bin/env python3
"""Ollama's API, as its clients ask it. ollama_test.py PROGRAM [unittest arguments]"""
import json
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, ServedCase, new_folder  # noqa: E402

ServedCase.program = sys.argv[1]
QUESTION = [{"role": "user", "content": "Who is the captain?"}]
COMMON = 'device = "none"\nthreads = 1\nbatch-size = 128\nubatch-size = 128\n'
FLEET = f"""
budgets = ["CPU=1GiB"]

[[model]]
name = "mate-chat"
path = "{MATE}"
parallel = 2
ctx-size = 2048
{COMMON}
[[model]]
name = "bosun-log"
path = "{BOSUN}"
ctx-size = 1024
{COMMON}
[[model]]
name = "vectors"
path = "{MATE}"
embeddings = true
pooling = "mean"
ctx-size = 256
{COMMON}"""
GREEDY = {"temperature": 0, "num_predict": 12}


def chat(**more):
    return {"model": "mate-chat", "messages": QUESTION, "options": GREEDY, "stream": False, **more}


class Ollama(ServedCase):
    @classmethod
    def setUpClass(cls):
        folder = new_folder(cls)
        fleet = folder / "fleet.toml"
        fleet.write_text(FLEET)
        cls.arguments = (fleet,)
        super().setUpClass()

    def lines(self, path, body):
        status, headers, text = self.server.request("POST", path, body)
        self.assertEqual(status, 200, text)
        self.assertEqual(headers["Content-Type"], "application/x-ndjson")
        return [text] if isinstance(text, dict) else [json.loads(line) for line in text.splitlines()]

    def loaded(self):
        return {m["name"] for m in self.server.get("/api/ps")[1]["models"]}

    def wait_until_gone(self, name):
        until = time.monotonic() + 60
        while name in self.loaded() and time.monotonic() < until:
            time.sleep(0.01)
        self.assertNotIn(name, self.loaded())

    def says(self, answer, status, words):
        self.assertEqual(answer[0], status, answer)
        self.assertEqual(set(answer[1]), {"error"})
        self.assertRegex(answer[1]["error"], words)

    def test_it_is_running(self):
        self.assertEqual(self.server.get("/"), (200, "Ollama is running"))
        self.assertEqual(self.server.request("HEAD", "/")[0], 200)
        self.assertIn("<!doctype html>", self.server.get("/", {"Accept": "text/html"})[1].lower())
        self.assertRegex(self.server.get("/api/version")[1]["version"], r"^\d+\.\d+\.\d+$")

    def test_models_are_listed_and_shown(self):
        models = self.server.get("/api/tags")[1]["models"]
        self.assertEqual([m["name"] for m in models], ["mate-chat:latest", "bosun-log:latest", "vectors:latest"])
        mate = models[0]
        self.assertEqual(mate["size"], pathlib.Path(MATE).stat().st_size)
        self.assertRegex(mate["digest"], "^[0-9a-f]{64}$")
        self.assertEqual(mate["details"]["format"], "gguf")
        for name in ({"model": "mate-chat"}, {"name": "mate-chat:latest"}):
            status, shown = self.server.post("/api/show", name)
            self.assertEqual(status, 200, shown)
            family = shown["details"]["family"]
            for key in ("context_length", "attention.head_count"):
                self.assertGreater(shown["model_info"][f"{family}.{key}"], 0)
            self.assertIn("completion", shown["capabilities"])
            self.assertIn("<|im_start|>", shown["template"])
        self.assertEqual(self.server.post("/api/show", {"model": "vectors"})[1]["capabilities"], ["embedding"])

    def test_a_chat_and_the_same_streamed(self):
        status, whole = self.server.post("/api/chat", chat())
        self.assertEqual(status, 200, whole)
        self.assertRegex(whole["message"]["content"], "[A-Za-z]{3}")
        self.assertEqual((whole["message"]["role"], whole["done"]), ("assistant", True))
        self.assertIn(whole["done_reason"], ("stop", "length"))
        for key in ("total_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"):
            self.assertGreater(whole[key], 0, key)
        self.assertGreaterEqual(whole["total_duration"], whole["eval_duration"])
        lines = self.lines("/api/chat", {k: v for k, v in chat(model="mate-chat:latest").items() if k != "stream"})
        self.assertEqual("".join(line["message"]["content"] for line in lines), whole["message"]["content"])
        self.assertEqual([line["done"] for line in lines], [False] * (len(lines) - 1) + [True])
        self.assertEqual(lines[-1]["eval_count"], whole["eval_count"])
        self.assertEqual(lines[-1]["model"], "mate-chat:latest")

    def test_an_answer_goes_on_from_its_context(self):
        first = self.server.post("/api/generate", {"model": "mate-chat", "prompt": "Where are we?", "options": GREEDY, "stream": False})[1]
        self.assertRegex(first["response"], "[A-Za-z]{3}")
        self.assertEqual(len(first["context"]), first["prompt_eval_count"] + first["eval_count"])
        second = self.server.post("/api/generate", {"model": "mate-chat", "prompt": "Who?", "context": first["context"], "options": GREEDY, "stream": False})[1]
        self.assertGreater(second["prompt_eval_count"], len(first["context"]))
        self.assertEqual(second["context"][:len(first["context"])], first["context"])

    def test_raw_text_is_no_chat(self):
        raw = self.server.post("/api/generate", {"model": "bosun-log", "prompt": "Day 12.", "raw": True, "options": GREEDY, "stream": False})[1]
        plain = self.server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 12.", "max_tokens": 12, "temperature": 0})[1]
        self.assertEqual(raw["response"], plain["choices"][0]["text"])
        self.assertNotIn("context", raw)

    def test_forms_and_stops(self):
        schema = {"type": "object", "properties": {"day": {"type": "integer", "minimum": 1, "maximum": 31}}, "required": ["day"], "additionalProperties": False}
        text = self.server.post("/api/chat", chat(format=schema, options={"temperature": 0, "num_predict": 60}))[1]["message"]["content"]
        self.assertIn(json.loads(text)["day"], range(1, 32))
        whole = self.server.post("/api/chat", chat())[1]["message"]["content"]
        stop = whole.split()[2]
        cut = self.server.post("/api/chat", chat(options={**GREEDY, "stop": [stop]}))[1]
        self.assertEqual(cut["message"]["content"], whole[:whole.index(stop)])
        self.assertEqual(cut["done_reason"], "stop")

    def test_tools_are_taken(self):
        rope = {"type": "object", "properties": {"rope": {"enum": ["sheet", "halyard"]}}, "required": ["rope"]}
        tools = [{"type": "function", "function": {"name": "ease", "description": "Eases a rope", "parameters": rope}}]
        call = {"function": {"name": "ease", "arguments": {"rope": "sheet"}}}
        messages = [*QUESTION, {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "tool_name": "ease", "content": "eased"}]
        for said in (QUESTION, messages):
            status, answer = self.server.post("/api/chat", chat(messages=said, tools=tools))
            self.assertEqual(status, 200, answer)
            for one in answer["message"].get("tool_calls", []):
                self.assertIsInstance(one["function"]["arguments"], dict)

    def test_logprobs(self):
        answer = self.server.post("/api/chat", chat(logprobs=True, top_logprobs=2))[1]
        self.assertEqual(len(answer["logprobs"][0]["top_logprobs"]), 2)

    def test_vectors(self):
        status, two = self.server.post("/api/embed", {"model": "vectors", "input": ["Day 1.", "Day 2."]})
        self.assertEqual(status, 200, two)
        self.assertEqual(len(two["embeddings"]), 2)
        self.assertAlmostEqual(sum(x * x for x in two["embeddings"][0]), 1, places=3)
        self.assertGreater(two["prompt_eval_count"], 2)
        one = self.server.post("/api/embeddings", {"model": "vectors", "prompt": "Day 1."})[1]["embedding"]
        self.assertEqual(len(one), len(two["embeddings"][0]))
        self.assertEqual(self.server.post("/api/embed", {"model": "vectors", "input": "ship " * 900})[0], 200)
        self.assertEqual(self.server.post("/api/embed", {"model": "vectors", "input": "ship " * 900, "truncate": False})[0], 400)
        self.assertEqual(self.server.post("/api/embed", {"model": "vectors", "input": []})[1]["embeddings"], [])

    def test_models_come_and_go(self):
        for path in ("/api/chat", "/api/generate"):
            gone = self.server.post(path, {"model": "bosun-log", "keep_alive": 0})
            self.assertEqual((gone[0], gone[1]["done_reason"]), (200, "unload"))
            self.wait_until_gone("bosun-log:latest")
            here = self.server.post(path, {"model": "bosun-log", "keep_alive": "5m"})
            self.assertEqual((here[0], here[1]["done_reason"]), (200, "load"))
            self.assertIn("bosun-log:latest", self.loaded())
        expires = next(m["expires_at"] for m in self.server.get("/api/ps")[1]["models"] if m["name"] == "bosun-log:latest")
        self.assertLess(expires, "2300")
        self.server.post("/api/generate", {"model": "bosun-log", "prompt": "Day 1.", "raw": True, "options": GREEDY, "stream": False, "keep_alive": 0})
        self.wait_until_gone("bosun-log:latest")

    def test_what_cannot_be_done_is_said(self):
        self.says(self.server.post("/api/chat", chat(model="kraken")), 404, "^model 'kraken' not found$")
        self.says(self.server.post("/api/show", {"model": "kraken"}), 404, "^model 'kraken' not found$")
        self.says(self.server.post("/api/chat", chat(format="xml")), 400, "format")
        self.says(self.server.post("/api/generate", {"model": "mate-chat", "prompt": "a", "suffix": "b"}), 501, "Infill is not supported")
        self.says(self.server.post("/api/embed", {"model": "mate-chat", "input": "a"}), 400, "embeddings")
        for path in ("/api/push", "/api/create", "/api/copy", "/api/blobs/sha256:12"):
            self.says(self.server.post(path, {"model": "mate-chat"}), 403, "not allowed here")
        self.says(self.server.request("DELETE", "/api/delete", {"model": "mate-chat"})[::2], 403, "not allowed here")
        self.says(self.server.post("/api/pull", {"model": "kraken"}), 403, "not allowed here")
        self.assertEqual(self.lines("/api/pull", {"model": "mate-chat"}), [{"status": "success"}])
        self.assertEqual(self.server.post("/api/pull", {"model": "mate-chat", "stream": False}), (200, {"status": "success"}))

    def test_what_is_ignored_is_named(self):
        headers = self.server.request("POST", "/api/chat", chat(options={**GREEDY, "num_ctx": 8192}, surprise=1))[1]
        self.assertEqual(headers["x-plimsoll-ignored"], "options.num_ctx, surprise")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
