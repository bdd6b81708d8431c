#!/usr/bin/env python3
"""OpenAI's own Python client (Debian's python3-openai) against `plimsoll serve`. openai_client_test.py PROGRAM"""
import json
import pathlib
import sys
import threading
import unittest

import openai

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase, docs_row, new_folder  # noqa: E402

ServedCase.program = sys.argv[1]
QUESTION = [{"role": "user", "content": "Who is the captain?"}]


class OpenAiClient(ServedCase):
    arguments = ("-m", MATE, "-m", BOSUN, "-np", "2", "-c", "2048", "--api-key", "starboard", *SMALL)

    def setUp(self):
        self.client = openai.OpenAI(base_url=self.server.url + "/v1", api_key="starboard", max_retries=0)
        self.addCleanup(self.client.close)

    def test_models(self):
        self.assertEqual([m.id for m in self.client.models.list()], ["mate-chat", "bosun-log"])
        self.assertEqual(self.client.models.retrieve("mate-chat").id, "mate-chat")

    def test_chat_and_streaming(self):
        asked = dict(model="mate-chat", messages=QUESTION, temperature=0, max_completion_tokens=16)
        whole = self.client.chat.completions.create(**asked)
        stream = self.client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        text, usage = "", None
        for chunk in stream:
            text += "".join(c.delta.content or "" for c in chunk.choices)
            usage = chunk.usage or usage
        self.assertEqual(text, whole.choices[0].message.content)
        self.assertEqual(usage.completion_tokens, whole.usage.completion_tokens)

    def test_a_json_schema(self):
        schema = {"type": "object", "properties": {"day": {"type": "integer", "minimum": 1, "maximum": 31}}, "required": ["day"], "additionalProperties": False}
        answer = self.client.chat.completions.create(
            model="mate-chat", messages=QUESTION, max_tokens=50,
            response_format={"type": "json_schema", "json_schema": {"name": "day", "schema": schema, "strict": True}})
        self.assertIn(json.loads(answer.choices[0].message.content)["day"], range(1, 32))

    def test_tools(self):
        tools = [{"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"rope": {"enum": ["sheet", "halyard"]}}, "required": ["rope"]}}} for name in ("haul", "ease")]
        answer = self.client.chat.completions.create(model="mate-chat", messages=QUESTION, tools=tools, max_tokens=450, parallel_tool_calls=False,
                                                     tool_choice={"type": "function", "function": {"name": "ease"}})
        call = answer.choices[0].message.tool_calls[0]
        self.assertEqual(call.function.name, "ease")
        self.assertIn(json.loads(call.function.arguments)["rope"], ("sheet", "halyard"))
        messages = QUESTION + [answer.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "eased"}]
        after = self.client.chat.completions.create(model="mate-chat", messages=messages, max_tokens=8)
        self.assertEqual(after.choices[0].message.role, "assistant")

    def test_logprobs(self):
        answer = self.client.chat.completions.create(model="mate-chat", messages=QUESTION, temperature=0, max_tokens=4, logprobs=True, top_logprobs=2)
        for token in answer.choices[0].logprobs.content:
            self.assertEqual(token.token, token.top_logprobs[0].token)

    def test_completions(self):
        answer = self.client.completions.create(model="bosun-log", prompt=["Day 12.", "Day 13."], max_tokens=6, temperature=0, n=2)
        self.assertEqual(len(answer.choices), 4)
        self.assertEqual(answer.choices[0].text, answer.choices[1].text)

    def test_responses(self):
        asked = dict(model="mate-chat", input="Who is the captain?", max_output_tokens=12, temperature=0)
        whole = self.client.responses.create(**asked)
        text = "".join(e.delta for e in self.client.responses.create(**asked, stream=True) if e.type == "response.output_text.delta")
        self.assertEqual(text, whole.output_text)

    def test_errors(self):
        with self.assertRaises(openai.NotFoundError):
            self.client.chat.completions.create(model="kraken", messages=QUESTION)
        with self.assertRaises(openai.BadRequestError) as refused:
            self.client.chat.completions.create(model="mate-chat", messages=QUESTION, temperature=900)
        self.assertEqual(refused.exception.param, "temperature")
        with self.assertRaises(openai.BadRequestError) as refused:
            self.client.chat.completions.create(model="mate-chat", messages=[{"role": "user", "content": "ship " * 2000}])
        self.assertEqual(refused.exception.code, "context_length_exceeded")
        stranger = openai.OpenAI(base_url=self.server.url + "/v1", api_key="wrong", max_retries=0)
        with self.assertRaises(openai.AuthenticationError):
            stranger.models.list()
        stranger.close()

    def test_cancelling_frees_the_slot(self):
        status = self.server.get("/plimsoll/v1/status", {"Authorization": "Bearer starboard"})[1]
        before = sum(m["tokens"] for m in status["models"])
        streams = [self.client.completions.create(model="bosun-log", prompt="Day 3.", n=50, max_tokens=900, stream=True, extra_body={"ignore_eos": True}) for _ in range(2)]
        for stream in streams:
            next(iter(stream))
            stream.close()
        self.client.completions.create(model="bosun-log", prompt="Day 4.", max_tokens=2)
        status = self.server.get("/plimsoll/v1/status", {"Authorization": "Bearer starboard"})[1]
        self.assertLess(sum(m["tokens"] for m in status["models"]) - before, 2 * 50 * 900)  # they were not written to their ends

    def test_many_threads(self):
        def ask(i, out):
            out[i] = self.client.completions.create(model="bosun-log", prompt=f"Day {i % 3}.", max_tokens=8, temperature=0).choices[0].text
        out = [None] * 12
        threads = [threading.Thread(target=ask, args=(i, out)) for i in range(12)]
        for t in threads: t.start()
        for t in threads: t.join()
        for i in range(12):
            self.assertEqual(out[i], out[i % 3])


class Embeddings(ServedCase):
    @classmethod
    def setUpClass(cls):
        folder = new_folder(cls)
        fleet = folder / "fleet.toml"
        fleet.write_text(f'[[model]]\nname = "vectors"\npath = "{MATE}"\nembeddings = true\npooling = "mean"\ndevice = "none"\nthreads = 1\nctx-size = 256\nbatch-size = 64\nubatch-size = 64\n')
        cls.arguments = (str(fleet),)
        super().setUpClass()

    def test_embeddings(self):
        with openai.OpenAI(base_url=self.server.url + "/v1", api_key="none", max_retries=0) as client:
            answer = client.embeddings.create(model="vectors", input=["Heavy seas.", "Fair wind."])  # asks for base64
            self.assertEqual([d.index for d in answer.data], [0, 1])
            for entry in answer.data:
                self.assertAlmostEqual(sum(x * x for x in entry.embedding), 1, places=4)
            plain = client.embeddings.create(model="vectors", input="Heavy seas.", encoding_format="float")
            self.assertLess(max(abs(a - b) for a, b in zip(plain.data[0].embedding, answer.data[0].embedding)), 1e-4)


class Figures(unittest.TestCase):
    def test_the_docs_say_how_many_checks_there_are(self):
        cases = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]).countTestCases() - 1
        self.assertEqual(docs_row("docs/server.md", "| Checks with OpenAI's client for Python |", f" {cases} |"), "")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
