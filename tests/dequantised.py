"""Builds a sentence-transformers folder with float weights out of the quantised ONNX encoder that is shipped."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

PREFIX = "m."
COPIED = ("config.json", "config_sentence_transformers.json", "modules.json", "sentence_bert_config.json")


def write_float_model(quantised: Path, target: Path) -> Path:
    """Write a folder that sentence-transformers loads, with the weights of ``quantised`` turned back into floats."""
    import torch
    from safetensors.torch import save_file

    target.mkdir(parents=True)
    for name in (*COPIED, "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(quantised / name, target / name)
    for name in ("1_Pooling", "2_Normalize"):
        shutil.copytree(quantised / name, target / name)
    weights = _float_weights(onnx.load(str(quantised / "onnx" / "model_qint8.onnx")))
    save_file({name: torch.from_numpy(array) for name, array in weights.items()}, str(target / "model.safetensors"))
    return target


def _float_weights(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights: dict[str, NDArray[np.float32]] = {}
    for name, array in tensors.items():
        if name.startswith(PREFIX) and name.endswith(("weight", "bias")):
            weights[name.removeprefix(PREFIX)] = array.astype(np.float32)
        elif name.startswith(PREFIX) and name.endswith("weight_quantized"):
            weights[name.removeprefix(PREFIX).removesuffix("_quantized")] = _dequantise(tensors, name)
    for weight_name, quantised_name in _matrices(model):
        weights[weight_name] = np.ascontiguousarray(_dequantise(tensors, quantised_name).T)
    return weights


def _dequantise(tensors: dict[str, NDArray[np.generic]], name: str) -> NDArray[np.float32]:
    stem = name.removesuffix("_quantized")
    values = tensors[name].astype(np.float32)
    zero = tensors[f"{stem}_zero_point"].astype(np.float32)
    return ((values - zero) * tensors[f"{stem}_scale"].astype(np.float32)).astype(np.float32)


def _matrices(model: onnx.ModelProto) -> list[tuple[str, str]]:
    """(name of the float weight, name of the quantised tensor) of each linear layer.

    The quantiser renames the matrices; the bias that is added to a product still tells which layer it belongs to.
    """
    consumers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    return [
        (_bias_after(node, consumers).removeprefix(PREFIX).removesuffix("bias") + "weight", node.input[1])
        for node in model.graph.node
        if node.op_type == "MatMulInteger"
    ]


def _bias_after(node: onnx.NodeProto, consumers: dict[str, list[onnx.NodeProto]]) -> str:
    following = node
    while True:
        following = consumers[following.output[0]][0]
        for name in following.input:
            if name.startswith(PREFIX) and name.endswith(".bias"):
                return str(name)
