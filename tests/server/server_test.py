#!/usr/bin/env python3
"""`plimsoll serve` as its clients meet it. server_test.py PROGRAM MODELS_DIR [unittest arguments]"""
import base64
import json
import math
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import jsonschema

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase, Serving, in_threads  # noqa: E402

PROGRAM = sys.argv[1]
MODELS = pathlib.Path(sys.argv[2])
ServedCase.program = PROGRAM
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
        models = self.server.get("/v1/models")[1]["data"]
        self.assertEqual([m["id"] for m in models], ["mate-chat", "bosun-log"])
        self.assertEqual(self.server.get("/v1/models/bosun-log")[1]["id"], "bosun-log")
        tokens = self.server.post("/tokenize", {"content": "All hands on deck."})[1]["tokens"]
        self.assertEqual(self.server.post("/detokenize", {"tokens": tokens})[1]["content"].strip(), "All hands on deck.")
        prompt = self.server.post("/apply-template", {"messages": QUESTION})[1]["prompt"]
        self.assertIn("Who is the captain?", prompt)
        self.assertEqual(self.server.get("/props")[1]["total_slots"], 2)

    def test_what_is_not_here_is_refused_by_name(self):
        for more, words in [({"audio": {"voice": "x"}}, "'audio' is not supported here"), ({"temprature": 1}, "'temprature' is no field"),
                            ({"n": 0}, "'n' must be a whole number from 1"), ({"temperature": "hot"}, "'temperature' must be a number"),
                            ({"messages": []}, "at least one message"), ({"max_tokens": -1}, "'max_tokens' must be"), ({"top_p": 1e400}, "JSON|top_p"),
                            ({"logit_bias": {"x": 1}}, "no token id"), ({"logit_bias": {"99999999": 1}}, "token"), ({"stop": ["x"] * 65}, "64 strings")]:
            with self.subTest(more):
                self.refused(self.server.post("/v1/chat/completions", json.dumps(chat(**more))), 400, words)
        error = self.refused(self.server.post("/v1/chat/completions", chat(model="kraken")), 404, "no model 'kraken'")
        self.assertEqual(error["code"], "model_not_found")
        self.refused(self.server.post("/v1/messages", {"model": "mate-chat", "messages": QUESTION}), 400, "max_tokens")
        long = chat(messages=[{"role": "user", "content": "ship " * 3000}])
        error = self.refused(self.server.post("/v1/chat/completions", long), 400, "tokens long")
        self.assertEqual(error["code"], "context_length_exceeded")
        self.assertEqual(error["numbers"]["available"], 1024)
        self.refused(self.server.post("/v1/embeddings", {"model": "bosun-log", "input": "x"}), 400, "not planned for embeddings")


