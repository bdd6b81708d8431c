"""HAProxy in front of a cluster, and what clients do there."""
import http.client
import json
import pathlib
import signal
import subprocess
import threading
import time

from machines import HEAD, environment, kill, said

PORT = 8000


class Front:
    def __init__(self, folder, rendered):
        self.config = rendered / "haproxy.cfg"
        self.check()
        self.path = folder / "haproxy.log"
        self.log = open(self.path, "a")
        self.process = subprocess.Popen(["haproxy", "-W", "-f", str(self.config)], env=environment(), stdout=self.log, stderr=self.log)

    def check(self):
        said("haproxy", "-c", "-f", self.config)

    def reload(self):
        """The configuration is read again: at the end the new process takes connections."""
        before = self.path.read_text().count("Loading success")
        self.process.send_signal(signal.SIGUSR2)
        while self.path.read_text().count("Loading success") == before:
            if self.process.poll() is not None:
                raise AssertionError("HAProxy ended: " + self.path.read_text())
            time.sleep(0.05)

    def stop(self):
        kill(self.process)
        self.log.close()

    @staticmethod
    def ask(path, body=None, headers=None, timeout=180):
        """Status, answer (as JSON where it is JSON) and headers."""
        connection = http.client.HTTPConnection(HEAD, PORT, timeout=timeout)
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body)
        connection.request("GET" if data is None else "POST", path, data, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        try:
            return answer.status, json.loads(text), answer.headers
        except ValueError:
            return answer.status, text, answer.headers


class Asking(threading.Thread):
    """`work` on a thread of its own: what it gave, or what it raised."""

    def __init__(self, work):
        super().__init__(daemon=True)
        self.work, self.given, self.raised, self.began = work, None, None, time.monotonic()
        self.took = None
        self.start()

    def run(self):
        try:
            self.given = self.work()
        except Exception as error:  # looked at by who asked
            self.raised = error
        self.took = time.monotonic() - self.began

    def end(self, timeout):
        self.join(timeout)
        if self.is_alive():
            raise AssertionError("a request has not ended")
        return self
