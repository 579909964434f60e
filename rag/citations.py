"""Builds citations: numbered, verbatim proof that opens the exact lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from rag.types import Chunk, Citation, Hit, Unit

SECTION_SEPARATOR = " › "


class CitationBook:
    """Numbers the citations of one answer in the order of first use.

    The same units of the same chunk, or some of them, always get the number they were first cited under.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, int], int] = {}
        self._citations: list[Citation] = []

    @property
    def citations(self) -> tuple[Citation, ...]:
        """All citations so far, by number."""
        return tuple(self._citations)

    def cite(self, chunk: Chunk, units: Sequence[Unit]) -> tuple[Citation, bool]:
        """The citation for neighbouring ``units`` of ``chunk`` (at least one), and whether it is new."""
        keys = [(chunk.id, unit.span.start) for unit in units]
        known = {self._numbers.get(key) for key in keys}
        if len(known) == 1 and (number := known.pop()) is not None:
            return self._citations[number - 1], False
        citation = make_citation(len(self._citations) + 1, chunk, units)
        self._citations.append(citation)
        for key in keys:
            self._numbers.setdefault(key, citation.id)
        return citation, True

    def find(self, chunk: Chunk, unit: Unit) -> Citation | None:
        """The citation that ``unit`` already has."""
        number = self._numbers.get((chunk.id, unit.span.start))
        return None if number is None else self._citations[number - 1]

    def consulted(self, hits: Iterable[Hit]) -> tuple[Citation, ...]:
        """One citation for each chunk that was read and not cited, by its best unit; numbers go on after the cited."""
        seen = {chunk_id for chunk_id, _ in self._numbers}
        read = {hit.chunk.id: hit for hit in reversed(list(hits)) if hit.chunk.units}
        others = [hit for chunk_id, hit in reversed(read.items()) if chunk_id not in seen]
        return tuple(
            make_citation(number, hit.chunk, [best_unit(hit)])
            for number, hit in enumerate(others, start=len(self._citations) + 1)
        )


def make_citation(number: int, chunk: Chunk, units: Sequence[Unit]) -> Citation:
    """Citation ``number`` for what reaches from the first of ``units`` to the last, sliced from the chunk's source.

    A unit that lies outside its chunk (a heading that stands for the section below it) is its own quote and context;
    ``runs`` keeps such units apart from others.
    """
    first, last = units[0], units[-1]
    inside = _is_inside(first, chunk) and _is_inside(last, chunk)
    start, end = first.span.start - chunk.span.start, last.span.end - chunk.span.start
    return Citation(
        id=number,
        title=chunk.title,
        breadcrumb=chunk.breadcrumb,
        path=chunk.path,
        url=chunk.url,
        quote=chunk.source[start:end] if inside else first.source,
        start_line=first.span.start_line,
        end_line=last.span.end_line if inside else first.span.end_line,
        updated=chunk.updated or chunk.created,
        draft=chunk.draft,
        wip=chunk.wip,
        context=chunk.source if inside else first.source,
        context_start_line=(chunk if inside else first).span.start_line,
    )


def runs(chunk: Chunk, units: Sequence[Unit]) -> list[tuple[Unit, ...]]:
    """``units`` cut so that each run can be proved by one slice of the chunk's source, or is one unit outside it."""
    cut: list[tuple[Unit, ...]] = []
    for inside, group in groupby(units, key=lambda unit: _is_inside(unit, chunk)):
        together = tuple(group)
        cut += [together] if inside else [(unit,) for unit in together]
    return cut


def _is_inside(unit: Unit, chunk: Chunk) -> bool:
    return chunk.span.start <= unit.span.start and unit.span.end <= chunk.span.end


def best_unit(hit: Hit) -> Unit:
    """The unit of the hit's chunk with the best score that is text by itself, no diagram and no bare introduction.

    Without scores, the first such unit; where there is none, any unit.
    """
    units = hit.chunk.units
    scores = hit.unit_scores if len(hit.unit_scores) == len(units) else tuple(-float(n) for n in range(len(units)))
    return max(
        zip(units, scores, strict=True),
        key=lambda pair: (pair[0].kind not in ("code", "image", "heading"), not pair[0].lead, pair[1]),
    )[0]


def section_name(title: str, breadcrumb: Sequence[str]) -> str:
    """``Page › Section`` on one line: the page title and its own last heading, each once."""
    names = [" ".join(part.split()) for part in (title, *breadcrumb[-1:])]
    return SECTION_SEPARATOR.join(dict.fromkeys(name for name in names if name))
