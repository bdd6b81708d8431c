#!/usr/bin/env python3
"""The OpenAPI description, held against the server: every route is in it, and answers follow its schemas. description_test.py PROGRAM [unittest arguments]"""
import json
import pathlib
import re
import sys
import unittest

import jsonschema

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gguf_keys import with_keys  # noqa: E402
from serving import BOSUN, MATE, ServedCase, new_folder  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
ServedCase.program = sys.argv[1]
QUESTION = [{"role": "user", "content": "Who is the captain?"}]


METHODS = {"get", "post", "delete"}
SHORT = {"model": "mate-chat", "temperature": 0}
FIM = {"tokenizer.ggml.fim_pre_token_id": 700, "tokenizer.ggml.fim_suf_token_id": 701, "tokenizer.ggml.fim_mid_token_id": 702}
GONE = {"model": "kraken"}
# Each route once at least, with an answer that is described: method, path, body, status, and where another path is asked that.
REQUESTS = [
    *[("get", path, None, 200) for path in (
        "/", "/openapi.json", "/health", "/v1/health", "/ping", "/version", "/v1/models", "/metrics", "/props", "/slots", "/lora-adapters", "/api/version", "/api/tags", "/api/ps", "/api/v1/models",
        "/plimsoll/v1/status", "/plimsoll/v1/history", "/plimsoll/v1/devices", "/plimsoll/v1/machine", "/plimsoll/v1/ledger", "/plimsoll/v1/plan")],
    ("get", "/v1/models/{name}", None, 200, "/v1/models/vectors"),
    ("post", "/v1/chat/completions", {**SHORT, "messages": QUESTION, "max_tokens": 4, "logprobs": True, "top_logprobs": 2}, 200),
    ("post", "/v1/completions", {**SHORT, "prompt": "Day 1.", "max_tokens": 4, "logprobs": 1}, 200),
    ("post", "/v1/chat/completions", {**SHORT, "messages": QUESTION, "max_tokens": 2, "verbose": True}, 200),
    ("post", "/v1/completions", {**SHORT, "prompt": "Day 1.", "max_tokens": 2, "verbose": True}, 200),
    ("post", "/v1/completions", {**SHORT, "prompt": "Day 1. " * 9000}, 400),
    ("post", "/v1/responses", {**SHORT, "input": "Who?", "max_output_tokens": 4}, 200),
    ("get", "/v1/responses/{id}", None, 200, "/v1/responses/{made}"),
    ("delete", "/v1/responses/{id}", None, 200, "/v1/responses/{made}"),
    ("delete", "/v1/responses/{id}", None, 404, "/v1/responses/{made}"),
    ("post", "/v1/responses/compact", {}, 501),
    ("post", "/v1/chat/completions/input_tokens", {"model": "mate-chat", "messages": QUESTION}, 200),
    ("post", "/v1/responses/input_tokens", {"model": "mate-chat", "input": "Who?"}, 200),
    ("post", "/v1/messages", {**SHORT, "messages": QUESTION, "max_tokens": 4}, 200),
    ("post", "/v1/messages/count_tokens", {"model": "mate-chat", "messages": QUESTION}, 200),
    ("post", "/v1/embeddings", {"model": "vectors", "input": ["a", "b"]}, 200),
    *[("post", path, {"query": "a", "documents": ["b"]}, 400) for path in ("/v1/rerank", "/v1/reranking", "/rerank")],  # no model for it
    ("post", "/completion", {**SHORT, "prompt": "Day 1.", "n_predict": 4, "n_probs": 2, "return_tokens": True}, 200),
    ("post", "/completion", {**SHORT, "prompt": ["Day 1.", "Day 2."], "n_predict": 2}, 200),
    ("post", "/completion", {"prompt": 5}, 400),
    ("post", "/completions", {**SHORT, "prompt": "Day 1.", "n_predict": 4}, 200),
    ("post", "/infill", {"model": "gaps", "input_prefix": "Day 1. ", "input_suffix": " Day 2.", "n_predict": 4}, 200),
    ("post", "/infill", {"model": "mate-chat", "input_prefix": "Day 1. ", "input_suffix": " Day 2."}, 501),
    ("post", "/embedding", {"content": "a"}, 200),
    ("post", "/embeddings", {"input": "a"}, 200),
    ("post", "/embeddings", {"input": "a", "model": "vectors"}, 200),
    ("post", "/slots/{id}", {"filename": "talk.bin"}, 200, "/slots/0?action=save"),
    ("post", "/slots/{id}", {"filename": "talk.bin"}, 200, "/slots/0?action=restore"),
    ("post", "/slots/{id}", None, 200, "/slots/0?action=erase"),
    ("post", "/slots/{id}", {"filename": "none.bin"}, 400, "/slots/0?action=restore"),
    ("post", "/lora-adapters", [], 200),
    ("post", "/models/load", {"model": "mate-chat"}, 200),
    ("post", "/models/unload", {"model": "gaps"}, 200),
    ("post", "/models/load", GONE, 404),
    ("post", "/api/v1/chat", {**SHORT, "input": "Who?", "max_output_tokens": 4}, 200),
    ("post", "/api/v1/chat", {**GONE, "input": "Who?"}, 404),
    ("post", "/api/v1/models/load", {"model": "mate-chat", "echo_load_config": True}, 200),
    ("post", "/api/v1/models/load", GONE, 404),
    ("post", "/api/v1/models/unload", {"instance_id": "gaps"}, 200),
    ("post", "/api/v1/models/download", {"model": "mate-chat"}, 200),
    ("post", "/api/v1/models/download", GONE, 403),
    ("get", "/api/v1/models/download/status/{id}", None, 404, "/api/v1/models/download/status/job_1"),
    ("post", "/api/show", {"model": "mate-chat"}, 200),
    ("post", "/api/chat", {"model": "mate-chat", "messages": QUESTION, "stream": False, "options": {"num_predict": 4}, "logprobs": True, "top_logprobs": 2}, 200),
    ("post", "/api/chat", {"model": "mate-chat", "messages": QUESTION, "options": {"num_predict": 2}}, 200),
    ("post", "/api/generate", {"model": "mate-chat", "prompt": "Day 1.", "stream": False, "options": {"num_predict": 4}}, 200),
    ("post", "/api/generate", {**GONE, "prompt": "x"}, 404),
    ("post", "/api/embed", {"model": "vectors", "input": ["a", "b"]}, 200),
    ("post", "/api/embeddings", {"model": "vectors", "prompt": "a"}, 200),
    ("post", "/api/pull", {"model": "mate-chat", "stream": False}, 200),
    ("post", "/api/pull", {"model": "mate-chat"}, 200),
    ("post", "/api/pull", GONE, 403),
    *[("post", f"/api/{what}", GONE, 403) for what in ("push", "create", "copy")],
    ("delete", "/api/delete", GONE, 403),
    *[(method, "/api/blobs/{digest}", None, 403, "/api/blobs/sha256:0") for method in ("get", "post")],
    ("post", "/tokenize", {"content": "Day 1.", "with_pieces": True}, 200),
    ("post", "/tokenize", {"prompt": "Day 1."}, 200),
    ("post", "/detokenize", {"tokens": [65, 66]}, 200),
    ("post", "/apply-template", {"messages": QUESTION}, 200),
    ("post", "/props", {}, 501),
    ("post", "/plimsoll/v1/plan", {"model": "mate-chat", "ctx-size": 512}, 200),
    ("post", "/plimsoll/v1/reload", {}, 200),
    *[("post", f"/plimsoll/v1/models/{{name}}/{what}", {"pinned": False}, 200, f"/plimsoll/v1/models/mate-chat/{what}") for what in ("load", "unload", "pin")],
]


