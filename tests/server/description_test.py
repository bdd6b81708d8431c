#!/usr/bin/env python3
"""The OpenAPI description, held against the server: every route is in it, and answers follow its schemas. description_test.py PROGRAM [unittest arguments]"""
import json
import pathlib
import re
import sys
import tempfile
import unittest

import jsonschema

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import MATE, ServedCase  # noqa: E402

ServedCase.program = sys.argv[1]
QUESTION = [{"role": "user", "content": "Who is the captain?"}]


class Description(ServedCase):
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
                status, body = (self.server.get if method == "get" else self.server.post)(path.replace("{name}", "kraken").replace("{id}", "0"))
                sentence = json.dumps(body) if not isinstance(body, str) else body
                self.assertNotIn(f"there is no {method.upper()}", sentence, path)

    def test_answers_follow_their_schemas(self):
        for path in ("/health", "/v1/models", "/props", "/plimsoll/v1/status", "/plimsoll/v1/history", "/plimsoll/v1/devices", "/plimsoll/v1/machine", "/plimsoll/v1/ledger", "/plimsoll/v1/plan"):
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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
