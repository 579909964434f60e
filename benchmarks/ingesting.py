"""Time by stage and peak memory of a first ingest, of one with nothing changed, and of one edited page."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import report, run_module
from benchmarks.memory import peak_mb
from benchmarks.table import Cell, show
from benchmarks.workplace import add_work_option, default_settings, handbook_of, work_folder

STAGES = ("read", "compare", "embed", "write", "verify", "publish")
"""What an ingest does, in order. It tells of read, embed, write and verify; ``compare`` lies between the pages read and
the first text to embed, ``publish`` after the last vector verified."""
HEADERS = ("handbook, run", "pages", "chunks", "embedded", *[f"{stage}, s" for stage in STAGES], "all, s", "peak MB")
EDIT = "\n\nEsta frase se agregó después para medir cuánto cuesta una página editada.\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or, as a child, measure one ingest."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingesting", description=__doc__)
    parser.add_argument("--pages", nargs="+", type=int, default=[0, 150, 600], help="sizes; 0 is the sample itself")
    parser.add_argument(
        "--threads", nargs="+", type=int, default=[1, 2], help="the encoder's threads; `faro ingest`: 1"
    )
    add_work_option(parser)
    parser.add_argument("--once", nargs=2, type=Path, metavar=("HANDBOOK", "INDEX"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.once:
        report(measure(*options.once, threads=options.threads[0]))
        return
    with work_folder(options.work) as work:
        rows = [row for pages in options.pages for row in _rows(work, pages, options.threads)]
    show("Ingest", HEADERS, rows)


def _rows(work: Path, pages: int, threads: Sequence[int]) -> list[list[Cell]]:
    """A row for each run, in a fresh process on a copy of the handbook and an index of its own."""
    place = work / "ingesting"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(handbook_of(work, pages), place / "handbook")
    name = f"{pages} pages" if pages else "sample"
    rows = [_row(f"{name}, first, {count} thread{'s' * (count > 1)}", place, count) for count in threads]
    rows.append(_row(f"{name}, unchanged", place, threads[-1]))
    page = sorted((place / "handbook").rglob("*.md"))[0]
    page.write_text(page.read_text(encoding="utf-8") + EDIT, encoding="utf-8")
    rows.append(_row(f"{name}, one page edited", place, threads[-1]))
    shutil.rmtree(place)
    return rows


def _row(name: str, place: Path, threads: int) -> list[Cell]:
    index = place / f"index-{threads}"
    found: dict[str, Any] = run_module(
        "benchmarks.ingesting", "--once", str(place / "handbook"), str(index), "--threads", str(threads)
    )
    stages = [found["stages"].get(stage) for stage in STAGES]
    return [name, found["pages"], found["chunks"], found["embedded"], *stages, found["seconds"], found["peak_mb"]]


class StageClock:
    """Splits an ingest's time by what it says of its progress."""

    def __init__(self) -> None:
        self._previous = time.perf_counter()
        self.seconds: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """The time since the last call was spent on ``stage``; before the first text to embed, on the comparison."""
        self._add("compare" if (stage, done) == ("embed", 0) else stage)

    def end(self, *, changed: bool) -> None:
        """The time since the last call was spent on publishing, or on finding that there is nothing to publish."""
        self._add("publish" if changed else "compare")

    def _add(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._previous
        self._previous = now


def measure(handbook: Path, index: Path, *, threads: int) -> dict[str, Any]:
    """One ingest in this process. The encoder is loaded before the clock starts."""
    from ingest.sync import ingest
    from rag.embedding import load_encoder

    settings = default_settings(handbook, index)
    encoder = load_encoder(settings.encoder, threads=threads)
    clock = StageClock()
    found = ingest(settings, encoder, progress=clock)
    clock.end(changed=found.changed_index)
    return {
        "pages": found.pages,
        "chunks": found.chunks,
        "embedded": found.embedded,
        "stages": clock.seconds,
        "seconds": sum(clock.seconds.values()),
        "peak_mb": peak_mb(),
    }


if __name__ == "__main__":
    main()
