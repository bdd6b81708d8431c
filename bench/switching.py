"""Two models within a budget for one: from a request to its first token after a switch, llama-server's router (--models-max 1) beside it;
models of one size that fit within a budget at once; the host's own time beside a request."""
import os
import pathlib
import subprocess
import time

import gguf
from first_request import call, free_port, resident, wait_until_healthy
from measure import CORES, PLIMSOLL, RESULTS, Run, alternating, environment, figure, fresh_folder, median, program, say

SWITCH, TOGETHER, OWN_US = 0.25, 1.3, 100
PROMPT = "Once upon a time"


def long_prompt(context: str) -> str:
    """More than half of it: a token for each letter, in these vocabularies. A server takes the memory for a prompt when the prompt comes,
    and what is counted is what it needs then."""
    return "the ship and its crew " * (int(context) // 36)


LARGE = ("random-374m-q8_0", lambda path: gguf.random_large(path, "Q8_0"))
GROUPED = ("random-376m-grouped-q8_0", lambda path: gguf.random_grouped(path, "Q8_0"))
SMALL = ("random-embedder", gguf.random_embedder)
CASES = {
    "CPU": {"what": "374 M parameters in Q8_0, CPU", "context": "2048", "batch": "2048", "model": LARGE},
    "Vulkan0": {"what": "26 M parameters, Vulkan software device", "context": "512", "batch": "64", "model": SMALL},
}
TOGETHER_CASES = [
    {"device": "CPU", "what": "374 M parameters in Q8_0, a head of keys for each query, CPU", "budget": "2GiB", "most": 24, "model": LARGE},
    {"device": "CPU", "what": "376 M parameters in Q8_0, a head of keys for three queries, CPU", "budget": "2GiB", "most": 40, "model": GROUPED},
    {"device": "Vulkan0", "what": "26 M parameters, Vulkan software device", "budget": "512MiB", "most": 24, "model": SMALL},
]


def written(model: tuple) -> pathlib.Path:
    name, write = model
    path = RESULTS / f"{name}.gguf"
    if not path.exists():
        say(f"  writing {path.name}")
        write(str(path))
    return path


def models(device: str) -> list:
    """One file under two names: what is compared is the switch, and the page cache is the same for both sides."""
    path = written(CASES[device]["model"])
    folder = pathlib.Path(fresh_folder(f"switching-{device}"))
    links = [folder / f"{letter}.gguf" for letter in "ab"]
    for link in links:
        os.link(path, link)
    return [str(link) for link in links]


def flags(device: str) -> list:
    case = CASES[device]
    placed = ["-dev", "none", "-ngl", "0"] if device == "CPU" else ["-dev", device, "-ngl", "99"]
    return ["-c", case["context"], "-b", case["batch"], "-ub", str(min(512, int(case["batch"]))), "-np", "1", "-t", str(CORES), *placed]


def store_of(env: dict) -> str:
    return str(pathlib.Path(env["XDG_CACHE_HOME"]) / "plimsoll/plimsoll.db")


def ours(device: str, paths: list, rounds: int, env: dict) -> dict:
    case = CASES[device]
    told = Run([program("switching"), "--store", store_of(env), *[word for path in paths for word in ("-m", path)], "--device", device, "-c", case["context"],
                "-b", case["batch"], "-t", str(CORES), "--rounds", str(rounds)], env).json()
    assert told["other_evicted"] and told["continued_exactly"] and told["loads"] == 2 * (rounds + 2), told
    return told


def router(device: str, paths: list, rounds: int, env: dict) -> list:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([program("llama-server"), "--models-dir", os.path.dirname(paths[0]), "--models-max", "1", *flags(device),
                               "--port", str(port)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_healthy(server, url)
        times = []
        for i in range(2 * (rounds + 2)):
            begin = time.perf_counter()
            call(url + "/v1/completions", {"model": "ab"[i % 2], "prompt": PROMPT, "max_tokens": 1, "temperature": 0}, timeout=600)
            times.append((time.perf_counter() - begin) * 1000)
        return times[4:]
    finally:
        server.terminate()
        server.wait()


def private_bytes(device: str, path: str, env: dict) -> int:
    """One llama-server after a prompt that fills most of its context, page cache not counted."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([program("llama-server"), "-m", path, *flags(device), "--port", str(port)], env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_healthy(server, url)
        call(url + "/completion", {"prompt": long_prompt(CASES[device]["context"]), "n_predict": 2, "temperature": 0}, timeout=600)
        return resident(server.pid)
    finally:
        server.terminate()
        server.wait()


def size(text: str) -> int:
    return int(text[:-3]) << {"MiB": 20, "GiB": 30}[text[-3:]]


def calibrate(device: str, path: str, env: dict) -> None:
    """The line is drawn from a plan, and the plan of the runtime stage is an estimate until it was measured; then it is the largest that was
    measured. Pipelines that are compiled take more than those from the cache, and within a budget for those both models would fit: so the
    second measurement counts alone."""
    for _ in range(2):
        Run([PLIMSOLL, "calibrate", "--forget"], env)
        Run([PLIMSOLL, "calibrate", "-m", path, *flags(device)], env)


def measure(quick: bool):
    figures, samples, environments = [], {}, {}
    for device, case in CASES.items():
        paths, rounds, count = models(device), 3 if quick else 5, 1 if quick else 3
        env = environments[device] = environment(MESA_SHADER_CACHE_DIR=fresh_folder(f"pipelines-switching-{device}"),
                          XDG_CACHE_HOME=fresh_folder(f"cache-switching-{device}"))
        if device != "CPU":
            calibrate(device, paths[0], env)
        told, peer = alternating(count, lambda: ours(device, paths, rounds, env), lambda: router(device, paths, rounds, env))
        mine = [median(one["first_token_ms"]) for one in told]
        theirs = [median(one) for one in peer]
        samples[device] = {"plimsoll": told, "llama-server": peer}
        say(f"  {device}: {median(mine):.0f} ms, router {median(theirs):.0f} ms")
        figures.append(figure(f"switch, request to first token ÷ llama-server's router, {case['what']}",
                              median(a / b for a, b in zip(mine, theirs, strict=True)), SWITCH, "×", ours_ms=median(mine), peer_ms=median(theirs)))
    samples["together"] = []
    for case in TOGETHER_CASES:
        device, path = case["device"], str(written(case["model"]))
        env = environments[device]
        one = private_bytes(device, path, env)
        fit = Run([program("switching"), "--store", store_of(env), "-m", path, "--device", device, "-c", CASES[device]["context"], "-b", CASES[device]["batch"],
                   "-t", str(CORES), "--together", case["budget"], "--most", str(case["most"])], env).json()
        assert fit["ready"] < case["most"], "more would fit than were tried"
        samples["together"].append({"what": case["what"], "together": fit, "llama_server_private_bytes": one})
        peers = size(case["budget"]) // one
        say(f"  under {case['budget']}: {fit['ready']}, llama-server processes {peers}; {case['what']}")
        figures.append(figure(f"models ready at once under {case['budget']} ÷ llama-server processes, {case['what']}", fit["ready"] / max(1, peers),
                              TOGETHER, "×", at_least=True, ours_count=fit["ready"], peer_count=peers, peer_bytes=one))
    env = environment()
    tiny = str(RESULTS.parent.parent / "models/demo/bosun-log.gguf")
    own = [Run([program("switching"), "-m", tiny, "-c", "256", "-b", "64", "-t", "1", "--own"], env).json() for _ in range(1 if quick else 5)]
    samples["own"] = own
    figures.append(figure("the host's own time, acquire to first decode, model ready", median(one["hosted_us"] - one["bare_us"] for one in own),
                          OWN_US, "µs", acquire_us=median(one["acquire_us"] for one in own)))
    return figures, samples
