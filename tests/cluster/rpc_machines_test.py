#!/usr/bin/env python3
"""One model over four machines that are this one: `quick`; `slow`, behind 100 Mbit/s; `small`, with little memory; `gpu`, with
Mesa's software GPU. rpc_machines_test.py PROGRAM; in a network of its own, as root: scripts/test-rpc.sh."""
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "server")]
from machines import Machine, environment, make_network, said  # noqa: E402
from rpc_servers import RpcClient  # noqa: E402
from serving import BOSUN, MATE, Serving  # noqa: E402

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
RPC_SERVER = shutil.which("ggml-rpc-server", path=f"{os.environ['PATH']}:/usr/libexec/{os.uname().machine}-linux-gnu/llama/bin")
PORT = 50052
SIZES = ("-c", "512", "-t", "1", "-b", "64", "-ub", "64")
ASKED = {"model": "mate-chat", "prompt": "Day 12. The wind is", "max_tokens": 24, "ignore_eos": True, "seed": 1, "temperature": 0}
STARTS_AGAIN_S = 8  # a model is given up for now after five
ANSWERS_AGAIN_S = 90  # a lost machine is noticed after half a minute, and a returned one is looked for each second


class RpcMachine:
    """Runs a server of ggml's RPC backend."""

    def __init__(self, name, number, folder, *, device="CPU", slow="", most_memory="unlimited", variables=()):
        self.name, self.number, self.log = name, number, folder / f"{name}.log"
        self.host, self.device, self.slow = f"10.77.0.{number}", device, slow
        # Started again a while after it has ended, as systemd would do it.
        self.command = ["env", *variables, "bash", "-c", f'ulimit -d {most_memory}; while :; do "$@" || sleep {STARTS_AGAIN_S}; done', "bash", RPC_SERVER,
                        "-H", self.host, "-p", str(PORT), "-d", device, "-t", "1"]
        self.address = f"{self.host}:{PORT}"
        self.start()

    def start(self):
        begin = len(self.log.read_text()) if self.log.exists() else 0
        self.machine = Machine(self.name, self.host, self.log, *self.command)
        if self.slow:
            shaped = ["tc", "qdisc", "add", "dev"]
            said(*shaped, self.machine.link, "root", "tbf", "rate", self.slow, "burst", "64kb", "latency", "200ms")
            said("nsenter", "--net", "--target", self.machine.process.pid, *shaped, "eth0", "root", "tbf", "rate", self.slow, "burst", "64kb", "latency", "200ms")
        until(60, f"{self.name}'s server", lambda: "Starting RPC server" in self.log.read_text()[begin:])  # a host may have it at once

    def answers(self):
        try:
            RpcClient(PORT, self.host).close()
            return True
        except OSError:
            return False

    def passed(self):
        """Bytes to it, and from it."""
        counts = pathlib.Path("/sys/class/net") / self.machine.link / "statistics"
        return int((counts / "tx_bytes").read_text()), int((counts / "rx_bytes").read_text())

    def kill_server(self):
        def child_of(pid):
            return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        os.kill(child_of(child_of(self.machine.process.pid)), signal.SIGKILL)

    def lose_power(self):
        if self.machine:
            self.machine.lose_power()
        self.machine = None


def until(seconds, what, condition):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


def entries(list_, of):
    return {(e["device"], e["stage"], e["buffer"]): e["bytes"] for e in list_ if of(e)}


