"""Which units of one passage are quoted: the best piece, what it needs to be understood, and its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.intent import Intent
from rag.pieces import Piece, outline, pieces, word_count
from rag.types import Unit

Scores = NDArray[np.float64]

WHOLE_LIST_INTENTS: frozenset[Intent] = frozenset({"list", "procedure", "comparison"})
"""Questions that half a list would answer wrongly."""
NOT_PROSE = frozenset({"code", "image"})


@dataclass(frozen=True, slots=True)
class Tuning:
    """The numbers of the choice, tuned on development questions only.

    ``passage_words`` and ``list_words`` bound what is quoted of one passage; ``further_words`` what is quoted of
    each passage after the first. ``lexical_weight`` is how much a shared word counts beside the vectors'
    similarity, of which a word of the heading alone counts ``heading_share``. A piece beside what is chosen needs
    ``neighbour_share`` of the best one's score, another piece of the passage ``distant_share``; a further passage
    ``further_share`` of the first one's best. A list comes whole when most of its items reach ``alike_share`` of
    the best one's score. An answer below ``least_words`` takes what follows it at ``following_share``, up to
    ``stretched_words``. A unit with a figure gains ``figure_bonus`` where one is asked for. Passages keep the
    retriever's order, but an outline that nobody asked for loses ``outline_penalty``, one with the form of the answer
    gains ``form_bonus``, and one whose heading agrees with the question by ``same_heading`` gains ``heading_bonus``.
    """

    passage_words: int = 70
    further_words: int = 40
    list_words: int = 220
    lexical_weight: float = 0.3
    heading_share: float = 0.3
    neighbour_share: float = 0.4
    distant_share: float = 0.8
    alike_share: float = 0.7
    list_share: float = 0.6
    figure_bonus: float = 0.1
    least_words: int = 25
    stretched_words: int = 110
    following_share: float = 0.3
    further_share: float = 0.93
    news_share: float = 0.4
    outline_penalty: float = 1.0
    form_bonus: float = 0.04
    same_heading: float = 0.75
    heading_bonus: float = 0.15


DEFAULT_TUNING = Tuning()


def choose_units(
    units: Sequence[Unit], scores: Scores, intent: Intent, tuning: Tuning, *, first: bool, on_topic: bool
) -> list[int]:
    """The positions of the units to quote, in order; at least one.

    ``scores`` has one value a unit. ``first`` tells the passage that carries the answer from a further one, which gets
    fewer words; ``on_topic`` says that the section's own heading holds a word of the question.
    """
    candidates = _prose(pieces(units), units, intent)
    if not candidates:
        return list(outline(units))
    ranked = sorted(candidates, key=lambda piece: -_score(piece, scores))
    chosen = set(_core(ranked, units, scores, intent, tuning, on_topic=on_topic))
    if first and on_topic and intent == "list" and not any(piece.listed for piece in candidates):
        return sorted(chosen.union(outline(units)))
    chosen.update(_following(candidates, ranked[0], units, scores, tuning))
    most_words = tuning.passage_words if first else tuning.further_words
    chosen.update(_beginning(chosen, units, most_words))
    _fill(chosen, ranked, units, scores, tuning, most_words)
    return _finished(chosen, units)


def _prose(candidates: list[Piece], units: Sequence[Unit], intent: Intent) -> list[Piece]:
    """Without code and pictures, which answer only who asks how; all of them where there is nothing else."""
    text = [one for one in candidates if all(units[position].kind not in NOT_PROSE for position in one.positions)]
    return candidates if intent == "procedure" or not text else text


def _core(
    ranked: Sequence[Piece], units: Sequence[Unit], scores: Scores, intent: Intent, tuning: Tuning, *, on_topic: bool
) -> Sequence[int]:
    """The best piece; or a whole list, where the question wants one or most of its items answer."""
    best = ranked[0]
    if intent in WHOLE_LIST_INTENTS:
        needed = 0.0 if on_topic else tuning.list_share * _score(best, scores)
        lists = [piece for piece in ranked if _is_whole_list(piece, units, tuning) and _score(piece, scores) >= needed]
        if lists:
            return lists[0].whole
    if best.listed and _is_whole_list(best, units, tuning):
        siblings = [piece for piece in ranked if piece.whole == best.whole]
        alike = [one for one in siblings if _score(one, scores) >= tuning.alike_share * _score(best, scores)]
        if 2 * len(alike) > len(siblings) > 1:
            return best.whole
    return best.positions


def _is_whole_list(piece: Piece, units: Sequence[Unit], tuning: Tuning) -> bool:
    """Whether the list that ``piece`` stands in can be quoted whole; definitions stand for themselves."""
    return (
        piece.listed and units[piece.whole[-1]].kind != "term" and word_count(units, piece.whole) <= tuning.list_words
    )


def _following(
    candidates: Sequence[Piece], best: Piece, units: Sequence[Unit], scores: Scores, tuning: Tuning
) -> Sequence[int]:
    """The piece after the best one, if that is too short to say much by itself and this is about the same."""
    after = candidates[candidates.index(best) + 1 :][:1]
    if best.listed or not after or word_count(units, best.positions) >= tuning.least_words:
        return ()
    related = _score(after[0], scores) >= tuning.following_share * _score(best, scores)
    together = [*best.positions, *after[0].positions]
    return after[0].positions if related and word_count(units, together) <= tuning.stretched_words else ()


def _beginning(chosen: set[int], units: Sequence[Unit], most_words: int) -> Sequence[int]:
    """The sentences of its paragraph before the first one chosen, if the words suffice: they say what it is about."""
    start = end = min(chosen)
    while (
        start and units[start - 1].kind == units[end].kind == "sentence" and units[start - 1].block == units[end].block
    ):
        start -= 1
    before = range(start, end)
    return before if word_count(units, [*before, *chosen]) <= most_words else ()


def _fill(
    chosen: set[int], ranked: Sequence[Piece], units: Sequence[Unit], scores: Scores, tuning: Tuning, most_words: int
) -> None:
    """Add the pieces that score well enough for where they stand, best first, as long as the words suffice."""
    best = _score(ranked[0], scores)
    waiting = list(ranked)
    while waiting:
        fitting = [piece for piece in waiting if _fits(piece, chosen, units, scores, best, tuning, most_words)]
        if not fitting:
            return
        chosen.update(fitting[0].positions)
        waiting.remove(fitting[0])


def _fits(
    piece: Piece,
    chosen: set[int],
    units: Sequence[Unit],
    scores: Scores,
    best: float,
    tuning: Tuning,
    most_words: int,
) -> bool:
    added = [position for position in piece.positions if position not in chosen]
    if not added:
        return False
    beside = min(added) - 1 in chosen or max(added) + 1 in chosen
    needed = tuning.neighbour_share if beside else tuning.distant_share
    return _score(piece, scores) >= needed * best and word_count(units, [*chosen, *added]) <= most_words


def _finished(chosen: set[int], units: Sequence[Unit]) -> list[int]:
    """``chosen`` in order, without introductions of what is not quoted.

    An introduction that is all there is stays, with the headings of the sections below if it introduces those.
    """
    positions = sorted(chosen)
    kept = [one for one in positions if not (_introduces(units[one]) and one + 1 not in chosen)]
    return kept or [*positions, *outline(units)]


def _introduces(unit: Unit) -> bool:
    return unit.kind != "heading" and (unit.lead or unit.text.rstrip().endswith(":"))


def _score(piece: Piece, scores: Scores) -> float:
    return float(scores[list(piece.positions)].max())
