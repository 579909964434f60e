"""IBM Model 1: the obvious translations of a toy corpus, probabilities, and both directions together."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_corpus import NOUNS, WORDS

from training.alignment import NULL, Ids, Translations, both_ways, ibm1
from training.corpus import Corpus

# 1 the, 2 house, 3 book, 4 green / 1 la, 2 casa, 3 libro, 4 verde
ENGLISH = [[1, 2], [1, 3], [3], [1, 4, 2], [4, 3]]
SPANISH = [[1, 2], [1, 3], [3], [1, 2, 4], [3, 4]]


def ids(rows: list[list[int]]) -> list[Ids]:
    return [np.array(row, np.int32) for row in rows]


def likeliest(table: Translations) -> dict[int, int]:
    return {given: int(words[0]) for given, words, _ in table.best(1, 0.0)}


def totals(table: Translations) -> NDArray[np.float64]:
    return np.bincount(table.given, weights=table.probability)


def table_of(rows: list[tuple[int, int, float]]) -> Translations:
    given, word, probability = zip(*rows, strict=True) if rows else ((), (), ())
    return Translations(np.array(given, np.int32), np.array(word, np.int32), np.array(probability, np.float32))


def test_obvious_translations_of_a_toy_corpus_are_found() -> None:
    assert likeliest(ibm1(ids(ENGLISH), ids(SPANISH), 10)) == {1: 1, 2: 2, 3: 3, 4: 4}


def test_translations_of_the_made_up_corpus_are_found(corpus: Corpus) -> None:
    pairs = corpus.pairs["train"]
    numbers: dict[str, int] = {}

    def numbered(texts: list[str]) -> list[Ids]:
        rows = [text.lower().strip(".").split() for text in texts]
        return ids([[numbers.setdefault(word, len(numbers) + 1) for word in row] for row in rows])

    table = likeliest(ibm1(numbered([p.en for p in pairs]), numbered([p.es for p in pairs])))
    names = {number: word for word, number in numbers.items()}
    found = {names[given]: names[word] for given, word in table.items()}
    assert {english: found[english] for english, _ in WORDS} == dict(WORDS)


def test_probabilities_of_a_given_word_sum_to_one_at_most() -> None:
    table = ibm1(ids(ENGLISH), ids(SPANISH))
    assert table.probability.min() > 0
    assert totals(table).max() <= 1 + 1e-5


def test_rows_come_by_given_word_with_the_likeliest_first_and_without_the_empty_word() -> None:
    table = ibm1(ids(ENGLISH), ids(SPANISH))
    assert NULL not in table.given
    rows = list(zip(table.given.tolist(), (-table.probability).tolist(), strict=True))
    assert rows == sorted(rows)


def test_one_iteration_by_hand() -> None:
    # Each word is shared between the empty word and the one given word: a half to each, then scaled by given word.
    table = ibm1(ids([[1], [1]]), ids([[5], [6]]), 1)
    assert list(zip(table.given, table.word, table.probability, strict=True)) == [(1, 5, 0.5), (1, 6, 0.5)]


def test_an_empty_side_is_ignored() -> None:
    whole = ibm1(ids([[1], [], [2]]), ids([[1], [9], []]))
    assert likeliest(whole) == {1: 1}


@pytest.mark.parametrize("rows", [[], [[]]], ids=["no pair", "an empty pair"])
def test_nothing_to_align_gives_an_empty_table(rows: list[list[int]]) -> None:
    table = ibm1(ids(rows), ids(rows))
    assert (table.given.size, list(table.best(5, 0.0))) == (0, [])


def test_the_best_are_cut_by_number_and_by_floor() -> None:
    table = table_of([(1, 7, 0.6), (1, 8, 0.3), (1, 9, 0.1), (2, 7, 0.01), (3, 4, 0.2)])
    best = [(given, words.tolist()) for given, words, _ in table.best(2, 0.15)]
    assert best == [(1, [7, 8]), (3, [4])]
    assert [len(words) for _, words, _ in table.best(5, 0.0)] == [3, 1, 1]


def test_both_ways_drops_what_one_direction_alone_aligns() -> None:
    forward = table_of([(1, 1, 0.5), (1, 2, 0.5)])
    backward = table_of([(1, 1, 0.9), (3, 1, 0.4)])
    both = both_ways(forward, backward, np.array([0, 100, 100, 100]))
    assert (both.given.tolist(), both.word.tolist(), both.probability.tolist()) == ([1], [1], [1.0])


def test_both_ways_is_the_scaled_geometric_mean() -> None:
    forward = table_of([(1, 1, 0.8), (1, 2, 0.2)])
    backward = table_of([(1, 1, 0.5), (2, 1, 0.9)])
    both = both_ways(forward, backward, np.array([0, 7, 7]), prior=0.0)
    means = np.sqrt([0.8 * 0.5, 0.2 * 0.9])
    assert both.probability == pytest.approx(means / means.sum(), rel=1e-5)
    assert totals(both)[1] == pytest.approx(1.0)


def test_both_ways_trusts_rare_words_less() -> None:
    forward = table_of([(1, 1, 0.5), (1, 2, 0.5)])
    backward = table_of([(1, 1, 0.5), (2, 1, 0.5)])
    common, rare = both_ways(forward, backward, np.array([0, 900, 1])).probability
    assert common > 5 * rare
    even = both_ways(forward, backward, np.array([0, 900, 900])).probability
    assert even == pytest.approx([0.5, 0.5])


def test_both_ways_puts_the_likeliest_first() -> None:
    forward = table_of([(1, 1, 0.6), (1, 2, 0.4), (2, 2, 1.0)])
    backward = table_of([(1, 1, 0.1), (2, 1, 0.9), (2, 2, 0.1)])
    both = both_ways(forward, backward, np.array([0, 50, 50]))
    assert (both.given.tolist(), both.word.tolist()) == ([1, 1, 2], [2, 1, 2])


@pytest.mark.parametrize(
    ("forward", "backward"),
    [([], []), ([(1, 1, 0.5), (2, 1, 0.5)], []), ([], [(1, 1, 0.5)])],
    ids=["neither", "forward only", "backward only"],
)
def test_both_ways_of_an_empty_table_is_empty(
    forward: list[tuple[int, int, float]], backward: list[tuple[int, int, float]]
) -> None:
    assert both_ways(table_of(forward), table_of(backward), np.array([0, 5, 5])).given.size == 0


def test_nouns_of_the_tiny_corpus_are_one_to_one() -> None:
    assert len(set(NOUNS.values())) == len(NOUNS)
