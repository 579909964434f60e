"""What the command line shows a person: answers with their sources, hits, the ingest's progress and summary."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.text import Text

from rag.frames import FRAMES

if TYPE_CHECKING:
    from ingest.sync import IngestReport
    from rag.types import Answer, Citation, Hit

Progress = Callable[[str, int, int], None]

SECONDS_BETWEEN_LINES = 2.0  # progress where no bar can be drawn, such as a log
LONGEST_EXCERPT = 240  # characters of a hit: enough to recognise it in a list
MOST_NEAREST_SHOWN = 3  # sections after a refusal: enough to go on
MOST_REMARKS_SHOWN = 20  # about single files; --json lists them all

TEXTS = {
    "es": {
        "sources": "Fuentes",
        "nearest": "Secciones más cercanas",
        "draft": "borrador",
        "wip": "en elaboración",
        "updated": "actualizado",
    },
    "en": {
        "sources": "Sources",
        "nearest": "Nearest sections",
        "draft": "draft",
        "wip": "work in progress",
        "updated": "updated",
    },
}


def show_answer(answer: Answer, stream: TextIO | None = None) -> None:
    """Print the answer, then what it stands on: page, section, file, lines, address and quote."""
    console = _console(stream)
    texts = TEXTS[answer.language]
    refused = answer.status == "not_found"
    # The text of a refusal goes on to name the sections that are shown with their places here.
    _line(console, answer.text.partition(FRAMES[answer.language]["nearest"])[0].rstrip() if refused else answer.text)
    if answer.notice:
        _line(console, "", answer.notice, style="yellow")
    shown = _nearest(answer.consulted) if refused else answer.citations
    if shown:
        _line(console, "", texts["nearest" if refused else "sources"], style="bold")
    for citation in shown:
        _show_citation(console, citation, texts)
        if not refused:
            _line(console, *(f"    > {line}" for line in citation.quote.splitlines() if line.strip()))


def _nearest(consulted: Sequence[Citation]) -> list[Citation]:
    """The first few sections, each once."""
    sections: dict[tuple[str, ...], Citation] = {}
    for citation in consulted:
        sections.setdefault((citation.path, *citation.breadcrumb), citation)
    return list(sections.values())[:MOST_NEAREST_SHOWN]


def _show_citation(console: Console, citation: Citation, texts: dict[str, str]) -> None:
    marks = [texts["draft"]] * citation.draft + [texts["wip"]] * citation.wip
    if citation.updated:
        marks.append(f"{texts['updated']} {citation.updated}")
    _line(console, f"[{citation.id}] {_trail(citation.breadcrumb or (citation.title,))}", style="cyan")
    _line(console, f"    {_place(citation.path, citation.start_line, citation.end_line)}", *_indented(marks))
    _line(console, f"    {citation.url}", style="dim")


def show_hits(hits: Sequence[Hit], stream: TextIO | None = None) -> None:
    """Print search results, best first: score, section, file and lines, address, the beginning of the text."""
    console = _console(stream)
    for number, hit in enumerate(hits, start=1):
        chunk = hit.chunk
        _line(console, f"{number}. {hit.score:.2f}  {_trail(chunk.breadcrumb or (chunk.title,))}", style="cyan")
        _line(console, f"    {_place(chunk.path, chunk.span.start_line, chunk.span.end_line)}")
        _line(console, f"    {chunk.url}", style="dim")
        excerpt = " ".join(chunk.text.split())
        _line(console, f"    {excerpt[:LONGEST_EXCERPT]}{'…' if len(excerpt) > LONGEST_EXCERPT else ''}")


def show_report(report: IngestReport, stream: TextIO | None = None) -> None:
    """Print what an ingest did."""
    console = _console(stream)
    if report.changed_index:
        _line(
            console,
            f"{report.pages} pages, {report.chunks} chunks: {len(report.added)} pages added, "
            f"{len(report.changed)} changed, {len(report.removed)} removed ({report.seconds:.1f} s)",
            style="green",
        )
    else:
        _line(
            console,
            f"Nothing changed: {report.pages} pages, {report.chunks} chunks ({report.seconds:.1f} s)",
            style="green",
        )
    remarks = [
        *(f"failed: {item.path}: {item.reason}" for item in report.failed),
        *(f"skipped: {item.path}: {item.reason}" for item in report.skipped),
        *(f"note: {problem}" for problem in report.problems),
    ]
    for remark in remarks[:MOST_REMARKS_SHOWN]:
        _line(console, f"  {remark}", style="yellow")
    if len(remarks) > MOST_REMARKS_SHOWN:
        _line(console, f"  and {len(remarks) - MOST_REMARKS_SHOWN} more (--json lists them all)", style="yellow")


@contextmanager
def show_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """A function to report (stage, done, total) to: a bar on a terminal, a line every two seconds elsewhere."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _progress_lines(stream)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=_console(stream), transient=True) as bars:
        tasks = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def _progress_lines(stream: TextIO) -> Progress:
    last_stage = ""
    last_time = 0.0

    def report(stage: str, done: int, total: int) -> None:
        nonlocal last_stage, last_time
        now = time.monotonic()
        if stage != last_stage or now - last_time >= SECONDS_BETWEEN_LINES:
            stream.write(f"{stage}: {done}/{total}\n")
            stream.flush()
            last_stage, last_time = stage, now

    return report


def _console(stream: TextIO | None) -> Console:
    return Console(file=stream, markup=False, emoji=False, highlight=False)


def _line(console: Console, *lines: str, style: str | None = None) -> None:
    for line in lines:
        text = Text("\n".join(_printable(part) for part in line.split("\n")), style=style or "")
        console.print(text, soft_wrap=not console.is_terminal)


def _printable(line: str) -> str:
    """``line`` without the control characters a page might hold: they could move the cursor or rename the window."""
    return "".join(character if character.isprintable() else " " for character in line)


def _indented(marks: Sequence[str]) -> list[str]:
    return [f"    ({', '.join(marks)})"] if marks else []


def _trail(breadcrumb: Sequence[str]) -> str:
    return " › ".join(breadcrumb)


def _place(path: str, start_line: int, end_line: int) -> str:
    return f"{path}:{start_line}" if start_line == end_line else f"{path}:{start_line}-{end_line}"
