"""Embedding 1,000 short texts on the CPU, plimsoll embed next to llama-server's /embedding: same model, batch, sequences and threads."""
import random
import subprocess
import time

import gguf
from first_request import call, free_port, wait_until_healthy
from measure import CORES, PLIMSOLL, RESULTS, Run, SCRATCH, alternating, environment, figure, median, median_ratio, program, say

LIMIT = 1.0
COMMON = ["-c", "4096", "-b", "512", "-ub", "512", "-np", "16", "-t", str(CORES), "--pooling", "mean"]


def model() -> str:
    path = RESULTS / "random-embedder.gguf"
    if not path.exists():
        say("  writing a model of 26 M random weights")
        gguf.random_embedder(str(path))
    return str(path)


def short_texts(count: int) -> list:
    rng = random.Random(7)
    word = lambda: "".join(rng.choices("etaoinshrdlucmfwypvbgkqjxz", k=rng.randint(2, 8)))
    return [" ".join(word() for _ in range(rng.randint(4, 12))) for _ in range(count)]


def ours(path: str, texts: list, env: dict):
    SCRATCH.mkdir(parents=True, exist_ok=True)
    file = SCRATCH / "texts"
    file.write_text("\n".join(texts) + "\n")
    told = Run([PLIMSOLL, "embed", "-m", path, *COMMON, "--device", "none", "--warm-up", "quick", "-f", str(file), "--json"], env).json()
    assert len(told["embeddings"]) == len(texts)
    return told["ms"], [one["vectors"][0] for one in told["embeddings"]]


def llama_server(path: str, texts: list, env: dict):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([program("llama-server"), "-m", path, *COMMON, "--embedding", "-kvu", "-dev", "none", "-ngl", "0", "--port", str(port)],
                              env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_healthy(server, url)
        call(url + "/embedding", {"content": texts[:16]})  # it is warm, as ours is
        begin = time.perf_counter()
        answer = call(url + "/embedding", {"content": texts}, timeout=600)
        ms = (time.perf_counter() - begin) * 1000
        assert len(answer) == len(texts), answer
        return ms, [one["embedding"][0] for one in sorted(answer, key=lambda one: one["index"])]
    finally:
        server.kill()
        server.wait()


def furthest(mine: list, theirs: list) -> float:
    return max(abs(a - b) for x, y in zip(mine, theirs, strict=True) for a, b in zip(x, y, strict=True))


def measure(quick: bool):
    env, path = environment(), model()
    texts, count = short_texts(1000), 2 if quick else 7
    our_runs, peer_runs = alternating(count, lambda: ours(path, texts, env), lambda: llama_server(path, texts, env))
    mine, theirs = [ms for ms, _ in our_runs], [ms for ms, _ in peer_runs]
    difference = furthest(our_runs[0][1], peer_runs[0][1])
    say(f"  plimsoll {median(mine):.0f} ms, llama-server {median(theirs):.0f} ms, numbers differ by {difference:.1e} at most")
    figures = [figure("texts embedded per second ÷ llama-server, 1000 short texts", median_ratio(theirs, mine), LIMIT, "×", at_least=True,
                      ours_per_s=1e6 / median(mine), peer_per_s=1e6 / median(theirs), unit_per_s="texts/s"),
               figure("numbers of the vectors, furthest from llama-server's", difference, 1e-3)]
    return figures, {"model": path, "threads": CORES, "plimsoll_ms": mine, "llama-server_ms": theirs}
