"""A model in a process of its own beside the same one in the server's process; and what becomes of requests when that process is killed."""
import http.client
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

from first_request import free_port
from measure import CORES, PLIMSOLL, ROOT, alternating, environment, figure, fresh_folder, median, median_ratio, say
from serving import CONTEXT, ROUNDS, SLOTS, Peer, large_model, together

LEAST_SPEED, MOST_LATER_MS, MOST_PAUSE = 0.99, 1.0, 1.5
SURE = 0.1  # of log probability between the two likeliest tokens; what batches of other sizes add up to differs by less
CLIENTS, MINUTES, KILLS = 16, 10, 200
ANSWER = 96


def served(model: str, slots: int, context: int, *flags: str) -> Peer:
    shape = ["-m", model, "-c", str(context), "-np", str(slots), "-t", str(CORES), "-dev", "none", "-ngl", "0"]
    return Peer([PLIMSOLL, "serve", *shape, *flags], environment(), pathlib.Path(model).stem)


def status_of(peer: Peer, name: str | None = None) -> dict:
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
    connection.request("GET", "/plimsoll/v1/status")
    status = json.loads(connection.getresponse().read())
    connection.close()
    return next(m for m in status["models"] if name in (None, m["name"]))


def pid_of(peer: Peer, name: str | None = None) -> int:
    while True:
        process = status_of(peer, name).get("process")
        if process and process["pid"]:
            return process["pid"]
        time.sleep(0.01)


def cost(quick: bool, figures: list, samples: dict) -> None:
    model = large_model()
    here, apart = served(model, SLOTS, CONTEXT), served(model, SLOTS, CONTEXT, "--isolate")
    told = iter(range(1_000_000))
    try:
        for count in (1, SLOTS):
            run = lambda peer: together(peer, [f"Tell me of ship {next(told)} and its crew." for _ in range(count)])
            run(here), run(apart)
            mine, others = alternating(1 if quick else ROUNDS, lambda: run(apart), lambda: run(here))
            name = f"{count} stream{'s' if count > 1 else ''}"
            samples[name] = {"isolated": mine, "in the server": others}
            speed = median_ratio([m["tokens_per_s"] for m in mine], [o["tokens_per_s"] for o in others])
            later = median(m["first_s"] - o["first_s"] for m, o in zip(mine, others, strict=True)) * 1000
            say(f"  {name}: {speed:.3f} × tokens per second, first token {later:+.2f} ms")
            figures.append(figure(f"isolated: tokens per second ÷ in the server's process, {name}", speed, LEAST_SPEED, "×", at_least=True))
            figures.append(figure(f"isolated: first token later by, {name}", later, MOST_LATER_MS, "ms"))
    finally:
        here.end(), apart.end()


