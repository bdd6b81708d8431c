#!/usr/bin/env python3
"""A pool of three machines on one: placed by `plimsoll place`, run by Slurm, asked through HAProxy, and one of them lost.
cluster_test.py PROGRAM; in a network of its own, as root: scripts/test-cluster.sh."""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import openai

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from front import Asking, Front, PORT  # noqa: E402
from machines import HEAD, environment, make_network, said  # noqa: E402
from slurm import Slurm, until  # noqa: E402

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
ROOT = pathlib.Path(__file__).resolve().parents[2]
ADDRESSES = {"rack1": "10.77.0.11", "rack2": "10.77.0.12", "rack3": "10.77.0.13"}
HOSTS = {"rack1": 196, "rack2": 159, "rack3": 129}  # MiB
# When rack1 is lost, log and pilot fit on the others, and deck does not.
MODELS = {
    "log": ("bosun-log", 16384, 'replicas = 2\nprefer = ["rack1"]\n'),
    "pilot": ("mate-chat", 4096, 'prefer = ["rack1"]\naliases = ["helmsman", "Org/Hélène: \\"q4\\", 100%"]\n'),
    "deck": ("mate-chat", 32768, 'prefer = ["rack1"]\n'),
    "cook": ("mate-chat", 16384, 'prefer = ["rack2"]\n'),
    "mate": ("mate-chat", 4096, 'prefer = ["rack3"]\n'),
}


# Mesa's software GPU is offered to those who ask for it.
GPU = {"GGML_VK_VISIBLE_DEVICES": "0"}


def cluster_text(models):
    out = f'[serve]\nprogram = "{PROGRAM}"\nbeside = "8MiB"\n[[kind]]\nname = "llvmpipe"\nplan-on = "Vulkan0"\n'
    for node, host in HOSTS.items():
        out += f'[[node]]\nname = "{node}"\naddress = "{ADDRESSES[node]}"\nhost = "{host}MiB"\ncpus = 4\n'
        if node != "rack1":
            out += '[[node.device]]\nname = "Vulkan0"\nkind = "llvmpipe"\nbudget = "700MiB"\n'
    for name, (file, context, more) in models.items():
        out += f'[[model]]\nname = "{name}"\npath = "{ROOT}/models/demo/{file}.gguf"\nctx-size = {context}\nparallel = 2\nthreads = 1\nkinds = ["{"llvmpipe" if name == "helm" else "host"}"]\n{more}'
    return out


