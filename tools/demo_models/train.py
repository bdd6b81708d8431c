"""Trains one of the two demo models on the processor: train.py bosun|mate CHECKPOINT."""

import math
import random
import sys
import time
from dataclasses import dataclass

import torch
from torch.nn import functional as F

import corpus
from model import Shape, Transformer

SHAPES = {
    "bosun": dict(architecture="llama", layers=4, width=128, ffn=352, heads=4, kv_heads=2, head_dim=64, tied=False),
    "mate": dict(architecture="qwen3", layers=4, width=128, ffn=384, heads=4, kv_heads=2, head_dim=64, tied=True),
}
SEEDS = {"bosun": 1, "mate": 2}


@dataclass(frozen=True)
class Leg:
    steps: int
    rate: float  # the largest learning rate
    day_weight: float  # of the number of the day: a reader sees a wrong one at once
    careless: float = 0.0  # part of the questions without capital letter and question mark
    seed: int = corpus.SEED  # of the text


LEGS = {
    "bosun": [Leg(steps=500, rate=3e-3, day_weight=1.0),
              Leg(steps=120, rate=1e-3, day_weight=4.0, seed=corpus.SEED + 2)],
    "mate": [Leg(steps=700, rate=3e-3, day_weight=1.0),
             Leg(steps=180, rate=1e-3, day_weight=4.0, careless=0.4, seed=corpus.SEED + 2)],
}
TOKENS_PER_STEP = 2048
SHORT, LONG, LONG_FROM = 256, 1024, 0.85  # row lengths; the last steps learn the whole context
WARM_UP, LAST_RATE = 40, 1e-4


def rate(step: int, leg: Leg) -> float:
    if step < WARM_UP:
        return leg.rate * (step + 1) / WARM_UP
    done = (step - WARM_UP) / (leg.steps - WARM_UP)
    return LAST_RATE + (leg.rate - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done))


def batch(name: str, streams: tuple, rng: random.Random, length: int) -> tuple[torch.Tensor, ...]:
    log, talk = streams
    rows = TOKENS_PER_STEP // length
    if name == "bosun":
        return log.rows(rng, rows, length, corpus.ANY_PLACE)
    parts = log.rows(rng, rows // 2, length, corpus.ANY_PLACE), talk.rows(rng, rows - rows // 2, length)
    return tuple(torch.cat(pair) for pair in zip(*parts))


def loss_of(model: Transformer, inputs: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    losses = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten(), reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum()


def optimizer_for(model: Transformer) -> torch.optim.Optimizer:
    matrices = [p for p in model.parameters() if p.dim() == 2]
    norms = [p for p in model.parameters() if p.dim() != 2]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": norms, "weight_decay": 0.0}],
                             betas=(0.9, 0.95))


def train(name: str, number: int, model: Transformer, vocabulary: corpus.Vocabulary) -> None:
    """One leg of the training."""
    leg, rng = LEGS[name][number], random.Random(SEEDS[name] + 100 * number)
    streams = corpus.streams(vocabulary, leg.seed, leg.day_weight, careless=leg.careless)
    optimizer, began = optimizer_for(model), time.time()
    print(f"{name}, leg {number + 1}: {leg.steps} steps, log {len(streams[0].ids)} tokens, talk {len(streams[1].ids)} tokens", flush=True)
    for step in range(leg.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, leg)
        loss = loss_of(model, *batch(name, streams, rng, LONG if step >= LONG_FROM * leg.steps else SHORT))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 49:
            speed = (step + 1) * TOKENS_PER_STEP / (time.time() - began)
            print(f"{name}, leg {number + 1}: step {step + 1}, loss {loss.item():.3f}, {speed:.0f} tokens/s", flush=True)
    print(f"{name}, leg {number + 1}: {time.time() - began:.0f} s", flush=True)


def unseen_loss(name: str, model: Transformer, vocabulary: corpus.Vocabulary) -> float:
    """On text of another seed."""
    streams, rng = corpus.streams(vocabulary, corpus.SEED + 1, day_weight=1.0, part=0.1), random.Random(0)
    with torch.no_grad():
        return sum(loss_of(model, *batch(name, streams, rng, LONG)).item() for _ in range(8)) / 8


def main() -> None:
    name, checkpoint = sys.argv[1:]
    torch.set_num_threads(1)  # the order of sums, and so the weights, depend on it
    vocabulary = corpus.vocabulary()
    torch.manual_seed(SEEDS[name])
    model = Transformer(Shape(vocabulary=len(vocabulary), **SHAPES[name]))
    for number in range(len(LEGS[name])):
        train(name, number, model, vocabulary)
    print(f"{name}: loss on unseen text {unseen_loss(name, model, vocabulary):.3f}", flush=True)
    torch.save({"shape": SHAPES[name], "merges": vocabulary.merges, "weights": model.state_dict()}, checkpoint)


if __name__ == "__main__":
    main()
