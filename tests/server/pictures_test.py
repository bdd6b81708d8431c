#!/usr/bin/env python3
"""Pictures over HTTP, with a projector of random numbers: what it says means nothing, and is what the library says.
pictures_test.py PROGRAM [unittest arguments]; PLIMSOLL_TEST_PROJECTOR, PLIMSOLL_TEST_EARS, PLIMSOLL_TEST_PICTURE"""
import base64
import http.server
import io
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest
import wave

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase, Serving  # noqa: E402

PROGRAM = ServedCase.program = sys.argv[1]
os.environ.pop("PLIMSOLL_ISOLATE", None)  # models in processes of their own take no pictures: a test below says so
PROJECTOR = os.environ["PLIMSOLL_TEST_PROJECTOR"]
EARS = os.environ["PLIMSOLL_TEST_EARS"]
PICTURE = os.environ["PLIMSOLL_TEST_PICTURE"]  # 64 x 48 pixels, a BMP
VECTORS = 16  # of any picture
BYTES = pathlib.Path(PICTURE).read_bytes()


def as_base64(data):
    return base64.b64encode(data).decode()


SHIP = as_base64(BYTES)
OTHER = as_base64(BYTES[:54] + bytes(255 - b for b in BYTES[54:]))  # the same in other colours
URL = "data:image/bmp;base64,"
BROKEN = as_base64(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08\x08\x02\0\0\0")  # ends behind its header


def tone(hertz):
    """A second of it, as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        samples = (int(9000 * math.sin(2 * math.pi * hertz * i / 16000)) for i in range(16000))
        file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
    return as_base64(out.getvalue())


def part(picture=SHIP):
    return {"type": "image_url", "image_url": {"url": URL + picture}}


def at(address):
    return {"type": "image_url", "image_url": {"url": address}}


def words(text):
    return {"type": "text", "text": text}


def chat(*parts, **more):
    return {"model": "bosun-log", "messages": [{"role": "user", "content": list(parts)}], "temperature": 0, "max_tokens": 6,
            "ignore_eos": True, **more}


class Pictures(ServedCase):
    arguments = ("-m", BOSUN, "--mmproj", PROJECTOR, "-m", MATE, "-np", "2", "-c", "2048", *SMALL)

    def ask(self, path, body, expected=200, server=None):
        status, answer = (server or self.server).post(path, body)
        self.assertEqual(status, expected, answer)
        return answer

    def complete(self, text, *pictures, server=None, **more):
        prompt = {"prompt_string": text, "multimodal_data": list(pictures)}
        return self.ask("/completion", {"model": "bosun-log", "prompt": prompt, "n_predict": 6, "temperature": 0, "ignore_eos": True, **more},
                        server=server)

    def test_it_says_what_the_library_says(self):
        text = "Day 12. <__media__> Then"
        said = subprocess.run([PROGRAM, "generate", "-m", BOSUN, "--mmproj", PROJECTOR, *SMALL, "--temp", "0", "-n", "6", "--ignore-eos",
                               "--image", PICTURE, "-p", text, "--json"], capture_output=True, text=True, check=True)
        answer = self.complete(text, SHIP)
        told = json.loads(said.stdout)
        self.assertEqual(answer["content"], told["text"])
        self.assertEqual(answer["tokens_evaluated"], told["prompt_tokens"])

    def test_its_vectors_are_counted(self):
        one = self.complete("Day 12. <__media__> Then", SHIP)
        two = self.complete("Day 12. <__media__><__media__> Then", SHIP, OTHER)
        self.assertEqual(two["tokens_evaluated"] - one["tokens_evaluated"], VECTORS)
        asked = chat(words("What is this?"), part())
        usage = self.ask("/v1/chat/completions", asked)["usage"]
        self.assertGreater(usage["prompt_tokens"], VECTORS)
        counted = self.ask("/v1/chat/completions/input_tokens", asked)["input_tokens"]
        self.assertEqual(counted, usage["prompt_tokens"])

    def test_every_api_takes_it(self):
        anthropics = {"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": SHIP}}
        common = {"model": "bosun-log", "temperature": 0}
        for path, body, tokens in (
                ("/v1/chat/completions", chat(words("See."), part()), lambda a: a["usage"]["prompt_tokens"]),
                ("/v1/responses", {**common, "max_output_tokens": 4, "input": [{"role": "user", "content": [
                    {"type": "input_text", "text": "See."}, {"type": "input_image", "image_url": URL + SHIP}]}]},
                 lambda a: a["usage"]["input_tokens"]),
                ("/v1/messages", {**common, "max_tokens": 4, "messages": [{"role": "user", "content": [anthropics, words("See.")]}]},
                 lambda a: a["usage"]["input_tokens"] + a["usage"]["cache_read_input_tokens"]),
                ("/api/chat", {"model": "bosun-log", "stream": False, "options": {"num_predict": 4},
                               "messages": [{"role": "user", "content": "See.", "images": [SHIP]}]}, lambda a: a["prompt_eval_count"]),
                ("/api/generate", {"model": "bosun-log", "stream": False, "options": {"num_predict": 4}, "prompt": "See.", "images": [SHIP]},
                 lambda a: a["prompt_eval_count"]),
                ("/api/v1/chat", {"model": "bosun-log", "max_output_tokens": 4, "input": [
                    {"type": "text", "content": "See."}, {"type": "image", "data_url": URL + SHIP}]}, lambda a: a["stats"]["input_tokens"])):
            with self.subTest(path):
                self.assertGreater(tokens(self.ask(path, body)), VECTORS)
        events = self.server.events("/v1/chat/completions", chat(words("See."), part(), stream=True))
        self.assertEqual(events[-1][1], "[DONE]")

    def test_a_context_of_ollamas_has_the_text_alone(self):
        answer = self.ask("/api/generate", {"model": "bosun-log", "stream": False, "options": {"num_predict": 4}, "prompt": "See.", "images": [SHIP]})
        self.assertTrue(all(token >= 0 for token in answer["context"]))

    def test_the_same_picture_is_in_memory_and_another_is_not(self):
        text = "A long look at the ship of day 13. <__media__> Then she was"
        first = self.complete(text, SHIP)
        again = self.complete(text, SHIP)
        self.assertEqual(again["timings"]["cache_n"], first["tokens_evaluated"] - 1)
        self.assertEqual(again["content"], first["content"])
        other = self.complete(text, OTHER)
        self.assertLess(other["timings"]["cache_n"], first["tokens_evaluated"] - VECTORS)
        self.assertEqual(self.complete(text, OTHER)["content"], other["content"])
        alone = Serving(PROGRAM, *self.arguments)
        try:
            self.assertEqual(self.complete(text, OTHER, server=alone)["content"], other["content"])
        finally:
            alone.stop()

    def test_a_chat_goes_on_behind_it(self):
        asked = chat(words("What lies at anchor there, and who is on board of it?"), part())
        first = self.ask("/v1/chat/completions", asked)
        asked["messages"] += [first["choices"][0]["message"], {"role": "user", "content": "And then?"}]
        second = self.ask("/v1/chat/completions", asked)
        self.assertGreater(second["timings"]["cache_n"], VECTORS)

    def test_several_answers(self):
        asked = chat(words("Which ship?"), part(), temperature=1, seed=7)
        together = self.ask("/v1/chat/completions", {**asked, "n": 3})
        texts = [choice["message"]["content"] for choice in together["choices"]]
        alone = [self.ask("/v1/chat/completions", {**asked, "seed": 7 + i})["choices"][0]["message"]["content"] for i in range(3)]
        self.assertEqual(texts, alone)

    def test_it_comes_back_where_others_took_its_place(self):
        server = Serving(PROGRAM, "-m", BOSUN, "--mmproj", PROJECTOR, "-np", "1", "-c", "1024", *SMALL)
        self.addCleanup(server.stop)
        text = "Day 14. <__media__> Then"
        first = self.complete(text, SHIP, server=server)
        self.ask("/completion", {"prompt": "Wind north, sea calm. " * 20, "n_predict": 2}, server=server)
        again = self.complete(text, SHIP, server=server)
        self.assertEqual(again["content"], first["content"])
        self.assertEqual(again["tokens_evaluated"], first["tokens_evaluated"])

    def test_what_is_refused_takes_no_slot(self):
        for body, place, sentence in (
                (chat(part(BROKEN)), "messages[0].content[0]", "cannot be read"),
                (chat(words("a"), at("http://127.0.0.1:1/a.png")), "messages[0].content[1]", "is not public"),
                (chat(words("a"), at("file://a.png")), "messages[0].content[1]", "--media-path"),
                ({**chat(part()), "model": "mate-chat"}, "messages[0].content[0]", "--mmproj")):
            with self.subTest(sentence):
                error = self.ask("/v1/chat/completions", body, 400)["error"]
                self.assertIn(sentence, error["message"])
                self.assertEqual(error["param"], place)
        error = self.ask("/v1/chat/completions", chat(*[part() for _ in range(100)]), 400)["error"]
        self.assertEqual(error["code"], "context_length_exceeded")
        self.ask("/v1/chat/completions", chat(words("See."), part()))  # and all is well

    def test_words_stand_for_what_a_tool_saw_where_the_model_does_not_see(self):
        call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        messages = [{"role": "user", "content": "Look."}, {"role": "assistant", "content": None, "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": "c", "content": [part()]}]
        for model, ignored in (("mate-chat", "messages[].content[].type=image_url"), ("bosun-log", None)):
            status, headers, answer = self.server.request("POST", "/v1/chat/completions", {"model": model, "messages": messages, "max_tokens": 2})
            self.assertEqual(status, 200, answer)
            self.assertEqual(headers.get("x-plimsoll-ignored"), ignored)
            self.assertEqual(answer["usage"]["prompt_tokens"] > VECTORS, True)

    def test_models_say_what_they_take(self):
        for model, sees in (("bosun-log", True), ("mate-chat", False)):
            self.assertEqual(self.server.get(f"/props?model={model}")[1]["modalities"], {"vision": sees, "audio": False})
            self.assertEqual("vision" in self.ask("/api/show", {"model": model})["capabilities"], sees)
            listed = self.server.get(f"/v1/models/{model}")[1]
            self.assertEqual("multimodal" in listed["capabilities"], sees)
            likewise = next(m for m in self.server.get("/v1/models")[1]["models"] if m["name"] == listed["id"])
            self.assertEqual(likewise["capabilities"], ["completion", *["multimodal"] * sees])
            self.assertEqual(listed["type"], "vlm" if sees else "llm")

    def test_a_template_shows_where_they_stand(self):
        prompt = self.ask("/apply-template", chat(words("a "), part(), words(" b")))["prompt"]
        self.assertIn("a <__media__> b", prompt)

    def test_a_model_in_a_process_of_its_own_takes_none(self):
        with tempfile.TemporaryDirectory() as folder:
            fleet = pathlib.Path(folder) / "fleet.toml"
            fleet.write_text(f'[[model]]\npath = "{BOSUN}"\nmmproj = "{PROJECTOR}"\ndevice = "none"\nctx-size = 512\nisolation = "process"\n')
            server = Serving(PROGRAM, fleet)
            try:
                error = self.ask("/v1/chat/completions", chat(part()), 400, server)["error"]
                self.assertIn("process of its own", error["message"])
                self.assertEqual(server.get("/props")[1]["modalities"], {"vision": False, "audio": False})
            finally:
                server.stop()


class PicturesElsewhere(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        path = pathlib.Path(cls.folder.name)
        shown = path / "shown"
        (shown / "deep").mkdir(parents=True)
        (path / "secret.bmp").write_bytes(BYTES)
        (shown / "ship.bmp").write_bytes(BYTES)
        (shown / "deep" / "tone.bmp").write_bytes(base64.b64decode(tone(440)))
        (shown / "inside.bmp").symlink_to("ship.bmp")
        (shown / "outside.bmp").symlink_to("../secret.bmp")
        os.mkfifo(shown / "pipe.bmp")

        class Shop(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=shown)

            def do_GET(self):
                if self.path != "/moved":
                    return super().do_GET()
                self.send_response(302)
                self.send_header("Location", "/ship.bmp")
                self.end_headers()

            def log_message(self, *_):
                pass

        shop = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
        cls.addClassCleanup(shop.server_close)
        cls.addClassCleanup(shop.shutdown)
        threading.Thread(target=shop.serve_forever, daemon=True).start()
        cls.shop = f"http://127.0.0.1:{shop.server_port}"
        cls.shown = shown
        cls.server = Serving(PROGRAM, "-m", BOSUN, "--mmproj", PROJECTOR, "-m", MATE, "-c", "2048", "--media-path", shown,
                             "--allowed-media-domains", "127.0.0.1", *SMALL)
        cls.addClassCleanup(cls.server.stop)

    def ask(self, picture, expected=200, path="/v1/chat/completions", **more):
        status, answer = self.server.post(path, {**chat(words("See."), picture), **more})
        self.assertEqual(status, expected, answer)
        return answer

    def test_it_is_the_picture_that_lies_there(self):
        sent = self.ask(part())["choices"][0]["message"]["content"]
        for address in (f"{self.shop}/ship.bmp", f"{self.shop}/moved", "file://ship.bmp", "FILE://inside.bmp", f"file://{self.shown}/ship.bmp"):
            with self.subTest(address):
                self.assertEqual(self.ask(at(address))["choices"][0]["message"]["content"], sent)
        seen = {"type": "image", "source": {"type": "url", "url": f"{self.shop}/ship.bmp"}}
        self.assertGreater(self.ask(seen, path="/v1/messages")["usage"]["input_tokens"], VECTORS)
        counted = self.ask(at("file://ship.bmp"), path="/v1/chat/completions/input_tokens")["input_tokens"]
        self.assertEqual(counted, self.ask(part(), path="/v1/chat/completions/input_tokens")["input_tokens"])
        self.assertIn("<__media__>", self.ask(at("http://not.read/a.png"), path="/apply-template")["prompt"])

    def test_what_cannot_be_read_is_said_with_its_place(self):
        for address, sentence in (
                (f"{self.shop}/none.bmp", "status 404"), ("http://127.0.0.1:1/a", "cannot be read"), ("http://localhost:1/a", "none of the hosts"),
                ("file://none.bmp", "No such file"), ("file://../secret.bmp", "outside"), ("file://outside.bmp", "outside"),
                (f"file://{self.shown.parent}/secret.bmp", "outside"), ("file:///etc/passwd", "outside"), ("file://pipe.bmp", "is no file"),
                ("file://deep", "is no file"), ("file://deep/tone.bmp", "does not hear"), ("file://", "cannot be read"),
                (f"{self.shop}/", "neither a picture nor a sound")):
            with self.subTest(address):
                error = self.ask(at(address), 400)["error"]
                self.assertIn(sentence, error["message"])
                self.assertEqual(error["param"], "messages[0].content[1]")

    def test_words_stand_for_what_a_tool_saw_where_it_is_not_there_any_more(self):
        call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        messages = [{"role": "user", "content": "Look."}, {"role": "assistant", "content": None, "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": "c", "content": [at(f"{self.shop}/none.bmp")]}]
        status, headers, answer = self.server.request("POST", "/v1/chat/completions", {"model": "bosun-log", "messages": messages, "max_tokens": 2})
        self.assertEqual(status, 200, answer)
        self.assertIn("messages[].content[]", headers["x-plimsoll-ignored"])

    def test_a_model_that_does_not_see_fetches_nothing(self):
        error = self.ask(at(f"{self.shop}/ship.bmp"), 400, model="mate-chat")["error"]
        self.assertIn("--mmproj", error["message"])

    def test_flags_that_mean_nothing_are_refused(self):
        for flags, sentence in ((["--media-path", "/nowhere/at/all"], "is no folder"), (["--allowed-media-domains", "https://a"], "no host's name"),
                                (["--allowed-media-domains", "a,none"], "no host's name")):
            ended = subprocess.run([PROGRAM, "serve", "-m", BOSUN, *flags], capture_output=True, text=True, check=False)
            self.assertEqual(ended.returncode, 2, ended.stderr)
            self.assertIn(sentence, ended.stderr)

    def test_nothing_is_fetched_where_that_is_wanted(self):
        server = Serving(PROGRAM, "-m", BOSUN, "--mmproj", PROJECTOR, "-c", "512", "--allowed-media-domains", "none", *SMALL)
        try:
            status, answer = server.post("/v1/chat/completions", chat(at(f"{self.shop}/ship.bmp")))
            self.assertEqual(status, 400, answer)
            self.assertIn("nothing is fetched", answer["error"]["message"])
        finally:
            server.stop()


class Sounds(ServedCase):
    arguments = ("-m", BOSUN, "--mmproj", EARS, "-c", "2048", *SMALL)

    def ask(self, sound, **more):
        heard = {"type": "input_audio", "input_audio": {"format": "wav", "data": sound}}
        status, answer = self.server.post("/v1/chat/completions", chat(words("What is this?"), heard, **more))
        self.assertEqual(status, 200, answer)
        return answer

    def test_a_sound_is_part_of_the_prompt(self):
        first = self.ask(tone(440))
        self.assertGreater(first["usage"]["prompt_tokens"], 30)
        again = self.ask(tone(440))
        self.assertEqual(again["timings"]["cache_n"], first["usage"]["prompt_tokens"] - 1)
        self.assertEqual(again["choices"][0]["message"]["content"], first["choices"][0]["message"]["content"])
        self.assertLess(self.ask(tone(880))["timings"]["cache_n"], first["usage"]["prompt_tokens"] - 1)

    def test_a_projector_that_hears_does_not_see(self):
        status, answer = self.server.post("/v1/chat/completions", chat(part()))
        self.assertEqual(status, 400, answer)
        self.assertIn("does not see pictures", answer["error"]["message"])
        self.assertEqual(self.server.get("/props")[1]["modalities"], {"vision": False, "audio": True})


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
