"""The student's word pieces: which of the teacher's stay, which Spanish ones come, how text is cut with them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from tiny_corpus import COMMON

from training import vocabulary
from training.corpus import Corpus, Pair
from training.vocabulary import (
    SPECIAL,
    can_occur_in_latin_text,
    kept_pieces,
    make_tokenizer,
    spanish_pieces,
    student_vocabulary,
    teacher_pieces,
    whole_words,
)

LETTERS = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"), ".", "¿", "?"]
VOCABULARY = [*SPECIAL, *LETTERS, "lampara", "barco"]


def repeated(source: str, kind: str, spanish: str, times: int) -> list[Pair]:
    return [Pair(source, kind, 0, "x", spanish) for _ in range(times)]


def test_the_teachers_pieces_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps({"model": {"vocab": {"b": 1, "[PAD]": 0, "##a": 2}}}), encoding="utf-8")
    assert teacher_pieces(file) == ["[PAD]", "b", "##a"]


@pytest.mark.parametrize("piece", ["barco", "##ando", "3", "%", "¿", "€", "##²"])
def test_pieces_of_folded_latin_text_can_occur(piece: str) -> None:
    assert can_occur_in_latin_text(piece)


@pytest.mark.parametrize("piece", ["漢", "##д", "ñ", "está", "the\n", "α"])
def test_pieces_of_other_scripts_and_with_accents_cannot_occur(piece: str) -> None:
    assert not can_occur_in_latin_text(piece)


def test_special_pieces_come_first_and_unused_ones_go() -> None:
    pieces = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "漢", "##s"]
    assert kept_pieces(pieces) == [*SPECIAL, "the", "##s"]


def test_pieces_of_the_tiny_teacher_stay_but_the_foreign_ones(teacher_folder: Path) -> None:
    pieces = teacher_pieces(teacher_folder / "tokenizer.json")
    assert set(pieces) - set(kept_pieces(pieces)) >= {"漢", "[unused0]"}
    assert {"boat", "lamp"} <= set(kept_pieces(pieces))


def test_spanish_pieces_are_whole_folded_words_of_the_corpus(corpus: Corpus) -> None:
    pieces = spanish_pieces(corpus.pairs["train"], [], 400, 1000)
    assert {"lampara", "montana", "encuentra"} <= set(pieces)
    assert not set(pieces) & {*SPECIAL, "lámpara", "montaña"}
    assert len(pieces) <= 400 - len(SPECIAL)


def test_training_twice_gives_the_same_pieces(corpus: Corpus) -> None:
    first, *others = (spanish_pieces(corpus.pairs["train"], list(COMMON), 400, 1000) for _ in range(4))
    assert all(other == first for other in others)


def test_a_rare_word_gets_no_piece_of_its_own() -> None:
    pairs = [*repeated("s", "docs", "barco", 20), *repeated("s", "docs", "zafiro", 2)]
    pieces = spanish_pieces(pairs, [], 300, 1000)
    assert "barco" in pieces
    assert "zafiro" not in pieces


def test_a_source_counts_only_so_often() -> None:
    capped = [*repeated("s", "docs", "zafiro", 4), *repeated("s", "docs", "barco", 396)]
    assert "zafiro" not in spanish_pieces(capped, [], 300, 100)
    assert "zafiro" in spanish_pieces(capped, [], 300, 400)


@pytest.mark.parametrize(("kind", "found"), [("prose", True), ("written", True), ("docs", False)])
def test_prose_and_written_text_count_four_times(kind: str, found: bool) -> None:
    pairs = [*repeated("p", kind, "zafiro", 1), *repeated("p", kind, "barco", 9)]
    assert ("zafiro" in spanish_pieces(pairs, [], 300, 100)) is found


def test_common_words_that_the_corpus_lacks_become_pieces(corpus: Corpus) -> None:
    pairs = corpus.pairs["train"]
    pieces = [set(spanish_pieces(pairs, words, 400, 1000)) for words in ([], list(COMMON))]
    assert not pieces[0] & set(COMMON)
    assert set(COMMON) <= pieces[1]
    assert {"lampara", "montana", "encuentra"} <= pieces[1]


def test_a_common_word_counts_once_and_the_more_the_more_frequent_it_is() -> None:
    words = [f"w{number}" for number in range(3000)]
    counted = Counter(vocabulary._balanced([], [*words, *words], 100))
    assert list(counted) == words
    counts = list(counted.values())
    assert counts == sorted(counts, reverse=True)
    # As Zipf has it, less steep at the start: half as often at the rank of the offset, a tenth as often at nine times.
    assert [counts[0], counts[300], counts[2700]] == [202, 102, 22]


def test_new_pieces_follow_the_kept_ones_without_repeats_up_to_the_limit() -> None:
    kept = [*SPECIAL, "the", "no"]
    pieces = ["no", "que", "niño", "para", "como"]
    assert student_vocabulary(kept, (pieces, 2)) == [*kept, "que", "para"]
    assert student_vocabulary(kept, (pieces, 1), (["que", "como", "como", "si"], 2)) == [*kept, "que", "como", "si"]


def word(source: str, english: str, spanish: str) -> Pair:
    return Pair(source, "words", 0, english, spanish)


def test_whole_words_are_the_common_ones_and_then_the_frequent_ones_of_the_dictionary() -> None:
    pairs = [*repeated("s", "docs", "El barco, ¿y el FARO?", 2), *repeated("s", "docs", "un faro 7x", 1)]
    dictionary = [word("dictionary", *pair) for pair in (("ship", "barco"), ("lighthouse", "faro"), ("snow", "nieve"))]
    common = [word("common", "plane", "avión"), word("common", "aeroplane", "avión"), word("common", "to go", "ir")]
    words = whole_words([*dictionary, *common, word("dictionary", "sun and moon", "sol y luna")], pairs, 1000)
    assert words == ["avion", "faro", "barco", "nieve"]


def test_words_that_english_has_too_stay_as_they_are() -> None:
    words = [
        word("common", "Málaga", "málaga"),
        word("dictionary", "metal; ore", "metal"),
        word("common", "log", "leño"),
    ]
    assert whole_words(words, [], 1000) == ["leno"]


def test_text_is_folded_cut_and_framed() -> None:
    tokenizer = make_tokenizer(VOCABULARY, 64)
    encoding = tokenizer.encode("¿Lámpara BARCOS?")
    assert encoding.tokens == ["[CLS]", "¿", "lampara", "barco", "##s", "?", "[SEP]"]
    assert encoding.ids == [VOCABULARY.index(token) for token in encoding.tokens]


def test_unknown_characters_become_the_unknown_piece() -> None:
    assert make_tokenizer(VOCABULARY, 64).encode("barco 漢").tokens == ["[CLS]", "barco", "[UNK]", "[SEP]"]


def test_long_text_is_cut_at_the_limit_with_its_end_mark() -> None:
    tokens = make_tokenizer(VOCABULARY, 10).encode("barco " * 50).tokens
    assert (len(tokens), tokens[-1]) == (10, "[SEP]")


def test_a_saved_tokenizer_reads_back_the_same(tmp_path: Path) -> None:
    tokenizer = make_tokenizer(VOCABULARY, 64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    assert teacher_pieces(tmp_path / "tokenizer.json") == VOCABULARY
