#!/usr/bin/env python3
"""Requests in the shapes that editors and front ends send: llama.vim, llama.vscode, Continue, Open WebUI, SillyTavern. Each is answered, with
what its client reads. The texts are ours. editors_test.py PROGRAM [unittest arguments]"""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gguf_keys import with_keys  # noqa: E402
from serving import BOSUN, MATE, ServedCase, new_folder  # noqa: E402

ServedCase.program = sys.argv[1]
# Any three tokens will do for a test.
FIM = {"tokenizer.ggml.fim_pre_token_id": 700, "tokenizer.ggml.fim_suf_token_id": 701, "tokenizer.ggml.fim_mid_token_id": 702}
COMMON = 'device = "none"\nthreads = 1\nbatch-size = 128\nubatch-size = 128\n'
FLEET = """
budgets = ["CPU=2GiB"]
[[model]]
name = "mate-chat"
path = "{mate}"
parallel = 2
ctx-size = 4096
[[model]]
name = "coder"
path = "{coder}"
parallel = 2
ctx-size = 2048
[[model]]
name = "vectors"
path = "{mate}"
embeddings = true
pooling = "mean"
ctx-size = 256
"""
CHAT = [{"role": "system", "content": "You are the mate."}, {"role": "user", "content": "Who is the captain?"}]
TOOL = {"type": "function", "function": {"name": "ease", "description": "Works a rope", "parameters": {"type": "object", "properties": {"rope": {"type": "string"}}, "required": ["rope"]}}}


