#!/usr/bin/env python3
"""llama-server's slots: conversations that are saved by name. slots_test.py PROGRAM [unittest arguments]"""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase, Serving  # noqa: E402

PROGRAM = ServedCase.program = sys.argv[1]
PROMPT = "Day 12. The ship lies at anchor. The captain has counted the barrels, and the mate has counted the captain."


class Slots(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.files = pathlib.Path(self.folder.name) / "slots"

    def serve(self, *arguments):
        server = Serving(PROGRAM, "-m", BOSUN, "-c", "1024", "--slot-save-path", self.files, *SMALL, *arguments)
        self.addCleanup(lambda: server.process.poll() is None and server.stop())
        return server

    def complete(self, server, prompt=PROMPT, headers=None, **more):
        status, answer = server.request("POST", "/completion", {"prompt": prompt, "n_predict": 8, "temperature": 0, **more},
                                        headers)[::2]
        self.assertEqual(status, 200, answer)
        return answer

    def act(self, server, action, slot=0, expected=200, headers=None, **body):
        status, answer = server.request("POST", f"/slots/{slot}?action={action}", body, headers)[::2]
        self.assertEqual(status, expected, answer)
        return answer

    def test_a_conversation_survives_a_restart(self):
        server = self.serve()
        first = self.complete(server)
        saved = self.act(server, "save", filename="talk.bin")
        self.assertEqual((saved["id_slot"], saved["filename"]), (0, "talk.bin"))
        self.assertEqual(saved["n_written"], (self.files / "talk.bin").stat().st_size)
        self.assertGreaterEqual(saved["n_saved"], first["tokens_evaluated"])
        self.assertGreaterEqual(saved["timings"]["save_ms"], 0)
        again = self.complete(server)
        self.assertGreaterEqual(again["timings"]["cache_n"], first["tokens_evaluated"] - 1)  # it is still there
        self.assertEqual(server.stop(), 0)

        server = self.serve()
        restored = self.act(server, "restore", filename="talk.bin")
        self.assertEqual((restored["n_restored"], restored["n_read"]), (saved["n_saved"], saved["n_written"]))
        second = self.complete(server)
        self.assertEqual(second["content"], first["content"])
        self.assertEqual(second["timings"]["cache_n"], first["tokens_evaluated"] - 1)
        self.assertEqual(server.stop(), 0)

    def test_another_cache_decodes_it_again(self):
        server = self.serve()
        first = self.complete(server)
        self.act(server, "save", filename="talk.bin")
        self.assertEqual(server.stop(), 0)
        server = self.serve("-ctk", "f32", "-ctv", "f32")
        restored = self.act(server, "restore", filename="talk.bin")
        self.assertGreaterEqual(restored["n_restored"], first["tokens_evaluated"])
        self.assertRegex(self.complete(server)["content"], "[A-Za-z]{3}")

    def test_erased_is_gone(self):
        server = self.serve()
        first = self.complete(server)
        self.assertGreaterEqual(self.act(server, "erase")["n_erased"], first["tokens_evaluated"])
        self.assertEqual(self.complete(server)["timings"]["cache_n"], 0)
        self.act(server, "erase")
        self.assertIn("holds no conversation", self.act(server, "erase", expected=400)["error"]["message"])

    def test_what_cannot_be_is_refused(self):
        server = self.serve("-m", MATE, "-np", "1")
        self.assertIn("holds no conversation", self.act(server, "save", filename="a", expected=400, model="bosun-log")["error"]["message"])
        self.complete(server, model="bosun-log")
        for name in ("", ".", "..", "../a", "a/b", "/etc/passwd", "a\\b", ".hidden", "a\u0000b", "x" * 300, "a\n"):
            for action in ("save", "restore"):
                refused = self.act(server, action, expected=400, model="bosun-log", filename=name)
                self.assertIn("filename", refused["error"]["message"], name)
        self.assertIn("no saved conversation", self.act(server, "restore", expected=400, filename="none")["error"]["message"])
        self.act(server, "save", model="bosun-log", filename="talk")
        wrong = self.act(server, "restore", expected=400, model="mate-chat", filename="talk")
        self.assertIn("another model", wrong["error"]["message"])
        (self.files / "talk").write_bytes((self.files / "talk").read_bytes()[:-9])
        self.assertEqual(self.act(server, "restore", expected=400, model="bosun-log", filename="talk")["error"]["type"],
                         "invalid_request_error")
        self.assertIn("no slot x", self.act(server, "save", slot="x", expected=400, filename="a")["error"]["message"])
        self.assertIn("no slot 99", self.act(server, "save", slot=99, expected=400, filename="a")["error"]["message"])
        self.assertIn("save, restore or erase", self.act(server, "sing", expected=400)["error"]["message"])
        self.assertEqual(sorted(p.name for p in self.files.iterdir()), ["talk"])
        self.assertNotEqual(self.complete(server, model="bosun-log")["content"], "")

    def test_a_conversation_has_a_number(self):
        """One sequence, three numbers: whoever comes with its number goes on with what that holds, and nobody else spoils it."""
        server = self.serve("--cached-prompts", "4")
        prompts = {number: f"Log {number}. {PROMPT} " * 8 for number in (0, 7, 900)}
        first = {number: self.complete(server, prompt, id_slot=number) for number, prompt in prompts.items()}
        for number, answer in first.items():
            self.assertEqual(answer["id_slot"], number)
        for day in range(6):  # more than are kept
            self.assertEqual(self.complete(server, f"Day {day}. " + PROMPT)["id_slot"], -1)
        for number in (900, 0):
            status, headers, again = server.request("POST", "/completion", {"prompt": prompts[number], "n_predict": 8, "temperature": 0, "id_slot": number})
            self.assertEqual(status, 200, again)
            self.assertNotIn("x-plimsoll-ignored", headers)
            self.assertEqual(again["content"], first[number]["content"])
            self.assertEqual(again["timings"]["cache_n"], again["tokens_evaluated"] - 1)
        # What it holds is replaced.
        self.assertLess(self.complete(server, "Something else.", id_slot=0)["timings"]["cache_n"], 3)
        self.assertEqual(self.complete(server, prompts[0], id_slot=7)["id_slot"], 7)
        streamed = [data for _, data in server.events("/completion", {"prompt": "Day 3.", "n_predict": 3, "stream": True, "id_slot": 5})]
        self.assertEqual({event["id_slot"] for event in streamed}, {5})
        for wrong in (-2, 1.5, "0", True, 1_000_000, [0]):
            for path, body in (("/completion", {"prompt": "a"}), ("/v1/completions", {"prompt": "a", "max_tokens": 1}), ("/v1/responses", {"input": "a"}),
                               ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}]})):
                status, answer = server.post(path, {**body, "id_slot": wrong})
                self.assertEqual((status, "'id_slot'" in answer["error"]["message"]), (400, True), (path, wrong, answer))

    def test_a_number_names_what_is_saved_and_erased(self):
        server = self.serve()
        kept = self.complete(server, id_slot=3)
        self.complete(server, "The wind was fair on that day, and on the day before it.")
        saved = self.act(server, "save", slot=3, filename="three")
        self.assertGreaterEqual(saved["n_saved"], kept["tokens_evaluated"])
        self.assertLess(self.act(server, "save", slot=0, filename="last")["n_saved"], kept["tokens_evaluated"])
        self.act(server, "erase", slot=3)
        self.assertEqual(self.complete(server, id_slot=3)["timings"]["cache_n"], 0)
        self.assertEqual(server.stop(), 0)
        server = self.serve()
        self.act(server, "restore", slot=3, filename="three")
        again = self.complete(server, id_slot=3)
        self.assertEqual((again["content"], again["timings"]["cache_n"]), (kept["content"], kept["tokens_evaluated"] - 1))

    def test_a_chat_has_a_number_in_each_api(self):
        server = self.serve("-np", "1")
        words = "Who is the captain of this ship, and who is the mate? "
        for path, body in (("/v1/chat/completions", lambda text: {"messages": [{"role": "user", "content": text}], "max_tokens": 4}),
                           ("/v1/messages", lambda text: {"messages": [{"role": "user", "content": text}], "max_tokens": 4}),
                           ("/v1/responses", lambda text: {"input": text, "max_output_tokens": 4}),
                           ("/v1/completions", lambda text: {"model": "bosun-log", "prompt": text, "max_tokens": 4})):
            asked = {**body(path + words * 12), "id_slot": 2, "temperature": 0}
            self.assertEqual(server.post(path, asked)[0], 200)
            self.assertEqual(server.post(path, body("Somebody else."))[0], 200)
            status, headers, answer = server.request("POST", path, asked)
            self.assertEqual(status, 200, answer)
            self.assertNotIn("x-plimsoll-ignored", headers)
            self.assertLessEqual(answer["timings"]["prompt_n"], 1, path)

    def test_without_a_folder_nothing_is_saved(self):
        with_none = Serving(PROGRAM, "-m", BOSUN, *SMALL)
        self.addCleanup(with_none.stop)
        status, answer = with_none.post("/slots/0?action=save", {"filename": "a"})
        self.assertEqual(status, 501)
        self.assertIn("--slot-save-path", answer["error"]["message"])

    def test_each_key_has_its_own(self):
        server = self.serve("-np", "2", "--api-key", "one", "--api-key", "two")
        one, two = ({"Authorization": f"Bearer {key}"} for key in ("one", "two"))
        self.complete(server, headers=one)
        self.act(server, "save", headers=one, filename="talk")
        self.act(server, "restore", headers=two, expected=400, filename="talk")
        self.assertIn("holds no conversation", self.act(server, "save", headers=two, expected=400, filename="talk")["error"]["message"])
        self.act(server, "restore", headers=one, filename="talk")


