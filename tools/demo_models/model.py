"""The two architectures, as llama.cpp computes them: "llama" and "qwen3"."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Shape:
    architecture: str  # "llama" or "qwen3"
    layers: int
    width: int
    ffn: int
    heads: int
    kv_heads: int
    head_dim: int  # 64: every backend's flash attention knows it, and quantised KV needs multiples of 32
    vocabulary: int
    tied: bool  # the output matrix is the token embedding
    context: int = 1024
    rope_base: float = 10000.0
    epsilon: float = 1e-6


def rope_tables(shape: Shape) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines, each [context, head_dim / 2]."""
    frequency = shape.rope_base ** (-torch.arange(0, shape.head_dim, 2).float() / shape.head_dim)
    angle = torch.outer(torch.arange(shape.context).float(), frequency)
    return angle.cos(), angle.sin()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, interleaved: bool) -> torch.Tensor:
    """llama turns neighbouring elements (0,1), (2,3), …; qwen3 turns element i with element i + head_dim / 2."""
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else x.chunk(2, dim=-1)
    turned = (a * cos - b * sin, a * sin + b * cos)
    return torch.stack(turned, dim=-1).flatten(-2) if interleaved else torch.cat(turned, dim=-1)


class Norm(nn.Module):
    def __init__(self, width: int, epsilon: float):
        super().__init__()
        self.weight, self._width, self._epsilon = nn.Parameter(torch.ones(width)), (width,), epsilon

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x, self._width, self.weight, self._epsilon)


class Attention(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self._shape = shape
        self.q = nn.Linear(shape.width, shape.heads * shape.head_dim, bias=False)
        self.k = nn.Linear(shape.width, shape.kv_heads * shape.head_dim, bias=False)
        self.v = nn.Linear(shape.width, shape.kv_heads * shape.head_dim, bias=False)
        self.output = nn.Linear(shape.heads * shape.head_dim, shape.width, bias=False)
        if shape.architecture == "qwen3":
            self.q_norm = Norm(shape.head_dim, shape.epsilon)
            self.k_norm = Norm(shape.head_dim, shape.epsilon)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        shape, (rows, length, _) = self._shape, x.shape
        q = self.q(x).view(rows, length, shape.heads, shape.head_dim).transpose(1, 2)
        k = self.k(x).view(rows, length, shape.kv_heads, shape.head_dim).transpose(1, 2)
        v = self.v(x).view(rows, length, shape.kv_heads, shape.head_dim).transpose(1, 2)
        if shape.architecture == "qwen3":
            q, k = self.q_norm(q), self.k_norm(k)
        interleaved = shape.architecture == "llama"
        q, k = rotate(q, cos, sin, interleaved), rotate(k, cos, sin, interleaved)
        shared = shape.heads // shape.kv_heads
        k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.output(mixed.transpose(1, 2).reshape(rows, length, -1))


class Layer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.attention_norm, self.attention = Norm(shape.width, shape.epsilon), Attention(shape)
        self.ffn_norm = Norm(shape.width, shape.epsilon)
        self.gate = nn.Linear(shape.width, shape.ffn, bias=False)
        self.up = nn.Linear(shape.width, shape.ffn, bias=False)
        self.down = nn.Linear(shape.ffn, shape.width, bias=False)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.attention_norm(x), cos, sin)
        h = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Transformer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width, shape.epsilon)
        self.output = nn.Linear(shape.width, shape.vocabulary, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                into_stream = name.endswith(("attention.output.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 if not into_stream else 0.02 / (2 * shape.layers) ** 0.5)
        if shape.tied:
            self.output.weight = self.embedding.weight
        cos, sin = rope_tables(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits, [rows, length, vocabulary]."""
        x, length = self.embedding(ids), ids.shape[1]
        for layer in self.layers:
            x = layer(x, self.cos[:length], self.sin[:length])
        return self.output(self.norm(x))