class Memory(ServedCase):
    """Every byte, as the server itself tells it."""
    arguments = ("-m", MATE, "-m", BOSUN, "-c", "256", "--budget", "CPU=1GiB", *SMALL)

    def test_the_ledger_is_the_plan(self):
        for name in ("mate-chat", "bosun-log"):
            self.server.post(f"/plimsoll/v1/models/{name}/load")
        plan = self.server.get("/plimsoll/v1/plan")[1]
        self.assertEqual(plan["schema"], "plimsoll.fleet/1")
        ledger = self.server.get("/plimsoll/v1/ledger")[1]["entries"]
        compared = 0
        for model in plan["models"]:
            for line in model["entries"]:
                if line["source"] != "exact" or line["stage"] == "compute" or not line.get("charged", True):
                    continue  # compute is the compute group's
                entry = next(e for e in ledger if (e["owner"], e["stage"], e["buffer"]) == (model["name"], line["stage"], line["buffer"]))
                self.assertEqual(entry["current"], line["bytes"])
                compared += 1
        self.assertGreaterEqual(compared, 4)

    def test_what_would_this_take(self):
        status, small = self.server.post("/plimsoll/v1/plan", {"model": "bosun-log", "ctx-size": 256})
        self.assertEqual((status, small["verdict"]), (200, "fits"), small)
        large = self.server.post("/plimsoll/v1/plan", {"models": [{"model": "bosun-log", "ctx-size": 4096, "cache-type-k": "q8_0", "cache-type-v": "q8_0"}]})[1]
        cache = lambda plan: sum(l["bytes"] for m in plan["models"] for l in m["entries"] if l["stage"] == "kv_cache")
        self.assertGreater(cache(large), cache(small))
        self.refused(self.server.post("/plimsoll/v1/plan", {"model": "bosun-log", "path": "/etc/passwd"}), 400, "path", "plimsoll")
        self.refused(self.server.post("/plimsoll/v1/plan", {"model": "../../etc/passwd"}), 404, "no model", "plimsoll")
        refused = self.server.post("/plimsoll/v1/plan", {"model": "bosun-log", "ctx-size": 1 << 24})
        self.assertEqual(refused[1]["verdict"], "refused")

    def test_what_is_kept_of_prompts_is_in_the_ledger(self):
        for day in range(8):
            self.server.post("/v1/completions", {"model": "bosun-log", "prompt": f"Day {day}. " + "The wind was fair. " * 30, "max_tokens": 1})
        status = self.server.get("/plimsoll/v1/status")[1]
        self.assertGreater(status["swap"]["memory"], 0)
        kept = {o["name"]: {m["stage"]: m["taken"] for m in o["memory"]} for o in status["others"]}
        self.assertEqual(kept["swap"]["conversations"], status["swap"]["memory"])
        self.assertGreater(kept["prompts"]["conversations"], 0)
        self.assertGreater(kept["records"]["bookkeeping"], 0)
        cpu = next(d for d in status["devices"] if d["device"] == "CPU")
        self.assertGreaterEqual(cpu["committed"], cpu["taken"])
        self.assertGreaterEqual(cpu["taken"], sum(sum(stages.values()) for stages in kept.values()))

    def test_hands_on_the_models(self):
        self.assertEqual(self.server.post("/plimsoll/v1/models/bosun-log/load")[1]["state"], "ready")
        self.assertEqual(self.server.post("/plimsoll/v1/models/bosun-log/pin", {"pinned": True})[1]["pinned"], True)
        self.refused(self.server.post("/plimsoll/v1/models/bosun-log/unload"), 400, "pinned", "plimsoll")
        self.server.post("/plimsoll/v1/models/bosun-log/pin", {"pinned": False})
        self.assertEqual(self.server.post("/plimsoll/v1/models/bosun-log/unload")[0], 200)
        until = time.monotonic() + 120
        state = lambda: next(m["state"] for m in self.server.get("/plimsoll/v1/status")[1]["models"] if m["name"] == "bosun-log")
        while state() not in ("swapped", "absent") and time.monotonic() < until:
            time.sleep(0.05)
        self.assertIn(state(), ("swapped", "absent"))
        self.assertEqual(self.server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 2.", "max_tokens": 4})[0], 200)
        self.refused(self.server.post("/plimsoll/v1/models/kraken/load"), 404, "no model", "plimsoll")

    def test_status_history_and_devices(self):
        status = self.server.get("/plimsoll/v1/status")[1]
        self.assertEqual(status["schema"], "plimsoll.status/1")
        cpu = next(d for d in self.server.get("/plimsoll/v1/devices")[1]["devices"] if d["device"] == "CPU")
        self.assertEqual(cpu["budget"], 1 << 30)
        while not (history := self.server.get("/plimsoll/v1/history")[1]["samples"]):
            time.sleep(0.05)
        self.assertEqual(history[-1]["devices"][-1].keys() >= {"device", "committed", "budget"}, True)

    def test_events_come_as_they_happen(self):
        self.server.post("/plimsoll/v1/models/mate-chat/load")
        connection = self.server.connection()
        connection.request("GET", "/plimsoll/v1/events")
        answer = connection.getresponse()
        lines = []
        while not any('"to":"ready"' in line for line in lines):
            lines.append(answer.fp.readline().decode())
        self.assertTrue(any(line.startswith("event: moved") for line in lines))
        connection.close()

    def test_metrics_as_prometheus_likes_them(self):
        self.server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 2.", "max_tokens": 4})
        status, text = self.server.get("/metrics")
        self.assertEqual(status, 200)
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertRegex(text, r'plimsoll_completion_tokens_total\{model="bosun-log"\} [1-9]')
        self.assertRegex(text, r'plimsoll_http_requests_total\{route="/v1/completions",status="200"\} [1-9]')
        self.assertNotIn("plimsoll_seal_allocations_total{model=\"bosun-log\"} 1", text)

    def test_times_are_counted_by_model(self):
        families = {"time_to_first_token_seconds": 2, "inter_token_latency_seconds": 6, "request_queue_time_seconds": 2}

        def counts(model):
            text = self.server.get("/metrics")[1]
            value = lambda series: float((re.findall(rf"^plimsoll_{re.escape(series)} (\S+)$", text, re.M) or [0])[0])
            for family in families:
                self.assertEqual(value(f'{family}_bucket{{model="{model}",le="+Inf"}}'), value(f'{family}_count{{model="{model}"}}'))
            return {family: value(f'{family}_count{{model="{model}"}}') for family in families}
        before = {model: counts(model) for model in ("bosun-log", "mate-chat")}
        for _ in range(2):
            self.server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 2.", "max_tokens": 4, "ignore_eos": True})
        self.assertEqual(counts("bosun-log"), {family: before["bosun-log"][family] + more for family, more in families.items()})
        self.assertEqual(counts("mate-chat"), before["mate-chat"])
        text = self.server.get("/metrics")[1]
        self.assertNotRegex(text, "plimsoll_(load|first_token)_seconds_total")
        status = self.server.get("/plimsoll/v1/status")[1]
        for model in status["models"]:
            for family in ("model_load_seconds", "model_warm_up_seconds"):
                self.assertIn(f'plimsoll_{family}_count{{model="{model["name"]}"}} {model["loads"]}\n', text)

    def test_the_page_needs_nothing_from_elsewhere(self):
        status, headers, page = self.server.request("GET", "/")
        self.assertEqual(status, 200)
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertIn("<!doctype html>", page.lower())
        self.assertNotRegex(page, r'(?:src|href)="https?://')


class Manners(ServedCase):
    """Keys, limits, bad input, clients that go away."""
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
        self.assertEqual(self.server.request("DELETE", "/v1/models", headers=self.KEY)[0], 404)
        self.assertEqual(self.server.request("GET", "/../../etc/passwd", headers=self.KEY)[0], 404)
        self.assertEqual(self.server.get("/v1/models/..%2f..%2fetc%2fpasswd", self.KEY)[0], 404)

    def test_one_request_is_not_two(self):
        head = b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        inner = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer starboard\r\n\r\n"
        # Refused without a key: what follows is not read as a request of its own.
        out = self.server.raw(head + b"Content-Length: %d\r\n\r\n" % len(inner) + inner, timeout=3)
        self.assertEqual(out.count(b"HTTP/1.1 "), 1, out)
        # Two lengths, or a length beside chunks: never two answers of which the second is 200.
        for framing in (b"Content-Length: 2\r\nContent-Length: 40\r\n", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"):
            out = self.server.raw(head + b"Authorization: Bearer starboard\r\n" + framing + b"\r\n{}" + inner, timeout=3)
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
        folder = pathlib.Path(f"/proc/{self.server.process.pid}/fdinfo")
        kept = [d.name for d in folder.iterdir() if int(d.name) > 2
                and not int(re.search(r"flags:\s+(\d+)", d.read_text())[1], 8) & os.O_CLOEXEC]
        names = {d: os.readlink(f"/proc/{self.server.process.pid}/fd/{d}") for d in kept}
        self.assertEqual({d: n for d, n in names.items() if not n.startswith("/dev/")}, {})

    def test_idle_and_half_open_connections_hold_nobody_up(self):
        idle = [socket.create_connection((self.server.host, self.server.port)) for _ in range(30)]
        slow = [socket.create_connection((self.server.host, self.server.port)) for _ in range(10)]
        for s in slow:
            s.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nAuthorization: Bearer starboard\r\n\r\n{")
        self.assertEqual(self.ask({"prompt": "Day 1.", "max_tokens": 2})[0], 200)
        for s in idle + slow:
            s.close()


class Description(ServedCase):
    """The OpenAPI description, held against the server: every route is in it, and answers follow its schemas."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        fleet = pathlib.Path(cls.folder.name) / "fleet.toml"
        common = 'device = "none"\nthreads = 1\nctx-size = 1024\nbatch-size = 64\nubatch-size = 64\n'
        fleet.write_text(f'[[model]]\nname = "mate-chat"\npath = "{MATE}"\n{common}\n[[model]]\nname = "vectors"\npath = "{MATE}"\nembeddings = true\npooling = "mean"\n{common}')
        cls.arguments = (str(fleet),)
        super().setUpClass()
        cls.description = cls.server.get("/openapi.json")[1]

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.folder.cleanup()

    def schema_of(self, path, method, status="200"):
        answer = self.description["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
        return {**answer, "components": self.description["components"]}

    def follows(self, answer, path, method, status="200"):
        jsonschema.validate(answer, self.schema_of(path, method, status), cls=jsonschema.Draft202012Validator)

    def test_it_names_every_route_and_no_other(self):
        written = set()
        for source in (pathlib.Path(__file__).resolve().parents[2] / "src").glob("server/routes_*.cpp"):
            text = source.read_text()
            written |= {(method.lower(), path) for method, path in re.findall(r'http->(Get|Post)\(\s*"([^"(]+)"', text)}
            written |= {("post", p) for p in re.findall(r'add_counting\("([^"]+)"', text)}
            written |= {("post", p) for p in re.findall(r'"(/[\w/]*rerank\w*)"', text)}
        written |= {("post", p) for p in re.findall(r'Dialect\{"([^"]+)"', (pathlib.Path(__file__).resolve().parents[2] / "src/api/dialects.cpp").read_text())}
        known = {(m, p) for p, item in self.description["paths"].items() for m in item if m in ("get", "post")}
        self.assertGreater(len(written), 20)
        self.assertEqual(written - known, set())
        self.assertEqual({(m, p) for m, p in known - written if "{" not in p}, set())

    def test_every_path_is_answered(self):
        for path, item in self.description["paths"].items():
            for method in set(item) & {"get", "post"}:
                if path == "/plimsoll/v1/events":
                    continue  # has no end
                status, body = (self.server.get if method == "get" else self.server.post)(path.replace("{name}", "kraken"))
                sentence = json.dumps(body) if not isinstance(body, str) else body
                self.assertNotIn(f"there is no {method.upper()}", sentence, path)

    def test_answers_follow_their_schemas(self):
        for path in ("/health", "/v1/models", "/props", "/plimsoll/v1/status", "/plimsoll/v1/history", "/plimsoll/v1/devices", "/plimsoll/v1/ledger", "/plimsoll/v1/plan"):
            with self.subTest(path):
                self.follows(self.server.get(path)[1], path, "get")
        short = {"model": "mate-chat", "temperature": 0}
        for path, body in [("/v1/chat/completions", {**short, "messages": QUESTION, "max_tokens": 4, "logprobs": True, "top_logprobs": 2}),
                           ("/v1/completions", {**short, "prompt": "Day 1.", "max_tokens": 4, "logprobs": 1}),
                           ("/v1/responses", {**short, "input": "Who?", "max_output_tokens": 4}), ("/v1/responses/input_tokens", {"model": "mate-chat", "input": "Who?"}),
                           ("/v1/messages", {**short, "messages": QUESTION, "max_tokens": 4}), ("/v1/messages/count_tokens", {"model": "mate-chat", "messages": QUESTION}),
                           ("/v1/embeddings", {"model": "vectors", "input": ["a", "b"]}), ("/tokenize", {"content": "Day 1.", "with_pieces": True}),
                           ("/detokenize", {"tokens": [65, 66]}), ("/apply-template", {"messages": QUESTION}), ("/plimsoll/v1/plan", {"model": "mate-chat", "ctx-size": 512})]:
            with self.subTest(path):
                status, answer = self.server.post(path, body)
                self.assertEqual(status, 200, answer)
                self.follows(answer, path, "post")
        self.follows(self.server.post("/plimsoll/v1/models/mate-chat/load")[1], "/plimsoll/v1/models/{name}/load", "post")

    def test_refusals_follow_their_schemas(self):
        for path in ("/v1/chat/completions", "/v1/messages", "/plimsoll/v1/plan", "/v1/embeddings"):
            status, answer = self.server.post(path, {"nonsense": 1})
            self.assertEqual(status, 400)
            self.follows(answer, path, "post", "400")


class Limits(unittest.TestCase):
    """Servers that differ; each its own."""

    def serving(self, *arguments, **options):
        server = Serving(PROGRAM, *arguments, **options)
        self.addCleanup(lambda: server.process.poll() is not None or server.stop())
        return server

    def test_a_model_that_cannot_fit_is_refused_with_its_numbers(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        fleet = pathlib.Path(folder.name) / "fleet.toml"
        fleet.write_text("".join(f'[[model]]\nname = "{name}"\npath = "{BOSUN}"\ndevice = "none"\nbatch-size = 64\nctx-size = {context}\n'
                                 for name, context in (("small", 256), ("large", 65536))))
        server = self.serving(fleet, "--budget", "CPU=32MiB")
        status, body = server.post("/v1/completions", {"model": "large", "prompt": "x"})
        self.assertEqual(status, 507, body)
        self.assertEqual(body["error"]["code"], "over_budget")
        self.assertRegex(body["error"]["message"], "needed on CPU")
        self.assertEqual(body["error"]["plan"]["verdict"], "refused")
        device = next(d for d in body["error"]["plan"]["devices"] if d["device"] == "CPU")
        self.assertEqual(device["short_by"], device["required"] + device["ours"] - device["budget"])
        self.assertRegex(" ".join(body["error"]["plan"]["alternatives"][0]["flags"]), "-c ")
        status, refused = server.post("/plimsoll/v1/models/large/load")
        self.assertEqual((status, refused["code"], refused["plan"]["verdict"]), (507, "over_budget", "refused"))
        self.assertEqual(server.post("/v1/completions", {"model": "small", "prompt": "x", "max_tokens": 1})[0], 200)
        self.assertRegex(server.log_text(), "'large' is going to be refused: .* needed on CPU")
        self.assertRegex(server.log_text(), "'large' would fit with -c ")
        self.assertEqual(server.stop(), 0)

    def test_where_nothing_fits_there_is_no_server_but_ways_out(self):
        done = subprocess.run([PROGRAM, "serve", "-m", BOSUN, "-c", "256", "--no-repack", "--budget", "CPU=9700KiB", *SMALL, "--port", "0"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("Never: bosun-log", done.stderr)
        self.assertIn("would fit: ", done.stderr)
        self.assertIn("no model of these fits, even alone", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_without_a_budget_the_host_has_one_all_the_same(self):
        server = self.serving("-m", BOSUN, "-c", 256, *SMALL)
        cpu = next(d for d in server.get("/plimsoll/v1/status")[1]["devices"] if d["device"] == "CPU")
        self.assertGreater(cpu["budget"], 0)
        self.assertLess(cpu["budget"], cpu["total"])
        self.assertRegex(server.log_text(), "budget on the host: .* 90 % of what is free")

    def test_a_load_beside_requests_for_another_model_is_answered(self):
        server = self.serving("-m", BOSUN, "-m", MATE, "-c", 8192, "--budget", f"CPU={self.needed_by_one() + (1 << 20)}", *SMALL, wait_ready=False)

        def ask(i):
            if i > 0:
                return [server.post("/plimsoll/v1/models/bosun-log/load") for _ in range(8)]
            return [server.post("/v1/completions", {"model": "mate-chat", "prompt": "x", "max_tokens": 1}) for _ in range(16)]
        for answers in in_threads(2, ask):
            self.assertEqual([status for status, _ in answers], [200] * len(answers), answers)
        self.assertGreater(sum(m["evictions"] for m in server.get("/plimsoll/v1/status")[1]["models"]), 0)

    def needed_by_one(self):
        plan = json.loads(subprocess.run([PROGRAM, "plan", "-m", MATE, "-c", "8192", *SMALL, "--json"], capture_output=True, text=True, check=True).stdout)
        return next(d["required"] for d in plan["devices"] if d["device"] == "CPU")

    def test_two_models_take_turns_under_a_line_for_one(self):
        server = self.serving("-m", BOSUN, "-m", MATE, "-c", 8192, "--budget", f"CPU={self.needed_by_one() + (1 << 20)}", *SMALL, wait_ready=False)
        answers = in_threads(8, lambda i: server.post("/v1/completions", {"model": ("bosun-log", "mate-chat")[i % 2], "prompt": "Day 3.", "max_tokens": 4})[0])
        self.assertEqual(answers, [200] * 8)
        status = server.get("/plimsoll/v1/status")[1]
        cpu = next(d for d in status["devices"] if d["device"] == "CPU")
        self.assertLessEqual(cpu["committed"], cpu["budget"])
        self.assertGreater(sum(m["evictions"] for m in status["models"]), 0)
        text = server.get("/metrics")[1]
        for model in status["models"]:
            self.assertIn(f'plimsoll_model_eviction_seconds_count{{model="{model["name"]}"}} {model["evictions"]}\n', text)
            self.assertIn(f'plimsoll_request_queue_time_seconds_count{{model="{model["name"]}"}} 4\n', text)

    def test_too_many_at_once_are_asked_to_come_again(self):
        server = self.serving("-m", BOSUN, "-c", 512, "--max-requests", 2, *SMALL)
        slow = {"prompt": "Day 3.", "max_tokens": 400, "ignore_eos": True}
        answers = in_threads(6, lambda _: server.request("POST", "/v1/completions", slow))
        statuses = [a[0] for a in answers]
        self.assertIn(200, statuses)
        self.assertIn(503, statuses)
        refused = next(a for a in answers if a[0] == 503)
        self.assertIn("Retry-After", refused[1])
        self.assertEqual(refused[2]["error"]["code"], "busy")

    def test_it_lets_requests_end_when_it_is_asked_to_stop(self):
        server = self.serving("-m", BOSUN, "-c", 512, *SMALL)
        connection = server.connection()
        connection.request("POST", "/v1/completions", json.dumps({"prompt": "Day 3.", "max_tokens": 200, "ignore_eos": True, "stream": True}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.readline()
        server.process.send_signal(signal.SIGTERM)
        self.assertTrue(answer.read().decode().endswith("data: [DONE]\n\n"))
        connection.close()
        self.assertEqual(server.process.wait(timeout=60), 0)
        server.stop()

    def test_it_does_not_wait_longer_than_it_was_told(self):
        server = self.serving("-m", BOSUN, "-c", 4096, "--drain-time", 1, *SMALL)
        connection = server.connection()
        connection.request("POST", "/v1/completions", json.dumps({"prompt": "Day 3.", "max_tokens": 100000, "ignore_eos": True, "stream": True}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.readline()
        self.assertEqual(server.stop(), 0)
        self.assertNotIn(b'"finish_reason":"length"', answer.read())  # it was not written to its end
        connection.close()

    def test_a_fleet_file_and_embeddings(self):
        with tempfile.TemporaryDirectory() as folder:
            fleet = pathlib.Path(folder) / "fleet.toml"
            common = 'device = "none"\nthreads = 1\nctx-size = 256\nbatch-size = 64\nubatch-size = 64\n'
            fleet.write_text(f'[[model]]\nname = "writer"\npath = "{BOSUN}"\n{common}\n[[model]]\nname = "vectors"\npath = "{MATE}"\nembeddings = true\npooling = "mean"\n{common}')
            server = self.serving(fleet)
            texts = ["Heavy seas.", "Fair wind.", "Heavy seas."]
            status, body = server.post("/v1/embeddings", {"model": "vectors", "input": texts})
            self.assertEqual(status, 200, body)
            vectors = [d["embedding"] for d in body["data"]]
            for vector in vectors:
                self.assertAlmostEqual(sum(x * x for x in vector), 1, places=4)
            self.assertEqual([round(x, 3) for x in vectors[0]], [round(x, 3) for x in vectors[2]])
            coded = server.post("/v1/embeddings", {"model": "vectors", "input": texts[0], "encoding_format": "base64"})[1]["data"][0]["embedding"]
            numbers = struct.unpack(f"<{len(vectors[0])}f", base64.b64decode(coded))
            self.assertLess(max(abs(a - b) for a, b in zip(numbers, vectors[0])), 1e-4)
            short = server.post("/v1/embeddings", {"input": texts[0], "dimensions": 8})[1]["data"][0]["embedding"]
            self.assertEqual(len(short), 8)
            self.assertEqual(server.post("/v1/chat/completions", {"model": "vectors", "messages": QUESTION})[0], 400)
            self.assertEqual(server.post("/v1/completions", {"model": "writer", "prompt": "Day 1.", "max_tokens": 3})[0], 200)
            self.assertEqual(server.stop(), 0)

    def test_a_draft_changes_no_word(self):
        with tempfile.TemporaryDirectory() as folder:
            fleet = pathlib.Path(folder) / "fleet.toml"
            common = f'path = "{BOSUN}"\ndevice = "none"\nthreads = 1\nctx-size = 512\nparallel = 2\nbatch-size = 64\nubatch-size = 64\n'
            fleet.write_text(f'[[model]]\nname = "alone"\n{common}\n[[model]]\nname = "pair"\nmodel-draft = "{BOSUN}"\ndraft-max = 4\n{common}')
            server = self.serving(fleet)
            asked = {"prompt": "Day 12.", "max_tokens": 24, "temperature": 0, "logprobs": 0, "n": 2}
            alone, pair = (server.post("/v1/completions", asked | {"model": name})[1] for name in ("alone", "pair"))
            self.assertEqual([c["text"] for c in pair["choices"]], [c["text"] for c in alone["choices"]])
            self.assertEqual(pair["usage"]["completion_tokens"], alone["usage"]["completion_tokens"])
            for one, other in zip(alone["choices"], pair["choices"]):
                self.assertEqual(len(one["logprobs"]["tokens"]), len(other["logprobs"]["tokens"]))
                for a, b in zip(one["logprobs"]["token_logprobs"], other["logprobs"]["token_logprobs"]):
                    self.assertAlmostEqual(a, b, places=3)
            greedy = lambda name, i: server.post("/v1/completions", {"model": name, "prompt": f"Day {i}.", "max_tokens": 12,
                                                                     "temperature": 0})[1]["choices"][0]["text"]
            self.assertEqual(in_threads(4, lambda i: greedy("pair", i)), [greedy("alone", i) for i in range(4)])
            owners = {e["owner"] for e in server.get("/plimsoll/v1/ledger")[1]["entries"]}
            self.assertLessEqual({"alone", "pair", "pair-draft"}, owners)
            self.assertEqual([m["name"] for m in server.post("/plimsoll/v1/plan", {"model": "pair", "ctx-size": 1024})[1]["models"]],
                             ["pair", "pair-draft"])
            self.assertEqual([m["id"] for m in server.get("/v1/models")[1]["data"]], ["alone", "pair"])
            self.assertEqual(server.stop(), 0)

    def test_thoughts_are_told_apart(self):
        """The demo model with a template that begins a thought, which it never ends: everything is one, unless it is told not to think."""
        old = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
               "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
        new = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
               "{{ '<|im_start|>assistant\\n' }}{% if not silent %}{{ '<think>\\n' }}{% endif %}")
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "thinker.gguf"
            original = pathlib.Path(MATE).read_bytes()
            self.assertEqual(original.count(old.encode()), 1)
            self.assertLessEqual(len(new), len(old))
            model.write_bytes(original.replace(old.encode(), (new[:-len("{% endif %}")] + "{% endif " + " " * (len(old) - len(new)) + "%}").encode()))
            server = self.serving("-m", model, "-c", 256, *SMALL)
            asked = {"messages": QUESTION, "temperature": 0, "max_tokens": 8}
            status, thinking = server.post("/v1/chat/completions", asked)
            self.assertEqual(status, 200, thinking)
            message = thinking["choices"][0]["message"]
            self.assertEqual(message["content"], "")
            self.assertTrue(message["reasoning_content"])
            self.assertEqual(thinking["usage"]["completion_tokens_details"]["reasoning_tokens"], 8)
            silent = server.post("/v1/chat/completions", asked | {"chat_template_kwargs": {"silent": True}})[1]
            self.assertNotIn("reasoning_content", silent["choices"][0]["message"])
            self.assertTrue(silent["choices"][0]["message"]["content"].startswith("Captain"), silent)
            self.assertEqual(silent["usage"]["completion_tokens_details"]["reasoning_tokens"], 0)
            # A form that begins with the first token leaves no room for thoughts.
            form = server.post("/v1/chat/completions", asked | {"max_tokens": 60, "response_format": {
                "type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "integer"}}}})[1]["choices"][0]["message"]
            self.assertNotIn("reasoning_content", form)
            int(form["content"])
            answer = server.post("/v1/messages", asked | {"thinking": {"type": "enabled", "budget_tokens": 1024}})[1]
            self.assertEqual([block["type"] for block in answer["content"]], ["thinking"])
            self.assertEqual(server.post("/v1/messages", asked)[1]["content"], [])
            self.assertEqual([item["type"] for item in server.post("/v1/responses", {"input": "Aye?", "max_output_tokens": 8})[1]["output"]],
                             ["reasoning", "message"])
            self.assertEqual(server.stop(), 0)

    def test_a_folder_is_loaded_on_demand(self):
        server = self.serving(str(pathlib.Path(BOSUN).parent), "-c", 256, *SMALL)
        states = lambda: {m["id"]: m["meta"]["state"] for m in server.get("/v1/models")[1]["data"]}
        self.assertEqual(states(), {"bosun-log": "absent", "mate-chat": "absent"})
        self.assertEqual(server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 1.", "max_tokens": 2})[0], 200)
        self.assertEqual(states(), {"bosun-log": "ready", "mate-chat": "absent"})

    def test_a_damaged_file_in_a_folder_is_its_models_failure_until_it_is_mended(self):
        with tempfile.TemporaryDirectory() as folder:
            whole, broken = pathlib.Path(folder) / "whole.gguf", pathlib.Path(folder) / "broken.gguf"
            whole.write_bytes(pathlib.Path(BOSUN).read_bytes())
            broken.write_bytes(pathlib.Path(MATE).read_bytes()[:10_000])
            server = self.serving(folder, "-c", 256, *SMALL)
            self.assertRegex(server.log_text(), "'broken' cannot be used: ")
            asked = {"prompt": "Day 1.", "max_tokens": 2}
            self.assertEqual(server.post("/v1/completions", {"model": "whole", **asked})[0], 200)
            status, answer = server.post("/v1/completions", {"model": "broken", **asked})
            self.assertEqual((status, answer["error"]["code"]), (500, "model_unusable"))
            self.assertIn("broken.gguf", answer["error"]["message"])
            self.assertEqual(server.get("/health"), (200, {"status": "ok", "failed": [{"model": "broken", "code": "model_unusable"}]}))
            self.assertEqual([m["id"] for m in server.get("/v1/models")[1]["data"]], ["whole"])
            self.assertEqual(server.get("/v1/models/broken")[0], 500)
            told = {m["name"]: m for m in server.get("/plimsoll/v1/status")[1]["models"]}
            self.assertEqual((told["broken"]["state"], told["broken"]["failure"]["code"]), ("failed", "model_unusable"))
            self.assertNotIn("failure", told["whole"])
            plan = server.get("/plimsoll/v1/plan")[1]
            self.assertEqual([one["name"] for one in plan["unusable"]], ["broken"])
            self.assertIn('plimsoll_model_state{model="broken",state="failed"} 1', server.get("/metrics")[1])
            broken.write_bytes(pathlib.Path(MATE).read_bytes())
            status, answer = server.post("/v1/completions", {"model": "broken", **asked})
            self.assertEqual(status, 200, answer)
            self.assertEqual(server.get("/health"), (200, {"status": "ok"}))
            self.assertEqual([m["id"] for m in server.get("/v1/models")[1]["data"]], ["broken", "whole"])
            self.assertEqual(server.stop(), 0)

    def test_a_failed_model_says_so_at_once_and_is_tried_again_when_it_is_due_or_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "fleet.toml"
            path.write_text("".join(f'[[model]]\nname = "{name}"\npath = "{file}"\ndevice = "none"\nbatch-size = 64\nctx-size = 256\n'
                                    for name, file in (("here", BOSUN), ("gone", "none.gguf"))))
            server = self.serving(path)
            tries = lambda: next(m for m in server.get("/plimsoll/v1/status")[1]["models"] if m["name"] == "gone")["load_failures"]
            load = lambda: server.post("/plimsoll/v1/models/gone/load")
            self.assertEqual((load()[0], load()[0], tries()), (500, 500, 2))  # each is a try
            for _ in range(5):  # the third failure in a row: 30 s
                status, answer = server.post("/v1/completions", {"model": "gone", "prompt": "x"})
                self.assertEqual(status, 500, answer)
                self.assertRegex(answer["error"]["message"], "no such file.*it is tried again in [0-9]+ s")
                self.assertGreater(answer["error"]["numbers"]["retry_in_s"], 5)
            self.assertEqual(tries(), 2)
            self.assertEqual(server.stop(), 0)

    def test_where_no_file_can_be_used_there_is_no_server(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "broken.gguf").write_bytes(b"GGUF, or so it says")
            done = subprocess.run([PROGRAM, "serve", folder, *SMALL, "--port", "0"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("broken.gguf' cannot be used", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_the_port_is_taken(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            done = subprocess.run([PROGRAM, "serve", "--port", str(s.getsockname()[1]), "-m", BOSUN, "-c", "256", *SMALL], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "cannot listen")

    def test_encrypted(self):
        with tempfile.TemporaryDirectory() as folder:
            key, cert = f"{folder}/key.pem", f"{folder}/cert.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=localhost"], check=True, capture_output=True)
            server = self.serving("-m", BOSUN, "-c", 256, "--ssl-cert-file", cert, "--ssl-key-file", key, *SMALL, wait_ready=False)
            import ssl
            import urllib.request
            context = ssl.create_default_context(cafile=cert)
            context.check_hostname = False
            request = urllib.request.Request(f"{server.url}/v1/completions", json.dumps({"prompt": "Day 1.", "max_tokens": 2}).encode())
            self.assertIn("choices", json.load(urllib.request.urlopen(request, context=context, timeout=60)))
            self.assertEqual(server.stop(), 0)

    def test_pages_of_other_origins(self):
        server = self.serving("-m", BOSUN, "-c", 256, "--cors-origin", "https://bridge.example", *SMALL)
        headers = {"Origin": "https://bridge.example", "Access-Control-Request-Method": "POST"}
        status, answer, _ = server.request("OPTIONS", "/v1/chat/completions", headers=headers)
        self.assertEqual((status, answer["Access-Control-Allow-Origin"]), (204, "https://bridge.example"))
        self.assertNotIn("Access-Control-Allow-Origin", server.request("GET", "/health", headers={"Origin": "https://other.example"})[1])

    def test_pages_elsewhere_cannot_use_what_their_visitors_can_reach(self):
        server = self.serving("-m", BOSUN, "-c", 256, *SMALL)
        body = {"prompt": "Day 1.", "max_tokens": 1}
        self.assertEqual(server.post("/v1/completions", body, {"Origin": server.url})[0], 200)
        status, answer = server.post("/plimsoll/v1/models/bosun-log/unload", None, {"Origin": "https://elsewhere.example", "Content-Type": "text/plain"})
        self.assertEqual((status, answer["code"]), (403, "forbidden_origin"))
        status, answer = server.post("/v1/completions", body, {"Host": f"elsewhere.example:{server.port}"})
        self.assertEqual((status, answer["error"]["code"]), (403, "forbidden_host"))
        status, answer = server.post("/v1/completions", body, {"Host": f"127.evil.example:{server.port}"})
        self.assertEqual((status, answer["error"]["code"]), (403, "forbidden_host"))
        self.assertEqual(server.post("/v1/completions", body, {"Host": "localhost"})[0], 200)

    def test_where_others_can_reach_it_names_from_elsewhere_are_refused_too(self):
        server = self.serving("--host", "0.0.0.0", "--host-name", "quay.example", "-m", BOSUN, "-c", 256, *SMALL)
        for host, status in {"127.evil.example": 403, "elsewhere.example:80": 403, "quay.example": 200, "[::1]:8080": 200,
                             "192.168.1.7:8080": 200, socket.gethostname(): 200}.items():
            self.assertEqual(server.request("GET", "/v1/models", headers={"Host": host})[0], status, host)

    def test_a_request_that_takes_too_long_is_told_so(self):
        server = self.serving("-m", BOSUN, "-c", 65536, "--max-time", 1, *SMALL)
        endless = {"prompt": "Day 1.", "max_tokens": 60000, "ignore_eos": True}
        status, answer = server.post("/v1/completions", endless)
        self.assertEqual((status, answer["error"]["code"]), (504, "timeout"))
        events = server.events("/v1/completions", {**endless, "stream": True})
        self.assertEqual(events[-1][1]["error"]["code"], "timeout")

    def test_it_tells_the_service_manager(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/notify"
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
                listener.bind(path)
                listener.settimeout(60)
                server = self.serving("-m", BOSUN, "-c", 256, *SMALL, environment={"NOTIFY_SOCKET": path})
                self.assertIn(b"READY=1", listener.recv(1000))
                self.assertEqual(server.stop(), 0)
                self.assertIn(b"STOPPING=1", listener.recv(1000))

    def test_the_log_as_json(self):
        server = self.serving("-m", BOSUN, "-c", 256, "--log-format", "json", *SMALL)
        server.get("/v1/models")
        lines, until = [], time.monotonic() + 60
        while not any("GET /v1/models 200" in line["message"] for line in lines) and time.monotonic() < until:
            lines = [json.loads(line) for line in server.log_text().splitlines(keepends=True) if line.endswith("\n")]
        self.assertTrue(any("GET /v1/models 200" in line["message"] for line in lines))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
