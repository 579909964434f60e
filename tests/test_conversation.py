"""Follow-ups carry their subject; new topics stay clean; small talk is no question."""

from __future__ import annotations

import time

import pytest
from chain_fakes import make_chunk
from openai_stub import Reply, openai_stub

from rag.chat_model import make_chat_model
from rag.conversation import HISTORY_TURNS, ModelRewriter, follow_up_query, is_elliptic, recent_turns, small_talk
from rag.quoting import section_frame
from rag.types import LANGUAGES, Language, Question, Turn

BONUS = "¿Qué es el bono de vacaciones?"


def after(*turns: str, text: str) -> Question:
    roles = ("user", "assistant")
    return Question(text, history=tuple(Turn(roles[place % 2], turn) for place, turn in enumerate(turns)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "¿y cuánto es?", "¿Y el de Senior?", "sí", "ok", "¿Cuánto demora?", "¿y cómo se pide?", "¿cómo pedirlo?",
        "¿Quién lo aprueba?", "¿Y para mi familia?", "¿Y eso dónde está?", "¿cuándo pagan?", "¿Por qué?", "cuéntame más",
        "and how do I ask for it?", "How much is it?", "yes", "what about seniors?", "Who approves it?", "when?",
        "How long does it usually take?", "And for my family?", "How many of them per year?", "Why is that?", "tell me more",
    ],
)  # fmt: skip
def test_elliptic_question_takes_its_subject_along(text: str) -> None:
    question = after(BONUS, "Es un pago.", text=text)
    assert BONUS in follow_up_query(question, "es")


@pytest.mark.parametrize(
    "text",
    [
        "¿Qué es el seguro complementario?", "¿Cuántos días de licencia tengo por matrimonio?", "vacaciones",
        "¿Cómo funciona el proceso de selección?", "¿Dónde está la oficina?", "¿Quién es el gerente?", "teletrabajo",
        "¿Cuáles son los valores de la empresa?", "¿Qué ese programa de mentoría incluye para cada nueva persona?",
        "What is the mission of the company?", "How do I request a certification refund?", "Where is the office?",
        "Is it possible to work remotely from another country for a month?", "benefits", "What are the company values?",
    ],
)  # fmt: skip
def test_question_with_a_subject_of_its_own_stands_alone(text: str) -> None:
    assert follow_up_query(after(BONUS, "Es un pago.", text=text), "es") == text


def test_first_question_stands_alone_even_if_it_is_short() -> None:
    assert follow_up_query(Question("¿y cuánto es?"), "es") == "¿y cuánto es?"


def test_chain_of_follow_ups_reaches_back_to_the_question_that_names_the_subject() -> None:
    text = follow_up_query(
        after("¿Qué es la misión?", "…", BONUS, "…", "¿y cuánto es?", "…", text="¿y cuándo pagan?"), "es"
    )
    assert BONUS in text
    assert "misión" not in text


def test_question_itself_comes_first() -> None:
    assert follow_up_query(after(BONUS, "…", text="¿y cuándo pagan?"), "es").startswith("¿y cuándo pagan?")


@pytest.mark.parametrize("language", LANGUAGES)
def test_bare_reply_takes_the_section_that_was_cited_last(language: Language) -> None:
    answer = section_frame(make_chunk("Texto."), language, first=True) + "\n\nTexto. [1]"
    assert "Vacaciones Bono" in follow_up_query(after("¿Y lo otro?", answer, text="sí"), "es")


def test_newest_turns_are_kept() -> None:
    turns = tuple(Turn("user", str(number)) for number in range(50))
    assert [turn.content for turn in recent_turns(turns)] == [str(number) for number in range(50 - HISTORY_TURNS, 50)]


def test_question_without_words_does_not_fail() -> None:
    assert is_elliptic("¿?")


# --- small talk


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hola", ("es", "greeting")), ("¡Hola! ¿Cómo estás?", ("es", "greeting")), ("buenos días", ("es", "greeting")),
        ("muchas gracias", ("es", "thanks")), ("ok, gracias", ("es", "thanks")), ("Gracias, hasta luego", ("es", "thanks")),
        ("chao", ("es", "goodbye")), ("hello there", ("en", "greeting")), ("Good morning", ("en", "greeting")),
        ("thank you so much!", ("en", "thanks")), ("bye", ("en", "goodbye")),
    ],
)  # fmt: skip
def test_small_talk_is_recognised(text: str, expected: tuple[Language, str]) -> None:
    assert small_talk(text) == expected


@pytest.mark.parametrize(
    "text",
    ["hola, ¿qué es el bono?", "gracias por explicar el seguro", "¿cómo?", "ok", "sí", "", "hello, how is pay reviewed?",
     "¿Qué día?", "how are you paid", "todo"],
)  # fmt: skip
def test_questions_are_not_small_talk(text: str) -> None:
    assert small_talk(text) is None


# --- with a chat model


def rewrite(*replies: Reply, question: Question | None = None, timeout_seconds: float = 5.0) -> tuple[str, int]:
    with openai_stub(*replies) as stub:
        model = make_chat_model("stub", base_url=stub.base_url, timeout_seconds=timeout_seconds)
        asked = question or after(BONUS, "Es un pago.", text="¿y cuánto es?")
        return ModelRewriter(model, timeout_seconds=timeout_seconds)(asked, "es"), len(stub.requests)


def test_model_writes_the_follow_up_out() -> None:
    assert rewrite(Reply("¿De cuánto es el bono de vacaciones?\n")) == ("¿De cuánto es el bono de vacaciones?", 1)


def test_model_is_not_asked_about_a_first_question() -> None:
    assert rewrite(Reply("otra cosa"), question=Question("¿Qué es?")) == ("¿Qué es?", 0)


@pytest.mark.parametrize(
    "reply",
    [Reply(kind="error"), Reply(""), Reply("¿?"), Reply("palabra " * 200), Reply("¿De cuánto", kind="cut")],
    ids=["error", "empty", "no-words", "too-long", "cut"],
)
def test_rule_stands_in_for_a_model_that_fails(reply: Reply) -> None:
    assert rewrite(reply)[0] == f"¿y cuánto es? {BONUS}"


def test_rule_stands_in_for_a_slow_model() -> None:
    began = time.monotonic()
    assert BONUS in rewrite(Reply(kind="hang"), timeout_seconds=0.5)[0]
    assert time.monotonic() - began < 5
