#!/usr/bin/env python3
"""LM Studio's own API. lm_studio_test.py PROGRAM [unittest arguments]"""
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase  # noqa: E402

ServedCase.program = sys.argv[1]
QUESTION = {"role": "user", "content": "Who is the captain?"}
OTHER = {"role": "user", "content": "And the mate?"}
SHORT = {"model": "mate-chat", "temperature": 0}


class LmStudio(ServedCase):
    arguments = ("-m", MATE, "-m", BOSUN, "-np", "2", "-c", "2048", *SMALL)

    def ok(self, path, body):
        status, answer = self.server.post(path, body)
        self.assertEqual(status, 200, answer)
        return answer

    def usual(self, *messages):
        return self.ok("/v1/chat/completions", {**SHORT, "messages": messages, "max_tokens": 8})["choices"][0]["message"]["content"]

    def test_a_chat_goes_on_from_an_answers_id(self):
        first = {**SHORT, "input": QUESTION["content"], "max_output_tokens": 8}
        answer = self.ok("/api/v1/chat", first)
        text = self.usual(QUESTION)
        self.assertEqual((answer["model_instance_id"], answer["output"]), ("mate-chat", [{"type": "message", "content": text}]))
        self.assertGreater(answer["stats"]["tokens_per_second"], 0)
        self.assertGreater(answer["stats"]["time_to_first_token_seconds"], 0)
        more = {**first, "input": [{"type": "text", "content": OTHER["content"]}], "previous_response_id": answer["response_id"]}
        second = self.ok("/api/v1/chat", more)
        self.assertEqual(second["output"][0]["content"], self.usual(QUESTION, {"role": "assistant", "content": text}, OTHER))
        third = self.ok("/api/v1/chat", {**more, "previous_response_id": second["response_id"], "store": False})
        self.assertGreater(third["stats"]["input_tokens"], second["stats"]["input_tokens"])
        self.assertNotIn("response_id", third)

    def test_a_stream_is_named_events(self):
        first = {**SHORT, "input": QUESTION["content"], "max_output_tokens": 8}
        events = self.server.events("/api/v1/chat", {**first, "stream": True})
        self.assertEqual([name for name, _ in events][:2], ["chat.start", "prompt_processing.start"])
        self.assertEqual([name for name, data in events], [data["type"] for _, data in events])
        text = "".join(data["content"] for name, data in events if name == "message.delta")
        self.assertEqual((text, events[-1][0]), (self.usual(QUESTION), "chat.end"))
        result = events[-1][1]["result"]
        self.assertEqual(result["output"], [{"type": "message", "content": text}])
        self.ok("/api/v1/chat", {**first, "previous_response_id": result["response_id"]})

    def listed(self):
        status, answer = self.server.get("/api/v1/models")
        self.assertEqual(status, 200, answer)
        self.assertEqual([m["id"] for m in answer["data"]], [m["key"] for m in answer["models"]])  # OpenAI's form, for who has /api/v1 as a base
        return {model["key"]: model for model in answer["models"]}

    def test_models_are_listed_loaded_and_unloaded(self):
        loaded = self.ok("/api/v1/models/load", {"model": "bosun-log", "echo_load_config": True})
        self.assertEqual({key: loaded[key] for key in ("type", "instance_id", "status")}, {"type": "llm", "instance_id": "bosun-log", "status": "loaded"})
        self.assertEqual(loaded["load_config"], {"context_length": 1024, "eval_batch_size": 128, "parallel": 2, "flash_attention": loaded["load_config"]["flash_attention"], "offload_kv_cache_to_gpu": False})
        bosun = self.listed()["bosun-log"]
        self.assertEqual(bosun["loaded_instances"], [{"id": "bosun-log", "config": loaded["load_config"]}])
        self.assertEqual({key: bosun[key] for key in ("type", "max_context_length", "format", "size_bytes")},
                         {"type": "llm", "max_context_length": 1024, "format": "gguf", "size_bytes": pathlib.Path(BOSUN).stat().st_size})
        self.assertEqual(self.ok("/api/v1/models/unload", {"instance_id": "bosun-log"}), {"instance_id": "bosun-log"})
        end = time.monotonic() + 60  # the answer does not wait for the model to go
        while self.listed()["bosun-log"]["loaded_instances"] and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(self.listed()["bosun-log"]["loaded_instances"], [])
        _, headers, _ = self.server.request("POST", "/api/v1/models/load", {"model": "mate-chat", "context_length": 8192})
        self.assertEqual(headers["x-plimsoll-ignored"], "context_length")
        for path, body in (("load", {"model": "kraken"}), ("unload", {"instance_id": "kraken"})):
            status, refused = self.server.post("/api/v1/models/" + path, body)
            self.assertEqual((status, refused["error"]["type"]), (404, "model_not_found"))

    def test_nothing_is_downloaded(self):
        self.assertEqual(self.ok("/api/v1/models/download", {"model": "mate-chat"}), {"status": "already_downloaded"})
        self.assertEqual(self.server.post("/api/v1/models/download", {"model": "kraken"})[0], 403)
        status, answer = self.server.get("/api/v1/models/download/status/job_1")
        self.assertEqual((status, answer["error"]["type"]), (404, "job_not_found"))

    def test_refusals_have_its_types(self):
        first = {**SHORT, "input": "Aye?"}
        for body, status, kind in (({**first, "model": "kraken"}, 404, "model_not_found"), ({**first, "previous_response_id": "resp_0"}, 400, "invalid_request"),
                                   ({**first, "integrations": ["mcp/playwright"]}, 400, "invalid_request"), ({"model": "mate-chat"}, 400, "invalid_request")):
            code, refused = self.server.post("/api/v1/chat", body)
            self.assertEqual((code, refused["error"]["type"]), (status, kind), refused)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
