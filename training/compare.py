"""Systems side by side on the same tasks, in one run: quality with intervals, and speed."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray

from rag.embedding import Encoder
from rag.keyword import KeywordIndex, query_words
from rag.lexicon import Lexicon
from rag.types import Chunk, Language
from training.batches import load_tokenizer
from training.measures import Figure, measure
from training.network import load_bert
from training.retrieval import encode_texts
from training.tasks import Passage, Task

Floats = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Floats]
PASSAGE_TOKENS = 128


class System(Protocol):
    """Something that scores the passages of a task."""

    name: str

    @property
    def languages(self) -> tuple[Language, ...]:
        """Of the passages it can search."""

    def scores(self, task: Task) -> Floats:
        """Shape (queries, passages), higher is better."""


@dataclass(slots=True)
class Dense:
    """An encoder: cosines of its vectors. Passages are encoded once and remembered."""

    name: str
    encode_queries: Encode
    encode_passages: Encode
    known: dict[str, Floats] = field(default_factory=dict)
    languages: tuple[Language, ...] = ("es", "en")

    def scores(self, task: Task) -> Floats:
        """Cosine of each query with each passage."""
        texts = [passage.whole for passage in task.passages]
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        if new:
            self.known.update(zip(new, self.encode_passages(new), strict=True))
        return self.encode_queries(task.queries) @ np.stack([self.known[text] for text in texts]).T


@dataclass(slots=True)
class Keywords:
    """BM25 over Spanish stems; English queries go through the lexicon. It can only search Spanish passages."""

    name: str
    lexicon: Lexicon
    languages: tuple[Language, ...] = ("es",)

    def scores(self, task: Task) -> Floats:
        """BM25 of each query in each passage."""
        index = _keyword_index(task.passages)
        return np.stack(
            [index.word_scores(query_words(query, task.query_language, self.lexicon)).sum(0) for query in task.queries]
        )


@dataclass(slots=True)
class Fused:
    """Scores of two systems added, each divided by the best it gives the query: no weight is tuned."""

    name: str
    first: System
    second: System

    @property
    def languages(self) -> tuple[Language, ...]:
        """Those that both can search."""
        return tuple(language for language in self.first.languages if language in self.second.languages)

    def scores(self, task: Task) -> Floats:
        """Sum of both, the best passage of each worth one."""
        return _scaled(self.first.scores(task)) + _scaled(self.second.scores(task))


def served(name: str, encoder: Encoder) -> Dense:
    """An encoder on the runtime that serves it."""
    return Dense(name, encoder.encode_queries, encoder.encode_passages)


def float_bert(name: str, folder: Path, max_tokens: int = 256) -> Dense:
    """The float weights of a BERT encoder folder, as training sees them but in full precision."""
    encoder = load_bert(folder).eval()
    encoder.precision = torch.float32
    tokenizer = load_tokenizer(folder, max_tokens)

    def encode(texts: Sequence[str]) -> Floats:
        vectors: Floats = encode_texts(encoder, tokenizer, texts).numpy()
        return vectors

    return Dense(name, encode, encode)


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one system on one task."""

    task: str
    system: str
    queries: int
    passages: int
    figures: Mapping[str, Figure]


def compare(systems: Sequence[System], tasks: Sequence[Task]) -> list[Row]:
    """Every system on every task it can do; the same queries are resampled for all of them."""
    return [
        Row(task.name, system.name, len(task.queries), len(task.passages), measure(task, system.scores(task)))
        for task in tasks
        for system in systems
        if task.passage_language in system.languages
    ]


@dataclass(frozen=True, slots=True)
class Speed:
    """Median milliseconds of one query, and passages of ``PASSAGE_TOKENS`` tokens a second.

    The tokens are those of the encoder that was made here; others cut the same text into more or fewer.
    """

    system: str
    query_ms: float
    passages_a_second: float


def speed(dense: Dense, queries: Sequence[str], passage: str, count: int = 64) -> Speed:
    """Time ``dense`` on single queries and on ``count`` copies of a long passage, told apart by a number."""
    times = []
    for query in queries:
        start = time.perf_counter()
        dense.encode_queries([query])
        times.append(time.perf_counter() - start)
    texts = [f"{number} {passage}" for number in range(count)]
    start = time.perf_counter()
    dense.encode_passages(texts)
    elapsed = time.perf_counter() - start
    return Speed(dense.name, 1000 * statistics.median(times), count / elapsed)


def table(rows: Sequence[Row], measures: Sequence[str] = ("R@1", "R@5", "MRR@10", "nDCG@10")) -> str:
    """The rows as a Markdown table, one line for each task and system."""
    lines = [f"| task | queries / passages | system | {' | '.join(measures)} |", "| --- " * (3 + len(measures)) + "|"]
    before = ""
    for row in rows:
        figures = " | ".join(str(row.figures[name]) for name in measures)
        size = f"{row.queries} / {row.passages}"
        task = ("", "") if row.task == before else (row.task, size)
        lines.append(f"| {task[0]} | {task[1]} | {row.system} | {figures} |")
        before = row.task
    return "\n".join(lines) + "\n"


def speed_table(speeds: Sequence[Speed]) -> str:
    """Speeds as a Markdown table."""
    lines = [f"| system | one query, ms | {PASSAGE_TOKENS}-token passages a second |", "| --- | ---: | ---: |"]
    lines += [f"| {s.system} | {s.query_ms:.1f} | {s.passages_a_second:.0f} |" for s in speeds]
    return "\n".join(lines) + "\n"


def write_report(rows: Sequence[Row], speeds: Sequence[Speed], folder: Path) -> None:
    """Write ``evaluation.md`` and ``evaluation.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.md").write_text(f"{table(rows)}\n{speed_table(speeds)}", encoding="utf-8")
    content = {"quality": [asdict(row) for row in rows], "speed": [asdict(s) for s in speeds]}
    (folder / "evaluation.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _keyword_index(passages: Sequence[Passage]) -> KeywordIndex:
    # The index reads a chunk's breadcrumb and text only, and a passage has both.
    return KeywordIndex(cast("Sequence[Chunk]", passages))


def _scaled(scores: Floats) -> Floats:
    best = np.maximum(scores.max(axis=1, keepdims=True), 1e-9)
    return cast("Floats", np.maximum(scores, 0) / best)
