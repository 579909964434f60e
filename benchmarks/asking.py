"""Time by stage of one question in-process, memory, and the way to the first answer, at several sizes of handbook."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import milliseconds, percentile, report, run_module
from benchmarks.memory import resident_mb
from benchmarks.questions import QUESTIONS
from benchmarks.table import Cell, show
from benchmarks.workplace import add_work_option, indexed, settings_of, work_folder
from rag.settings import Settings
from rag.types import LANGUAGES, Language, Question

if TYPE_CHECKING:
    from rag.assemble import Engine
    from rag.retrieval import HybridRetriever

HITS = Question("").k
STEP_MARK = "· "
STEPS = ("encode", "chunk search", "unit search", "BM25", "unit vectors")
CHAIN_STAGES = ("language", "retrieve", "select", "answer")
ROWS = ("language", "retrieve", *(f"{STEP_MARK}{step}" for step in STEPS), "select", "answer", "total")
"""Marked: the steps of ``retrieve``, measured by themselves, the chain's stages by its own stopwatch; ``total`` around
``Engine.ask``."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, or, as a child, measure one size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.asking", description=__doc__)
    parser.add_argument("--pages", nargs="+", type=int, default=[0, 275, 1100], help="sizes; 0 is the sample itself")
    parser.add_argument("--rounds", type=int, default=15, help="times each question is asked")
    add_work_option(parser)
    parser.add_argument("--once", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.once:
        report(MEASUREMENTS[options.once](settings_of(options.work, options.pages[0]), options.rounds))
        return
    with work_folder(options.work) as work:
        found = [_measured(work, pages, options.rounds) for pages in options.pages]
    for language in LANGUAGES:
        _show_stages(found, language)
    _show_start(found)


def _measured(work: Path, pages: int, rounds: int) -> dict[str, Any]:
    """All figures of one size, each kind in a process of its own."""
    indexed(work, pages)
    size = ("--work", str(work), "--pages", str(pages), "--rounds", str(rounds))
    return {name: run_module("benchmarks.asking", "--once", name, *size) for name in MEASUREMENTS}


def _show_stages(found: Sequence[Mapping[str, Any]], language: Language) -> None:
    sizes = [f"{size['start']['chunks']:,} chunks, {size['start']['units']:,} units" for size in found]
    rows: list[list[Cell]] = [[name, *[_spread(size["stages"][language][name]) for size in found]] for name in ROWS]
    show(f"One question in {_NAMES[language]}, ms: median / 95th percentile", ["stage", *sizes], rows)


def _show_start(found: Sequence[Mapping[str, Any]]) -> None:
    headers = ["", *[f"{size['start']['chunks']:,} chunks" for size in found]]
    for title, key in (("From a new process to the first search, s", "seconds"), ("Resident memory, MB", "memory")):
        steps = list(found[0]["start"][key])
        show(title, headers, [[step, *[size["start"][key][step] for size in found]] for step in steps])


_NAMES: Mapping[Language, str] = {"es": "Spanish", "en": "English"}


def _spread(values: Sequence[float]) -> str:
    return f"{percentile(values, 50):.2f} / {percentile(values, 95):.2f}"


def measure_start(settings: Settings, rounds: int) -> dict[str, Any]:
    """The way to the first search and the memory on it, then after ``rounds`` of searches. Wants a new process."""
    laps = _Laps()
    import chromadb  # noqa: F401  # the product defers it: told apart from the opening of the index
    import langchain_chroma  # noqa: F401

    from rag.embedding import load_encoder
    from rag.index import IndexReader
    from rag.lexicon import load_lexicon
    from rag.retrieval import HybridRetriever

    laps.lap("imports")
    encoder = load_encoder(settings.encoder)
    lexicon = load_lexicon(Path(settings.encoder))
    laps.lap("encoder and lexicon")
    snapshot = IndexReader(settings.index, encoder).current()
    laps.lap("opening the index")
    retriever = HybridRetriever(snapshot=snapshot, encoder=encoder, lexicon=lexicon)
    laps.lap("keyword index")
    for number, (language, text) in enumerate(_asked(rounds)):
        retriever.search(text, language, HITS)
        if not number:
            laps.lap("first search")
    laps.lap(f"{number + 1} searches")
    size = {"chunks": len(snapshot.chunks), "units": snapshot.manifest.units}
    return {**size, "seconds": laps.seconds, "memory": laps.memory}


class _Laps:
    """Seconds between calls, and the memory at each."""

    def __init__(self) -> None:
        self._previous = time.perf_counter()
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, float | None] = {}

    def lap(self, name: str) -> None:
        self.seconds[name] = time.perf_counter() - self._previous
        self.memory[name] = resident_mb()
        self._previous = time.perf_counter()


def measure_stages(settings: Settings, rounds: int) -> dict[str, Any]:
    """Milliseconds by stage of every question, by language."""
    from rag.assemble import Engine
    from rag.embedding import load_encoder
    from rag.index import IndexReader
    from rag.lexicon import load_lexicon
    from rag.retrieval import HybridRetriever

    encoder, lexicon = load_encoder(settings.encoder), load_lexicon(Path(settings.encoder))
    snapshot = IndexReader(settings.index, encoder).current()
    retriever = HybridRetriever(snapshot=snapshot, encoder=encoder, lexicon=lexicon)
    engine = Engine(settings)
    found: dict[str, dict[str, list[float]]] = {language: {name: [] for name in ROWS} for language in LANGUAGES}
    for language, text in _asked(1):  # opens files and pages them in
        engine.ask(Question(text))
        _step_times(retriever, text, language)
    for language, text in _asked(rounds):
        for name, spent in (_step_times(retriever, text, language) | _chain_times(engine, text)).items():
            found[language][name].append(spent)
    return found


def _asked(rounds: int) -> Iterator[tuple[Language, str]]:
    for _ in range(rounds):
        for language in LANGUAGES:
            yield from ((language, text) for text in QUESTIONS[language])


def _step_times(retriever: HybridRetriever, text: str, language: Language) -> dict[str, float]:
    """The steps of a search, one after the other."""
    from rag.retrieval import DENSE_DEPTH, UNIT_DEPTH

    snapshot, keyword = retriever.snapshot, retriever.keyword
    query = retriever.prepare(text, language)
    nearest = [hit.chunk.id for hit in retriever.search_prepared(query, HITS)]
    steps: dict[str, Callable[[], object]] = {
        "encode": lambda: retriever.prepare(text, language),
        "chunk search": lambda: snapshot.search_chunks(query.vector, DENSE_DEPTH),
        "unit search": lambda: snapshot.search_units(query.vector, UNIT_DEPTH),
        "BM25": lambda: (keyword.weights(query.words), keyword.word_scores(query.words)),
        "unit vectors": lambda: snapshot.unit_vectors(nearest),
    }
    return {f"{STEP_MARK}{name}": milliseconds(step) for name, step in steps.items()}


def _chain_times(engine: Engine, text: str) -> dict[str, float]:
    """The stages of ``Engine.ask`` as its answer tells them, and the whole as its caller sees it."""
    began = time.perf_counter()
    answer = engine.ask(Question(text))
    total = (time.perf_counter() - began) * 1000
    return {**{stage: answer.timings_ms[stage] for stage in CHAIN_STAGES}, "total": total}


MEASUREMENTS: Mapping[str, Callable[[Settings, int], dict[str, Any]]] = {
    "start": measure_start,
    "stages": measure_stages,
}

if __name__ == "__main__":
    main()