class Machines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_network()
        said("mount", "-t", "sysfs", "sysfs", "/sys")  # of this network
        cls.temporary = tempfile.TemporaryDirectory(prefix="plimsoll-rpc-")
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.environment = environment(XDG_CACHE_HOME=str(cls.folder / "cache"), XDG_CONFIG_HOME=str(cls.folder / "config"), PLIMSOLL_BROKER="off")
        cls.quick = RpcMachine("quick", 11, cls.folder)
        cls.slow = RpcMachine("slow", 12, cls.folder, slow="100mbit")
        cls.small = RpcMachine("small", 13, cls.folder, most_memory=48 << 10)  # KiB
        cls.gpu = RpcMachine("gpu", 14, cls.folder, device="Vulkan0", variables=("GGML_VK_VISIBLE_DEVICES=0",))

    @classmethod
    def tearDownClass(cls):
        for one in (cls.quick, cls.slow, cls.small, cls.gpu):
            one.lose_power()
        cls.temporary.cleanup()

    def run_program(self, *arguments, status=0, **options):
        done = subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True, text=True, timeout=600, **options)
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def json_of(self, *arguments, status=0):
        return json.loads(self.run_program(*arguments, "--json", status=status).stdout)

    def generate(self, *arguments):
        report = self.folder / "report.json"
        text = self.run_program("generate", "-p", ASKED["prompt"], "-n", "24", "--ignore-eos", "--temp", "0", *SIZES, *arguments, "--report", str(report)).stdout
        return text, json.loads(report.read_text())

    def serve(self, *arguments):
        server = Serving(PROGRAM, *arguments)
        self.addCleanup(lambda: self.assertEqual(server.stop(), 0))
        return server

    @staticmethod
    def model(server, name):
        return next(m for m in server.get("/plimsoll/v1/status")[1]["models"] if m["name"] == name)

    def text(self, server, **asked):
        status, answer = server.post("/v1/completions", {**ASKED, **asked})
        self.assertEqual(status, 200, (answer, server.log_text()))
        return answer["choices"][0]["text"]

    @staticmethod
    def end_of_stream(server, begun):
        """The last event of an answer that is as long as its slot allows."""
        connection = server.connection()
        connection.request("POST", "/v1/completions", json.dumps({**ASKED, "max_tokens": -1, "stream": True}), {"Content-Type": "application/json"})
        last = None
        for line in connection.getresponse():
            if line.startswith(b"data: {"):
                last = json.loads(line[6:])
                begun.set()
        connection.close()
        return last

    def assert_as_planned(self, report, *devices, quiet=True):
        planned = entries(report["plan"]["models"][0]["entries"], lambda e: e.get("source") == "exact" and e["bytes"])
        taken = entries(report["ledger"]["end"], lambda e: e["bytes"])
        self.assertEqual({key: taken.get(key) for key in planned}, planned)
        self.assertLessEqual(set(devices), {key[0] for key in planned})
        self.assertEqual((report["seal"]["refused_after_seal"], report["seal"]["allocations_after_seal"]), (0, 0))
        if quiet:
            self.assertTrue(report["warm_up_complete"], report["warm_up"])

    def test_1_their_devices_are_listed(self):
        machines = (self.quick, self.slow, self.small, self.gpu)
        devices = {d["device"]: d for d in self.json_of("devices", "--rpc", ",".join(m.address for m in machines))["devices"]}
        self.assertEqual([devices[f"RPC{i}"]["description"] for i in range(4)], [m.address for m in machines])

    def test_2_a_plan_does_not_wait_for_the_line(self):
        """Median of five each, in turns. Nothing is uploaded."""
        times = {self.quick.name: [], self.slow.name: []}
        for _ in range(5):
            for machine in (self.quick, self.slow):
                before = machine.passed()
                start = time.monotonic()
                self.json_of("plan", "-m", MATE, *SIZES, "-ngl", "all", "--rpc", machine.address)
                times[machine.name].append(time.monotonic() - start)
                up, down = (now - then for now, then in zip(machine.passed(), before, strict=True))
                self.assertLess(up + down, 1 << 20)
        quick, slow = (statistics.median(times[m.name]) for m in (self.quick, self.slow))
        print(f"a plan takes {quick:.2f} s, and {slow:.2f} s over 100 Mbit/s; it last sent {up} bytes and got {down}", flush=True)
        self.assertLess(slow, 2 * quick + 1)

    def test_3_a_model_over_two_machines_is_as_planned_and_says_the_same(self):
        here, _ = self.generate("-m", MATE, "-dev", "none")
        there, report = self.generate("-m", MATE, "--rpc", f"{self.quick.address},{self.slow.address}", "-dev", "RPC0,RPC1", "-ts", "1,1", "-ngl", "all")
        self.assertEqual(there, here)
        self.assert_as_planned(report, "RPC0", "RPC1")

    def test_4_a_gpu_behind_a_server(self):
        text, report = self.generate("-m", MATE, "--rpc", self.gpu.address, "-ngl", "all")
        self.assertTrue(text.strip())
        self.assert_as_planned(report, "RPC0", quiet=False)  # its memory is this machine's, where others work as well

    def test_5_a_machine_with_too_little_memory_refuses_and_lives(self):
        refused = self.run_program("generate", "-m", BOSUN, "-p", "x", "-n", "1", "-c", "131072", "-t", "1", "-ngl", "all", "--rpc", self.small.address, status=3)
        self.assertIn("RPC0", refused.stderr)
        self.assertTrue(self.small.answers(), self.small.log.read_text())
        text, report = self.generate("-m", BOSUN, "--rpc", self.small.address, "-ngl", "all")
        self.assertTrue(text.strip())
        self.assert_as_planned(report, "RPC0")

    def test_6_chats_drafts_and_benchmarks_compute_there(self):
        chat = self.run_program("chat", "-m", MATE, *SIZES, "--temp", "0", "-n", "16", "--rpc", self.quick.address, "-ngl", "all", input="Who are you?\n")
        self.assertTrue(chat.stdout.strip())
        alone, _ = self.generate("-m", MATE, "-dev", "none")
        drafted, _ = self.generate("-m", MATE, "-md", MATE, "--rpc", self.quick.address, "-ngl", "all")
        self.assertEqual(drafted, alone)
        self.run_program("bench", "-m", MATE, "-p", "16", "-n", "8", "-r", "1", "--rpc", self.quick.address, "-ngl", "all")

    def test_7_a_machine_that_loses_its_power_is_named_and_comes_back(self):
        """Nothing tells of its end: no connection is closed. A model of this machine's own devices goes on."""
        fleet = self.folder / "fleet.toml"
        shape = "ctx-size = 512\nthreads = 1\nbatch-size = 64\nubatch-size = 64\nload-at-start = true\n"
        fleet.write_text(f'rpc = ["{self.quick.address}", "{self.slow.address}"]\n'
                         f'[[model]]\nname = "mate-chat"\npath = "{MATE}"\ndevice = "RPC0,RPC1"\ntensor-split = "1,1"\ngpu-layers = "all"\n{shape}'
                         f'[[model]]\nname = "bosun-log"\npath = "{BOSUN}"\ndevice = "none"\n{shape}')
        server = self.serve(fleet)
        expected, beside = self.text(server), self.text(server, model="bosun-log")
        begun = threading.Event()
        ended = []
        asking = threading.Thread(target=lambda: ended.append(self.end_of_stream(server, begun)))
        asking.start()
        self.assertTrue(begun.wait(60))
        lost = time.monotonic()
        self.slow.lose_power()
        self.assertEqual(self.text(server, model="bosun-log"), beside)
        until(ANSWERS_AGAIN_S, "the model to fail", lambda: self.model(server, "mate-chat")["state"] == "failed")
        noticed = time.monotonic() - lost
        asking.join(timeout=60)
        self.assertEqual(len(ended), 1)
        self.assertIn(self.slow.address, json.dumps(ended[0]))
        self.assertIn(self.slow.address, json.dumps(self.model(server, "mate-chat")))
        status, answer = server.post("/v1/completions", ASKED)
        self.assertGreaterEqual(status, 500)
        self.assertIn(self.slow.address, answer["error"]["message"])
        self.assertNotIn(self.quick.address, answer["error"]["message"])
        self.assertEqual(self.text(server, model="bosun-log"), beside)
        back = time.monotonic()
        self.slow.start()
        until(ANSWERS_AGAIN_S, "the model to come back", lambda: self.model(server, "mate-chat")["state"] == "ready")
        print(f"a machine without power is noticed after {noticed:.1f} s; the model is ready {time.monotonic() - back:.1f} s after its return", flush=True)
        self.assertEqual(self.text(server), expected)

    def test_8_a_server_that_is_killed_is_noticed_at_once(self):
        server = self.serve("-m", MATE, "-np", "2", *SIZES, "-ngl", "all", "--rpc", self.quick.address)
        expected = self.text(server)
        self.quick.kill_server()
        until(30, "the model to fail", lambda: self.model(server, "mate-chat")["state"] == "failed")
        self.assertIn(self.quick.address, json.dumps(self.model(server, "mate-chat")))
        until(ANSWERS_AGAIN_S, "the model to come back", lambda: self.model(server, "mate-chat")["state"] == "ready")
        self.assertEqual(self.text(server), expected)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
