#!/usr/bin/env python3
"""Adapters by request and for all: batches, kept prompts, slots, presets. adapters_test.py PROGRAM [unittest arguments]"""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from gguf_keys import numbers_of  # noqa: E402
from gguf_lora import write_lora  # noqa: E402
from serving import BOSUN, MATE, SMALL, ServedCase, Serving, in_threads, process_bytes  # noqa: E402

PROGRAM = ServedCase.program = sys.argv[1]
PROMPT = "Day 12. The ship lies at anchor. The captain has counted the barrels, and the mate has counted the captain."
SHORT = {"n_predict": 12, "temperature": 0}


def loras(folder, model=BOSUN):
    """Two that fit the model and change what it says."""
    facts = numbers_of(model, ("llama.block_count", "llama.embedding_length", "llama.attention.head_count", "llama.attention.key_length"))
    width = facts["llama.embedding_length"]
    shape = (facts["llama.block_count"], width, facts.get("llama.attention.key_length", 0) * facts["llama.attention.head_count"] or width)
    for name, numbers in (("first.gguf", (0.5, -0.25, 0.125, 0.3, -0.4)), ("second.gguf", (-0.3, 0.6, -0.2, 0.1, 0.45, -0.7, 0.2))):
        write_lora(pathlib.Path(folder) / name, numbers, *shape)
    return [str(pathlib.Path(folder) / name) for name in ("first.gguf", "second.gguf")]


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)
        self.first, self.second = loras(self.path)

    def serve(self, *arguments):
        server = Serving(PROGRAM, *arguments)
        self.addCleanup(lambda: server.process.poll() is None and server.stop())
        return server

    def complete(self, server, prompt=PROMPT, headers=None, **more):
        status, answer = server.request("POST", "/completion", {"prompt": prompt, **SHORT, **more}, headers)[::2]
        self.assertEqual(status, 200, answer)
        return answer

    def alone(self, *scaled):
        """What a server says that has just these adapters."""
        flags = [flag for file, scale in scaled for flag in ("--lora-scaled", f"{file}:{scale}")]
        server = self.serve("-m", BOSUN, "-c", "1024", *SMALL, *flags)
        said = self.complete(server)["content"]
        self.assertEqual(server.stop(), 0)
        return said


def lora(first, second):
    return [{"id": 0, "scale": first}, {"id": 1, "scale": second}]


