#!/usr/bin/env python3
"""Answers that are held to a form: schemas with what no grammar holds, thoughts before a form, calls that are cut.
forms_test.py PROGRAM [unittest arguments]"""
import json
import pathlib
import struct
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gguf_keys import with_keys  # noqa: E402
from serving import MATE, SMALL, ServedCase, Serving, new_folder  # noqa: E402

PROGRAM = sys.argv[1]
CHAT = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "Who is the captain?"}]
# Begins a thought, as DeepSeek's and others do, and knows Hermes' calls.
TEMPLATE = ("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if tools %}<tool_call>{{ tools | tojson }}</tool_call>\n{% endif %}"
            "{% if add_generation_prompt %}assistant: {% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% else %}<think>\n{% endif %}{% endif %}")
# As Qwen3-Coder's, GLM 4.5's, MiniMax M2's and Seed-OSS's write calls: each argument in tags of its own.
TAGGED = ("{{% for m in messages %}}{{{{ m.role }}}}: {{{{ m.content }}}}{{% for c in m.tool_calls or [] %}}{begin}{name}"
          "{{% for k, v in c.function.arguments|items %}}{argument}{{% endfor %}}{end}{{% endfor %}}\n{{% endfor %}}"
          "{{% if tools %}}{{{{ tools | tojson }}}}\n{{% endif %}}{{% if add_generation_prompt %}}assistant: {{% endif %}}")
CODER = TAGGED.format(begin="<tool_call>", name="<function={{ c.function.name }}>", argument="<parameter={{ k }}>{{ v }}</parameter>",
                      end="</function></tool_call>")
GLM = TAGGED.format(begin="<tool_call>", name="{{ c.function.name }}", argument="<arg_key>{{ k }}</arg_key><arg_value>{{ v }}</arg_value>",
                    end="</tool_call>")
MINIMAX = TAGGED.format(begin="<minimax:tool_call>", name='<invoke name="{{ c.function.name }}">',
                        argument='<parameter name="{{ k }}">{{ v }}</parameter>', end="</invoke></minimax:tool_call>")
SEED = TAGGED.format(begin="<seed:tool_call>", name="<function={{ c.function.name }}>", argument="<parameter={{ k }}>{{ v }}</parameter>",
                     end="</function></seed:tool_call>")
# As Kimi K2's, between marks; the model gives its calls their ids.
KIMI = ("{% for m in messages %}{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %}<|tool_calls_section_begin|><|tool_call_begin|>functions."
        "{{ c.function.name }}:{{ loop.index0 }}<|tool_call_argument_begin|>{{ c.function.arguments|tojson }}<|tool_call_end|><|tool_calls_section_end|>"
        "{% endfor %}\n{% endfor %}{% if tools %}{{ tools|tojson }}\n{% endif %}{% if add_generation_prompt %}assistant: {% endif %}")
SHORT = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"]}
STEER = {"name": "steer", "parameters": {"type": "object", "properties": {"to": {"enum": ["port", "starboard"]}}, "required": ["to"]}}


def tools(**parameters):
    return [{"type": "function", "function": {**STEER, **({"parameters": parameters} if parameters else {})}}]


def schema(of):
    return {"type": "json_schema", "json_schema": {"name": "a", "schema": of}}


class Forms(ServedCase):
    program = PROGRAM
    arguments = ("-m", MATE, "-c", "2048", *SMALL)

    def ask(self, **more):
        status, headers, body = self.server.request("POST", CHAT, {"messages": QUESTION, "seed": 1, "max_tokens": 200, **more})
        self.assertEqual(status, 200, body)
        return {k.lower(): v for k, v in headers.items()}, body

    def test_what_is_held_is_said_nowhere(self):
        headers, body = self.ask(response_format=schema(SHORT))
        self.assertNotIn("x-plimsoll-schema", headers)
        self.assertNotIn("schema_check", body)
        self.assertIn(json.loads(body["choices"][0]["message"]["content"])["a"], "xy")

    def test_what_is_checked_is_said_before_and_after(self):
        """A pattern that nothing matches, and one that everything does."""
        for pattern, valid in (("^(?!.)x", False), ("^(?=.)", True)):
            of = {"type": "object", "properties": {"a": {"enum": ["x", "y"], "pattern": pattern}}, "required": ["a"]}
            headers, body = self.ask(response_format=schema(of))
            self.assertEqual(headers["x-plimsoll-schema"], "unchecked #/properties/a/pattern")
            self.assertEqual(headers["x-plimsoll-schema-check"], "valid" if valid else "invalid")
            self.assertEqual(body["schema_check"]["valid"], valid)
            self.assertEqual("error" in body["schema_check"], not valid)
            events = self.server.events(CHAT, {"messages": QUESTION, "seed": 1, "response_format": schema(of), "stream": True})
            checks = [e[1]["schema_check"]["valid"] for e in events if isinstance(e[1], dict) and "schema_check" in e[1]]
            self.assertEqual(checks, [valid])
            _, headers, _ = self.server.request("POST", CHAT, {"messages": QUESTION, "max_tokens": 1, "response_format": schema(of), "stream": True})
            self.assertEqual({k.lower(): v for k, v in headers.items()}["x-plimsoll-schema"], "unchecked #/properties/a/pattern")
        metrics = self.server.get("/metrics")[1]
        self.assertRegex(metrics, r'plimsoll_schema_checks_total\{result="invalid"\} \d')
        self.assertRegex(metrics, r'plimsoll_schema_unchecked_total\{keyword="pattern"\} \d')
        self.assertIn("breaks its schema", self.server.log_text())

    def test_every_api_says_it(self):
        of = {"type": "object", "properties": {"a": {"enum": ["x"], "pattern": "^(?=x)"}, "b": {"type": None}}, "required": ["a"]}
        said = "unchecked #/properties/a/pattern, loosened #/properties/b/type"
        for path, body in (("/v1/responses", {"input": "Who?", "text": {"format": {"type": "json_schema", "name": "a", "schema": of}}, "max_output_tokens": 200}),
                           ("/v1/messages", {"messages": QUESTION, "max_tokens": 200, "output_config": {"format": {"type": "json_schema", "schema": of}}}),
                           ("/api/chat", {"model": "mate-chat", "messages": QUESTION, "format": of, "stream": False}),
                           ("/api/generate", {"model": "mate-chat", "prompt": "Who?", "format": of, "stream": False}),
                           ("/completion", {"prompt": "Who?", "json_schema": of, "n_predict": 200})):
            with self.subTest(path=path):
                status, headers, answer = self.server.request("POST", path, body)
                self.assertEqual(status, 200, answer)
                headers = {k.lower(): v for k, v in headers.items()}
                self.assertEqual(headers["x-plimsoll-schema"], said)
                self.assertIn("schema_check", answer)

    def test_one_odd_tool_among_others(self):
        many = [{"type": "function", "function": {**STEER, "name": f"steer{i}"}} for i in range(4)]
        for odd, where in (({"type": None}, ""), ({"type": "object", "properties": {"a": {"enum": []}}}, "/properties/a/enum"),
                           ({"type": "object", "properties": {"a": {"$ref": "#/$defs/gone"}}}, "/properties/a/$ref"),
                           ({"type": "object", "properties": {"a": {"type": "string", "pattern": "(a"}}}, "/properties/a/pattern")):
            headers, _ = self.ask(tools=[*many, {"type": "function", "function": {"name": "odd", "parameters": odd}}], max_tokens=1)
            self.assertEqual(headers["x-plimsoll-schema"], f"loosened odd#{where}")

    def test_a_schema_that_means_nothing_is_refused_with_its_place(self):
        for of, words in (({"type": "nothing"}, "'#'"), ({"type": "integer", "minimum": 2, "maximum": 1}, "allows nothing")):
            self.refused(self.server.post(CHAT, {"messages": QUESTION, "response_format": schema(of)}), 400, words)
        self.refused(self.server.post(CHAT, {"messages": QUESTION, "grammar": "root ::= b\nb ::= [a]{5000}"}), 400, "at line 2, column 10")

    def test_forced_calls_that_are_cut_are_no_text(self):
        whole = self.ask(tools=tools(), tool_choice="required", temperature=0)[1]
        for length in range(1, whole["usage"]["completion_tokens"], 3):
            asked = {"tools": tools(), "tool_choice": "required", "temperature": 0, "max_tokens": length, "parallel_tool_calls": False}
            body = self.ask(**asked)[1]
            message, finish = body["choices"][0]["message"], body["choices"][0]["finish_reason"]
            self.assertIn(message["content"], (None, ""))
            self.assertEqual(finish, "tool_calls" if message.get("tool_calls") else "length")
            events = self.server.events(CHAT, {"messages": QUESTION, "seed": 1, **asked, "stream": True})
            deltas = [c["delta"] for e in events if isinstance(e[1], dict) for c in e[1]["choices"]]
            self.assertEqual("".join(d.get("content") or "" for d in deltas), "")


class OwnTemplate(ServedCase):
    """A server of one model that has the class's `template`."""
    program = PROGRAM
    template = None

    @classmethod
    def setUpClass(cls):
        model = new_folder(cls) / "model.gguf"
        with_keys(MATE, model, {"tokenizer.chat_template": cls.template})
        cls.arguments = ("-m", str(model), "-c", "2048", *SMALL)
        super().setUpClass()


