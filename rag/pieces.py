"""Groups a chunk's units into pieces that make sense by themselves: a list with its introduction, a question with its
answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rag.types import Unit

SMALL_LIST_WORDS = 60
"""A list or table up to this long is quoted whole; of a longer one, items can be quoted alone."""
ORDERED_LIST_WORDS = 220
"""Steps are quoted all or none up to this many words: a procedure without its second step misleads."""
SHORT_SENTENCE_WORDS = 2
"""A sentence this short ("No.", "Sí, claro.") says nothing without the next one."""

_LISTED = ("item", "row", "term")


@dataclass(frozen=True, slots=True)
class Piece:
    """Positions of units that are quoted together.

    ``whole`` are the positions of the whole list it belongs to, with its introduction; for a piece outside a list,
    the piece itself.
    """

    positions: tuple[int, ...]
    whole: tuple[int, ...]
    listed: bool = False


def pieces(units: Sequence[Unit]) -> list[Piece]:
    """The pieces of a chunk in order; together they hold every unit but the headings of sections below."""
    found: list[Piece] = []
    waiting: tuple[int, ...] = ()
    own = [position for position in range(len(units)) if units[position].kind != "heading"]
    for _, group in groupby(own, key=lambda position: _run_key(units, position)):
        run = tuple(group)
        if units[run[0]].kind in _LISTED:
            found += _of_list(units, waiting, run)
            waiting = ()
            continue
        for position in run:
            waiting = (*waiting, position)
            if not _needs_what_follows(units[position]):
                found.append(Piece(waiting, waiting))
                waiting = ()
    return [*found, Piece(waiting, waiting)] if waiting else found


def outline(units: Sequence[Unit]) -> tuple[int, ...]:
    """The positions of the headings of sections below."""
    return tuple(position for position, unit in enumerate(units) if unit.kind == "heading")


def word_count(units: Sequence[Unit], positions: Sequence[int]) -> int:
    """Words in the units at ``positions``."""
    return sum(len(units[position].text.split()) for position in positions)


def _run_key(units: Sequence[Unit], position: int) -> tuple[bool, int]:
    listed = units[position].kind in _LISTED
    return listed, units[position].block if listed else -1


def _needs_what_follows(unit: Unit) -> bool:
    if unit.kind != "sentence":
        return False
    text = unit.text.rstrip()
    return unit.lead or text.endswith(("?", ":")) or len(text.split()) <= SHORT_SENTENCE_WORDS


def _of_list(units: Sequence[Unit], introduction: tuple[int, ...], run: tuple[int, ...]) -> Iterator[Piece]:
    whole = introduction + run
    longest = ORDERED_LIST_WORDS if units[run[0]].ordered else SMALL_LIST_WORDS
    if word_count(units, whole) <= longest and units[run[0]].kind != "term":
        yield Piece(whole, whole, listed=True)
        return
    outermost = min(units[position].depth for position in run)
    item: tuple[int, ...] = ()
    for position in run:
        if item and units[position].depth <= outermost:
            yield Piece(introduction + item, whole, listed=True)
            item = ()
        item = (*item, position)
    yield Piece(introduction + item, whole, listed=True)
