"""Chooses the answer units that answer a question, or says that none does."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.intent import Intent, question_intent
from rag.keyword import KeywordIndex, QueryWord, query_words, spanish_word_set
from rag.lexicon import Lexicon
from rag.pieces import Piece, outline, pieces, word_count
from rag.types import Chunk, Hit, Language, Unit

Scores = NDArray[np.float64]

WHOLE_LIST_INTENTS: frozenset[Intent] = frozenset({"list", "procedure", "comparison"})
"""Questions that half a list would answer wrongly."""
FIGURE_INTENTS: frozenset[Intent] = frozenset({"amount", "time"})
"""Questions that want a figure: a unit that has one is likelier to answer."""
NOT_PROSE = frozenset({"code", "image"})
_FIGURE = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Quote:
    """Neighbouring units of one chunk: one citation."""

    chunk: Chunk
    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """What answers a question. ``quotes`` are in the order of the answer; ``hits`` are all that was read."""

    status: Literal["answered", "not_found"]
    quotes: tuple[Quote, ...]
    hits: tuple[Hit, ...]
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Gate:
    """Logistic weights of the decision to answer, fitted on answerable and off-topic development questions."""

    passage: float = 8.0
    unit: float = 8.7
    unknown: float = -1.5
    constant: float = -5.1


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
    retriever's order, but an outline that nobody asked for loses ``outline_penalty``.
    """

    passage_words: int = 70
    further_words: int = 40
    list_words: int = 220
    lexical_weight: float = 0.3
    heading_share: float = 0.3
    neighbour_share: float = 0.4
    distant_share: float = 0.8
    alike_share: float = 0.7
    figure_bonus: float = 0.1
    least_words: int = 25
    stretched_words: int = 110
    following_share: float = 0.3
    further_share: float = 0.88
    passages: int = 2
    outline_penalty: float = 0.2
    min_confidence: float = 0.33
    gate: Gate = Gate()


DEFAULT_TUNING = Tuning()


class Selector:
    """Chooses among the hits for a question, with the words of the index it was built on."""

    def __init__(self, keyword: KeywordIndex, lexicon: Lexicon, tuning: Tuning = DEFAULT_TUNING) -> None:
        self._keyword = keyword
        self._lexicon = lexicon
        self._tuning = tuning

    def __call__(self, question: str, language: Language, hits: Sequence[Hit]) -> Selection:
        """The quotes that answer ``question``; ``not_found`` where the handbook's passages do not bear on it."""
        words = query_words(question, language, self._lexicon)
        weights = self._keyword.weights(words)
        confidence = self._confidence(words, weights, hits)
        intent = question_intent(question, language)
        passages = [_read(hit, words, weights, intent, self._tuning) for hit in hits if hit.chunk.units]
        if confidence < self._tuning.min_confidence or not passages:
            return Selection("not_found", (), tuple(hits), confidence)
        quotes = _choose(passages, intent, self._tuning)
        return Selection("answered", quotes, tuple(hits), confidence)

    def _confidence(self, words: Sequence[QueryWord], weights: NDArray[np.float32], hits: Sequence[Hit]) -> float:
        """How likely it is that the handbook answers, in [0, 1].

        A logistic function of the nearest passage's similarity, the nearest unit's, and the share of the question's
        weight that lies in words the handbook never uses.
        """
        dense = max((hit.dense for hit in hits), default=0.0)
        unit = max((max(hit.unit_scores, default=0.0) for hit in hits), default=0.0)
        total = float(weights.sum())
        unknown = float(weights[~self._keyword.known(words)].sum()) / total if total > 0 else 1.0
        gate = self._tuning.gate
        return 1 / (1 + math.exp(-(gate.passage * dense + gate.unit * unit + gate.unknown * unknown + gate.constant)))


@dataclass(frozen=True, slots=True)
class _Passage:
    """A hit with the score of each of its units."""

    hit: Hit
    scores: Scores
    names_the_topic: bool
    """Whether the section's own heading holds a word of the question."""

    @property
    def best(self) -> float:
        return float(self.scores.max())

    @property
    def is_outline(self) -> bool:
        """Whether the passage is a section that only lists its sub-sections."""
        return self.hit.chunk.units[0].kind == "heading"

    def rank(self, intent: Intent, tuning: Tuning) -> float:
        """Fitness to be the first passage of the answer; an outline answers only who asks for a list."""
        unwanted = self.is_outline and intent not in WHOLE_LIST_INTENTS
        return self.hit.score - (tuning.outline_penalty if unwanted else 0.0)


def _read(
    hit: Hit, words: Sequence[QueryWord], weights: NDArray[np.float32], intent: Intent, tuning: Tuning
) -> _Passage:
    units = hit.chunk.units
    heading = spanish_word_set(" ".join(hit.chunk.breadcrumb))
    overlap = np.array([_overlap(unit, heading, words, weights, tuning.heading_share) for unit in units])
    similarity = np.array(hit.unit_scores or [hit.dense] * len(units), dtype=np.float64)
    figures = np.array([intent in FIGURE_INTENTS and bool(_FIGURE.search(unit.text)) for unit in units])
    scores = (1 - tuning.lexical_weight) * similarity + tuning.lexical_weight * overlap + tuning.figure_bonus * figures
    named = spanish_word_set(hit.chunk.breadcrumb[-1] if hit.chunk.breadcrumb else "")
    return _Passage(hit, scores, names_the_topic=any(_held(word, named) > 0.5 for word in words))


