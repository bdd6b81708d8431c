#!/usr/bin/env python3
"""The stand-in for the server, with which the dashboard is looked at without a model, answers as the server is described. mock_test.py [unittest arguments]"""
import http.client
import http.server
import json
import pathlib
import sys
import threading
import unittest

import jsonschema

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import mock_fleet  # noqa: E402
import mock_server  # noqa: E402

DESCRIPTION = json.loads((pathlib.Path(__file__).resolve().parents[3] / "src/server/openapi/openapi.json").read_text())
KEY = "a key"
MODEL = "/plimsoll/v1/models/{name}/"


def loosened(schema):
    """Without what must be there: of long answers the stand-in has what the page reads."""
    if isinstance(schema, dict):
        return {key: loosened(value) for key, value in schema.items() if key != "required" or isinstance(value, dict)}
    return [loosened(one) for one in schema] if isinstance(schema, list) else schema


class MockTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        mock_server.Handler.world, mock_server.Handler.key, mock_server.Handler.verbose = mock_server.World(), KEY, False
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), mock_server.Handler)
        cls.server.daemon_threads = True
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        cls.addClassCleanup(cls.server.server_close)
        cls.addClassCleanup(cls.server.shutdown)

    def ask(self, method, path, body=None, key=KEY):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=60)
        connection.request(method, path, None if body is None else json.dumps(body), {"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def follows(self, method, path, body=None, status=200, described=None, whole=True):
        """The answer, which has the form that the description gives for it. Not `whole`: members may lack."""
        got, text = self.ask(method, path, body)
        self.assertEqual(got, status, text)
        schema = DESCRIPTION["paths"][described or path][method.lower()]["responses"][str(status)]["content"]["application/json"]["schema"]
        schema = {**schema, "components": DESCRIPTION["components"]}
        jsonschema.validate(json.loads(text), schema if whole else loosened(schema), cls=jsonschema.Draft202012Validator)
        return json.loads(text)

    def test_what_the_page_reads_has_the_form_of_the_server(self):
        mock_server.Handler.world.beat()
        status = self.follows("GET", "/plimsoll/v1/status")
        self.assertEqual({device["device"] for device in status["devices"]}, set(mock_fleet.DEVICES))
        self.assertEqual([model["name"] for model in status["models"]], list(mock_fleet.FLEET))
        for path in ("/plimsoll/v1/history", "/plimsoll/v1/machine"):
            with self.subTest(path):
                self.follows("GET", path)
        for path in ("/plimsoll/v1/plan", "/v1/models"):
            with self.subTest(path):
                self.follows("GET", path, whole=False)
        plan = self.follows("POST", "/plimsoll/v1/plan", {"model": "mate", "ctx-size": 512}, whole=False)
        self.assertEqual(plan["models"][0]["name"], "mate")

    def test_what_the_page_does_has_the_answers_of_the_server(self):
        for what, body in (("load", None), ("pin", {"pinned": True}), ("pin", {"pinned": False}), ("unload", None)):
            with self.subTest(what):
                self.assertEqual(self.follows("POST", MODEL.format(name="mate") + what, body, described=MODEL + what)["name"], "mate")
        self.assertTrue(self.follows("POST", MODEL.format(name="leviathan") + "load", status=507, described=MODEL + "load", whole=False)["plan"]["alternatives"])
        status, text = self.ask("POST", "/v1/chat/completions", {"model": "mate", "max_tokens": 2, "messages": [{"role": "user", "content": "?"}]})
        self.assertEqual((status, text.split("data: ")[-1].strip()), (200, "[DONE]"))

    def test_the_page_is_put_together_and_needs_no_key(self):
        status, text = self.ask("GET", "/", key="")
        self.assertEqual(status, 200)
        self.assertNotIn("{{", text)
        self.assertEqual(self.ask("GET", "/plimsoll/v1/status", key="")[0], 401)


if __name__ == "__main__":
    unittest.main(verbosity=2)
