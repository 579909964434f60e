"""The engine as the service sees it: the seam between the routes and the answering core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from rag.events import Event
from rag.types import Answer, Hit, Language, Question


class AnswerEngine(Protocol):
    """What the service needs of ``rag.assemble.Engine``. Every method may raise a FaroError and blocks its thread."""

    def ask(self, question: Question) -> Answer: ...

    def stream(self, question: Question) -> Iterator[Event]: ...

    def search(self, text: str, k: int, language: Language | None = None) -> list[Hit]: ...

    def status(self) -> Mapping[str, Any]: ...