class Cluster(unittest.TestCase):
    """One story: the steps depend on each other."""

    @classmethod
    def setUpClass(cls):
        socket.sethostname("head")
        make_network()
        cls.temporary = tempfile.TemporaryDirectory(prefix="plimsoll-cluster-")
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.before = cls.folder / "now.json"
        cls.before.write_text(cls.place(MODELS))
        cls.slurm = Slurm(cls.folder, cls.folder / "out/slurm", ADDRESSES)
        cls.front = Front(cls.folder, cls.folder / "out/haproxy")
        cls.client = openai.OpenAI(base_url=f"http://{HEAD}:{PORT}/v1", api_key="none", max_retries=0, timeout=180)
        cls.began = time.monotonic()

    @classmethod
    def tearDownClass(cls):
        cls.front.stop()
        cls.slurm.stop()
        if keep := os.environ.get("PLIMSOLL_TEST_KEEP"):  # a folder for the logs
            shutil.copytree(cls.folder, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.socket", "spool-*"))
        cls.temporary.cleanup()

    @classmethod
    def place(cls, models, *more):
        file = cls.folder / "cluster.toml"
        file.write_text(cluster_text(models))
        return said(PROGRAM, "place", file, "--json", "--render", "slurm,haproxy", "--write", cls.folder / "out", *more, env=environment(XDG_CACHE_HOME=str(cls.folder / "cache"), **GPU))

    @classmethod
    def say(cls, text):
        print(f"{time.monotonic() - cls.began:7.1f} s  {text}", flush=True)

    def submit(self):
        return self.slurm.asked(self.folder / "out/slurm/submit.sh").strip()

    def where(self):
        return {key: job["node"] for key, job in self.slurm.jobs().items()}

    @staticmethod
    def chat(model, text="Who is the captain?", session=None, **fields):
        """A chat through the front: its answer, and which server gave it."""
        body = {"model": model, "max_tokens": 8, "messages": text if isinstance(text, list) else [{"role": "user", "content": text}], **fields}
        status, answer, headers = Front.ask("/v1/chat/completions", body, {"x-session-id": session} if session else None)
        if status != 200:
            raise AssertionError(f"{model}: {status} {answer}")
        return answer, headers["x-served-by"]

    def servers(self, model):
        """Address and port of each of a model's servers, as HAProxy has them."""
        text = (self.folder / "out/haproxy/haproxy.cfg").read_text().split(f"backend model-{model}\n")[1].split("\nbackend ")[0]
        return {name: (address, int(port)) for name, address, port in re.findall(r"^    server (\S+) ([\d.]+):(\d+) check", text, re.M)}

    def is_at_work(self, model, server):
        address, port = self.servers(model)[server]
        connection = http.client.HTTPConnection(address, port, timeout=30)
        connection.request("GET", "/slots")
        slots = json.loads(connection.getresponse().read())
        connection.close()
        return any(slot["is_processing"] for slot in slots)

    def session_at(self, model, server):
        return next(s for s in (f"session {i}" for i in range(100)) if self.chat(model, session=s)[1] == server)

    def test_1_slurm_takes_what_was_rendered(self):
        until(60, "the nodes", lambda: set(self.slurm.states().values()) == {"idle"})
        for script in sorted((self.folder / "out/slurm").glob("*.sbatch")):
            said("bash", "-n", script)
            subprocess.run(["sbatch", "--test-only", script], env=self.slurm.environment, check=True, capture_output=True, timeout=60)
        self.say(self.submit())
        wanted = {(p["model"], p["replica"]): p["node"] for p in json.loads(self.before.read_text())["placed"]}
        until(60, "the jobs", lambda: None not in self.where().values())
        self.assertEqual(self.where(), wanted)
        self.say(f"jobs where they were placed: {self.where()}")
        self.assertRegex(self.submit(), "submitted: none; kept:.*; cancelled: none")

    def test_2_each_model_answers_to_its_names(self):
        for model in MODELS:
            answer = self.client.chat.completions.create(model=model, max_tokens=8, messages=[{"role": "user", "content": "Who are you?"}])
            self.assertEqual(answer.model, model)
        for name in ("helmsman", 'Org/Hélène: "q4", 100%', "PILOT", "pilot:latest", "/models/Pilot.gguf", "me/pilot"):
            self.assertEqual(self.client.completions.create(model=name, prompt="The", max_tokens=2).model, "pilot", name)
        self.assertEqual(sorted(m.id for m in self.client.models.list()), sorted([*MODELS, "helmsman", 'Org/Hélène: "q4", 100%']))
        self.assertEqual(self.client.models.retrieve("deck").id, "deck")
        with self.assertRaisesRegex(openai.NotFoundError, r'there is no model \\?"kraken\\?" here') as refused:
            self.client.completions.create(model='kraken', prompt="The")
        self.assertEqual(refused.exception.code, "model_not_found")
        self.assertEqual(Front.ask("/v1/completions", {"prompt": "The", "max_tokens": 2})[1]["model"], "log")  # the first
        long = json.dumps({"prompt": "x" * 1_100_000, "model": "cook"}).encode()
        status, answer, _ = Front.ask("/v1/completions", long)
        self.assertEqual((status, "x-model" in answer["error"]["message"]), (413, True), answer)
        status, answer, _ = Front.ask("/v1/completions", long, {"x-model": "cook"})
        self.assertEqual((status, answer["error"]["code"]), (400, "context_length_exceeded"), answer)
        self.say("each model answers to its names")

    def test_3_a_conversation_stays_where_its_prompt_is_kept(self):
        used = set()
        for number in range(6):
            turns = [{"role": "system", "content": "You are a mate."}, {"role": "user", "content": f"Question {number}: where is the anchor?"}]
            first, server = self.chat("log", turns)
            turns += [{"role": "assistant", "content": first["choices"][0]["message"]["content"]}, {"role": "user", "content": "And the rope?"}]
            second, again = self.chat("log", turns)
            self.assertEqual(again, server)
            self.assertGreater(second["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
            used.add(server)
        self.assertEqual(used, {"rack1-0", next(s for s in self.servers("log") if s.endswith("-1") and s.startswith(self.where()["log", 1]))})
        self.say(f"conversations stay, on {sorted(used)}")

    def test_4_the_front_is_read_again_and_no_connection_is_lost(self):
        stream = self.client.completions.create(model="deck", prompt="The", max_tokens=2000, stream=True, extra_body={"ignore_eos": True})
        next(iter(stream))
        going = [True]

        def keep_asking():
            count = 0
            while going[0]:
                self.chat("mate")
                count += 1
            return count

        asking = [Asking(keep_asking) for _ in range(3)]
        for _ in range(3):
            self.front.reload()
        until(60, "requests after it", lambda: self.chat("mate"))
        going[0] = False
        counts = [one.end(120).given for one in asking]
        self.assertEqual([one.raised for one in asking], [None] * 3)
        pieces = list(stream)
        self.assertEqual(pieces[-1].choices[0].finish_reason, "length")
        self.say(f"read again three times; {sum(counts)} requests beside it, and a stream of {len(pieces)} pieces through it")

    def kill_server(self, model, server):
        _, port = self.servers(model)[server]
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            words = entry.read_bytes().decode(errors="replace").split("\0")
            if words[:2] == [PROGRAM, "serve"] and str(port) in words:
                os.kill(int(entry.parent.name), signal.SIGKILL)
                return
        self.fail(f"{server} does not run")

    def test_5_a_server_that_dies_is_started_again(self):
        before = self.slurm.jobs()["cook", 0]
        asked = Asking(lambda: self.chat("cook", max_tokens=2000, ignore_eos=True))
        until(60, "the request", lambda: self.is_at_work("cook", "rack2-0"))
        self.kill_server("cook", "rack2-0")
        answer, server = asked.end(180).given or self.fail(asked.raised)
        self.assertEqual((server, answer["usage"]["completion_tokens"]), ("rack2-0", 2000))
        self.assertEqual(self.slurm.jobs()["cook", 0], before)
        self.say(f"a server that was killed at work is there again, and its request was answered after {asked.took:.1f} s")
        for _ in range(2):
            self.kill_server("cook", "rack2-0")
            until(300, "cook", lambda: Front.ask("/v1/completions", {"model": "cook", "prompt": "The", "max_tokens": 2})[0] == 200)
        self.kill_server("cook", "rack2-0")
        until(120, "cook's end", lambda: self.slurm.jobs()["cook", 0]["state"] == "PENDING")
        until(120, "cook's next job", lambda: self.where()["cook", 0] == "rack2")
        self.assertEqual(self.chat("cook")[1], "rack2-0")
        self.say("killed four times it was requeued, and Slurm started it again")

    def test_6_a_machine_is_lost(self):
        before = self.where()
        other = next(s for s in self.servers("log") if s.endswith("-1") and s.startswith(before["log", 1]))
        session = self.session_at("log", "rack1-0")
        stream = self.client.completions.create(model="deck", prompt="The", max_tokens=16_000, stream=True, extra_body={"ignore_eos": True})
        pieces = iter(stream)
        next(pieces)
        begun = Asking(lambda: sum(1 for _ in pieces))
        unbegun = Asking(lambda: self.chat("log", session=session, max_tokens=3000, ignore_eos=True))
        until(60, "the long request", lambda: self.is_at_work("log", "rack1-0") or not unbegun.is_alive())
        self.assertTrue(unbegun.is_alive(), (unbegun.given, unbegun.raised))
        self.slurm.lose("rack1")
        lost = time.monotonic()
        self.say("rack1 is lost, with log, pilot and deck")
        waiting = Asking(lambda: self.chat("pilot"))
        homeless = Asking(lambda: self.client.completions.create(model="deck", prompt="The", max_tokens=2))

        answer, server = unbegun.end(180).given or self.fail(unbegun.raised)
        self.assertEqual((server, answer["usage"]["completion_tokens"]), (other, 3000))
        self.say(f"what had not begun was answered by {server}, {unbegun.took:.1f} s after it was asked")
        self.assertIsInstance(begun.end(60).raised, openai.APIError)
        self.assertEqual(begun.raised.code, "bad_gateway")
        self.say(f"what had begun ended with {type(begun.raised).__name__}: {begun.raised}")
        _, server = waiting.end(180).given or self.fail(waiting.raised)
        self.say(f"a request for pilot waited {waiting.took:.1f} s and was answered by {server}")
        refused = homeless.end(180).raised
        self.assertIsInstance(refused, openai.InternalServerError)
        self.assertEqual((refused.status_code, refused.code), (503, "loading"))
        self.say(f"a request for deck ended after {homeless.took:.1f} s with {type(refused).__name__}: {refused.message}")

        until(120, "the jobs that fit", lambda: [k for k, node in self.where().items() if node is None] == [("deck", 0)])
        after = self.where()
        self.assertNotIn("rack1", after.values())
        self.assertEqual({k: n for k, n in after.items() if before[k] != "rack1"}, {k: n for k, n in before.items() if n != "rack1"})
        self.assertNotEqual(after["log", 0], after["log", 1])
        self.say(f"back {time.monotonic() - lost:.1f} s after the loss: {after}")

    def test_7_it_returns_and_nothing_is_moved(self):
        before = self.slurm.jobs()
        self.slurm.bring_up("rack1")
        until(120, "deck", lambda: self.where()["deck", 0] == "rack1")
        until(300, "deck's answer", lambda: Front.ask("/v1/completions", {"model": "deck", "prompt": "The", "max_tokens": 2})[0] == 200)
        after = self.slurm.jobs()
        self.assertEqual({k: j for k, j in after.items() if k[0] != "deck"}, {k: j for k, j in before.items() if k[0] != "deck"})
        self.assertRegex(self.submit(), "submitted: none; kept:.*; cancelled: none")
        self.say(f"rack1 is back with deck alone: {self.where()}")

    def test_8_another_placement_touches_what_changed(self):
        before = self.slurm.jobs()
        models = {name: value for name, value in MODELS.items() if name != "mate"}
        models["cook"] = ("mate-chat", 8192, models["cook"][2])
        self.place(models, "--before", self.before)
        stream = self.client.completions.create(model="mate", prompt="The", max_tokens=600, stream=True, extra_body={"ignore_eos": True})
        next(iter(stream))
        said = self.submit()
        self.assertEqual(list(stream)[-1].choices[0].finish_reason, "length")  # what is cancelled drains
        self.assertRegex(said, r"^submitted: \S+; kept:( \S+){4}; cancelled:( \S+){2}$")
        self.front.reload()
        until(300, "cook's answer", lambda: Front.ask("/v1/completions", {"model": "cook", "prompt": "The", "max_tokens": 2})[0] == 200)
        self.assertEqual(Front.ask("/v1/completions", {"model": "mate", "prompt": "x"})[0], 404)
        until(120, "mate's end", lambda: ("mate", 0) not in self.slurm.jobs())
        after = self.slurm.jobs()
        for key in before.keys() & after.keys() - {("cook", 0)}:
            self.assertEqual(after[key], before[key])
        self.say(said)

    def test_9_bytes_of_devices_are_counted(self):
        models = {name: value for name, value in MODELS.items() if name in ("log", "pilot")} | {"helm": ("mate-chat", 1024, 'warm-up = "quick"\nbatch-size = 64\nubatch-size = 64\n')}
        placed = [p for p in json.loads(self.place(models, "--before", self.before))["placed"] if p["model"] == "helm"]
        self.assertIn(placed[0]["node"], ("rack2", "rack3"))
        self.slurm.environment |= GPU
        self.say(self.submit())
        # On either: where it is placed, what was cancelled just now may not have ended.
        node = until(240, "helm", lambda: self.where().get(("helm", 0)))
        self.assertIn(node, ("rack2", "rack3"))
        for (model, replica), job in self.slurm.jobs().items():
            if model == "helm":
                told = self.slurm.asked("scontrol", "show", "job", job["id"])
                self.assertIn(f"TresPerNode=gres/vram:llvmpipe-Vulkan0:{placed[replica]['device_bytes']}\n", told)
        # What is left of the device is known to the byte.
        left = 700 * 2**20 - placed[0]["device_bytes"]
        said = [self.slurm.asked("sbatch", "--parsable", "--nodelist", node, "--comment=none", "--array=0", "--mem=1M", f"--gres=vram:llvmpipe-Vulkan0:{size}",
                                 "--wrap", "sleep 600", cwd=self.folder).strip() for size in (left + 1, left)]
        until(120, "the job that fits", lambda: self.slurm.asked("squeue", "--noheader", "--format", "%T", "--job", said[1]).strip() == "RUNNING")
        self.assertEqual(self.slurm.asked("squeue", "--noheader", "--format", "%T", "--job", said[0]).strip(), "PENDING")
        self.say(f"helm has {placed[0]['device_bytes']} bytes of a device; a job of {left} runs beside it, one of a byte more waits")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:], failfast=True)
