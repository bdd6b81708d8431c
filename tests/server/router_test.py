#!/usr/bin/env python3
"""What llama-server's router does, with its flags. router_test.py PROGRAM [unittest arguments]"""
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gguf_keys import with_keys  # noqa: E402
from serving import BOSUN, MATE, SMALL, Serving, new_folder  # noqa: E402

PROGRAM = sys.argv[1]
CHAT = "/v1/chat/completions"
COMMON = "[*]\nc = 512\nb = 128\nubatch-size = 128\nthreads = 1\ndevice = none\n"


class Router(unittest.TestCase):
    def setUp(self):
        self.folder = new_folder(self)
        self.ini = self.folder / "models.ini"

    def serve(self, *arguments):
        server = Serving(PROGRAM, *arguments)
        self.addCleanup(server.stop)
        return server

    def write(self, *sections):
        self.ini.write_text("version = 1\n" + COMMON + "\n".join(sections))

    def states(self, server, query=""):
        status, answer = server.get("/models" + query)
        self.assertEqual(status, 200, answer)
        return {model["id"]: model["status"]["value"] for model in answer["data"]}

    def asked(self, model):
        return {"model": model, "max_tokens": 2, "messages": [{"role": "user", "content": "Hi"}]}

    def test_a_file_of_models(self):
        self.write(f"[org/mate:Q8_0]\nmodel = {MATE}\nalias = first,captain\ntemp = 0.25\nnumber-of-nothing = 1\n")
        said = subprocess.run([PROGRAM, "serve", "--port", "0", self.ini], capture_output=True, text=True)
        self.assertEqual(said.returncode, 2, said.stderr)
        self.assertIn("[org/mate:Q8_0]: there is no key 'number-of-nothing'", said.stderr)
        self.write(f"[org/mate:Q8_0]\nmodel = {MATE}\nalias = first,captain\ntemp = 0.25\nload-on-startup = 1\njinja = true\n",
                   f"[log]\nmodel = {BOSUN}\nctx-size = 256\nchat-template-kwargs = {{\"depth\": 3}}\nnuma = distribute\n")
        server = self.serve("--models-preset", self.ini, "--models-max", "4", "-c", "1024")
        self.assertEqual(self.states(server), {"org/mate:Q8_0": "loaded", "log": "unloaded"})
        mate = server.get("/props?model=captain")[1]
        self.assertEqual(mate["default_generation_settings"]["n_ctx"], 1024)  # the command line counts before the file
        self.assertEqual(mate["default_generation_settings"]["params"]["temperature"], 0.25)
        self.assertIn("[log]: --numa has no meaning here", server.log_text())
        self.assertEqual(server.post(CHAT, self.asked("log"))[0], 200)
        self.assertEqual(self.states(server)["log"], "loaded")

    def test_it_says_that_it_is_one(self):
        self.write(f"[mate]\nmodel = {MATE}\n", f"[log]\nmodel = {BOSUN}\n")
        props = self.serve(self.ini).get("/props")[1]
        self.assertEqual((props["role"], props["max_instances"], props["models_autoload"]), ("router", 0, True))
        self.assertNotIn("role", self.serve("-m", MATE, *SMALL).get("/props")[1])

    def test_the_file_is_read_again(self):
        self.write(f"[mate]\nmodel = {MATE}\n", f"[log]\nmodel = {BOSUN}\n")
        server = self.serve(self.ini)
        self.write(f"[log]\nmodel = {BOSUN}\n", f"[cook]\nmodel = {MATE}\n")
        self.assertEqual(set(self.states(server)), {"mate", "log"})
        self.assertEqual(set(self.states(server, "?reload=1")), {"log", "cook"})
        self.ini.write_text("[log]\nmodel\n")
        status, answer = server.get("/models?reload=1")
        self.assertNotEqual(status, 200)
        self.assertIn("line 2", str(answer))

    def test_a_folder_beside_the_file(self):
        models = self.folder / "models"
        models.mkdir()
        shutil.copy(BOSUN, models / "log.gguf")
        with_keys(MATE, models / "mate.gguf", {"general.name": "another"})
        self.write(f"[mate]\nmodel = {MATE}\nalias = captain\n")
        server = self.serve("--models-dir", models, "--models-preset", self.ini, *SMALL, "-c", "256")
        self.assertEqual(self.states(server), {"mate": "unloaded", "log": "unloaded"})
        self.assertEqual(server.get("/props?model=captain")[1]["model_path"], "mate-chat.gguf")

    def test_models_are_loaded_by_hand_alone(self):
        self.write(f"[mate]\nmodel = {MATE}\n", f"[log]\nmodel = {BOSUN}\n")
        server = self.serve(self.ini, "--no-models-autoload")
        self.assertFalse(server.get("/props")[1]["models_autoload"])
        for path, body in ((CHAT, self.asked("mate")), (CHAT, {**self.asked("mate"), "stream": True}),
                           ("/completion", {"model": "mate", "prompt": "a"})):
            status, answer = server.post(path, body)
            self.assertEqual(status, 400, answer)
            self.assertIn("'mate' is not loaded", answer["error"]["message"])
        self.assertEqual(self.states(server)["mate"], "unloaded")
        self.assertEqual(server.post("/models/load", {"model": "mate"}), (200, {"success": True}))
        self.assertEqual(self.states(server)["mate"], "loaded")
        self.assertEqual(server.post(CHAT, self.asked("mate"))[0], 200)

    def test_as_many_models_as_are_wanted(self):
        self.write(f"[mate]\nmodel = {MATE}\n", f"[log]\nmodel = {BOSUN}\n", f"[cook]\nmodel = {MATE}\n")
        server = self.serve(self.ini, "--models-max", "2")
        self.assertEqual(server.get("/props")[1]["max_instances"], 2)
        for model in ("mate", "log", "mate"):
            self.assertEqual(server.post(CHAT, self.asked(model))[0], 200)
        self.assertEqual(self.states(server), {"mate": "loaded", "log": "loaded", "cook": "unloaded"})
        self.assertEqual(server.post(CHAT, self.asked("cook"))[0], 200)
        while self.states(server)["log"] != "unloaded":  # it may be on its way
            time.sleep(0.02)
        self.assertEqual(server.post("/models/load", {"model": "log"}), (200, {"success": True}))
        while self.states(server)["mate"] != "unloaded":
            time.sleep(0.02)
        self.assertEqual(self.states(server), {"mate": "unloaded", "log": "loaded", "cook": "loaded"})

    def test_what_is_wrong_is_said(self):
        for text, words in ((f"[a]\nhf-repo = org/a\n", "not downloaded here"), ("[a]\nc = 1\n", r"\[a\]: it names no model"),
                            ("[a\n", "line 1: a section is"), ("", "has no model")):
            self.ini.write_text(text)
            said = subprocess.run([PROGRAM, "serve", "--port", "0", self.ini], capture_output=True, text=True)
            self.assertEqual(said.returncode, 2, said.stderr)
            self.assertRegex(said.stderr, words)
        said = subprocess.run([PROGRAM, "serve", "--port", "0", self.ini, "-m", MATE], capture_output=True, text=True)
        self.assertIn("goes with folders of models alone", said.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
