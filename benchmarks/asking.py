"""Time by stage of one question in-process, memory, and the opening of an index, at several sizes of handbook."""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import milliseconds, percentile, report, run_module
from benchmarks.memory import resident_mb
from benchmarks.questions import QUESTIONS
from benchmarks.table import Cell, show
from benchmarks.workplace import add_work_option, indexed, settings_of, work_folder
from rag.settings import Settings
from rag.types import LANGUAGES, Language, Question

WARMING_QUESTIONS = 3
STAGES = (
    "language",
    "encode",
    "chunk search",
    "unit search",
    "BM25",
    "unit vectors",
    "select",
    "answer",
    "total",
)
"""Each measured by itself, so that they do not add up exactly to the total, which is ``Engine.ask``."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or, as a child, measure one size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.asking", description=__doc__)
    parser.add_argument("--pages", nargs="+", type=int, default=[0, 275, 1100], help="sizes; 0 is the sample itself")
    parser.add_argument("--rounds", type=int, default=15, help="times each question is asked")
    add_work_option(parser)
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.once:
        report(measure(settings_of(options.once, options.pages[0]), options.rounds))
        return
    with work_folder(options.work) as work:
        found = [_child(work, pages, options.rounds) for pages in options.pages]
    _show(found)


def _child(work: Path, pages: int, rounds: int) -> dict[str, Any]:
    indexed(work, pages)
    found: dict[str, Any] = run_module(
        "benchmarks.asking", "--once", str(work), "--pages", str(pages), "--rounds", str(rounds)
    )
    return found


def _show(found: Sequence[Mapping[str, Any]]) -> None:
    for language in LANGUAGES:
        headers = ["stage, ms: median / p95", *[f"{size['chunks']:,} chunks, {size['units']:,} units" for size in found]]
        rows: list[list[Cell]] = [[stage, *[_spread(size[language][stage]) for size in found]] for stage in STAGES]
        show(f"One question, {language}", headers, rows)
    opening = ("chunks", "import, s", "encoder, s", "snapshot, s", "keyword index, s", "first answer, s")
    rows = [[str(size["chunks"]), *size["opening"]] for size in found]
    show("From a fresh process to the first answer", opening, rows)
    memory = ("chunks", "imports, MB", "encoder, MB", "index open, MB", "after all questions, MB")
    show("Resident memory", memory, [[str(size["chunks"]), *size["memory"]] for size in found])


def _spread(values: Sequence[float]) -> str:
    return f"{percentile(values, 50):.2f} / {percentile(values, 95):.2f}"


def measure(settings: Settings, rounds: int) -> dict[str, Any]:
    """All figures of one index, in this process."""
    laps = _Laps()
    import chromadb  # noqa: F401  # deferred in the product; its import is told apart from the opening
    import langchain_chroma  # noqa: F401

    from rag.assemble import Engine
    from rag.embedding import load_encoder
    from rag.index import IndexReader
    from rag.lexicon import load_lexicon
    from rag.retrieval import HybridRetriever

    laps.lap()
    encoder = load_encoder(settings.encoder)
    lexicon = load_lexicon(Path(settings.encoder))
    laps.lap()
    snapshot = IndexReader(settings.index, encoder).current()
    laps.lap(memory=False)
    retriever = HybridRetriever(snapshot=snapshot, encoder=encoder, lexicon=lexicon)
    laps.lap()
    retriever.search(QUESTIONS["es"][0], "es", 8)
    laps.lap(memory=False)
    steps = Steps(retriever, lexicon)
    engine = Engine(settings)
    timings = {language: _timings(engine, steps, language, rounds) for language in LANGUAGES}
    return {
        "chunks": len(snapshot.chunks),
        "units": snapshot.manifest.units,
        "opening": laps.seconds,
        "memory": [*laps.memory, resident_mb()],
        **timings,
    }


class _Laps:
    """Seconds between the calls, and the memory at them."""

    def __init__(self) -> None:
        self._previous = time.perf_counter()
        self.seconds: list[float] = []
        self.memory: list[float | None] = []

    def lap(self, *, memory: bool = True) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self._previous)
        if memory:
            self.memory.append(resident_mb())
        self._previous = time.perf_counter()


