"""First request ÷ steady request after readiness, on the Vulkan software device, in fresh processes; llama-server beside it."""
import json
import socket
import subprocess
import time
import urllib.request

from measure import (CORES, PLIMSOLL, Run, SCRATCH, Unable, environment, figure, fresh_folder, median, program, say, small_model)

LIMIT = 1.25
PROMPT = "Once upon a time there was a little boat that wanted to see the sea. One day"
PREDICT = 16
STEADY = 5  # as plimsoll generate --report does
CONTEXT = ["-c", "256", "-b", "64", "-ub", "64", "-np", "1", "-ngl", "99", "-t", str(CORES)]


def ours(model: str, env: dict) -> dict:
    report = str(SCRATCH / "first-request.json")
    run = Run([PLIMSOLL, "generate", "-m", model, *CONTEXT, "-p", PROMPT, "-n", str(PREDICT), "--temp", "0", "--ignore-eos",
               "--report", report], env)
    with open(report) as file:
        told = json.load(file)
    timing = told["timing"]
    return {"first_ms": timing["first_request_ms"], "steady_ms": timing["steady_request_ms"], "ready_s": run.wall,
            "warm_up_ms": timing["warm_up_ms"], "pipeline_cache": told["pipeline_cache"],
            "growth_after_ready_bytes": told["growth_after_ready_bytes"], "seal": told["seal"]}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call(url: str, body=None, timeout=120):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        return json.loads(answer.read())


def wait_until_healthy(server, url: str) -> None:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Unable(f"llama-server ended with status {server.returncode}")
        try:
            if call(url + "/health", timeout=10).get("status") == "ok":
                return
        except OSError:  # not listening yet, or still loading
            time.sleep(0.02)
    raise Unable("llama-server never became healthy")


def resident(pid: int) -> int:
    with open(f"/proc/{pid}/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return sum(int(lines[key].split()[0]) for key in ("RssAnon", "RssShmem")) * 1024


def llama_server(model: str, env: dict, before_it: tuple = ()) -> dict:
    """`before_it`: what the server is started by."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    start = time.monotonic()
    server = subprocess.Popen([*before_it, program("llama-server"), "-m", model, *CONTEXT, "--port", str(port)], env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_healthy(server, url)
        ready = time.monotonic() - start
        before, times = resident(server.pid), []
        for _ in range(1 + STEADY):
            begin = time.perf_counter()
            answer = call(url + "/completion", {"prompt": PROMPT, "n_predict": PREDICT, "temperature": 0, "cache_prompt": False,
                                                "ignore_eos": True})
            times.append((time.perf_counter() - begin) * 1000)
        assert answer["tokens_predicted"] == PREDICT, answer
        return {"first_ms": times[0], "steady_ms": median(times[1:]), "ready_s": ready,
                "growth_after_ready_bytes": max(0, resident(server.pid) - before)}
    finally:
        server.kill()
        server.wait()


def measure(quick: bool):
    model, count = small_model(), 1 if quick else 5
    samples, figures = {"model": model}, []
    for state in ("cold", "warm"):
        runs = samples[state] = {"plimsoll": [], "llama-server": []}
        for i in range(count + (state == "warm")):
            for name, one in (("plimsoll", ours), ("llama-server", llama_server))[:: 1 if i % 2 == 0 else -1]:
                folder = fresh_folder(f"pipelines-{name}") if state == "cold" else str(SCRATCH / f"pipelines-{name}-warm")
                figures_of_run = one(model, environment(MESA_SHADER_CACHE_DIR=folder))
                if state == "warm" and i == 0:  # fills the cache
                    continue
                runs[name].append(figures_of_run)
                say(f"  {state} {name}: first {figures_of_run['first_ms']:.1f} ms, steady {figures_of_run['steady_ms']:.1f} ms")
        ratio = {name: median(run["first_ms"] / run["steady_ms"] for run in all_runs) for name, all_runs in runs.items()}
        middle = {name: {key: median(run[key] for run in all_runs) for key in ("first_ms", "steady_ms", "growth_after_ready_bytes")}
                  for name, all_runs in runs.items()}
        figures.append(figure(f"first ÷ steady request, {state} pipeline cache", ratio["plimsoll"], LIMIT, "×",
                              llama_server=ratio["llama-server"], ours=middle["plimsoll"], peer=middle["llama-server"]))
    return figures, samples
