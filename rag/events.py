"""What flows out of the chain while it answers, and the seam behind which answers are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from rag.extractive import Selection
from rag.types import Answer, Citation, Language, Mode, Question, Status


@dataclass(frozen=True, slots=True)
class Meta:
    """First event. ``status`` is what is expected; a generated answer may still turn out ``unverified``."""

    language: Language
    status: Status
    mode: Mode
    index_version: str


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer; all pieces joined are ``Answer.text``."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation, just before the first piece of text that carries its number."""

    citation: Citation


@dataclass(frozen=True, slots=True)
class Done:
    """Last event: the whole answer, which has the last word on status and notice."""

    answer: Answer


Event = Meta | Delta | Cited | Done


@dataclass(frozen=True, slots=True)
class Start:
    """An answerer has made up its mind and text follows."""

    status: Status
    mode: Mode


@dataclass(frozen=True, slots=True)
class End:
    """An answerer is done. The status here replaces that of ``Start``."""

    status: Status
    consulted: tuple[Citation, ...] = ()
    notice: str | None = None


Part = Start | Delta | Cited | End


@dataclass(frozen=True, slots=True)
class Task:
    """What an answerer is given: the question, the language to answer in, and what was found for it."""

    question: Question
    language: Language
    selection: Selection


class Answerer(Protocol):
    """Turns a task into one Start, any Deltas and Citeds, and one End."""

    def answer(self, task: Task) -> Iterator[Part]: ...
