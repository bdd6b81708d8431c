#!/usr/bin/env python3
"""Text over every API: whole, streamed, held to a form, together. answers_test.py PROGRAM [unittest arguments]"""
import json
import math
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase, in_threads  # noqa: E402

ServedCase.program = sys.argv[1]
QUESTION = [{"role": "user", "content": "Who is the captain?"}]


def chat(**more):
    return {"model": "mate-chat", "messages": QUESTION, "temperature": 0, "max_tokens": 16, **more}


class Answers(ServedCase):
    arguments = ("-m", MATE, "-m", BOSUN, "-np", "2", "-c", "2048", *SMALL)

    def test_a_chat_is_answered(self):
        status, body = self.server.post("/v1/chat/completions", chat())
        self.assertEqual(status, 200, body)
        self.assertEqual(body["object"], "chat.completion")
        self.assertRegex(body["id"], "^chatcmpl-[0-9a-f]{24}$")
        self.assertEqual(body["model"], "mate-chat")
        choice = body["choices"][0]
        self.assertEqual(choice["message"]["role"], "assistant")
        self.assertRegex(choice["message"]["content"], r"[A-Za-z]{3}")
        self.assertIn(choice["finish_reason"], ("stop", "length"))
        usage = body["usage"]
        self.assertGreater(usage["prompt_tokens"], 5)
        self.assertEqual(usage["total_tokens"], usage["prompt_tokens"] + usage["completion_tokens"])

    def test_a_streamed_chat_says_the_same(self):
        whole = self.server.post("/v1/chat/completions", chat())[1]
        events = self.server.events("/v1/chat/completions", chat(stream=True, stream_options={"include_usage": True}))
        self.assertEqual(events[-1], (None, "[DONE]"))
        chunks = [data for _, data in events[:-1]]
        self.assertEqual(chunks[0]["choices"][0]["delta"]["role"], "assistant")
        text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
        self.assertEqual(text, whole["choices"][0]["message"]["content"])
        self.assertEqual(chunks[-2]["choices"][0]["finish_reason"], whole["choices"][0]["finish_reason"])
        self.assertEqual(chunks[-1]["choices"], [])
        self.assertEqual(chunks[-1]["usage"]["completion_tokens"], whole["usage"]["completion_tokens"])
        self.assertEqual({c["id"] for c in chunks}, {chunks[0]["id"]})

    def test_the_second_request_finds_its_prompt_in_memory(self):
        body = chat(messages=[{"role": "user", "content": "What is the weather like on this fine day?"}])
        first = self.server.post("/v1/chat/completions", body)[1]
        second = self.server.post("/v1/chat/completions", body)[1]
        self.assertEqual(first["choices"][0]["message"], second["choices"][0]["message"])
        usage = second["usage"]
        self.assertEqual(usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"] - 1)

    def test_a_conversation_goes_on_where_it_stood(self):
        messages = [{"role": "user", "content": "Where are we?"}]
        first = self.server.post("/v1/chat/completions", chat(messages=messages))[1]
        messages += [first["choices"][0]["message"], {"role": "user", "content": "Who is the captain?"}]
        second = self.server.post("/v1/chat/completions", chat(messages=messages))[1]
        self.assertGreater(second["usage"]["prompt_tokens_details"]["cached_tokens"], first["usage"]["prompt_tokens"] - 2)

    def test_several_answers(self):
        body = self.server.post("/v1/chat/completions", chat(n=3, temperature=1, seed=7))[1]
        self.assertEqual([c["index"] for c in body["choices"]], [0, 1, 2])
        again = self.server.post("/v1/chat/completions", chat(n=3, temperature=1, seed=7))[1]
        self.assertEqual(body["choices"], again["choices"])

    def test_it_stops_before_a_stop_string(self):
        whole = self.server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 12.", "temperature": 0, "max_tokens": 24})[1]
        text = whole["choices"][0]["text"]
        stop = text.split()[3]
        cut = self.server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 12.", "temperature": 0, "max_tokens": 24, "stop": [stop]})[1]
        self.assertEqual(cut["choices"][0]["text"], text[:text.index(stop)])
        self.assertEqual(cut["choices"][0]["finish_reason"], "stop")

    def test_completions_of_texts_and_tokens(self):
        tokens = self.server.post("/tokenize", {"model": "bosun-log", "content": "Day 12.", "add_special": True})[1]["tokens"]
        body = {"model": "bosun-log", "prompt": ["Day 12.", "Day 13."], "temperature": 0, "max_tokens": 8}
        both = self.server.post("/v1/completions", body)[1]["choices"]
        self.assertEqual([c["index"] for c in both], [0, 1])
        by_tokens = self.server.post("/v1/completions", {**body, "prompt": tokens})[1]["choices"]
        self.assertEqual(by_tokens[0]["text"], both[0]["text"])
        echoed = self.server.post("/v1/completions", {**body, "prompt": "Day 12.", "echo": True})[1]["choices"]
        self.assertIn("Day 12." + both[0]["text"], echoed[0]["text"])

    def test_logprobs_stand_where_their_tokens_do(self):
        body = {"model": "bosun-log", "prompt": "Day 12.", "temperature": 0, "max_tokens": 8, "logprobs": 1}
        plain = self.server.post("/v1/completions", body)[1]["choices"][0]
        self.assertEqual(plain["logprobs"]["text_offset"][0], 0)
        for stop in ([], [plain["text"].split()[2]]):
            status, headers, answer = self.server.request("POST", "/v1/completions", {**body, "echo": True, "stop": stop})
            self.assertEqual(status, 200, answer)
            self.assertNotIn("x-plimsoll-ignored", headers)
            choice = answer["choices"][0]
            offsets, tokens = (choice["logprobs"][key] for key in ("text_offset", "tokens"))
            shown = choice["text"].encode()
            self.assertTrue(all(shown[at:].startswith(token.encode()[:len(shown) - at]) for at, token in zip(offsets[1:], tokens[1:]) if at < len(shown)), choice)
            self.assertEqual(choice["logprobs"]["tokens"][-len(plain["logprobs"]["tokens"]):] if not stop else None, plain["logprobs"]["tokens"] if not stop else None)

    def test_logprobs_of_an_echoed_prompt(self):
        """What evaluations ask for: how likely each token of a text is."""
        text = "Day 12. Wind north, sails and ropes, all hands on deck."
        tokens = self.server.post("/tokenize", {"model": "bosun-log", "content": text, "add_special": True})[1]["tokens"]
        body = {"model": "bosun-log", "prompt": text, "temperature": 0, "max_tokens": 0, "echo": True, "logprobs": 2}
        status, answer = self.server.post("/v1/completions", body)
        self.assertEqual(status, 200, answer)
        told = answer["choices"][0]["logprobs"]
        self.assertEqual(answer["choices"][0]["text"], text)
        self.assertEqual({len(told[key]) for key in told}, {len(tokens)})
        self.assertEqual((told["token_logprobs"][0], told["top_logprobs"][0]), (None, None))
        self.assertTrue(all(one <= 0 for one in told["token_logprobs"][1:]))
        self.assertEqual(answer["usage"]["prompt_tokens"], len(tokens))
        for at in (1, len(tokens) // 2, len(tokens) - 1):  # the same is said of it as an answer to what stands before it
            alone = self.server.post("/v1/completions", {"model": "bosun-log", "prompt": tokens[:at], "temperature": 0, "max_tokens": 1, "logprobs": 2})[1]["choices"][0]["logprobs"]
            self.assertAlmostEqual(max(told["top_logprobs"][at].values()), alone["token_logprobs"][0], delta=0.02)
        # Again, when all of it is kept; by ids; beside an answer; several answers to it; several prompts; as a stream.
        self.assertEqual(self.server.post("/v1/completions", body)[1]["choices"][0]["logprobs"]["tokens"], told["tokens"])
        self.assertEqual(self.server.post("/v1/completions", {**body, "prompt": tokens})[1]["choices"][0]["logprobs"]["tokens"], told["tokens"])
        answered = self.server.post("/v1/completions", {**body, "max_tokens": 4, "n": 3, "prompt": [text, text[:30], "Day"]})[1]
        for index, choice in enumerate(answered["choices"]):
            prompt = [text, text[:30], "Day"][index // 3]
            self.assertTrue(choice["text"].startswith(prompt), choice)
            self.assertIsNone(choice["logprobs"]["token_logprobs"][0])
            self.assertEqual(choice["logprobs"]["token_logprobs"].count(None), 1)
            self.assertEqual("".join(choice["logprobs"]["tokens"]), choice["text"])
        events = [data for _, data in self.server.events("/v1/completions", {**body, "max_tokens": 4, "stream": True}) if data != "[DONE]"]
        streamed = [one for event in events for choice in event["choices"] if choice["logprobs"] for one in choice["logprobs"]["token_logprobs"]]
        self.assertEqual(len(streamed), len(tokens) + 4)
        for one, other in zip(streamed[1:], told["token_logprobs"][1:]):
            self.assertAlmostEqual(one, other, delta=0.02)

    def test_what_is_echoed_is_not_held_to_the_answers_schema(self):
        schema = {"type": "string", "maxLength": 3, "not": {"pattern": "zz"}}  # a part that is checked afterwards
        status, answer = self.server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 12.", "echo": True, "max_tokens": 60, "json_schema": schema})
        self.assertEqual((status, answer["schema_check"]), (200, {"valid": True}), answer)

    def test_logprobs_are_what_greedy_choice_saw(self):
        body = self.server.post("/v1/chat/completions", chat(logprobs=True, top_logprobs=3))[1]
        content = body["choices"][0]["logprobs"]["content"]
        self.assertEqual(len(content), body["usage"]["completion_tokens"] + (body["choices"][0]["finish_reason"] == "stop") * 0)
        for token in content:
            self.assertEqual(len(token["top_logprobs"]), 3)
            self.assertEqual(token["token"], token["top_logprobs"][0]["token"])
            self.assertLessEqual(token["logprob"], 0)
            self.assertLess(sum(math.exp(t["logprob"]) for t in token["top_logprobs"]), 1.0001)
            self.assertEqual(bytes(token["bytes"]).decode(errors="replace"), token["token"])
        self.assertEqual("".join(t["token"] for t in content).strip(), body["choices"][0]["message"]["content"].strip())

    def test_logit_bias_forbids(self):
        whole = self.server.post("/v1/chat/completions", chat(logprobs=True))[1]
        first = whole["choices"][0]["logprobs"]["content"][0]["token"]
        token = self.server.post("/tokenize", {"model": "mate-chat", "content": first})[1]["tokens"][-1]
        other = self.server.post("/v1/chat/completions", chat(logprobs=True, logit_bias={str(token): -100}))[1]
        self.assertNotEqual(other["choices"][0]["logprobs"]["content"][0]["token"], first)

    def test_an_answer_is_json_of_the_schema(self):
        schema = {"type": "object", "properties": {"port": {"type": "string", "maxLength": 12}, "day": {"type": "integer", "minimum": 1, "maximum": 99}}, "required": ["port", "day"]}
        form = {"type": "json_schema", "json_schema": {"name": "entry", "schema": schema}}
        body = self.server.post("/v1/chat/completions", chat(response_format=form, max_tokens=100))[1]
        entry = json.loads(body["choices"][0]["message"]["content"])
        self.assertEqual(set(entry), {"port", "day"})
        self.assertTrue(1 <= entry["day"] <= 99)

    def test_a_tool_that_must_be_called_is_called(self):
        tool = {"type": "function", "function": {"name": "set_course", "parameters": {"type": "object", "properties": {"degrees": {"type": "integer", "minimum": 0, "maximum": 359}}, "required": ["degrees"]}}}
        asked = chat(tools=[tool], tool_choice="required", parallel_tool_calls=False, max_tokens=450)
        body = self.server.post("/v1/chat/completions", asked)[1]
        choice = body["choices"][0]
        self.assertEqual(choice["finish_reason"], "tool_calls", body)
        call = choice["message"]["tool_calls"][0]
        self.assertEqual(call["function"]["name"], "set_course")
        self.assertIn(json.loads(call["function"]["arguments"])["degrees"], range(360))
        events = self.server.events("/v1/chat/completions", {**asked, "stream": True})
        calls = [c for _, d in events if d != "[DONE]" for c in d["choices"][0]["delta"].get("tool_calls", [])]
        self.assertEqual(calls[0]["function"], call["function"])

    def test_anthropics_messages(self):
        asked = {"model": "mate-chat", "max_tokens": 16, "temperature": 0, "messages": QUESTION}
        body = self.server.post("/v1/messages", asked)[1]
        self.assertEqual((body["type"], body["role"]), ("message", "assistant"), body)
        text = body["content"][0]["text"]
        same = self.server.post("/v1/chat/completions", chat())[1]["choices"][0]["message"]["content"]
        self.assertEqual(text, same)
        events = self.server.events("/v1/messages", {**asked, "stream": True})
        self.assertEqual([events[0][0], events[-1][0]], ["message_start", "message_stop"])
        self.assertEqual("".join(d["delta"].get("text", "") for n, d in events if n == "content_block_delta"), text)

    def test_openais_responses(self):
        asked = {"model": "mate-chat", "input": "Who is the captain?", "max_output_tokens": 16, "temperature": 0}
        self.refused(self.server.post("/v1/responses/compact", asked), 501, "not compacted here")
        body = self.server.post("/v1/responses", asked)[1]
        self.assertEqual(body["object"], "response", body)
        text = body["output"][0]["content"][0]["text"]
        events = self.server.events("/v1/responses", {**asked, "stream": True})
        self.assertEqual(events[0][0], "response.created")
        self.assertEqual("".join(d["delta"] for n, d in events if n == "response.output_text.delta"), text)
        self.assertIn(events[-1][0], ("response.completed", "response.incomplete"))

    def test_eight_at_once_get_their_own_answers(self):
        alone = [self.server.post("/v1/completions", {"model": "bosun-log", "prompt": f"Day {i}.", "temperature": 0, "max_tokens": 12})[1]["choices"][0]["text"] for i in range(8)]
        together = in_threads(8, lambda i: self.server.post("/v1/completions", {"model": "bosun-log", "prompt": f"Day {i}.", "temperature": 0, "max_tokens": 12})[1])
        self.assertEqual([t["choices"][0]["text"] for t in together], alone)

    def test_llama_servers_conveniences(self):
        self.assertEqual(self.server.get("/health"), (200, {"status": "ok"}))
        self.assertEqual(self.server.get("/ping"), (200, {"status": "ok"}))
        self.assertRegex(self.server.get("/version")[1]["version"], r"^\d+\.\d+\.\d+")
        models = self.server.get("/v1/models")[1]["data"]
        self.assertEqual([m["id"] for m in models], ["mate-chat", "bosun-log"])
        self.assertEqual(self.server.get("/v1/models/bosun-log")[1]["id"], "bosun-log")
        tokens = self.server.post("/tokenize", {"content": "All hands on deck."})[1]["tokens"]
        self.assertEqual(self.server.post("/detokenize", {"tokens": tokens})[1]["content"].strip(), "All hands on deck.")
        prompt = self.server.post("/apply-template", {"messages": QUESTION})[1]["prompt"]
        self.assertIn("Who is the captain?", prompt)
        props = self.server.get("/props")[1]
        self.assertEqual(props["total_slots"], 2)
        self.assertIn("messages", props["chat_template"])
        self.assertIs(props["chat_template_caps"]["supports_string_content"], True)
        self.assertNotIn("chat_template_error", props)

    def test_what_is_not_here_is_refused_by_name(self):
        for more, words in [({"n": 0}, "'n' must be a whole number from 1"), ({"temperature": "hot"}, "'temperature' must be a number"),
                            ({"messages": []}, "at least one message"), ({"max_tokens": -5}, "'max_tokens' must be"), ({"top_p": 1e400}, "JSON|top_p"),
                            ({"logit_bias": {"x": 101}}, "-100 to 100"), ({"logit_bias": {"99999999": 1}}, "token"), ({"stop": ["x"] * 65}, "64 strings")]:
            with self.subTest(more):
                self.refused(self.server.post("/v1/chat/completions", json.dumps(chat(**more))), 400, words)
        error = self.refused(self.server.post("/v1/chat/completions", chat(model="kraken")), 404, "no model 'kraken'")
        self.assertEqual(error["code"], "model_not_found")
        self.refused(self.server.post("/v1/messages", {"model": "mate-chat", "messages": QUESTION}), 400, "max_tokens")
        long = chat(messages=[{"role": "user", "content": "ship " * 3000}])
        error = self.refused(self.server.post("/v1/chat/completions", long), 400, "prompt is too long")
        self.assertEqual(error["code"], "context_length_exceeded")
        self.assertEqual(error["numbers"]["available"], 1024)
        self.refused(self.server.post("/v1/embeddings", {"model": "bosun-log", "input": "x"}), 400, "not planned for embeddings")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
