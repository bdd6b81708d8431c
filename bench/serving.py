"""`plimsoll serve` beside llama-server: the same model, threads, context and slots, both up at once and asked in turns."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

import gguf
from first_request import free_port, wait_until_healthy
from measure import (CORES, PLIMSOLL, RESULTS, ROOT, alternating, environment, figure, fresh_folder, median, median_ratio, program, say,
                     small_model)

TOLERANCE = 0.03
SWITCHES, FIRST, IDLE = 4.0, 1.25, 1.5
SLOTS, CONTEXT, ANSWER, ROUNDS = 8, 16384, 32, 5
PREFIX_WORDS = 700  # about 1,000 tokens of the random vocabulary
MANY, LONG_WORDS, WATCHED = 32, 980, 160  # the second is about 3,800 tokens, of a model that knows 4,096


class Peer:
    """One server, its address, and how it is asked."""

    def __init__(self, command: list, env: dict, model: str = "m"):
        self.port = free_port()
        self.model = model
        self.process = subprocess.Popen([*command, "--port", str(self.port)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until_healthy(self.process, f"http://127.0.0.1:{self.port}")

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def stream(self, path: str, body: dict) -> dict:
        """Time to the first text, the whole time, and tokens; all as the client sees them."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        begin = time.perf_counter()
        connection.request("POST", path, json.dumps({"model": self.model, "stream": True, "stream_options": {"include_usage": True}} | body),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        first, usage = None, None
        while line := answer.readline():
            if not line.startswith(b"data: {"):
                continue
            data = json.loads(line[6:])
            assert "error" not in data, data["error"]["message"]  # of a stream that had its head before
            usage = data.get("usage") or usage
            for choice in data["choices"]:
                text = choice.get("text") if "text" in choice else choice["delta"].get("content")
                first = first or (time.perf_counter() - begin if text else None)
        whole = time.perf_counter() - begin
        connection.close()
        return {"first_s": first or whole, "whole_s": whole, "tokens": usage["completion_tokens"],
                "cached": (usage.get("prompt_tokens_details") or {}).get("cached_tokens")}


def together(peer: Peer, prompts: list) -> dict:
    out = [None] * len(prompts)

    def ask(i):
        out[i] = peer.stream("/v1/chat/completions", {"messages": [{"role": "user", "content": prompts[i]}], "max_tokens": ANSWER,
                                                      "temperature": 0, "ignore_eos": True})

    begin = time.perf_counter()
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(prompts))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    wall = time.perf_counter() - begin
    return {"tokens_per_s": sum(one["tokens"] for one in out) / wall, "first_s": median(one["first_s"] for one in out), "streams": out}


def large_model() -> str:
    path = RESULTS / "random-374m-q8_0.gguf"
    if not path.exists():
        say(f"  writing {path.name}")
        gguf.random_large(str(path), "Q8_0")
    return str(path)


def pair(model: str, context: int, slots: int, placed: list, env: dict, batch: int = 2048) -> tuple:
    shape = ["-m", model, "-c", str(context), "-np", str(slots), "-b", str(batch), "-ub", str(min(512, batch)), "-t", str(CORES), *placed]
    return (Peer([PLIMSOLL, "serve", *shape], env, pathlib.Path(model).stem), Peer([program("llama-server"), *shape], env))


