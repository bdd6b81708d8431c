#!/usr/bin/env python3
"""Several answers to one request: n, best_of, several prompts. several_answers_test.py PROGRAM [unittest arguments]"""
import json
import pathlib
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, ServedCase, Serving, in_threads, process_bytes  # noqa: E402

PROGRAM = ServedCase.program = sys.argv[1]
LONG = "Day 12. Wind north, sea calm. " * 12  # a prompt of some batches
PROMPTS = ["Day 1.", "Day 2. Wind", LONG, LONG + "Day 13."]


def asked(**more):
    return {"model": "bosun-log", "prompt": LONG, "max_tokens": 16, "ignore_eos": True, "temperature": 1, "seed": 5, **more}


class SeveralAnswers(ServedCase):
    arguments = ("-m", BOSUN, "-m", MATE, "-np", "4", "-c", "4096", *SMALL)

    def complete(self, **more):
        status, answer = self.server.post("/v1/completions", asked(**more))
        self.assertEqual(status, 200, answer)
        return answer

    def texts(self, **more):
        return [c["text"] for c in self.complete(**more)["choices"]]

    def status_of(self, name="bosun-log"):
        return next(m for m in self.server.get("/plimsoll/v1/status")[1]["models"] if m["name"] == name)

    def leases_end(self, server=None):
        server = server or self.server
        until = time.monotonic() + 60
        leases = lambda: sum(m["leases"] for m in server.get("/plimsoll/v1/status")[1]["models"])
        while leases() > 0 and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(leases(), 0)

    def test_each_has_a_seed_of_its_own_and_says_what_it_says_alone(self):
        together = self.complete(n=4)
        alone = [self.texts(seed=5 + i)[0] for i in range(4)]
        self.assertEqual([c["index"] for c in together["choices"]], [0, 1, 2, 3])
        self.assertEqual([c["text"] for c in together["choices"]], alone)
        self.assertGreater(len(set(alone)), 1)
        usage = together["usage"]
        self.assertEqual(usage["completion_tokens"], 4 * 16)
        self.assertEqual(usage["prompt_tokens"], self.complete(max_tokens=1)["usage"]["prompt_tokens"])

    def test_prompts_are_answered_as_alone(self):
        for more in ({"temperature": 0}, {"n": 2}):
            alone = [text for prompt in PROMPTS for text in self.texts(prompt=prompt, **more)]
            together = self.complete(prompt=PROMPTS, **more)
            self.assertEqual([c["text"] for c in together["choices"]], alone)
            self.assertEqual([c["index"] for c in together["choices"]], list(range(len(alone))))

    def test_a_prompt_is_decoded_once(self):
        prompt = "Day 77. " + LONG
        tokens = len(self.server.post("/tokenize", {"model": "bosun-log", "content": prompt, "add_special": True})[1]["tokens"])
        before = self.status_of()["tokens"]
        self.complete(prompt=prompt, n=4)
        decoded = self.status_of()["tokens"] - before
        self.assertGreaterEqual(decoded, tokens + 4 * 15 - 20)  # less where it begins as another prompt did
        again = 3 if process_bytes(PROGRAM) else 0  # in another process the first answer goes on meanwhile: copies decode the prompt's last token again
        self.assertLessEqual(decoded, tokens + 4 * 16 + again)

    # The first may be ahead by as much as the server reads ahead (256 pieces) before the others begin: a copy of its prompt
    # waits for the thread that tells. What is longer than twice that ends after all have begun, on the busiest machine.
    def test_a_stream_has_them_in_between_each_other(self):
        more = {"n": 4, "max_tokens": 600}
        whole = self.complete(**more)["choices"]
        chunks = [data for _, data in self.server.events("/v1/completions", asked(stream=True, **more))[:-1]]
        choices = [c for chunk in chunks for c in chunk["choices"]]
        for i in range(4):
            self.assertEqual("".join(c["text"] for c in choices if c["index"] == i), whole[i]["text"])
        ends = [c["index"] for c in choices if c["finish_reason"]]
        self.assertEqual(sorted(ends), [0, 1, 2, 3])
        first_end = next(k for k, c in enumerate(choices) if c["finish_reason"])
        self.assertEqual({c["index"] for c in choices[:first_end]}, {0, 1, 2, 3})

    def test_a_streamed_chat_opens_each_choice_once(self):
        body = {"model": "mate-chat", "messages": [{"role": "user", "content": "Who is the captain?"}], "max_tokens": 12, "seed": 3, "n": 3}
        whole = self.server.post("/v1/chat/completions", body)[1]["choices"]
        choices = [c for _, data in self.server.events("/v1/chat/completions", {**body, "stream": True})[:-1] for c in data["choices"]]
        for i in range(3):
            mine = [c for c in choices if c["index"] == i]
            self.assertEqual([("role" in c["delta"]) for c in mine], [True] + [False] * (len(mine) - 1))
            self.assertEqual("".join(c["delta"].get("content") or "" for c in mine), whole[i]["message"]["content"])

    def test_logprobs_are_each_ones_own(self):
        body = asked(n=3, logprobs=2)
        whole = self.server.post("/v1/completions", body)[1]["choices"]
        for choice in whole:
            self.assertEqual(len(choice["logprobs"]["tokens"]), 16)
            self.assertEqual("".join(choice["logprobs"]["tokens"]), choice["text"])
        streamed = [c for _, data in self.server.events("/v1/completions", {**body, "stream": True})[:-1] for c in data["choices"]]
        for i in range(3):
            parts = [c["logprobs"] for c in streamed if c["index"] == i and c["logprobs"]]
            for key in ("tokens", "token_logprobs", "text_offset"):
                self.assertEqual(sum((p[key] for p in parts), []), whole[i]["logprobs"][key], key)

    def test_each_ends_where_it_ends(self):
        alone = [self.texts(prompt=p, temperature=0)[0] for p in PROMPTS]
        stop = alone[1].split()[2]
        cut = self.complete(prompt=PROMPTS, temperature=0, stop=stop)["choices"]
        for choice, text in zip(cut, alone):
            self.assertEqual(choice["text"], text.split(stop)[0])
            self.assertEqual(choice["finish_reason"], "stop" if stop in text else "length")
        self.assertEqual(cut[1]["finish_reason"], "stop")

    def test_the_context_ends_one_and_not_the_others(self):
        tokens = self.server.post("/tokenize", {"model": "bosun-log", "content": LONG * 9, "add_special": True})[1]["tokens"]
        full, short = tokens[:1000], tokens[:9]  # of 1024
        answers = self.complete(prompt=[full, short], temperature=0, max_tokens=120)["choices"]
        alone = [self.complete(prompt=p, temperature=0, max_tokens=120) for p in (full, short)]
        self.assertEqual(alone[0]["usage"]["completion_tokens"], 25)
        self.assertEqual(alone[1]["usage"]["completion_tokens"], 120)
        self.assertEqual([c["text"] for c in answers], [a["choices"][0]["text"] for a in alone])
        self.assertEqual([c["finish_reason"] for c in answers], ["length", "length"])

    def test_the_likeliest_are_given(self):
        made = self.server.post("/v1/completions", asked(n=6, logprobs=0))[1]["choices"]
        mean = lambda c: sum(c["logprobs"]["token_logprobs"]) / len(c["logprobs"]["token_logprobs"])
        best = sorted(made, key=mean, reverse=True)
        answer = self.complete(n=2, best_of=6)
        self.assertEqual([c["text"] for c in answer["choices"]], [c["text"] for c in best[:2]])
        self.assertEqual([c["index"] for c in answer["choices"]], [0, 1])
        self.assertEqual(answer["usage"]["completion_tokens"], 6 * 16)  # all of them were made
        both = self.complete(prompt=PROMPTS[:2], best_of=3)["choices"]
        self.assertEqual([c["text"] for c in both], [self.texts(prompt=p, best_of=3)[0] for p in PROMPTS[:2]])
        self.refused(self.server.post("/v1/completions", asked(n=3, best_of=2)), 400, "'best_of' must be at least 'n', which is 3")
        self.refused(self.server.post("/v1/completions", asked(best_of=2, stream=True)), 400, "'best_of' cannot be more than 'n'")

    def test_llama_servers_own(self):
        body = {"model": "bosun-log", "prompt": ["Day 1.", LONG], "n_predict": 8, "seed": 5, "n_cmpl": 2}
        status, whole = self.server.post("/completion", body)
        self.assertEqual(status, 200, whole)
        self.assertEqual([a["index"] for a in whole], [0, 1, 2, 3])
        self.assertEqual([a["prompt"] for a in whole], ["Day 1.", "Day 1.", LONG, LONG])
        self.assertTrue(all(a["timings"]["prompt_n"] + a["timings"]["cache_n"] == a["tokens_evaluated"] for a in whole))
        single = self.server.post("/completion", {**body, "prompt": LONG, "n_cmpl": 1, "seed": 6})[1]
        self.assertEqual(single["content"], whole[3]["content"])
        events = [data for _, data in self.server.events("/completion", {**body, "stream": True})]
        for i in range(4):
            mine = [e for e in events if e["index"] == i]
            self.assertEqual("".join(e["content"] for e in mine), whole[i]["content"])
            self.assertEqual([e["tokens_predicted"] for e in mine[:-1]], sorted(e["tokens_predicted"] for e in mine[:-1]))
            self.assertEqual(mine[-1]["tokens_predicted"], 8)
            self.assertTrue(mine[-1]["stop"])

    def test_requests_that_want_more_slots_than_there_are(self):
        expected = self.texts(n=7)
        got = in_threads(4, lambda _: self.texts(n=7))
        self.assertEqual(got, [expected] * 4)
        self.leases_end()

    def test_who_waits_is_not_passed(self):
        """The other's hundred answers are so long that nobody could have made all of them, and somebody reads them."""
        connection = self.server.hold(model="bosun-log", max_tokens=900)
        over = threading.Event()

        def read():
            while not over.is_set() and connection.held.readline():
                pass
        reading = threading.Thread(target=read)
        reading.start()
        self.assertEqual(self.texts(n=2), self.texts(n=2))  # they come between its hundred
        self.assertGreater(self.status_of()["leases"], 0)  # which are not all made
        over.set()
        reading.join()
        connection.close()
        self.leases_end()

    def test_a_client_that_goes_away_ends_all_of_its_answers(self):
        for _ in range(3):
            connection = self.server.connection()
            connection.request("POST", "/v1/completions", json.dumps(asked(n=4, max_tokens=900, stream=True)), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read(1)
            answer.close()
            connection.close()
        self.leases_end()
        self.assertEqual(self.texts(n=4), self.texts(n=4))

    def test_kept_prompts_make_way_for_copies(self):
        for i in range(6):  # more than there are sequences
            self.complete(prompt=f"Day {i}. {LONG}", max_tokens=2)
        self.assertEqual(self.texts(n=4), [self.texts(seed=5 + i)[0] for i in range(4)])


class SlotsOfFew(unittest.TestCase):
    def expected(self, *arguments, more=None):
        server = Serving(PROGRAM, "-m", BOSUN, *arguments, *SMALL)
        try:
            status, answer = server.post("/v1/completions", asked(n=4, **(more or {})))
            self.assertEqual(status, 200, answer)
            return [c["text"] for c in answer["choices"]]
        finally:
            self.assertEqual(server.stop(), 0)

    def test_however_many_there_are_the_answers_are_the_same(self):
        one = self.expected("-np", "1", "-c", "1024")
        self.assertGreater(len(set(one)), 1)
        self.assertEqual(self.expected("-np", "3", "-c", "3072"), one)
        self.assertEqual(self.expected("-np", "4", "-c", "2048", "-kvu"), one)

    def test_a_model_that_is_wanted_away_ends_them_and_goes(self):
        shape = ["-np", "2", "-c", "8192", *SMALL]
        plan = json.loads(subprocess.run([PROGRAM, "plan", "-m", MATE, *shape, "--json"], capture_output=True, text=True, check=True).stdout)
        needed = next(d["required"] for d in plan["devices"] if d["device"] == "CPU") + process_bytes(PROGRAM)
        server = Serving(PROGRAM, "-m", BOSUN, "-m", MATE, "--budget", f"CPU={needed + (1 << 20)}", *shape, wait_ready=False)
        try:
            models = ("bosun-log", "mate-chat")
            answers = in_threads(6, lambda i: server.post("/v1/completions", asked(model=models[i % 2], prompt="Day 3.", n=5)))
            self.assertEqual([status for status, _ in answers], [200] * 6, answers)
            texts = [[c["text"] for c in body["choices"]] for _, body in answers]
            self.assertEqual([len(t) for t in texts], [5] * 6)
            for i in range(6):
                self.assertEqual(texts[i], texts[i % 2])
            self.assertGreater(sum(m["evictions"] for m in server.get("/plimsoll/v1/status")[1]["models"]), 0)
        finally:
            self.assertEqual(server.stop(), 0)

    def test_a_draft_proposes_to_all_of_them(self):
        alone = self.expected("-np", "4", "-c", "4096", more={"temperature": 0, "prompt": PROMPTS})
        server = Serving(PROGRAM, "-m", BOSUN, "-md", BOSUN, "--draft", "4", "-np", "4", "-c", "4096", *SMALL)
        try:
            body = asked(n=4, temperature=0, prompt=PROMPTS)
            answer = server.post("/v1/completions", body)[1]
            self.assertEqual([c["text"] for c in answer["choices"]], alone)
            self.assertGreater(answer["timings"]["draft_n"], 0)
            self.assertGreater(answer["timings"]["draft_n_accepted"], 0)
        finally:
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
