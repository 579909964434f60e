"""A small HTTP server that speaks as the API does, for tests of the chat page and of its client."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What the stub answers: a status, headers, and a body sent piece by piece."""

    body: tuple[bytes, ...]
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    media_type: str = "text/event-stream; charset=utf-8"


@dataclass(slots=True)
class StubApi:
    """The running stub. ``questions`` are the bodies it was asked; ``reply`` is what it says to the next ones."""

    address: str
    reply: Reply
    handbook: dict[str, Any] | None
    questions: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


def make_citation(**changes: Any) -> dict[str, Any]:
    """A citation on the wire."""
    citation = {
        "id": 1,
        "title": "Vacaciones",
        "breadcrumb": ["Vacaciones", "Días al año"],
        "path": "docs/vacaciones.md",
        "url": "https://manual.example.org/vacaciones/#dias-al-ano",
        "quote": "Cada persona tiene 23 días.",
        "start_line": 12,
        "end_line": 12,
        "updated": "2024-03-04",
        "draft": False,
        "wip": False,
        "context": "## Días al año\n\nEsto es lo que hay. Cada persona tiene 23 días. Se piden antes.",
        "context_start_line": 10,
    }
    return citation | changes


def make_answer(**changes: Any) -> dict[str, Any]:
    """An answer on the wire."""
    answer = {
        "answer": "El manual dice en «Vacaciones › Días al año»:\n\nCada persona tiene 23 días. [1]",
        "language": "es",
        "status": "answered",
        "citations": [make_citation()],
        "consulted": [],
        "mode": "extractive",
        "index_version": "v1",
        "notice": None,
        "timings_ms": {"total": 12.5},
    }
    return answer | changes


def make_handbook(**changes: Any) -> dict[str, Any]:
    """The handbook's facts on the wire."""
    facts = {
        "title": "Manual de prueba",
        "pages": 3,
        "chunks": 9,
        "index_version": "v1",
        "encoder": "stub",
        "mode": "extractive",
        "languages": ["es", "en"],
        "max_question_chars": 2000,
    }
    return facts | changes


def event(name: str, data: Any) -> bytes:
    """One server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def answer_reply(answer: dict[str, Any]) -> Reply:
    """The stream of a whole answer, its text in two pieces."""
    text = answer["answer"]
    meta = {key: answer[key] for key in ("language", "status", "mode", "index_version")}
    pieces = [text[: len(text) // 2], text[len(text) // 2 :]]
    citations = [event("citation", citation) for citation in answer["citations"]]
    deltas = [event("delta", {"text": piece}) for piece in pieces]
    return Reply((event("meta", meta), *citations, b": ping\n\n", *deltas, event("done", answer)))


def problem_reply(status: int, **headers: str) -> Reply:
    """A problem document (RFC 9457)."""
    body = {"type": "about:blank", "title": "x", "status": status, "detail": "internal words", "instance": "/v1"}
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Reply((json.dumps(body).encode(),), status, named, "application/problem+json")


@contextmanager
def serve_stub(port: int = 0) -> Iterator[StubApi]:
    """The stub on ``port`` of this machine, by default a free one."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    stub = StubApi(f"http://127.0.0.1:{server.server_port}", answer_reply(make_answer()), make_handbook())
    server.stub = stub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        facts = self._stub.handbook if self.path == "/v1/handbook" else None
        if facts is None:
            self._send(problem_reply(503))
        else:
            self._send(Reply((json.dumps(facts).encode(),), media_type="application/json"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._stub.questions.append(json.loads(body))
        self._stub.headers.append(dict(self.headers))
        self._send(self._stub.reply if self.path == "/v1/ask/stream" else problem_reply(404))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    @property
    def _stub(self) -> StubApi:
        return self.server.stub  # type: ignore[attr-defined, no-any-return]

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media_type)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        for piece in reply.body:
            self.wfile.write(piece)
            self.wfile.flush()
