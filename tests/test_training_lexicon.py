"""The lexicon: what is learnt from sentences and from a dictionary, its limits, and its file."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest
from tiny_corpus import NOUNS

from rag.analysis import english_stem, fold, spanish_stem
from rag.lexicon import load_lexicon
from training.corpus import Corpus, Pair
from training.lexicon import FLOOR, LIMIT, LONGEST, learn_lexicon, write_lexicon

Rows = list[tuple[str, str, float]]


@pytest.fixture(scope="module")
def rows(corpus: Corpus) -> Rows:
    return learn_lexicon(corpus.pairs["train"], corpus.words)


def pair(english: str, spanish: str) -> Pair:
    return Pair("s", "docs", 0, english, spanish)


def test_every_noun_is_translated_by_its_own(rows: Rows) -> None:
    best = {source: next(iter(group))[1] for source, group in groupby(rows, key=lambda row: row[0])}
    for english, spanish in NOUNS.items():
        assert best[english_stem(english)] == spanish_stem(fold(spanish))


def test_rows_keep_to_the_floor_and_to_the_limit(rows: Rows) -> None:
    assert min(probability for _, _, probability in rows) >= FLOOR
    for _, group in groupby(rows, key=lambda row: row[0]):
        probabilities = [probability for _, _, probability in group]
        assert len(probabilities) <= LIMIT
        assert sum(probabilities) <= 1 + 1e-5
        assert probabilities == sorted(probabilities, reverse=True)


def test_a_word_of_many_translations_keeps_the_likeliest() -> None:
    targets = "uva pera higo mora kiwi lima coco nuez palta melon".split()
    pairs = [pair("fruit", word) for number, word in enumerate(targets) for _ in range(40 - 2 * number)]
    found = [spanish for _, spanish, _ in learn_lexicon(pairs, [])]
    assert found == [spanish_stem(word) for word in targets[:LIMIT]]


def test_the_file_is_what_the_product_reads(rows: Rows, tmp_path: Path) -> None:
    write_lexicon(rows, tmp_path)
    lexicon = load_lexicon(tmp_path)
    assert len(lexicon.translations) == len({english for english, _, _ in rows})
    english, spanish, probability = rows[0]
    assert (spanish, round(probability, 3)) in lexicon.translate(english)


def test_a_word_met_once_and_a_number_are_left_out() -> None:
    pairs = [*[pair("boat 7", "barco 7")] * 5, pair("sapphire", "zafiro")]
    assert {english for english, _, _ in learn_lexicon(pairs, [])} == {english_stem("boat")}


def test_dictionary_entries_count_as_sentences() -> None:
    learnt = learn_lexicon([pair("boat", "barco")], [("sapphire", "zafiro")] * 3)
    assert [(english, spanish) for english, spanish, _ in learnt] == [
        (english_stem("sapphire"), spanish_stem("zafiro"))
    ]


def test_a_long_segment_is_left_out() -> None:
    long = pair("boat " * (LONGEST + 1), "barco")
    assert learn_lexicon([long] * 5, []) == []
    assert learn_lexicon([pair("boat " * LONGEST, "barco")] * 5, []) != []


@pytest.mark.parametrize("pairs", [[], [pair("...", "¿?")]], ids=["nothing", "no word"])
def test_nothing_to_learn_from_gives_no_row(pairs: list[Pair], tmp_path: Path) -> None:
    assert learn_lexicon(pairs, []) == []
    write_lexicon([], tmp_path)
    assert load_lexicon(tmp_path).translations == {}
