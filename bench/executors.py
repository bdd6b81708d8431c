"""Conversations on one context: eight together next to the same eight one after another; what a stateless call costs beside its decodes."""
import gguf
from measure import CORES, RESULTS, Run, environment, figure, median, program, say, small_model

TOGETHER = 2.0  # times the tokens per second of one after another
OWN_MS = 1.0


def model() -> str:
    path = RESULTS / "random-374m.gguf"
    if not path.exists():
        say("  writing a model of 374 M random weights")
        gguf.random_large(str(path))
    return str(path)


def measure(quick: bool):
    env, path = environment(), model()
    tokens, count = (16, 1) if quick else (128, 3)
    command = [program("executors"), "-m", path, "-t", str(CORES), "--conversations", "8", "--tokens", str(tokens)]
    runs = [Run(command, env).json() for _ in range(count)]
    ratios = [one["together_tokens_per_s"] / one["one_by_one_tokens_per_s"] for one in runs]
    own = Run([program("executors"), "-m", small_model(), "-t", str(CORES), "--stateless"], env).json()
    figures = [
        figure(f"8 conversations of {tokens} tokens together ÷ one after another, tokens per second", median(ratios), TOGETHER, "×",
               at_least=True, together_per_s=median([one["together_tokens_per_s"] for one in runs]),
               one_by_one_per_s=median([one["one_by_one_tokens_per_s"] for one in runs])),
        figure("a stateless call's own time beside its decode", own["median_own_ms"], OWN_MS, "ms"),
        figure(f"ggml buffers made by {own['calls']} stateless calls", own["buffers_made"], 0),
    ]
    return figures, {"model": path, "threads": CORES, "batched": runs, "stateless": own}