class CoderTags(OwnTemplate):
    """Arguments in tags have the types of the schema."""
    template = CODER
    STEER = tools(type="object", properties={"to": {"enum": ["port", "starboard"]},
                                             "knots": {"type": "integer", "minimum": 1, "maximum": 9}, "now": {"type": "boolean"}},
                  required=["to", "knots", "now"])
    ASKED = {"messages": QUESTION, "seed": 1, "max_tokens": 300, "tools": STEER, "tool_choice": "required", "parallel_tool_calls": False}

    def check(self, arguments):
        arguments = json.loads(arguments)
        self.assertIn(arguments["to"], ("port", "starboard"))
        self.assertIs(type(arguments["knots"]), int)
        self.assertIs(type(arguments["now"]), bool)

    def test_a_call_and_what_follows(self):
        status, body = self.server.post(CHAT, self.ASKED)
        self.assertEqual(status, 200, body)
        message = body["choices"][0]["message"]
        self.assertFalse(message["content"])
        self.assertEqual(body["choices"][0]["finish_reason"], "tool_calls")
        [call] = message["tool_calls"]
        self.check(call["function"]["arguments"])
        followed = [*QUESTION, message, {"role": "tool", "tool_call_id": call["id"], "content": "Aye."}]
        status, body = self.server.post(CHAT, {**self.ASKED, "messages": followed, "tool_choice": "auto", "max_tokens": 5})
        self.assertEqual(status, 200, body)

    def test_a_stream(self):
        events = self.server.events(CHAT, {**self.ASKED, "stream": True})
        deltas = [c["delta"] for e in events if isinstance(e[1], dict) for c in e[1]["choices"]]
        [call] = [call for d in deltas for call in d.get("tool_calls") or []]
        self.check(call["function"]["arguments"])
        self.assertEqual("".join(d.get("content") or "" for d in deltas), "")

    def test_a_call_that_is_cut_is_neither_text_nor_a_call(self):
        for most in (1, 4, 12):
            status, body = self.server.post(CHAT, {**self.ASKED, "max_tokens": most})
            self.assertEqual(status, 200, body)
            message, finish = body["choices"][0]["message"], body["choices"][0]["finish_reason"]
            self.assertFalse(message["content"])
            self.assertEqual(finish, "tool_calls" if message.get("tool_calls") else "length")


class GlmTags(CoderTags):
    template = GLM


class MiniMaxTags(CoderTags):
    template = MINIMAX


class SeedTags(CoderTags):
    template = SEED


