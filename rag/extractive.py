"""Chooses the answer units that answer a question, or says that none does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from rag.choice import DEFAULT_TUNING, Tuning, choose_units
from rag.gate import Gate
from rag.intent import Intent, question_intent
from rag.keyword import KeywordIndex, query_words, spanish_word_set
from rag.lexicon import Lexicon
from rag.reading import Asked, Passage, Weighed, read
from rag.types import Chunk, Hit, Language, Unit

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
        asked = self._asked(question, language)
        readable = [hit for hit in hits if hit.chunk.units]
        confidence = self._gate.confidence(readable, self._unknown_share(asked))
        if confidence < self._gate.threshold:
            return Selection("not_found", (), tuple(hits), confidence)
        passages = [read(hit, asked, self._heading_words(hit), self._tuning) for hit in readable]
        quotes = _choose(passages, asked.intent, self._tuning)
        return Selection("answered", quotes, tuple(hits), confidence)

    def _asked(self, question: str, language: Language) -> Asked:
        words = query_words(question, language, self._lexicon)
        return Asked(words, self._keyword.weights(words), question_intent(question, language))

    def _heading_words(self, hit: Hit) -> Weighed:
        words = query_words(hit.chunk.breadcrumb[-1] if hit.chunk.breadcrumb else "", "es", self._lexicon)
        return Weighed(words, self._keyword.weights(words))

    def _unknown_share(self, asked: Asked) -> float:
        total = float(asked.weights.sum())
        unknown = asked.weights[~self._keyword.known(asked.words)]
        return float(unknown.sum()) / total if total > 0 else 1.0


def _choose(passages: Sequence[Passage], intent: Intent, tuning: Tuning) -> tuple[Quote, ...]:
    first, *others = sorted(passages, key=lambda passage: -passage.fitness)
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


def _quotes(passage: Passage, intent: Intent, tuning: Tuning, *, first: bool) -> list[Quote]:
    chunk = passage.hit.chunk
    positions = choose_units(chunk.units, passage.scores, intent, tuning, first=first, on_topic=passage.on_topic)
    return [Quote(chunk, tuple(chunk.units[position] for position in run)) for run in _runs(positions)]


def _runs(positions: Sequence[int]) -> list[list[int]]:
    runs = [[positions[0]]]
    for previous, position in pairwise(positions):
        if position == previous + 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return runs
