#!/usr/bin/env python3
"""Plans of models that lie on another machine. remote_plan_test.py PROGRAM MODELS_DIR [unittest arguments]"""
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

PROGRAM, MODELS = sys.argv[1], pathlib.Path(sys.argv[2])
DEMO = pathlib.Path(__file__).resolve().parent.parent.parent / "models/demo"
BOSUN, MATE = DEMO / "bosun-log.gguf", DEMO / "mate-chat.gguf"


class Hub:
    """As a hub of models answers: a listing, and files with or without pieces. `files` is path -> local file or bytes."""

    def __init__(self, files, pieces=True, silent=False, repository="o/r"):
        hub = self
        self.requests = []
        self.over = threading.Event()
        self.files = files

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
                hub.requests.append((path, self.headers.get("Range"), self.headers.get("Authorization")))
                if silent:
                    hub.over.wait()
                if path == f"/api/models/{repository}/tree/main":
                    listing = [{"type": "file", "path": n, "size": len(hub.bytes_of(n))} for n in hub.files]
                    return self.answer(200, json.dumps(listing).encode())
                name = path.removeprefix(f"/{repository}/resolve/main/").lstrip("/")
                if name not in hub.files:
                    return self.answer(404, b"Entry not found")
                body = hub.bytes_of(name)
                asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
                if not pieces or not asked:
                    return self.answer(200, body)
                first, last = int(asked[1]), min(int(asked[2]), len(body) - 1)
                return self.answer(206, body[first:last + 1], {"Content-Range": f"bytes {first}-{last}/{len(body)}"})

            def answer(self, status, body, headers=None):
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), "ETag": '"1"', **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:  # the client has enough
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def bytes_of(self, name):
        file = self.files[name]
        return file if isinstance(file, bytes) else pathlib.Path(file).read_bytes()

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