class KeptPrompts(unittest.TestCase):
    """Prompts in memory that survive a restart, since the fleet file says so."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def serve(self, keep="64MiB", model=BOSUN, settings="", arguments=()):
        fleet = self.path / "fleet.toml"
        fleet.write_text(f"""[swap]
folder = "swap"
{f'keep-prompts = "{keep}"' if keep else ""}
[[model]]
name = "log"
path = "{model}"
ctx-size = 1024
device = "none"
threads = 1
{settings}
""")
        server = Serving(PROGRAM, fleet, *arguments)
        self.addCleanup(lambda: server.process.poll() is None and server.stop())
        return server

    def ask(self, server, prompt=PROMPT, headers=None, **more):
        status, answer = server.request("POST", "/completion", {"prompt": prompt, "n_predict": 8, "temperature": 0, **more}, headers)[::2]
        self.assertEqual(status, 200, answer)
        return answer

    def files(self):
        kept = self.path / "swap/kept"
        return sorted(p.name for p in kept.iterdir()) if kept.exists() else []

    def test_they_are_found_after_a_restart(self):
        server = self.serve()
        first = self.ask(server)
        self.ask(server, "The wind was fair on that day, and on the day before it.")
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(self.files()), 3)
        for _ in range(2):  # also the second time
            server = self.serve()
            again = self.ask(server)
            self.assertEqual(again["content"], first["content"])
            self.assertEqual(again["timings"]["cache_n"], first["tokens_evaluated"] - 1)
            self.assertEqual(server.stop(), 0)
        self.assertEqual(len(self.files()), 3)

    def test_they_have_their_numbers_after_a_restart(self):
        server = self.serve()
        self.ask(server, PROMPT * 8, id_slot=6)
        self.assertEqual(server.stop(), 0)
        server = self.serve()
        self.ask(server, PROMPT + " Nobody else was counted.")
        again = self.ask(server, PROMPT * 8, id_slot=6)
        self.assertEqual(again["timings"]["cache_n"], again["tokens_evaluated"] - 1)

    def test_only_where_the_fleet_says_so(self):
        server = self.serve(keep="")
        self.ask(server)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.files(), [])

    def test_so_many_bytes_and_no_more(self):
        server = self.serve(keep="16KiB")
        for day in range(12):
            first = self.ask(server, f"Day {day}. " + PROMPT)
        self.assertEqual(server.stop(), 0)
        kept = self.path / "swap/kept"
        self.assertLessEqual(sum(p.stat().st_size for p in kept.iterdir() if p.suffix == ".conversation"), 16 << 10)
        self.assertGreaterEqual(len(self.files()), 2)
        server = self.serve(keep="16KiB")  # their tokens alone: decoded again
        self.assertEqual(self.ask(server, f"Day 11. {PROMPT}")["content"], first["content"])

    def test_another_file_gets_none_of_them(self):
        server = self.serve()
        self.ask(server)
        self.assertEqual(server.stop(), 0)
        server = self.serve(model=MATE)
        self.assertEqual(self.ask(server)["timings"]["cache_n"], 0)

    def test_another_cache_decodes_them_again(self):
        server = self.serve()
        self.ask(server)
        self.assertEqual(server.stop(), 0)
        server = self.serve(settings='cache-type-k = "f32"\ncache-type-v = "f32"')
        self.assertRegex(self.ask(server)["content"], "[A-Za-z]{3}")

    def test_each_key_finds_its_own(self):
        keys = ("--api-key", "one", "--api-key", "two")
        one, two = ({"Authorization": f"Bearer {key}"} for key in ("one", "two"))
        server = self.serve(arguments=keys)
        self.ask(server, headers=one)
        self.assertEqual(server.stop(), 0)
        index = (self.path / "swap/kept/index.json").read_text()
        self.assertNotIn('"one"', index)
        server = self.serve(arguments=("--api-key", "two", "--api-key", "one"))
        self.assertEqual(self.ask(server, headers=two)["timings"]["cache_n"], 0)
        self.assertGreater(self.ask(server, headers=one)["timings"]["cache_n"], 0)
        self.assertEqual(server.stop(), 0)
        server = self.serve()  # nobody is asked for a key
        self.assertEqual(self.ask(server)["timings"]["cache_n"], 0)

    def test_a_damaged_file_is_left_out(self):
        server = self.serve()
        first = self.ask(server)
        self.assertEqual(server.stop(), 0)
        kept = self.path / "swap/kept"
        for file in kept.glob("*.conversation"):
            file.write_bytes(file.read_bytes()[:100])
        server = self.serve()
        self.assertEqual(self.ask(server)["content"], first["content"])
        self.assertEqual(server.stop(), 0)
        (kept / "index.json").write_text("{")
        server = self.serve()
        self.assertEqual(self.ask(server)["timings"]["cache_n"], 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
