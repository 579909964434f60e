"""Chooses the answer units that answer a question, or says that none does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rag.choice import DEFAULT_TUNING, WHOLE_LIST_INTENTS, Scores, Tuning, choose_units
from rag.gate import Gate
from rag.intent import Intent, question_intent
from rag.keyword import KeywordIndex, QueryWord, query_words, spanish_word_set
from rag.lexicon import Lexicon
from rag.types import Chunk, Hit, Language, Unit

FIGURE_INTENTS: frozenset[Intent] = frozenset({"amount", "time"})
"""Questions that want a figure: a unit that has one is likelier to answer."""
_FIGURE = re.compile(r"\d")
DEFAULT_GATE = Gate()


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


class Selector:
    """Chooses among the hits for a question, with the words of the index it was built on."""

    def __init__(
        self, keyword: KeywordIndex, lexicon: Lexicon, tuning: Tuning = DEFAULT_TUNING, gate: Gate = DEFAULT_GATE
    ) -> None:
        self._keyword = keyword
        self._lexicon = lexicon
        self._tuning = tuning
        self._gate = gate

    def __call__(self, question: str, language: Language, hits: Sequence[Hit]) -> Selection:
        """The quotes that answer ``question``; ``not_found`` where the handbook's passages do not bear on it."""
        words = query_words(question, language, self._lexicon)
        weights = self._keyword.weights(words)
        readable = [hit for hit in hits if hit.chunk.units]
        confidence = self._gate.confidence(readable, self._unknown_share(words, weights))
        if confidence < self._gate.threshold:
            return Selection("not_found", (), tuple(hits), confidence)
        intent = question_intent(question, language)
        passages = [_read(hit, words, weights, intent, self._tuning) for hit in readable]
        return Selection("answered", _choose(passages, intent, self._tuning), tuple(hits), confidence)

    def _unknown_share(self, words: Sequence[QueryWord], weights: NDArray[np.float32]) -> float:
        total = float(weights.sum())
        return float(weights[~self._keyword.known(words)].sum()) / total if total > 0 else 1.0


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
    quotes = _quotes(first, intent, tuning, first=True)
    said = _terms(quotes)
    for passage in others:
        if passage.is_outline or passage.best < tuning.further_share * first.best:
            continue
        further = _quotes(passage, intent, tuning, first=False)
        terms = _terms(further)
        if len(terms - said) >= tuning.news_share * len(terms):
            return (*quotes, *further)
    return tuple(quotes)


def _terms(quotes: Sequence[Quote]) -> frozenset[str]:
    return spanish_word_set(" ".join(unit.text for quote in quotes for unit in quote.units))


def _quotes(passage: _Passage, intent: Intent, tuning: Tuning, *, first: bool) -> list[Quote]:
    chunk = passage.hit.chunk
    positions = choose_units(chunk.units, passage.scores, intent, tuning, first=first, on_topic=passage.names_the_topic)
    return [Quote(chunk, tuple(chunk.units[position] for position in run)) for run in _runs(positions)]


def _runs(positions: Sequence[int]) -> list[list[int]]:
    runs = [[positions[0]]]
    for previous, position in pairwise(positions):
        if position == previous + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return runs
