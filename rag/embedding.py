"""The encoder behind LangChain's Embeddings: our own on onnxruntime, or any sentence-transformers model.

Two runtimes serve one seam. A sentence-transformers folder that holds ``onnx/model_qint8*.onnx`` (ours does) runs on
onnxruntime and tokenizers, without torch. Anything else, a folder or the name of a model, runs through
sentence-transformers (extra ``hub``), offline unless the person's own environment lets the hub be reached.
"""

from __future__ import annotations

import hashlib
import json
import os
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from rag.errors import EncoderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What a model wants before a question and before a passage."""

    query: str = ""
    passage: str = ""


MODEL_PREFIXES: tuple[tuple[str, Prefixes], ...] = (
    (
        "multilingual-e5-large-instruct",
        Prefixes(query="Instruct: Given a question, retrieve passages that answer it\nQuery: "),
    ),
    ("e5-mistral", Prefixes(query="Instruct: Given a question, retrieve passages that answer it\nQuery: ")),
    ("qwen3-embedding", Prefixes(query="Instruct: Given a question, retrieve passages that answer it\nQuery:")),
    ("embeddinggemma", Prefixes("task: search result | query: ", "title: none | text: ")),
    ("nomic-embed", Prefixes("search_query: ", "search_document: ")),
    ("arctic-embed-l-v2", Prefixes(query="query: ")),
    ("arctic-embed-m-v2", Prefixes(query="query: ")),
    ("bge-m3", Prefixes()),
    ("gte-", Prefixes()),
    ("e5-", Prefixes("query: ", "passage: ")),
)
"""Model families by a part of their name, first match wins; as their model cards tell."""


def prefixes_for(name: str) -> Prefixes:
    """The query and passage prefixes that the model called ``name`` was trained with (none if unknown)."""
    lowered = name.lower().rstrip("/")
    return next((prefixes for part, prefixes in MODEL_PREFIXES if part in lowered), Prefixes())


class Encoder(Embeddings):
    """Text to L2-normalised vectors: cosine similarity is their dot product."""

    name: str
    fingerprint: str
    """SHA-256 (hex) of what determines the vectors; an index built by another encoder cannot be searched."""
    dimensions: int
    max_tokens: int
    """Longest text, in the encoder's own tokens and without its special ones, that is read whole."""

    @abstractmethod
    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions, shape (len(texts), dimensions)."""

    @abstractmethod
    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages, shape (len(texts), dimensions)."""

    @abstractmethod
    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in the encoder's tokens, special ones left out."""

    def embed_query(self, text: str) -> list[float]:
        """LangChain's form of ``encode_queries`` for one text."""
        return [float(value) for value in self.encode_queries([text])[0]]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's form of ``encode_passages``."""
        return [[float(value) for value in row] for row in self.encode_passages(texts)]


class OnnxEncoder(Encoder):
    """A sentence-transformers folder with a quantised ONNX file that pools and normalises by itself."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Load ``folder``. One thread keeps the latency of a question steady when the other cores are busy.

        Raises EncoderError when a file is missing or unreadable.
        """
        self._folder = folder
        self._threads = threads
        self._model_file = _onnx_file(folder)
        self.name = folder.name
        self.max_tokens = _max_sequence_length(folder) - _SPECIAL_TOKENS
        self._tokenizer = self._load_tokenizer()
        self._session = self._load_session()
        self.dimensions = int(self._session.get_outputs()[0].shape[-1])

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        digest = hashlib.sha256()
        for file in (self._model_file, self._folder / "tokenizer.json"):
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        digest.update(str(self.max_tokens).encode())
        return digest.hexdigest()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        encodings = self._counter.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    def _encode(self, texts: Sequence[str]) -> Vectors:
        encodings = self._tokenizer.encode_batch_fast(list(texts))
        vectors: Vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for row, encoding in enumerate(encodings):
            vectors[row] = self._forward(encoding.ids)
        return vectors

    def _forward(self, token_ids: list[int]) -> Vectors:
        # One text per pass: no slower than batches on a CPU, and the activations' quantisation range, which spans a
        # batch, would otherwise let a text's vector depend on its neighbours.
        input_ids = np.array([token_ids], dtype=np.int64)
        outputs = self._session.run(None, {"input_ids": input_ids, "attention_mask": np.ones_like(input_ids)})
        return np.asarray(outputs[0][0], dtype=np.float32)

    def _load_tokenizer(self) -> Tokenizer:
        tokenizer = self._read_tokenizer()
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.max_tokens + _SPECIAL_TOKENS)
        return tokenizer

    @cached_property
    def _counter(self) -> Tokenizer:
        tokenizer = self._read_tokenizer()
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def _read_tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        file = self._folder / "tokenizer.json"
        if not file.is_file():
            raise EncoderError(
                f"the encoder in {self._folder} has no tokenizer.json; set FARO_ENCODER to a whole folder"
            )
        return Tokenizer.from_file(str(file))

    def _load_session(self) -> Any:
        # onnxruntime's wheels report usage to their maker unless this is set before the library is loaded.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Without it int8 products overflow on x86 processors that lack the VNNI instructions; others are not slowed.
        options.add_session_config_entry("session.x64quantprecision", "1")
        try:
            return onnxruntime.InferenceSession(
                str(self._model_file), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except (runtime_errors.Fail, runtime_errors.InvalidProtobuf, runtime_errors.InvalidGraph, OSError) as error:
            raise EncoderError(f"cannot load {self._model_file}: restore the file, or set FARO_ENCODER") from error


class SentenceTransformersEncoder(Encoder):
    """Any model of the sentence-transformers library, by hub name or folder."""

    def __init__(self, name_or_folder: str) -> None:
        """Load the model. Raises EncoderError when the library or the model is not there."""
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise EncoderError(
                f"FARO_ENCODER={name_or_folder} needs sentence-transformers: pip install 'faro-handbook[hub]'"
            ) from error
        try:
            self._model = SentenceTransformer(name_or_folder, device="cpu")
        except (OSError, ValueError, RuntimeError) as error:
            raise EncoderError(
                f"cannot load the encoder {name_or_folder}: give FARO_ENCODER a sentence-transformers folder, or the "
                "name of a model that is in the local cache or can be downloaded"
            ) from error
        self.name = Path(name_or_folder).name if Path(name_or_folder).is_dir() else name_or_folder
        self._prefixes = prefixes_for(name_or_folder)
        self.dimensions = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or 512) - _SPECIAL_TOKENS

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        digest = hashlib.sha256(f"{self._prefixes}|{self.max_tokens}".encode())
        for name, tensor in sorted(self._model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.float().cpu().numpy().tobytes())
        return digest.hexdigest()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, self._prefixes.query)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, self._prefixes.passage)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        encoded = self._model.tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def _encode(self, texts: Sequence[str], prefix: str) -> Vectors:
        vectors = self._model.encode(
            list(texts), prompt=prefix, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
        )
        return np.asarray(vectors, dtype=np.float32).reshape(len(texts), self.dimensions)


_SPECIAL_TOKENS = 2
"""[CLS] and [SEP], or their like, around every text."""


def load_encoder(name_or_folder: str, *, threads: int = 1) -> Encoder:
    """The encoder that FARO_ENCODER names. Raises EncoderError with what to do."""
    folder = Path(name_or_folder).expanduser()
    if folder.is_dir() and any(folder.glob("onnx/model_qint8*.onnx")):
        return OnnxEncoder(folder, threads=threads)
    if _looks_like_a_path(name_or_folder) and not folder.is_dir():
        raise EncoderError(f"FARO_ENCODER={name_or_folder}: there is no such folder")
    return SentenceTransformersEncoder(str(folder) if folder.is_dir() else name_or_folder)


def available_threads() -> int:
    """Cores this process may use: for ingest, where throughput counts and not the latency of one question."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _looks_like_a_path(name: str) -> bool:
    return name.startswith(("/", ".", "~")) or "\\" in name or name.count("/") > 1


def _onnx_file(folder: Path) -> Path:
    files = sorted(folder.glob("onnx/model_qint8*.onnx"))
    if not files:
        raise EncoderError(f"the encoder in {folder} has no onnx/model_qint8*.onnx; set FARO_ENCODER to a whole folder")
    return files[0]


def _max_sequence_length(folder: Path) -> int:
    file = folder / "sentence_bert_config.json"
    try:
        return int(json.loads(file.read_text(encoding="utf-8"))["max_seq_length"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{file}: expected a JSON object with max_seq_length; restore the file") from error
