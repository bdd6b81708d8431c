"""Writes GGUF files by hand: header with struct, tensor data as holes or as given bytes. Standard library only."""
import os
import random
import struct

UINT32, FLOAT32, STRING, ARRAY, INT32 = 4, 6, 8, 9, 5
# ggml type -> (number, elements of a block, bytes of a block)
TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "BF16": (30, 1, 2), "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144), "Q6_K": (14, 256, 210)}
ALIGNMENT = 32


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value) -> bytes:
    """int -> uint32, float -> float32, str -> string, list of str or int -> array."""
    if isinstance(value, int):
        return struct.pack("<II", UINT32, value)
    if isinstance(value, float):
        return struct.pack("<If", FLOAT32, value)
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _text(value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(_text, value))
    return struct.pack(f"<IIQ{len(value)}i", ARRAY, INT32, len(value), *value)


def tensor_bytes(kind: str, shape) -> int:
    _, block, width = TYPES[kind]
    elements = 1
    for n in shape:
        elements *= n
    return elements // block * width


def write(path: str, keys: dict, tensors: list, data=None) -> int:
    """tensors: [(name, type, shape)], shape[0] is the row. data(file, type, shape) writes one tensor's bytes; without it the
    file stays sparse. Answers the number of parameters."""
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    header += b"".join(_text(key) + _value(value) for key, value in keys.items())
    offset, offsets = 0, []
    for name, kind, shape in tensors:
        header += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, TYPES[kind][0], offset)
        offsets.append(offset)
        offset += (tensor_bytes(kind, shape) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    start = (len(header) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    unfinished = f"{path}.{os.getpid()}.tmp"
    with open(unfinished, "wb") as file:
        file.write(header)
        if data:
            for (name, kind, shape), at in zip(tensors, offsets):
                file.seek(start + at)
                data(file, kind, shape)
        file.truncate(start + offset)
    os.replace(unfinished, path)
    return sum(tensor_bytes(kind, shape) // TYPES[kind][2] * TYPES[kind][1] for _, kind, shape in tensors)


def llama_keys(layers, width, hidden, heads, kv_heads, vocab, context) -> dict:
    return {
        "general.architecture": "llama",
        "general.name": f"benchmark llama of {layers} layers",
        "llama.block_count": layers,
        "llama.context_length": context,
        "llama.embedding_length": width,
        "llama.feed_forward_length": hidden,
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": kv_heads,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": width // heads,
        "llama.rope.freq_base": 500000.0,
        "llama.vocab_size": vocab,
    }


def llama_tensors(layers, width, hidden, heads, kv_heads, vocab, matrix, output) -> list:
    kv = width // heads * kv_heads
    tensors = [("token_embd.weight", matrix, (width, vocab)), ("output_norm.weight", "F32", (width,)),
               ("output.weight", output, (width, vocab))]
    for i in range(layers):
        tensors += [
            (f"blk.{i}.attn_norm.weight", "F32", (width,)),
            (f"blk.{i}.attn_q.weight", matrix, (width, width)),
            (f"blk.{i}.attn_k.weight", matrix, (width, kv)),
            (f"blk.{i}.attn_v.weight", matrix, (width, kv)),
            (f"blk.{i}.attn_output.weight", matrix, (width, width)),
            (f"blk.{i}.ffn_norm.weight", "F32", (width,)),
            (f"blk.{i}.ffn_gate.weight", matrix, (width, hidden)),
            (f"blk.{i}.ffn_up.weight", matrix, (width, hidden)),
            (f"blk.{i}.ffn_down.weight", matrix, (hidden, width)),
        ]
    return tensors


def byte_letters() -> list:
    """The 256 letters that byte-level BPE writes bytes with."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    letters = dict(zip(plain, map(chr, plain))) | {b: chr(256 + i) for i, b in enumerate(others)}
    return [letters[b] for b in range(256)]


def bpe_vocabulary(size: int) -> dict:
    """As large as a real byte-level vocabulary of that size: about 2.2 merges for each token, words of 2 to 12 letters."""
    rng = random.Random(70)
    letters = byte_letters()
    tokens, seen = list(letters), set(letters)
    while len(tokens) < size - 2:
        word = "".join(rng.choices("etaoinshrdlucmfwypvbgkqjxz", k=rng.randint(2, 12)))
        word = word if rng.random() < 0.5 else "\u0120" + word
        if word not in seen:
            seen.add(word)
            tokens.append(word)
    tokens += ["<|begin|>", "<|end|>"]
    words = tokens[256:-2]
    merges = [f"{word[:cut]} {word[cut:]}" for word in words for cut in {1, len(word) // 2, len(word) - 1}][:int(2.19 * size)]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "llama-bpe",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * (size - 2) + [3, 3],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": size - 2,
        "tokenizer.ggml.eos_token_id": size - 1,
    }


def large_header(path: str) -> int:
    """A sparse file with the header of a 70 B llama: 80 layers, a vocabulary of 128,256 tokens. Holds no weights."""
    shape = dict(layers=80, width=8192, hidden=28672, heads=64, kv_heads=8, vocab=128256)
    keys = llama_keys(**shape, context=131072) | bpe_vocabulary(shape["vocab"])
    return write(path, keys, llama_tensors(**shape, matrix="Q4_K", output="Q6_K"))


def _random(path: str, shape: dict, keys: dict, matrix: str = "Q8_0") -> int:
    rng = random.Random(1)
    numbers = [rng.gauss(0, 0.02) for _ in range(1 << 16)]
    halves = {"F16": b"".join(struct.pack("<e", number) for number in numbers),
              "BF16": b"".join(struct.pack("<f", number)[2:] for number in numbers)}

    def data(file, kind, shape):
        blocks = tensor_bytes(kind, shape) // TYPES[kind][2]
        if kind == "F32":
            file.write(struct.pack("<f", 1.0) * blocks)
            return
        if kind in halves:
            whole, rest = divmod(2 * blocks, len(halves[kind]))
            file.write(halves[kind] * whole + halves[kind][:rest])
            return
        scale = struct.pack("<e", 0.02 / 64)  # weights of about 0.02, as a trained model's
        for first in range(0, blocks, 1 << 14):
            count = min(1 << 14, blocks - first)
            raw = rng.randbytes(32 * count)
            file.write(b"".join(scale + raw[32 * i:32 * i + 32] for i in range(count)))

    return write(path, keys, llama_tensors(**shape, matrix=matrix, output=matrix), data)


def random_weights(path: str) -> int:
    """A llama of about 130 M parameters in Q8_0 with random weights and no vocabulary's words: for tokens per second."""
    shape = dict(layers=12, width=768, hidden=2048, heads=12, kv_heads=12, vocab=32000)
    return _random(path, shape, llama_keys(**shape, context=4096) | {"tokenizer.ggml.model": "none"})


def random_large(path: str, matrix: str) -> int:
    """A llama of about 370 M parameters with random weights and a vocabulary."""
    shape = dict(layers=24, width=1024, hidden=2816, heads=16, kv_heads=16, vocab=32000)
    return _random(path, shape, llama_keys(**shape, context=4096) | bpe_vocabulary(shape["vocab"]), matrix)


def random_grouped(path: str, matrix: str) -> int:
    """As random_large, in the shape that models of this size have by now: narrow and deep, three query heads for a head of keys."""
    shape = dict(layers=32, width=960, hidden=2560, heads=15, kv_heads=5, vocab=32000)
    return _random(path, shape, llama_keys(**shape, context=4096) | bpe_vocabulary(shape["vocab"]), matrix)


def random_embedder(path: str) -> int:
    """The shape of a small embedding model (6 layers of 384) as a llama with random weights and a vocabulary: for texts per second."""
    shape = dict(layers=6, width=384, hidden=1536, heads=12, kv_heads=12, vocab=16000)
    return _random(path, shape, llama_keys(**shape, context=2048) | bpe_vocabulary(shape["vocab"]))