class Editors(ServedCase):
    @classmethod
    def setUpClass(cls):
        folder = new_folder(cls)
        with_keys(BOSUN, folder / "coder.gguf", FIM)
        fleet = folder / "fleet.toml"
        fleet.write_text(FLEET.format(mate=MATE, coder="coder.gguf").replace("[[model]]\n", "[[model]]\n" + COMMON))
        cls.arguments = (fleet,)
        super().setUpClass()

    def answered(self, path, body, method="POST", headers=None, ignored=None):
        status, answer_headers, answer = self.server.request(method, path, body, headers)
        self.assertEqual(status, 200, answer)
        if ignored is not None:
            self.assertEqual(answer_headers.get("x-plimsoll-ignored", ""), ignored)
        return answer

    def lines(self, path, body):
        status, _, text = self.server.request("POST", path, body)
        self.assertEqual(status, 200, text)
        return [json.loads(line) for line in text.splitlines()] if isinstance(text, str) else [text]

    def streamed(self, path, body, headers=None):
        events = [data for _, data in self.server.events(path, body, headers)]
        self.assertFalse([e for e in events if isinstance(e, dict) and "error" in e])
        return events

    # --- llama.vim, llama.vscode ---

    def gap(self, **more):
        return {"model": "coder", "input_prefix": "Day 1. Wind east.\n", "input_suffix": "\nAll well.\n", "prompt": "The",
                "input_extra": [{"text": "Day 7. Calm.\n", "filename": "log.txt", "time": [1, 2]}, {"text": "Day 8. Fog.\n"}], **more}

    def test_llama_vim_fills_a_gap(self):
        fields = ["content", "timings/prompt_n", "timings/prompt_ms", "timings/prompt_per_token_ms", "timings/prompt_per_second", "timings/predicted_n",
                  "timings/predicted_ms", "timings/predicted_per_token_ms", "timings/predicted_per_second", "truncated", "tokens_cached"]
        answer = self.answered("/infill", self.gap(
            id_slot=0, n_predict=12, stop=["\n"], n_indent=4, top_k=40, top_p=0.90, samplers=["top_k", "top_p", "infill"], stream=False, cache_prompt=True,
            t_max_prompt_ms=500, t_max_predict_ms=60_000, response_fields=fields))
        self.assertIsInstance(answer["content"], str)
        for name in fields[1:9]:
            self.assertIsInstance(answer[name], (int, float), name)
        self.assertEqual(set(answer) - set(fields), set())

    def test_llama_vim_warms_its_context(self):
        answer = self.answered("/infill", self.gap(id_slot=0, prompt="", input_prefix="", input_suffix="", n_predict=0, temperature=0.0, stream=False, samplers=[],
                                                   cache_prompt=True, t_max_prompt_ms=1, t_max_predict_ms=1, response_fields=[""]))
        self.assertFalse(answer.get("content"))

    def test_llama_vscode_completes_and_prepares(self):
        answer = self.answered("/infill", self.gap(n_predict=12, top_k=40, top_p=0.99, stream=False, samplers=["top_k", "top_p", "infill"], cache_prompt=True,
                                                   n_indent=2, t_max_prompt_ms=500, t_max_predict_ms=60_000))
        self.assertIn("content", answer)
        self.assertGreater(answer["timings"]["predicted_n"], 0)
        self.answered("/infill", self.gap(input_prefix="", input_suffix="", prompt="", n_predict=0, samplers=[], cache_prompt=True, t_max_prompt_ms=500, t_max_predict_ms=1))

    def test_llama_vscode_edits_with_letters_for_samplers(self):
        answer = self.answered("/v1/chat/completions", {
            "messages": CHAT, "stream": False, "cache_prompt": True, "samplers": "edkypmxt", "temperature": 0.8, "dynatemp_range": 0, "dynatemp_exponent": 1,
            "top_k": 40, "top_p": 0.95, "min_p": 0.05, "typical_p": 1, "xtc_probability": 0, "xtc_threshold": 0.1, "repeat_last_n": 64, "repeat_penalty": 1,
            "presence_penalty": 0, "frequency_penalty": 0, "dry_multiplier": 0, "dry_base": 1.75, "dry_allowed_length": 2, "dry_penalty_last_n": -1,
            "max_tokens": 12, "timings_per_token": False})
        self.assertTrue(answer["choices"][0]["message"]["content"])

    def test_llama_vscode_agent_with_tools(self):
        body = {"messages": CHAT, "stream": False, "temperature": 0.8, "top_p": 0.95, "tools": [TOOL], "tool_choice": "auto", "max_tokens": 24}
        choice = self.answered("/v1/chat/completions", body)["choices"][0]
        self.assertIn(choice["finish_reason"], ("stop", "length", "tool_calls"))
        call = {"id": "a1", "type": "function", "function": {"name": "ease", "arguments": '{"rope": "sheet"}'}}
        history = [*CHAT, {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "a1", "content": "eased"}]
        self.answered("/v1/chat/completions", {**body, "messages": history})

    def test_llama_vscode_asks_for_vectors_by_a_name_that_is_not_here(self):
        answer = self.answered("/v1/embeddings", {"input": "Day 1.", "model": "GPT-4", "encoding_format": "float"})
        self.assertGreater(len(answer["data"][0]["embedding"]), 8)
        self.assertEqual(answer["model"], "vectors")

    # --- Continue ---

    def test_continue_over_llama_server(self):
        events = self.streamed("/completion", {"model": "mate-chat", "prompt": "Day 12.", "stream": True, "n_predict": 12, "frequency_penalty": 0, "presence_penalty": 0, "min_p": 0.1,
                                               "mirostat": 0, "stop": ["<|im_end|>"], "top_k": 40, "top_p": 0.9, "temperature": 0.5})
        self.assertTrue("".join(e["content"] for e in events))
        self.assertTrue(events[-1]["stop"])

    def test_continue_over_ollama(self):
        self.assertIn("mate-chat:latest", [m["name"] for m in self.answered("/api/tags", None, "GET")["models"]])
        shown = self.answered("/api/show", {"name": "mate-chat"})
        self.assertIn("template", shown)
        options = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "num_predict": 12, "stop": ["\n\n"], "num_ctx": 4096, "mirostat": 0, "num_thread": 8, "use_mmap": True, "min_p": 0.1}
        chat = self.lines("/api/chat", {"model": "mate-chat", "messages": CHAT, "options": options, "keep_alive": 1800, "stream": True})
        self.assertTrue("".join(part["message"]["content"] for part in chat))
        self.assertTrue(chat[-1]["done"])
        self.answered("/api/chat", {"model": "mate-chat", "messages": CHAT, "options": options, "keep_alive": 1800, "stream": False, "tools": [TOOL]})
        filled = self.lines("/api/generate", {"model": "coder", "prompt": "Day 1.", "suffix": "All well.", "raw": False, "options": options, "keep_alive": 1800, "stream": True})
        self.assertTrue(filled[-1]["done"])
        raw = self.lines("/api/generate", {"model": "mate-chat", "prompt": "Day 12.", "raw": True, "options": options, "keep_alive": 1800, "stream": True})
        self.assertTrue("".join(part["response"] for part in raw))
        self.assertEqual(len(self.answered("/api/embed", {"model": "vectors", "input": ["Day 1.", "Day 2."]})["embeddings"]), 2)

    def test_continue_over_openai(self):
        events = self.streamed("/v1/chat/completions", {"model": "mate-chat", "messages": CHAT, "max_tokens": 12, "temperature": 0.5, "stream": True, "stop": ["<|im_end|>"],
                                                        "stream_options": {"include_usage": True}, "tools": [TOOL], "parallel_tool_calls": False})
        self.assertEqual(events[-1], "[DONE]")
        legacy = self.streamed("/v1/completions", {"model": "mate-chat", "prompt": "Day 12.", "max_tokens": 12, "temperature": 0.01, "stream": True, "stop": ["\n\n"]})
        self.assertTrue("".join(e["choices"][0]["text"] for e in legacy if isinstance(e, dict) and e["choices"]))

    # --- Open WebUI ---

    def test_open_webui_over_ollama(self):
        self.assertRegex(self.answered("/api/version", None, "GET")["version"], r"^\d+\.\d+\.\d+$")
        self.answered("/api/ps", None, "GET")
        self.answered("/api/show", {"model": "mate-chat:latest"})
        for more in ({}, {"format": "", "keep_alive": "5m"}, {"think": False, "options": {"temperature": 0.5, "num_predict": 8, "num_ctx": 2048}}):
            parts = self.lines("/api/chat", {"model": "mate-chat:latest", "messages": CHAT, "stream": True, "options": {"num_predict": 8}, **more})
            self.assertTrue(parts[-1]["done"])
            self.assertGreater(parts[-1]["eval_count"], 0)
        self.assertEqual(self.server.request("HEAD", "/")[0], 200)

    def test_open_webui_over_openai(self):
        headers = {"X-OpenWebUI-User-Name": "Anna%20B", "X-OpenWebUI-User-Id": "1", "X-OpenWebUI-User-Role": "admin", "X-OpenWebUI-Chat-Id": "c1"}
        self.assertIn("mate-chat", [m["id"] for m in self.answered("/v1/models", None, "GET", headers)["data"]])
        events = self.streamed("/v1/chat/completions", {"stream": True, "model": "mate-chat", "messages": CHAT, "stream_options": {"include_usage": True}, "max_tokens": 8,
                                                        "temperature": 0.8, "top_p": 0.9, "frequency_penalty": 0, "seed": 42, "stop": ["<|im_end|>"], "logit_bias": {}}, headers)
        self.assertGreater(events[-2]["usage"]["completion_tokens"], 0)
        title = self.answered("/v1/chat/completions", {"model": "mate-chat", "messages": [{"role": "user", "content": "Name this in three words."}], "stream": False,
                                                       "max_completion_tokens": 8}, headers=headers)
        self.assertTrue(title["choices"][0]["message"]["content"])
        self.assertEqual(len(self.answered("/v1/embeddings", {"input": ["Day 1.", "Day 2."], "model": "vectors"}, headers=headers)["data"]), 2)

    # --- SillyTavern ---

    def test_silly_tavern_over_llama_server(self):
        self.assertIn("chat_template", self.answered("/props", None, "GET"))
        self.assertGreater(len(self.answered("/tokenize", {"content": "Day 12."})["tokens"]), 1)
        body = {
            "model": "mate-chat", "prompt": "Day 12.", "max_new_tokens": 12, "max_tokens": 12, "n_predict": 12, "num_predict": 12, "temperature": 0.7, "top_p": 0.9, "typical_p": 1,
            "typical": 1, "sampler_seed": -1, "seed": -1, "min_p": 0.05, "repetition_penalty": 1.1, "frequency_penalty": 0, "presence_penalty": 0, "top_k": 40, "skew": 0,
            "min_tokens": 0, "length_penalty": 1, "early_stopping": False, "add_bos_token": True, "dynamic_temperature": False, "dynatemp_range": 0, "smoothing_factor": 0,
            "smoothing_curve": 1, "dry_allowed_length": 2, "dry_multiplier": 0, "dry_base": 1.75, "dry_sequence_breakers": ["\n", ":", "\"", "*"], "dry_penalty_last_n": 0,
            "max_tokens_second": 0, "sampler_priority": [], "samplers": ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
            "stopping_strings": ["\nUser:"], "stop": ["\nUser:"], "truncation_length": 2048, "ban_eos_token": False, "skip_special_tokens": True, "include_reasoning": True,
            "top_a": 0, "tfs": 1, "mirostat_mode": 0, "mirostat_tau": 5, "mirostat_eta": 0.1, "mirostat": 0, "custom_token_bans": "", "banned_strings": [], "rep_pen": 1.1,
            "rep_pen_range": 0, "repetition_penalty_range": 0, "encoder_repetition_penalty": 1, "no_repeat_ngram_size": 0, "penalty_alpha": 0, "temperature_last": True,
            "do_sample": True, "repeat_penalty": 1.1, "repeat_last_n": 0, "tfs_z": 1, "n_keep": 0, "grammar": "", "grammar_string": "", "n_probs": 0,
            "cache_prompt": True, "nsigma": 0, "top_n_sigma": 0, "xtc_threshold": 0.1, "xtc_probability": 0, "adaptive_target": -0.01, "adaptive_decay": 0.9,
            "logit_bias": [[120, -100]], "ignore_eos": False, "id_slot": -1}
        answer = self.answered("/completion", body)
        self.assertTrue(answer["content"])
        events = self.streamed("/completion", {**body, "stream": True})
        self.assertTrue("".join(e["content"] for e in events))

    def test_silly_tavern_over_a_custom_openai(self):
        events = self.streamed("/v1/chat/completions", {
            "messages": [*CHAT, {"role": "assistant", "content": "Aye."}, {"role": "user", "name": "Anna", "content": "Go on."}], "model": "mate-chat", "temperature": 1, "max_tokens": 12,
            "stream": True, "presence_penalty": 0, "frequency_penalty": 0, "top_p": 1, "stop": ["\nAnna:"], "seed": 7, "logit_bias": {}, "n": 1})
        self.assertTrue("".join(e["choices"][0]["delta"].get("content") or "" for e in events if isinstance(e, dict) and e["choices"]))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
