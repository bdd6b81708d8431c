#!/usr/bin/env python3
"""Prometheus itself scrapes `plimsoll serve`, and is asked what it has seen. prometheus_test.py PROGRAM PROMETHEUS"""
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, SMALL, ServedCase  # noqa: E402

ServedCase.program = sys.argv[1]
PROMETHEUS = sys.argv[2]
KEY = "starboard"
CONFIG = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - job_name: plimsoll
    authorization: {{credentials: {key}}}
    static_configs: [{{targets: ["{right}"]}}]
  - job_name: stranger
    static_configs: [{{targets: ["{right}"]}}]
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus(ServedCase):
    arguments = ("-m", BOSUN, "-c", "256", "--budget", "CPU=1GiB", "--api-key", KEY, *SMALL)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.addClassCleanup(cls.end)
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        (folder / "prometheus.yml").write_text(CONFIG.format(key=KEY, right=f"{cls.server.host}:{cls.server.port}"))
        cls.log = open(folder / "log", "w+")
        port = free_port()
        cls.url = f"http://127.0.0.1:{port}"
        cls.process = subprocess.Popen(
            [PROMETHEUS, f"--config.file={folder / 'prometheus.yml'}", f"--web.listen-address=127.0.0.1:{port}",
             f"--storage.tsdb.path={folder / 'data'}", "--storage.tsdb.retention.time=1h"],
            stdout=cls.log, stderr=subprocess.STDOUT)

    @classmethod
    def end(cls):
        cls.process.send_signal(signal.SIGTERM)
        cls.process.wait(timeout=60)
        cls.log.close()
        cls.folder.cleanup()

    def ask(self, path, **query):
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.URLError:  # not there yet, or not ready
            return None

    # What `look` gives once it gives something.
    def wait(self, look, what):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            if (seen := look()) is not None:
                return seen
            time.sleep(0.1)
        self.fail(f"{what}: not seen\n{pathlib.Path(self.log.name).read_text()}")

    def value(self, query):
        found = (self.ask("/api/v1/query", query=query) or {}).get("result")
        return float(found[0]["value"][1]) if found else None

    # A machine with much to do may let a scrape run out of time: what counts is that the value comes to be seen.
    def comes_to(self, expected, query):
        self.wait(lambda: True if self.value(query) == expected else None, f"{query} == {expected}")

    def target(self, job, health):
        targets = (self.ask("/api/v1/targets") or {}).get("activeTargets", [])
        return next((t for t in targets if t["labels"]["job"] == job and t["health"] == health), None)

    def test_it_scrapes_everything(self):
        headers = {"Authorization": f"Bearer {KEY}"}
        body = {"model": "bosun-log", "prompt": "Day 12.", "max_tokens": 8, "ignore_eos": True}
        tokens = 'plimsoll_completion_tokens_total{job="plimsoll",model="bosun-log"}'
        for total in (8, 16):
            self.assertEqual(self.server.post("/v1/completions", body, headers)[0], 200)
            self.comes_to(total, tokens)
        self.comes_to(1, 'up{job="plimsoll"}')
        self.assertEqual(self.wait(lambda: self.target("plimsoll", "up"), "the target")["lastError"], "")
        self.comes_to(1, 'plimsoll_model_state{job="plimsoll",model="bosun-log",state="ready"}')
        self.comes_to(1 << 30, 'plimsoll_budget_bytes{job="plimsoll",device="CPU"}')
        self.comes_to(1, 'sum(plimsoll_memory_bytes{job="plimsoll",kind="taken"}) > bool 0')

        # Every series of the page has become one of Prometheus's own, and each family has its type and its help.
        samples = lambda text: sum(1 for line in text.splitlines() if line and not line.startswith("#"))
        scraped = 'scrape_samples_post_metric_relabeling{job="plimsoll"}'
        self.wait(lambda: True if self.value(scraped) == samples(self.server.get("/metrics", headers)[1]) else None, scraped)
        known = self.ask("/api/v1/metadata")
        families = {name for name in self.ask("/api/v1/label/__name__/values") if name.startswith("plimsoll_")}
        self.assertGreater(len(families), 20)
        kinds = set()
        for name in families:
            family = name if name in known else re.sub("_(bucket|sum|count)$", "", name)
            kind = known[family][0]["type"]
            kinds.add(kind)
            self.assertTrue(known[family][0]["help"], name)
            self.assertEqual(kind == "histogram", family != name, name)
            self.assertEqual(kind == "counter", name.endswith("_total"), name)
        self.assertEqual(kinds, {"gauge", "counter", "histogram"})
        self.comes_to(2, 'plimsoll_time_to_first_token_seconds_count{job="plimsoll",model="bosun-log"}')
        self.comes_to(14, 'plimsoll_inter_token_latency_seconds_count{job="plimsoll",model="bosun-log"}')
        self.comes_to(1, 'histogram_quantile(0.9, plimsoll_time_to_first_token_seconds_bucket{job="plimsoll",model="bosun-log"}) > bool 0')

    def test_without_a_key_it_gets_nothing(self):
        target = self.wait(lambda: self.target("stranger", "down"), "the target without a key")
        self.assertIn("401", target["lastError"])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
