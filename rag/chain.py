"""The RAG chain: question, language, follow-up, retrieval, answer with citations; as a LangChain Runnable."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor

from rag.conversation import Lookup, blend, small_talk
from rag.events import Answerer, Cited, Delta, Done, End, Event, Meta, Part, Start, Task
from rag.extractive import Selection
from rag.frames import FRAMES
from rag.types import Answer, Citation, Hit, Language, Mode, Question, Turn

__all__ = ["Cited", "Delta", "Done", "Event", "HandbookChain", "Meta", "Searcher", "Stages"]

BLEND_FACTOR = 3  # times as many chunks are read of each of two searches as of one, so that their means are whole


class Searcher(Protocol):
    """Finds chunks for a text, best first."""

    def search(self, text: str, language: Language, k: int) -> list[Hit]: ...


@dataclass(frozen=True, slots=True)
class Stages:
    """What the chain decides before it answers: the language, what to look up, and which quotes answer."""

    detect_language: Callable[[str, Sequence[Turn]], Language]
    look_up: Callable[[Question, Language], Lookup]
    select: Callable[[str, Language, Sequence[Hit]], Selection]


class HandbookChain(Runnable[Question, Answer | Event]):
    """Answers from one version of the index. Keeps nothing between questions, so it may be shared by threads.

    ``invoke`` returns the Answer; ``stream`` yields Meta, then Delta and Cited, then Done with the same Answer.
    """

    def __init__(self, *, searcher: Searcher, answerer: Answerer, stages: Stages, index_version: str) -> None:
        self._searcher = searcher
        self._answerer = answerer
        self._stages = stages
        self._index_version = index_version

    def invoke(self, input: Question, config: RunnableConfig | None = None, **kwargs: Any) -> Answer:
        """The answer to a question: what ``stream`` ends with."""
        answer: Answer = self._call_with_config(self._answer, input, config)  # type: ignore[assignment]  # typed by Output
        return answer

    def stream(self, input: Question, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[Event]:
        """The events of an answer as they happen."""
        stopwatch = _Stopwatch()
        language, parts = self._begin(input, stopwatch)
        record = _Record(language, self._index_version)
        with stopwatch.stage("answer"):
            for part in parts:
                if isinstance(part, Delta):
                    stopwatch.mark("first_text")
                if (event := record.take(part)) is not None:
                    yield event
        stopwatch.mark("total")
        yield Done(record.answer(stopwatch.timings_ms))

    async def astream(
        self, input: Question, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[Event]:
        """``stream`` for an event loop; the work is done on worker threads."""
        events = self.stream(input, config)
        while (event := await run_in_executor(config, next, events, None)) is not None:
            yield event

    def _answer(self, question: Question) -> Answer:
        *_, last = self.stream(question)
        assert isinstance(last, Done)  # the contract of stream
        return last.answer

    def _begin(self, question: Question, stopwatch: _Stopwatch) -> tuple[Language, Iterator[Part]]:
        with stopwatch.stage("language"):
            language = question.language or self._stages.detect_language(question.text, question.history)
        if talk := small_talk(question.text, language):
            language = question.language or talk[0]
            return language, _reply(FRAMES[language][talk[1]])
        with stopwatch.stage("rewrite"):
            lookup = self._stages.look_up(question, language)
        with stopwatch.stage("retrieve"):
            hits = self._search(lookup, language, question.k)
        with stopwatch.stage("select"):
            selection = self._stages.select(lookup.text, language, hits)
        return language, self._answerer.answer(Task(question, language, selection))

    def _search(self, lookup: Lookup, language: Language, k: int) -> list[Hit]:
        if lookup.own_text is None:
            return self._searcher.search(lookup.text, language, k)
        depth = BLEND_FACTOR * k
        full, own = (self._searcher.search(text, language, depth) for text in (lookup.text, lookup.own_text))
        return blend(full, own, lookup.own_weight, k)


def _reply(text: str) -> Iterator[Part]:
    """Small talk: no question was asked, so there is nothing to be found and no source to show."""
    yield Start("not_found", "extractive")
    yield Delta(text)
    yield End("not_found")


class _Record:
    """Turns an answerer's parts into events, and keeps them for the answer."""

    def __init__(self, language: Language, index_version: str) -> None:
        self._language = language
        self._index_version = index_version
        self._texts: list[str] = []
        self._citations: list[Citation] = []
        self._mode: Mode = "extractive"
        self._end = End("not_found")

    def take(self, part: Part) -> Event | None:
        match part:
            case Start(status, mode):
                self._mode = mode
                return Meta(self._language, status, mode, self._index_version)
            case Delta(text):
                self._texts.append(text)
                return part
            case Cited(citation):
                self._citations.append(citation)
                return part
            case End():
                self._end = part
                return None

    def answer(self, timings_ms: dict[str, float]) -> Answer:
        return Answer(
            text="".join(self._texts),
            language=self._language,
            status=self._end.status,
            citations=tuple(self._citations),
            consulted=self._end.consulted,
            mode=self._mode,
            index_version=self._index_version,
            notice=self._end.notice,
            timings_ms=timings_ms,
        )


class _Stopwatch:
    """Milliseconds by stage, and from the beginning to the first time something happened."""

    def __init__(self) -> None:
        self.timings_ms: dict[str, float] = {}
        self._began = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.timings_ms[name] = _milliseconds_since(began)

    def mark(self, name: str) -> None:
        self.timings_ms.setdefault(name, _milliseconds_since(self._began))


def _milliseconds_since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 3)
