"""The served folder: its vectors against the float ones, its files, and the way back to float weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from tiny_corpus import DIMENSIONS, POSITIONS, TEXTS
from tiny_corpus import one_thread as one_thread

from rag.embedding import Encoder as ServedEncoder
from rag.embedding import OnnxEncoder, SentenceTransformersEncoder, load_encoder
from rag.errors import FaroError
from training.batches import Padded, encode, pad
from training.export import (
    BLOCK,
    ONNX_FILE,
    Form,
    dequantise,
    onnx_graph,
    quantise_blocks,
    quantise_rows,
    read_onnx,
    write_folder,
    write_onnx,
)
from training.network import Encoder, load_bert
from training.retrieval import encode_texts
from training.vocabulary import kept_pieces, make_tokenizer, teacher_pieces

MAX_TOKENS = 64
LONG = "el caballo pinta el río y la cocina " * 20


@pytest.fixture(scope="module")
def encoder(teacher_folder: Path) -> Encoder:
    """One for all the tests here, which only read it."""
    encoder = load_bert(teacher_folder)
    encoder.precision = torch.float32
    return encoder.eval()


@pytest.fixture(scope="module")
def tokenizer_file(teacher_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    make_tokenizer(kept_pieces(teacher_pieces(teacher_folder / "tokenizer.json")), MAX_TOKENS).save(str(file))
    return file


@pytest.fixture(scope="module")
def folder(encoder: Encoder, tokenizer_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "model"
    write_folder(encoder, tokenizer_file, folder, MAX_TOKENS)
    return folder


@pytest.fixture(scope="module")
def served(folder: Path) -> ServedEncoder:
    return load_encoder(str(folder))


def float_vectors(encoder: Encoder, tokenizer_file: Path, texts: tuple[str, ...]) -> NDArray[np.float32]:
    pieces = teacher_pieces(tokenizer_file)
    return np.asarray(encode_texts(encoder, make_tokenizer(pieces, MAX_TOKENS), texts).numpy())


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((one * other).sum(axis=1))


def run_graph(file: Path, batch: Padded) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    feeds = {"input_ids": batch.ids.numpy(), "attention_mask": batch.mask.numpy()}
    return np.asarray(session.run(None, feeds)[0])


def test_the_served_vectors_are_near_the_float_ones(
    served: ServedEncoder, encoder: Encoder, tokenizer_file: Path
) -> None:
    vectors = served.encode_passages(TEXTS)
    assert isinstance(served, OnnxEncoder)
    assert vectors.shape == (len(TEXTS), DIMENSIONS)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-4)
    assert cosines(vectors, float_vectors(encoder, tokenizer_file, TEXTS)).min() > 0.98


def test_a_long_text_is_cut_where_training_cuts_it(
    served: ServedEncoder, encoder: Encoder, tokenizer_file: Path
) -> None:
    assert served.max_tokens == MAX_TOKENS - 2
    assert served.count_tokens([LONG])[0] > MAX_TOKENS
    cosine = cosines(served.encode_passages([LONG]), float_vectors(encoder, tokenizer_file, (LONG,)))
    assert cosine[0] > 0.98


def test_a_text_alone_and_in_a_padded_batch_agree(folder: Path, tokenizer_file: Path) -> None:
    encoded = encode(make_tokenizer(teacher_pieces(tokenizer_file), MAX_TOKENS), TEXTS)
    together = run_graph(folder / ONNX_FILE, pad(encoded))
    alone = np.vstack([run_graph(folder / ONNX_FILE, pad([tokens])) for tokens in encoded])
    # Not equal: the range that activations are quantised by spans the batch.
    assert cosines(together, alone).min() > 0.98


def test_what_stands_under_the_padding_does_not_matter(folder: Path, tokenizer_file: Path) -> None:
    batch = pad(encode(make_tokenizer(teacher_pieces(tokenizer_file), MAX_TOKENS), TEXTS))
    other = Padded(batch.ids.where(batch.mask == 1, 9), batch.mask)
    assert cosines(run_graph(folder / ONNX_FILE, batch), run_graph(folder / ONNX_FILE, other)).min() > 0.98


@pytest.mark.parametrize(
    ("form", "cosine"),
    [
        ("int8, int4 table", 0.98),
        ("int8", 0.98),
        ("int8 per tensor", 0.95),
        ("int8 weights only", 0.99),
        ("float32", 0.99999),
    ],
)
def test_every_form_of_the_graph_gives_nearly_the_float_vectors(
    encoder: Encoder, tokenizer_file: Path, tmp_path: Path, form: Form, cosine: float
) -> None:
    file = tmp_path / "model.onnx"
    write_onnx(onnx_graph(encoder, MAX_TOKENS, form), file)
    encoded = encode(make_tokenizer(teacher_pieces(tokenizer_file), MAX_TOKENS), TEXTS)
    vectors = np.vstack([run_graph(file, pad([tokens])) for tokens in encoded])
    assert cosines(vectors, float_vectors(encoder, tokenizer_file, TEXTS)).min() > cosine


def test_rows_are_quantised_each_by_its_own_scale() -> None:
    matrix = np.array([[1.27, -0.4, 0.0], [-12.7, 3.0, 0.1], [0, 0, 0]], np.float32)
    values, scale = quantise_rows(matrix)
    assert values.dtype == np.int8
    assert values[:2].tolist() == [[127, -40, 0], [-127, 30, 1]]
    assert np.abs(values * scale[:, None] - matrix).max() <= scale.max() / 2
    assert not values[2].any()


def test_blocks_are_quantised_each_by_its_own_signed_scale() -> None:
    matrix = np.zeros((2, BLOCK + 2), np.float32)
    matrix[0, :3] = [1.6, -0.8, -1.6]
    matrix[0, BLOCK:] = [-8, 7]
    values, scale = quantise_blocks(matrix)
    assert (values.shape, scale.shape) == (matrix.shape, (2, 2))
    assert values.min() >= -8
    assert values.max() <= 7
    assert scale[0].tolist() == pytest.approx([-0.2, 1])
    assert values[0, :3].tolist() == [-8, 4, 7]
    assert values[0, BLOCK:].tolist() == [-8, 7]
    assert not values[1].any()


def test_the_graph_reads_back_as_nearly_the_same_encoder(encoder: Encoder, folder: Path) -> None:
    again = read_onnx(folder / ONNX_FILE)
    for name, value in encoder.state_dict().items():
        kept = value[:MAX_TOKENS] if name == "positions" else value
        # A step of int4 is an eighth of the largest number; the other end of its range is cut off by one step.
        step = kept.abs().max() / (8 if name == "words.weight" else 127)
        assert (again.state_dict()[name] - kept).abs().max() <= step, name


def test_the_graph_needs_no_more_positions_than_tokens(encoder: Encoder) -> None:
    tensors = {tensor.name: list(tensor.dims) for tensor in onnx_graph(encoder, 16).graph.initializer}
    assert tensors["positions"] == [16, DIMENSIONS]


def test_writing_twice_gives_the_same_bytes(encoder: Encoder, tokenizer_file: Path, folder: Path) -> None:
    before = contents(folder)
    write_folder(encoder, tokenizer_file, folder, MAX_TOKENS)
    assert contents(folder) == before
    assert set(before) == {
        ONNX_FILE,
        "1_Pooling/config.json",
        "2_Normalize/config.json",
        "config.json",
        "config_sentence_transformers.json",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_written_configuration_is_that_of_the_encoder(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert (config["hidden_size"], config["max_position_embeddings"]) == (DIMENSIONS, POSITIONS)


@pytest.fixture(scope="module")
def plain(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformersEncoder:
    target = tmp_path_factory.mktemp("plain") / "model"
    dequantise(folder, target)
    return SentenceTransformersEncoder(str(target))


@pytest.mark.slow
def test_sentence_transformers_loads_the_float_folder_with_the_same_tokens_and_vectors(
    plain: SentenceTransformersEncoder, served: ServedEncoder
) -> None:
    texts = [*TEXTS, LONG]
    assert (plain.dimensions, plain.max_tokens) == (served.dimensions, served.max_tokens)
    assert plain.count_tokens(texts) == served.count_tokens(texts)
    assert cosines(plain.encode_passages(texts), served.encode_passages(texts)).min() > 0.98


@pytest.mark.slow
def test_sentence_transformers_cuts_texts_into_the_same_identifiers(
    plain: SentenceTransformersEncoder, tokenizer_file: Path
) -> None:
    texts = [*TEXTS, LONG]
    theirs = plain._model.tokenizer(texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    assert theirs == encode(make_tokenizer(teacher_pieces(tokenizer_file), MAX_TOKENS), texts)


def test_dequantised_weights_are_read_as_the_graph_computes_with_them(folder: Path, tmp_path: Path) -> None:
    dequantise(folder, tmp_path / "float")
    weights, graph = load_bert(tmp_path / "float").state_dict(), read_onnx(folder / ONNX_FILE).state_dict()
    assert weights["positions"].shape == (POSITIONS, DIMENSIONS)
    for name, value in graph.items():
        assert torch.equal(weights[name][: len(value)], value), name
    assert not weights["positions"][MAX_TOKENS:].any()


def test_dequantise_copies_the_served_files_but_the_graph(folder: Path, tmp_path: Path) -> None:
    dequantise(folder, tmp_path / "float")
    copied = contents(tmp_path / "float")
    assert copied.pop("model.safetensors")
    assert {**copied, ONNX_FILE: (folder / ONNX_FILE).read_bytes()} == contents(folder)


def test_the_float_folder_is_not_served_by_the_graph_it_came_from(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="the hub extra is not installed")
    dequantise(folder, tmp_path / "float")
    assert isinstance(load_encoder(str(tmp_path / "float")), SentenceTransformersEncoder)


def test_an_existing_target_is_refused_and_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FaroError, match="exists already"):
        dequantise(folder, tmp_path)
    assert list(contents(tmp_path)) == ["mine.txt"]


def test_a_folder_without_the_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaroError, match=r"has no onnx/model_qint8\.onnx"):
        dequantise(tmp_path, tmp_path / "float")


def foreign_graph() -> bytes:
    """A valid ONNX file of somebody else's."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("a", "b")]
    body = helper.make_graph([helper.make_node("Identity", ["a"], ["b"])], "other", values[:1], values[1:])
    return bytes(helper.make_model(body).SerializeToString())


@pytest.mark.parametrize("content", [b"not a graph", foreign_graph()], ids=["damaged", "foreign"])
def test_a_graph_of_another_make_is_refused_and_nothing_is_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model" / "onnx").mkdir(parents=True)
    (tmp_path / "model" / ONNX_FILE).write_bytes(content)
    with pytest.raises(FaroError, match="not written by"):
        dequantise(tmp_path / "model", tmp_path / "float")
    assert not (tmp_path / "float").exists()


def test_the_graph_is_valid_onnx(folder: Path) -> None:
    onnx.checker.check_model(onnx.load(str(folder / ONNX_FILE)), full_check=True)
