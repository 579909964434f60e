"""The encoder: vectors, prefixes, errors, and the parity of its two runtimes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rag.embedding import Encoder, OnnxEncoder, SentenceTransformersEncoder, load_encoder, prefixes_for
from rag.errors import EncoderError
from rag.settings import PROJECT_ROOT

MODEL = PROJECT_ROOT / "data" / "model"
TEXTS = [
    "¿Cuántos días de vacaciones tengo?",
    "How many days off do I get?",
    "La misión es el camino de cada día.",
    "ñandú, pingüino, EE.UU., $120.000 y 😀",
    "una frase larga que se repite y se repite hasta que no cabe en la ventana " * 40,
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(str(MODEL))


def test_vectors_are_normalised_rows_of_float32(encoder: Encoder) -> None:
    vectors = encoder.encode_passages(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dimensions) == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-4)


def test_no_text_gives_no_vector(encoder: Encoder) -> None:
    assert encoder.encode_passages([]).shape == (0, 384)
    assert encoder.count_tokens([]) == []


def test_english_question_is_nearest_to_the_spanish_sentence_that_answers_it(encoder: Encoder) -> None:
    question = encoder.encode_queries(["How many holidays do I have each year?"])
    passages = encoder.encode_passages(
        ["La misión es el camino de cada día.", "Tienes quince días de vacaciones al año.", "Pinta la casa de azul."]
    )
    assert int(np.argmax(passages @ question[0])) == 1


def test_a_vector_does_not_depend_on_its_neighbours(encoder: Encoder) -> None:
    together = encoder.encode_passages(TEXTS)
    alone = np.vstack([encoder.encode_passages([text]) for text in TEXTS])
    assert np.array_equal(together, alone)


def test_langchain_interface_agrees_with_the_arrays(encoder: Encoder) -> None:
    assert encoder.embed_query(TEXTS[0]) == pytest.approx(encoder.encode_queries(TEXTS[:1])[0].tolist())
    assert np.allclose(encoder.embed_documents(TEXTS[:2]), encoder.encode_passages(TEXTS[:2]))


def test_token_counts_are_not_truncated_and_leave_special_tokens_out(encoder: Encoder) -> None:
    one, many = encoder.count_tokens(["misión", TEXTS[-1]])
    assert one == 1
    assert many > encoder.max_tokens


def test_fingerprint_changes_with_the_files(encoder: Encoder, tmp_path: Path) -> None:
    other = tmp_path / "model"
    shutil.copytree(MODEL, other)
    assert OnnxEncoder(other).fingerprint == encoder.fingerprint
    config = other / "sentence_bert_config.json"
    config.write_text(config.read_text().replace("256", "128"))
    assert OnnxEncoder(other).fingerprint != encoder.fingerprint


@pytest.mark.parametrize(
    ("name", "query", "passage"),
    [
        ("intfloat/multilingual-e5-small", "query: ", "passage: "),
        ("intfloat/multilingual-e5-base", "query: ", "passage: "),
        ("/models/e5-large-v2/", "query: ", "passage: "),
        ("BAAI/bge-m3", "", ""),
        ("Alibaba-NLP/gte-multilingual-base", "", ""),
        ("thenlper/gte-small", "", ""),
        ("nomic-ai/nomic-embed-text-v2-moe", "search_query: ", "search_document: "),
        ("google/embeddinggemma-300m", "task: search result | query: ", "title: none | text: "),
        ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: ", ""),
        ("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", "", ""),
    ],
)
def test_prefixes_follow_the_model_family(name: str, query: str, passage: str) -> None:
    prefixes = prefixes_for(name)
    assert (prefixes.query, prefixes.passage) == (query, passage)


def test_instruct_models_get_an_instruction_for_questions_only() -> None:
    prefixes = prefixes_for("intfloat/multilingual-e5-large-instruct")
    assert prefixes.query.startswith("Instruct: ")
    assert prefixes.passage == ""


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="no such folder"):
        load_encoder(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("file", ["tokenizer.json", "sentence_bert_config.json"])
def test_incomplete_folder_is_named(tmp_path: Path, file: str) -> None:
    shutil.copytree(MODEL, tmp_path / "model")
    (tmp_path / "model" / file).unlink()
    with pytest.raises(EncoderError, match=file):
        load_encoder(str(tmp_path / "model"))


def test_damaged_model_file_is_named(tmp_path: Path) -> None:
    shutil.copytree(MODEL, tmp_path / "model")
    (tmp_path / "model" / "onnx" / "model_qint8.onnx").write_bytes(b"not a model")
    with pytest.raises(EncoderError, match="cannot load"):
        load_encoder(str(tmp_path / "model"))


@pytest.mark.slow
def test_default_encoder_imports_no_torch() -> None:
    code = (
        "import sys; from rag.embedding import load_encoder; from rag.settings import PROJECT_ROOT;"
        "load_encoder(str(PROJECT_ROOT / 'data' / 'model')).encode_queries(['hola']);"
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'sentence_transformers')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=False).returncode == 0


@pytest.fixture(scope="module")
def float_encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    pytest.importorskip("sentence_transformers", reason="the hub extra is not installed")
    pytest.importorskip("torch", reason="the training extra is not installed")
    from training.export import dequantise

    folder = tmp_path_factory.mktemp("float") / "e5-lookalike"
    dequantise(MODEL, folder)
    return SentenceTransformersEncoder(str(folder))


@pytest.mark.slow
def test_both_runtimes_give_the_same_tokens_and_nearly_the_same_vectors(
    encoder: Encoder, float_encoder: Encoder
) -> None:
    assert isinstance(encoder, OnnxEncoder)
    assert isinstance(float_encoder, SentenceTransformersEncoder)
    assert float_encoder.max_tokens == encoder.max_tokens
    assert float_encoder.count_tokens(TEXTS) == encoder.count_tokens(TEXTS)
    # The folder's name makes it a prefixed model: the same prefix by hand must give the same vector.
    for prefixed, plain in (
        (float_encoder.encode_queries(TEXTS), encoder.encode_queries([f"query: {text}" for text in TEXTS])),
        (float_encoder.encode_passages(TEXTS), encoder.encode_passages([f"passage: {text}" for text in TEXTS])),
    ):
        # Quantised activations cost about 0.01 of cosine; another pooling or truncation would cost far more.
        assert (prefixed * plain).sum(axis=1).min() > 0.97
