"""A retrieved passage read in the light of a question: how well it and each of its units answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rag.choice import WHOLE_LIST_INTENTS, Scores, Tuning
from rag.intent import Intent
from rag.keyword import QueryWord, spanish_word_set
from rag.types import Chunk, Hit, Unit

FIGURE_INTENTS: frozenset[Intent] = frozenset({"amount", "time"})
"""Questions that want a figure: a unit that has one is likelier to answer."""
_FIGURE = re.compile(r"\d")


@dataclass(frozen=True, slots=True)
class Weighed:
    """Words with their weights, shape (len(words),): the rarer in the handbook, the heavier."""

    words: Sequence[QueryWord]
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Asked(Weighed):
    """A question's content words, and the kind of answer it wants."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Passage:
    """A hit as the question sees it. ``scores`` has one value a unit; ``fitness`` orders passages."""

    hit: Hit
    scores: Scores
    fitness: float
    on_topic: bool
    """Whether the section's own heading holds a word of the question."""

    @property
    def best(self) -> float:
        """The score of the best unit."""
        return float(self.scores.max())

    @property
    def is_outline(self) -> bool:
        """Whether the section only lists its sub-sections."""
        return _is_outline(self.hit.chunk)


def read(hit: Hit, asked: Asked, heading: Weighed, tuning: Tuning) -> Passage:
    """``hit`` (whose chunk has units) in the light of a question. ``heading`` are the words of its own heading."""
    named = spanish_word_set(hit.chunk.breadcrumb[-1] if hit.chunk.breadcrumb else "")
    return Passage(
        hit,
        scores=_unit_scores(hit, asked, tuning),
        fitness=_fitness(hit, asked, _agreement(asked, heading, named), tuning),
        on_topic=any(_held(word, named) > 0.5 for word in asked.words),
    )


def _fitness(hit: Hit, asked: Asked, agreement: float, tuning: Tuning) -> float:
    """The retriever's score, corrected for what the question wants and for a heading that says the same as it."""
    fitness = hit.score
    if _is_outline(hit.chunk) and asked.intent not in WHOLE_LIST_INTENTS:
        fitness -= tuning.outline_penalty
    if _has_the_form(hit.chunk, asked.intent):
        fitness += tuning.form_bonus
    if agreement >= tuning.same_heading:
        fitness += tuning.heading_bonus
    return fitness


def _has_the_form(chunk: Chunk, intent: Intent) -> bool:
    """Whether the passage has the form of the answer: a list, steps, a figure."""
    if intent == "list":
        return any(unit.kind in ("item", "row", "term") for unit in chunk.units)
    if intent == "procedure":
        return any(unit.ordered for unit in chunk.units)
    return intent in FIGURE_INTENTS and bool(_FIGURE.search(chunk.text))


def _agreement(asked: Asked, heading: Weighed, named: frozenset[str]) -> float:
    """How far question and heading say the same, in [0, 1]: the harmonic mean of what each holds of the other."""
    if not asked.words or not heading.words:
        return 0.0
    terms = frozenset(term for word in asked.words for term, weight in word.terms if weight >= 0.3 * _best(word))
    recall = _share_held(asked, named)
    precision = _share_held(heading, terms)
    return 2 * recall * precision / (recall + precision) if recall + precision > 0 else 0.0


def _unit_scores(hit: Hit, asked: Asked, tuning: Tuning) -> Scores:
    units = hit.chunk.units
    headings = spanish_word_set(" ".join(hit.chunk.breadcrumb))
    overlap = np.array([_overlap(unit, headings, asked, tuning.heading_share) for unit in units])
    similarity = np.array(hit.unit_scores or [hit.dense] * len(units), dtype=np.float64)
    figures = np.array([asked.intent in FIGURE_INTENTS and bool(_FIGURE.search(unit.text)) for unit in units])
    return (1 - tuning.lexical_weight) * similarity + tuning.lexical_weight * overlap + tuning.figure_bonus * figures


def _overlap(unit: Unit, headings: frozenset[str], asked: Asked, heading_share: float) -> float:
    """The share of the question's weight that the unit holds; a word of its headings alone counts ``heading_share``."""
    terms = spanish_word_set(unit.text)
    held = np.array([max(_held(word, terms), heading_share * _held(word, headings)) for word in asked.words])
    total = float(asked.weights.sum())
    return float(held @ asked.weights) / total if total > 0 else 0.0


def _share_held(weighed: Weighed, terms: frozenset[str]) -> float:
    total = float(weighed.weights.sum())
    held = sum(float(weight) * _held(word, terms) for word, weight in zip(weighed.words, weighed.weights, strict=True))
    return held / total if total > 0 else 0.0


def _held(word: QueryWord, terms: frozenset[str]) -> float:
    """How sure it is that ``terms`` hold the word: 1, or the best probability of a translation relative to its best."""
    return max((weight / _best(word) for term, weight in word.terms if term in terms), default=0.0)


def _best(word: QueryWord) -> float:
    return max(weight for _, weight in word.terms)


def _is_outline(chunk: Chunk) -> bool:
    return chunk.units[0].kind == "heading"
