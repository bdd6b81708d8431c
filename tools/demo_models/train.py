"""Trains one of the two demo models on the processor: train.py bosun|mate CHECKPOINT."""

import math
import random
import sys
import time

import torch
from torch.nn import functional as F

import corpus
from model import Shape, Transformer

SHAPES = {
    "bosun": dict(architecture="llama", layers=4, width=128, ffn=352, heads=4, kv_heads=2, head_dim=64, tied=False),
    "mate": dict(architecture="qwen3", layers=4, width=128, ffn=384, heads=4, kv_heads=2, head_dim=64, tied=True),
}
SEEDS = {"bosun": 1, "mate": 2}
STEPS = {"bosun": 500, "mate": 700}
TOKENS_PER_STEP = 2048
SHORT, LONG, LONG_FROM = 256, 1024, 0.85  # row lengths; the last steps learn the whole context
WARM_UP, RATE, LAST_RATE = 40, 3e-3, 1e-4


def rate(step: int, steps: int) -> float:
    if step < WARM_UP:
        return RATE * (step + 1) / WARM_UP
    done = (step - WARM_UP) / (steps - WARM_UP)
    return LAST_RATE + (RATE - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * done))


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
                             lr=RATE, betas=(0.9, 0.95))


def train(name: str, vocabulary: corpus.Vocabulary) -> Transformer:
    torch.manual_seed(SEEDS[name])
    rng = random.Random(SEEDS[name])
    streams = corpus.streams(vocabulary, corpus.SEED)
    model = Transformer(Shape(vocabulary=len(vocabulary), **SHAPES[name]))
    optimizer, steps, began = optimizer_for(model), STEPS[name], time.time()
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, {steps} steps, "
          f"log {len(streams[0].ids)} tokens, talk {len(streams[1].ids)} tokens", flush=True)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        loss = loss_of(model, *batch(name, streams, rng, LONG if step >= LONG_FROM * steps else SHORT))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 49:
            speed = (step + 1) * TOKENS_PER_STEP / (time.time() - began)
            print(f"{name}: step {step + 1}, loss {loss.item():.3f}, {speed:.0f} tokens/s", flush=True)
    print(f"{name}: trained in {time.time() - began:.0f} s", flush=True)
    return model


def unseen_loss(name: str, model: Transformer, vocabulary: corpus.Vocabulary) -> float:
    """On text of another seed."""
    streams, rng = corpus.streams(vocabulary, corpus.SEED + 1, part=0.1), random.Random(0)
    with torch.no_grad():
        return sum(loss_of(model, *batch(name, streams, rng, LONG)).item() for _ in range(8)) / 8


def main() -> None:
    name, checkpoint = sys.argv[1:]
    torch.set_num_threads(1)  # the order of sums, and so the weights, depend on it
    vocabulary = corpus.vocabulary()
    model = train(name, vocabulary)
    print(f"{name}: loss on unseen text {unseen_loss(name, model, vocabulary):.3f}", flush=True)
    torch.save({"shape": SHAPES[name], "merges": vocabulary.merges, "weights": model.state_dict()}, checkpoint)


if __name__ == "__main__":
    main()