def streams(quick: bool, figures: list, samples: dict) -> None:
    env = environment()
    ours, theirs = pair(large_model(), CONTEXT, SLOTS, ["-dev", "none", "-ngl", "0"], env)
    prefix = " ".join(f"w{i % 97}" for i in range(PREFIX_WORDS // 2))
    told = iter(range(1_000_000))
    try:
        for count in (1, SLOTS):
            for shared in (False, True):
                name = f"{count} stream{'s' if count > 1 else ''}{', a shared prefix of 1,000 tokens' if shared else ''}"
                fresh = lambda: [(prefix if shared else "") + f" Tell me of ship {next(told)} and its crew." for _ in range(count)]
                run = lambda peer: together(peer, fresh())
                run(ours), run(theirs)  # after these the prefix is where each keeps it
                mine, peers = alternating(1 if quick else ROUNDS, lambda: run(ours), lambda: run(theirs))
                samples[name] = {"plimsoll": mine, "llama-server": peers}
                speed = median_ratio([m["tokens_per_s"] for m in mine], [p["tokens_per_s"] for p in peers])
                first = median_ratio([m["first_s"] for m in mine], [p["first_s"] for p in peers])
                say(f"  {name}: {speed:.3f} × tokens per second, {first:.3f} × time to first token")
                figures.append(figure(f"tokens per second ÷ llama-server, {name}", speed, 1 - TOLERANCE, "×", at_least=True,
                                      ours=median(m["tokens_per_s"] for m in mine), peer=median(p["tokens_per_s"] for p in peers)))
                figures.append(figure(f"time to first token ÷ llama-server, {name}", first, 1 + TOLERANCE, "×",
                                      ours_s=median(m["first_s"] for m in mine), peer_s=median(p["first_s"] for p in peers)))
    finally:
        ours.end(), theirs.end()


def many_streams(quick: bool, figures: list, samples: dict) -> None:
    """More conversations at once than cores: how well their tokens share batches."""
    ours, theirs = pair(large_model(), CONTEXT, MANY, ["-dev", "none", "-ngl", "0"], environment())
    told = iter(range(1_000_000))
    run = lambda peer: together(peer, [f"Tell me of ship {next(told)} and its crew." for _ in range(MANY)])
    try:
        run(ours), run(theirs)
        mine, peers = alternating(1 if quick else 3, lambda: run(ours), lambda: run(theirs))
    finally:
        ours.end(), theirs.end()
    samples[f"{MANY} streams"] = {"plimsoll": mine, "llama-server": peers}
    speed = median_ratio([m["tokens_per_s"] for m in mine], [p["tokens_per_s"] for p in peers])
    say(f"  {MANY} streams: {speed:.3f} × tokens per second")
    figures.append(figure(f"tokens per second ÷ llama-server, {MANY} streams", speed, 1 - TOLERANCE, "×", at_least=True,
                          ours=median(m["tokens_per_s"] for m in mine), peer=median(p["tokens_per_s"] for p in peers)))


def between_tokens(peer: Peer, prompt: str) -> float:
    """The 99th percentile of the seconds between two tokens of an answer, while another client's prompt is read."""
    times, begun = [], threading.Event()

    def read() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=600)
        connection.request("POST", "/v1/completions",
                           json.dumps({"model": peer.model, "stream": True, "prompt": "Day 12.", "max_tokens": WATCHED, "temperature": 0, "ignore_eos": True}),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        while line := answer.readline():
            if line.startswith(b"data: {"):
                times.append(time.perf_counter())
                begun.set()
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    begun.wait()
    peer.stream("/v1/completions", {"prompt": prompt, "max_tokens": 1, "temperature": 0})
    reader.join()
    gaps = sorted(later - earlier for earlier, later in zip(times, times[1:]))
    return gaps[int(len(gaps) * 0.99)]


def beside_a_long_prompt(quick: bool, figures: list, samples: dict) -> None:
    ours, theirs = pair(large_model(), CONTEXT, 2, ["-dev", "none", "-ngl", "0"], environment())
    told = iter(range(1_000_000))
    prompt = lambda: f"{next(told)} " + " ".join(f"w{i % 97}" for i in range(LONG_WORDS))
    try:
        mine, peers = alternating(1 if quick else 3, lambda: between_tokens(ours, prompt()), lambda: between_tokens(theirs, prompt()))
    finally:
        ours.end(), theirs.end()
    samples["between tokens beside a long prompt"] = {"plimsoll": mine, "llama-server": peers}
    ratio = median_ratio(mine, peers)
    say(f"  between tokens beside a long prompt, 99th percentile: {median(mine):.3f} s, llama-server {median(peers):.3f} s")
    figures.append(figure("time between tokens ÷ llama-server, 99th percentile, while a prompt of 4,000 tokens is read", ratio, 1 + TOLERANCE, "×",
                          ours_s=median(mine), peer_s=median(peers)))


def requests(peer: Peer) -> dict:
    times = [peer.stream("/v1/completions", {"prompt": "Once upon a time there was a little boat that wanted to see the sea. One day",
                                             "max_tokens": 16, "temperature": 0, "ignore_eos": True, "cache_prompt": False})["whole_s"]
             for _ in range(6)]
    return {"first_s": times[0], "steady_s": median(times[1:])}


def first_and_steady(peer: Peer) -> dict:
    try:
        return requests(peer)
    finally:
        peer.end()


def first_requests(quick: bool, figures: list, samples: dict) -> None:
    shape = ["-m", small_model(), "-c", "256", "-b", "64", "-ub", "64", "-np", "1", "-ngl", "99", "-t", str(CORES)]
    name = pathlib.Path(small_model()).stem
    for state in ("cold", "warm"):
        said = {"plimsoll": [], "llama-server": []}
        for i in range(1 if quick else 2):
            for who, command in (("plimsoll", [PLIMSOLL, "serve", "--cached-prompts", "0", *shape]), ("llama-server", [program("llama-server"), *shape])):
                folder = fresh_folder(f"pipelines-serving-{who}-{state}-{i}")
                env = environment(MESA_SHADER_CACHE_DIR=folder)
                if state == "warm":
                    first_and_steady(Peer(command, env, name))
                said[who].append(first_and_steady(Peer(command, env, name)))
        samples[f"first request, {state}"] = said
        ratios = {who: median(one["first_s"] / one["steady_s"] for one in told) for who, told in said.items()}
        say(f"  first ÷ steady, {state}: {ratios['plimsoll']:.2f}, llama-server {ratios['llama-server']:.1f}")
        figures.append(figure(f"first request after ready ÷ steady over HTTP, {state} pipeline cache, Vulkan software device", ratios["plimsoll"],
                              FIRST, "×", peer=ratios["llama-server"]))


def in_turns(peer: Peer, names: list, count: int) -> float:
    """Requests per second, each for another model than the one before."""
    for name in names:
        peer.model = name
        peer.stream("/v1/completions", {"prompt": "Once upon a time", "max_tokens": 1, "temperature": 0})
    begin = time.perf_counter()
    for i in range(count):
        peer.model = names[i % 2]
        peer.stream("/v1/completions", {"prompt": "Once upon a time", "max_tokens": 1, "temperature": 0})
    return count / (time.perf_counter() - begin)


def switches(quick: bool, figures: list, samples: dict) -> None:
    folder = pathlib.Path(fresh_folder("serving-switches"))
    for letter in "ab":
        os.link(large_model(), folder / f"{letter}.gguf")
    shape = ["-c", "2048", "-np", "1", "-t", str(CORES), "-dev", "none", "-ngl", "0"]
    plan = json.loads(subprocess.run([PLIMSOLL, "plan", "-m", str(folder / "a.gguf"), *shape, "--json"], env=environment(), check=True,
                                     capture_output=True).stdout)
    line = next(d["required"] for d in plan["devices"] if d["device"] == "CPU") + (1 << 20)
    count = 6 if quick else 20

    def ours() -> float:
        peer = Peer([PLIMSOLL, "serve", str(folder), *shape, "--budget", f"CPU={line}"], environment())
        try:
            return in_turns(peer, ["a", "b"], count)
        finally:
            peer.end()

    def theirs() -> float:
        peer = Peer([program("llama-server"), "--models-dir", str(folder), "--models-max", "1", *shape], environment())
        try:
            return in_turns(peer, ["a", "b"], count)
        finally:
            peer.end()

    mine, peers = alternating(1 if quick else 3, ours, theirs)
    samples["two models in turns"] = {"plimsoll": mine, "llama-server": peers}
    ratio = median_ratio(mine, peers)
    say(f"  two models in turns: {median(mine):.2f} requests/s, router {median(peers):.2f}: {ratio:.2f} ×")
    figures.append(figure("two models in turns within a budget for one, requests per second ÷ llama-server's router", ratio, SWITCHES, "×",
                          at_least=True, ours=median(mine), peer=median(peers)))


def idle_connections(quick: bool, figures: list, samples: dict) -> None:
    model = str(ROOT / "models/demo/bosun-log.gguf")
    peer = Peer([PLIMSOLL, "serve", "-m", model, "-c", "512", "-t", "1", "-dev", "none"], environment(), "bosun-log")
    ask = lambda: peer.stream("/v1/completions", {"prompt": "Day 12.", "max_tokens": 16, "temperature": 0, "ignore_eos": True})["whole_s"]
    try:
        ask()
        alone = [ask() for _ in range(50)]
        idle = [socket.create_connection(("127.0.0.1", peer.port)) for _ in range(1000)]
        slow = [socket.create_connection(("127.0.0.1", peer.port)) for _ in range(50)]
        for one in slow:
            one.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        beside = [ask() for _ in range(50)]
        for one in idle + slow:
            one.close()
    finally:
        peer.end()
    samples["idle connections"] = {"alone_s": alone, "beside_s": beside}
    say(f"  beside 1,000 idle connections and 50 slow senders: {median(beside) / median(alone):.2f} × as long")
    figures.append(figure("a request beside 1,000 idle connections and 50 slow senders ÷ alone", median(beside) / median(alone), IDLE, "×",
                          slowest_s=max(beside)))


def measure(quick: bool):
    figures, samples = [], {}
    for part in (idle_connections, switches, streams, many_streams, beside_a_long_prompt, first_requests):
        part(quick, figures, samples)
    return figures, samples
