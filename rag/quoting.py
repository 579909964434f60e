"""The extractive answerer: a short frame in the question's language around verbatim handbook text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise

from rag.citations import CitationBook, runs, section_name
from rag.events import Cited, Delta, End, Part, Start, Task
from rag.extractive import Quote, Selection
from rag.frames import FRAMES
from rag.layout import item_number
from rag.types import Chunk, Hit, Language, Mode, Question, Status, Unit

SUGGESTIONS = 3  # sections named when nothing was found: enough to go on, few enough to read
QUESTION_ECHO_CHARACTERS = 80  # of the question, repeated when nothing was found

# Each on a line of its own; headings among the units stand for the sections below.
_LIST_KINDS = frozenset({"item", "row", "term", "code", "heading"})
# Four spaces nest below "- " and below "1. " to "99. " alike in CommonMark.
_INDENT = "    "
_HARD_BREAK = re.compile(r"(?: {2,}|\\)\r?\n|\n[ \t>]*\r?\n")
_TAG_AT_START = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TAG_AT_END = re.compile(r"<br\s*/?>$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…]\W*$")
_LOOKS_LIKE_MARKER = re.compile(r"\[(\d{1,3})\]")
# Words and figures only: no punctuation from which markup, a link or an address could be made.
_PLAIN_WORD = re.compile(r"\d+(?:[.,:]\d+)+%?|[^\W_]+(?:['’-][^\W_]+)*%?")


class ExtractiveAnswerer:
    """Answers with the handbook's own words."""

    def answer(self, task: Task) -> Iterator[Part]:
        """Parts of the answer; ``not_found`` when the selection holds no quote."""
        if task.selection.status == "not_found" or not task.selection.quotes:
            yield from not_found_parts(task.question, task.language, task.selection.hits, mode="extractive")
        else:
            yield from _quoted_parts(task.selection, task.language)


def not_found_parts(question: Question, language: Language, hits: tuple[Hit, ...], *, mode: Mode) -> Iterator[Part]:
    """Says what was looked for and that the handbook does not tell, and names the nearest sections."""
    frames = FRAMES[language]
    consulted = CitationBook().consulted(hits)
    echo = plain_echo(question.text)
    quoted = frames["open_quote"] + echo + frames["close_quote"]
    text = frames["not_found"].format(question=quoted) if echo else frames["not_found_plain"]
    names = dict.fromkeys(section_name(near.title, near.breadcrumb) for near in consulted)
    if names:
        nearest = "\n".join(f"- {_unmark(name)}" for name in list(names)[:SUGGESTIONS])
        text += f"\n\n{frames['nearest']}\n\n{nearest}"
    yield Start("not_found", mode)
    yield Delta(text)
    yield End("not_found", consulted)


def plain_echo(text: str) -> str:
    """The words of ``text`` without any markup, shortened at a word."""
    echo = ""
    for word in _PLAIN_WORD.findall(text):
        if len(echo) + len(word) >= QUESTION_ECHO_CHARACTERS:
            return f"{echo} …" if echo else word[: QUESTION_ECHO_CHARACTERS - 1] + "…"
        echo = f"{echo} {word}".lstrip()
    return echo


def _quoted_parts(selection: Selection, language: Language) -> Iterator[Part]:
    status: Status = "answered"
    book = CitationBook()
    yield Start(status, "extractive")
    previous: Chunk | None = None
    for quote in _provable(selection.quotes):
        if previous is None or section_of(previous) != section_of(quote.chunk):
            frame = section_frame(quote.chunk, language, first=previous is None)
            yield Delta(f"{frame}\n\n" if previous is None else f"\n\n{frame}\n\n")
        else:
            yield Delta("\n\n")
        citation, new = book.cite(quote.chunk, quote.units)
        if new:
            yield Cited(citation)
        yield Delta(render_quote(quote, citation.id))
        previous = quote.chunk
    yield End(status, book.consulted(selection.hits))


def _provable(quotes: Iterable[Quote]) -> Iterator[Quote]:
    return (Quote(quote.chunk, units) for quote in quotes for units in runs(quote.chunk, quote.units))


def section_of(chunk: Chunk) -> tuple[str, str, tuple[str, ...]]:
    """What tells one section from another: chunks cut from one section agree in it."""
    return chunk.path, chunk.anchor, chunk.breadcrumb


def section_frame(chunk: Chunk, language: Language, *, first: bool) -> str:
    """The line that introduces a quote: which page and section, and whether the page is unfinished."""
    frames = FRAMES[language]
    name = _unmark(section_name(chunk.title, chunk.breadcrumb))
    state = "_draft" if chunk.draft else "_wip" if chunk.wip else ""
    template = frames[("section" if first else "also") + state]
    return template.format(section=frames["open_quote"] + name + frames["close_quote"])


def render_quote(quote: Quote, number: int) -> str:
    """The quote's readable text with ``[number]`` after each paragraph, list item and row."""
    blocks: list[str] = []
    for (_, listed), group in groupby(_entries(quote.units), key=lambda entry: (entry[0].block, _is_listed(entry[0]))):
        if listed:
            blocks.append("\n".join(_render_items(quote.chunk, group, number)))
        else:
            blocks += (f"{_flow(quote.chunk, entry)} [{number}]" for entry in group)
    return "\n\n".join(blocks)


def _entries(units: Iterable[Unit]) -> list[list[Unit]]:
    """Units in groups: a paragraph's sentences, or an item with the sentences that go on with it."""
    entries: list[list[Unit]] = []
    for unit in units:
        if not entries or _is_listed(unit) or unit.block != entries[-1][0].block:
            entries.append([])
        entries[-1].append(unit)
    return entries


def _is_listed(unit: Unit) -> bool:
    return unit.kind in _LIST_KINDS


def _render_items(chunk: Chunk, entries: Iterable[list[Unit]], number: int) -> Iterator[str]:
    parents: list[int] = []  # depths of the quoted items this one is nested in: the outermost may not be quoted
    for entry in entries:
        unit = entry[0]
        while parents and parents[-1] >= unit.depth:
            parents.pop()
        indent = _INDENT * len(parents)
        parents.append(unit.depth)
        bullet = f"{item_number(chunk, unit)}." if unit.ordered else "-"
        yield f"{indent}{bullet} {_flow(chunk, entry, indent + _INDENT)} [{number}]"


def _flow(chunk: Chunk, units: list[Unit], indent: str = "") -> str:
    """One paragraph, its lines broken where the page breaks them; ``indent`` keeps them within a list item."""
    text = _readable(units[0])
    for before, unit in pairwise(units):
        space = f"\n{indent}" if _breaks_line(chunk, before, unit) else " "
        text += space + _readable(unit)
    return text


def _breaks_line(chunk: Chunk, before: Unit, after: Unit) -> bool:
    """Whether a line ends between two units: a hard break, or a line end where no sentence ends."""
    between = chunk.source[before.span.end - chunk.span.start : after.span.start - chunk.span.start]
    if _HARD_BREAK.search(between) or _TAG_AT_END.search(before.source) or _TAG_AT_START.match(after.source):
        return True
    return "\n" in between and not _SENTENCE_END.search(before.text)


def _readable(unit: Unit) -> str:
    return _unmark(" ".join(unit.text.split()))


def _unmark(text: str) -> str:
    """The handbook's own ``[1]`` must not pass for the number of a citation."""
    return _LOOKS_LIKE_MARKER.sub(r"(\1)", text)
