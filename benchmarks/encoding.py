"""Speed of the default encoder, beside sentence-transformers running the same weights as floats."""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
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
RUNTIMES = ("onnxruntime", "sentence-transformers")
HEADERS = (
    "runtime, threads",
    "load, s",
    "MB",
    "query p50, ms",
    "query p95, ms",
    *[f"{name}, per s" for name in LENGTHS],
    "cosine",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or, as a child, measure one runtime."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoding", description=__doc__)
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=RUNTIMES)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5, help="rounds per figure, of which the median counts")
    parser.add_argument("--texts", type=int, default=48, help="passages per round")
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--vectors", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.vectors:
        report(measure(options))
        return
    with tempfile.TemporaryDirectory(prefix="faro-benchmark-") as folder:
        show("The encoder", HEADERS, list(_rows(options, Path(folder))))


def _rows(options: argparse.Namespace, folder: Path) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    reference = folder / "reference.npy"
    for runtime in options.runtimes:
        model = MODEL if runtime == "onnxruntime" else _float_model(folder / "float")
        for threads in options.threads:
            if model is None:
                rows.append([f"{runtime} (not installed)", *[None] * (len(HEADERS) - 1)])
                continue
            target = folder / "vectors.npy" if reference.exists() else reference
            found = run_module(
                "benchmarks.encoding",
                *("--runtimes", runtime, "--threads", str(threads), "--model", str(model), "--vectors", str(target)),
                *("--rounds", str(options.rounds), "--texts", str(options.texts)),
            )
            rows.append(_row(f"{runtime}, {threads}", found, agreement(reference, target)))
    return rows


def _row(name: str, found: dict[str, Any], cosine: float) -> list[Cell]:
    queries = found["queries_ms"]
    rates = [found["rates"][length] for length in LENGTHS]
    return [name, found["load"], found["mb"], percentile(queries, 50), percentile(queries, 95), *rates, f"{cosine:.4f}"]


def _float_model(folder: Path) -> Path | None:
    """The shipped weights as a folder for sentence-transformers; None where its libraries are not installed."""
    if folder.exists():
        return folder
    try:
        import sentence_transformers  # noqa: F401  # only whether it is there

        from tests.dequantised import write_float_model
    except ModuleNotFoundError:
        return None
    return write_float_model(MODEL, folder)


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
        "queries_ms": [_query_ms(encoder, text) for _ in range(options.rounds) for text in questions],
        "rates": {name: _rate(encoder, many, options.rounds) for name, many in texts.items()},
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


def _rate(encoder: Encoder, texts: Sequence[str], rounds: int) -> float:
    """Median passages per second."""
    spent = [milliseconds(lambda: encoder.encode_passages(texts)) for _ in range(rounds)]
    return len(texts) * 1000 / percentile(spent, 50)


if __name__ == "__main__":
    main()
