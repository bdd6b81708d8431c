#!/usr/bin/env python3
"""The C interface as a binding meets it: examples/python/plimsoll.py, with callbacks that raise, handles that are gone, threads,
and the end of the interpreter with handles open: python_test.py PROGRAM MODEL"""
import gc
import json
import subprocess
import sys
import tempfile
import threading
import unittest

import plimsoll

MODEL, PROGRAM = sys.argv.pop(), sys.argv.pop()
SMALL = {"n_ctx": 512, "settings": 'device = "none"\nbatch-size = 64', "warm_up": "quick"}
GREEDY = {"predict": 12, "temperature": 0}


class Binding(unittest.TestCase):
    def setUp(self):
        self.runtime = plimsoll.Runtime()
        self.addCleanup(self.runtime.close)

    def open(self, **more):
        model = self.runtime.open(MODEL, **{**SMALL, **more})
        self.addCleanup(model.close)
        return model

    def test_enforces(self):
        self.assertEqual((plimsoll.tracker_mode(), plimsoll.tracker_advice()), ("enforcing", ""))
        self.assertRegex(plimsoll.version(), r"^\d+\.\d+\.\d+$")

    def test_a_generation_is_a_generator(self):
        model = self.open()
        pieces = list(model.generate("Day 12.", **GREEDY))
        self.assertGreater(len(pieces), 1)
        self.assertEqual("".join(pieces), model.generate("Day 12.", **GREEDY).read())
        generation = model.generate("Day 12.", **GREEDY)
        next(generation)
        generation.close()
        with self.assertRaisesRegex(plimsoll.Error, "no generation was given"):
            next(generation)
        self.assertEqual(model.info()["refused_after_seal"], 0)

    def test_what_a_callback_raises_arrives(self):
        class Mine(Exception):
            pass

        def raises(*_):
            raise Mine("over board")

        with self.assertRaisesRegex(Mine, "over board"):
            self.open(load_progress=raises)
        told = []
        model = self.open(load_progress=told.append)
        self.assertEqual(told[-1], 1)
        with self.assertRaisesRegex(Mine, "over board"):
            model.generate("Day 12.", prompt_progress=raises, **GREEDY).read()
        with self.assertRaises(plimsoll.Error) as stopped:
            self.runtime.open(MODEL, load_progress=lambda share: False, **{**SMALL, "name": "second"})
        self.assertEqual(stopped.exception.code, "cancelled")

    def test_errors_have_code_sentence_and_numbers(self):
        self.runtime.close()
        self.runtime = plimsoll.Runtime(budgets=["CPU=24MiB"])
        self.addCleanup(self.runtime.close)
        with self.runtime.plan(MODEL, **{**SMALL, "n_ctx": 65536}) as plan, self.assertRaises(plimsoll.Error) as refused:
            self.assertFalse(plan.fits())
            self.assertTrue(plan.alternatives())
            self.assertIn("bosun-log", str(plan))
            plan.admit()
        self.assertEqual(refused.exception.code, "over_budget")
        self.assertGreater(refused.exception.numbers["short_by"], 0)
        self.assertIn("it would fit with", str(refused.exception))
        with self.assertRaisesRegex(plimsoll.Error, "unknown key 'nonsense' of settings"):
            self.open(settings="nonsense = 1")

    def test_handles_end_in_any_order(self):
        model = self.open()
        generation = model.generate("Day 12.", **GREEDY)
        model.close()
        self.runtime.close()
        self.assertTrue(generation.read())
        with self.assertRaisesRegex(plimsoll.Error, "no model was given"):
            model.info()
        del generation
        gc.collect()
        self.runtime = plimsoll.Runtime()  # everything was given back
        self.addCleanup(self.runtime.close)

    def test_threads_generate_together_and_stop(self):
        model = self.open(n_ctx=1024, n_seq_max=2)
        expected = model.generate("Day 12.", **GREEDY).read()
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(model.generate("Day 12.", **GREEDY).read())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([len(answer) > 0 for answer in answers], [True, True])
        self.assertTrue(expected)
        with plimsoll.Stop() as stop:
            generation = model.generate("Day 12.", predict=-1, stop=stop)
            next(generation)
            threading.Thread(target=stop.request).start()
            generation.read()
            self.assertEqual(generation.finish_reason, "cancelled")

    def test_texts_are_utf8_both_ways(self):
        model = self.open()
        for text in ("Ahoi, Klabautermann! \u00e4\u00f6\u00fc \U0001f6a2", "a\x00b"):
            self.assertEqual(model.text_of(model.tokenize(text, with_begin_token=False)), text)

    def test_schemas_and_sampling_are_json(self):
        model = self.open()
        schema = {"type": "object", "properties": {"day": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["day"],
                  "additionalProperties": False}
        self.assertIsInstance(json.loads(model.generate("Day 12.", json_schema=schema, predict=60, temperature=0).read())["day"], int)
        self.assertEqual(model.generate("Day 12.", sampling={"temperature": 0}, predict=12).read(), model.generate("Day 12.", **GREEDY).read())

    def test_chats_conversations_and_vectors(self):
        model = self.open()
        with model.chat(form="role_names") as chat:
            first = chat.say("How is the wind?", **GREEDY).read()
            self.assertEqual(chat.history(), [{"role": "user", "content": "How is the wind?"}, {"role": "assistant", "content": first}])
            self.assertEqual(chat.regenerate(**GREEDY).read(), first)
        with model.conversation() as conversation, tempfile.NamedTemporaryFile() as file:
            said = conversation.generate("Day 12.", **GREEDY).read()
            self.assertEqual(conversation.text(), "Day 12." + said)
            conversation.save(file.name)
        model.close()
        with self.runtime.open_embedder(MODEL, pooling="mean", n_ctx=256, settings='device = "none"') as embedder:
            vectors = embedder.embed(["The wind is fair.", "Day 12."])
            self.assertEqual([len(rows) for rows in vectors], [1, 1])
            self.assertAlmostEqual(sum(number * number for number in vectors[0][0]), 1, places=3)
        events = self.runtime.events()
        self.assertIn("sealed", [event.get("kind") for event in events])
        self.assertEqual(self.runtime.status()["schema"], "plimsoll.status/1")

    def test_a_sampler_of_ones_own(self):
        model = self.open()
        plain, told = model.generate("Day 12.", **GREEDY).read(), []

        def without_e(candidates):
            keep = [at for at, one in enumerate(candidates) if "e" not in model.text_of([one.token]).lower()]
            candidates.keep(keep)

        said = model.generate("Day 12.", sample=without_e, accept=told.append, sampler_place="first", **GREEDY)
        text = said.read()
        self.assertTrue(text)
        self.assertNotIn("e", text.lower())
        self.assertEqual(told[: -GREEDY["predict"]], model.tokenize("Day 12."))
        self.assertEqual(model.text_of(told[-GREEDY["predict"] :]), text)
        self.assertEqual(model.generate("Day 12.", sample=lambda candidates: candidates.choose(0), temperature=2, predict=12).read(), plain)

        def raises(*_):
            raise KeyError("over board")

        for role in ("sample", "accept"):
            with self.assertRaisesRegex(KeyError, "over board"):
                model.generate("Day 12.", **{role: raises}, **GREEDY).read()
        with self.assertRaisesRegex(plimsoll.Error, "it left 0"):
            model.generate("Day 12.", sample=lambda candidates: candidates.keep([]), **GREEDY).read()
        self.assertEqual(model.generate("Day 12.", **GREEDY).read(), plain)

    def test_a_further_context_and_a_quantized_file(self):
        model = self.open()
        plain = model.generate("Day 12.", **GREEDY).read()
        with model.open_context(n_ctx=256, settings="batch-size = 64", warm_up="quick") as second:
            self.assertEqual(second.generate("Day 12.", **GREEDY).read(), plain)
            self.assertEqual(second.info()["n_ctx"], 256)
        with tempfile.TemporaryDirectory() as folder:
            done = []
            made = plimsoll.quantize(MODEL, folder + "/small.gguf", "Q4_0", allow_requantize=True, program=PROGRAM,
                                     progress=lambda at, of: done.append(at))
            self.assertLess(made.after, made.before)
            self.assertEqual((done[-1], made.files), (made.tensors, 1))
            model.close()
            self.assertTrue(self.runtime.open(folder + "/small.gguf", **SMALL).generate("Day 12.", **GREEDY).read())

    def test_a_fork_is_told_and_does_not_wait(self):
        program = ("import os, plimsoll, signal, sys, warnings\nwarnings.simplefilter('ignore')\nruntime = plimsoll.Runtime()\n"
                   "model = runtime.open(sys.argv[1], n_ctx=512, settings='device = \"none\"', warm_up='none')\n"
                   "child = os.fork()\n"
                   "if child:\n    status = os.waitpid(child, 0)[1]\n    print(status, len(model.generate('Day 12.', predict=4).read()) > 0)\n"
                   "else:\n"
                   "    signal.alarm(120)  # of one that waits for ever\n"
                   "    for use in (lambda: model.generate('Day 12.', predict=4).read(), lambda: model.tokenize('Day'), plimsoll.Runtime):\n"
                   "        try: use()\n"
                   "        except plimsoll.Error as error: print(error.code, 'forked from' in str(error), flush=True)\n"
                   "    model.close()\n")
        said = subprocess.run([sys.executable, "-c", program, MODEL], capture_output=True, text=True)
        self.assertEqual((said.returncode, said.stdout, said.stderr), (0, "usage True\n" * 3 + "0 True\n", ""))

    def test_an_interpreter_may_end_with_handles_open(self):
        program = ("import plimsoll, sys\nruntime = plimsoll.Runtime()\n"
                   "model = runtime.open(sys.argv[1], n_ctx=512, settings='device = \"none\"', warm_up='none')\n"
                   "generation = model.generate('Day 12.', predict=-1)\nprint(bool(next(generation)))\n"
                   "{}")
        for end in ("", "keep = [runtime, model, generation]; keep.append(keep)"):
            said = subprocess.run([sys.executable, "-c", program.format(end), MODEL], capture_output=True, text=True)
            self.assertEqual((said.returncode, said.stdout, said.stderr), (0, "True\n", ""), end)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "--verbose"])
