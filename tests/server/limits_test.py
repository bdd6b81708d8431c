#!/usr/bin/env python3
"""Servers that differ; each its own. limits_test.py PROGRAM [unittest arguments]"""
import base64
import http.client
import json
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, MATE, SMALL, Serving, in_threads, new_folder, process_bytes  # noqa: E402

PROGRAM = sys.argv[1]
QUESTION = [{"role": "user", "content": "Who is the captain?"}]


class Limits(unittest.TestCase):
    def serving(self, *arguments, **options):
        server = Serving(PROGRAM, *arguments, **options)
        self.addCleanup(lambda: server.process.poll() is not None or server.stop())
        return server

    def test_a_model_that_cannot_fit_is_refused_with_its_numbers(self):
        folder = new_folder(self)
        fleet = folder / "fleet.toml"
        fleet.write_text("".join(f'[[model]]\nname = "{name}"\npath = "{BOSUN}"\ndevice = "none"\nbatch-size = 64\nctx-size = {context}\n'
                                 for name, context in (("small", 256), ("large", 65536))))
        server = self.serving(fleet, "--budget", f"CPU={(32 << 20) + process_bytes(PROGRAM)}")
        status, body = server.post("/v1/completions", {"model": "large", "prompt": "x"})
        self.assertEqual(status, 507, body)
        self.assertEqual(body["error"]["code"], "over_budget")
        self.assertRegex(body["error"]["message"], "needed on CPU")
        self.assertEqual(body["error"]["plan"]["verdict"], "refused")
        device = next(d for d in body["error"]["plan"]["devices"] if d["device"] == "CPU")
        self.assertEqual(device["short_by"], device["required"] + device["ours"] - device["budget"])
        self.assertRegex(" ".join(body["error"]["plan"]["alternatives"][0]["flags"]), "-c ")
        status, refused = server.post("/plimsoll/v1/models/large/load")
        self.assertEqual((status, refused["code"], refused["plan"]["verdict"]), (507, "over_budget", "refused"))
        self.assertEqual(server.post("/v1/completions", {"model": "small", "prompt": "x", "max_tokens": 1})[0], 200)
        self.assertRegex(server.log_text(), "'large' is going to be refused: .* needed on CPU")
        self.assertRegex(server.log_text(), "'large' would fit with -c ")
        self.assertEqual(server.stop(), 0)

    def test_where_nothing_fits_there_is_no_server_but_ways_out(self):
        done = subprocess.run([PROGRAM, "serve", "-m", BOSUN, "-c", "256", "--no-repack", "--budget", "CPU=9700KiB", *SMALL, "--port", "0"], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("Never: bosun-log", done.stderr)
        self.assertIn("would fit: ", done.stderr)
        self.assertIn("none of these models fits, even alone", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_without_a_budget_the_host_has_one_all_the_same(self):
        server = self.serving("-m", BOSUN, "-c", 256, *SMALL)
        cpu = next(d for d in server.get("/plimsoll/v1/status")[1]["devices"] if d["device"] == "CPU")
        self.assertGreater(cpu["budget"], 0)
        self.assertLess(cpu["budget"], cpu["total"])
        self.assertRegex(server.log_text(), "budget on the host: .* 90 % of what is free")

    def test_a_load_beside_requests_for_another_model_is_answered(self):
        server = self.serving("-m", BOSUN, "-m", MATE, "-c", 8192, "--budget", f"CPU={self.needed_by_one() + (1 << 20)}", *SMALL, wait_ready=False)

        def ask(i):
            if i > 0:
                return [server.post("/plimsoll/v1/models/bosun-log/load") for _ in range(8)]
            return [server.post("/v1/completions", {"model": "mate-chat", "prompt": "x", "max_tokens": 1}) for _ in range(16)]
        for answers in in_threads(2, ask):
            self.assertEqual([status for status, _ in answers], [200] * len(answers), answers)
        self.assertGreater(sum(m["evictions"] for m in server.get("/plimsoll/v1/status")[1]["models"]), 0)

    def needed_by_one(self):
        plan = json.loads(subprocess.run([PROGRAM, "plan", "-m", MATE, "-c", "8192", *SMALL, "--json"], capture_output=True, text=True, check=True).stdout)
        return next(d["required"] for d in plan["devices"] if d["device"] == "CPU") + process_bytes(PROGRAM)

    def test_two_models_take_turns_under_a_budget_for_one(self):
        server = self.serving("-m", BOSUN, "-m", MATE, "-c", 8192, "--budget", f"CPU={self.needed_by_one() + (1 << 20)}", *SMALL, wait_ready=False)
        answers = in_threads(8, lambda i: server.post("/v1/completions", {"model": ("bosun-log", "mate-chat")[i % 2], "prompt": "Day 3.", "max_tokens": 4})[0])
        self.assertEqual(answers, [200] * 8)
        status = server.get("/plimsoll/v1/status")[1]
        cpu = next(d for d in status["devices"] if d["device"] == "CPU")
        self.assertLessEqual(cpu["committed"], cpu["budget"])
        self.assertGreater(sum(m["evictions"] for m in status["models"]), 0)
        text = server.get("/metrics")[1]
        for model in status["models"]:
            self.assertIn(f'plimsoll_model_eviction_seconds_count{{model="{model["name"]}"}} {model["evictions"]}\n', text)
            self.assertIn(f'plimsoll_request_queue_time_seconds_count{{model="{model["name"]}"}} 4\n', text)

    def test_too_many_at_once_are_asked_to_come_again(self):
        """Two are at work: one is never done while nobody reads it, the other one waits for its slot."""
        server = self.serving("-m", BOSUN, "-c", 512, "--max-requests", 2, *SMALL)
        holder = server.hold()
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(server.post("/v1/completions", {"prompt": "Day 3.", "max_tokens": 2})[0]))
        waiting.start()
        server.wait_until_somebody_waits()
        status, headers, body = server.request("POST", "/v1/completions", {"prompt": "Day 3.", "max_tokens": 2})
        self.assertEqual((status, body["error"]["code"]), (503, "busy"))
        self.assertIn("Retry-After", headers)
        self.assertEqual(server.post("/v1/completions", b"{")[0], 503)  # what they say is not even looked at
        holder.close()
        waiting.join()
        self.assertEqual(answers, [200])

    def test_it_lets_requests_end_when_it_is_asked_to_stop(self):
        server = self.serving("-m", BOSUN, "-c", 512, *SMALL)
        connection = server.connection()
        connection.request("POST", "/v1/completions", json.dumps({"prompt": "Day 3.", "max_tokens": 200, "ignore_eos": True, "stream": True}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.readline()
        server.process.send_signal(signal.SIGTERM)
        self.assertTrue(answer.read().decode().endswith("data: [DONE]\n\n"))
        connection.close()
        self.assertEqual(server.process.wait(timeout=60), 0)
        server.stop()

    def test_it_does_not_wait_longer_than_it_was_told(self):
        server = self.serving("-m", BOSUN, "-c", 4096, "--drain-time", 1, *SMALL)
        connection = server.connection()
        connection.request("POST", "/v1/completions", json.dumps({"prompt": "Day 3.", "max_tokens": 100000, "ignore_eos": True, "stream": True}), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.readline()
        self.assertEqual(server.stop(), 0)
        self.assertNotIn(b'"finish_reason":"length"', answer.read())  # it was not written to its end
        connection.close()

    def test_a_fleet_file_and_embeddings(self):
        with tempfile.TemporaryDirectory() as folder:
            fleet = pathlib.Path(folder) / "fleet.toml"
            common = 'device = "none"\nthreads = 1\nctx-size = 256\nbatch-size = 64\nubatch-size = 64\n'
            fleet.write_text(f'[[model]]\nname = "writer"\npath = "{BOSUN}"\n{common}\n[[model]]\nname = "vectors"\npath = "{MATE}"\nembeddings = true\npooling = "mean"\n{common}')
            server = self.serving(fleet)
            texts = ["Heavy seas.", "Fair wind.", "Heavy seas."]
            status, body = server.post("/v1/embeddings", {"model": "vectors", "input": texts})
            self.assertEqual(status, 200, body)
            vectors = [d["embedding"] for d in body["data"]]
            for vector in vectors:
                self.assertAlmostEqual(sum(x * x for x in vector), 1, places=4)
            self.assertEqual([round(x, 3) for x in vectors[0]], [round(x, 3) for x in vectors[2]])
            coded = server.post("/v1/embeddings", {"model": "vectors", "input": texts[0], "encoding_format": "base64"})[1]["data"][0]["embedding"]
            numbers = struct.unpack(f"<{len(vectors[0])}f", base64.b64decode(coded))
            self.assertLess(max(abs(a - b) for a, b in zip(numbers, vectors[0])), 1e-4)
            short = server.post("/v1/embeddings", {"input": texts[0], "dimensions": 8})[1]["data"][0]["embedding"]
            self.assertEqual(len(short), 8)
            self.assertEqual(server.post("/v1/chat/completions", {"model": "vectors", "messages": QUESTION})[0], 400)
            self.assertEqual(server.post("/v1/completions", {"model": "writer", "prompt": "Day 1.", "max_tokens": 3})[0], 200)
            self.assertEqual(server.stop(), 0)

    def test_a_draft_changes_no_word(self):
        with tempfile.TemporaryDirectory() as folder:
            fleet = pathlib.Path(folder) / "fleet.toml"
            common = f'path = "{BOSUN}"\ndevice = "none"\nthreads = 1\nctx-size = 512\nparallel = 2\nbatch-size = 64\nubatch-size = 64\n'
            fleet.write_text(f'[[model]]\nname = "alone"\n{common}\n[[model]]\nname = "pair"\nmodel-draft = "{BOSUN}"\ndraft-max = 4\n{common}')
            server = self.serving(fleet)
            asked = {"prompt": "Day 12.", "max_tokens": 24, "temperature": 0, "logprobs": 0, "n": 2}
            alone, pair = (server.post("/v1/completions", asked | {"model": name})[1] for name in ("alone", "pair"))
            self.assertEqual([c["text"] for c in pair["choices"]], [c["text"] for c in alone["choices"]])
            self.assertEqual(pair["usage"]["completion_tokens"], alone["usage"]["completion_tokens"])
            for one, other in zip(alone["choices"], pair["choices"]):
                self.assertEqual(len(one["logprobs"]["tokens"]), len(other["logprobs"]["tokens"]))
                for a, b in zip(one["logprobs"]["token_logprobs"], other["logprobs"]["token_logprobs"]):
                    self.assertAlmostEqual(a, b, places=3)
            greedy = lambda name, i: server.post("/v1/completions", {"model": name, "prompt": f"Day {i}.", "max_tokens": 12,
                                                                     "temperature": 0})[1]["choices"][0]["text"]
            self.assertEqual(in_threads(4, lambda i: greedy("pair", i)), [greedy("alone", i) for i in range(4)])
            owners = {e["owner"] for e in server.get("/plimsoll/v1/ledger")[1]["entries"]}
            self.assertLessEqual({"alone", "pair", "pair-draft"}, owners)
            self.assertEqual([m["name"] for m in server.post("/plimsoll/v1/plan", {"model": "pair", "ctx-size": 1024})[1]["models"]],
                             ["pair", "pair-draft"])
            self.assertEqual([m["id"] for m in server.get("/v1/models")[1]["data"]], ["alone", "pair"])
            self.assertEqual(server.stop(), 0)

    def test_thoughts_are_told_apart(self):
        """The demo model with a template that begins a thought, which it never ends: everything is one, unless it is told not to think."""
        old = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}"
               "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
        new = ("{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}"
               "{{ '<|im_start|>assistant\\n' }}{% if not silent %}{{ '<think>\\n' }}{% endif %}")
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "thinker.gguf"
            original = pathlib.Path(MATE).read_bytes()
            self.assertEqual(original.count(old.encode()), 1)
            self.assertLessEqual(len(new), len(old))
            model.write_bytes(original.replace(old.encode(), (new[:-len("{% endif %}")] + "{% endif " + " " * (len(old) - len(new)) + "%}").encode()))
            server = self.serving("-m", model, "-c", 256, *SMALL)
            asked = {"messages": QUESTION, "temperature": 0, "max_tokens": 8}
            status, thinking = server.post("/v1/chat/completions", asked)
            self.assertEqual(status, 200, thinking)
            message = thinking["choices"][0]["message"]
            self.assertEqual(message["content"], "")
            self.assertTrue(message["reasoning_content"])
            self.assertEqual(thinking["usage"]["completion_tokens_details"]["reasoning_tokens"], 8)
            silent = server.post("/v1/chat/completions", asked | {"chat_template_kwargs": {"silent": True}})[1]
            self.assertNotIn("reasoning_content", silent["choices"][0]["message"])
            self.assertTrue(silent["choices"][0]["message"]["content"].startswith("Captain"), silent)
            self.assertEqual(silent["usage"]["completion_tokens_details"]["reasoning_tokens"], 0)
            # A budget ends the thought, and the answer follows it.
            for budget in ({"thinking_budget_tokens": 3}, {"reasoning": {"max_tokens": 3}}, {"thinking": {"type": "enabled", "budget_tokens": 3}}):
                short = server.post("/v1/chat/completions", asked | budget | {"max_tokens": 40})[1]
                self.assertTrue(short["choices"][0]["message"]["content"], short)
                self.assertLess(short["usage"]["completion_tokens_details"]["reasoning_tokens"], 20)
            loud = server.post("/v1/chat/completions", asked | {"reasoning_format": "none"})[1]["choices"][0]["message"]
            self.assertNotIn("reasoning_content", loud)
            self.assertEqual(loud["content"].strip(), message["reasoning_content"].strip())
            quiet = server.post("/v1/chat/completions", asked | {"include_reasoning": False})[1]["choices"][0]["message"]
            self.assertNotIn("reasoning_content", quiet)
            # A form begins behind the thought.
            form = server.post("/v1/chat/completions", asked | {"max_tokens": 60, "thinking_budget_tokens": 3, "response_format": {
                "type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "integer"}}}})[1]["choices"][0]["message"]
            self.assertTrue(form["reasoning_content"])
            int(form["content"])
            answer = server.post("/v1/messages", asked | {"thinking": {"type": "enabled", "budget_tokens": 1024}})[1]
            self.assertEqual([block["type"] for block in answer["content"]], ["thinking"])
            self.assertEqual(server.post("/v1/messages", asked)[1]["content"], [])
            self.assertEqual([item["type"] for item in server.post("/v1/responses", {"input": "Aye?", "max_output_tokens": 8})[1]["output"]],
                             ["reasoning", "message"])
            self.assertEqual(server.stop(), 0)

    def test_a_folder_is_loaded_on_demand(self):
        server = self.serving(str(pathlib.Path(BOSUN).parent), "-c", 256, *SMALL)
        states = lambda: {m["id"]: m["meta"]["state"] for m in server.get("/v1/models")[1]["data"]}
        self.assertEqual(states(), {"bosun-log": "absent", "mate-chat": "absent"})
        self.assertEqual(server.post("/v1/completions", {"model": "bosun-log", "prompt": "Day 1.", "max_tokens": 2})[0], 200)
        self.assertEqual(states(), {"bosun-log": "ready", "mate-chat": "absent"})

    def test_a_damaged_file_in_a_folder_is_its_models_failure_until_it_is_mended(self):
        with tempfile.TemporaryDirectory() as folder:
            whole, broken = pathlib.Path(folder) / "whole.gguf", pathlib.Path(folder) / "broken.gguf"
            whole.write_bytes(pathlib.Path(BOSUN).read_bytes())
            broken.write_bytes(pathlib.Path(MATE).read_bytes()[:10_000])
            server = self.serving(folder, "-c", 256, *SMALL)
            self.assertRegex(server.log_text(), "'broken' cannot be used: ")
            asked = {"prompt": "Day 1.", "max_tokens": 2}
            self.assertEqual(server.post("/v1/completions", {"model": "whole", **asked})[0], 200)
            status, answer = server.post("/v1/completions", {"model": "broken", **asked})
            self.assertEqual((status, answer["error"]["code"]), (500, "model_unusable"))
            self.assertIn("broken.gguf", answer["error"]["message"])
            self.assertEqual(server.get("/health"), (200, {"status": "ok", "failed": [{"model": "broken", "code": "model_unusable"}]}))
            self.assertEqual([m["id"] for m in server.get("/v1/models")[1]["data"]], ["whole"])
            self.assertEqual(server.get("/v1/models/broken")[0], 500)
            told = {m["name"]: m for m in server.get("/plimsoll/v1/status")[1]["models"]}
            self.assertEqual((told["broken"]["state"], told["broken"]["failure"]["code"]), ("failed", "model_unusable"))
            self.assertNotIn("failure", told["whole"])
            plan = server.get("/plimsoll/v1/plan")[1]
            self.assertEqual([one["name"] for one in plan["unusable"]], ["broken"])
            self.assertIn('plimsoll_model_state{model="broken",state="failed"} 1', server.get("/metrics")[1])
            broken.write_bytes(pathlib.Path(MATE).read_bytes())
            status, answer = server.post("/v1/completions", {"model": "broken", **asked})
            self.assertEqual(status, 200, answer)
            self.assertEqual(server.get("/health"), (200, {"status": "ok"}))
            self.assertEqual([m["id"] for m in server.get("/v1/models")[1]["data"]], ["broken", "whole"])
            self.assertEqual(server.stop(), 0)

    def test_a_failed_model_says_so_at_once_and_is_tried_again_when_it_is_due_or_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "fleet.toml"
            path.write_text("".join(f'[[model]]\nname = "{name}"\npath = "{file}"\ndevice = "none"\nbatch-size = 64\nctx-size = 256\n'
                                    for name, file in (("here", BOSUN), ("gone", "none.gguf"))))
            server = self.serving(path)
            tries = lambda: next(m for m in server.get("/plimsoll/v1/status")[1]["models"] if m["name"] == "gone")["load_failures"]
            load = lambda: server.post("/plimsoll/v1/models/gone/load")
            self.assertEqual((load()[0], load()[0], tries()), (500, 500, 2))  # each is a try
            for _ in range(5):  # the third failure in a row: 30 s
                status, answer = server.post("/v1/completions", {"model": "gone", "prompt": "x"})
                self.assertEqual(status, 500, answer)
                self.assertRegex(answer["error"]["message"], "no such file.*it is tried again in [0-9]+ s")
                self.assertGreater(answer["error"]["numbers"]["retry_in_s"], 5)
            self.assertEqual(tries(), 2)
            self.assertEqual(server.stop(), 0)

    def test_where_no_file_can_be_used_there_is_no_server(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "broken.gguf").write_bytes(b"GGUF, or so it says")
            done = subprocess.run([PROGRAM, "serve", folder, *SMALL, "--port", "0"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("broken.gguf' cannot be used", done.stderr)
        self.assertEqual(done.stdout, "")

    def test_the_port_is_taken(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            done = subprocess.run([PROGRAM, "serve", "--port", str(s.getsockname()[1]), "-m", BOSUN, "-c", "256", *SMALL], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "cannot listen")

    def test_encrypted(self):
        with tempfile.TemporaryDirectory() as folder:
            key, cert = f"{folder}/key.pem", f"{folder}/cert.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=localhost"], check=True, capture_output=True)
            server = self.serving("-m", BOSUN, "-c", 256, "--ssl-cert-file", cert, "--ssl-key-file", key, *SMALL, wait_ready=False)
            import ssl
            import urllib.request
            context = ssl.create_default_context(cafile=cert)
            context.check_hostname = False
            request = urllib.request.Request(f"{server.url}/v1/completions", json.dumps({"prompt": "Day 1.", "max_tokens": 2}).encode())
            self.assertIn("choices", json.load(urllib.request.urlopen(request, context=context, timeout=60)))
            self.assertEqual(server.stop(), 0)

    def test_a_renewed_certificate_is_taken_up(self):
        import ssl
        with tempfile.TemporaryDirectory() as folder:
            key, cert = f"{folder}/key.pem", f"{folder}/cert.pem"

            def renew(name, key=key):
                subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "1", "-subj", f"/CN={name}"], check=True, capture_output=True)
                return pathlib.Path(cert).read_text().strip()

            def reload():
                connection = http.client.HTTPSConnection(server.host, server.port, context=context, timeout=60)
                connection.request("POST", "/plimsoll/v1/reload")
                answer = connection.getresponse()
                body = json.loads(answer.read())
                connection.close()
                return answer.status, body

            first = renew("first")
            server = self.serving("-m", BOSUN, "-c", 256, "--ssl-cert-file", cert, "--ssl-key-file", key, *SMALL, wait_ready=False)
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            served = lambda: ssl.get_server_certificate((server.host, server.port)).strip()  # noqa: E731
            self.assertEqual(served(), first)
            renew("of another key", f"{folder}/other.pem")
            status, refused = reload()
            self.assertEqual(status, 422, refused)
            self.assertIn("cannot be used together", refused["message"])
            self.assertEqual(served(), first)
            second = renew("second")
            status, report = reload()
            self.assertEqual((status, report["settings"]), (200, ["ssl-cert-file"]))
            self.assertEqual(served(), second)
            third = renew("third")
            server.process.send_signal(signal.SIGHUP)
            while served() != third:
                time.sleep(0.02)
            self.assertEqual(reload()[1]["settings"], [])
            self.assertEqual(server.stop(), 0)

    def test_pages_of_other_origins(self):
        server = self.serving("-m", BOSUN, "-c", 256, "--cors-origin", "https://bridge.example", *SMALL)
        headers = {"Origin": "https://bridge.example", "Access-Control-Request-Method": "POST"}
        status, answer, _ = server.request("OPTIONS", "/v1/chat/completions", headers=headers)
        self.assertEqual((status, answer["Access-Control-Allow-Origin"]), (200, "https://bridge.example"))
        self.assertNotIn("Access-Control-Allow-Origin", server.request("GET", "/health", headers={"Origin": "https://other.example"})[1])

    def test_pages_elsewhere_cannot_use_what_their_visitors_can_reach(self):
        server = self.serving("-m", BOSUN, "-c", 256, *SMALL)
        body = {"prompt": "Day 1.", "max_tokens": 1}
        self.assertEqual(server.post("/v1/completions", body, {"Origin": server.url})[0], 200)
        status, answer = server.post("/plimsoll/v1/models/bosun-log/unload", None, {"Origin": "https://elsewhere.example", "Content-Type": "text/plain"})
        self.assertEqual((status, answer["code"]), (403, "forbidden_origin"))
        status, answer = server.post("/v1/completions", body, {"Host": f"elsewhere.example:{server.port}"})
        self.assertEqual((status, answer["error"]["code"]), (403, "forbidden_host"))
        status, answer = server.post("/v1/completions", body, {"Host": f"127.evil.example:{server.port}"})
        self.assertEqual((status, answer["error"]["code"]), (403, "forbidden_host"))
        self.assertEqual(server.post("/v1/completions", body, {"Host": "localhost"})[0], 200)

    def test_where_others_can_reach_it_names_from_elsewhere_are_refused_too(self):
        server = self.serving("--host", "0.0.0.0", "--host-name", "quay.example", "-m", BOSUN, "-c", 256, *SMALL)
        for host, status in {"127.evil.example": 403, "elsewhere.example:80": 403, "quay.example": 200, "[::1]:8080": 200,
                             "192.168.1.7:8080": 200, socket.gethostname(): 200}.items():
            self.assertEqual(server.request("GET", "/v1/models", headers={"Host": host})[0], status, host)

    def test_a_request_that_takes_too_long_is_told_so(self):
        server = self.serving("-m", BOSUN, "-c", 65536, "--max-time", 1, *SMALL)
        endless = {"prompt": "Day 1.", "max_tokens": 60000, "ignore_eos": True}
        status, answer = server.post("/v1/completions", endless)
        self.assertEqual((status, answer["error"]["code"]), (504, "timeout"))
        events = server.events("/v1/completions", {**endless, "stream": True})
        self.assertEqual(events[-1][1]["error"]["code"], "timeout")

    def test_it_tells_the_service_manager(self):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/notify"
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
                listener.bind(path)
                listener.settimeout(60)
                server = self.serving("-m", BOSUN, "-c", 256, *SMALL, environment={"NOTIFY_SOCKET": path})
                self.assertIn(b"READY=1", listener.recv(1000))
                self.assertEqual(server.stop(), 0)
                self.assertIn(b"STOPPING=1", listener.recv(1000))

    def test_the_log_as_json(self):
        server = self.serving("-m", BOSUN, "-c", 256, "--log-format", "json", *SMALL)
        server.get("/v1/models")
        lines, until = [], time.monotonic() + 60
        while not any("GET /v1/models 200" in line["message"] for line in lines) and time.monotonic() < until:
            lines = [json.loads(line) for line in server.log_text().splitlines(keepends=True) if line.endswith("\n")]
        self.assertTrue(any("GET /v1/models 200" in line["message"] for line in lines))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
