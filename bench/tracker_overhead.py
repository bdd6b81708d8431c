"""Tracker: what being watched adds to one allocation of a small CPU buffer, allocated and freed."""
from measure import Run, environment, figure, program

LIMIT_US = 5.0


def measure(quick: bool):
    command = [program("tracker_overhead"), "--benchmark_format=json", "--benchmark_enable_random_interleaving=true",
               f"--benchmark_repetitions={3 if quick else 15}", f"--benchmark_min_time={0.02 if quick else 0.1}s"]
    result = Run(command, environment()).json()
    for one in result["benchmarks"]:
        assert not one.get("error_occurred"), one
    ns = {one["run_name"]: one["cpu_time"] for one in result["benchmarks"] if one.get("aggregate_name") == "median"}
    added = {name: (ns[name] - ns["ggml_alone"]) / 1000 for name in ("hook_unwatched", "watched_open", "watched_sealed")}
    figures = [
        figure("tracker: added to one allocation while a model loads", added["watched_open"], LIMIT_US, "µs"),
        figure("tracker: added to one allocation after the seal", added["watched_sealed"], LIMIT_US, "µs"),
    ]
    return figures, {"median_ns": ns, "added_us": added, "benchmarks": result["benchmarks"]}
