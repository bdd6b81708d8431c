#!/usr/bin/env python3
"""A stand-in for Plimsoll's server: the dashboard and the answers it reads, with plausible numbers that change.

    mock_server.py [--port 8099] [--key SECRET] [--verbose]

For whoever works on the page: it is looked at in a browser without a model, and dashboard_test.mjs runs against it, too. mock_test.py holds
its answers against the description of the server's.

Two cards, the host with a small budget and a device no probe knows; five models, one with an unpleasant name, one that never fits. No memory
is planned or taken. Ends with its parent's SIGTERM.
"""
import argparse
import http.server
import json
import pathlib
import re
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from mock_fleet import FLEET, WAYS  # noqa: E402
from mock_world import World  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parents[3] / "src/server/dashboard"
# What the real server sends with the page: nothing may come from elsewhere.
POLICY = ("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
WORDS = ("The load line of a ship says how deep she may lie in the water . Nothing below it is for cargo , whatever the owner "
         "says . So it is with a card : what is promised is held , and what is not promised is refused , with its numbers .").split()


def page() -> bytes:
    """As pack.cmake puts it together."""
    text = (FOLDER / "page.html").read_text()
    return re.sub(r"\{\{([\w.]+)\}\}", lambda part: (FOLDER / part[1]).read_text(), text).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    world: World
    key: str
    verbose: bool

    def log_message(self, format, *arguments):
        if self.verbose:
            super().log_message(format, *arguments)

    def answer(self, status: int, body: bytes, kind: str = "application/json", headers: dict | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def answer_json(self, value, status: int = 200) -> None:
        self.answer(status, json.dumps(value).encode())

    def fail(self, status: int, code: str, message: str, **more) -> None:
        if self.path.startswith("/v1/"):
            self.answer_json({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}, status)
        else:
            self.answer_json({"schema": "plimsoll.error/1", "code": code, "message": message, **more}, status)

    def is_let_in(self) -> bool:
        if not self.key or self.headers.get("Authorization") == f"Bearer {self.key}":
            return True
        self.fail(401, "unauthorized", "this server asks for a key: Authorization: Bearer KEY")
        return False

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def do_GET(self):
        if self.path == "/":
            return self.answer(200, page(), "text/html; charset=utf-8", {"Content-Security-Policy": POLICY})
        if not self.is_let_in():
            return None
        if self.path == "/plimsoll/v1/status":
            return self.answer_json(self.world.status())
        if self.path == "/plimsoll/v1/plan":
            return self.answer_json({"schema": "plimsoll.fleet/1", "never": [{"name": "leviathan", "why": "42.0 GiB needed on CUDA0", "alternatives": WAYS}]})
        if self.path == "/plimsoll/v1/history":
            with self.world.lock:
                return self.answer_json({"schema": "plimsoll.history/1", "samples": list(self.world.history)})
        if self.path == "/plimsoll/v1/machine":
            return self.answer_json(self.world.machine())
        if self.path == "/plimsoll/v1/events":
            return self.stream_events()
        if self.path == "/v1/models":
            return self.answer_json({"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "plimsoll"} for name in FLEET]})
        return self.fail(404, "not_found", "there is nothing here")

    def stream_events(self) -> None:
        self.begin_stream()
        seen = 0
        try:
            while True:
                with self.world.listeners:
                    self.world.listeners.wait_for(lambda: self.world.published > seen, timeout=10)
                    new = [event for event in self.world.events if event[0] > seen]
                    seen = self.world.published
                text = "".join(f"event: {name}\ndata: {data}\n\n" for _, name, data in new) or ": still here\n\n"
                self.wfile.write(text.encode())
                self.wfile.flush()
        except OSError:
            pass  # the page went away

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.is_let_in():
            return None
        try:
            body = json.loads(body or b"{}")
        except ValueError:
            return self.fail(400, "invalid_request", "the body is not JSON")
        if self.path == "/v1/chat/completions":
            return self.chat(body)
        if self.path == "/plimsoll/v1/plan":
            return self.answer_json(self.world.plan(body))
        parts = [urllib.parse.unquote(part) for part in self.path.split("/")]
        if len(parts) != 6 or parts[:4] != ["", "plimsoll", "v1", "models"]:
            return self.fail(404, "not_found", "there is nothing here")
        return self.operate(parts[4], parts[5], body)

    def operate(self, name: str, action: str, body: dict) -> None:
        model = self.world.models.get(name)
        if model is None:
            return self.fail(404, "model_not_found", f"there is no model '{name}' here; GET /v1/models lists those there are")
        if action == "load":
            if why := self.world.load(name):
                return self.fail(507, "over_budget", why, plan={"alternatives": WAYS if name == "leviathan" else []})
        elif action == "unload":
            self.world.unload(name)
        elif action == "pin" and isinstance(body.get("pinned"), bool):
            model.pinned = body["pinned"]
        else:
            return self.fail(400, "invalid_request", "load, unload, or pin with {\"pinned\": true|false}")
        return self.answer_json({"schema": "plimsoll.model/1", "name": name, "state": model.state, "pinned": model.pinned})

    def chat(self, body: dict) -> None:
        model = self.world.models.get(body.get("model"))
        if model is None:
            return self.fail(404, "model_not_found", f"there is no model '{body.get('model')}' here")
        if why := self.world.load(model.name):
            return self.fail(409, "over_budget", why)
        words = WORDS[: body.get("max_tokens") or 40]
        base = {"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": int(time.time()), "model": model.name}
        turns = sum(message["role"] == "user" for message in body["messages"])
        self.begin_stream()

        def chunk(delta: dict, finish: str | None = None) -> None:
            piece = {**base, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}], "usage": None}
            self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
            self.wfile.flush()

        try:
            model.leases += 1
            chunk({"role": "assistant", "content": ""})
            chunk({"content": f"({turns})"})
            model.first_tokens += 1
            model.first_token_ms += 25.0
            for word in words:
                time.sleep(0.02)
                chunk({"content": word if word in ".,:" else " " + word})
                model.tokens += 1
                model.generated += 1
            chunk({}, "length" if len(words) < len(WORDS) else "stop")
            usage = {"prompt_tokens": 12, "completion_tokens": len(words) + 1, "total_tokens": len(words) + 13}
            self.wfile.write(f"data: {json.dumps({**base, 'choices': [], 'usage': usage})}\n\ndata: [DONE]\n\n".encode())
        except OSError:
            pass  # stopped
        finally:
            model.leases = max(0, model.leases - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8099, help="0: any; the address is printed")
    parser.add_argument("--key", default="", help="ask for this key")
    parser.add_argument("--verbose", action="store_true", help="log requests")
    arguments = parser.parse_args()
    Handler.world, Handler.key, Handler.verbose = World(), arguments.key, arguments.verbose
    server = http.server.ThreadingHTTPServer(("127.0.0.1", arguments.port), Handler)
    server.daemon_threads = True

    def beat() -> None:
        while True:
            time.sleep(1)
            Handler.world.beat()

    threading.Thread(target=beat, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
