"""IBM Model 1 over a parallel corpus, vectorised: translation probabilities of one side's words given the other's.

Brown, Della Pietra, Della Pietra and Mercer, "The Mathematics of Statistical Machine Translation: Parameter
Estimation", Computational Linguistics 19(2), 1993, section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NULL = 0
"""The identifier of the empty word that every given side gets; real words start at 1."""

Ids = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Translations:
    """A sparse table: ``probability[i]`` of ``word[i]`` given ``given[i]``; by given word, then likeliest first."""

    given: Ids
    word: Ids
    probability: NDArray[np.float32]

    def best(self, limit: int, floor: float) -> Iterator[tuple[int, Ids, NDArray[np.float32]]]:
        """For each given word its ``limit`` likeliest words of probability ``floor`` or more."""
        if not self.given.size:
            return
        starts = np.flatnonzero(np.r_[True, self.given[1:] != self.given[:-1]])
        ends = np.r_[starts[1:], self.given.size]
        for start, end in zip(starts, ends, strict=True):
            probability = self.probability[start : min(end, start + limit)]
            enough = probability >= floor
            if enough.any():
                words = self.word[start : start + probability.size]
                yield int(self.given[start]), words[enough], probability[enough]


def ibm1(given: Sequence[Ids], words: Sequence[Ids], iterations: int = 6) -> Translations:
    """Expectation maximisation of p(word | given) over sentence pairs.

    Args:
        given: for each pair, the identifiers (1 and up) of the side that explains; an empty word is added.
        words: for each pair, the identifiers (1 and up) of the side to explain.
        iterations: passes over the corpus.

    Pairs with an empty side are ignored. Memory: about 16 bytes for each pair of words in the same sentence pair.
    """
    cell_given, cell_word, group_sizes = _cells(given, words)
    if cell_given.size == 0:
        empty = np.zeros(0, np.int32)
        return Translations(empty, empty, np.zeros(0, np.float32))
    base = int(cell_word.max()) + 1
    keys, cells = np.unique(cell_given.astype(np.int64) * base + cell_word, return_inverse=True)
    del cell_given, cell_word
    cells = cells.astype(np.int32)
    key_given = (keys // base).astype(np.int32)
    starts = np.r_[0, np.cumsum(group_sizes)[:-1]]
    table = np.full(keys.size, 1.0, np.float32)
    for _ in range(iterations):
        weights = table[cells]
        weights /= np.repeat(np.add.reduceat(weights, starts), group_sizes)
        counts = np.bincount(cells, weights=weights, minlength=keys.size)
        totals = np.bincount(key_given, weights=counts)
        table = (counts / np.maximum(totals[key_given], 1e-12)).astype(np.float32)
    order = np.lexsort((-table, key_given))
    order = order[(table[order] > 1e-4) & (key_given[order] != NULL)]
    return Translations(key_given[order], (keys % base).astype(np.int32)[order], table[order])


def both_ways(
    forward: Translations, backward: Translations, counts: NDArray[np.int64], prior: float = 30.0
) -> Translations:
    """``forward`` with each probability the geometric mean of both directions, scaled to sum to one for a given word.

    Words that one direction alone aligns get nothing, and a rare word, which any partner explains, counts little: its
    backward probability is multiplied by ``count / (count + prior)``.

    Args:
        forward: p(word | given).
        backward: the same the other way round, p(given | word).
        counts: how often each word occurs, by its identifier.
    """
    base = np.int64(max(_highest(forward.word), _highest(backward.given)) + 1)
    keys = forward.given.astype(np.int64) * base + forward.word
    reverse = backward.word.astype(np.int64) * base + backward.given
    if not reverse.size:
        return backward
    order = np.argsort(reverse)
    found = order[np.minimum(np.searchsorted(reverse, keys, sorter=order), reverse.size - 1)]
    matching = backward.probability[found] * (reverse[found] == keys)
    trust = counts[forward.word] / (counts[forward.word] + prior)
    mean = np.sqrt(forward.probability * matching * trust)
    totals = np.bincount(forward.given, weights=mean)
    share = (mean / np.maximum(totals[forward.given], 1e-12)).astype(np.float32)
    kept = np.lexsort((-share, forward.given))
    kept = kept[share[kept] > 0]
    return Translations(forward.given[kept], forward.word[kept], share[kept])


def _highest(numbers: Ids) -> int:
    return int(numbers.max()) if numbers.size else 0


def _cells(given: Sequence[Ids], words: Sequence[Ids]) -> tuple[Ids, Ids, NDArray[np.int64]]:
    """Every (given, word) of every pair, and how many consecutive cells belong to one occurrence of a word."""
    given_parts: list[Ids] = []
    word_parts: list[Ids] = []
    sizes: list[NDArray[np.int64]] = []
    null = np.full(1, NULL, np.int32)
    for left, right in zip(given, words, strict=True):
        if left.size and right.size:
            source = np.concatenate((null, left))
            given_parts.append(np.tile(source, right.size))
            word_parts.append(np.repeat(right, source.size))
            sizes.append(np.full(right.size, source.size))
    if not sizes:
        return np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int64)
    return np.concatenate(given_parts), np.concatenate(word_parts), np.concatenate(sizes)
