"""Speed of the default encoder, beside sentence-transformers running the same weights as floats."""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.measure import milliseconds, percentile, report, run_module
from benchmarks.memory import resident_mb
from benchmarks.questions import QUESTIONS
from benchmarks.synthetic import read_material
from benchmarks.table import Cell, show
from rag.embedding import Encoder, SentenceTransformersEncoder, load_encoder
from rag.settings import PROJECT_ROOT

MODEL = PROJECT_ROOT / "data" / "model"
LENGTHS = {"unit of 20 tokens": 20, "passage of 128": 128, "chunk of 240": 240}
"""20 tokens is the mean of the sample's units, 240 the longest chunk by default."""
QUERY_ROUNDS = 3
"""Times a process encodes each question."""
RUNTIMES = ("onnxruntime", "sentence-transformers")
HEADERS = (
    "runtime, threads",
    "load, s",
    "MB",
    "query p50, ms",
    "query p95, ms",
    *[f"{name}, per s" for name in LENGTHS],
    "agreement",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or, as a child, measure one runtime."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoding", description=__doc__)
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=RUNTIMES)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes per row, of which the median counts")
    parser.add_argument("--texts", type=int, default=32, help="passages per round")
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--vectors", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.vectors:
        report(measure(options))
        return
    with tempfile.TemporaryDirectory(prefix="faro-benchmark-") as folder:
        show("The encoder", HEADERS, list(_rows(options, Path(folder))))


def _rows(options: argparse.Namespace, folder: Path) -> list[list[Cell]]:
    """A row for each runtime and number of threads.

    Every round is a fresh process of each of them in turn, so that a busy minute of the machine falls on all alike.
    """
    models = {runtime: _model_of(runtime, folder / "float") for runtime in options.runtimes}
    found: dict[tuple[str, int], list[dict[str, Any]]] = {
        (runtime, threads): [] for runtime in options.runtimes for threads in options.threads
    }
    for _ in range(options.rounds):
        for (runtime, threads), rounds in found.items():
            if model := models[runtime]:
                vectors = folder / f"{runtime}-{threads}.npy"
                rounds.append(_child(runtime, threads, model, vectors, texts=options.texts))
    reference = folder / f"{options.runtimes[0]}-{options.threads[0]}.npy"
    return [
        _row(f"{runtime}, {threads}", rounds, agreement(reference, folder / f"{runtime}-{threads}.npy"))
        if rounds
        else [f"{runtime} (not installed)", *[None] * (len(HEADERS) - 1)]
        for (runtime, threads), rounds in found.items()
    ]


def _child(runtime: str, threads: int, model: Path, vectors: Path, *, texts: int) -> dict[str, Any]:
    found: dict[str, Any] = run_module(
        "benchmarks.encoding",
        *("--runtimes", runtime, "--threads", str(threads), "--texts", str(texts)),
        *("--model", str(model), "--vectors", str(vectors)),
    )
    return found


def _row(name: str, rounds: Sequence[dict[str, Any]], cosine: float) -> list[Cell]:
    queries = [spent for found in rounds for spent in found["queries_ms"]]
    rates = [median(found["rates"][length] for found in rounds) for length in LENGTHS]
    load, memory = median(found["load"] for found in rounds), rounds[0]["mb"]
    return [name, load, memory, percentile(queries, 50), percentile(queries, 95), *rates, f"{cosine:.4f}"]


def _model_of(runtime: str, folder: Path) -> Path | None:
    return MODEL if runtime == "onnxruntime" else _float_model(folder)


def _float_model(folder: Path) -> Path | None:
    """The shipped weights as a folder for sentence-transformers; None where its libraries are not installed."""
    try:
        import sentence_transformers  # noqa: F401  # only whether it is there

        from training.export import dequantise
    except ModuleNotFoundError:
        return None
    dequantise(MODEL, folder)
    return folder


def agreement(reference: Path, other: Path) -> float:
    """Mean cosine between the vectors of two runtimes for the same texts."""
    return float(np.mean(np.sum(np.load(reference) * np.load(other), axis=1)))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Load, query and passage figures of one runtime; writes its vectors to ``options.vectors``."""
    (threads,) = options.threads
    began = time.perf_counter()
    encoder = _load(options.runtimes[0], options.model, threads)
    encoder.encode_queries(["primera"])
    load = time.perf_counter() - began
    texts = {name: texts_of(encoder, tokens, options.texts) for name, tokens in LENGTHS.items()}
    questions = [text for language in QUESTIONS.values() for text in language]
    np.save(options.vectors, encoder.encode_passages([*questions, *(text for many in texts.values() for text in many)]))
    return {
        "load": load,
        "queries_ms": [_query_ms(encoder, text) for _ in range(QUERY_ROUNDS) for text in questions],
        "rates": {name: _rate(encoder, many) for name, many in texts.items()},
        "mb": resident_mb(),
    }


def _load(runtime: str, folder: Path, threads: int) -> Encoder:
    if runtime == "onnxruntime":
        return load_encoder(str(folder), threads=threads)
    import torch

    torch.set_num_threads(threads)
    return SentenceTransformersEncoder(str(folder))


_WORD = re.compile(r"[^\W_]+[.,]?")


def texts_of(encoder: Encoder, tokens: int, count: int) -> list[str]:
    """So many texts of the sample's words, each the longest of at most so many ``tokens``."""
    words = _WORD.findall(" ".join(read_material().sections))
    texts = []
    for number in range(count):
        start = number * len(words) // count
        candidates = [" ".join((words + words)[start : start + length]) for length in range(1, tokens + 1)]
        fitting = [
            text for text, size in zip(candidates, encoder.count_tokens(candidates), strict=True) if size <= tokens
        ]
        texts.append(fitting[-1])
    return texts


def _query_ms(encoder: Encoder, text: str) -> float:
    return milliseconds(lambda: encoder.encode_queries([text]))


def _rate(encoder: Encoder, texts: Sequence[str]) -> float:
    """Passages per second."""
    return len(texts) * 1000 / milliseconds(lambda: encoder.encode_passages(texts))


if __name__ == "__main__":
    main()