class Adapters(Case):
    def setUp(self):
        super().setUp()
        self.server = self.serve("-m", BOSUN, "-c", "2048", "-np", "4", "--lora", self.first, "--lora-scaled", self.second + ":0.5",
                                 "--slot-save-path", self.path / "slots", *SMALL)

    def said(self, **more):
        return self.complete(self.server, **more)["content"]

    def test_each_request_has_its_own(self):
        usual, none = self.alone((self.first, 1), (self.second, 0.5)), self.alone()
        first, second = self.alone((self.first, 1)), self.alone((self.second, 1))
        self.assertEqual(len({usual, none, first, second}), 4, "the adapters must change what is said")
        for scales, expected in ((None, usual), (lora(0, 0), none), (lora(1, 0), first), ([{"id": 0, "scale": 1}], first),
                                 ([{"id": 1, "scale": 1}], second), ([], none), (lora(1, 0.5), usual), (None, usual)):
            more = {} if scales is None else {"lora": scales}
            self.assertEqual(self.said(**more), expected, scales)
        both = [(lora(1, 0), first), (lora(0, 1), second), (lora(0, 0), none), (lora(1, 0.5), usual)] * 3
        for (scales, expected), answer in zip(both, in_threads(len(both), lambda i: self.said(lora=both[i][0]))):
            self.assertEqual(answer, expected, scales)
        status = self.server.get("/plimsoll/v1/status")[1]
        for model in status["models"]:
            self.assertEqual(model["seal"], {"allocations_after_seal": 0, "refused_after_seal": 0})

    def test_in_every_api(self):
        chat = {"messages": [{"role": "user", "content": "Day 12."}], "max_tokens": 8, "temperature": 0}
        for path, body, text in (
                ("/v1/chat/completions", chat, lambda a: a["choices"][0]["message"]["content"]),
                ("/v1/completions", {"model": "bosun-log", "prompt": PROMPT, "max_tokens": 8, "temperature": 0}, lambda a: a["choices"][0]["text"]),
                ("/v1/messages", chat, lambda a: a["content"][0]["text"]),
                ("/v1/responses", {"input": PROMPT, "max_output_tokens": 16, "temperature": 0}, lambda a: a["output"][0]["content"][0]["text"])):
            said = []
            for scales in (lora(1, 0), lora(0, 1)):
                status, headers, answer = self.server.request("POST", path, {**body, "lora": scales})
                self.assertEqual(status, 200, answer)
                self.assertNotIn("x-plimsoll-ignored", {name.lower() for name in headers})
                said.append(text(answer))
            self.assertNotEqual(*said, path)

    def test_what_all_have_is_read_and_set(self):
        usual = self.said()
        self.assertEqual(self.server.get("/lora-adapters"),
                         (200, [{"id": 0, "path": "first.gguf", "scale": 1.0}, {"id": 1, "path": "second.gguf", "scale": 0.5}]))
        self.assertEqual(self.server.post("/lora-adapters", [{"id": 1, "scale": 1.5}]), (200, {"success": True}))
        listed = self.server.get("/lora-adapters?model=bosun-log")[1]
        self.assertEqual([a["scale"] for a in listed], [0.0, 1.5])
        self.assertEqual(self.said(), self.said(lora=lora(0, 1.5)))
        self.assertNotEqual(self.said(), usual)
        listed[0]["scale"], listed[1]["scale"] = 1, 0.5
        self.assertEqual(self.server.post("/lora-adapters", listed)[0], 200)  # as it was listed
        self.assertEqual(self.said(), usual)
        self.assertEqual(self.server.post("/lora-adapters", [])[0], 200)
        self.assertEqual(self.said(), self.said(lora=[]))
        answer = self.complete(self.server, lora=lora(1, 0))
        self.assertEqual(answer["generation_settings"]["lora"], lora(1.0, 0.0))
        self.assertEqual(self.server.post("/lora-adapters", lora(0.25, 0))[0], 200)
        self.assertEqual(self.complete(self.server)["generation_settings"]["lora"], lora(0.25, 0.0))
        self.assertEqual(self.server.get("/props")[1]["default_generation_settings"]["params"]["lora"], lora(0.25, 0.0))

    def test_a_kept_prompt_is_found_under_the_same_alone(self):
        first = self.complete(self.server, lora=lora(1, 0))
        self.assertEqual(first["timings"]["cache_n"], 0)
        other = self.complete(self.server, lora=lora(0, 1))
        self.assertEqual(other["timings"]["cache_n"], 0, "it was computed with another adapter")
        again = self.complete(self.server, lora=lora(1, 0))
        self.assertEqual(again["timings"]["cache_n"], first["tokens_evaluated"] - 1)
        self.assertEqual(again["content"], first["content"])

    def test_several_answers_share_their_prompt(self):
        alone = self.complete(self.server, lora=lora(1, 0))["content"]
        answers = self.complete(self.server, lora=lora(1, 0), n_cmpl=3)
        self.assertEqual([a["content"] for a in answers], [alone] * 3)

    def test_a_saved_slot_has_them(self):
        first = self.complete(self.server, lora=lora(1, 0))
        status, saved = self.server.post("/slots/0?action=save", {"filename": "talk"})
        self.assertEqual(status, 200, saved)
        self.assertEqual(self.server.post("/slots/0?action=erase")[0], 200)
        self.assertEqual(self.server.post("/slots/0?action=restore", {"filename": "talk"})[0], 200)
        self.assertEqual(self.complete(self.server, lora=lora(0, 1))["timings"]["cache_n"], 0)
        again = self.complete(self.server, lora=lora(1, 0))
        self.assertEqual(again["timings"]["cache_n"], first["tokens_evaluated"] - 1)
        self.assertEqual(again["content"], first["content"])

    def test_what_cannot_be_is_refused(self):
        for wrong, words in (([{"id": 2, "scale": 1}], "no adapter 2"), ([{"scale": 1}], "id"), ([{"id": -1}], "id"),
                             ({"id": 0}, "must be a list"), ([{"id": 0, "scale": "much"}], "scale"), ([3], "object"), ("a", "must be a list")):
            status, answer = self.server.post("/completion", {"prompt": "a", **SHORT, "lora": wrong})
            self.assertEqual(status, 400, answer)
            self.assertIn(words, answer["error"]["message"])
            self.assertIn("lora", answer["error"]["message"])
            status, answer = self.server.post("/lora-adapters", wrong if wrong != "a" else '"a"')
            self.assertEqual(status, 400, answer)
            self.assertIn(words, answer["error"]["message"])
        self.assertEqual(self.server.post("/lora-adapters", "[")[0], 400)
        self.assertEqual([a["scale"] for a in self.server.get("/lora-adapters")[1]], [1.0, 0.5])


