"""Conversations on one context: eight together next to the same eight one after another, and the engine's own llama-batched-bench with the
same; what a stateless call costs beside its decodes."""
import json

import gguf
from measure import CORES, RESULTS, Run, alternating, environment, figure, median, program, say, small_model

TOGETHER = 2.0  # times the tokens per second of one after another
OWN_MS = 1.0


def model(kind: str) -> str:
    path = RESULTS / f"random-374m-{kind.lower()}.gguf"
    if not path.exists():
        say(f"  writing a model of 374 M random weights in {kind}")
        gguf.random_large(str(path), kind)
    return str(path)


def engines_own(path: str, tokens: int, env: dict) -> float:
    """Eight sequences ÷ one, tokens per second while generating, as llama-batched-bench measures it."""
    command = [program("llama-batched-bench"), "-m", path, "-c", "4096", "-b", "512", "-ub", "512", "-npp", "1", "-ntg", str(tokens),
               "-npl", "1,8", "-t", str(CORES), "-dev", "none", "-ngl", "0", "--output-format", "jsonl"]
    lines = [json.loads(line) for line in Run(command, env).out.splitlines() if line.startswith("{")]
    speed = {line["pl"]: line["speed_tg"] for line in lines}
    return speed[8] / speed[1]


def measure(quick: bool):
    env = environment()
    tokens, count = (16, 1) if quick else (128, 3)
    figures, samples = [], {"threads": CORES}
    for kind in ("BF16", "F16", "Q8_0"):
        command = [program("executors"), "-m", model(kind), "-t", str(CORES), "--conversations", "8", "--tokens", str(tokens)]
        runs, peers = samples[kind] = alternating(count, lambda: Run(command, env).json(), lambda: engines_own(model(kind), tokens, env))
        figures.append(figure(f"8 conversations of {tokens} tokens together ÷ one after another, 374 M parameters in {kind}",
                              median([one["together_tokens_per_s"] / one["one_by_one_tokens_per_s"] for one in runs]), TOGETHER, "×",
                              at_least=True, ours_per_s=median([one["together_tokens_per_s"] for one in runs]),
                              peer_per_s=median([one["one_by_one_tokens_per_s"] for one in runs]), engines_own=median(peers)))
    own = samples["stateless"] = Run([program("executors"), "-m", small_model(), "-t", str(CORES), "--stateless"], env).json()
    figures += [
        figure("a stateless call's own time beside its decode", own["median_own_ms"], OWN_MS, "ms"),
        figure(f"ggml buffers made by {own['calls']} stateless calls", own["buffers_made"], 0),
    ]
    return figures, samples
