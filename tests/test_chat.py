"""The chat page as a person meets it, against a real small HTTP server in place of the API."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from stub_api import Reply, StubApi, answer_reply, event, make_answer, make_citation, problem_reply, serve_stub

from ui.conversation import SHOWN_EXCHANGES, Exchange
from ui.texts import TEXTS

PAGE = Path(__file__).resolve().parent.parent / "ui" / "chat.py"
SPANISH, ENGLISH = TEXTS["es"], TEXTS["en"]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubApi]:
    with serve_stub() as stub:
        monkeypatch.setenv("FARO_API_URL", stub.address)
        yield stub


def open_page(language: str | None = None) -> AppTest:
    page = AppTest.from_file(PAGE, default_timeout=30)
    if language:
        page.query_params["lang"] = language
    return checked(page.run())


def ask(page: AppTest, question: str) -> AppTest:
    return checked(page.chat_input[0].set_value(question).run())


def press(page: AppTest, label: str) -> AppTest:
    return checked(next(button for button in page.button if button.label == label).click().run())


def checked(page: AppTest) -> AppTest:
    assert not page.exception
    return page


def read(page: AppTest) -> str:
    """What can be read on the page in its HTML elements (its style and scripts left out)."""
    html = "\n".join(element.value for element in page.html)
    readable = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", "", readable)).replace("\u2060", "")


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


@pytest.mark.parametrize("language", ["es", "en"])
def test_the_first_view_says_what_this_is_in_the_language_of_the_url(api: StubApi, language: str) -> None:
    page = open_page(language)
    texts = TEXTS[language]
    assert texts.heading in read(page)
    assert texts.intro in read(page)
    assert "Faro · Manual de prueba" in read(page)
    assert page.chat_input[0].placeholder == texts.input_placeholder
    assert labels(page) == list(texts.starters[None])
    assert f'lang = "{language}"' in page.html[0].value


def test_without_a_language_the_page_is_spanish_and_the_url_says_so(api: StubApi) -> None:
    page = open_page()
    assert SPANISH.heading in read(page)
    assert page.query_params["lang"] in ("es", ["es"])


def test_the_language_can_be_switched_and_the_conversation_stays(api: StubApi) -> None:
    page = ask(open_page("es"), "¿Cuántos días?")
    checked(page.segmented_control(key="language").set_value("en").run())
    assert page.query_params["lang"] in ("en", ["en"])
    assert ENGLISH.new_conversation in labels(page)
    assert "updated 4 March 2024" in page.expander[0].label
    assert "¿Cuántos días?" in read(page)
    assert len(api.questions) == 1


def test_an_audience_has_its_own_starters_and_is_sent_along(api: StubApi) -> None:
    page = open_page()
    checked(page.pills(key="audience").set_value("candidate").run())
    assert labels(page) == list(SPANISH.starters["candidate"])
    press(page, SPANISH.starters["candidate"][1])
    ask(page, "¿Y después?")
    assert [question["audience"] for question in api.questions] == ["candidate", "candidate"]
    assert api.questions[0]["question"] == SPANISH.starters["candidate"][1]


def test_an_answer_comes_with_its_citations(api: StubApi) -> None:
    page = ask(open_page(), "¿Cuántos días?")
    assert "Cada persona tiene 23 días.[1]" in read(page)
    assert [message.name for message in page.chat_message] == [SPANISH.you, SPANISH.assistant]
    (citation,) = page.expander
    assert citation.label == r"**\[1\]** Vacaciones › Días al año :gray[:small[· actualizado el 4 de marzo de 2024]]"
    passage = citation.html[0].value
    assert "<mark>Cada persona tiene 23 días.</mark>" in passage
    assert "docs/vacaciones.md" in passage
    assert "línea 12" in passage
    assert "https://manual.example.org/vacaciones/#dias-al-ano:~:text=Cada%20persona" in passage


def test_consulted_sections_are_folded_away(api: StubApi) -> None:
    api.reply = answer_reply(make_answer(consulted=[make_citation(id=2, title="Otra", breadcrumb=["Otra"])]))
    page = ask(open_page(), "¿Cuántos días?")
    assert [box.label for box in page.expander][1] == "También se consultó (1)"
    assert not page.expander[1].proto.expanded
    assert "Otra" in page.expander[1].html[0].value


def test_a_follow_up_sends_what_was_said(api: StubApi) -> None:
    page = ask(ask(open_page(), "¿Cuántos días?"), "¿Y cómo los pido?")
    assert api.questions[0]["history"] == []
    assert api.questions[1]["history"] == [
        {"role": "user", "content": "¿Cuántos días?"},
        {"role": "assistant", "content": make_answer()["answer"]},
    ]
    assert len(page.chat_message) == 4


def test_a_new_conversation_starts_from_nothing(api: StubApi) -> None:
    page = press(ask(open_page(), "¿Cuántos días?"), SPANISH.new_conversation)
    assert SPANISH.heading in read(page)
    assert not page.chat_message
    ask(page, "¿Otra cosa?")
    assert api.questions[1]["history"] == []


def test_nothing_found_is_said_and_the_nearest_sections_are_linked(api: StubApi) -> None:
    text = "El manual no lo dice.\n\nLo más cercano que hay en el manual:\n\n- Vacaciones › Días al año"
    api.reply = answer_reply(make_answer(answer=text, status="not_found", citations=[], consulted=[make_citation()]))
    page = ask(open_page(), "¿Hay jirafas?")
    assert SPANISH.not_found_badge in page.markdown[0].value
    assert [box.label for box in page.expander] == [SPANISH.suggestions]
    assert any('<li><a href="https://manual.example.org/vacaciones/#dias-al-ano"' in html.value for html in page.html)


def test_small_talk_is_not_reported_as_missing_from_the_handbook(api: StubApi) -> None:
    api.reply = answer_reply(make_answer(answer="¡Hola!", status="not_found", citations=[]))
    page = ask(open_page(), "hola")
    assert "¡Hola!" in read(page)
    assert not page.markdown
    assert not page.expander


def test_an_unverified_answer_is_marked_and_its_notice_shown(api: StubApi) -> None:
    api.reply = answer_reply(make_answer(status="unverified", mode="generative", notice="Hay frases *sin* comprobar."))
    page = ask(open_page(), "¿Cuántos días?")
    assert SPANISH.unverified_badge in page.markdown[0].value
    assert "Hay frases *sin* comprobar." in read(page)
    assert SPANISH.generated in read(page)


def test_text_of_people_and_handbook_is_shown_as_it_is(api: StubApi) -> None:
    nasty = "de $130.000 a $260.000 ![x](http://a.example/x.png) <b>*no*</b> :red[y]"
    citation = make_citation(title=nasty, breadcrumb=[], context=nasty, quote=nasty)
    api.reply = answer_reply(make_answer(answer=f"{nasty} [1]", citations=[citation]))
    page = ask(open_page(), nasty)
    assert read(page).count(nasty) == 2
    assert r"de \$130\.000 a \$260\.000 \!\[x\]" in page.expander[0].label
    assert all("<b>" not in element.value and "<img" not in element.value for element in page.html)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(problem_reply(429, Retry_After="17"), "Espera 17 s", id="limit"),
        pytest.param(problem_reply(429), SPANISH.error_rate_limited_later, id="limit-without-a-time"),
        pytest.param(problem_reply(500), SPANISH.error_failed, id="failed"),
        pytest.param(problem_reply(503), SPANISH.error_unavailable, id="no-index"),
        pytest.param(Reply((event("delta", {"text": "El"}),)), SPANISH.error_interrupted, id="cut-off"),
    ],
)
def test_an_error_is_one_clear_sentence_and_the_question_can_be_asked_again(
    api: StubApi, reply: Reply, expected: str
) -> None:
    api.reply = reply
    page = ask(open_page(), "¿Cuántos días?")
    (error,) = page.error
    assert expected in error.value
    assert "internal words" not in error.value
    assert "¿Cuántos días?" in read(page)
    api.reply = answer_reply(make_answer())
    press(page, SPANISH.retry)
    assert [question["question"] for question in api.questions] == ["¿Cuántos días?"] * 2
    assert not page.error
    assert len(page.chat_message) == 2


@pytest.mark.parametrize(
    ("status", "expected"),
    [(413, SPANISH.error_too_long), (422, SPANISH.error_rejected)],
    ids=["too-large", "no-words"],
)
def test_a_question_that_cannot_be_taken_is_not_offered_again(api: StubApi, status: int, expected: str) -> None:
    api.reply = problem_reply(status)
    page = ask(open_page(), "?")
    assert [warning.value for warning in page.warning] == [expected]
    assert not page.error
    assert SPANISH.retry not in labels(page)


def test_a_service_that_is_down_is_said_at_once_and_does_not_break_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_stub() as stub:
        monkeypatch.setenv("FARO_API_URL", stub.address)
    page = open_page("en")
    assert [warning.value for warning in page.warning] == [ENGLISH.error_unreachable]
    ask(page, "Who?")
    assert [error.value for error in page.error] == [ENGLISH.error_unreachable]
    with serve_stub(int(stub.address.rsplit(":", 1)[1])):
        press(page, ENGLISH.retry)
    assert not page.error
    assert "23 días" in read(page)


def test_an_answer_that_was_stopped_can_be_asked_for_again(api: StubApi) -> None:
    page = open_page()
    page.session_state["exchanges"] = [Exchange("¿Cuántos días?")]
    checked(page.run())
    assert SPANISH.stopped in read(page)
    press(page, SPANISH.retry)
    assert "23 días" in read(page)


def test_only_the_newest_exchanges_are_drawn(api: StubApi) -> None:
    page = open_page()
    page.session_state["exchanges"] = [Exchange(f"pregunta {number}") for number in range(SHOWN_EXCHANGES + 5)]
    checked(page.run())
    assert len(page.chat_message) == 2 * SHOWN_EXCHANGES
    assert "pregunta 4\n" not in read(page)
    assert SPANISH.older_hidden.format(count=SHOWN_EXCHANGES) in read(page)


def test_the_longest_question_is_the_one_the_service_takes(api: StubApi) -> None:
    assert open_page().chat_input[0].proto.max_chars == 2000


def test_the_page_s_configuration_keeps_it_private_and_quiet() -> None:
    configuration = tomllib.loads((PAGE.parent / ".streamlit" / "config.toml").read_text("utf-8"))
    assert configuration["browser"] == {"gatherUsageStats": False}
    assert configuration["server"]["address"] == "127.0.0.1"
    assert configuration["server"]["headless"]
    assert configuration["client"]["showErrorDetails"] == "none"
    assert set(configuration["theme"]["light"]) == set(configuration["theme"]["dark"])


def test_the_page_loads_no_model_and_none_of_the_service() -> None:
    source = "\n".join(path.read_text("utf-8") for path in PAGE.parent.glob("*.py"))
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", source, re.MULTILINE))
    assert not imported & {"rag", "ingest", "chromadb", "onnxruntime", "langchain", "langchain_core"}
    assert set(re.findall(r"^from (api[.\w]*)", source, re.MULTILINE)) == {"api.schema"}
