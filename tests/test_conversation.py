"""Follow-ups carry their subject; new topics stay clean; small talk is no question."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from chain_fakes import make_chunk
from openai_stub import Reply, openai_stub

from rag.chat_model import make_chat_model
from rag.conversation import (
    HISTORY_TURNS,
    OWN_WEIGHT,
    OWN_WEIGHT_WITH_NOUN,
    Lookup,
    ModelRewriter,
    blend,
    is_elliptic,
    look_up,
    recent_turns,
    small_talk,
)
from rag.quoting import section_frame
from rag.types import LANGUAGES, Hit, Language, Question, Turn

BONUS = "¿Qué es el bono de vacaciones?"


def after(*turns: str, text: str) -> Question:
    roles = ("user", "assistant")
    return Question(text, history=tuple(Turn(roles[place % 2], turn) for place, turn in enumerate(turns)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "¿y cuánto es?", "¿Y el de Senior?", "sí", "ok", "¿Cuánto demora?", "¿y cómo se pide?", "¿cómo pedirlo?",
        "¿Quién lo aprueba?", "¿Y para mi familia?", "¿Y eso dónde está?", "¿cuándo pagan?", "¿Por qué?",
        "cuéntame más", "How many of them per year?", "Why is that?", "tell me more",
        "and how do I ask for it?", "How much is it?", "yes", "what about seniors?", "Who approves it?", "when?",
        "How long does it usually take?", "And for my family?", "¿cuáles son sus roles?", "¿tiene costo?",
        "¿es gratis?", "is it free?", "¿tiene un costo para el empleado?", "what are their roles?",
    ],
)  # fmt: skip
def test_elliptic_question_takes_its_subject_along(text: str) -> None:
    question = after(BONUS, "Es un pago.", text=text)
    assert BONUS in look_up(question, "es").text


@pytest.mark.parametrize(
    "text",
    [
        "¿Qué es el seguro complementario?", "¿Cuántos días de licencia tengo por matrimonio?", "vacaciones",
        "¿Cómo funciona el proceso de selección?", "¿Dónde está la oficina?", "¿Quién es el gerente?", "teletrabajo",
        "¿Cuáles son los valores de la empresa?", "¿y el proceso de selección cómo funciona?",
        "Is there a gym?", "charlas técnicas",
        "¿Es obligatoria la mentoría?", "¿Tiene Faro gimnasio?", "¿Es posible teletrabajar?",
        "¿Los QA tienen su propio plan?", "Is it possible to work remotely?",
        "¿Qué ese programa de mentoría incluye para cada nueva persona?",
        "What is the mission of the company?", "How do I request a certification refund?", "Where is the office?",
        "Is it possible to work remotely from another country for a month?", "benefits", "What are the company values?",
    ],
)  # fmt: skip
def test_question_with_a_subject_of_its_own_stands_alone(text: str) -> None:
    assert look_up(after(BONUS, "Es un pago.", text=text), "es") == Lookup(text)


def test_first_question_stands_alone_even_if_it_is_short() -> None:
    assert look_up(Question("¿y cuánto es?"), "es") == Lookup("¿y cuánto es?")


def test_chain_of_follow_ups_reaches_back_to_the_question_that_names_the_subject() -> None:
    lookup = look_up(after("¿Qué es la misión?", "…", BONUS, "…", "¿y cuánto es?", "…", text="¿y cuándo pagan?"), "es")
    assert BONUS in lookup.text
    assert "misión" not in lookup.text


def test_question_itself_comes_first() -> None:
    assert look_up(after(BONUS, "…", text="¿y cuándo pagan?"), "es").text.startswith("¿y cuándo pagan?")


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("¿y cuánto es?", None),
        ("sí", None),
        ("¿y cuándo pagan?", OWN_WEIGHT),
        ("¿y las licencias?", OWN_WEIGHT_WITH_NOUN),
    ],
    ids=["no-words", "yes", "verb", "noun"],
)
def test_follow_up_with_words_of_its_own_is_searched_for_by_itself_too(text: str, weight: float | None) -> None:
    lookup = look_up(after(BONUS, "…", text=text), "es")
    assert (lookup.own_text, lookup.own_weight) == ((text, weight) if weight else (None, 0.0))


def test_blend_prefers_what_both_searches_found_and_keeps_scores_in_bounds() -> None:
    one, two, three = (Hit(make_chunk("Texto.", section=name), 0.6, unit_scores=(0.5,)) for name in ("a", "b", "c"))
    blended = blend([one, two], [replace(three, score=0.8), replace(two, score=0.5)], 0.4, 2)
    assert [hit.chunk.breadcrumb[-1] for hit in blended] == ["b", "a"]
    assert blended[0].score == pytest.approx(0.6 * 0.6 + 0.4 * 0.5)
    assert blended[0].unit_scores == pytest.approx((0.5,))


def test_blend_lets_a_new_topic_win() -> None:
    old, new = (Hit(make_chunk("Texto.", section=name), score) for name, score in (("old", 0.5), ("new", 0.45)))
    blended = blend([old, new], [replace(new, score=0.7), replace(old, score=0.1)], OWN_WEIGHT_WITH_NOUN, 5)
    assert [hit.chunk.breadcrumb[-1] for hit in blended] == ["new", "old"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_bare_reply_takes_the_section_that_was_cited_last(language: Language) -> None:
    answer = section_frame(make_chunk("Texto."), language, first=True) + "\n\nTexto. [1]"
    assert "Vacaciones Bono" in look_up(after("¿Y lo otro?", answer, text="sí"), "es").text


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
        ("muchas gracias", ("es", "thanks")), ("ok, gracias", ("es", "thanks")),
        ("Gracias, hasta luego", ("es", "thanks")),
        ("chao", ("es", "goodbye")), ("hello there", ("en", "greeting")), ("Good morning", ("en", "greeting")),
        ("thank you so much!", ("en", "thanks")), ("bye", ("en", "goodbye")),
        ("gracias, muy útil", ("es", "thanks")), ("thanks, very helpful", ("en", "thanks")),
        ("gracias, clarísimo", ("es", "thanks")), ("ok", ("es", "agreed")), ("genial", ("es", "agreed")),
        ("perfect", ("en", "agreed")), ("no entendí", ("es", "unclear")), ("I don't understand", ("en", "unclear")),
    ],
)  # fmt: skip
def test_small_talk_is_recognised(text: str, expected: tuple[Language, str]) -> None:
    assert small_talk(text) == expected


@pytest.mark.parametrize(
    "text",
    ["hola, ¿qué es el bono?", "gracias por explicar el seguro", "¿cómo?", "sí", "", "¿ok?",
     "hola, ¿cuál es la misión?", "gracias, ¿y los beneficios?", "gracias y los beneficios", "hola vacaciones",
     "no entiendo el seguro", "great benefits", "hello, how is pay reviewed?", "¿Qué día?", "how are you paid", "todo"],
)  # fmt: skip
def test_questions_are_not_small_talk(text: str) -> None:
    assert small_talk(text) is None


def test_small_talk_of_both_languages_is_answered_in_the_likely_one() -> None:
    assert [small_talk("ok", language) for language in LANGUAGES] == [(language, "agreed") for language in LANGUAGES]


def test_follow_up_after_small_talk_leans_on_the_question_before_it() -> None:
    assert BONUS in look_up(after(BONUS, "…", "gracias, muy útil", "…", text="¿y cuánto es?"), "es").text


# --- with a chat model


def rewrite(*replies: Reply, question: Question | None = None, timeout_seconds: float = 5.0) -> tuple[str, int]:
    with openai_stub(*replies) as stub:
        model = make_chat_model("stub", base_url=stub.base_url, timeout_seconds=timeout_seconds)
        asked = question or after(BONUS, "Es un pago.", text="¿y cuánto es?")
        return ModelRewriter(model, timeout_seconds=timeout_seconds)(asked, "es").text, len(stub.requests)


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
    assert BONUS in rewrite(Reply(kind="hang"), timeout_seconds=2)[0]
    assert time.monotonic() - began < 5
