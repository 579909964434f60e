"""The data that flow through the product: spans, answer units, chunks, hits, citations, answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["es", "en"]
Audience = Literal["candidate", "employee", "recruiter"]
Status = Literal["answered", "not_found", "unverified"]
Mode = Literal["extractive", "generative"]
UnitKind = Literal["sentence", "item", "row", "term", "code", "image", "heading"]

LANGUAGES: tuple[Language, ...] = ("es", "en")
AUDIENCES: tuple[Audience, ...] = ("candidate", "employee", "recruiter")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source file.

    ``start`` and ``end`` are character offsets (end exclusive) into the file decoded as UTF-8 without any
    newline translation; ``start_line`` and ``end_line`` are 1-based and inclusive.
    """

    start: int
    end: int
    start_line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest piece an answer may quote: a sentence, a list item, a table row, a definition, a code line, what a
    picture shows.

    ``text`` is what a person reads (no markup, NFC); ``source`` is the verbatim slice of the file at ``span``.
    ``depth`` is the nesting of a list item (0 for the outermost list and for everything that is no item).
    ``block`` numbers the paragraph, list or table the unit belongs to within its chunk, so that a whole list
    can be recognised. ``lead`` is true for what introduces the block after it: a sentence with a colon, the title of
    an admonition or a tab, a line in bold. A unit of kind ``heading`` is the heading of a section below the chunk's
    own, and lies outside the chunk's span. A long list item may be cut into several units; all but the first are then
    of kind ``sentence`` within the same block. ``cells`` are the contents of a table row, which ``text`` gives with
    the names of their columns.
    """

    text: str
    source: str
    span: Span
    kind: UnitKind
    block: int = 0
    depth: int = 0
    ordered: bool = False
    lead: bool = False
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A section of a page, or a part of one: what is embedded, indexed and retrieved.

    ``breadcrumb`` goes from the page title to the section's own heading. ``text`` is readable text without
    markup: the units joined by newlines, headings of sections below only where there is nothing else. ``source`` is
    the verbatim slice of the file at ``span``. A section without any text gives a chunk without units. ``id`` is stable
    while path, anchor and position within the section stay the same; ``content_hash`` changes with the text.
    Dates are ISO 8601 days or None. ``ordinal`` is the chunk's position in its page, from 0.
    """

    id: str
    path: str
    title: str
    breadcrumb: tuple[str, ...]
    anchor: str
    url: str
    text: str
    source: str
    span: Span
    units: tuple[Unit, ...]
    ordinal: int
    content_hash: str
    created: str | None = None
    updated: str | None = None
    authors: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    draft: bool = False
    wip: bool = False
    nav_position: int | None = None

    @property
    def embedding_text(self) -> str:
        """What the encoder sees: the breadcrumb, then the text."""
        return embedding_text(self.breadcrumb, self.text)


def embedding_text(breadcrumb: Sequence[str], text: str) -> str:
    """A passage as encoders get it: its breadcrumb, outermost first, then its text."""
    return f"{' > '.join(breadcrumb)}\n{text}" if breadcrumb else text


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk. ``score`` is in [0, 1], higher is better; the parts explain where it comes from."""

    chunk: Chunk
    score: float
    dense: float = 0.0
    sparse: float = 0.0
    unit_scores: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the conversation so far."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Question:
    """What the chain is asked. ``language`` None means: that of the question. ``k`` is the number of hits read."""

    text: str
    language: Language | None = None
    history: tuple[Turn, ...] = ()
    audience: Audience | None = None
    k: int = 8


@dataclass(frozen=True, slots=True)
class Citation:
    """The proof of a statement: ``quote`` is verbatim source text found at ``start_line``-``end_line`` of ``path``.

    ``context`` is the verbatim source of the whole chunk around the quote.
    """

    id: int
    title: str
    breadcrumb: tuple[str, ...]
    path: str
    url: str
    quote: str
    start_line: int
    end_line: int
    updated: str | None
    draft: bool
    wip: bool
    context: str
    context_start_line: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the chain returns. ``text`` carries ``[1]``-style markers that match the ids of ``citations``.

    ``consulted`` are passages that were read and not cited (for ``not_found``: the nearest sections); their ids go
    on after the last citation. ``notice`` is a word to the reader about the way the answer was made (for instance
    that the chat model failed), or None. ``timings_ms`` maps a stage to its milliseconds.
    """

    text: str
    language: Language
    status: Status
    citations: tuple[Citation, ...]
    consulted: tuple[Citation, ...]
    mode: Mode
    index_version: str
    notice: str | None = None
    timings_ms: dict[str, float] = field(default_factory=dict)
