#!/usr/bin/env python3
"""The edge of the process: its port, its keys, its end. edge_test.py PROGRAM [unittest arguments]"""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from serving import BOSUN, SMALL, Serving, in_threads  # noqa: E402

PROGRAM = sys.argv[1]
TEXT = "/v1/completions"


def failure(*arguments):
    """Status and words of a server that does not start."""
    done = subprocess.run([PROGRAM, "serve", "-m", BOSUN, *SMALL, "-c", "256", *arguments], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


class Edge(unittest.TestCase):
    def test_forty_connections_at_once_are_answered(self):
        server = Serving(PROGRAM, "-m", BOSUN, "-c", "512", *SMALL, "--max-connections", "4")
        try:
            def ask(_):
                connection = http.client.HTTPConnection(server.host, server.port, timeout=120)
                connection.request("POST", TEXT, json.dumps({"prompt": "Day 1.", "max_tokens": 1}), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                connection.close()
                return answer.status
            statuses = in_threads(40, ask)
            self.assertEqual([s for s in statuses if s not in (200, 503)], [])
            queue = int(subprocess.run(["sh", "-c", f"grep -i ':{server.port:04X} 00000000:0000 0A' /proc/net/tcp | wc -l"], capture_output=True, text=True).stdout)
            self.assertEqual(queue, 1)
        finally:
            server.stop()

    def test_port_and_certificate_are_looked_at_before_any_model(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            status, words = failure("--port", str(taken.getsockname()[1]))
        self.assertNotEqual(status, 0)
        self.assertIn("cannot listen at 127.0.0.1", words)
        self.assertNotIn("budget on the host", words)
        status, words = failure("--port", "0", "--ssl-cert-file", "/nowhere.pem", "--ssl-key-file", "/nowhere.pem")
        self.assertEqual(status, 2)
        self.assertIn("cannot be used together", words)
        self.assertNotIn("budget on the host", words)

    def test_an_empty_key_is_a_mistake(self):
        status, words = failure("--port", "0", "--api-key", "")
        self.assertEqual(status, 2)
        self.assertIn("--api-key is empty", words)

    def test_the_scheme_of_a_key_in_any_case(self):
        server = Serving(PROGRAM, "-m", BOSUN, "-c", "256", *SMALL, "--api-key", "starboard")
        try:
            for scheme in ("Bearer", "bearer", "BEARER"):
                self.assertEqual(server.get("/v1/models", {"Authorization": f"{scheme} starboard"})[0], 200, scheme)
            for wrong in ("bearer starboard2", "bearerstarboard", "basic starboard", "bearer"):
                self.assertEqual(server.get("/v1/models", {"Authorization": wrong})[0], 401, wrong)
        finally:
            server.stop()

    def test_while_it_ends_new_connections_are_told_when_to_come_again(self):
        """It ends when its last stream does, and not before: that one is held. (That it lets streams end is limits_test's.)"""
        server = Serving(PROGRAM, "-m", BOSUN, "-c", "1024", "-np", "1", *SMALL, "--drain-time", "3600")
        stream = server.hold()
        server.process.terminate()
        while (answer := server.request("GET", "/v1/models"))[0] == 200:
            pass
        self.assertEqual(answer[0], 503)
        status, headers, _ = server.request("POST", TEXT, {"prompt": "x", "max_tokens": 1})
        self.assertEqual((status, headers["Retry-After"]), (503, "1"))
        self.assertEqual(server.request("GET", "/metrics")[0], 200)
        stream.close()
        self.assertEqual(server.process.wait(60), 0)
        server.stop()

    def test_who_waits_when_it_ends_is_told_when_to_come_again(self):
        server = Serving(PROGRAM, "-m", BOSUN, "-c", "2048", *SMALL, "--drain-time", "1")
        stream = server.hold()
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(server.request("POST", TEXT, {"prompt": "x", "max_tokens": 1})))
        waiting.start()
        server.wait_until_somebody_waits()
        server.process.terminate()
        waiting.join()
        status, headers, _ = answers[0]
        self.assertEqual((status, headers.get("Retry-After")), (503, "1"))
        stream.close()
        self.assertEqual(server.process.wait(60), 0)
        server.stop()

    def test_what_is_half_sent_holds_no_end_up(self):
        """Nothing is at work: it ends at once, though a head would have 30 seconds."""
        server = Serving(PROGRAM, "-m", BOSUN, "-c", "256", *SMALL, "--drain-time", "3600")
        connect = lambda: socket.create_connection((server.host, server.port), timeout=120)  # noqa: E731
        with connect() as head, connect() as body:
            head.sendall(b"GET /v1/models HTTP/1.1\r\nHost: local")
            body.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n")
            begun = b""
            while not begun.endswith(b"\r\n\r\n"):
                begun += body.recv(1000)
            self.assertTrue(begun.startswith(b"HTTP/1.1 100 "), begun)
            body.sendall(b"{")
            server.process.terminate()
            self.assertEqual(server.process.wait(25), 0)
            answer = b""
            while more := body.recv(1000):
                answer += more
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertIn(b"\r\nRetry-After: 1\r\n", answer)
        server.stop()

    def test_it_may_be_asked_to_stop_before_it_listens(self):
        """It waits for its keys, which a pipe never gives."""
        with tempfile.TemporaryDirectory() as folder:
            keys = pathlib.Path(folder) / "keys"
            os.mkfifo(keys)
            process = subprocess.Popen([PROGRAM, "serve", "-m", BOSUN, "-c", "256", *SMALL, "--port", "0", "--api-key-file", str(keys)],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            writer = None
            while writer is None and process.poll() is None:
                try:
                    writer = os.open(keys, os.O_WRONLY | os.O_NONBLOCK)
                except OSError:  # nobody reads it yet
                    time.sleep(0.01)
            self.assertIsNotNone(writer, process.poll())
            process.send_signal(signal.SIGTERM)
            out, error = process.communicate(timeout=60)
            os.close(writer)
        self.assertEqual((process.returncode, out), (0, ""), error)
        self.assertNotIn("interrupted", error)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