class RemotePlans(unittest.TestCase):
    def setUp(self):
        self.cache = tempfile.TemporaryDirectory()
        self.environment = {**os.environ, "XDG_CACHE_HOME": self.cache.name, "GGML_NO_BACKTRACE": "1", "no_proxy": "127.0.0.1"}
        self.environment.pop("HF_TOKEN", None)
        self.hubs = []

    def tearDown(self):
        for hub in self.hubs:
            hub.close()
        self.cache.cleanup()

    def hub(self, files, **options):
        self.hubs.append(Hub(files, **options))
        self.environment["HF_ENDPOINT"] = self.hubs[-1].url
        return self.hubs[-1]

    def run_plan(self, *arguments, status=0):
        done = subprocess.run([PROGRAM, "plan", *map(str, arguments)], env=self.environment, capture_output=True, text=True, timeout=900)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        return done

    def plan(self, *arguments, status=0):
        return json.loads(self.run_plan(*arguments, "--json", status=status).stdout)

    def assert_same_plan(self, remote, local):
        for theirs, mine in zip(remote["models"], local["models"], strict=True):
            self.assertEqual(theirs["entries"], mine["entries"])
            self.assertEqual(theirs["context"], mine["context"])
        self.assertEqual([d["required"] for d in remote["devices"]], [d["required"] for d in local["devices"]])
        self.assertEqual([{**t, "name": ""} for t in remote["templates"]], [{**t, "name": ""} for t in local["templates"]])

    def test_a_plan_of_an_address_is_the_files_to_the_byte(self):
        models = [BOSUN, MATE] + sorted(MODELS.glob("*.gguf"))[::8]
        hub = self.hub({m.name: m for m in models})
        for model in models:
            with self.subTest(model.name):
                remote = self.plan(f"{hub.url}/{model.name}", "-c", "512")
                local = self.plan("-m", model, "-c", "512")
                self.assert_same_plan(remote, local)
                self.assertEqual(remote["models"][0]["path"], f"{hub.url}/{model.name}")
                self.assertEqual(remote["models"][0]["name"], model.stem)
                self.assertEqual(remote["remote"][0]["file_bytes"], model.stat().st_size)
                self.assertTrue(remote["remote"][0]["has_ranges"])

    def test_a_small_part_of_a_large_file_is_read(self):
        large = BOSUN.read_bytes() + bytes(64 << 20)
        hub = self.hub({"m.gguf": large})
        told = self.plan(f"{hub.url}/m.gguf")["remote"][0]
        self.assertLess(told["read_bytes"], 4 << 20)
        again = self.plan(f"{hub.url}/m.gguf")["remote"][0]
        self.assertEqual(again["read_bytes"], 1)

    def test_a_server_without_pieces_is_said(self):
        hub = self.hub({"m.gguf": BOSUN.read_bytes() + bytes(64 << 20)}, pieces=False)
        done = self.run_plan("-m", f"{hub.url}/m.gguf")
        self.assertIn("its server gives no pieces of files", done.stdout)
        self.assertNotIn("the first 1 B", self.run_plan("-m", f"{hub.url}/m.gguf").stdout)
        self.assertFalse(self.plan(f"{hub.url}/m.gguf")["remote"][0]["has_ranges"])

    def test_a_file_of_a_repository(self):
        self.environment["HF_TOKEN"] = "hf_secret"
        hub = self.hub({"sub/m-F16.gguf": BOSUN, "m-Q8_0.gguf": MATE})
        local = self.plan("-m", BOSUN)
        remote = self.plan("hf:o/r:sub/m-F16.gguf")
        self.assert_same_plan(remote, local)
        self.assertEqual(remote["models"][0]["path"], "hf:o/r:sub/m-F16.gguf")
        self.assertNotIn("/api/", "".join(path for path, *_ in hub.requests))
        self.assertEqual({token for *_, token in hub.requests}, {"Bearer hf_secret"})
        self.assert_same_plan(self.plan("-m", "hf:o/r:f16"), local)
        self.assertIn("hf:o/r:sub/m-F16.gguf", self.run_plan("hf:o/r:F16").stdout)

    def test_two_models_are_planned_together(self):
        self.hub({"a.gguf": BOSUN, "b.gguf": MATE})
        remote = self.plan("hf:o/r:a.gguf", "hf:o/r:b.gguf")
        self.assert_same_plan(remote, self.plan("-m", BOSUN, "-m", MATE))

    def test_all_models_of_a_repository_side_by_side(self):
        self.hub({"m-F16.gguf": BOSUN, "m-Q8_0.gguf": MATE, "m-broken.gguf": b"GGUF" + bytes(40), "README.md": b"x",
                  "mmproj.gguf": b"x"})
        done = self.run_plan("hf:o/r", "-c", "4096", "--budget", "CPU=100GiB")
        rows = done.stdout.splitlines()
        self.assertTrue(rows[0].split()[:2] == ["model", "file"], rows)
        self.assertTrue(any("m-broken.gguf" in r and "cannot be used" in r for r in rows), rows)
        self.assertEqual(sum("fits" in r.split() for r in rows), 2, rows)
        compared = self.plan("hf:o/r", "-c", "4096")
        self.assertEqual(compared["schema"], "plimsoll.comparison/1")
        by_name = {m["name"]: m for m in compared["models"]}
        self.assertEqual(set(by_name), {"m-F16.gguf", "m-Q8_0.gguf", "m-broken.gguf"})
        self.assertIsNone(by_name["m-broken.gguf"]["plan"])
        local = self.plan("-m", MATE, "-c", "4096")
        self.assertEqual(by_name["m-Q8_0.gguf"]["plan"]["models"][0]["entries"], local["models"][0]["entries"])
        largest = max((BOSUN.stat().st_size, "m-F16.gguf"), (MATE.stat().st_size, "m-Q8_0.gguf"))[1]
        self.assertEqual(compared["largest_that_fits"], largest)

    def test_none_fits(self):
        self.hub({"m-F16.gguf": BOSUN, "m-Q8_0.gguf": MATE})
        done = self.run_plan("hf:o/r", "-dev", "none", "-c", "65536", "--budget", "CPU=40MiB", status=3)
        self.assertIn("SHORT BY", done.stdout)
        self.assertIn("fits with", done.stdout)
        self.assertIn("None of them fits", done.stdout)
        compared = self.plan("hf:o/r", "-dev", "none", "-c", "65536", "--budget", "CPU=40MiB", status=3)
        self.assertIsNone(compared["largest_that_fits"])

    def test_bad_input_is_a_sentence(self):
        hub = self.hub({"m-F16.gguf": BOSUN, "m-Q8_0.gguf": MATE, "page.gguf": b"<html>"})
        for arguments, words in [(["hf:o"], "hf:OWNER/REPO"),
                                 (["hf:o/r:Q2_K"], "'o/r' has no model 'Q2_K'; it has page.gguf, m-"),
                                 (["hf:o/r", "hf:o/r:m-F16.gguf"], "stands for 3 models"),
                                 (["hf:o/r", "--fit"], "--fit"),
                                 (["examples/fleet/fleet.toml", f"{hub.url}/m-F16.gguf"], "one fleet file")]:
            with self.subTest(arguments):
                self.assertIn(words, self.run_plan(*arguments, status=2).stderr)
        for address in (f"{hub.url}/none.gguf", "hf:o/none"):
            self.assertIn("nothing at this address", self.run_plan(address, status=1).stderr)
        done = self.run_plan(f"{hub.url}/page.gguf", status=4)
        self.assertIn(f"{hub.url}/page.gguf", done.stderr)
        self.assertNotIn(self.cache.name, done.stderr)
        damaged = bytearray(BOSUN.read_bytes())
        at = damaged.index(b"llama.block_count") + len("llama.block_count") + 4
        damaged[at:at + 4] = (10_000_000).to_bytes(4, "little")
        hub.files["damaged.gguf"] = bytes(damaged)
        done = self.run_plan(f"{hub.url}/damaged.gguf", status=4)
        self.assertIn(f"{hub.url}/damaged.gguf", done.stderr)
        self.assertNotIn(self.cache.name, done.stderr)

    def test_a_projector_of_an_address(self):
        projector = os.environ["PLIMSOLL_TEST_PROJECTOR"]
        hub = self.hub({"mmproj.gguf": projector, "m.gguf": MATE})
        local = self.plan("-m", MATE, "--mmproj", projector, "-c", "1024")
        self.assertTrue(local["models"][0]["projector"])
        for model in (MATE, f"{hub.url}/m.gguf"):
            remote = self.plan("-m", model, "--mmproj", "hf:o/r:mmproj.gguf", "-c", "1024")
            self.assertEqual(remote["models"][0]["entries"], local["models"][0]["entries"])
            self.assertEqual(remote["models"][0]["projector"]["path"], "hf:o/r:mmproj.gguf")

    def test_a_server_that_says_nothing_can_be_left(self):
        hub = self.hub({"m.gguf": BOSUN}, silent=True)
        process = subprocess.Popen([PROGRAM, "plan", f"{hub.url}/m.gguf"], env=self.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        while not hub.requests and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130, said)

    def test_other_subcommands_say_that_nothing_is_downloaded(self):
        done = subprocess.run([PROGRAM, "generate", "-m", "hf:o/r:m.gguf", "-p", "x"], env=self.environment, capture_output=True,
                              text=True, timeout=300)
        self.assertEqual(done.returncode, 2)
        self.assertIn("plimsoll plan hf:o/r:m.gguf", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:])