class ControlTokens(unittest.TestCase):
    """The tags of calls and thoughts are control tokens of the vocabulary, which say nothing unless they are asked to."""
    STEERED = {"messages": QUESTION, "seed": 1, "max_tokens": 300, "logit_bias": {"765": 100}}

    def serve(self, tag):
        model = new_folder(self) / "tokens.gguf"
        text = lambda words: struct.pack("<Q", len(words)) + words.encode()  # noqa: E731
        unused = "<|endoftext|>"  # the name is longer by what this is shorter then: the weights stay where they are
        with_keys(MATE, model, {"tokenizer.chat_template": TEMPLATE, "general.name": "Mate"})
        name = "Mate" + "." * (len(unused) - len(tag))
        model.write_bytes(model.read_bytes().replace(text(unused), text(tag)).replace(text("Mate"), text(name)))
        server = Serving(PROGRAM, "-m", model, "-c", "2048", *SMALL)
        self.addCleanup(server.stop)
        return server

    def test_a_call(self):
        server = self.serve("<tool_call>")
        asked = {**self.STEERED, "tools": tools(), "tool_choice": "required", "parallel_tool_calls": False, "enable_thinking": False}
        status, body = server.post(CHAT, asked)
        self.assertEqual(status, 200, body)
        self.assertEqual(body["choices"][0]["finish_reason"], "tool_calls", body)
        self.assertEqual(body["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "steer")

    def test_the_end_of_a_thought(self):
        server = self.serve("</think>")
        status, body = server.post(CHAT, {**self.STEERED, "max_tokens": 4})
        self.assertEqual(status, 200, body)
        self.assertLess(body["usage"]["completion_tokens_details"]["reasoning_tokens"], 4, body)


class Thoughts(OwnTemplate):
    """The template opens a thought; a budget ends it, since this model would not."""
    template = TEMPLATE

    ASKED = {"messages": QUESTION, "seed": 1, "max_tokens": 300, "thinking_budget": 6, "temperature": 0}

    def thought_and(self, **more):
        status, body = self.server.post(CHAT, {**self.ASKED, **more})
        self.assertEqual(status, 200, body)
        message = body["choices"][0]["message"]
        self.assertTrue(message["reasoning_content"])
        self.assertNotIn("</think>", message["reasoning_content"])
        self.assertGreaterEqual(body["usage"]["completion_tokens_details"]["reasoning_tokens"], 6)
        return message

    def streamed(self, **more):
        events = self.server.events(CHAT, {**self.ASKED, **more, "stream": True})
        deltas = [c["delta"] for e in events if isinstance(e[1], dict) for c in e[1]["choices"]]
        self.assertTrue("".join(d.get("reasoning_content") or "" for d in deltas))
        return deltas

    def test_a_schema_begins_behind_the_thought(self):
        message = self.thought_and(response_format=schema(SHORT))
        self.assertIn(json.loads(message["content"])["a"], "xy")
        deltas = self.streamed(response_format=schema(SHORT))
        self.assertIn(json.loads("".join(d.get("content") or "" for d in deltas))["a"], "xy")

    def test_so_does_a_choice(self):
        self.assertIn(self.thought_and(guided_choice=["aye", "nay"])["content"], ("aye", "nay"))

    def test_so_do_calls(self):
        message = self.thought_and(tools=tools(), tool_choice="required", parallel_tool_calls=False)
        self.assertIn(json.loads(message["tool_calls"][0]["function"]["arguments"])["to"], ("port", "starboard"))
        self.assertFalse(message["content"])
        deltas = self.streamed(tools=tools(), tool_choice="required", parallel_tool_calls=False)
        self.assertEqual([d["tool_calls"][0]["function"]["name"] for d in deltas if d.get("tool_calls")], ["steer"])
        self.assertFalse("".join(d.get("content") or "" for d in deltas))

    def test_and_text_where_tools_may_be_called(self):
        message = self.thought_and(tools=tools(), max_tokens=20)
        self.assertNotIn("<think>", message["content"])

    def test_a_thought_that_was_begun_is_gone_on_with(self):
        begun = {"messages": [*QUESTION, {"role": "assistant", "content": "<think>\nI wonder"}]}
        for form in ({"response_format": schema(SHORT)}, {}):
            message = self.thought_and(**begun, **form, max_tokens=40 if not form else 300)
            self.assertNotIn("<think>", message["content"])
            self.assertTrue(message["content"])
        self.assertIn(json.loads(self.thought_and(**begun, response_format=schema(SHORT))["content"])["a"], "xy")

    def test_without_thinking_there_is_none(self):
        status, body = self.server.post(CHAT, {**self.ASKED, "enable_thinking": False, "response_format": schema(SHORT)})
        self.assertEqual(status, 200, body)
        self.assertNotIn("reasoning_content", body["choices"][0]["message"])
        self.assertIn(json.loads(body["choices"][0]["message"]["content"])["a"], "xy")

    def test_in_other_apis(self):
        status, body = self.server.post("/v1/messages", {"messages": QUESTION, "max_tokens": 300, "thinking": {"type": "enabled", "budget_tokens": 6}, "temperature": 0,
                                                         "output_config": {"format": {"type": "json_schema", "schema": SHORT}}})
        self.assertEqual(status, 200, body)
        self.assertEqual([block["type"] for block in body["content"]], ["thinking", "text"])
        self.assertIn(json.loads(body["content"][1]["text"])["a"], "xy")
        status, body = self.server.post("/api/chat", {"model": "thinker", "messages": QUESTION, "stream": False, "format": SHORT, "think": True, "thinking_budget": 6,
                                                      "options": {"temperature": 0, "num_predict": 300}})
        self.assertEqual(status, 200, body)
        self.assertNotIn("<think>", body["message"]["content"])


class Marks(OwnTemplate):
    """A form that is a row of the table: held, read, and its ids kept."""
    template = KIMI
    ASKED = {"messages": QUESTION, "seed": 1, "max_tokens": 300, "tools": tools(), "tool_choice": "required", "parallel_tool_calls": False}

    def test_calls_keep_their_ids(self):
        status, body = self.server.post(CHAT, self.ASKED)
        self.assertEqual(status, 200, body)
        message = body["choices"][0]["message"]
        self.assertFalse(message["content"])
        call = message["tool_calls"][0]
        self.assertRegex(call["id"], r"^functions\.steer:\d{1,4}$")
        self.assertIn(json.loads(call["function"]["arguments"])["to"], ("port", "starboard"))
        events = self.server.events(CHAT, {**self.ASKED, "stream": True})
        deltas = [c["delta"] for e in events if isinstance(e[1], dict) for c in e[1]["choices"]]
        self.assertEqual([d["tool_calls"][0]["id"] for d in deltas if d.get("tool_calls")], [call["id"]])
        self.assertFalse("".join(d.get("content") or "" for d in deltas))
        told = [*QUESTION, message, {"role": "tool", "tool_call_id": call["id"], "content": "done"}]
        status, body = self.server.post("/apply-template", {"messages": told})
        self.assertEqual(status, 200, body)
        self.assertIn("<|tool_call_begin|>functions.steer:0<|tool_call_argument_begin|>", body["prompt"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
