"""Conversations on one context: eight together next to the same eight one after another; what a stateless call costs beside its decodes."""
import gguf
from measure import CORES, RESULTS, Run, environment, figure, median, program, say, small_model

TOGETHER = 2.0  # times the tokens per second of one after another
OWN_MS = 1.0


def model(kind: str) -> str:
    path = RESULTS / f"random-374m-{kind.lower()}.gguf"
    if not path.exists():
        say(f"  writing a model of 374 M random weights in {kind}")
        gguf.random_large(str(path), kind)
    return str(path)


def measure(quick: bool):
    env = environment()
    tokens, count = (16, 1) if quick else (128, 3)
    figures, samples = [], {"threads": CORES}
    for kind in ("F16", "Q8_0"):
        command = [program("executors"), "-m", model(kind), "-t", str(CORES), "--conversations", "8", "--tokens", str(tokens)]
        runs = samples[kind] = [Run(command, env).json() for _ in range(count)]
        figures.append(figure(f"8 conversations of {tokens} tokens together ÷ one after another, 374 M parameters in {kind}",
                              median([one["together_tokens_per_s"] / one["one_by_one_tokens_per_s"] for one in runs]), TOGETHER, "×",
                              at_least=True, ours_per_s=median([one["together_tokens_per_s"] for one in runs]),
                              peer_per_s=median([one["one_by_one_tokens_per_s"] for one in runs])))
    own = samples["stateless"] = Run([program("executors"), "-m", small_model(), "-t", str(CORES), "--stateless"], env).json()
    figures += [
        figure("a stateless call's own time beside its decode", own["median_own_ms"], OWN_MS, "ms"),
        figure(f"ggml buffers made by {own['calls']} stateless calls", own["buffers_made"], 0),
    ]
    return figures, samples
