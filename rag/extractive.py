"""Chooses the answer units that answer a question, or says that none does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.intent import Intent, question_intent
from rag.keyword import KeywordIndex, QueryWord, query_words, spanish_word_set
from rag.lexicon import Lexicon
from rag.types import Chunk, Hit, Language, Unit

Scores = NDArray[np.float64]


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
class Tuning:
    """The numbers of the choice, tuned on development questions only.

    Words of text for one passage and for the whole answer; how much a shared word counts beside the vectors'
    similarity; what share of the best unit's score a neighbour, or a unit of another passage, needs.
    """

    passage_words: int = 70
    list_words: int = 220
    lexical_weight: float = 0.5
    heading_share: float = 0.3
    neighbour_share: float = 0.55
    other_passage_share: float = 0.93
    passages: int = 2
    min_confidence: float = 0.45


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
        passages = [_read(hit, words, weights, self._tuning) for hit in hits if hit.chunk.units]
        confidence = max((passage.confidence for passage in passages), default=0.0)
        if confidence < self._tuning.min_confidence:
            return Selection("not_found", (), tuple(hits), confidence)
        intent = question_intent(question, language)
        quotes = _choose(passages, intent, self._tuning)
        return Selection("answered", quotes, tuple(hits), confidence)


@dataclass(frozen=True, slots=True)
class _Passage:
    """A hit with the score of each of its units."""

    hit: Hit
    scores: Scores
    confidence: float

    @property
    def best(self) -> float:
        return float(self.scores.max())


def _read(hit: Hit, words: Sequence[QueryWord], weights: NDArray[np.float32], tuning: Tuning) -> _Passage:
    units = hit.chunk.units
    heading = spanish_word_set(" ".join(hit.chunk.breadcrumb))
    overlap = np.array([_overlap(unit, heading, words, weights, tuning.heading_share) for unit in units])
    similarity = np.array(hit.unit_scores or [hit.dense] * len(units), dtype=np.float64)
    scores = (1 - tuning.lexical_weight) * similarity + tuning.lexical_weight * overlap
    return _Passage(hit, scores, _confidence(hit, words, weights, similarity))


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


def _confidence(
    hit: Hit, words: Sequence[QueryWord], weights: NDArray[np.float32], similarity: Scores
) -> float:
    terms = spanish_word_set(f"{' '.join(hit.chunk.breadcrumb)} {hit.chunk.text}")
    total = float(weights.sum())
    held = sum(float(weight) * _held(word, terms) for word, weight in zip(words, weights, strict=True))
    coverage = held / total if total > 0 else 0.0
    return 0.7 * max(hit.dense, float(similarity.max())) + 0.3 * coverage


def _choose(passages: Sequence[_Passage], intent: Intent, tuning: Tuning) -> tuple[Quote, ...]:
    ranked = sorted(passages, key=lambda passage: -(passage.hit.score + 0.5 * passage.best))
    first = ranked[0]
    chosen = [first]
    for passage in ranked[1:]:
        if len(chosen) < tuning.passages and passage.best >= tuning.other_passage_share * first.best:
            chosen.append(passage)
    return tuple(quote for passage in chosen for quote in _quotes(passage, intent, tuning))


def _quotes(passage: _Passage, intent: Intent, tuning: Tuning) -> list[Quote]:
    chunk = passage.hit.chunk
    positions = sorted(_choose_units(chunk, passage.scores, intent, tuning))
    return [Quote(chunk, tuple(chunk.units[position] for position in run)) for run in _runs(positions)]


def _choose_units(chunk: Chunk, scores: Scores, intent: Intent, tuning: Tuning) -> set[int]:
    units = chunk.units
    best = int(scores.argmax())
    if units[best].kind == "heading":
        return set(range(len(units)))
    chosen = _with_its_list(units, best, intent, tuning)
    words = sum(_words(units[position]) for position in chosen)
    for position in np.argsort(-scores, kind="stable"):
        size = _words(units[position])
        if int(position) in chosen or scores[position] < tuning.neighbour_share * scores[best]:
            continue
        if words + size <= tuning.passage_words:
            chosen.add(int(position))
            words += size
    return chosen


def _with_its_list(units: Sequence[Unit], best: int, intent: Intent, tuning: Tuning) -> set[int]:
    """The best unit, with what it needs to be understood: the whole list for questions that want one."""
    block = {position for position, unit in enumerate(units) if unit.block == units[best].block}
    if units[best].lead:
        block |= {position for position, unit in enumerate(units) if unit.block == units[best].block + 1}
    listed = any(units[position].kind in ("item", "row", "term") for position in block)
    if not listed:
        return {best}
    lead = {position for position in (min(block) - 1,) if position >= 0 and units[position].lead}
    whole = block | lead
    wanted = intent in ("list", "procedure", "comparison") or units[best].lead
    if wanted and sum(_words(units[position]) for position in whole) <= tuning.list_words:
        return whole
    if wanted and units[best].lead:
        return {best, *sorted(block)[:12]}
    return {best} | lead


def _words(unit: Unit) -> int:
    return len(unit.text.split())


def _runs(positions: Sequence[int]) -> list[list[int]]:
    runs = [[positions[0]]]
    for previous, position in pairwise(positions):
        if position == previous + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return runs
