#!/usr/bin/env python3
"""What llama-server's clients and start scripts are used to. llama_server_test.py PROGRAM [unittest arguments]"""
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gguf_keys import with_keys  # noqa: E402
from serving import BOSUN, MATE, SMALL, ServedCase, Serving, new_folder  # noqa: E402

PROGRAM = ServedCase.program = sys.argv[1]
SHORT = {"n_predict": 8, "temperature": 0}
# Any three tokens will do for a test.
FIM = {"tokenizer.ggml.fim_pre_token_id": 700, "tokenizer.ggml.fim_suf_token_id": 701, "tokenizer.ggml.fim_mid_token_id": 702}


class LlamaServer(ServedCase):
    @classmethod
    def setUpClass(cls):
        folder = new_folder(cls)
        gaps = folder / "gaps.gguf"
        with_keys(BOSUN, gaps, FIM)
        cls.arguments = ("-m", MATE, "-m", gaps, "-np", "2", "-c", "1024", "--jinja", "--metrics", "--slots", "-cb", "--mlock",
                         "--temp", "0.7", "--metrics-compat", "--threads-http=4", *SMALL)
        super().setUpClass()

    def complete(self, prompt, **more):
        status, answer = self.server.post("/completion", {"prompt": prompt, **SHORT, **more})
        self.assertEqual(status, 200, answer)
        return answer

    def test_a_completion(self):
        answer = self.complete("Day 1.", return_tokens=True)
        self.assertRegex(answer["content"], "[A-Za-z]{3}")
        self.assertEqual((answer["stop"], answer["stop_type"], answer["tokens_predicted"]), (True, "limit", 8))
        self.assertEqual(len(answer["tokens"]), 8)
        self.assertEqual(answer["prompt"], "Day 1.")
        self.assertEqual(answer["generation_settings"]["n_predict"], 8)
        self.assertEqual(answer["timings"]["predicted_n"], 8)
        self.assertEqual(answer["timings"]["prompt_n"] + answer["timings"]["cache_n"], answer["tokens_evaluated"])
        text = self.server.post("/v1/completions", {"prompt": "Day 1.", "max_tokens": 8, "temperature": 0})[1]["choices"][0]["text"]
        self.assertEqual(answer["content"], text)

    def test_an_empty_text_is_answered_with_nothing(self):
        """Where the model has no token to begin with; it was a 400."""
        answer = self.complete("")
        self.assertEqual((answer["content"], answer["tokens_evaluated"], answer["tokens_predicted"], answer["stop"]), ("", 0, 0, True))
        text = self.complete("Day 1.")["content"]
        self.assertEqual([a["content"] for a in self.complete(["", "Day 1.", ""])], ["", text, ""])
        self.assertEqual(self.complete("Day 1.")["content"], text)  # what is kept is not spoilt
        for more in ({}, {"n": 3}, {"echo": True, "logprobs": 1}, {"best_of": 2}):
            status, whole = self.server.post("/v1/completions", {"prompt": "", "max_tokens": 4, **more})
            self.assertEqual(status, 200, whole)
            self.assertEqual({(c["text"], c["finish_reason"]) for c in whole["choices"]}, {("", "length")})
            self.assertEqual((whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"]), (0, 0))
        events = [data for _, data in self.server.events("/completion", {"prompt": "", "stream": True, **SHORT})]
        self.assertEqual([(e["content"], e["stop"]) for e in events], [("", True)])
        self.assertEqual(self.server.post("/completion", {"prompt": [[]]})[0], 400)

    def test_the_same_streamed(self):
        whole = self.complete("Day 1.")
        events = [data for _, data in self.server.events("/completion", {"prompt": "Day 1.", "stream": True, **SHORT})]
        self.assertEqual("".join(e["content"] for e in events), whole["content"])
        self.assertEqual([e["stop"] for e in events], [False] * (len(events) - 1) + [True])
        self.assertEqual(sum(len(e["tokens"]) for e in events), 8)
        self.assertEqual(events[-1]["stop_type"], "limit")

    def test_ends_that_are_ignored_are_biases(self):
        told = self.complete("Day 1.", ignore_eos=True)["generation_settings"]["logit_bias"]
        self.assertTrue(told)
        self.assertEqual({one["bias"] for one in told}, {None})
        self.assertEqual(self.complete("Day 1.")["generation_settings"]["logit_bias"], [])

    def test_probabilities_behind_the_samplers(self):
        """Of the three that top_k leaves; and of a greedy choice, which leaves one."""
        asked = {"n_probs": 5, "post_sampling_probs": True}
        for one in self.complete("Day 1.", temperature=1, top_k=3, top_p=1, min_p=0, **asked)["completion_probabilities"]:
            self.assertEqual(len(one["top_probs"]), 3)
            self.assertAlmostEqual(sum(other["prob"] for other in one["top_probs"]), 1, places=4)
            self.assertIn((one["id"], one["prob"]), [(other["id"], other["prob"]) for other in one["top_probs"]])
        for one in self.complete("Day 1.", **asked)["completion_probabilities"]:
            self.assertEqual(([other["id"] for other in one["top_probs"]], one["prob"]), ([one["id"]], 1))

    def test_a_verbose_answer_tells_its_prompt(self):
        asked = {"messages": [{"role": "user", "content": "Who is it?"}], "max_tokens": 2}
        told = self.server.post("/v1/chat/completions", {**asked, "verbose": True})[1]["__verbose"]
        self.assertIn("Who is it?", told["prompt"])
        self.assertEqual(told["generation_settings"]["n_predict"], 2)
        self.assertNotIn("__verbose", self.server.post("/v1/chat/completions", asked)[1])

    def test_every_form_of_a_prompt(self):
        text = self.complete("Day 1.")["content"]
        tokens = self.server.post("/tokenize", {"content": "Day 1.", "add_special": True})[1]["tokens"]
        self.assertEqual(self.complete(tokens)["content"], text)
        self.assertEqual(self.complete([*tokens[:-1], self.server.post("/detokenize", {"tokens": tokens[-1:]})[1]["content"]])["content"], text)
        self.assertEqual([a["content"] for a in self.complete(["Day 1.", tokens])], [text, text])
        self.assertEqual([a["index"] for a in self.complete(["Day 1.", tokens])], [0, 1])
        self.assertEqual(self.complete("Day 1.", response_fields=["content"]), {"content": text})

    def test_probabilities_and_stops(self):
        answer = self.complete("Day 1.", n_probs=3)
        for token in answer["completion_probabilities"]:
            self.assertEqual(len(token["top_logprobs"]), 3)
            self.assertEqual(token["id"], token["top_logprobs"][0]["id"])
        stop = answer["content"].split()[1]
        cut = self.complete("Day 1.", stop=[stop])
        self.assertEqual((cut["stop_type"], cut["stopping_word"]), ("word", stop))

    def test_gaps_are_filled_where_the_model_can(self):
        gap = {"model": "gaps", "input_prefix": "Day 1. Wind ", "input_suffix": " Day 2.", "input_extra": [{"filename": "log", "text": "Day 0."}], **SHORT}
        status, answer = self.server.post("/infill", gap)
        self.assertEqual(status, 200, answer)
        self.assertEqual(answer["tokens_predicted"], 8)
        self.assertRegex(answer["prompt"], "(?s)Day 0.*Day 1. Wind.*Day 2.")
        long = self.server.post("/infill", {**gap, "input_prefix": "Wind. " * 3000, "input_suffix": "Sea. " * 3000})
        self.assertEqual(long[0], 200, long[1])
        self.assertLess(long[1]["tokens_evaluated"], 512)
        self.assertEqual(self.server.post("/v1/completions", {"model": "gaps", "prompt": "Day 1.", "suffix": "Day 2.", "max_tokens": 4})[0], 200)
        for path, body in (("/infill", {**gap, "model": "mate-chat"}), ("/v1/completions", {"prompt": "a", "suffix": "b"})):
            self.refused(self.server.post(path, body), 501, "Infill is not supported by this model: prefix token is missing")

    def test_properties_slots_and_adapters(self):
        props = self.server.get("/props")[1]
        self.assertEqual((props["total_slots"], props["model_path"]), (2, "mate-chat.gguf"))
        self.assertEqual(props["default_generation_settings"]["n_ctx"], 512)
        self.assertEqual(props["default_generation_settings"]["params"]["top_k"], 40)
        self.assertIn("<|im_start|>", props["chat_template"])
        self.assertEqual((props["bos_token"], props["eos_token"]), ("<|endoftext|>", "<|im_end|>"))
        self.assertEqual(props["modalities"], {"vision": False, "audio": False})
        slots = self.server.get("/slots")[1]
        self.assertEqual([(s["id"], s["n_ctx"], s["is_processing"]) for s in slots], [(0, 512, False), (1, 512, False)])
        self.assertEqual(self.server.get("/slots?fail_on_no_slot=1")[0], 200)
        self.assertEqual(self.server.get("/lora-adapters"), (200, []))
        for path in ("/props", "/slots/0?action=save"):
            self.refused(self.server.post(path), 501, "planned|read here|slot-save-path|no folder was given")

    def test_models_are_loaded_and_unloaded(self):
        for path in ("/models/load", "/models/unload", "/models/load"):
            self.assertEqual(self.server.post(path, {"model": "gaps"}), (200, {"success": True}))
        self.refused(self.server.post("/models/load", {"model": "kraken"}), 404, "kraken")

    def test_anthropics_list_of_models(self):
        headers = {"anthropic-version": "2023-06-01"}
        listed = self.server.get("/v1/models", headers)[1]
        self.assertEqual((listed["first_id"], listed["last_id"], listed["has_more"]), ("mate-chat", "gaps", False))
        self.assertEqual(listed["data"][0]["type"], "model")
        self.assertEqual(self.server.get("/v1/models/gaps", headers)[1]["id"], "gaps")
        self.assertEqual(self.server.get("/v1/models")[1]["object"], "list")

    def test_metrics_under_both_names(self):
        self.complete("Day 1.")
        text = self.server.get("/metrics")[1]
        self.assertRegex(text, r"\nllamacpp:tokens_predicted_total [1-9]")
        self.assertRegex(text, r"\nllamacpp:requests_processing 0\n")
        self.assertIn("plimsoll_completion_tokens_total", text)

    def test_a_start_script_works(self):
        log = self.server.log_text()
        self.assertIn("--threads-http has no meaning here", log)
        self.assertNotIn("--jinja", log)

    def test_nothing_is_downloaded(self):
        said = subprocess.run([PROGRAM, "serve", "-hf", "user/model"], capture_output=True, text=True)
        self.assertEqual(said.returncode, 2, said.stderr)
        self.assertIn("models are not downloaded here", said.stderr)


class LlamaServerEmbeds(ServedCase):
    arguments = ("-m", MATE, "--embeddings", "--pooling", "mean", "-c", "256", *SMALL)

    def test_vectors_without_a_fleet_file(self):
        status, answer = self.server.post("/embedding", {"content": "Day 1."})
        self.assertEqual(status, 200, answer)
        self.assertEqual(answer[0]["index"], 0)
        openai = self.server.post("/v1/embeddings", {"input": "Day 1."})[1]["data"][0]["embedding"]
        self.assertEqual(answer[0]["embedding"], [openai])
        self.assertEqual(self.server.post("/embeddings", {"input": "Day 1."})[1], answer)
        self.assertEqual(self.server.post("/embeddings", {"input": "Day 1.", "model": "any"})[1]["data"][0]["embedding"], openai)

    def test_texts_and_tokens_mixed(self):
        tokens = self.server.post("/tokenize", {"content": "Day 1.", "add_special": True})[1]["tokens"]
        mixed = [tokens[0], self.server.post("/detokenize", {"tokens": tokens[1:]})[1]["content"]]
        vectors = [one["embedding"] for one in self.server.post("/v1/embeddings", {"input": [tokens, mixed]})[1]["data"]]
        self.assertEqual(len(vectors[0]), len(vectors[1]))
        self.assertEqual(len(self.server.post("/v1/embeddings", {"input": mixed})[1]["data"]), 1)

    def test_what_is_too_large_is_told_so(self):
        status, answer = self.server.post("/v1/embeddings", {"input": "ship " * 3000})
        self.assertEqual(status, 400)
        self.assertRegex(answer["error"]["message"], r"is too large: it is \d+ tokens long")


class LlamaServerEmbedsTokens(ServedCase):
    arguments = ("-m", MATE, "--embeddings", "--pooling", "none", "-c", "256", *SMALL)

    def test_a_vector_for_each_token(self):
        tokens = self.server.post("/tokenize", {"content": "Day 1.", "add_special": True})[1]["tokens"]
        for path in ("/embedding", "/embeddings"):
            status, answer = self.server.post(path, {"input": ["Day 1.", tokens[:2]]})
            self.assertEqual(status, 200, answer)
            self.assertEqual([len(one["embedding"]) for one in answer], [len(tokens), 2])
            self.assertEqual(len({len(row) for one in answer for row in one["embedding"]}), 1)
        self.assertTrue(all(abs(sum(x * x for x in row) - 1) > 1e-3 for row in answer[0]["embedding"]))  # not made one long
        self.assertEqual(self.server.post("/v1/embeddings", {"input": "Day 1."})[0], 400)


class LlamaServerHides(ServedCase):
    arguments = ("-m", BOSUN, "--ctx_size", "512", "--no-slots", "--alias", "log", *SMALL)

    def test_slots_are_shown_to_nobody(self):
        status, answer = self.server.get("/slots")
        self.assertEqual(status, 501)
        self.assertIn("--no-slots", answer["error"]["message"])

    def test_the_alias_is_the_models_name(self):
        self.assertEqual([m["id"] for m in self.server.get("/v1/models")[1]["data"]], ["log"])
        self.assertEqual(self.server.post("/v1/completions", {"prompt": "Day", "max_tokens": 1})[1]["model"], "log")


class LlamaServerThinks(unittest.TestCase):
    """What its start scripts say of thoughts, of template arguments, and of how long a model stays."""
    TEMPLATE = "{{ messages[0].content }}|{{ enable_thinking }}|{{ depth }}|{{ reasoning_effort }}"
    OPENS_A_THOUGHT = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: <think>\n"

    def serve(self, template, *arguments):
        folder = new_folder(self)
        model = folder / "thinker.gguf"
        with_keys(MATE, model, {"tokenizer.chat_template": template})
        server = Serving(PROGRAM, "-m", model, "-c", "1024", *SMALL, *arguments)
        self.addCleanup(server.stop)
        return server

    def written(self, server, **more):
        status, answer = server.post("/apply-template", {"messages": [{"role": "user", "content": "Hi"}], **more})
        self.assertEqual(status, 200, answer)
        return answer["prompt"]

    def test_template_arguments_hold_where_a_request_says_nothing(self):
        server = self.serve(self.TEMPLATE, "--chat-template-kwargs", '{"depth": 2, "reasoning_effort": "low"}', "--chat-template-kwargs", '{"depth": 3}', "-rea", "off")
        self.assertEqual(self.written(server), "Hi|False|3|low")
        self.assertEqual(self.written(server, chat_template_kwargs={"depth": 4}, think=True, reasoning_effort="high"), "Hi|True|4|high")
        self.assertEqual(server.log_text().count("has no meaning here"), 0)

    def test_those_of_a_fleet_file_lie_over_the_servers(self):
        folder = new_folder(self)
        model, fleet = folder / "thinker.gguf", folder / "fleet.toml"
        with_keys(MATE, model, {"tokenizer.chat_template": self.TEMPLATE})
        fleet.write_text(f"""
[[model]]
name = "thinker"
path = "{model}"
ctx-size = 1024
device = "none"
threads = 1
[model.template-arguments]
depth = 5
reasoning_effort = "low"
[[model.preset]]
name = "deep"
[model.preset.template-arguments]
depth = 6
""")
        server = Serving(PROGRAM, fleet, "--chat-template-kwargs", '{"depth": 2, "enable_thinking": true}')
        self.addCleanup(server.stop)
        self.assertEqual(self.written(server, model="thinker"), "Hi|True|5|low")
        self.assertEqual(self.written(server, model="deep"), "Hi|True|6|low")
        self.assertEqual(self.written(server, model="deep", chat_template_kwargs={"depth": 7}), "Hi|True|7|low")

    def test_no_budget_is_no_thought(self):
        self.assertEqual(self.written(self.serve(self.TEMPLATE, "--reasoning-budget", "0", "--reasoning-effort", "high")), "Hi|False||high")
        self.assertEqual(self.written(self.serve(self.TEMPLATE, "--reasoning", "on", "--reasoning-budget", "-1")), "Hi|True||")

    def test_a_budget_ends_a_thought(self):
        server = self.serve(self.OPENS_A_THOUGHT, "--reasoning-budget", "6")
        body = {"messages": [{"role": "user", "content": "Who is the captain?"}], "max_tokens": 60, "temperature": 0, "ignore_eos": True}
        for more, budget in (({}, 6), ({"thinking_budget": 20}, 20)):
            answer = server.post("/v1/chat/completions", {**body, **more})[1]
            self.assertTrue(answer["choices"][0]["message"]["content"], answer)
            self.assertIn(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], range(budget, budget + 12))

    def test_a_model_goes_when_it_has_been_idle(self):
        server = self.serve(self.TEMPLATE, "--sleep-idle-seconds", "0")
        state = lambda: server.get("/plimsoll/v1/status")[1]["models"][0]["state"]
        while state() == "ready":
            time.sleep(0.02)
        self.assertEqual(server.post("/completion", {"prompt": "Day 1.", **SHORT})[0], 200)

    def test_what_is_no_object_is_refused(self):
        for wrong in ("[1]", "{", "3"):
            said = subprocess.run([PROGRAM, "serve", "-m", MATE, "--chat-template-kwargs", wrong], capture_output=True, text=True)
            self.assertEqual(said.returncode, 2, said.stderr)
            self.assertIn("--chat-template-kwargs takes a JSON object", said.stderr)


class LlamaServerDrafts(unittest.TestCase):
    def test_a_draft_is_named_on_the_command_line(self):
        server = Serving(PROGRAM, "-m", MATE, "-md", MATE, "--draft", "4", "-c", "512", *SMALL)
        try:
            answer = server.post("/completion", {"prompt": "Day 1.", **SHORT})
            self.assertEqual(answer[1]["tokens_predicted"], 8, answer)
            self.assertTrue(server.get("/slots")[1][0]["speculative"])
        finally:
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
