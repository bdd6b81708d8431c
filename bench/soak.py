"""Ten minutes of everything at once: three models within a budget for two, sixteen clients with requests of every size, many of which are
broken off or make no sense. Every request is answered or refused by name, and nothing is left behind."""
import http.client
import json
import os
import pathlib
import random
import subprocess
import threading
import time

from measure import PLIMSOLL, ROOT, environment, figure, fresh_folder, median, say
from serving import Peer

CLIENTS, MINUTES = 16, 10
NONSENSE = [b"", b"{", b"[]", b'{"prompt": 5}', b'{"prompt": "x", "max_tokens": -1}', b'{"prompt": "x", "temperature": NaN}', b'{"prompt": "\xff"}',
            b'{"prompt": "x", "model": "kraken"}', b'{"prompt": "x", "json_schema": {"$ref": "#"}}', b"{" * 200, b'{"prompt": "x", "stop": 7}']
ALLOWED = {200, 400, 404, 503}


def fleet() -> tuple:
    """Three models of which two fit; the line is made of the plan's exact numbers."""
    folder = pathlib.Path(fresh_folder("soak"))
    sources = ["bosun-log", "mate-chat", "bosun-log"]
    for name, source in zip("abc", sources, strict=True):
        os.link(ROOT / f"models/demo/{source}.gguf", folder / f"{name}.gguf")
    text = "".join(f'[[model]]\nname = "{n}"\npath = "{folder / n}.gguf"\ndevice = "none"\nthreads = 1\nctx-size = 16384\nparallel = 4\n'
                   f'batch-size = 256\nubatch-size = 128\n' for n in "abc")
    path = folder / "fleet.toml"
    path.write_text(text)
    plan = json.loads(subprocess.run([PLIMSOLL, "plan", str(path), "--json"], env=environment(), capture_output=True).stdout)
    lines = plan["models"][0]["entries"]
    one = sum(l["bytes"] for l in lines if l.get("charged", True) and l["stage"] not in ("compute", "runtime"))
    runtime = sum(l["bytes"] for l in lines if l["stage"] == "runtime")
    compute = sum(l["bytes"] for l in lines if l["stage"] == "compute")
    return path, 2 * one + 2 * runtime + compute + (1 << 20), 3 * one > 2 * one + 2 * runtime + (1 << 20)


class Tally:
    def __init__(self):
        self.lock = threading.Lock()
        self.statuses, self.broken_off, self.unexplained = {}, 0, []

    def add(self, status: int) -> None:
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def wrong(self, what: str) -> None:
        with self.lock:
            self.unexplained.append(what)


def client(peer: Peer, seed: int, until: float, tally: Tally) -> None:
    dice = random.Random(seed)
    while time.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=120)
        try:
            kind = dice.random()
            body = (dice.choice(NONSENSE) if kind < 0.15 else json.dumps(
                {"model": dice.choice("abc"), "prompt": "Day %d. " % dice.randrange(400) * dice.choice([1, 1, 5, 40, 900]),
                 "max_tokens": dice.choice([1, 8, 64, 400]), "stream": kind < 0.6, "ignore_eos": dice.random() < 0.3, "n": dice.choice([1, 1, 1, 2])}).encode())
            connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
            if dice.random() < 0.05:  # gone before the answer
                tally.broken_off += 1
                continue
            answer = connection.getresponse()
            tally.add(answer.status)
            if answer.status not in ALLOWED:
                tally.wrong(f"{answer.status}: {answer.read()[:300]!r}")
            elif answer.status != 200:
                error = json.loads(answer.read())["error"]
                if not error["message"] or not error["code"]:
                    tally.wrong(f"{answer.status} without a name")
            elif 0.15 <= kind < 0.6 and dice.random() < 0.3:  # gone in the middle of it
                answer.readline()
                tally.broken_off += 1
            else:
                text = answer.read().decode()
                if kind < 0.15 or (kind < 0.6 and not text.endswith("data: [DONE]\n\n")):
                    tally.wrong(f"an answer that is none: {text[-200:]}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            tally.wrong(repr(error))
        finally:
            connection.close()


def look(peer: Peer) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
    connection.request("GET", "/plimsoll/v1/status")
    status = json.loads(connection.getresponse().read())
    connection.close()
    cpu = next(d for d in status["devices"] if d["device"] == "CPU")
    with open(f"/proc/{peer.process.pid}/status") as file:
        rss = next(int(l.split()[1]) * 1024 for l in file if l.startswith("RssAnon"))
    return {"committed": cpu["committed"], "taken": cpu["taken"], "budget": cpu["budget"], "rss": rss, "swapped": status["swap"]["memory"],
            "descriptors": len(os.listdir(f"/proc/{peer.process.pid}/fd")),
            "after_seal": sum(m["seal"]["allocations_after_seal"] for m in status["models"]),
            "evictions": sum(m["evictions"] for m in status["models"])}


def measure(quick: bool):
    path, line, three_do_not_fit = fleet()
    assert three_do_not_fit
    seconds = int(os.environ.get("PLIMSOLL_SOAK_SECONDS", 30 if quick else 60 * MINUTES))
    peer = Peer([PLIMSOLL, "serve", str(path), "--budget", f"CPU={line}", "--max-requests", "64"], environment(), "a")
    tally, looks = Tally(), []
    try:
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=client, args=(peer, seed, until, tally)) for seed in range(CLIENTS)]
        for t in threads:
            t.start()
        while time.monotonic() < until:
            looks.append(look(peer))
            time.sleep(1)
        for t in threads:
            t.join()
        time.sleep(7)  # idle connections are closed after five seconds
        looks.append(look(peer))
        status = None
    finally:
        peer.end()
        status = peer.process.returncode
    third = len(looks) // 3
    beside_swapped_out = lambda some: median(l["rss"] - l["swapped"] for l in some)  # swapped-out conversations are known, and bounded
    growth = beside_swapped_out(looks[-third:]) - beside_swapped_out(looks[third:2 * third])
    say(f"  {sum(tally.statuses.values())} answers {tally.statuses}, {tally.broken_off} broken off, {looks[-1]['evictions']} evictions, "
        f"{growth / 1048576:+.1f} MiB in the last third, {looks[-1]['descriptors']} descriptors")
    for what in tally.unexplained[:5]:
        say(f"  {what}")
    name = f"soak of {seconds / 60:g} minutes"
    figures = [
        figure(f"{name}: requests that were neither answered nor refused by name", len(tally.unexplained), 0, answers=sum(tally.statuses.values()),
               broken_off=tally.broken_off),
        figure(f"{name}: bytes above the budget", max(max(0, l["committed"] - l["budget"]) for l in looks), 0, "B"),
        figure(f"{name}: allocations after seal", max(l["after_seal"] for l in looks), 0),
        figure(f"{name}: process memory beside swapped-out conversations, last third against the second", growth / 1048576, 8, "MiB", evictions=looks[-1]["evictions"]),
        figure(f"{name}: descriptors left at the end beyond those at the beginning", looks[-1]["descriptors"] - looks[0]["descriptors"], 8),
        figure(f"{name}: exit status", status, 0),
    ]
    return figures, {"statuses": tally.statuses, "unexplained": tally.unexplained, "looks": looks[:: max(1, len(looks) // 100)]}
