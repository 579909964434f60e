"""Words, stop words, stems and their accent-folded twins."""

from __future__ import annotations

import pytest

from rag.analysis import ENGLISH_STOP_WORDS, SPANISH_STOP_WORDS, english_terms, fold, spanish_terms, words


def flat(text: str) -> set[str]:
    return {term for terms in spanish_terms(text) for term in terms}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("¿Qué hace 23people?", ["qué", "hace", "23people"]),
        ("C++ y C# en .NET", ["c++", "y", "c#", "en", "net"]),
        ("papá/mamá (ñandú)", ["papá", "mamá", "ñandú"]),
        ("nin\u0303o", ["niño"]),
        ("", []),
    ],
)
def test_words_are_lower_case_and_keep_accents(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("well_typed", "badly_typed"),
    [
        ("cumpleaños", "cumpleanos"),
        ("respiración", "respiracion"),
        ("inducción", "induccion"),
        ("políticas", "politicas"),
        ("día", "dia"),
        ("reembolsos", "reembolso"),
    ],
)
def test_a_word_meets_its_spelling_without_accents_and_its_plural(well_typed: str, badly_typed: str) -> None:
    assert flat(well_typed) & flat(badly_typed)


@pytest.mark.parametrize("word", ["día", "días", "derecho", "trabajo", "equipo", "bono", "permiso", "cargo"])
def test_words_that_matter_in_a_handbook_are_no_stop_words(word: str) -> None:
    assert flat(word)


def test_stop_words_are_folded_so_that_accents_do_not_matter() -> None:
    assert all(fold(word) == word for word in SPANISH_STOP_WORDS | ENGLISH_STOP_WORDS)
    assert spanish_terms("¿Cuál es el qué?") == []


def test_english_terms_are_pairs_of_word_and_stem() -> None:
    assert english_terms("How are the benefits paid?") == [("benefits", "benefit"), ("paid", "paid")]