class AdaptersOfAFleet(Case):
    def fleet(self, model="", presets="", more=""):
        file = self.path / "fleet.toml"
        file.write_text(f"""budgets = ["CPU={(64 << 20) + process_bytes(PROGRAM)}"]
[swap]
folder = "swap"
keep-prompts = "16MiB"
[[model]]
name = "log"
path = "{BOSUN}"
ctx-size = 1024
parallel = 2
device = "none"
threads = 1
{model}
{presets}
[[model]]
name = "mate"
path = "{MATE}"
ctx-size = 512
device = "none"
threads = 1
{more}
""")
        return file

    def test_presets_have_their_own(self):
        server = self.serve(self.fleet('lora = ["first.gguf:0", "second.gguf:0"]', """
[[model.preset]]
name = "one"
lora = ["first.gguf"]
[[model.preset]]
name = "two"
lora = ["second.gguf:0.75"]
[[model.preset]]
name = "plain"
"""))
        says = {name: self.complete(server, model=name)["content"] for name in ("log", "one", "two", "plain")}
        self.assertEqual(says["log"], self.alone())
        self.assertEqual(says["one"], self.alone((self.first, 1)))
        self.assertEqual(says["two"], self.alone((self.second, 0.75)))
        self.assertEqual(says["plain"], says["log"])
        self.assertEqual(self.complete(server, model="two")["generation_settings"]["lora"], lora(0.0, 0.75))
        self.assertEqual(server.get("/props?model=two")[1]["default_generation_settings"]["params"]["lora"], lora(0.0, 0.75))
        self.assertEqual(self.complete(server, model="one", lora=[])["content"], says["log"])
        self.assertEqual(server.post("/lora-adapters?model=log", [{"id": 1, "scale": 0.75}])[0], 200)
        self.assertEqual(self.complete(server, model="plain")["content"], says["two"])
        self.assertEqual(self.complete(server, model="one")["content"], says["one"])
        preset = next(p for m in server.get("/plimsoll/v1/status")[1]["models"] for p in m["presets"] if p["name"] == "two")
        self.assertEqual(preset["settings"]["lora"], [{"path": "second.gguf", "scale": 0.75}])

    def test_a_preset_names_adapters_of_its_model(self):
        with self.assertRaisesRegex(AssertionError, "second.gguf"):
            self.serve(self.fleet('lora = ["first.gguf"]', '[[model.preset]]\nname = "two"\nlora = ["second.gguf"]\n'))

    def test_they_stay_through_an_eviction_and_a_restart(self):
        server = self.serve(self.fleet('lora = ["first.gguf", "second.gguf"]'))
        self.assertEqual(server.post("/lora-adapters?model=log", lora(1, 0))[0], 200)
        first = self.complete(server, model="log", lora=lora(0, 1))
        usual = self.complete(server, model="log")
        self.assertEqual(server.post("/models/unload", {"model": "log"})[0], 200)
        self.complete(server, model="mate")
        again = self.complete(server, model="log", lora=lora(0, 1))
        self.assertEqual(again["content"], first["content"])
        self.assertEqual(again["timings"]["cache_n"], first["tokens_evaluated"] - 1)
        self.assertEqual(self.complete(server, model="log")["content"], usual["content"])
        self.assertEqual(server.stop(), 0)
        server = self.serve(self.fleet('lora = ["first.gguf", "second.gguf"]'))
        again = self.complete(server, model="log", lora=lora(0, 1))
        self.assertEqual(again["content"], first["content"])
        self.assertEqual(again["timings"]["cache_n"], first["tokens_evaluated"] - 1)
        # The others' order: what was kept was computed with something else.
        self.assertEqual(server.stop(), 0)
        server = self.serve(self.fleet('lora = ["second.gguf", "first.gguf"]'))
        self.assertEqual(self.complete(server, model="log", lora=lora(1, 0))["content"], first["content"])

    def test_a_reload_with_other_adapters_forgets_what_was_set(self):
        server = self.serve(self.fleet('lora = ["first.gguf"]'))
        self.assertEqual(server.post("/lora-adapters?model=log", [])[0], 200)
        self.fleet('lora = ["second.gguf"]')
        self.assertEqual(server.post("/plimsoll/v1/reload")[0], 200)
        self.assertEqual([(a["path"], a["scale"]) for a in server.get("/lora-adapters?model=log")[1]], [("second.gguf", 1.0)])
        self.assertEqual(self.complete(server, model="log")["content"], self.alone((self.second, 1)))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
