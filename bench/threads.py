"""How the CPU's threads wait for one another: one stream of `plimsoll serve` beside llama-server's on an idle machine and
beside programs of lower priority, and `plimsoll bench` over the number of looks that a thread takes before it sleeps
(GOMP_SPINCOUNT)."""
import contextlib
import os
import subprocess
import sys

from measure import CORES, PLIMSOLL, Run, alternating, environment, figure, median, median_ratio, say
from serving import large_model, pair, together

IDLE, BUSY, STREAM = 1.02, 2.0, 0.97
# Looks, and what they are called: without a word libgomp takes 300,000 (3 to 14 ms); 0 is a sleep at once.
SPINS = {"bounded": {}, "asleep at once": {"OMP_WAIT_POLICY": "passive"}, "as libgomp does": {"GOMP_SPINCOUNT": "300000"},
         "for ever": {"GOMP_SPINCOUNT": "30000000000"}, "1,000 looks": {"GOMP_SPINCOUNT": "1000"},
         "10,000 looks": {"GOMP_SPINCOUNT": "10000"}, "30,000 looks": {"GOMP_SPINCOUNT": "30000"}}
WORK = "x = 1\nwhile True: x = x * 3 % 1000003"
NICE = 10
SLOWED = 1024 / (1024 + 110)  # our share of a processor beside one program of nice 10, by the kernel's weights


@contextlib.contextmanager
def beside_work(count: int):
    workers = [subprocess.Popen(["nice", "-n", str(NICE), sys.executable, "-c", WORK]) for _ in range(count)]
    try:
        yield
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def token_ms(spin: dict, tokens: int) -> float:
    """A token of one stream, the median of the program's own repetitions."""
    env = {k: v for k, v in environment().items() if k not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")} | spin
    done = Run([PLIMSOLL, "bench", "-m", large_model(), "-dev", "none", "-t", str(CORES), "-p", "8", "-n", str(tokens), "-r", "3",
                "--warm-up", "quick", "--json"], env)
    return 1000 / next(one["median_tokens_per_s"] for one in done.json()["tests"] if one["test"].startswith("tg"))


def spins(quick: bool, figures: list, samples: dict) -> None:
    rounds, tokens = (1, 8) if quick else (5, 32)
    for state, work in (("idle", 0), ("busy", CORES)):
        took = {name: [] for name in SPINS}
        with beside_work(work):
            for i in range(rounds):  # each kind once a round, so that somebody else's work hits all
                for name in list(SPINS)[:: 1 if i % 2 == 0 else -1]:
                    took[name].append(token_ms(SPINS[name], tokens))
        samples[f"ms a token, {state}"] = took
        for name in SPINS:
            say(f"  {state}, {name}: {median(took[name]):.2f} ms a token")
        if state == "idle":
            best = median_ratio(took["bounded"], took["for ever"])
            figures.append(figure("ms a token, bounded waiting ÷ looking for ever, idle", best, IDLE, "×"))
            alone = median(took["bounded"])
        else:
            share = alone / SLOWED
            figures.append(figure(f"ms a token beside {work} programs of nice {NICE} ÷ ours of the processor's share",
                                  median(took["bounded"]) / share, BUSY, "×", ours_ms=median(took["bounded"]), share_ms=share))


def beside_the_peer(quick: bool, figures: list, samples: dict) -> None:
    ours, theirs = pair(large_model(), 4096, 8, ["-dev", "none", "-ngl", "0"], environment())
    try:
        for state, work in (("idle", 0), (f"beside {CORES} programs of nice {NICE}", CORES)):
            for count in (1, 8):
                prompts = [f"Tell me of ship {i}." for i in range(count)]
                with beside_work(work):
                    together(ours, prompts), together(theirs, prompts)
                    mine, peers = alternating(1 if quick else 5, lambda: together(ours, prompts), lambda: together(theirs, prompts))
                name = f"{count} stream{'s' if count > 1 else ''}, {state}"
                samples[name] = {"plimsoll": mine, "llama-server": peers}
                speed = median_ratio([m["tokens_per_s"] for m in mine], [p["tokens_per_s"] for p in peers])
                say(f"  {name}: {speed:.3f} × llama-server's tokens per second")
                figures.append(figure(f"tokens per second ÷ llama-server, {name}", speed, STREAM, "×", at_least=True))
    finally:
        ours.end(), theirs.end()


def measure(quick: bool) -> tuple[list, dict]:
    figures, samples = [], {"cores": len(os.sched_getaffinity(0))}
    spins(quick, figures, samples)
    beside_the_peer(quick, figures, samples)
    return figures, samples
