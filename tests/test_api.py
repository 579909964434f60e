"""The HTTP service over a small engine, through the ASGI interface."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fake_engine import INDEX_VERSION, SECTIONS, FakeEngine
from fastapi.testclient import TestClient

from api.app import MOST_ANSWERS_AT_ONCE, create_app
from api.limits import QuestionLimiter
from api.problems import Border
from api.schema import EVENT_NAMES, MAX_BODY_BYTES
from rag.errors import ChatModelError, EncoderError, IndexMismatchError, IndexUnavailableError, QuestionError
from rag.settings import Settings, load_settings
from rag.types import Answer, Hit, Language, Question, Turn

VACATION = "¿Cuántos días de vacaciones tengo?"

Serve = Callable[..., TestClient]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.chdir(tmp_path)  # no .env
    return load_settings(rate_limit="off")


@pytest.fixture
def serve(settings: Settings) -> Iterator[Serve]:
    clients: list[TestClient] = []

    def start(engine: FakeEngine | None = None, **changes: object) -> TestClient:
        app = create_app(engine or FakeEngine(), settings.model_copy(update=changes))
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)


def events_of(text: str) -> list[tuple[str, dict]]:
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    fields = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]
    return [(field["event"], json.loads(field["data"])) for field in fields]


def assert_problem(response, status: int) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["instance"] == response.request.url.path
    assert all(problem[key] for key in ("type", "title", "detail"))
    return problem


def test_an_answer_comes_with_its_citation_and_what_else_was_read(serve: Serve) -> None:
    answer = serve().post("/v1/ask", json={"question": VACATION}).json()

    assert answer["status"] == "answered"
    assert answer["language"] == "es"
    assert answer["answer"] == f"{SECTIONS['vacaciones.md']} [1]"
    assert answer["index_version"] == INDEX_VERSION
    assert answer["citations"] == [
        {
            "id": 1,
            "title": "Vacaciones",
            "breadcrumb": ["Vacaciones", "Detalle"],
            "path": "vacaciones.md",
            "url": "/vacaciones.md",
            "quote": SECTIONS["vacaciones.md"],
            "start_line": 3,
            "end_line": 3,
            "updated": "2025-03-01",
            "draft": False,
            "wip": False,
            "context": SECTIONS["vacaciones.md"],
            "context_start_line": 3,
        }
    ]
    assert [citation["id"] for citation in answer["consulted"]] == [2]


def test_the_engine_gets_the_whole_question(serve: Serve) -> None:
    engine = FakeEngine()
    history = [{"role": "user", "content": "hola"}, {"role": "assistant", "content": "¿sí?"}]
    body = {"question": " a b ", "language": "en", "history": history, "audience": "recruiter", "k": 3, "new": 1}
    serve(engine).post("/v1/ask", json=body)

    (question,) = engine.questions
    assert (question.text, question.language, question.audience, question.k) == ("a b", "en", "recruiter", 3)
    assert question.history == (Turn("user", "hola"), Turn("assistant", "¿sí?"))


def test_without_options_the_engine_decides(serve: Serve) -> None:
    engine = FakeEngine()
    serve(engine).post("/v1/ask", json={"question": "hola", "audience": None, "k": None})
    (question,) = engine.questions
    assert (question.language, question.audience, question.k, question.history) == (None, None, 8, ())


def test_not_found_is_an_answer_not_an_error(serve: Serve) -> None:
    response = serve().post("/v1/ask", json={"question": "xyzzy"})
    assert (response.status_code, response.json()["status"]) == (200, "not_found")


@pytest.mark.parametrize(
    "question",
    ["a🙂", "a\\ud83d\\ude42", "a\\ud800", "\\u0000x", "\\u202ea", "a\\u0301", "# !clear", "{{7*7}}", "x" * 2000],
)
def test_odd_questions_are_answered(serve: Serve, question: str) -> None:
    body = f'{{"question": "{question}"}}'.encode()
    response = serve().post("/v1/ask", content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200, response.text


BAD_BODIES = {
    "no question": b"{}",
    "empty": b'{"question": ""}',
    "blank": b'{"question": " \\n\\t\\u0000 "}',
    "invisible": b'{"question": "\\u200b\\ud800"}',
    "no words": '{"question": "¿🙂?"}'.encode(),
    "null": b'{"question": null}',
    "number": b'{"question": 3}',
    "not a number": b'{"question": NaN}',
    "infinite k": b'{"question": "a", "k": Infinity}',
    "fractional k": b'{"question": "a", "k": 1.5}',
    "zero k": b'{"question": "a", "k": 0}',
    "huge k": b'{"question": "a", "k": 99999999999999999999999999}',
    "unknown language": b'{"question": "a", "language": "fr"}',
    "unknown audience": b'{"question": "a", "audience": "boss"}',
    "unknown role": b'{"question": "a", "history": [{"role": "system", "content": "x"}]}',
    "history of words": b'{"question": "a", "history": ["x"]}',
    "too many turns": json.dumps({"question": "a", "history": [{"role": "user", "content": "x"}] * 41}).encode(),
    "history too long": json.dumps({"question": "a", "history": [{"role": "user", "content": "x" * 20_001}]}).encode(),
    "too long": json.dumps({"question": "x" * 2001}).encode(),
    "list": b'["question"]',
    "word": b'"question"',
    "cut off": b'{"question": "a',
    "nothing": b"",
    "null body": b"null",
    "nested question": json.dumps({"question": [[[[["a"]]]]]}).encode(),
}


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/ask/stream"])
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_bad_bodies_are_refused_with_the_fields(serve: Serve, path: str, body: bytes) -> None:
    response = serve().post(path, content=body, headers={"content-type": "application/json"})
    problem = assert_problem(response, 422)
    assert problem["errors"]
    assert all(set(error) == {"field", "message"} for error in problem["errors"])


UNREADABLE_BODIES = {
    "deep": b'{"question": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "no text": b'{"question": "\xff\xfe"}',
    "endless number": b'{"question": "a", "k": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", UNREADABLE_BODIES.values(), ids=UNREADABLE_BODIES.keys())
def test_unreadable_bodies_are_refused(serve: Serve, body: bytes) -> None:
    response = serve().post("/v1/ask", content=body, headers={"content-type": "application/json"})
    assert_problem(response, 400)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_that_is_not_json_is_refused(serve: Serve, content_type: str) -> None:
    body = b'{"question": "a"}'
    response = serve().post("/v1/ask", content=body, headers={"content-type": content_type})
    assert_problem(response, 415)


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/ask/stream"])
def test_broken_json_is_called_so_and_where(serve: Serve, path: str) -> None:
    response = serve().post(path, content=b'{"question" "a"}', headers={"content-type": "application/json"})
    (error,) = assert_problem(response, 422)["errors"]
    assert error == {"field": "body", "message": "not valid JSON, from character 12"}


def test_the_field_at_fault_is_named(serve: Serve) -> None:
    problem = serve().post("/v1/ask", json={"question": "a", "language": "fr", "k": 0}).json()
    assert [error["field"] for error in problem["errors"]] == ["language", "k"]


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_a_body_over_the_limit_is_refused(serve: Serve, chunked: bool) -> None:
    body = json.dumps({"question": "x" * MAX_BODY_BYTES}).encode()
    pieces = (body[start : start + 8192] for start in range(0, len(body), 8192))
    headers = {"content-type": "application/json"}
    response = serve().post("/v1/ask", content=pieces if chunked else body, headers=headers)
    assert_problem(response, 413)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/docs", 404),
        ("GET", "/v1/ask", 405),
        ("DELETE", "/v1/search", 405),
        ("POST", "/v1/ask/", 404),
    ],
)
def test_unknown_addresses_and_methods_are_problems(serve: Serve, method: str, path: str, status: int) -> None:
    assert_problem(serve().request(method, path), status)


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/ask/stream"])
@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (IndexUnavailableError("no index: run `faro ingest`"), 503),
        (IndexMismatchError("another encoder: run `faro ingest`"), 503),
        (QuestionError("the question is odd"), 422),
        (ChatModelError("the chat model said nothing"), 502),
        (EncoderError("no encoder"), 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_errors_raised_on_purpose_say_what_to_do(serve: Serve, path: str, failure: Exception, status: int) -> None:
    client = serve()
    client.app.state.engine.failure = failure
    problem = assert_problem(client.post(path, json={"question": "a"}), status)
    assert problem["detail"] == str(failure)


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/ask/stream"])
def test_a_bug_is_a_500_that_tells_nothing(serve: Serve, path: str, caplog: pytest.LogCaptureFixture) -> None:
    client = serve()
    client.app.state.engine.failure = RuntimeError("secret question")
    problem = assert_problem(client.post(path, json={"question": "secret question"}), 500)
    assert "secret" not in json.dumps(problem)
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_a_stream_tells_meta_then_text_and_citations_then_the_whole_answer(serve: Serve) -> None:
    client = serve()
    response = client.post("/v1/ask/stream", json={"question": VACATION})
    events = events_of(response.text)
    names = [name for name, _ in events]

    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert names[0] == "meta"
    assert names[-1] == "done"
    assert set(names) <= set(EVENT_NAMES)
    done = events[-1][1]
    assert "".join(data["text"] for name, data in events if name == "delta") == done["answer"]
    assert [data for name, data in events if name == "citation"] == done["citations"]
    assert done == client.post("/v1/ask", json={"question": VACATION}).json()


@pytest.mark.parametrize(
    ("failure", "status", "detail"),
    [
        (ChatModelError("the chat model said nothing"), 502, "the chat model said nothing"),
        (RuntimeError("secret"), 500, "The service failed on this request; its log says where."),
    ],
    ids=["on purpose", "bug"],
)
def test_a_failure_in_mid_stream_is_its_last_event(serve: Serve, failure: Exception, status: int, detail: str) -> None:
    response = serve(FakeEngine(stream_failure=failure)).post("/v1/ask/stream", json={"question": VACATION})
    (first, _), (last, problem) = events_of(response.text)
    assert (response.status_code, first, last) == (200, "meta", "error")
    assert (problem["status"], problem["detail"], problem["instance"]) == (status, detail, "/v1/ask/stream")


def test_a_slow_stream_is_kept_alive(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)  # seconds; 15 otherwise
    gate = threading.Event()
    opener = threading.Timer(0.5, gate.set)
    opener.start()
    response = serve(FakeEngine(gate=gate)).post("/v1/ask/stream", json={"question": VACATION})
    opener.join()
    assert ": ping" in response.text
    assert events_of(response.text)[-1][0] == "done"


def test_search_gives_the_best_first(serve: Serve) -> None:
    found = serve().get("/v1/search", params={"q": "gastos de viaje", "k": 2}).json()
    assert [hit["path"] for hit in found["hits"]] == ["gastos.md", "vacaciones.md"]
    assert found["hits"][0]["score"] > found["hits"][1]["score"]
    assert found["index_version"] == INDEX_VERSION
    assert set(found["hits"][0]) == {
        *("path", "title", "breadcrumb", "text", "score", "url", "start_line", "end_line"),
    }


@pytest.mark.parametrize(
    "query",
    ["", "q=", "q=%20", "q=a&k=0", "q=a&k=101", "q=a&k=x", "q=a&language=fr", f"q={'x' * 2001}"],
    ids=lambda query: query[:20] or "nothing",
)
def test_bad_searches_are_refused(serve: Serve, query: str) -> None:
    assert assert_problem(serve().get(f"/v1/search?{query}"), 422)["errors"]


@pytest.mark.parametrize("query", ["a%ff", "%00a", "a%F0%9F%99%82", "a%0d%0aSet-Cookie:b"])
def test_odd_searches_are_taken(serve: Serve, query: str) -> None:
    assert serve().get(f"/v1/search?q={query}").status_code == 200


def test_the_handbook_describes_itself(serve: Serve) -> None:
    assert serve().get("/v1/handbook").json() == {
        "title": "Manual de prueba",
        "pages": 3,
        "chunks": 3,
        "index_version": INDEX_VERSION,
        "encoder": "words",
        "mode": "extractive",
        "languages": ["es", "en"],
        "max_question_chars": 2000,
    }
    assert serve(title="Acme").get("/v1/handbook").json()["title"] == "Acme"


def test_the_service_gets_ready_when_an_index_appears(serve: Serve) -> None:
    engine = FakeEngine(failure=IndexUnavailableError("no index: run `faro ingest`"))
    client = serve(engine)

    assert client.get("/healthz").status_code == 200
    assert "faro ingest" in assert_problem(client.get("/readyz"), 503)["detail"]
    assert_problem(client.get("/v1/handbook"), 503)
    engine.failure = None
    assert client.get("/readyz").json() == {"status": "ok"}


def test_too_many_questions_are_put_off(serve: Serve) -> None:
    client = serve(rate_limit="2/minute")
    for path in ("/v1/ask", "/v1/ask/stream"):
        assert client.post(path, json={"question": "a"}).status_code == 200

    refused = client.post("/v1/ask", json={"question": "a"})
    assert_problem(refused, 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert client.get("/readyz").status_code == 200


def test_each_client_has_its_own_limit() -> None:
    limiter = QuestionLimiter("1/minute")
    assert [limiter.seconds_to_wait("a") == 0 for _ in range(2)] == [True, False]
    assert limiter.seconds_to_wait("b") == 0


def test_without_a_limit_nobody_is_put_off() -> None:
    limiter = QuestionLimiter("off")
    assert {limiter.seconds_to_wait("a") for _ in range(1000)} == {0}


def test_every_response_carries_the_security_headers(serve: Serve) -> None:
    client = serve()
    for path in ("/", "/healthz", "/nothing", "/v1/search?q=a", "/openapi.json"):
        headers = client.get(path, headers={"origin": "http://elsewhere.test"}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in headers


def test_questions_are_never_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="api")
    client = serve()
    client.post("/v1/ask", json={"question": "secreto"})
    client.post("/v1/ask/stream", json={"question": "secreto"})
    client.get("/v1/search", params={"q": "secreto"})
    client.get("/a%0Asecond line")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("api")]
    assert any(line.startswith("POST /v1/ask 200") for line in ours)
    assert not any("secreto" in line or "\n" in line for line in ours)


def test_a_request_leaves_no_line_at_the_usual_level(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="api")
    serve().post("/v1/ask", json={"question": "¿Cuántos días?"})
    assert not [record for record in caplog.records if record.name.startswith("api")]


def test_the_openapi_document_has_examples_and_problems(serve: Serve) -> None:
    document = serve().get("/openapi.json").json()
    assert document["components"]["schemas"]["AskRequest"]["examples"]
    for path in ("/v1/ask", "/v1/ask/stream"):
        responses = document["paths"][path]["post"]["responses"]
        for status in ("400", "413", "415", "422", "429", "502", "503"):
            assert set(responses[status]["content"]) == {"application/problem+json"}
    assert "HTTPValidationError" not in json.dumps(document)


class ChangingEngine(FakeEngine):
    """A new version of the index takes over during the first search."""

    searches = 0

    def search(self, text: str, k: int, language: Language | None = None) -> list[Hit]:
        hits = super().search(text, k, language)
        self.searches += 1
        return hits[:1] if self.searches == 1 else hits

    def status(self) -> dict[str, Any]:
        return super().status() | {"index_version": f"version-{min(self.searches, 1)}"}


def test_hits_come_from_the_version_they_name(serve: Serve) -> None:
    found = serve(ChangingEngine()).get("/v1/search", params={"q": "vacaciones"}).json()
    assert (found["index_version"], len(found["hits"])) == ("version-1", len(SECTIONS))


def test_answers_that_hang_do_not_hold_up_the_rest(serve: Serve) -> None:
    class HangingEngine(FakeEngine):
        def ask(self, question: Question) -> Answer:
            assert gate.wait(30)
            return super().ask(question)

    gate = threading.Event()
    engine = HangingEngine()
    client = serve(engine)
    asked = MOST_ANSWERS_AT_ONCE + 10  # more than there are worker threads
    with ThreadPoolExecutor(asked + 1) as people:
        answers = [people.submit(client.post, "/v1/ask", json={"question": VACATION}) for _ in range(asked)]
        try:
            assert people.submit(client.get, "/readyz").result(10).status_code == 200
            assert not any(answer.done() for answer in answers)
        finally:
            gate.set()
        assert {answer.result(30).status_code for answer in answers} == {200}


def test_a_request_cut_off_by_the_end_of_the_service_is_a_problem() -> None:
    sent: list[dict] = []

    async def endless(scope: dict, receive: object, send: object) -> None:
        await asyncio.sleep(60)

    async def send(message: dict) -> None:
        sent.append(message)

    async def drive() -> None:
        request = asyncio.ensure_future(Border(endless)(_stream_scope(), None, send))
        await asyncio.sleep(0)
        request.cancel()
        await request

    asyncio.run(drive())
    assert sent[0]["status"] == 503
    assert json.loads(sent[1]["body"])["instance"] == "/v1/ask/stream"


def test_the_root_points_to_the_description(serve: Serve) -> None:
    client = serve()
    assert client.get(client.get("/").json()["openapi"]).status_code == 200


def test_a_stream_whose_client_is_gone_frees_its_thread(serve: Serve) -> None:
    """The engine is held back after its first events; once let go, it must be stopped at its next event."""
    gate = threading.Event()
    engine = FakeEngine(gate=gate)
    scope, received = _stream_scope(), threading.Event()
    client = serve(engine)

    async def drive() -> None:
        import anyio

        body = json.dumps({"question": VACATION}).encode()
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> dict:
            message = next(messages, None)
            if message is None:
                while not received.is_set():  # the client leaves once it has seen the first event
                    await anyio.sleep(0.01)
                return {"type": "http.disconnect"}
            return message

        async def send(message: dict) -> None:
            if b"event: meta" in message.get("body", b""):
                received.set()

        with anyio.fail_after(5):
            await client.app(scope, receive, send)

    client.portal.call(drive)
    assert not engine.stream_closed.is_set()
    gate.set()
    assert engine.stream_closed.wait(5)
    assert engine.questions


def _stream_scope() -> dict:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/ask/stream",
        "raw_path": b"/v1/ask/stream",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
