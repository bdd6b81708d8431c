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

ROOT = pathlib.Path(__file__).resolve().parents[2]
ServedCase.program = sys.argv[1]
QUESTION = [{"role": "user", "content": "Who is the captain?"}]


class Names:
    """What a description says of the members of answers."""

    def __init__(self, description):
        self.description = description

    def resolved(self, schema):
        while "$ref" in schema:
            schema = self.description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def holds(self, schema, value):
        return jsonschema.Draft202012Validator({**schema, "components": self.description["components"]}).is_valid(value)

    def unnamed(self, value, schemas, place=""):
        """Places of members that none of the schemas that hold for the value names. {"additionalProperties": true} allows any."""
        schemas = [self.resolved(schema) for schema in schemas]
        for schema in schemas:  # grows as it goes
            for word in ("anyOf", "oneOf", "allOf"):
                schemas += [self.resolved(one) for one in schema.get(word, []) if self.holds(one, value)]
        if isinstance(value, list):
            items = [schema["items"] for schema in schemas if "items" in schema]
            return sorted({p for one in value for p in self.unnamed(one, items, place + "[]")}) if items or not value else [place + "[]"]
        if not isinstance(value, dict):
            return []
        found = set()
        for key, one in value.items():
            named = [schema["properties"][key] for schema in schemas if key in schema.get("properties", {})]
            others = [schema["additionalProperties"] for schema in schemas if "additionalProperties" in schema]
            if not named and True in others:
                continue
            named = named or [other for other in others if isinstance(other, dict)]
            found |= set(self.unnamed(one, named, f"{place}.{key}")) if named else {f"{place}.{key}"}
        return sorted(found)

    def reachable(self, schema, seen=None):
        """Every name of a member that a schema knows, at any depth."""
        seen = set() if seen is None else seen
        names = set()
        for key, value in schema.items():
            if key == "$ref":
                if value not in seen:
                    names |= self.reachable(self.resolved(schema), seen | {value})
            elif key == "properties":
                names |= set(value)
            for one in value.values() if isinstance(value, dict) and key == "properties" else value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    names |= self.reachable(one, seen)
        return names


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
        schema = self.schema_of(path, method, status)
        jsonschema.validate(answer, schema, cls=jsonschema.Draft202012Validator)
        self.assertEqual(Names(self.description).unnamed(answer, [schema]), [], f"members that the description of {path} does not name")

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

    def test_what_is_seldom_written_is_named_too(self):
        """Members that only some plans have: cards, shared budgets, processes beside this one."""
        names = Names(self.description)
        for schema, sources in {"Plan": ["plan/plan_json.cpp"], "FleetPlan": ["host/fleet_plan.cpp", "host/template_remarks.cpp"],
                                "Status": ["monitor/report.cpp"], "Machine": ["monitor/machine_report.cpp"], "Reload": ["server/reload_json.cpp"]}.items():
            known = names.reachable({"$ref": f"#/components/schemas/{schema}"})
            for source in sources:
                text = (ROOT / "src" / source).read_text()
                if source == "monitor/machine_report.cpp":
                    text = text[:text.index("void add_models")] + text[text.index("Json to_json("):]  # between them: Prometheus
                written = set(re.findall(r'\{"(\w+)",', text)) | set(re.findall(r'json\["(\w+)"\] =', text))
                self.assertGreater(len(written), 4, source)
                self.assertEqual(written - known, set(), f"{source} for {schema}")

    def test_a_member_without_a_name_is_found(self):
        names = Names(self.description)
        health = [{"$ref": "#/components/schemas/Health"}]
        self.assertEqual(names.unnamed({"status": "ok", "colour": 1, "failed": [{"model": "a", "code": "b", "x": {}}]}, health), [".colour", ".failed[].x"])
        self.assertEqual(names.unnamed([{"a": 1}], [{"type": "array"}]), ["[]"])
        self.assertEqual(names.unnamed({"a": {"b": 1}}, [{"type": "object", "additionalProperties": True}]), [])

    def test_refusals_follow_their_schemas(self):
        for path in ("/v1/chat/completions", "/v1/messages", "/plimsoll/v1/plan", "/v1/embeddings"):
            status, answer = self.server.post(path, {"nonsense": 1})
            self.assertEqual(status, 400)
            self.follows(answer, path, "post", "400")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
