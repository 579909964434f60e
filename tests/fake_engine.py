"""A small real engine for tests of the ways in: it answers by the words a question shares with three sections."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

from rag.assemble import check_question
from rag.events import Cited, Delta, Done, Event, Meta
from rag.types import Answer, Chunk, Citation, Hit, Language, Question, Span

INDEX_VERSION = "test-1"
MAX_CHARACTERS = 2000
SECTIONS = {
    "vacaciones.md": "Tienes 23 días laborables de vacaciones al año.",
    "gastos.md": "Los gastos de viaje se piden antes del día 5.",
    "remoto.md": "Se puede trabajar en remoto desde cualquier sitio.",
}


class FakeEngine:
    """``failure`` is raised by every call, ``stream_failure`` between two events; ``gate`` holds the stream back."""

    def __init__(
        self,
        *,
        failure: Exception | None = None,
        stream_failure: Exception | None = None,
        gate: threading.Event | None = None,
    ) -> None:
        self.failure = failure
        self.stream_failure = stream_failure
        self.gate = gate
        self.questions: list[Question] = []
        self.stream_closed = threading.Event()

    def ask(self, question: Question) -> Answer:
        self._fail()
        question = check_question(question, max_characters=MAX_CHARACTERS)
        self.questions.append(question)
        language = question.language or ("es" if re.search(r"[¿áéíóúñ]", question.text) else "en")
        hits = [hit for hit in self.search(question.text, question.k) if hit.score > 0]
        if not hits:
            return Answer("No lo he encontrado.", language, "not_found", (), (), "extractive", INDEX_VERSION)
        citation = _citation(1, hits[0].chunk)
        consulted = tuple(_citation(number, hit.chunk) for number, hit in enumerate(hits[1:], start=2))
        text = f"{hits[0].chunk.text} [1]"
        return Answer(text, language, "answered", (citation,), consulted, "extractive", INDEX_VERSION)

    def stream(self, question: Question) -> Iterator[Event]:
        try:
            answer = self.ask(question)
            yield Meta(answer.language, answer.status, answer.mode, answer.index_version)
            if self.stream_failure:
                raise self.stream_failure
            for citation in answer.citations:
                yield Cited(citation)
            for piece in re.findall(r"\S+\s*", answer.text):
                if self.gate:
                    self.gate.wait(10)
                yield Delta(piece)
            yield Done(answer)
        finally:
            self.stream_closed.set()

    def search(self, text: str, k: int, language: Language | None = None) -> list[Hit]:
        self._fail()
        check_question(Question(text), max_characters=MAX_CHARACTERS)
        words = set(re.findall(r"\w+", text.lower()))
        hits = [Hit(_chunk(path, body), _overlap(words, body)) for path, body in SECTIONS.items()]
        return sorted(hits, key=lambda hit: -hit.score)[:k]

    def status(self) -> dict[str, Any]:
        self._fail()
        return {
            "title": "Manual de prueba",
            "index_version": INDEX_VERSION,
            "pages": len(SECTIONS),
            "chunks": len(SECTIONS),
            "encoder": "words",
            "mode": "extractive",
        }

    def _fail(self) -> None:
        if self.failure:
            raise self.failure


def _overlap(words: set[str], body: str) -> float:
    own = set(re.findall(r"\w+", body.lower()))
    return len(words & own) / len(own)


def _chunk(path: str, body: str) -> Chunk:
    title = path.removesuffix(".md").capitalize()
    span = Span(0, len(body), 3, 3)
    return Chunk(path, path, title, (title, "Detalle"), "detalle", f"/{path}", body, body, span, (), 0, "0")


def _citation(number: int, chunk: Chunk) -> Citation:
    return Citation(
        id=number,
        title=chunk.title,
        breadcrumb=chunk.breadcrumb,
        path=chunk.path,
        url=chunk.url,
        quote=chunk.source,
        start_line=chunk.span.start_line,
        end_line=chunk.span.end_line,
        updated="2025-03-01",
        draft=False,
        wip=False,
        context=chunk.source,
        context_start_line=chunk.span.start_line,
    )
