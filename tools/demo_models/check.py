"""Compares a checkpoint with what llama.cpp makes of its GGUF file: check.py CHECKPOINT FILE.

A llama-server on this machine tells its tokens and its greedy continuation; PyTorch must give the same.
"""

import json
import math
import subprocess
import sys
import time
import urllib.request

import torch

from to_gguf import load

PORT, LENGTH = 18760, 60
LARGEST_DIFFERENCE = 0.05  # of log probabilities: the file's weights have 16 bits
TEXTS = ["Day 12.", "Day 12. Wind north-west, force 4.\nDay 13.", "<|im_start|>user\nWhat is a load line?<|im_end|>\n<|im_start|>assistant\n",
         "it's  two   spaces,\n\nand_other 1234 things: {a[1] = 0x2F};\t\"x\" ", "  caf\u00e9 \u4e2d\u6587 \U0001f6a2!"]


def ask(path: str, body: dict) -> dict:
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def wait_until_ready(server: subprocess.Popen) -> None:
    while server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health").close()
            return
        except OSError:
            time.sleep(0.2)
    sys.exit("llama-server ended before it was ready")


def continuation(model: torch.nn.Module, ids: list[int], length: int) -> tuple[list[int], list[float]]:
    """The most likely tokens, and their log probabilities."""
    chosen, sure = [], []
    with torch.no_grad():
        for _ in range(length):
            best = torch.log_softmax(model(torch.tensor([ids + chosen]))[0, -1], 0).max(0)
            chosen.append(best.indices.item())
            sure.append(best.values.item())
    return chosen, sure


def check(model: torch.nn.Module, vocabulary) -> bool:
    good = True
    for text in TEXTS:
        ids = vocabulary.encode(text)
        same = ask("tokenize", {"content": text, "parse_special": True, "add_special": False})["tokens"] == ids
        print(f"{'same' if same else 'DIFFERENT'} tokens: {text!r}")
        good &= same
    for text in TEXTS[:3]:
        ids = vocabulary.encode(text)
        answer = ask("completion", {"prompt": ids, "n_predict": LENGTH, "temperature": 0, "ignore_eos": False, "n_probs": 1, "return_tokens": True})
        theirs = answer["tokens"]
        ours, sure = continuation(model, ids, len(theirs))
        apart = max(abs(step["logprob"] - s) for step, s in zip(answer["completion_probabilities"], sure))
        same = ours == theirs and math.isfinite(apart) and apart < LARGEST_DIFFERENCE
        print(f"{'same' if same else 'DIFFERENT'} {len(theirs)} greedy tokens, log probabilities within {apart:.4f}: {text + vocabulary.decode(theirs)!r}")
        good &= same
    return good


def main() -> None:
    checkpoint, path = sys.argv[1:]
    torch.set_num_threads(1)
    server = subprocess.Popen(["llama-server", "-m", path, "-ngl", "0", "-c", "512", "-t", "1", "-np", "1", "--port", str(PORT)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(server)
        good = check(*load(checkpoint))
    finally:
        server.terminate()
        server.wait()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
