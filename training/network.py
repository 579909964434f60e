"""The encoder as a small PyTorch module: BERT layers in bfloat16 over float32 weights, mean pooling, unit vectors.

``to_bert`` gives the weights the names of the usual BERT checkpoints, which sentence-transformers loads.

Devlin et al., "BERT", 2019; Wang et al., "MiniLM", 2020.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from rag.errors import FaroError

LAYERS = 6
HEADS = 12
EPSILON = 1e-12


class Encoder(nn.Module):
    """Token identifiers to unit vectors.

    Dropout is left out: distillation has more data than it can use, and a student without noise learns faster.
    Attention is written out, since the fused kernel's backward pass is four times slower on a CPU in bfloat16.
    """

    def __init__(
        self, vocabulary: int, dimensions: int = 384, inner: int = 1536, layers: int = LAYERS, positions: int = 512
    ):
        super().__init__()
        self.words = nn.Embedding(vocabulary, dimensions, sparse=True)
        self.positions = nn.Parameter(torch.zeros(positions, dimensions))
        self.norm = nn.LayerNorm(dimensions, eps=EPSILON)
        self.layers = nn.ModuleList(Layer(dimensions, inner) for _ in range(layers))
        self.inner = inner
        self.precision = torch.bfloat16

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Unit vectors, shape (texts, dimensions), float32, of padded ``ids`` and their ``mask`` (texts, tokens)."""
        kind = self.precision
        states = self.words(ids) + self.positions[: ids.shape[1]]
        states = _norm(self.norm, states.to(kind))
        bias = torch.zeros(mask.shape, dtype=kind, device=ids.device).masked_fill(mask == 0, -1e4)[:, None, None, :]
        for layer in self.layers:
            states = layer(states, bias)
        weights = mask[..., None].to(torch.float32)
        pooled = (states.to(torch.float32) * weights).sum(1) / weights.sum(1)
        return functional.normalize(pooled, dim=-1)


class Layer(nn.Module):
    """One transformer layer with post-normalisation."""

    def __init__(self, dimensions: int, inner: int):
        super().__init__()
        self.attend = nn.Linear(dimensions, 3 * dimensions)
        self.project = nn.Linear(dimensions, dimensions)
        self.norm_attention = nn.LayerNorm(dimensions, eps=EPSILON)
        self.widen = nn.Linear(dimensions, inner)
        self.narrow = nn.Linear(inner, dimensions)
        self.norm_output = nn.LayerNorm(dimensions, eps=EPSILON)

    def forward(self, states: Tensor, bias: Tensor) -> Tensor:
        """States (texts, tokens, dimensions) after the layer; ``bias`` (texts, 1, 1, tokens) hides the padding."""
        texts, tokens, dimensions = states.shape
        size = dimensions // HEADS
        query, key, value = _linear(self.attend, states).view(texts, tokens, 3, HEADS, size).permute(2, 0, 3, 1, 4)
        scores = torch.matmul(query * size**-0.5, key.transpose(-1, -2)) + bias
        mixed = torch.matmul(functional.softmax(scores, -1), value).transpose(1, 2).reshape(texts, tokens, dimensions)
        states = _norm(self.norm_attention, states + _linear(self.project, mixed))
        return _norm(self.norm_output, states + _linear(self.narrow, functional.gelu(_linear(self.widen, states))))


def _linear(layer: nn.Linear, states: Tensor) -> Tensor:
    return functional.linear(states, layer.weight.to(states.dtype), layer.bias.to(states.dtype))


def _norm(layer: nn.LayerNorm, states: Tensor) -> Tensor:
    weight, bias = layer.weight.to(states.dtype), layer.bias.to(states.dtype)
    return functional.layer_norm(states, layer.normalized_shape, weight, bias, layer.eps)


def from_state(weights: Mapping[str, Tensor]) -> Encoder:
    """An encoder with these weights, its size read from their shapes."""
    vocabulary, dimensions = weights["words.weight"].shape
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
    inner = weights["layers.0.widen.weight"].shape[0]
    encoder = Encoder(vocabulary, dimensions, inner, layers, weights["positions"].shape[0])
    encoder.load_state_dict(weights)
    return encoder


def from_bert(weights: Mapping[str, Tensor]) -> Encoder:
    """An encoder with the weights of a BERT checkpoint (the token-type row is added to the positions)."""
    weights = {name.removeprefix("bert."): value.float() for name, value in weights.items()}
    table = weights["embeddings.word_embeddings.weight"]
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    own = {"words.weight": table, "positions": positions}
    own |= {f"norm.{part}": weights[f"embeddings.LayerNorm.{part}"] for part in ("weight", "bias")}
    for number in range(layers):
        prefix = f"encoder.layer.{number}."
        for part in ("weight", "bias"):
            heads = [weights[f"{prefix}attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            own[f"layers.{number}.attend.{part}"] = torch.cat(heads)
            for mine, theirs in _NAMES.items():
                own[f"layers.{number}.{mine}.{part}"] = weights[f"{prefix}{theirs}.{part}"]
    return from_state(own)


def to_bert(encoder: Encoder) -> dict[str, Tensor]:
    """The checkpoint of an encoder under the names of BERT, float32; token types are zero."""
    own = {name: value.detach().float().contiguous() for name, value in encoder.state_dict().items()}
    weights = {
        "embeddings.word_embeddings.weight": own["words.weight"],
        "embeddings.position_embeddings.weight": own["positions"],
        "embeddings.token_type_embeddings.weight": torch.zeros(2, own["positions"].shape[1]),
    }
    weights |= {f"embeddings.LayerNorm.{part}": own[f"norm.{part}"] for part in ("weight", "bias")}
    for number in range(len(encoder.layers)):
        prefix = f"encoder.layer.{number}."
        for part in ("weight", "bias"):
            heads = own[f"layers.{number}.attend.{part}"].chunk(3)
            for name, value in zip(("query", "key", "value"), heads, strict=True):
                weights[f"{prefix}attention.self.{name}.{part}"] = value.contiguous()
            for mine, theirs in _NAMES.items():
                weights[f"{prefix}{theirs}.{part}"] = own[f"layers.{number}.{mine}.{part}"]
    return weights


_NAMES = {
    "project": "attention.output.dense",
    "norm_attention": "attention.output.LayerNorm",
    "widen": "intermediate.dense",
    "narrow": "output.dense",
    "norm_output": "output.LayerNorm",
}


def load_bert(folder: Path) -> Encoder:
    """The encoder of a sentence-transformers folder with ``model.safetensors``.

    Raises FaroError when the folder has no such file, or holds an encoder of another shape.
    """
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = load_file(folder / "model.safetensors")
    except OSError as error:
        raise FaroError(f"{folder} is no encoder's folder ({error}).") from None
    if config.get("num_attention_heads") != HEADS:
        raise FaroError(f"{folder}: an encoder of {HEADS} attention heads expected.")
    return from_bert(weights)
