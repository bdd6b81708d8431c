#!/usr/bin/env python3
"""Models on the devices of other machines, through ggml's own RPC. rpc_test.py PROGRAM RPC_SERVER MODELS [unittest arguments]"""
import json
import os
import pathlib
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from rpc_servers import CountingLine, RpcClient, RpcServer, ScriptedServer, SilentServer, free_port, greeting_of  # noqa: E402
from serving import BOSUN, MATE, Serving  # noqa: E402

PROGRAM, RPC_SERVER, MODELS = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
SIZES = ("-c", "512", "-t", "1", "-b", "64", "-ub", "64")
ASKED = {"model": "mate-chat", "prompt": "Day 12. The wind is", "max_tokens": 24, "ignore_eos": True, "seed": 1, "temperature": 0}


MEMORY = struct.pack("<QQ", 1 << 30, 1 << 30)  # of a device, as it is told at the greeting


class RpcCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        path = pathlib.Path(self.folder.name)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("PLIMSOLL_") or k == "PLIMSOLL_IN_ROOT"}
        self.environment.update(XDG_CACHE_HOME=str(path / "cache"), XDG_CONFIG_HOME=str(path / "config"), PLIMSOLL_BROKER="off")

    def rpc_server(self, **how):
        server = RpcServer(RPC_SERVER, **how)
        self.addCleanup(server.stop)
        return server

    def run_program(self, *arguments, status=0):
        done = subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True, text=True, timeout=600)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def json_of(self, *arguments, status=0):
        return json.loads(self.run_program(*arguments, "--json", status=status).stdout)

    def generate(self, *arguments):
        report = pathlib.Path(self.folder.name) / "report.json"
        text = self.run_program("generate", "-p", "Day 12. The", "-n", "4", "--temp", "0", *arguments, "--report", str(report)).stdout
        return text, json.loads(report.read_text())


def entries(list_, of=lambda entry: True):
    return {(e["device"], e["stage"], e["buffer"]): e["bytes"] for e in list_ if of(e)}


def exact(list_):
    return entries(list_, lambda e: e.get("source") == "exact" and e["bytes"])


