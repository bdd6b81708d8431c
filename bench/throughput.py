"""Tokens per second on the CPU, plimsoll bench next to llama-bench on the same model, alternating; prompt and generation apart."""
import gguf
from measure import CORES, PLIMSOLL, RESULTS, Run, alternating, environment, figure, median, median_ratio, program, say

LIMIT = 0.97


def model() -> str:
    path = RESULTS / "random-134m.gguf"
    if not path.exists():
        say("  writing a model of 134 M random weights")
        gguf.random_weights(str(path))
    return str(path)


def measure(quick: bool):
    env, path = environment(), model()
    prompt, generate, count = (128, 32, 2) if quick else (512, 128, 9)
    sizes = ["-p", str(prompt), "-n", str(generate), "-r", "1", "-t", str(CORES)]
    ours_command = [PLIMSOLL, "bench", "-m", path, *sizes, "--device", "none", "--warm-up", "quick", "--json"]
    peer_command = [program("llama-bench"), "-m", path, *sizes, "-dev", "none", "-ngl", "0", "-o", "json"]

    def ours():
        return {one["test"][:2]: one["median_tokens_per_s"] for one in Run(ours_command, env).json()["tests"]}

    def peer():
        return {"pp" if one["n_prompt"] else "tg": one["avg_ts"] for one in Run(peer_command, env).json()}

    our_runs, peer_runs = alternating(count, ours, peer)
    figures = []
    for test, name in (("pp", f"prompt of {prompt}"), ("tg", f"generating {generate}")):
        mine, theirs = [run[test] for run in our_runs], [run[test] for run in peer_runs]
        figures.append(figure(f"tokens per second ÷ llama-bench, {name}", median_ratio(mine, theirs), LIMIT, "×", at_least=True,
                              ours_per_s=median(mine), peer_per_s=median(theirs)))
    return figures, {"model": path, "threads": CORES, "plimsoll": our_runs, "llama-bench": peer_runs}
