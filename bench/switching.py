"""Two models under a line for one: from a request to its first token after a switch, llama-server's router (--models-max 1) beside it;
models of one size that fit under a line at once; the host's own time beside a request."""
import os
import pathlib
import subprocess
import time

import gguf
from first_request import call, free_port, resident, wait_until_healthy
from measure import CORES, RESULTS, Run, alternating, environment, figure, fresh_folder, median, program, say

SWITCH, TOGETHER, OWN_US = 0.25, 1.3, 100
PROMPT = "Once upon a time"
CASES = {
    "CPU": {"what": "374 M parameters in Q8_0, CPU", "context": "2048", "batch": "2048", "line": "2GiB", "most": 16},
    "Vulkan0": {"what": "26 M parameters, Vulkan software device", "context": "2048", "batch": "64", "line": "1GiB", "most": 24},
}


def models(device: str) -> list:
    """One file under two names: what is compared is the switch, and the page cache is the same for both sides."""
    name, write = (("random-374m-q8_0", lambda path: gguf.random_large(path, "Q8_0")) if device == "CPU"
                   else ("random-embedder", gguf.random_embedder))
    path = RESULTS / f"{name}.gguf"
    if not path.exists():
        say(f"  writing {path.name}")
        write(str(path))
    folder = pathlib.Path(fresh_folder(f"switching-{device}"))
    links = [folder / f"{letter}.gguf" for letter in "ab"]
    for link in links:
        os.link(path, link)
    return [str(link) for link in links]


def flags(device: str) -> list:
    case = CASES[device]
    placed = ["-dev", "none", "-ngl", "0"] if device == "CPU" else ["-dev", device, "-ngl", "99"]
    return ["-c", case["context"], "-b", case["batch"], "-ub", str(min(512, int(case["batch"]))), "-np", "1", "-t", str(CORES), *placed]


def ours(device: str, paths: list, rounds: int, env: dict) -> dict:
    case = CASES[device]
    told = Run([program("switching"), *[word for path in paths for word in ("-m", path)], "--device", device, "-c", case["context"],
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
    """One llama-server after a request, page cache not counted."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([program("llama-server"), "-m", path, *flags(device), "--port", str(port)], env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_healthy(server, url)
        call(url + "/completion", {"prompt": PROMPT, "n_predict": 2, "temperature": 0})
        return resident(server.pid)
    finally:
        server.terminate()
        server.wait()


def size(text: str) -> int:
    return int(text.removesuffix("GiB")) << 30


def measure(quick: bool):
    figures, samples = [], {}
    for device, case in CASES.items():
        paths, rounds, count = models(device), 3 if quick else 5, 1 if quick else 3
        env = environment(MESA_SHADER_CACHE_DIR=fresh_folder(f"pipelines-switching-{device}"))
        samples[device] = {}
        # On a device whose runtime is an estimate until it is measured, no line for one alone can be drawn beforehand: once measured,
        # both fit under it.
        if device == "CPU":
            told, peer = alternating(count, lambda: ours(device, paths, rounds, env), lambda: router(device, paths, rounds, env))
            mine = [median(one["first_token_ms"]) for one in told]
            theirs = [median(one) for one in peer]
            samples[device] |= {"plimsoll": told, "llama-server": peer}
            say(f"  {device}: {median(mine):.0f} ms, router {median(theirs):.0f} ms")
            figures.append(figure(f"switch, request to first token ÷ llama-server's router, {case['what']}",
                                  median(a / b for a, b in zip(mine, theirs, strict=True)), SWITCH, "×",
                                  ours_ms=median(mine), peer_ms=median(theirs)))
        one = private_bytes(device, paths[0], env)
        fit = Run([program("switching"), "-m", paths[0], "--device", device, "-c", case["context"], "-b", case["batch"], "-t", str(CORES),
                   "--together", case["line"], "--most", str(case["most"])], env).json()
        samples[device] |= {"together": fit, "llama_server_private_bytes": one}
        peers = size(case["line"]) // one
        figures.append(figure(f"models ready at once under {case['line']} ÷ llama-server processes, {case['what']}", fit["ready"] / max(1, peers),
                              TOGETHER, "×", at_least=True, ours_count=fit["ready"], peer_count=peers))
    env = environment()
    tiny = str(RESULTS.parent.parent / "models/demo/bosun-log.gguf")
    own = [Run([program("switching"), "-m", tiny, "-c", "256", "-b", "64", "-t", "1", "--own"], env).json() for _ in range(1 if quick else 5)]
    samples["own"] = own
    figures.append(figure("the host's own time, acquire to first decode, model ready", median(one["hosted_us"] - one["bare_us"] for one in own),
                          OWN_US, "µs", acquire_us=median(one["acquire_us"] for one in own)))
    return figures, samples