def streamed(peer: Peer, prompt: str, began: threading.Event | None = None) -> dict:
    """The text, its tokens with the likeliest two of each place, and when each piece of it came."""
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=600)
    begin = time.perf_counter()
    connection.request("POST", "/v1/completions", json.dumps({"model": peer.model, "stream": True, "prompt": prompt, "max_tokens": ANSWER,
                                                              "temperature": 0, "ignore_eos": True, "logprobs": 2}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    text, times, tokens, likeliest = "", [], [], []
    for line in answer:
        if line.startswith(b"data: {"):
            choice = json.loads(line[6:])["choices"][0]
            text += choice["text"]
            if choice["logprobs"]:
                tokens += choice["logprobs"]["tokens"]
                likeliest += choice["logprobs"]["top_logprobs"]
            times.append(time.perf_counter() - begin)
            if began:
                began.set()
    connection.close()
    return {"text": text, "times": times, "tokens": tokens, "likeliest": likeliest}


def parting(one: dict, other: dict) -> float | None:
    """How sure the model was where two greedy texts part: between the two likeliest tokens there. None: they are the same."""
    for at, (a, b) in enumerate(zip(one["tokens"], other["tokens"])):
        if a != b:
            likeliest = sorted(one["likeliest"][at].values(), reverse=True)
            return likeliest[0] - likeliest[1] if len(likeliest) > 1 else 0.0
    return None if len(one["tokens"]) == len(other["tokens"]) else float("inf")


def partings(some: list, others: list) -> list:
    return [gap for one, other in zip(some, others, strict=True) if (gap := parting(one, other)) is not None]


def all_streamed(peer: Peer, prompts: list, began: list | None = None) -> list:
    out = [None] * len(prompts)

    def ask(i: int) -> None:
        out[i] = streamed(peer, prompts[i], began[i] if began else None)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(prompts))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out


def restart(quick: bool, figures: list, samples: dict) -> None:
    """Killed in the middle of 8 streams: the pause, beside a load and the prompts."""
    peer = served(large_model(), SLOTS, CONTEXT, "--isolate")
    prompts = [f"Tell me of ship {i} and its crew, " + "and of the sea " * 40 for i in range(SLOTS)]
    try:
        expected = all_streamed(peer, prompts)
        control = all_streamed(peer, prompts)  # what batches alone make of it, whose sizes are never the same
        load_s = status_of(peer)["load_ms"] / 1000
        fresh = all_streamed(peer, ["Anew. " + prompt for prompt in prompts])
        prompting_s = max(one["times"][0] for one in fresh)
        began = [threading.Event() for _ in prompts]

        def kill() -> None:
            for one in began:
                one.wait()
            os.kill(pid_of(peer), signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        killed = all_streamed(peer, prompts, began)
        killer.join()
    finally:
        peer.end()
    pause = max(max(b - a for a, b in zip(one["times"], one["times"][1:])) for one in killed)
    gaps, without = partings(expected, killed), partings(expected, control)
    samples["restart"] = {"pause_s": pause, "load_s": load_s, "prompting_s": prompting_s, "gaps where texts part": gaps, "without a kill": without}
    say(f"  killed in the middle of {SLOTS} streams: {pause:.2f} s pause; a load {load_s:.2f} s, prompts {prompting_s:.2f} s; {SLOTS - len(gaps)} texts the same, "
        f"without a kill {SLOTS - len(without)}; where they part the two likeliest tokens are {max(gaps, default=0):.4f} apart at most, without a kill {max(without, default=0):.4f}")
    figures.append(figure("killed: longest pause ÷ (load + prompts)", pause / (load_s + prompting_s), MOST_PAUSE, "×"))
    figures.append(figure(f"killed: greedy texts that part where the model was sure, of {SLOTS}", sum(gap > SURE for gap in gaps), 0))


def zombies_of(pid: int) -> int:
    said = subprocess.run(["ps", "--ppid", str(pid), "-o", "stat="], capture_output=True, text=True).stdout
    return sum(line.startswith("Z") for line in said.split("\n"))


def held(peer: Peer) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=60)
    connection.request("GET", "/plimsoll/v1/status")
    status = json.loads(connection.getresponse().read())
    connection.close()
    return sum(stage["taken"] for model in status["models"] for stage in model["memory"])


def soak(quick: bool, figures: list, samples: dict) -> None:
    """Kills at random moments under clients of every kind; none is lost, and nothing is left behind. One token is a micro-batch here, so
    that the engine computes the same whatever else is in a batch: texts are compared to the letter."""
    folder = pathlib.Path(fresh_folder("isolation"))
    names = ("a", "b")
    common = 'device = "none"\nthreads = 1\nctx-size = 8192\nparallel = 8\nbatch-size = 128\nubatch-size = 1\nflash-attn = "off"\nload-at-start = true\n'
    path = folder / "fleet.toml"
    path.write_text('isolation = "process"\nmost-deaths = 0\n' + "".join(
        f'[[model]]\nname = "{name}"\npath = "{ROOT}/models/demo/{source}.gguf"\ncompute-group = "{name}"\n{common}'
        for name, source in zip(names, ("mate-chat", "bosun-log"), strict=True)))
    peer = Peer([PLIMSOLL, "serve", str(path)], environment())
    seconds, kills = (30, 10) if quick else (MINUTES * 60, KILLS)
    asked, wrong, other, lock, texts = [0], [], [], threading.Lock(), {}

    def client(seed: int, until: float) -> None:
        dice = random.Random(seed)
        while time.monotonic() < until:
            body = {"model": dice.choice(names), "prompt": f"Day {dice.randrange(10)}. " * dice.choice([1, 4, 40]), "temperature": dice.choice([0, 1.1]),
                    "seed": dice.randrange(2), "max_tokens": dice.choice([4, 24, 160]), "ignore_eos": True}
            key = json.dumps(body)
            connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=300)
            try:
                connection.request("POST", "/v1/completions", key, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                data = answer.read()
                with lock:
                    asked[0] += 1
                    if answer.status != 200:
                        wrong.append(f"{answer.status}: {data[:200]!r}")
                    else:
                        text = json.loads(data)["choices"][0]["text"]
                        if texts.setdefault(key, text) != text:
                            other.append({"asked": body, "first": texts[key], "then": text})
            except OSError as error:
                with lock:
                    wrong.append(repr(error))
            finally:
                connection.close()

    for name in names:
        pid_of(peer, name)
    client(0, time.monotonic() + 5)
    descriptors, bytes_before = len(os.listdir(f"/proc/{peer.process.pid}/fd")), held(peer)
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=client, args=(i + 1, until)) for i in range(CLIENTS)]
    for t in threads:
        t.start()
    dice, killed = random.Random(7), 0
    while time.monotonic() < until and killed < kills:
        time.sleep(dice.expovariate(1.1 * kills / seconds))
        process = status_of(peer, dice.choice(names)).get("process")
        if process and process["pid"]:  # else it waits to be started again
            try:
                os.kill(process["pid"], signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass
    for t in threads:
        t.join()
    for name in names:
        pid_of(peer, name)
    time.sleep(2)
    left = {"zombies": zombies_of(peer.process.pid), "descriptors": len(os.listdir(f"/proc/{peer.process.pid}/fd")) - descriptors,
            "bytes": held(peer) - bytes_before}
    peer.end()
    samples["soak"] = {"asked": asked[0], "killed": killed, "wrong": wrong[:20], "other texts": other[:20], "left": left}
    say(f"  {killed} kills under {asked[0]} requests: {len(wrong)} lost, {len(other)} texts unlike an earlier one; left behind: {left}")
    for one in wrong[:3]:
        say(f"    {one}")
    figures.append(figure(f"{killed} kills: requests lost, of {asked[0]}", len(wrong), 0))
    figures.append(figure(f"{killed} kills: texts unlike an earlier one of the same request", len(other), 0))
    figures.append(figure("kills: zombies", left["zombies"], 0))
    figures.append(figure("kills: descriptors left open", max(0, left["descriptors"]), 0))
    figures.append(figure("kills: bytes in the ledger beyond those before", left["bytes"], 0))


def measure(quick: bool) -> tuple:
    figures, samples = [], {}
    cost(quick, figures, samples)
    restart(quick, figures, samples)
    soak(quick, figures, samples)
    return figures, samples