class Devices(RpcCase):
    def test_they_are_listed_with_what_their_servers_tell(self):
        first, second = self.rpc_server(), self.rpc_server()
        client = RpcClient(first.port)
        free, total = client.memory()
        client.close()
        devices = {d["device"]: d for d in self.json_of("devices", "--rpc", f"{first.address},{second.address}")["devices"]}
        self.assertEqual(devices["RPC0"]["description"], first.address)
        self.assertEqual(devices["RPC1"]["description"], second.address)
        self.assertEqual(devices["RPC0"]["backend"], "RPC")
        self.assertFalse(devices["RPC0"]["memory_is_hosts"])
        self.assertEqual(devices["RPC0"]["total"], total)
        self.assertLessEqual(abs(devices["RPC0"]["free"] - free), total // 2)
        self.assertNotIn("RPC0", [d["device"] for d in self.json_of("devices")["devices"]])

    def test_the_environment_names_them_too(self):
        self.environment["PLIMSOLL_RPC"] = self.rpc_server().address
        self.assertIn("RPC0", [d["device"] for d in self.json_of("devices")["devices"]])


class Plans(RpcCase):
    def test_to_plan_takes_no_memory_there_and_uploads_nothing(self):
        server = self.rpc_server()
        sizes = {}
        for model in (MATE, str(MODELS / "llama-dense.gguf")):
            line = CountingLine(server.port)
            self.addCleanup(line.close)
            plan = self.json_of("plan", "-m", model, *SIZES, "--rpc", line.address)
            stages = {e["stage"] for m in plan["models"] for e in m["entries"] if e["device"] == "RPC0" and e["bytes"]}
            self.assertLessEqual({"weights", "kv_cache", "compute", "runtime"}, stages | {"runtime"}, plan)
            self.assertGreater(line.counts["HELLO"], 0)
            for never in ("ALLOC_BUFFER", "SET_TENSOR", "SET_TENSOR_HASH", "GRAPH_COMPUTE", "BUFFER_CLEAR"):
                self.assertNotIn(never, line.counts)
            sizes[model] = (line.up, line.down, line.counts)
        self.assertNotIn("[alloc_buffer]", server.log_text())
        print(f"up, down, commands of a plan: {sizes}", file=sys.stderr)
        for up, down, _ in sizes.values():  # a question has some 3.5 kB, whatever the model weighs
            self.assertLess(up, 4 << 20)
            self.assertLess(down, 64 << 10)

    def test_a_plan_is_what_the_ledger_has(self):
        first, second = self.rpc_server(), self.rpc_server()
        both = f"{first.address},{second.address}"
        cases = [(MATE, first.address, ()),
                 (MATE, first.address, ("-ngl", "2")),
                 (MATE, both, ("-dev", "RPC0,RPC1", "-ts", "1,1")),
                 (MATE, both, ("-dev", "RPC1")),
                 (MATE, first.address, ("-ctk", "q8_0", "-ctv", "q8_0", "-fa", "on", "-np", "2")),
                 (MATE, first.address, ("-nkvo",)),
                 *((str(MODELS / f"{name}.gguf"), first.address, ()) for name in ("llama-dense", "gemma3-dense", "falcon-h1-dense", "gpt-oss-moe", "deepseek2-moe"))]
        for model, servers, flags in cases:
            with self.subTest(model=pathlib.Path(model).name, flags=flags):
                _, report = self.generate("-m", model, *SIZES, "--rpc", servers, *flags)
                planned = exact(report["plan"]["models"][0]["entries"])
                taken = entries(report["ledger"]["end"], lambda e: e["bytes"])
                remote = {key: value for key, value in planned.items() if key[0].startswith("RPC")}
                self.assertTrue(remote, planned)
                self.assertEqual({key: taken.get(key) for key in planned}, planned)
                self.assertEqual({key for key in taken if key[0].startswith("RPC") and key[1] != "runtime"}, set(remote))
                self.assertEqual(report["seal"]["refused_after_seal"], 0)
                self.assertEqual(report["seal"]["allocations_after_seal"], 0)
                self.assertTrue(report["warm_up_complete"])

    def test_what_is_allocated_there_is_what_was_planned(self):
        server = self.rpc_server()
        line = CountingLine(server.port)
        self.addCleanup(line.close)
        _, report = self.generate("-m", MATE, *SIZES, "--rpc", line.address)
        remote = [e for e in report["ledger"]["end"] if e["device"] == "RPC0" and e["stage"] != "runtime" and e["bytes"]]
        self.assertEqual(line.counts["ALLOC_BUFFER"], line.counts["FREE_BUFFER"] if "FREE_BUFFER" in line.counts else 0, line.counts)
        self.assertGreaterEqual(line.counts["ALLOC_BUFFER"], len(remote))

    def test_a_budget_for_it_holds(self):
        server = self.rpc_server()
        refused = self.json_of("plan", "-m", MATE, *SIZES, "-ngl", "all", "--rpc", server.address, "--budget", "RPC0=1MiB", status=3)
        rpc0 = next(d for d in refused["devices"] if d["device"] == "RPC0")
        self.assertEqual(rpc0["budget"], 1 << 20)
        self.assertGreater(rpc0["short_by"], 0, rpc0)
        self.run_program("generate", "-m", MATE, "-p", "x", "-n", "1", *SIZES, "--rpc", server.address, "--budget", "RPC0=1MiB", status=3)

    def test_a_machine_with_less_memory_than_it_says_refuses_and_lives(self):
        server = self.rpc_server(most_memory=200 << 20)
        said = self.run_program("generate", "-m", MATE, "-p", "x", "-n", "1", "-c", "262144", "-t", "1", "-b", "64", "-ub", "64", "--rpc", server.address, status=3).stderr
        self.assertIn("RPC0", said)
        self.assertIsNone(server.process.poll())
        self.run_program("generate", "-m", MATE, "-p", "x", "-n", "1", *SIZES, "--rpc", server.address)

    def test_the_text_is_the_same(self):
        server = self.rpc_server()
        here = self.run_program("generate", "-m", MATE, "-p", "Day 12. The", "-n", "16", "--temp", "0", "-dev", "none", *SIZES).stdout
        there = self.run_program("generate", "-m", MATE, "-p", "Day 12. The", "-n", "16", "--temp", "0", *SIZES, "--rpc", server.address).stdout
        self.assertEqual(there, here)

    def test_a_plan_says_that_a_process_is_implied(self):
        server = self.rpc_server()
        path = pathlib.Path(self.folder.name) / "fleet.toml"
        path.write_text(f'rpc = ["{server.address}"]\n[[model]]\nname = "chat"\npath = "{MATE}"\nctx-size = 512\n')
        text = self.run_program("plan", str(path), "--explain").stdout
        self.assertRegex(text, r"RPC0 .*weights")
        self.assertIn(f"chat may compute on devices of {server.address}", text)


class WrongServers(RpcCase):
    def refused(self, address, *more, status=1, command=("devices",)):
        return self.run_program(*command, "--rpc", address, *more, status=status).stderr

    def refused_everywhere(self, address, words=""):
        """What the last of these commands said."""
        for command in (("devices",), ("plan", "-m", MATE)):
            said = self.refused(address, command=command)
            self.assertIn(address, said)
            self.assertIn(words, said)
        return said

    def test_nobody_listens(self):
        address = f"127.0.0.1:{free_port()}"
        for command in (("devices",), ("plan", "-m", MATE), ("generate", "-m", MATE, "-p", "x"), ("serve", "-m", MATE)):
            said = self.refused(address, command=command)
            self.assertIn(address, said)
            self.assertIn("refused", said)

    def test_it_serves_another_client(self):
        server = self.rpc_server()
        client = RpcClient(server.port)
        self.addCleanup(client.close)
        self.refused_everywhere(server.address, "one client at a time")
        client.close()
        self.run_program("devices", "--rpc", server.address)  # that we asked in vain has not ended it
        self.assertIsNone(server.process.poll())

    def test_another_version_and_another_program(self):
        for says, words in ((struct.pack("<QBBB25x", 28, 3, 6, 1), "version 3.6.1"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not an RPC server of ggml")):
            server = SilentServer(says)
            self.addCleanup(server.close)
            self.refused_everywhere(server.address, words)

    def test_one_that_greets_and_then_hangs_up(self):
        greeting = greeting_of(self.rpc_server().port)
        one_device = struct.pack("<QI", 4, 1)
        for says, words in ((greeting, "hangs up at the engine's greeting"),
                            (greeting + one_device, "hangs up at the engine's greeting")):
            server = SilentServer(says)
            self.addCleanup(server.close)
            self.assertIn(words, self.refused_everywhere(server.address))
        self.assertIn("with something else", self.refused_everywhere(self.scripted(GET_DEVICE_MEMORY=b"none")))
        self.assertIn("then answers something else, or has ended", self.refused_everywhere(self.scripted(GET_DEVICE_MEMORY=[MEMORY, b"none"])))

    def scripted(self, **answers):
        server = ScriptedServer(greeting_of(self.rpc_server().port), **answers)
        self.addCleanup(server.close)
        return server.address

    def test_one_that_greets_and_then_is_silent(self):
        """The engine would wait for its answer without an end."""
        self.refused_everywhere(self.scripted(GET_DEVICE_MEMORY=None), "does not answer")
        self.refused_everywhere(self.scripted(GET_DEVICE_MEMORY=[MEMORY, None]), "does not answer what the engine asks")

    def test_what_one_claims_is_looked_at_before_the_engine_computes_with_it(self):
        for alignment in (0, 3, 1 << 40, (1 << 64) - 1):
            self.refused_everywhere(self.scripted(GET_ALIGNMENT=struct.pack("<Q", alignment)), f"aligned to {alignment} bytes")
        for free, total in ((2, 1), (0, 1 << 60)):
            self.refused_everywhere(self.scripted(GET_DEVICE_MEMORY=struct.pack("<QQ", free, total)), "claims")

    def test_addresses_that_others_reach_are_refused(self):
        said = self.refused("203.0.113.7:50052", status=2)
        self.assertIn("--rpc-insecure", said)
        self.assertIn("cannot be reached", self.refused("203.0.113.7:50052", "--rpc-insecure"))

    def test_what_is_no_address_is_said(self):
        self.assertIn("HOST:PORT", self.refused("10.0.0.2", status=2))

    def test_a_server_that_dies_ends_a_command_with_a_sentence(self):
        server = self.rpc_server()
        process = subprocess.Popen([PROGRAM, "generate", "-m", MATE, "-p", "Day 12.", "-n", "100000", "--ignore-eos", "-c", "8192", "-t", "1", "--rpc", server.address],
                                   env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        process.stdout.read(20)  # it speaks
        server.stop()
        _, said = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 1, said)
        self.assertIn(server.address, said)  # the engine may say a word of its own at the same moment


class Serves(RpcCase):
    def serve(self, *arguments):
        server = Serving(PROGRAM, *arguments)
        self.addCleanup(lambda: self.assertEqual(server.stop(), 0))
        return server

    @staticmethod
    def model(server, name="mate-chat"):
        return next(m for m in server.get("/plimsoll/v1/status")[1]["models"] if m["name"] == name)

    def until(self, condition, what, server, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return
            time.sleep(0.05)
        self.fail(f"{what}: {server.get('/plimsoll/v1/status')} {server.log_text()}")

    def text(self, server, asked=ASKED):
        status, answer = server.post("/v1/completions", asked)
        self.assertEqual(status, 200, (answer, server.log_text()))
        return answer["choices"][0]["text"]

    def test_it_fails_with_the_machine_and_comes_back_with_it(self):
        machine = self.rpc_server()
        server = self.serve("-m", MATE, "-np", "2", *SIZES, "--rpc", machine.address)
        expected = self.text(server)
        before = self.model(server)
        self.assertTrue(before["process"]["pid"])
        machine.stop()
        self.until(lambda: self.model(server)["state"] == "failed", "it did not fail", server)
        self.assertIn(machine.address, json.dumps(self.model(server)))
        status, answer = server.post("/v1/completions", ASKED)
        self.assertGreaterEqual(status, 500)
        self.assertIn(machine.address, answer["error"]["message"])
        self.assertEqual(server.get("/v1/models")[0], 200)  # it has not gone with it
        machine.start()
        self.until(lambda: self.model(server)["state"] == "ready", "it did not come back by itself", server)
        self.assertEqual(self.text(server), expected)

    def test_one_of_three_machines_goes(self):
        machines = [self.rpc_server() for _ in range(3)]
        here = self.serve("-m", MATE, "-np", "2", *SIZES, "-dev", "none")
        expected = self.text(here)
        server = self.serve("-m", MATE, "-np", "2", *SIZES, "--rpc", ",".join(m.address for m in machines), "-dev", "RPC0,RPC1,RPC2", "-ts", "1,1,1")
        taken = {e["device"] for e in self.model(server)["memory"] if e["stage"] == "weights" and e["taken"]}
        self.assertLessEqual({"RPC0", "RPC1", "RPC2"}, taken)
        self.assertEqual(self.text(server), expected)
        machines[1].stop()
        self.until(lambda: self.model(server)["state"] == "failed", "it did not fail", server)
        said = json.dumps(self.model(server))
        self.assertIn(machines[1].address, said)
        self.assertNotIn(machines[0].address, said)
        machines[1].start()
        self.until(lambda: self.model(server)["state"] == "ready", "it did not come back by itself", server)
        self.assertEqual(self.text(server), expected)

    def streamed(self, server, asked, at_first):
        """The text of a stream that ends well; what is done when its first piece has come."""
        connection = server.connection()
        connection.request("POST", "/v1/completions", json.dumps({**asked, "stream": True}), {"Content-Type": "application/json"})
        text = ""
        for line in connection.getresponse():
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            self.assertNotIn("error", event)
            if not text:
                at_first()
            text += event["choices"][0]["text"]
        return text

    def test_what_is_under_way_goes_on_where_the_machine_is_back_soon(self):
        machine = self.rpc_server()
        server = self.serve("-m", MATE, "-np", "2", *SIZES, "--rpc", machine.address)
        asked = {**ASKED, "max_tokens": 200}
        expected = self.text(server, asked)

        def goes_away():
            machine.stop()
            threading.Timer(0.5, machine.start).start()

        self.assertEqual(self.streamed(server, asked, goes_away), expected)
        self.assertEqual(self.model(server)["process"]["restarts"], 1)

    def test_a_process_that_is_killed_in_the_middle_does_not_take_the_machine_along(self):
        machine = self.rpc_server()
        server = self.serve("-m", MATE, "-np", "2", *SIZES, "--rpc", machine.address)
        asked = {**ASKED, "max_tokens": 200}
        expected = self.text(server, asked)
        for _ in range(3):
            self.assertEqual(self.streamed(server, asked, lambda: os.kill(self.model(server)["process"]["pid"], signal.SIGKILL)), expected)
            self.assertIsNone(machine.process.poll())

    def test_two_models_share_a_machine_under_a_budget_for_one(self):
        machine = self.rpc_server()
        plan = self.json_of("plan", "-m", MATE, *SIZES, "--rpc", machine.address)
        needed = next(d for d in plan["devices"] if d["device"] == "RPC0")["required"]
        server = self.serve("-m", MATE, "-m", BOSUN, *SIZES, "--rpc", machine.address, "--budget", f"RPC0={needed * 3 // 2}")
        for name in ("mate-chat", "bosun-log", "mate-chat"):
            self.text(server, {**ASKED, "model": name})
            states = {m["name"]: m["state"] for m in server.get("/plimsoll/v1/status")[1]["models"]}
            self.assertEqual(states[name], "ready")
            self.assertEqual([state for state in states.values()].count("ready"), 1, states)

    def test_a_reload_while_they_compute_knows_their_devices(self):
        machine = self.rpc_server()
        path = pathlib.Path(self.folder.name) / "fleet.toml"
        fleet = f'rpc = ["{machine.address}"]\n[[model]]\nname = "mate-chat"\npath = "{MATE}"\nctx-size = 512\nthreads = 1\nload-at-start = true\n'
        path.write_text(fleet)
        server = self.serve(str(path))
        pid = self.model(server)["process"]["pid"]
        path.write_text(fleet + "priority = 3\n")
        status, answer = server.post("/plimsoll/v1/reload")
        self.assertEqual(status, 200, (answer, server.log_text()))
        self.assertEqual(self.model(server)["process"]["pid"], pid)
        path.write_text(fleet.replace(machine.address, "127.0.0.1:1"))
        status, answer = server.post("/plimsoll/v1/reload")
        self.assertEqual(status, 422, answer)
        self.assertIn("start", json.dumps(answer))
        self.text(server)

    def test_the_worker_gives_all_of_it_back(self):
        machine = self.rpc_server()
        server = self.serve("-m", MATE, *SIZES, "--rpc", machine.address)
        self.text(server)
        self.assertEqual(server.post("/plimsoll/v1/models/mate-chat/unload")[0], 200)
        self.until(lambda: self.model(server)["state"] != "ready", "it did not go", server)
        self.run_program("devices", "--rpc", machine.address)  # its one place is free again


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[4:]], verbosity=2)
