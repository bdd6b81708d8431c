"""Token overhead: what a token costs outside llama_decode with a vocabulary of 128,256, on the CPU."""
from measure import Run, environment, figure, fresh_folder, program

LIMITS_MS = {"greedy": 0.15, "top_k": 0.4, "penalties": 0.4}
NAMES = {"greedy": "greedy", "top_k": "top-k 40, top-p, min-p", "penalties": "top-k 40, top-p, min-p, penalties"}


def measure(quick: bool):
    command = [program("token_overhead"), "--folder", fresh_folder("token-overhead"), "--rounds", str(3 if quick else 15)]
    told = Run(command, environment()).json()
    ways = {one["way"]: one for one in told["ways"]}
    for name, one in ways.items():
        assert one["same_tokens"], f"{name}: other tokens than from a list of the whole vocabulary"
    return [
        figure(f"a token outside llama_decode, {NAMES[name]}", ways[name]["ours_ms"], limit, "ms",
               listed_ms=ways[name]["listed_ms"])
        for name, limit in LIMITS_MS.items()
    ], told
