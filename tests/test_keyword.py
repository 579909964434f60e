"""BM25 over Spanish chunks, asked in Spanish and in English."""

from __future__ import annotations

import numpy as np
import pytest

from rag.keyword import KeywordIndex, query_words
from rag.lexicon import Lexicon, make_lexicon
from rag.types import Chunk, Language, Span

LEXICON = make_lexicon(
    {
        "boss": [("jef", 0.6), ("patron", 0.2)],
        "holiday": [("festiv", 0.4), ("vacacion", 0.3)],
        "senior": [("senior", 0.2)],
    }
)
TEXTS = {
    "jefatura": "Tu jefe aprueba las vacaciones.",
    "bono": "El bono se paga en diciembre con cumpleaños y festivos.",
    "niveles": "El nivel Senior guía al equipo de 23people con C++.",
}


def make_chunk(name: str, text: str) -> Chunk:
    return Chunk(
        id=name, path=f"{name}.md", title=name, breadcrumb=(name,), anchor="", url=f"/{name}/", text=text, source=text,
        span=Span(0, len(text), 1, 1), units=(), ordinal=0, content_hash=name,
    )  # fmt: skip


@pytest.fixture(scope="module")
def index() -> KeywordIndex:
    return KeywordIndex([make_chunk(name, text) for name, text in TEXTS.items()])


def best(index: KeywordIndex, question: str, language: Language, lexicon: Lexicon = LEXICON) -> str | None:
    scores = index.word_scores(query_words(question, language, lexicon)).sum(axis=0)
    return list(TEXTS)[int(np.argmax(scores))] if scores.max(initial=0.0) > 0 else None


@pytest.mark.parametrize(
    ("question", "language", "expected"),
    [
        ("¿Quién es mi jefe?", "es", "jefatura"),
        ("cumpleanos", "es", "bono"),
        ("vacación", "es", "jefatura"),
        ("¿Usan C++?", "es", "niveles"),
        ("Who is my boss?", "en", "jefatura"),
        ("Which holidays are there?", "en", "bono"),
        ("senior at 23people", "en", "niveles"),
        ("the Diciembre bono", "en", "bono"),
        ("bitcoin", "en", None),
        ("¿?", "es", None),
    ],
)
def test_the_chunk_with_the_words_is_found(
    index: KeywordIndex, question: str, language: Language, expected: str | None
) -> None:
    assert best(index, question, language) == expected


def test_without_lexicon_an_english_question_finds_only_names(index: KeywordIndex) -> None:
    assert best(index, "Who is my boss?", "en", make_lexicon({})) is None
    assert best(index, "What is 23people?", "en", make_lexicon({})) == "niveles"


def test_a_spelling_twin_counts_once(index: KeywordIndex) -> None:
    once = index.word_scores(query_words("festivos", "es", LEXICON))
    twin = index.word_scores(query_words("cumpleaños", "es", LEXICON))
    assert twin.max() <= 1.5 * once.max()


def test_words_the_handbook_never_uses_weigh_most(index: KeywordIndex) -> None:
    known, unknown = index.weights(query_words("jefe bitcoin", "es", LEXICON))
    assert unknown > known


def test_an_empty_handbook_has_no_scores() -> None:
    assert KeywordIndex([]).word_scores(query_words("jefe", "es", LEXICON)).shape == (1, 0)


def test_chunks_without_words_are_legal() -> None:
    index = KeywordIndex([make_chunk("", "¿?"), make_chunk("", "")])
    assert index.word_scores(query_words("jefe", "es", LEXICON)).sum() == 0
