"""Generated answers are checked sentence by sentence, and any failure of the model ends in quotes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from chain_fakes import answered, end_of, make_chunk, nothing_found, start_of, text_of
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from openai_stub import OpenAIStub, Reply, openai_stub

from rag.chat_model import make_chat_model, stream_text
from rag.errors import ChatModelError
from rag.events import Cited, Delta, Part, Task
from rag.extractive import Selection
from rag.frames import FRAMES
from rag.generative import REPLY_CHARACTERS, GenerativeAnswerer
from rag.language import detect_language
from rag.markers import Marker, SentenceStream
from rag.quoting import ExtractiveAnswerer
from rag.types import Language, Question

BONUS = make_chunk(
    "El bono de vacaciones es de **$300.000** por año.\nSe paga el 15 de enero.\n"
    "Se pide en [el portal](https://portal.example/bono) o a bonos@empresa.example."
)
LEAVE = make_chunk("La licencia dura tres semanas.", section="Licencia", path="licencia.md")
GOOD = "El bono de vacaciones es de $300.000 al año [S1]. Se paga el 15 de enero [S2]."
SECRET = "sk-very-secret"


def task(language: Language = "es", selection: Selection | None = None, text: str = "¿De cuánto es el bono?") -> Task:
    return Task(Question(text, audience="employee"), language, selection or answered(BONUS, LEAVE))


def answerer(model: BaseChatModel, timeout_seconds: float = 10.0) -> GenerativeAnswerer:
    return GenerativeAnswerer(
        model, timeout_seconds=timeout_seconds, detect_language=detect_language, fallback=ExtractiveAnswerer()
    )


def model_at(stub: OpenAIStub, timeout_seconds: float = 10.0) -> BaseChatModel:
    return make_chat_model("stub", base_url=stub.base_url, api_key=SECRET, timeout_seconds=timeout_seconds)


def run(*replies: Reply, given_task: Task | None = None, timeout_seconds: float = 10.0) -> list[Part]:
    with openai_stub(*replies) as stub:
        return list(answerer(model_at(stub, timeout_seconds), timeout_seconds).answer(given_task or task()))


def said(text: str, **more: object) -> list[Part]:
    return run(Reply(text), **more)  # type: ignore[arg-type]


def citations(parts: Sequence[Part]) -> list[tuple[int, str]]:
    return [(part.citation.id, part.citation.quote) for part in parts if isinstance(part, Cited)]


# --- what a good reply becomes


def test_ids_become_numbers_in_order_of_first_use() -> None:
    parts = said("Se paga el 15 de enero [S2]. El bono de vacaciones es de $300.000 [S1]. Eso es en enero [S2].")
    assert text_of(parts) == (
        "Se paga el 15 de enero [1]. El bono de vacaciones es de $300.000 [2]. Eso es en enero [1]."
    )
    assert citations(parts) == [(1, BONUS.units[1].source), (2, BONUS.units[0].source)]
    assert (start_of(parts).mode, end_of(parts).status, end_of(parts).notice) == ("generative", "answered", None)


def test_each_citation_precedes_the_text_that_uses_it() -> None:
    seen = 0
    for part in said(GOOD):
        if isinstance(part, Cited):
            seen = part.citation.id
        if isinstance(part, Delta):
            assert all(int(digit) <= seen for digit in "12" if f"[{digit}]" in part.text)
    assert seen == 2


def test_neighbours_cited_together_are_one_citation() -> None:
    parts = said("El bono es de $300.000 y se paga el 15 de enero [S1][S2].")
    assert text_of(parts).endswith("enero [1].")
    assert citations(parts) == [(1, "El bono de vacaciones es de **$300.000** por año.\nSe paga el 15 de enero.")]


def test_order_of_the_passages_does_not_change_what_is_cited() -> None:
    forward = said("La licencia dura tres semanas según el manual [S4].")
    backward = said(
        "La licencia dura tres semanas según el manual [S1].", given_task=task(selection=answered(LEAVE, BONUS))
    )
    assert citations(forward) == citations(backward) == [(1, "La licencia dura tres semanas.")]


def test_consulted_are_the_passages_the_model_did_not_cite() -> None:
    assert [citation.path for citation in end_of(said(GOOD)).consulted] == ["licencia.md"]


def test_english_answer_may_give_spanish_figures_in_the_english_way() -> None:
    reply = "The holiday bonus is $300,000 a year [S1]. It is paid on January 15 [S2]. The leave takes 3 weeks [S4]."
    parts = said(reply, given_task=task("en"))
    assert end_of(parts).status == "answered"


@pytest.mark.parametrize(
    "marker",
    [
        "[S1]",
        "[s1]",
        "[ S1 ]",
        "(S1)",
        "[[S1]]",
        "**[S1]**",
        "[S1](#S1)",
        "【S1】",
        "[Fuente: S1]",
        "S1",
        "[S1][S1]",
        "[S1] [S1]",
    ],
)
def test_markers_are_read_leniently(marker: str) -> None:
    parts = said(f"El bono de vacaciones es de $300.000 al año {marker}.")
    assert "[1]" in text_of(parts)
    assert text_of(parts).count("[1]") == 1
    assert "S1" not in text_of(parts)
    assert end_of(parts).status == "answered"


@pytest.mark.parametrize(
    "marker", ["[S1, S4]", "[S1; S4]", "[S1 y S4]", "[S1, 4]", "[S1] y [S4]", "(S1 and S4)", "S1, S4"]
)
def test_several_ids_in_one_marker_are_all_cited(marker: str) -> None:
    assert len(citations(said(f"El bono de vacaciones es de $300.000 al año {marker}."))) == 2


def test_range_of_ids_is_one_citation_of_neighbours() -> None:
    assert citations(said("El bono es de $300.000 y se paga el 15 de enero [S1-S2]."))[0][1].count("\n") == 1


@pytest.mark.parametrize("foreign", ["[S99]", "[7]", "[^2]", "[S0]"])
def test_ids_nobody_gave_are_removed(foreign: str) -> None:
    parts = said(f"El bono de vacaciones es de $300.000 al año [S1] {foreign}.")
    assert text_of(parts) == "El bono de vacaciones es de $300.000 al año [1]."


def test_word_like_an_id_survives_where_the_handbook_uses_such_words() -> None:
    cloud = make_chunk("Los respaldos van a S3 cada noche.")
    parts = said("Los respaldos van a S3 cada noche [S1].", given_task=task(selection=answered(cloud)))
    assert text_of(parts) == "Los respaldos van a S3 cada noche [1]."


def test_list_of_sources_at_the_end_is_dropped() -> None:
    assert text_of(said(GOOD + "\n\nFuentes:\n[S1], [S2]")).endswith("15 de enero [2].")


def test_lead_in_belongs_to_the_list_after_it() -> None:
    parts = said("Sobre el bono de vacaciones del manual:\n\n- Es de $300.000 [S1]\n- Se paga el 15 de enero [S2]")
    assert (
        text_of(parts)
        == "Sobre el bono de vacaciones del manual:\n\n- Es de $300.000 [1]\n- Se paga el 15 de enero [2]"
    )
    assert end_of(parts).status == "answered"


def test_thinking_is_not_shown() -> None:
    assert text_of(said(f"<think>\nVeamos [S1]. Hmm.\n</think>\n\n{GOOD}")).startswith("El bono")


def test_sentence_copied_without_an_id_gets_that_of_its_unit() -> None:
    parts = said("El bono de vacaciones es de $300.000 por año. Se paga el 15 de enero [S2].")
    assert text_of(parts) == "El bono de vacaciones es de $300.000 por año. [1] Se paga el 15 de enero [2]."
    assert citations(parts)[0] == (1, BONUS.units[0].source)
    assert end_of(parts).status == "answered"


# --- what does not pass


@pytest.mark.parametrize(
    "sentence",
    [
        "El bono de vacaciones es de $350.000 al año [S1].",
        "El bono de vacaciones es del 30% del sueldo [S1].",
        "El bono de vacaciones se paga el 15 de marzo [S2].",
        "El bono de vacaciones se paga cada viernes por la tarde [S2].",
        "El bono de vacaciones se paga en veinte días corridos [S2].",
        "Para el bono de vacaciones hay que escribir a otra@empresa.example [S3].",
        "El bono de vacaciones es generoso y lo reciben todos.",
        "El bono de vacaciones es generoso y lo reciben todos [S99].",
        "El bono de vacaciones se paga el 15 de enero [S1].",
        "El bono de vacaciones no es de $300.000 por año.",
    ],
    ids=[
        "amount",
        "percent",
        "month",
        "weekday",
        "words",
        "email",
        "no-citation",
        "unknown-id",
        "wrong-citation",
        "denial",
    ],
)
def test_sentence_its_citation_does_not_prove_is_marked(sentence: str) -> None:
    parts = said(f"{GOOD} {sentence}")
    assert end_of(parts).status == "unverified"
    assert end_of(parts).notice == FRAMES["es"]["notice_unverified"]
    assert text_of(parts).count(FRAMES["es"]["unverified_mark"]) == 1
    assert text_of(parts).endswith(FRAMES["es"]["unverified_mark"])


@pytest.mark.parametrize(
    "link",
    [
        "[aquí](https://evil.example/x)",
        "https://evil.example/x",
        "<https://evil.example/x>",
        "![i](https://evil.example/x)",
    ],
)
def test_address_no_source_holds_is_removed(link: str) -> None:
    parts = said(f"El bono de vacaciones se pide por escrito en {link} [S3].")
    assert "evil" not in text_of(parts)
    assert end_of(parts).status == "unverified"


def test_address_of_the_cited_source_stays() -> None:
    parts = said("El bono de vacaciones se pide en https://portal.example/bono [S3].")
    assert "https://portal.example/bono [1]" in text_of(parts)
    assert end_of(parts).status == "answered"


# --- when the model has no answer, or is not asked


@pytest.mark.parametrize("reply", ["NO_EN_MANUAL", "**NO_EN_MANUAL**.", "Lo siento. NO_EN_MANUAL", "NOT_IN_HANDBOOK"])
def test_refusal_of_the_model_is_not_found_with_the_nearest_sections(reply: str) -> None:
    parts = said(reply)
    assert (end_of(parts).status, start_of(parts).mode) == ("not_found", "generative")
    assert "Vacaciones › Bono" in text_of(parts)
    assert len(end_of(parts).consulted) == 2
    assert "NO_EN" not in text_of(parts)


def test_model_is_not_asked_when_nothing_was_found() -> None:
    with openai_stub(Reply(GOOD)) as stub:
        parts = list(answerer(model_at(stub)).answer(task(selection=nothing_found(BONUS))))
        assert stub.requests == []
    assert end_of(parts).status == "not_found"


# --- failures


def expect_quotes(parts: Sequence[Part], language: Language = "es") -> None:
    assert start_of(parts).mode == "extractive"
    assert end_of(parts).notice == FRAMES[language]["notice_model"]
    assert "$300.000" in text_of(parts)
    assert SECRET not in text_of(parts) + str(end_of(parts).notice)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(kind="error", status=500),
        Reply(kind="error", status=429),
        Reply(kind="error", status=401),
        Reply(""),
        Reply("   \n "),
        Reply("El bono de vaca", kind="cut"),
        Reply("El bono de vaca", kind="vanish"),
        Reply("El bono de vacaciones es de $3", kind="length"),
        Reply("Fuentes: fuentes, fuentes, fuentes, fuentes, fuentes [S1].\nEl bono", kind="cut"),
    ],
    ids=["500", "429", "401", "empty", "blank", "cut", "vanish", "length", "sources-only"],
)
def test_failure_before_the_first_sentence_falls_back_to_quotes(reply: Reply) -> None:
    expect_quotes(run(reply))


def test_server_that_is_not_there_falls_back_to_quotes() -> None:
    model = make_chat_model("stub", base_url="http://127.0.0.1:9/v1", timeout_seconds=5)
    expect_quotes(list(answerer(model).answer(task())))


@pytest.mark.parametrize(
    "reply", [Reply(kind="hang"), Reply(GOOD, kind="drip", piece=1, pause_seconds=0.3)], ids=["hang", "drip"]
)
def test_slow_model_is_left_at_the_deadline(reply: Reply) -> None:
    began = time.monotonic()
    expect_quotes(run(reply, timeout_seconds=1.0))
    assert time.monotonic() - began < 6


def test_deadline_that_has_passed_is_a_late_model() -> None:
    with openai_stub(Reply(GOOD)) as stub, pytest.raises(ChatModelError, match="too long"):
        list(stream_text(model_at(stub), [HumanMessage("x")], deadline=time.monotonic() - 1))


@pytest.mark.parametrize("kind", ["cut", "vanish", "length"])
def test_reply_that_breaks_off_keeps_its_whole_sentences_and_says_so(kind: str) -> None:
    parts = run(Reply(GOOD + " Además se pide en el por", kind=kind))  # type: ignore[arg-type]
    assert text_of(parts) == (
        "El bono de vacaciones es de $300.000 al año [1]. Se paga el 15 de enero [2].\n\n" + FRAMES["es"]["interrupted"]
    )
    assert (start_of(parts).mode, end_of(parts).status) == ("generative", "answered")
    assert end_of(parts).notice == FRAMES["es"]["notice_interrupted"]


def test_slow_stream_that_began_ends_cleanly_at_the_deadline() -> None:
    parts = run(Reply(GOOD, kind="drip", piece=10, pause_seconds=0.25), timeout_seconds=1.9)
    assert text_of(parts).endswith(FRAMES["es"]["interrupted"])
    assert "$300.000 al año [1]." in text_of(parts)


def test_wrong_language_is_asked_for_again_with_insistence() -> None:
    english = Reply("The holiday bonus is three hundred thousand pesos every year [S1].")
    with openai_stub(english, Reply(GOOD)) as stub:
        parts = list(answerer(model_at(stub)).answer(task()))
        assert "no estaba en español" in stub.prompt()
        assert len(stub.requests) == 2
    assert text_of(parts).startswith("El bono")


def test_wrong_language_twice_falls_back_to_quotes() -> None:
    expect_quotes(said("The holiday bonus is three hundred thousand pesos every year [S1]."))


def test_model_gets_no_retries_behind_our_back() -> None:
    with openai_stub(Reply(kind="error", status=429)) as stub:
        list(answerer(model_at(stub)).answer(task()))
        assert len(stub.requests) == 1


# --- streaming


def test_first_sentence_leaves_before_the_reply_is_complete() -> None:
    with openai_stub(Reply(GOOD, kind="drip", piece=8, pause_seconds=0.2)) as stub:
        began = time.monotonic()
        arrivals = [
            time.monotonic() - began for part in answerer(model_at(stub)).answer(task()) if isinstance(part, Delta)
        ]
    assert len(arrivals) == 2
    assert arrivals[1] - arrivals[0] > 0.2


def test_consumer_that_leaves_stops_the_reading() -> None:
    with openai_stub(Reply(GOOD * 20, kind="drip", piece=30, pause_seconds=0.05)) as stub:
        parts = answerer(model_at(stub)).answer(task())
        assert isinstance(parts, Iterator)
        next(parts)
        parts.close()  # type: ignore[attr-defined]


REPLIES = [
    GOOD,
    "Sí. El bono es de $300.000 [S1], y se paga el 15 de enero.[S2] Se pide aquí (S3)\n\n1. Uno [S1, S2]\n2. Dos [S4]",
    "Según el Sr. Soto, p. ej. S1 vale. S2 también vale! ¿Y S3? Sí [S1](#a) **[S2]** 【S3】 fin",
    "Los pasos son:\n\n- Pedir [S1]\n- Esperar [S9]\n\n**Nota**\nAlgo [3] más. [S1]\n\nFuentes: [S1][S2]",
]


def pieces_of(text: str, cuts: Sequence[int]) -> list[str]:
    edges = [0, *sorted(set(cuts)), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def sentences_of(pieces: Sequence[str], *, bare_ids: bool) -> list[str]:
    reader = SentenceStream(bare_ids=bare_ids)
    return [sentence for piece in pieces for sentence in reader.feed(piece)] + [reader.close()]


@pytest.mark.parametrize("bare_ids", [True, False], ids=["bare", "fenced"])
@pytest.mark.parametrize("text", REPLIES, ids=range(len(REPLIES)))
def test_sentences_do_not_depend_on_where_the_text_was_cut_in_two(text: str, bare_ids: bool) -> None:
    whole = sentences_of([text], bare_ids=bare_ids)
    assert len(whole) > 1
    assert "".join(whole) == text
    for cut in range(len(text)):
        assert sentences_of([text[:cut], text[cut:]], bare_ids=bare_ids) == whole
    assert sentences_of(list(text), bare_ids=bare_ids) == whole


@given(
    text=st.lists(
        st.sampled_from(
            ["[", "]", "(", ")", "S", "1", "23", ". ", " ", "\n", ":", "-", "Hola", "y", ",", "*", "#", "["]
        ),
        max_size=40,
    ).map("".join),
    cuts=st.lists(st.integers(0, 80), max_size=6),
)
def test_sentences_of_any_text_do_not_depend_on_the_cuts(text: str, cuts: list[int]) -> None:
    inside = [cut for cut in cuts if cut <= len(text)]
    for bare_ids in (True, False):
        assert sentences_of(pieces_of(text, inside), bare_ids=bare_ids) == sentences_of([text], bare_ids=bare_ids)


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
def test_answer_does_not_depend_on_the_size_of_the_pieces(piece: int) -> None:
    assert text_of(run(Reply(REPLIES[1], piece=piece))) == text_of(run(Reply(REPLIES[1], piece=11)))


def test_every_marker_of_a_sentence_is_read_once() -> None:
    reader = SentenceStream(bare_ids=False)
    assert [part for part in reader.parse("A [S1] b [S2, S3].") if isinstance(part, Marker)] == [
        Marker((1,)),
        Marker((2, 3)),
    ]


# --- making models


def test_unknown_provider_is_refused_with_what_to_do_and_without_the_key() -> None:
    with pytest.raises(ChatModelError, match="FARO_CHAT_MODEL=nonsense:x") as caught:
        make_chat_model("nonsense:x", api_key=SECRET)
    assert SECRET not in str(caught.value)


def test_missing_package_names_the_extra() -> None:
    with pytest.raises(ChatModelError, match="package is missing"):
        make_chat_model("groq:llama", api_key=SECRET)


def test_local_server_needs_no_key_and_keeps_colons_in_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with openai_stub(Reply(GOOD)) as stub:
        model = make_chat_model("llama3:8b", base_url=stub.base_url)
        list(answerer(model).answer(task()))
        assert stub.requests[0]["model"] == "llama3:8b"


@pytest.mark.parametrize("name", ["ollama:qwen3:4b", "anthropic:claude-x", "openai:gpt-x"])
def test_providers_take_their_options(name: str) -> None:
    assert make_chat_model(name, api_key=SECRET, base_url="http://127.0.0.1:9")


# --- replies that would take for ever


ENDLESS = {
    "no sentence": "palabra " * 9000,
    "capitals": "Palabra " * 9000,
    "blanks": f"La misión{' ' * 60_000}es",
    "dots": "." * 60_000,
    "links": "[a](" * 9000,
    "brackets": "[" * 40_000,
    "identifiers": "[S1]" * 12_000,
    "addresses": "a.b" * 20_000,
    "quotes": "«“" * 20_000,
}


@pytest.mark.parametrize("piece", [7, 1_000_000], ids=["streamed", "at once"])
@pytest.mark.parametrize("reply", ENDLESS.values(), ids=ENDLESS.keys())
def test_a_reply_without_an_end_is_given_up_at_once(reply: str, piece: int) -> None:
    started = time.monotonic()
    parts = run(Reply(reply, piece=piece), timeout_seconds=60)
    assert time.monotonic() - started < 10  # a fraction of a second on an idle machine
    assert (start_of(parts).mode, end_of(parts).notice) == ("extractive", FRAMES["es"]["notice_model"])


def test_a_reply_that_goes_on_and_on_is_cut() -> None:
    parts = said("El bono de vacaciones es de $300.000 al año [S1]. " * 2000)
    assert len(text_of(parts)) < 2 * REPLY_CHARACTERS
    assert text_of(parts).endswith(FRAMES["es"]["interrupted"])


@pytest.mark.parametrize(
    "sentence",
    ["[a](" * 700, "[a](b " * 450, f"a{' ' * 2900}b", "a.b" * 950, "(" * 2900],
    ids=["links", "open links", "blanks", "addresses", "brackets"],
)
def test_a_sentence_full_of_markup_is_checked_in_no_time(sentence: str) -> None:
    started = time.monotonic()
    parts = said(f"{sentence} es lo que dice el manual de la empresa [S1].")
    assert time.monotonic() - started < 5  # some hundredths of a second on an idle machine
    assert start_of(parts).mode == "generative"


@pytest.mark.parametrize("name", ["openai:", "ollama: ", ":"])
def test_a_chat_model_without_a_name_is_refused_at_once(name: str) -> None:
    with pytest.raises(ChatModelError, match="names no model"):
        make_chat_model(name)
