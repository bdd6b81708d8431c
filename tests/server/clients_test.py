#!/usr/bin/env python3
"""What clients of other servers send, and what they expect back. clients_test.py PROGRAM [unittest arguments]"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase, Serving, new_folder  # noqa: E402

PROGRAM = ServedCase.program = sys.argv[1]
QUESTION = [{"role": "user", "content": "Who is the captain?"}]
CHAT, TEXT = "/v1/chat/completions", "/v1/completions"
COMMON = 'device = "none"\nthreads = 1\nctx-size = 2048\nparallel = 2\nbatch-size = 128\nubatch-size = 128\n'
FLEET = f"""
[[model]]
name = "Mate-Chat"
path = "{MATE}"
aliases = ["gpt-4o", "first mate"]
{COMMON}
[model.sampling]
temperature = 0
seed = 7
[[model.preset]]
name = "mate-terse"
aliases = ["terse"]
system = "Answer with one word."
thinking = false
ctx-size = 128
[model.preset.sampling]
temperature = 0.7
top_k = 1
[[model]]
name = "bosun-log"
path = "{BOSUN}"
{COMMON}
"""


def chat(**more):
    return {"model": "Mate-Chat", "messages": QUESTION, "max_tokens": 8, **more}


def text_of(answer):
    return answer["choices"][0]["message"]["content"]


class Clients(ServedCase):
    @classmethod
    def setUpClass(cls):
        folder = new_folder(cls)
        fleet = folder / "fleet.toml"
        fleet.write_text(FLEET)
        cls.arguments = (str(fleet),)
        super().setUpClass()

    def ok(self, path, body, **more):
        status, headers, answer = self.server.request("POST", path, body, **more)
        self.assertEqual(status, 200, answer)
        return headers, answer

    # --- paths ---
    def test_lm_studios_own_paths(self):
        models = {model["id"]: model for model in self.server.get("/api/v0/models")[1]["data"]}
        self.assertEqual({key: models["bosun-log"][key] for key in ("type", "max_context_length")}, {"type": "llm", "max_context_length": 1024})
        # Zed reads no list without these.
        for model in models.values():
            self.assertLessEqual({"id", "object", "type", "publisher", "arch", "compatibility_type", "quantization", "state", "max_context_length"}, set(model))
        self.assertEqual(text_of(self.ok("/api/v0/chat/completions", chat())[1]), text_of(self.ok(CHAT, chat())[1]))
        loaded = self.server.get("/api/v0/models/Mate-Chat")[1]
        wanted = {"state": "loaded", "compatibility_type": "gguf", "loaded_context_length": 1024, "capabilities": ["tool_use"]}
        self.assertEqual({key: loaded[key] for key in wanted}, wanted)
        self.assertEqual(self.ok("/api/v0/completions", {"model": "bosun-log", "prompt": "Day 1.", "max_tokens": 2})[1]["object"], "text_completion")

    def test_paths_in_every_spelling(self):
        wanted = text_of(self.ok(CHAT, chat())[1])
        for path in ("/chat/completions", "//v1/chat/completions", "/v1/chat/completions/", "/v1/v1/chat/completions",
                     "/api/v1/chat/completions", "/openai/v1/chat/completions"):
            self.assertEqual(text_of(self.ok(path, chat())[1]), wanted, path)
        for path in ("/models", "/v1/models/", "/api/v1/models", "/models/Mate-Chat"):
            self.assertEqual(self.server.get(path)[0], 200, path)
        self.ok("/completions", {"model": "bosun-log", "prompt": "Day 1.", "max_tokens": 1})
        self.ok("/responses", {"model": "Mate-Chat", "input": "Aye?", "max_output_tokens": 1})
        self.ok("/messages/", {"model": "Mate-Chat", "messages": QUESTION, "max_tokens": 1})
        # Errors have the shape of the API that is meant, whatever its spelling.
        status, answer = self.server.post("/messages", {"max_tokens": 1})
        self.assertEqual((status, answer["type"]), (400, "error"))

    def test_methods(self):
        for path in ("/v1/models", "/models", "/health", "/"):
            status, headers, body = self.server.request("HEAD", path)
            self.assertEqual((status, body), (200, ""), path)
        status, headers, _ = self.server.request("OPTIONS", "/v1/models")
        self.assertEqual((status, headers["Allow"]), (200, "GET, HEAD, OPTIONS"))
        for method, path, allowed in (("GET", CHAT, "OPTIONS, POST"), ("HEAD", "/chat/completions", "OPTIONS, POST"),
                                      ("DELETE", "/v1/models", "GET, HEAD, OPTIONS"), ("POST", "/health", "GET, HEAD, OPTIONS")):
            status, headers, _ = self.server.request(method, path)
            self.assertEqual((status, headers.get("Allow")), (405, allowed), (method, path))
        self.assertEqual(self.server.request("POST", "/v1/nothing", {})[0], 404)

    # --- fields ---
    def test_what_is_ignored_is_named(self):
        extra = {"surprise": 1, "tfs_z": 0.5, "user": "me", "tools": [{"type": "web_search"}]}
        headers, _ = self.ok(CHAT, chat(**extra))
        self.assertEqual(headers["x-plimsoll-ignored"], "tools[].type=web_search, surprise, tfs_z")
        self.assertNotIn("x-plimsoll-ignored", self.ok(CHAT, chat())[0])
        headers, _ = self.ok(CHAT, chat(stream=True, **extra))
        self.assertIn("surprise", headers["x-plimsoll-ignored"])
        status, headers, _ = self.server.request("POST", CHAT, chat(surprise=1, model="kraken"))
        self.assertEqual((status, headers["x-plimsoll-ignored"]), (404, "surprise"))
        for path, body in (("/v1/messages", {"messages": QUESTION, "max_tokens": 1, "surprise": 1}),
                           ("/v1/responses", {"input": "x", "max_output_tokens": 1, "surprise": 1}), ("/tokenize", {"content": "x"})):
            headers, _ = self.ok(path, {"model": "Mate-Chat", **body})
            self.assertEqual(headers.get("x-plimsoll-ignored"), "surprise" if "surprise" in body else None)
        self.assertRegex(self.server.get("/metrics")[1], r'plimsoll_ignored_fields_total\{field="surprise"\} \d')
        self.assertEqual(self.server.log_text().count("the field 'tfs_z'"), 1)

    def test_limits(self):
        counted = lambda **more: self.ok(TEXT, {"model": "bosun-log", "prompt": "Day 1.", "temperature": 0, "ignore_eos": True, **more})[1]["usage"]["completion_tokens"]
        self.assertEqual(counted(n_predict=5), 5)
        self.assertEqual(counted(max_new_tokens=5), 5)
        self.assertGreater(counted(max_tokens=-1), 900)
        self.assertGreater(counted(max_tokens=None), 900)
        self.assertLess(counted(max_tokens=-1, t_max_predict_ms=1), 900)
        end = {"model": "Mate-Chat", "messages": QUESTION, "temperature": 0, "max_tokens": 200}
        short = self.ok(CHAT, end)[1]["usage"]["completion_tokens"]
        self.assertLess(short, 100)
        longer = self.ok(CHAT, {**end, "min_tokens": short + 10})[1]["usage"]["completion_tokens"]
        self.assertGreaterEqual(longer, short + 10)

    def test_tokens_that_end_an_answer(self):
        body = {"model": "bosun-log", "prompt": "Day 1.", "temperature": 0, "max_tokens": 12}
        text = self.ok(TEXT, body)[1]["choices"][0]["text"]
        tokens = self.server.post("/tokenize", {"model": "bosun-log", "content": text})[1]["tokens"]
        answer = self.ok(TEXT, {**body, "stop_token_ids": [tokens[4]]})[1]
        self.assertEqual(answer["choices"][0]["finish_reason"], "stop")
        self.assertLessEqual(answer["usage"]["completion_tokens"], 5)
        self.assertTrue(text.startswith(answer["choices"][0]["text"]))
        stop = text[6:9]
        kept = self.ok(TEXT, {**body, "stop": [stop], "include_stop_str_in_output": True})[1]["choices"][0]["text"]
        self.assertTrue(kept.endswith(stop), kept)

    def test_tokens_as_vllm_counts_them(self):
        ours = self.server.post("/tokenize", {"model": "bosun-log", "content": "Day 1.", "add_special": True})[1]["tokens"]
        theirs = self.ok("/tokenize", {"model": "bosun-log", "prompt": "Day 1."})[1]
        self.assertEqual((theirs["tokens"], theirs["count"]), (ours, len(ours)))
        self.assertGreater(theirs["max_model_len"], len(ours))
        plain = self.ok("/tokenize", {"model": "bosun-log", "prompt": "Day 1.", "add_special_tokens": False})[1]["tokens"]
        self.assertEqual(plain, self.server.post("/tokenize", {"model": "bosun-log", "content": "Day 1."})[1]["tokens"])

    def test_forms_that_are_no_json(self):
        self.assertIn(text_of(self.ok(CHAT, chat(guided_choice=["aye", "nay"]))[1]), ("aye", "nay"))
        self.assertRegex(text_of(self.ok(CHAT, chat(guided_regex='"[0-9]{3}"\\n', max_tokens=20))[1]), r'^"[0-9]{3}"')
        self.assertEqual(json.loads(text_of(self.ok(CHAT, chat(format={"const": 7}))[1])), 7)
        self.assertEqual(json.loads(text_of(self.ok(CHAT, chat(structured_outputs={"json": {"const": 7}}))[1])), 7)

    def test_biases_of_texts(self):
        self.assertIn("Z", text_of(self.ok(CHAT, chat(logit_bias={"Z": 100}))[1]))
        self.assertIn("Z", text_of(self.ok(CHAT, chat(logit_bias=[["Z", 100]]))[1]))

    def test_a_last_message_is_gone_on_with(self):
        begun = QUESTION + [{"role": "assistant", "content": "Captain Rose com"}]
        prompt = self.ok("/apply-template", {"model": "Mate-Chat", "messages": begun})[1]["prompt"]
        self.assertTrue(prompt.endswith("Captain Rose com"), prompt)
        self.assertEqual(prompt.count("Captain Rose com"), 1)
        fresh = self.ok("/apply-template", {"model": "Mate-Chat", "messages": begun, "add_generation_prompt": True})[1]["prompt"]
        self.assertGreater(len(fresh), len(prompt))
        bare = self.ok("/apply-template", {"model": "Mate-Chat", "messages": QUESTION, "add_generation_prompt": False})[1]["prompt"]
        self.assertTrue(bare.rstrip().endswith("<|im_end|>"), bare)
        answer = text_of(self.ok(CHAT, chat(messages=begun))[1])
        self.assertTrue(answer.startswith("mands"), answer)
        self.assertEqual(text_of(self.ok(CHAT, chat(messages=begun, echo=True, continue_final_message=True, add_generation_prompt=False))[1]), "Captain Rose com" + answer)
        blocks = self.ok("/v1/messages", {"model": "Mate-Chat", "max_tokens": 8, "messages": begun})[1]["content"]
        self.assertEqual(blocks[0]["text"], answer)
        ollamas = {"model": "Mate-Chat", "messages": begun, "stream": False, "options": {"num_predict": 8}}
        self.assertEqual(self.ok("/api/chat", ollamas)[1]["message"]["content"], answer)
        self.assertEqual(self.ok("/v1/responses", {"model": "Mate-Chat", "max_output_tokens": 8, "input": begun})[1]["output"][0]["content"][0]["text"], answer)

    def test_functions_as_they_were(self):
        body = chat(functions=[{"name": "steer", "parameters": {"type": "object", "properties": {"to": {"enum": ["port"]}}, "required": ["to"]}}],
                    function_call={"name": "steer"}, temperature=0, max_tokens=300)
        choice = self.ok(CHAT, body)[1]["choices"][0]
        self.assertEqual(choice["finish_reason"], "function_call")
        self.assertEqual(json.loads(choice["message"]["function_call"]["arguments"]), {"to": "port"})
        deltas = [data["choices"][0]["delta"] for _, data in self.server.events(CHAT, {**body, "stream": True}) if data != "[DONE]"]
        self.assertTrue(any("function_call" in d for d in deltas))

    def test_a_model_is_unloaded_afterwards(self):
        state = lambda: next(m["state"] for m in self.server.get("/plimsoll/v1/status")[1]["models"] if m["name"] == "bosun-log")
        body = {"model": "bosun-log", "prompt": "Day 1.", "max_tokens": 1}
        self.assertNotIn("x-plimsoll-ignored", self.ok(TEXT, {**body, "keep_alive": "5m"})[0])
        self.assertEqual(state(), "ready")
        self.assertNotIn("x-plimsoll-ignored", self.ok(TEXT, {**body, "keep_alive": 0})[0])
        until = time.monotonic() + 60
        while state() == "ready" and time.monotonic() < until:
            time.sleep(0.01)
        self.assertNotEqual(state(), "ready")

    # --- times ---
    def test_answers_tell_their_times(self):
        answer = self.ok(CHAT, chat(messages=[{"role": "user", "content": "A new question for the clock."}]))[1]
        timings, usage = answer["timings"], answer["usage"]
        self.assertEqual(timings["prompt_n"] + timings["cache_n"], usage["prompt_tokens"])
        self.assertEqual(timings["predicted_n"], usage["completion_tokens"])
        self.assertGreater(timings["prompt_ms"], 0)
        self.assertGreater(timings["predicted_per_second"], 0)
        for path, body in ((TEXT, {"prompt": "a"}), ("/v1/messages", {"messages": QUESTION}), ("/v1/responses", {"input": "a"})):
            length = "max_output_tokens" if path == "/v1/responses" else "max_tokens"
            self.assertIn("predicted_ms", self.ok(path, {"model": "Mate-Chat", length: 2, **body})[1]["timings"], path)
        chunks = [data for _, data in self.server.events(CHAT, chat(stream=True)) if data != "[DONE]"]
        self.assertEqual([i for i, c in enumerate(chunks) if "timings" in c], [len(chunks) - 1])
        chunks = [data for _, data in self.server.events(CHAT, chat(stream=True, timings_per_token=True, return_progress=True, messages=[{"role": "user", "content": "knots " * 200}])) if data != "[DONE]"]
        progress = [c["prompt_progress"] for c in chunks if "prompt_progress" in c]
        self.assertGreater(len(progress), 1)
        self.assertEqual(progress[-1]["processed"], progress[-1]["total"])
        self.assertTrue(all("timings" in c for c in chunks if c["choices"][0]["delta"].get("content")))

    # --- names ---
    def test_names_aliases_and_presets(self):
        for name in ("Mate-Chat", "mate-chat", "gpt-4o", "GPT-4o:latest", "first mate", "/models/mate-chat.gguf", "", None, "default"):
            self.assertEqual(self.ok(CHAT, chat(model=name))[1]["model"], "Mate-Chat", name)
        self.assertEqual(self.server.post(CHAT, chat(model="kraken"))[0], 404)
        self.assertEqual(self.ok(CHAT, chat(model="terse"))[1]["model"], "mate-terse")
        data = {m["id"]: m for m in self.server.get("/v1/models")[1]["data"]}
        self.assertEqual(set(data), {"Mate-Chat", "mate-terse", "bosun-log"})
        self.assertEqual(data["Mate-Chat"]["aliases"], ["gpt-4o", "first mate"])
        self.assertEqual(data["mate-terse"]["preset_of"], "Mate-Chat")
        self.assertEqual((data["Mate-Chat"]["max_model_len"], data["mate-terse"]["max_model_len"]), (1024, 128))
        self.assertEqual(data["Mate-Chat"]["meta"]["n_ctx_total"], 2048)
        self.assertEqual(self.server.get("/v1/models/terse")[1]["id"], "mate-terse")
        names = ["Mate-Chat", "mate-terse", "bosun-log"]
        anthropics = {"anthropic-version": "2023-06-01"}
        self.assertEqual([m["id"] for m in self.server.get("/v1/models", anthropics)[1]["data"]], names)
        self.assertEqual(self.server.get("/v1/models/terse", anthropics)[1]["id"], "mate-terse")
        self.assertEqual([m["name"] for m in self.server.get("/api/tags")[1]["models"]], [n + ":latest" for n in names])
        self.assertIn("num_ctx 128", self.server.post("/api/show", {"model": "mate-terse"})[1]["parameters"])
        self.assertEqual([m["name"] for m in self.server.get("/plimsoll/v1/status")[1]["models"]], ["Mate-Chat", "bosun-log"])

    def test_a_preset_has_its_own_system_text_context_and_sampling(self):
        prompt = self.ok("/apply-template", {"model": "mate-terse", "messages": QUESTION})[1]["prompt"]
        self.assertIn("Answer with one word.", prompt)
        own = self.ok("/apply-template", {"model": "mate-terse", "messages": [{"role": "system", "content": "Sing."}] + QUESTION})[1]["prompt"]
        self.assertNotIn("one word", own)
        answer = self.ok(CHAT, chat(model="mate-terse", max_tokens=-1, ignore_eos=True))[1]
        self.assertEqual(answer["usage"]["total_tokens"], 128)
        status, refusal = self.server.post(CHAT, chat(model="mate-terse", messages=[{"role": "user", "content": "ship " * 200}]))
        self.assertEqual((status, refusal["error"]["code"]), (400, "context_length_exceeded"))
        counted = self.ok("/v1/messages/count_tokens", {"model": "mate-terse", "messages": QUESTION})[1]["input_tokens"]
        self.assertGreater(counted, self.ok("/v1/messages/count_tokens", {"model": "Mate-Chat", "messages": QUESTION})[1]["input_tokens"])

    def test_sampling_of_the_fleet_stands_under_the_requests(self):
        fixed = {text_of(self.ok(CHAT, chat(max_tokens=16))[1]) for _ in range(3)}
        self.assertEqual(len(fixed), 1)  # temperature = 0
        hot = {text_of(self.ok(CHAT, chat(max_tokens=16, temperature=2, top_k=0, top_p=1, min_p=0, seed=i))[1]) for i in range(4)}
        self.assertGreater(len(hot), 1)
        for name, key, value in (("Mate-Chat", "temperature", 0), ("mate-terse", "top_k", 1)):
            told = self.ok("/completion", {"model": name, "prompt": "Day 1.", "n_predict": 1})[1]["generation_settings"]
            self.assertEqual(told[key], value, name)
        self.assertEqual(self.server.get("/props?model=Mate-Chat")[1]["default_generation_settings"]["params"]["temperature"], 0)
        props = self.server.get("/props?model=terse")[1]
        self.assertEqual((props["model_alias"], props["default_generation_settings"]["n_ctx"]), ("mate-terse", 128))
        self.assertEqual(props["default_generation_settings"]["params"]["top_k"], 1)
        asked = {"model": "mate-terse", "prompt": "Day 1.", "n_predict": 100_000, "response_fields": ["generation_settings/n_predict", "tokens_evaluated"]}
        told = self.ok("/completion", asked)[1]
        self.assertEqual(told["generation_settings/n_predict"], 128 - told["tokens_evaluated"])
        # An option of Ollama's that is the engine's default counts as well: the preset says top_k = 1.
        options = {"temperature": 2, "top_k": 40, "top_p": 1, "min_p": 0, "num_predict": 16}
        ollamas = {self.ok("/api/chat", {"model": "mate-terse", "messages": QUESTION, "stream": False, "options": {**options, "seed": i}})[1]["message"]["content"] for i in range(4)}
        self.assertGreater(len(ollamas), 1)

    # --- words ---
    def test_words_that_clients_parse(self):
        long = [{"role": "user", "content": "ship " * 3000}]
        status, answer = self.server.post("/v1/messages", {"model": "Mate-Chat", "messages": long, "max_tokens": 1})
        self.assertEqual((status, answer["error"]["type"]), (400, "invalid_request_error"))
        self.assertRegex(answer["error"]["message"], r"prompt is too long: \d+ tokens > 1023 maximum")
        status, answer = self.server.post(CHAT, chat(messages=long))
        self.assertEqual(answer["error"]["code"], "context_length_exceeded")
        self.assertRegex(answer["error"]["message"], r"exceeds the available context size.* maximum context length is 1024 tokens .*2048 are divided among 2")
        error = answer["error"]
        self.assertEqual((error["type"], error["n_ctx"]), ("exceed_context_size_error", 1024))
        self.assertIn(f"too long: {error['n_prompt_tokens']} tokens", error["message"])
        self.assertEqual(self.server.get("/props?model=Mate-Chat")[1]["default_generation_settings"]["n_ctx"], 1024)
        for body in (b"{", b'{"a":}', b"", b'{"messages": [1]}', b'{"messages": "x"}', b'{"messages": [{"role": {}}]}'):
            status, answer = self.server.post(CHAT, body)
            self.assertEqual(status, 400)
            self.assertNotIn("json.exception", json.dumps(answer))


class OneModel(unittest.TestCase):
    def test_a_fleet_of_one_answers_to_any_name(self):
        server = Serving(PROGRAM, MATE, "--device", "none", "-t", "1", "-c", "512", "-b", "128", "-ub", "128", "--alias", "b,a,mate:4b", "--tags", "small,chat",
                         "--temp", "0", "--strict-fields")
        try:
            for name in ("gpt-4", "b", "mate-chat"):
                self.assertEqual(server.post(CHAT, chat(model=name))[1]["model"], "a")
            listed = server.get("/v1/models")[1]["data"][0]
            self.assertEqual((listed["id"], listed["aliases"], listed["tags"]), ("a", ["b", "a", "mate:4b"], ["small", "chat"]))
            answers = {text_of(server.post(CHAT, chat())[1]) for _ in range(2)}
            self.assertEqual(len(answers), 1)
            status, answer = server.post(CHAT, chat(surprise=1))
            self.assertEqual((status, answer["error"]["message"]), (400, "unknown field 'surprise'"))
            self.assertEqual(server.post(CHAT, chat(tools=[{"type": "web_search"}]))[0], 400)
        finally:
            server.stop()


class OddFileNames(unittest.TestCase):
    """Names that are no UTF-8: of models, folders, adapters and fleet files; in lists, errors and JSON they are, with U+FFFD for each byte."""

    def setUp(self):
        folder = new_folder(self)
        self.folder = os.path.join(os.fsencode(folder), b"m\xf6dels")
        os.mkdir(self.folder)
        self.environment = {**os.environ, "PLIMSOLL_BROKER": "off", "XDG_CACHE_HOME": folder, "XDG_CONFIG_HOME": folder}

    def put(self, name, source=BOSUN):
        path = os.path.join(self.folder, name)
        shutil.copy(source, path)
        return path

    def run_it(self, *arguments):
        """Status, standard output and error, which are UTF-8."""
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, env=self.environment, timeout=300)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_a_folder_of_them_is_served(self):
        self.put(b"b\xe4r.gguf"), self.put(b"b\xf6r.gguf"), self.put("gr\u00fcn.gguf".encode(), MATE)
        with open(os.path.join(self.folder, b"broken\xff.gguf"), "wb") as broken:
            broken.write(b"no model")
        server = Serving(PROGRAM, self.folder, "-c", "256", *SMALL)
        try:
            names = [m["id"] for m in server.get("/v1/models")[1]["data"]]
            self.assertEqual(sorted(names), ["b\ufffdr", "b\ufffdr-2", "gr\u00fcn"])
            for name in names:
                status, answer = server.post("/v1/completions", {"model": name, "prompt": "Day 1.", "max_tokens": 1})
                self.assertEqual((status, answer["model"]), (200, name), answer)
                self.assertEqual(server.get("/props?model=" + urllib.parse.quote(name))[1]["model_path"], name.removesuffix("-2") + ".gguf")
                self.assertEqual(server.get("/v1/models/" + urllib.parse.quote(name))[1]["id"], name)
            status, answer = server.post("/v1/completions", {"model": "broken\ufffd", "prompt": "Day 1."})
            self.assertEqual((status, answer["error"]["code"]), (500, "model_unusable"))
            self.assertIn("m\ufffddels/broken\ufffd.gguf' cannot be used", answer["error"]["message"])
            self.assertEqual(server.get("/health")[1]["failed"], [{"model": "broken\ufffd", "code": "model_unusable"}])
            self.assertIn("b\ufffdr:latest", [m["name"] for m in server.get("/api/tags")[1]["models"]])
            for what in ("status", "plan", "ledger", "machine"):
                self.assertIsInstance(server.get("/plimsoll/v1/" + what)[1], dict, what)
            self.assertIn('model="b\ufffdr-2"', server.get("/metrics")[1])
            report = server.post("/plimsoll/v1/reload")[1]
            self.assertEqual(len(report["unchanged"]), 4, report)
            self.assertIn("broken\ufffd", server.log_text())
        finally:
            self.assertEqual(server.stop(), 0)

    def test_errors_are_told_in_utf8(self):
        missing, there = os.path.join(self.folder, b"n\xe4.gguf"), self.put(b"b\xe4r.gguf")
        small = ["-c", "256", *SMALL]
        for arguments, words in ((["plan", "-m", missing, "--json", *small], "m\ufffddels/n\ufffd.gguf' cannot be used: there is no such file"),
                                 (["generate", "-m", missing, "-n", "1", *small], "n\ufffd.gguf' cannot be used"),
                                 (["generate", "-m", there, "--lora", missing, "-n", "1", *small], "n\ufffd.gguf"),
                                 (["generate", "-m", there, "--control-vector", missing, "-n", "1", *small], "n\ufffd.gguf"),
                                 (["plan", os.path.join(self.folder, b"fl\xe4et.toml")], "fl\ufffdet.toml' cannot be read")):
            status, out, error = self.run_it(*arguments)
            self.assertNotEqual(status, 0)
            self.assertIn(words, error)
            self.assertNotIn("internal", error)
            if "--json" in arguments:
                self.assertIn(words, json.loads(out)["message"])
        status, out, error = self.run_it("plan", "-m", there, "--json", *small)
        self.assertEqual((status, json.loads(out)["models"][0]["name"]), (0, "b\ufffdr"), error)
        status, out, error = self.run_it("plan", self.folder, *small)
        self.assertEqual(status, 0, error)
        self.assertIn("m\ufffddels/b\ufffdr.gguf)", out)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