def _overlap(
    unit: Unit, heading: frozenset[str], words: Sequence[QueryWord], weights: NDArray[np.float32], share: float
) -> float:
    """How much of the question's words, by their weight, the unit holds; a word of its heading counts ``share``."""
    total = float(weights.sum())
    if total <= 0:
        return 0.0
    terms = spanish_word_set(unit.text)
    held = sum(
        float(weight) * max(_held(word, terms), share * _held(word, heading))
        for word, weight in zip(words, weights, strict=True)
    )
    return held / total


def _held(word: QueryWord, terms: frozenset[str]) -> float:
    """How sure it is that ``terms`` hold the word: 1, or the best probability of a translation relative to its best."""
    best = max((weight for _, weight in word.terms), default=0.0)
    return max((weight / best for term, weight in word.terms if term in terms), default=0.0)


def _choose(passages: Sequence[_Passage], intent: Intent, tuning: Tuning) -> tuple[Quote, ...]:
    first, *others = sorted(passages, key=lambda passage: -passage.rank(intent, tuning))
    further = [passage for passage in others if passage.best >= tuning.further_share * first.best]
    quotes = _quotes(first, intent, tuning, tuning.passage_words)
    for passage in [passage for passage in further if not passage.is_outline][: tuning.passages - 1]:
        quotes += _quotes(passage, intent, tuning, tuning.further_words)
    return tuple(quotes)


def _quotes(passage: _Passage, intent: Intent, tuning: Tuning, words: int) -> list[Quote]:
    chunk = passage.hit.chunk
    positions = sorted(_choose_units(passage, intent, tuning, words))
    return [Quote(chunk, tuple(chunk.units[position] for position in run)) for run in _runs(positions)]


def _choose_units(passage: _Passage, intent: Intent, tuning: Tuning, most_words: int) -> set[int]:
    units, scores = passage.hit.chunk.units, passage.scores
    headings = outline(units)
    candidates = _readable(pieces(units), units, intent)
    if not candidates:
        return set(headings)
    ranked = sorted(candidates, key=lambda piece: -_piece_score(piece, scores))
    chosen = set(_core(ranked, units, scores, intent, tuning))
    if intent == "list" and passage.names_the_topic and not ranked[0].listed:
        return chosen | set(headings)
    chosen.update(_following(candidates, ranked[0], units, scores, tuning))
    for piece in ranked[1:]:
        added = [position for position in piece.positions if position not in chosen]
        beside = bool(added) and (min(added) - 1 in chosen or max(added) + 1 in chosen)
        needed = tuning.neighbour_share if beside else tuning.distant_share
        enough = _piece_score(piece, scores) >= needed * _piece_score(ranked[0], scores)
        if added and enough and word_count(units, [*chosen, *added]) <= most_words:
            chosen.update(added)
    return chosen


def _core(
    ranked: Sequence[Piece], units: Sequence[Unit], scores: Scores, intent: Intent, tuning: Tuning
) -> Sequence[int]:
    """The best piece, or the whole list it stands in where the question wants it, or most of it answers."""
    best = ranked[0]
    if not best.listed or units[best.whole[-1]].kind == "term" or word_count(units, best.whole) > tuning.list_words:
        return best.positions
    siblings = [piece for piece in ranked if piece.whole == best.whole]
    alike = [one for one in siblings if _piece_score(one, scores) >= tuning.alike_share * _piece_score(best, scores)]
    return best.whole if intent in WHOLE_LIST_INTENTS or 2 * len(alike) > len(siblings) > 1 else best.positions


def _following(
    candidates: Sequence[Piece], best: Piece, units: Sequence[Unit], scores: Scores, tuning: Tuning
) -> Sequence[int]:
    """The piece after the best one, if that is too short to say much by itself and this is about the same."""
    next_one = candidates[candidates.index(best) + 1 :][:1]
    if best.listed or not next_one or word_count(units, best.positions) >= tuning.least_words:
        return ()
    related = _piece_score(next_one[0], scores) >= tuning.following_share * _piece_score(best, scores)
    together = [*best.positions, *next_one[0].positions]
    return next_one[0].positions if related and word_count(units, together) <= tuning.stretched_words else ()


def _readable(candidates: list[Piece], units: Sequence[Unit], intent: Intent) -> list[Piece]:
    """Without code and pictures, which answer only who asks how; all of them where there is nothing else."""
    text = [one for one in candidates if all(units[position].kind not in NOT_PROSE for position in one.positions)]
    return candidates if intent == "procedure" or not text else text


def _piece_score(piece: Piece, scores: Scores) -> float:
    return float(scores[list(piece.positions)].max())


def _runs(positions: Sequence[int]) -> list[list[int]]:
    runs = [[positions[0]]]
    for previous, position in pairwise(positions):
        if position == previous + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return runs
