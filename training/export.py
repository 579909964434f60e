"""Write the encoder as the folder that is served: a quantised ONNX graph, the tokenizer, sentence-transformers' files.

The graph is built node by node, so every tensor has a name that ``dequantise`` finds again. Matrices are int8 with one
scale for each output channel, and their inputs are quantised as they come (dynamic quantisation); the table of word
pieces, the larger part of the file, is int4 with one scale for every 64 numbers of a row.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from rag.errors import FaroError
from training.network import EPSILON, HEADS, Encoder, from_state, to_bert

Floats = NDArray[np.float32]

ONNX_FILE = "onnx/model_qint8.onnx"
OPSET = 21
IR_VERSION = 10
RUNTIME_OPERATORS = "com.microsoft"
"""The domain of ONNX Runtime's own operators, one of which reads rows of an int4 table."""
BLOCK = 64

_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
]
_TOKENIZER = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "mask_token": "[MASK]",
}


def quantise_rows(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """A matrix as int8 with one scale a row, shapes (rows, columns) and (rows,): ``int8 * scale`` is near it."""
    scale = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / 127
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale.astype(np.float32)


def quantise_blocks(matrix: Floats) -> tuple[NDArray[np.int8], Floats]:
    """A matrix in 4 bits, -8 to 7, with one scale for every ``BLOCK`` numbers of a row.

    Shapes (rows, columns) and (rows, blocks); a scale has the sign that lets the block's largest number be -8, which
    makes use of all sixteen steps.
    """
    rows, columns = matrix.shape
    blocks = -(-columns // BLOCK)
    cut = np.pad(matrix, ((0, 0), (0, blocks * BLOCK - columns))).reshape(rows, blocks, BLOCK)
    largest = np.take_along_axis(cut, np.abs(cut).argmax(axis=2)[..., None], axis=2)
    scale = np.where(largest == 0, 1, largest / -8).astype(np.float32)
    values = np.clip(np.rint(cut / scale), -8, 7).astype(np.int8).reshape(rows, -1)[:, :columns]
    return values, scale[..., 0]


Form = Literal["int8, int4 table", "int8", "int8 per tensor", "int8 weights only", "float32"]
"""How matrices are kept and multiplied; the first is what is served, the others are for comparison."""
SERVED: Form = "int8, int4 table"


class Graph:
    """Collects the nodes and tensors of an ONNX graph."""

    def __init__(self, form: Form = SERVED) -> None:
        self.form = form
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def tensor(self, name: str, value: NDArray[np.generic]) -> str:
        """Add a constant and return its name."""
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def tensor4(self, name: str, values: NDArray[np.int8]) -> str:
        """Add a constant of 4-bit numbers, two to a byte, the first in the lower half, and return its name."""
        flat = values.ravel()
        packed = (flat[0::2] & 15 | (flat[1::2] & 15) << 4).astype(np.uint8)
        self.tensors.append(helper.make_tensor(name, TensorProto.INT4, values.shape, packed.tobytes(), raw=True))
        return name

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node of one output and return the output's name."""
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def linear(self, states: str, name: str, weight: Floats, bias: Floats) -> str:
        """``states @ weight.T + bias`` in the graph's form; in int8 the input is quantised on the fly."""
        if self.form == "float32":
            product = self.node("MatMul", [states, self.tensor(f"{name}.weight", weight.T)], f"{name}.scaled")
            return self.node("Add", [product, self.tensor(f"{name}.bias", bias)], f"{name}.output")
        values, scale = quantise_rows(weight)
        if self.form == "int8 per tensor":
            largest = scale.max()
            values, scale = np.rint(weight / largest).astype(np.int8), np.full_like(scale, largest)
        self.tensor(f"{name}.weight.int8", values.T)
        self.tensor(f"{name}.weight.scale", scale)
        self.tensor(f"{name}.bias", bias)
        if self.form == "int8 weights only":
            real = self.node("Cast", [f"{name}.weight.int8"], f"{name}.weight.real", to=TensorProto.FLOAT)
            real = self.node("Mul", [real, f"{name}.weight.scale"], f"{name}.weight")
            product = self.node("MatMul", [states, real], f"{name}.scaled")
            return self.node("Add", [product, f"{name}.bias"], f"{name}.output")
        quantised = [f"{states}.quantised", f"{states}.scale", f"{states}.zero"]
        if not any(quantised[0] in node.output for node in self.nodes):
            self.nodes.append(helper.make_node("DynamicQuantizeLinear", [states], quantised, name=quantised[0]))
        product = self.node("MatMulInteger", [quantised[0], f"{name}.weight.int8", quantised[2]], f"{name}.product")
        real = self.node("Cast", [product], f"{name}.real", to=TensorProto.FLOAT)
        step = self.node("Mul", [quantised[1], f"{name}.weight.scale"], f"{name}.step")
        scaled = self.node("Mul", [real, step], f"{name}.scaled")
        return self.node("Add", [scaled, f"{name}.bias"], f"{name}.output")

    def norm(self, states: str, name: str, weight: Floats, bias: Floats) -> str:
        """Layer normalisation over the last axis."""
        inputs = [states, self.tensor(f"{name}.weight", weight), self.tensor(f"{name}.bias", bias)]
        return self.node("LayerNormalization", inputs, f"{name}.output", axis=-1, epsilon=EPSILON)


def onnx_graph(encoder: Encoder, max_tokens: int, form: Form = SERVED) -> onnx.ModelProto:
    """The graph in a form: ``input_ids`` and ``attention_mask`` (texts, tokens) to ``sentence_embedding``."""
    weights = {name: value.detach().float().numpy() for name, value in encoder.state_dict().items()}
    graph = Graph(form)
    dimensions = weights["positions"].shape[1]
    states = _embeddings(graph, weights, max_tokens)
    bias = _attention_bias(graph)
    for number in range(len(encoder.layers)):
        states = _layer(graph, weights, f"layers.{number}", states, bias, dimensions)
    _pooling(graph, states)
    inputs = [
        helper.make_tensor_value_info(n, TensorProto.INT64, ["texts", "tokens"])
        for n in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["texts", dimensions])
    body = helper.make_graph(graph.nodes, "encoder", inputs, [output], graph.tensors)
    operators = [helper.make_opsetid("", OPSET), helper.make_opsetid(RUNTIME_OPERATORS, 1)]
    model = helper.make_model(body, opset_imports=operators, producer_name="faro")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def _embeddings(graph: Graph, weights: dict[str, Floats], max_tokens: int) -> str:
    if graph.form == "float32":
        graph.tensor("words.weight", weights["words.weight"])
        words = graph.node("Gather", ["words.weight", "input_ids"], "words.output")
    elif graph.form == SERVED:
        nibbles, steps = quantise_blocks(weights["words.weight"])
        graph.tensor4("words.weight.int4", nibbles)
        graph.tensor("words.weight.scale", steps)
        inputs = ["words.weight.int4", "input_ids", "words.weight.scale"]
        how = {"domain": RUNTIME_OPERATORS, "block_size": BLOCK, "gather_axis": 0, "quantize_axis": 1}
        words = graph.node("GatherBlockQuantized", inputs, "words.output", **how)
    else:
        values, scale = quantise_rows(weights["words.weight"])
        graph.tensor("words.weight.int8", values)
        graph.tensor("words.weight.scale", scale[:, None])
        rows = graph.node("Gather", ["words.weight.int8", "input_ids"], "words.rows")
        real = graph.node("Cast", [rows], "words.real", to=TensorProto.FLOAT)
        scales = graph.node("Gather", ["words.weight.scale", "input_ids"], "words.scales")
        words = graph.node("Mul", [real, scales], "words.output")
    graph.tensor("positions", weights["positions"][:max_tokens])
    shape = graph.node("Shape", ["input_ids"], "tokens.shape", start=1, end=2)
    zero = graph.tensor("zero", np.array([0], np.int64))
    positions = graph.node("Slice", ["positions", zero, shape], "positions.output")
    states = graph.node("Add", [words, positions], "embeddings")
    return graph.norm(states, "norm", weights["norm.weight"], weights["norm.bias"])


def _attention_bias(graph: Graph) -> str:
    mask = graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.FLOAT)
    wide = graph.node("Unsqueeze", [mask, graph.tensor("mask.axes", np.array([1, 2], np.int64))], "mask.wide")
    hidden = graph.node("Sub", [graph.tensor("one", np.array(1, np.float32)), wide], "mask.hidden")
    return graph.node("Mul", [hidden, graph.tensor("mask.penalty", np.array(-1e4, np.float32))], "mask.bias")


def _layer(graph: Graph, weights: dict[str, Floats], name: str, states: str, bias: str, dimensions: int) -> str:
    size = dimensions // HEADS
    heads = graph.tensor(f"{name}.heads", np.array([0, 0, HEADS, size], np.int64))
    parts = {}
    matrices = np.split(weights[f"{name}.attend.weight"], 3)
    biases = np.split(weights[f"{name}.attend.bias"], 3)
    for part, matrix, offset in zip(("query", "key", "value"), matrices, biases, strict=True):
        factor = np.float32(size**-0.5 if part == "query" else 1)
        flat = graph.linear(states, f"{name}.{part}", matrix * factor, offset * factor)
        split = graph.node("Reshape", [flat, heads], f"{name}.{part}.split")
        order = [0, 2, 3, 1] if part == "key" else [0, 2, 1, 3]
        parts[part] = graph.node("Transpose", [split], f"{name}.{part}.heads", perm=order)
    scores = graph.node("MatMul", [parts["query"], parts["key"]], f"{name}.scores")
    hidden = graph.node("Add", [scores, bias], f"{name}.scores.hidden")
    shares = graph.node("Softmax", [hidden], f"{name}.shares", axis=-1)
    mixed = graph.node("MatMul", [shares, parts["value"]], f"{name}.mixed")
    joined = graph.node("Transpose", [mixed], f"{name}.joined", perm=[0, 2, 1, 3])
    flat_shape = graph.tensor(f"{name}.flat", np.array([0, 0, dimensions], np.int64))
    joined = graph.node("Reshape", [joined, flat_shape], f"{name}.joined.flat")
    attended = _linear(graph, weights, f"{name}.project", joined)
    states = graph.node("Add", [attended, states], f"{name}.attended")
    states = graph.norm(states, f"{name}.norm_attention", *_pair(weights, f"{name}.norm_attention"))
    wide = _linear(graph, weights, f"{name}.widen", states)
    active = graph.node("Gelu", [wide], f"{name}.active")
    narrow = _linear(graph, weights, f"{name}.narrow", active)
    states = graph.node("Add", [narrow, states], f"{name}.sum")
    return graph.norm(states, f"{name}.norm_output", *_pair(weights, f"{name}.norm_output"))


def _linear(graph: Graph, weights: dict[str, Floats], name: str, states: str) -> str:
    return graph.linear(states, name, *_pair(weights, name))


def _pair(weights: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _pooling(graph: Graph, states: str) -> None:
    last = graph.tensor("last", np.array([-1], np.int64))
    middle = graph.tensor("middle", np.array([1], np.int64))
    column = graph.node("Unsqueeze", ["mask", last], "mask.column")
    visible = graph.node("Mul", [states, column], "states.visible")
    total = graph.node("ReduceSum", [visible, middle], "states.total", keepdims=0)
    norm = graph.node("ReduceL2", [total, last], "states.length", keepdims=1)
    graph.node("Div", [total, norm], "sentence_embedding")


def write_folder(encoder: Encoder, tokenizer_file: Path, folder: Path, max_tokens: int) -> None:
    """Write the served folder: ONNX, tokenizer and configuration, without float weights."""
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    write_onnx(onnx_graph(encoder, max_tokens), folder / ONNX_FILE)
    shutil.copy(tokenizer_file, folder / "tokenizer.json")
    config = _bert_config(encoder)
    files: dict[str, object] = {
        "config.json": config,
        "modules.json": _MODULES,
        "sentence_bert_config.json": {"max_seq_length": max_tokens, "do_lower_case": False},
        "config_sentence_transformers.json": {"similarity_fn_name": "cosine"},
        "tokenizer_config.json": {**_TOKENIZER, "model_max_length": max_tokens},
        "1_Pooling/config.json": {
            "word_embedding_dimension": config["hidden_size"],
            "pooling_mode_mean_tokens": True,
        },
        "2_Normalize/config.json": {},
    }
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_onnx(model: onnx.ModelProto, file: Path) -> None:
    """Write a graph to ``file``."""
    onnx.save(model, str(file))


def dequantise(folder: Path, target: Path) -> None:
    """Copy a served folder to ``target`` with ``model.safetensors``, so that sentence-transformers loads it.

    The float weights are those that the graph computes with, so both give nearly the same vectors.

    Raises:
        FaroError: when ``folder`` was not written by ``write_folder`` or ``target`` exists.
    """
    if target.exists():
        raise FaroError(f"{target} exists already: name a new folder.")
    if not (folder / ONNX_FILE).is_file():
        raise FaroError(f"{folder} has no {ONNX_FILE}: name the encoder's folder.")
    encoder = read_onnx(folder / ONNX_FILE)
    positions = json.loads((folder / "config.json").read_text(encoding="utf-8"))["max_position_embeddings"]
    # Without the graph: a folder that has one is served by it, and here the float weights are wanted.
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns("onnx"))
    weights = {name: value.numpy() for name, value in to_bert(encoder).items()}
    missing = positions - weights["embeddings.position_embeddings.weight"].shape[0]
    weights["embeddings.position_embeddings.weight"] = np.pad(
        weights["embeddings.position_embeddings.weight"], ((0, missing), (0, 0))
    )
    save_file(weights, str(target / "model.safetensors"))


def read_onnx(file: Path) -> Encoder:
    """The encoder of an ONNX file that ``write_folder`` wrote, its integer tensors turned into floats.

    Raises FaroError when it is another file.
    """
    try:
        tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(file)).graph.initializer}
    except DecodeError:
        tensors = {}
    if "words.weight.int4" not in tensors:
        raise FaroError(f"{file} was not written by python -m training: name the encoder's folder.")
    table = tensors["words.weight.int4"].astype(np.float32)
    steps = np.repeat(tensors["words.weight.scale"], BLOCK, axis=1)[:, : table.shape[1]]
    weights: dict[str, Floats] = {"words.weight": table * steps}
    for name, values in tensors.items():
        if name.endswith(".weight.int8"):
            stem = name.removesuffix(".int8")
            weights[stem] = values.T * tensors[f"{stem}.scale"][:, None]
        elif values.dtype == np.float32 and (name == "positions" or name.endswith((".weight", ".bias"))):
            weights[name] = values
    size = weights["words.weight"].shape[1] // HEADS
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
    for number in range(layers):
        for part in ("weight", "bias"):
            query, key, value = (weights.pop(f"layers.{number}.{n}.{part}") for n in ("query", "key", "value"))
            weights[f"layers.{number}.attend.{part}"] = np.concatenate((query * size**0.5, key, value))
    encoder = from_state({name: torch.from_numpy(value.astype(np.float32)) for name, value in weights.items()})
    encoder.precision = torch.float32
    return encoder.eval()


def _bert_config(encoder: Encoder) -> dict[str, object]:
    positions, dimensions = encoder.positions.shape
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": encoder.words.num_embeddings,
        "hidden_size": dimensions,
        "intermediate_size": encoder.inner,
        "num_hidden_layers": len(encoder.layers),
        "num_attention_heads": HEADS,
        "max_position_embeddings": positions,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": EPSILON,
        "pad_token_id": 0,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }
