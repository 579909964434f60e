"""BM25 over the chunks' Spanish terms, asked in Spanish or, through the lexicon, in English."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import bm25s
import numpy as np
from numpy.typing import NDArray

from rag.analysis import english_terms, spanish_stem, spanish_terms
from rag.lexicon import Lexicon
from rag.types import Chunk, Language

BM25_K1 = 0.9
BM25_B = 0.4
"""Short passages: term frequency soon says no more, length little. Measured on Spanish paragraphs."""
HEADING_WEIGHT = 2
"""How many times a breadcrumb's words count in the text of its chunk."""
MAX_TRANSLATIONS = 6


@dataclass(frozen=True, slots=True)
class QueryWord:
    """A content word of a question with the index terms that can stand for it and their weights in [0, 1].

    ``exclusive`` words take the best of their terms (spellings of one word); others add them up (translations that
    share one probability mass).
    """

    word: str
    terms: tuple[tuple[str, float], ...]
    exclusive: bool = True


def query_words(text: str, language: Language, lexicon: Lexicon) -> list[QueryWord]:
    """The content words of a question as index terms; English ones through the lexicon.

    The English side follows probabilistic structured queries (Darwish and Oard 2003): each English term scores
    through its Spanish translations, weighted by their probabilities. A word unknown to the lexicon passes through
    as it is: names, products, Spanish words inside an English question.
    """
    if language == "es":
        return [QueryWord(terms[0], tuple((term, 1.0) for term in terms)) for terms in spanish_terms(text)]
    return [_translated(word, stem, lexicon) for word, stem in english_terms(text)]


def _translated(word: str, stem: str, lexicon: Lexicon) -> QueryWord:
    translations = lexicon.translate(stem)[:MAX_TRANSLATIONS]
    passed_through = spanish_stem(word)
    if not translations:
        return QueryWord(word, ((passed_through, 1.0),))
    known = {term for term, _ in translations}
    same = () if passed_through in known else ((passed_through, SAME_WORD_WEIGHT),)
    return QueryWord(word, (*translations, *same), exclusive=False)


SAME_WORD_WEIGHT = 0.5
"""Weight of an English word standing as it is in the Spanish text, beside its translations ("senior", "feedback")."""


class KeywordIndex:
    """BM25 scores of all chunks for a question. Immutable once built."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        """Index ``chunks``; score arrays follow their order."""
        self._size = len(chunks)
        self._bm25 = bm25s.BM25(k1=BM25_K1, b=BM25_B, method="lucene")
        # bm25s cannot index a corpus without any word: the term that no text holds keeps an empty handbook legal.
        self._bm25.index([_chunk_terms(chunk) or [_NO_TERM] for chunk in chunks] or [[_NO_TERM]], show_progress=False)
        self._vocabulary: dict[str, int] = self._bm25.vocab_dict

    def word_scores(self, words: Sequence[QueryWord]) -> NDArray[np.float32]:
        """BM25 of each word in each chunk, shape (len(words), chunks)."""
        scores = np.zeros((len(words), self._size), dtype=np.float32)
        for row, word in enumerate(words):
            for term, weight in word.terms:
                positions, values = self._column(term)
                if word.exclusive:
                    scores[row, positions] = np.maximum(scores[row, positions], weight * values)
                else:
                    scores[row, positions] += weight * values
        return scores

    def weights(self, words: Sequence[QueryWord]) -> NDArray[np.float32]:
        """Inverse document frequency of each word, shape (len(words),); highest for words the handbook never uses."""
        return np.array([self._idf(word) for word in words], dtype=np.float32)

    def known(self, words: Sequence[QueryWord]) -> NDArray[np.bool_]:
        """Whether the handbook uses each word, or a translation of it, at all; shape (len(words),)."""
        return np.array([any(term in self._vocabulary for term, _ in word.terms) for word in words], dtype=np.bool_)

    def _idf(self, word: QueryWord) -> float:
        frequencies = [(len(self._column(term)[0]), weight) for term, weight in word.terms]
        if word.exclusive:
            frequency = float(max((count for count, _ in frequencies), default=0))
        else:
            frequency = sum(count * weight for count, weight in frequencies)
        return float(np.log(1 + (self._size - frequency + 0.5) / (frequency + 0.5)))

    def _column(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        token = self._vocabulary.get(term)
        if token is None:
            return _EMPTY_POSITIONS, _EMPTY_VALUES
        matrix = self._bm25.scores
        start, end = matrix["indptr"][token], matrix["indptr"][token + 1]
        return matrix["indices"][start:end], matrix["data"][start:end]


_NO_TERM = "\0"
_EMPTY_POSITIONS: NDArray[np.int32] = np.empty(0, dtype=np.int32)
_EMPTY_VALUES: NDArray[np.float32] = np.empty(0, dtype=np.float32)


def _chunk_terms(chunk: Chunk) -> list[str]:
    headings = " ".join(chunk.breadcrumb)
    return _flat(headings) * HEADING_WEIGHT + _flat(chunk.text)


def _flat(text: str) -> list[str]:
    return [term for terms in spanish_terms(text) for term in terms]


@lru_cache(maxsize=20_000)
def spanish_word_set(text: str) -> frozenset[str]:
    """All Spanish terms of ``text``, for overlap tests; remembered, since the same units are read again and again."""
    return frozenset(_flat(text))
