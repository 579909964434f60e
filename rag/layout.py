"""Readable text of a chunk that keeps the layout of its lists and tables."""

from __future__ import annotations

import re

from rag.types import Chunk, Unit

_OWN_NUMBER = re.compile(r"(\d{1,4})[.)]\s")


def laid_out_text(chunk: Chunk) -> str:
    """The text of ``chunk``, a unit a line, without markup but for the marks of list items and of table cells."""
    own = [unit for unit in chunk.units if unit.kind != "heading"]
    return "\n".join(_laid_out(chunk, unit) for unit in own or chunk.units)


def _laid_out(chunk: Chunk, unit: Unit) -> str:
    if unit.cells:
        return f"| {' | '.join(unit.cells)} |"
    if unit.kind != "item":
        return unit.text
    mark = f"{item_number(chunk, unit)}." if unit.ordered else "-"
    return f"{'    ' * unit.depth}{mark} {unit.text}"


def item_number(chunk: Chunk, unit: Unit) -> int:
    """The number an ordered item has on the page: its place among its siblings, or more if the source says so.

    Sources often number every item ``1.``; a list may also go on from an earlier chunk, which only its number tells.
    """
    place = 0
    for other in chunk.units:
        if other.block != unit.block or other.depth > unit.depth or other.kind == "sentence":
            continue
        place = 0 if other.depth < unit.depth else place + 1
        if other == unit:
            break
    start = unit.span.start - chunk.span.start
    line_start = chunk.source.rfind("\n", 0, start) + 1
    written = _OWN_NUMBER.search(chunk.source, line_start, start + len(unit.source))
    return max(place, int(written[1])) if written and written.start() <= start else max(place, 1)