def routes():
    """(method, regular expression of its path) of every route that the sources have."""
    found = set()
    dialects = re.findall(r'Dialect\{"([^"]+)"', (ROOT / "src/api/dialects.cpp").read_text())
    for source in (ROOT / "src/server").glob("*.cpp"):
        text = source.read_text()
        constants = dict(re.findall(r'const char\* (k\w+) = R"\((.*?)\)";', text))
        listed = re.findall(r'add_counting\(\s*"([^"]+)"', text)
        for each in re.findall(r"for \(const char\* path : \{(.*?)\}\)", text):
            listed += re.findall(r'"([^"]+)"', each)
        calls = re.findall(r'http->(Get|Post|Delete)\(\s*(?:R"\((.*?)\)"|"([^"]+)"|([\w.]+))\s*,', text)
        assert len(calls) == len(re.findall(r"http->(?:Get|Post|Delete)\(", text)), f"{source.name} has a route that this test cannot read"
        for method, pattern, literal, name in calls:
            patterns = [pattern] if pattern else [re.escape(literal)] if literal else [constants[name]] if name in constants else map(re.escape, {"dialect.path": dialects, "path": listed}[name])
            found |= {(method.lower(), one) for one in patterns}
    return found


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
        folder = new_folder(cls)
        fleet = folder / "fleet.toml"
        common = 'device = "none"\nthreads = 1\nctx-size = 1024\nbatch-size = 64\nubatch-size = 64\n'
        fleet.write_text(f'[[model]]\nname = "mate-chat"\npath = "{MATE}"\n{common}\n[[model]]\nname = "vectors"\npath = "{MATE}"\nembeddings = true\npooling = "mean"\n{common}')
        gaps = folder / "gaps.gguf"
        with_keys(BOSUN, gaps, FIM)
        with fleet.open("a") as more:
            more.write(f'[[model]]\nname = "gaps"\npath = "{gaps}"\n{common}')
        cls.arguments = (str(fleet), "--slot-save-path", f"{folder}/slots")
        super().setUpClass()
        cls.description = cls.server.get("/openapi.json")[1]

    def schema_of(self, path, method, status="200"):
        answer = self.description["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
        return {**answer, "components": self.description["components"]}

    def follows(self, answer, path, method, status="200"):
        schema = self.schema_of(path, method, status)
        jsonschema.validate(answer, schema, cls=jsonschema.Draft202012Validator)
        self.assertEqual(Names(self.description).unnamed(answer, [schema]), [], f"members that the description of {path} does not name")

    def test_it_names_every_route_and_no_other(self):
        known = {(method, re.sub(r"\{\w+\}", "x", path)) for path, method in self.described()}
        written = routes()
        self.assertGreater(len(written), 50)
        self.assertEqual({(m, pattern) for m, pattern in written if not any(m == n and re.fullmatch(pattern, path) for n, path in known)}, set())
        self.assertEqual({(n, path) for n, path in known if not any(m == n and re.fullmatch(pattern, path) for m, pattern in written)}, set())

    def described(self):
        return {(path, method) for path, item in self.description["paths"].items() for method in set(item) & METHODS}

    def test_every_route_is_asked_and_answers_as_it_is_described(self):
        asked = {("/plimsoll/v1/events", "get")}  # has no end
        connection = self.server.connection()
        connection.request("GET", "/plimsoll/v1/events")
        self.answers(connection.getresponse(), "/plimsoll/v1/events", "get", 200)
        connection.close()
        made = ""
        for method, path, body, status, *url in REQUESTS:
            with self.subTest(f"{method} {path} {url}"):
                connection = self.server.connection()
                connection.request(method.upper(), (url[0] if url else path).replace("{made}", made), json.dumps(body) if body is not None else None,
                                   {"Accept": "text/html" if path == "/" else "*/*"})
                answer = connection.getresponse()
                text = answer.read()
                connection.close()
                if self.answers(answer, path, method, status, text) == "application/json":
                    self.follows(json.loads(text), path, method, str(status))
                if path == "/v1/responses":
                    made = json.loads(text)["id"]
                asked.add((path, method))
        self.assertEqual(self.described() - asked, set(), "routes that this test does not ask: give them a line in REQUESTS")

    def answers(self, answer, path, method, status, text=""):
        self.assertEqual(answer.status, status, text)
        kinds = self.description["paths"][path][method]["responses"][str(status)]["content"]
        kind = answer.getheader("Content-Type").split(";")[0]
        self.assertIn(kind, kinds)
        return kind

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
        for path in ("/v1/chat/completions", "/v1/messages", "/plimsoll/v1/plan", "/v1/embeddings", "/completion", "/embedding", "/api/chat", "/api/embed"):
            status, answer = self.server.post(path, {"nonsense": 1, "model": 5})
            self.assertEqual(status, 400)
            self.follows(answer, path, "post", "400")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
