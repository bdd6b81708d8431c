#!/usr/bin/env python3
"""Sessions of agents with models whose templates are strict, teach a form of calls that nobody reads, or cannot be read. The texts are ours.
agents_test.py PROGRAM [unittest arguments]"""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gguf_keys import with_keys  # noqa: E402
from serving import MATE, SMALL, ServedCase, new_folder  # noqa: E402

ServedCase.program = sys.argv[1]
TURN = "<|im_start|>{{ m.role + '\\n' + m.content }}"
BEHIND = "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
# Users and answers in turns, one system message, ids of nine letters: as Mistral's.
STRICT = ("{% set ns = namespace(i=0) %}{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{% for m in messages %}"
          "{% if m.role != 'tool' and not m.tool_calls and not (m.role == 'system' and loop.first) %}{% if (m.role == 'user') != (ns.i % 2 == 0) %}"
          "{{ raise_exception('roles must alternate') }}{% endif %}{% set ns.i = ns.i + 1 %}{% endif %}" + TURN +
          "{% for c in m.tool_calls or [] %}{% if c.id | length != 9 %}{{ raise_exception('ids have nine letters') }}{% endif %}"
          "[TOOL_CALLS]{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}"
          "{% if m.role == 'tool' and m.tool_call_id | length != 9 %}{{ raise_exception('ids have nine letters') }}{% endif %}" + BEHIND)
OWN = ("{% for t in tools or [] %}<own>{{ t.function.name }}</own>{% endfor %}{% for m in messages %}" + TURN +
       "{% for c in m.tool_calls or [] %}<own>{{ c.function | tojson }}</own>{% endfor %}" + BEHIND)
LOOK = {"type": "object", "properties": {"where": {"enum": ["east", "west"]}}, "required": ["where"]}
ID = "call_0123456789abcdef01234567"


class Agents(ServedCase):
    @classmethod
    def setUpClass(cls):
        folder = new_folder(cls)
        paths = [MATE]
        for name, template in (("strict", STRICT), ("own", OWN), ("broken", "{% for m in messages %}")):
            paths.append(folder / f"{name}.gguf")
            with_keys(MATE, paths[-1], {"tokenizer.chat_template": template})
        cls.arguments = (*(a for path in paths for a in ("-m", path)), "-c", "1024", *SMALL)
        super().setUpClass()

    def ok(self, path, body):
        status, headers, answer = self.server.request("POST", path, body)
        self.assertEqual(status, 200, answer)
        return headers, answer

    def test_claude_code(self):
        body = {"model": "strict", "max_tokens": 4, "temperature": 0, "system": [{"type": "text", "text": "You keep the log."}],
                "tools": [{"name": "look", "input_schema": LOOK}],
                "messages": [{"role": "user", "content": "What is there?"},
                             {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_01A09q90qw90lq917835lq9", "name": "look", "input": {"where": "east"}}]},
                             {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01A09q90qw90lq917835lq9", "content": "fog"}, {"type": "text", "text": "Be quick."}]},
                             {"role": "system", "content": "A reminder."}]}
        self.ok("/v1/messages?beta=true", body)
        names = [name for name, _ in self.server.events("/v1/messages?beta=true", {**body, "stream": True})]
        self.assertEqual(names[-1], "message_stop")

    def test_claude_code_searches(self):
        search = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
        headers, _ = self.ok("/v1/messages?beta=true", {"model": "mate-chat", "max_tokens": 4, "tools": [search], "tool_choice": {"type": "tool", "name": "web_search"},
                                                        "messages": [{"role": "user", "content": "Search for fog."}]})
        self.assertEqual(headers["x-plimsoll-ignored"], "tools[].type=web_search_20250305, tool_choice")

    def codex(self, model):
        said = lambda role, text: {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}
        seen = [{"type": "input_text", "text": "seen"}, {"type": "input_image", "image_url": "data:image/png;base64,aGk="}]
        return {"model": model, "instructions": "You are a mate.", "store": False, "max_output_tokens": 4, "temperature": 0,
                "tools": [{"type": "namespace", "name": "mcp__eye__", "description": "An eye.", "tools": [{"type": "function", "name": "look", "parameters": LOOK}]}],
                "input": [said("developer", "You may read."), said("user", "The folder is /log."), said("user", "What is there?"),
                          {"type": "function_call", "call_id": ID, "namespace": "mcp__eye__", "name": "look", "arguments": '{"where": "east"}'},
                          {"type": "function_call_output", "call_id": ID, "output": seen}]}

    def test_codex(self):
        for model in ("strict", "own", "mate-chat"):
            headers, answer = self.ok("/v1/responses", self.codex(model))
            self.assertEqual(answer["object"], "response")
            self.assertEqual(headers["x-plimsoll-ignored"], "input[].output[].type=input_image")

    def test_codex_calls_a_tool_of_a_server(self):
        body = {**self.codex("mate-chat"), "input": "Look east.", "tool_choice": "required", "parallel_tool_calls": False, "max_output_tokens": 300}
        calls = [item for item in self.ok("/v1/responses", body)[1]["output"] if item["type"] == "function_call"]
        self.assertEqual({(call["namespace"], call["name"]) for call in calls}, {("mcp__eye__", "look")})

    def test_ollamas_clients_have_no_ids(self):
        call = {"function": {"name": "look", "arguments": {"where": "east"}}}
        messages = [{"role": "user", "content": "What is there?"}, {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "tool_name": "look", "content": "fog"}]
        tools = [{"type": "function", "function": {"name": "look", "parameters": LOOK}}]
        self.ok("/api/chat", {"model": "strict", "messages": messages, "tools": tools, "stream": False, "options": {"num_predict": 4}})

    def applied(self, model, **more):
        call = {"id": ID, "type": "function", "function": {"name": "look", "arguments": '{"where": "east"}'}}
        messages = [{"role": "system", "content": "Be."}, {"role": "developer", "content": "Brief."}, {"role": "user", "content": "A."}, {"role": "user", "content": "B."},
                    {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "tool_call_id": ID, "content": "fog"}, {"role": "user", "content": "And?"}]
        tools = [{"type": "function", "function": {"name": "look", "parameters": LOOK}}]
        return self.ok("/apply-template", {"model": model, "messages": messages, "tools": tools, **more})[1]["prompt"]

    def test_what_a_strict_template_is_told(self):
        prompt = self.applied("strict")
        turns = [turn.partition("\n")[0] for turn in prompt.split("<|im_start|>")[1:]]
        self.assertEqual(turns, ["system", "user", "assistant", "tool", "assistant", "user", "assistant"])
        self.assertIn("system\nBe.\n\nBrief.<|im_end|>", prompt)
        self.assertIn("user\nA.\n\nB.<|im_end|>", prompt)

    def test_a_form_of_calls_that_nobody_reads_is_not_taught(self):
        prompt = self.applied("own")
        self.assertNotIn("<own>", prompt)
        self.assertIn("You can call any of the following tools", prompt)
        self.assertIn('"tool_response"', prompt)

    def test_a_template_that_cannot_be_read(self):
        self.assertIn("line 1", self.server.get("/props?model=broken")[1]["chat_template_error"])
        body = {"model": "broken", "messages": [{"role": "user", "content": "a"}]}
        self.refused(self.server.post("/v1/chat/completions", body), 400, "the chat template cannot be read")
        self.ok("/v1/completions", {"model": "broken", "prompt": "Day 1.", "max_tokens": 1})
        self.assertRegex(self.server.log_text(), "broken.*cannot be read")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
