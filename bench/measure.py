"""What every benchmark needs: where things are, timed commands, medians, the machine's header, and figures with their limits."""
import datetime
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = pathlib.Path(os.environ.get("PLIMSOLL_BENCH_BIN", ROOT / "build/release/bin"))
RESULTS = ROOT / "build/bench"
SCRATCH = RESULTS / "scratch"
PLIMSOLL = str(PROGRAMS / "plimsoll")
CORES = os.cpu_count() or 1


class Unable(Exception):
    """A benchmark cannot be run here; says what is missing."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def program(name: str) -> str:
    path = PROGRAMS / name if (PROGRAMS / name).exists() else shutil.which(name)
    if not path:
        raise Unable(f"{name} is not there")
    return str(path)


def small_model() -> str:
    """A model with a vocabulary, small enough for the software GPU."""
    candidates = [ROOT.parent / "shared/models/aidreams260K.gguf"]
    candidates += sorted(ROOT.glob("models/demo/*.gguf"), key=lambda path: path.stat().st_size)
    for path in candidates:
        if path.exists():
            return str(path)
    raise Unable("no small model is there (models/demo/*.gguf)")


def fresh_folder(name: str) -> str:
    path = SCRATCH / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return str(path)


def environment(**changes: str) -> dict:
    """The software GPU is switched on; nothing of the user's settings or caches is touched."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PLIMSOLL_", "LLAMA_ARG_")) or k == "PLIMSOLL_IN_ROOT"}
    return clean | {"GGML_VK_VISIBLE_DEVICES": "0", "XDG_CACHE_HOME": str(SCRATCH / "cache"),
                    "XDG_CONFIG_HOME": str(SCRATCH / "config")} | changes


class Run:
    def __init__(self, command, env, ok=(0,)):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        self.wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.out, self.err, self.status = done.stdout, done.stderr, done.returncode
        if done.returncode not in ok:
            raise Unable(f"'{' '.join(map(str, command))}' ended with status {done.returncode}:\n{done.stderr[-2000:]}")

    def json(self):
        return json.loads(self.out)


def median(values) -> float:
    return statistics.median(values)


def median_ratio(ours, theirs) -> float:
    """Of pairs measured one after the other, so that a busy moment hits both."""
    return median(a / b for a, b in zip(ours, theirs, strict=True))


def alternating(count: int, first, second):
    """Runs two measurements side by side: a b, b a, a b ... Answers both lists."""
    ours, theirs = [], []
    for i in range(count):
        for measure, into in ((first, ours), (second, theirs))[:: 1 if i % 2 == 0 else -1]:
            into.append(measure())
    return ours, theirs


def figure(name: str, value, limit, unit: str = "", at_least: bool = False, **details) -> dict:
    reached = value >= limit if at_least else value <= limit
    return {"figure": name, "value": value, "unit": unit, "limit": limit, "at_least": at_least, "reached": reached} | details


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.M)
    return found.group(1).strip() if found else "unknown"


def machine() -> dict:
    def package(name):
        asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True)
        return asked.stdout or "unknown"

    versions = subprocess.run([PLIMSOLL, "--version"], capture_output=True, text=True).stdout
    return {
        "cpu": _first(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text()),
        "cores": CORES,
        "memory_bytes": int(_first(r"^MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())) * 1024,
        "kernel": platform.release(),
        "plimsoll": _first(r"^plimsoll (\S+)", versions),
        "llama.cpp": _first(r"llama\.cpp ([^,)]+)", versions),
        "ggml": _first(r"ggml ([^,)]+)", versions),
        "mesa": package("mesa-vulkan-drivers"),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        # Well above 0 at the start: somebody else was using the machine.
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def keep(name: str, quick: bool, figures: list, samples: dict, header: dict) -> pathlib.Path:
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    result = {"schema": "plimsoll.benchmark/1", "benchmark": name, "quick": quick,
              "machine": header | {"load_at_end": round(os.getloadavg()[0], 2)}, "figures": figures, "samples": samples}
    unfinished.write_text(json.dumps(result, indent=2) + "\n")
    unfinished.replace(path)
    return path
