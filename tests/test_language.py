"""Which language a turn is answered in."""

from __future__ import annotations

import pytest

from rag.language import detect_language
from rag.lexicon import load_lexicon
from rag.settings import PROJECT_ROOT
from rag.types import Language, Turn

LEXICON = load_lexicon(PROJECT_ROOT / "data" / "model")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿Cuál es la misión?", "es"),
        ("What is the mission?", "en"),
        ("cuantos dias de vacaciones tengo", "es"),
        ("que hace un QA Engineer", "es"),
        ("¿Qué hace un Site Reliability Engineer?", "es"),
        ("what does vacaciones mean", "en"),
        ("Who approves vacaciones at 23people?", "en"),
        ("niveles senior", "es"),
        ("benefits", "en"),
        ("beneficios", "es"),
        ("misión", "es"),
        ("mision", "es"),
        ("holidays", "en"),
        ("Can a guest see it", "en"),
        ("tell me about the values", "en"),
        ("háblame de los valores", "es"),
        ("hello", "en"),
        ("hola", "es"),
        ("hay teletrabajo?", "es"),
        ("remote work?", "en"),
        ("correo de people growth", "es"),
        ("email de soporte", "es"),
        ("email for beneficios", "en"),
        ("show me benefits", "en"),
        ("¿Feedback on demand?", "es"),
        ("Who is Peña?", "en"),
    ],
)
def test_language_of_short_questions(text: str, language: Language) -> None:
    assert detect_language(text, (), LEXICON) == language


@pytest.mark.parametrize("text", ["Senior", "ok", "QA", "👍", "23", ""])
@pytest.mark.parametrize(
    ("said", "language"), [("What are the levels?", "en"), ("¿Cuáles son los niveles?", "es")], ids=["en", "es"]
)
def test_a_text_that_does_not_tell_takes_the_language_of_the_conversation(
    text: str, said: str, language: Language
) -> None:
    history = (Turn("user", said), Turn("assistant", "…"))
    assert detect_language(text, history, LEXICON) == language


def test_a_text_that_does_not_tell_is_spanish_without_conversation() -> None:
    assert detect_language("23 🙂") == "es"


def test_a_change_of_language_wins_over_the_conversation() -> None:
    history = (Turn("user", "¿Cuáles son los niveles?"),)
    assert detect_language("And how do I apply for it?", history, LEXICON) == "en"
