"""The page's HTTP client against a real small server: streams, and every way in which they fail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from stub_api import Reply, StubApi, answer_reply, event, make_answer, problem_reply, serve_stub

from api.schema import AskRequest, AskResponse, DeltaEvent
from ui.client import ApiError, Client, parse_retry_after
from ui.conversation import HISTORY_EXCHANGES, HISTORY_TURN_CHARS, Exchange, build_request

QUESTION = AskRequest.model_validate({"question": "¿Cuántos días?", "audience": "employee"})


@pytest.fixture
def api() -> Iterator[StubApi]:
    with serve_stub() as stub:
        yield stub


@pytest.fixture
def client(api: StubApi) -> Iterator[Client]:
    with Client(api.address) as opened:
        yield opened


def test_the_answer_comes_in_pieces_and_then_whole(client: Client) -> None:
    *pieces, whole = client.ask(QUESTION)
    assert isinstance(whole, AskResponse)
    assert "".join(piece.text for piece in pieces if isinstance(piece, DeltaEvent)) == whole.answer
    assert whole.citations[0].path == "docs/vacaciones.md"


def test_the_question_travels_as_it_was_put(api: StubApi, client: Client) -> None:
    list(client.ask(QUESTION))
    assert api.questions == [{"question": "¿Cuántos días?", "language": "auto", "history": [], "audience": "employee"}]


def test_the_handbook_is_described(client: Client) -> None:
    assert client.handbook().title == "Manual de prueba"


def test_an_answer_without_its_optional_fields_is_taken(api: StubApi, client: Client) -> None:
    answer = make_answer()
    for name in ("notice", "timings_ms"):
        del answer[name]
    for name in ("updated", "draft", "wip"):
        del answer["citations"][0][name]
    api.reply = answer_reply(answer)
    *_, whole = client.ask(QUESTION)
    assert isinstance(whole, AskResponse)
    assert whole.notice is None


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        pytest.param(problem_reply(400), "rejected", id="400"),
        pytest.param(problem_reply(404), "failed", id="404"),
        pytest.param(problem_reply(413), "too_long", id="413"),
        pytest.param(problem_reply(422), "rejected", id="422"),
        pytest.param(problem_reply(429), "rate_limited", id="429"),
        pytest.param(problem_reply(500), "failed", id="500"),
        pytest.param(problem_reply(502), "failed", id="502"),
        pytest.param(problem_reply(503), "unavailable", id="503"),
        pytest.param(problem_reply(504), "timeout", id="504"),
        pytest.param(Reply((b"<html>hello</html>",), media_type="text/html"), "interrupted", id="another-server"),
        pytest.param(Reply(()), "interrupted", id="nothing"),
        pytest.param(Reply((event("delta", {"text": "El"}),)), "interrupted", id="cut-off"),
        pytest.param(Reply((b"event: done\ndata: {\n\n",)), "failed", id="no-json"),
        pytest.param(Reply((event("done", {"answer": "x"}),)), "failed", id="no-answer"),
        pytest.param(Reply((event("error", {"status": 502}),)), "failed", id="error-event"),
        pytest.param(Reply((event("error", {"status": 503, "detail": "x"}),)), "unavailable", id="index-gone"),
        pytest.param(Reply((event("error", []),)), "failed", id="odd-error-event"),
    ],
)
def test_what_goes_wrong_has_a_kind(api: StubApi, client: Client, reply: Reply, kind: str) -> None:
    api.reply = reply
    with pytest.raises(ApiError) as raised:
        list(client.ask(QUESTION))
    assert raised.value.kind == kind


def test_a_limit_says_how_long_to_wait(api: StubApi, client: Client) -> None:
    api.reply = problem_reply(429, Retry_After="17")
    with pytest.raises(ApiError) as raised:
        list(client.ask(QUESTION))
    assert raised.value.retry_after_seconds == 17


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "localhost:1", "file:///etc/passwd", ""])
def test_a_service_that_is_not_there_is_unreachable(address: str) -> None:
    with Client(address) as client, pytest.raises(ApiError) as raised:
        client.handbook()
    assert raised.value.kind == "unreachable"


def test_a_new_request_works_after_the_service_came_back() -> None:
    with serve_stub() as first:
        client = Client(first.address)
        list(client.ask(QUESTION))
    port = int(first.address.rsplit(":", 1)[1])
    with pytest.raises(ApiError):
        list(client.ask(QUESTION))
    with serve_stub(port), client:
        *_, whole = client.ask(QUESTION)
    assert isinstance(whole, AskResponse)


def test_the_visitor_is_named_to_the_api_so_that_each_has_a_limit_of_their_own(api: StubApi, client: Client) -> None:
    list(client.ask(QUESTION, visitor="203.0.113.7"))
    list(client.ask(QUESTION))
    assert [headers.get("X-Forwarded-For") for headers in api.headers] == ["203.0.113.7", None]


def test_a_missing_index_is_told_apart(api: StubApi, client: Client) -> None:
    api.handbook = None
    with pytest.raises(ApiError) as raised:
        client.handbook()
    assert raised.value.kind == "unavailable"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param("30", 30, id="seconds"),
        pytest.param(" 0 ", 0, id="zero"),
        pytest.param("Fri, 01 Mar 2024 00:01:00 GMT", 60, id="date"),
        pytest.param("Thu, 29 Feb 2024 00:00:00 GMT", 0, id="past"),
        pytest.param("soon", None, id="nonsense"),
        pytest.param("-5", None, id="negative"),
        pytest.param("٣", None, id="other-figures"),
    ],
)
def test_retry_after(value: str | None, expected: int | None) -> None:
    assert parse_retry_after(value, datetime(2024, 3, 1, tzinfo=UTC)) == expected


def exchange(number: int, **changes: Any) -> Exchange:
    answer = AskResponse.model_validate(make_answer(answer=f"respuesta {number}"))
    return Exchange(f"pregunta {number}", **({"answer": answer} | changes))


def test_only_the_newest_answered_exchanges_go_along() -> None:
    exchanges = [*map(exchange, range(5)), exchange(5, answer=None, error=ApiError("failed")), exchange(6, answer=None)]
    history = build_request("¿y eso?", exchanges, None).history
    first = 5 - HISTORY_EXCHANGES
    assert [turn.content for turn in history] == [
        f"{word} {number}" for number in range(first, 5) for word in ("pregunta", "respuesta")
    ]
    assert [turn.role for turn in history] == ["user", "assistant"] * HISTORY_EXCHANGES


def test_a_long_history_fits_what_the_service_takes() -> None:
    answer = AskResponse.model_validate(make_answer(answer="a" * 100_000))
    request = build_request("¿y?", [Exchange("q" * 20_000, answer)] * 9, "recruiter")
    assert all(len(turn.content) <= HISTORY_TURN_CHARS for turn in request.history)
    assert request.audience == "recruiter"
