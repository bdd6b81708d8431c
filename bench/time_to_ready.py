"""Time from the start of a server to the moment it can be asked, at a second start of the same model; llama-server beside it."""
import pathlib
import time

from measure import (CORES, PLIMSOLL, SCRATCH, alternating, environment, figure, median, median_ratio, program, say, small_model)
from first_request import resident
from serving import Peer, large_model, requests

LIMIT, FIRST, GROWTH = 1.25, 1.25, 2 << 20
SETTINGS = {
    "the CPU, 374 M parameters in Q8_0": (large_model, ["-c", "4096", "-np", "1", "-dev", "none", "-ngl", "0"]),
    "the Vulkan software device, warm pipelines": (small_model, ["-c", "512", "-np", "1", "-b", "512", "-ub", "512", "-ngl", "99"]),
}


def start(command: list, env: dict, name: str) -> dict:
    begin = time.perf_counter()
    peer = Peer(command, env, name)
    ready = time.perf_counter() - begin
    try:
        before = resident(peer.process.pid)
        told = requests(peer)
        return told | {"ready_s": ready, "growth_bytes": max(0, resident(peer.process.pid) - before)}
    finally:
        peer.end()


def measure(quick: bool):
    figures, samples = [], {}
    for where, (model, shape) in SETTINGS.items():
        path = model()
        name = pathlib.Path(path).stem
        options = ["-m", path, *shape, "-t", str(CORES)]
        commands = {"plimsoll": [PLIMSOLL, "serve", "--cached-prompts", "0", *options], "llama-server": [program("llama-server"), *options]}
        env = environment(MESA_SHADER_CACHE_DIR=str(SCRATCH / "pipelines-ready"))
        one = lambda who: start(commands[who], env, name)
        one("plimsoll"), one("llama-server")  # the first start, after which pipelines lie on the disk and all is known
        ours, peers = alternating(1 if quick else 5, lambda: one("plimsoll"), lambda: one("llama-server"))
        samples[where] = {"plimsoll": ours, "llama-server": peers}
        ratio = median_ratio([run["ready_s"] for run in ours], [run["ready_s"] for run in peers])
        first = median(run["first_s"] / run["steady_s"] for run in ours)
        say(f"  {where}: ready {ratio:.2f} × llama-server's time, first ÷ steady {first:.2f}")
        figures.append(figure(f"second start to request-ready ÷ llama-server, {where}", ratio, LIMIT, "×",
                              ours_s=median(run["ready_s"] for run in ours), peer_s=median(run["ready_s"] for run in peers)))
        figures.append(figure(f"first ÷ steady request after a second start, {where}", first, FIRST, "×",
                              peer=median(run["first_s"] / run["steady_s"] for run in peers)))
        figures.append(figure(f"growth after ready, second start, {where}", max(run["growth_bytes"] for run in ours), GROWTH, "B",
                              peer=max(run["growth_bytes"] for run in peers)))
    return figures, samples
