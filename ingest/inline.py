"""Inline Markdown as readable text, every character of which knows where it stands in the file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from ingest.dialects import FILLED_SPACE, FILLER, ZERO_WIDTH
from ingest.document import Link
from ingest.htmltext import BLOCK_TAGS, SILENT_TAGS

# Longer than any paragraph a person writes: what is longer is a dump, whose markup could cost quadratic time.
LONGEST_INLINE = 50_000

_TAG = re.compile(r"</?([a-zA-Z][\w-]*)")
_ALTERNATIVE = re.compile(r"\balt\s*=\s*(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_TYPED_BULLET = re.compile(r"[ \t]*(?:\**\d{1,3}(?:\.\d{1,3})*(?:\.-|-|°)|[•·▪●◦‣✔✓✅❌➡→►–—]|\**[a-zA-Z]\))\s*\S")
_LINE_OPENING = re.compile(r"[ \t]*(?:\*\*|[¿¡]?[A-ZÁÉÍÓÚÑ])")
_LABELLED = re.compile(r"[ \t]*[*_]{0,3}[A-ZÁÉÍÓÚÑ][\w ./-]{1,30}(?::[*_]{0,3}|[*_]{1,3}:)[ \t]+\S")
_FILE_NAME = re.compile(r"(?=.*[-_.\d])[\w-]+(?:\.\w{2,4})?")
_TIGHT_PUNCTUATION = frozenset(".,;:!?)]»”…")
_JOINER = "\u200d"
_EMOJI_TAIL = frozenset("\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")


@dataclass(frozen=True, slots=True)
class CleanText:
    """Readable text; ``offsets[i]`` is where ``text[i]`` stands in the file. A hard line break is a newline."""

    text: str
    offsets: tuple[int, ...]
    links: tuple[Link, ...] = ()


class PositionedState(StateInline):
    """Inline state that notes in ``meta["start"]`` of each token where in the inline content it begins."""

    _pending_start = 0

    def append_pending(self, text: str) -> None:
        if not self._pending and not self._pending_buffer:
            self._pending_start = self.pos
        super().append_pending(text)

    def pushPending(self) -> Token:  # noqa: N802 (overrides markdown-it's name)
        token = super().pushPending()
        token.meta = {"start": self._pending_start}
        return token

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        token = super().push(ttype, tag, nesting)
        start = self.pos
        if ttype == "text" and len(self.tokens) > 1 and self.tokens[-2].type == "text":
            # The markers of one run of emphasis are pushed one by one while ``pos`` stands still.
            start = max(start, self.tokens[-2].meta.get("start", 0) + len(self.tokens[-2].content))
        token.meta = {"start": start}
        return token


class PositionedInline(ParserInline):
    """markdown-it's inline parser with positions."""

    def parse(self, src: str, md: MarkdownIt, env: Any, tokens: list[Token]) -> list[Token]:
        state = PositionedState(src, md, env, tokens)
        if len(src) > LONGEST_INLINE:
            state.append_pending(src.replace("\n", " "))
            state.pushPending()
            return state.tokens
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


@dataclass(slots=True)
class _Writer:
    """Collects characters with their offsets; ``source`` is the inline content that the tokens were made of."""

    characters: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    links: list[tuple[int, int, str]] = field(default_factory=list)
    open_links: list[tuple[int, str]] = field(default_factory=list)
    silent: str = ""

    def put(self, text: str, positions: Sequence[int]) -> None:
        if not self.silent:
            self.characters.extend(text)
            self.offsets.extend(positions)


def clean_inline(tokens: Sequence[Token], content: str, positions: Sequence[int]) -> CleanText:
    """The readable text of ``tokens``, the children parsed from ``content``.

    ``positions[i]`` is the file offset of ``content[i]``.
    """
    writer = _Writer()
    _write(writer, tokens, content, positions)
    return _finish(writer)


def clean_literal(text: str, positions: Sequence[int]) -> CleanText:
    """``text`` without any markup of its own (code), cleaned in the same way."""
    writer = _Writer()
    writer.put(text, positions)
    return _finish(writer)


def _write(writer: _Writer, tokens: Sequence[Token], content: str, positions: Sequence[int]) -> None:
    autolink = False
    for token in tokens:
        start = token.meta.get("start", 0)
        if token.type == "text":
            text = token.content
            if autolink:
                start += 1
            writer.put(text, positions[start : start + len(text)])
        elif token.type == "text_special":
            _write_special(writer, token, positions[start : start + len(token.markup)])
        elif token.type == "code_inline":
            _write_code(writer, token, content, positions)
        elif token.type in {"softbreak", "hardbreak"}:
            at = min(start, len(positions) - 1)
            breaks = token.type == "hardbreak" or _breaks(content, start)
            writer.put("\n" if breaks else " ", positions[at : at + 1])
        elif token.type == "image":
            _write_image(writer, token, content, positions[start + 2 :])
        elif token.type == "html_inline":
            _write_html(writer, token.content, positions[start : start + len(token.content)])
        elif token.type == "link_open":
            autolink = token.markup == "autolink"
            writer.open_links.append((len(writer.characters), str(token.attrs.get("href", ""))))
        elif token.type == "link_close" and writer.open_links:
            autolink = False
            begin, target = writer.open_links.pop()
            writer.links.append((begin, len(writer.characters), target))


def _breaks(content: str, newline: int) -> bool:
    """Whether a line end that Markdown ignores was meant as one.

    So it was before a typed bullet, after a line in bold, and between the lines of a card ("Nombre: …", "Correo: …").
    """
    if _TYPED_BULLET.match(content, newline + 1, newline + 20):
        return True
    before = content[content.rfind("\n", 0, newline) + 1 : newline].rstrip()
    if _LABELLED.match(content, newline + 1):
        return before.endswith(":") or _LABELLED.match(before) is not None
    return before.endswith("**") and _LINE_OPENING.match(content, newline + 1, newline + 20) is not None


def _write_special(writer: _Writer, token: Token, positions: Sequence[int]) -> None:
    if token.info == "escape":
        writer.put(token.content, positions[-len(token.content) :])
    else:
        writer.put(token.content, [positions[0]] * len(token.content))


def _write_code(writer: _Writer, token: Token, content: str, positions: Sequence[int]) -> None:
    start = int(token.meta["start"]) + len(token.markup)
    size = len(token.content)
    if content[start : start + size].replace("\n", " ") != token.content:
        start += 1  # one space was stripped on either side
    writer.put(token.content, positions[start : start + size])


def _write_image(writer: _Writer, token: Token, content: str, positions: Sequence[int]) -> None:
    if not _FILE_NAME.fullmatch(token.content.strip()):
        _write(writer, token.children or [], token.content, positions)


def _write_html(writer: _Writer, html: str, positions: Sequence[int]) -> None:
    found = _TAG.match(html)
    name = found[1].lower() if found else ""
    if writer.silent:
        if name == writer.silent and html.startswith("</"):
            writer.silent = ""
    elif name in SILENT_TAGS and not html.startswith("</"):
        writer.silent = name
    elif name == "br":
        writer.put("\n", positions[:1])
    elif name in BLOCK_TAGS:
        writer.put(" " if name in {"td", "th"} else "\n", positions[:1])
    elif name == "img" and (alternative := _ALTERNATIVE.search(html)):
        start, end = alternative.start(1) + 1, alternative.end(1) - 1
        if not _FILE_NAME.fullmatch(html[start:end].strip()):
            writer.put(html[start:end], positions[start:end])


def _finish(writer: _Writer) -> CleanText:
    characters: list[str] = []
    offsets: list[int] = []
    marks: list[int] = []  # index in the cleaned text of every raw character, for the links
    gap = False
    for index, (character, offset) in enumerate(zip(writer.characters, writer.offsets, strict=True)):
        marks.append(len(characters))
        if character in (FILLER, FILLED_SPACE) or character in ZERO_WIDTH:
            gap = gap or character == FILLER
            continue
        if character == _JOINER and not _joins_emoji(writer.characters, index):
            continue
        if character.isspace():
            if not characters:
                continue
            space = "\n" if character == "\n" else " "
            if characters[-1] in " \n":
                characters[-1] = "\n" if space == "\n" else characters[-1]
                continue
            character = space
        elif gap and character in _TIGHT_PUNCTUATION and characters and characters[-1] == " ":
            characters[-1] = character  # an icon stood between the space and the full stop
            offsets[-1] = offset
            gap = False
            continue
        else:
            gap = False
        characters.append(character)
        offsets.append(offset)
    while characters and characters[-1] in " \n":
        characters.pop()
        offsets.pop()
    marks.append(len(characters))
    links = tuple(_link(characters, marks[begin], marks[end], target) for begin, end, target in writer.links)
    text, kept = compose("".join(characters), offsets)
    return CleanText(text, tuple(kept), links)


def _joins_emoji(characters: Sequence[str], index: int) -> bool:
    before = characters[index - 1] if index else ""
    after = characters[index + 1] if index + 1 < len(characters) else ""
    pictograph = unicodedata.category(before) == "So" if before else False
    return bool(after) and unicodedata.category(after) == "So" and (pictograph or before in _EMOJI_TAIL)


def _link(characters: Sequence[str], begin: int, end: int, target: str) -> Link:
    text = unicodedata.normalize("NFC", "".join(characters[begin:end]).strip())
    return Link(text, target.replace(FILLER, "").replace(FILLED_SPACE, "%20"))


def compose(text: str, offsets: Sequence[int]) -> tuple[str, Sequence[int]]:
    """``text`` in NFC; a composed character takes the offset of its base character."""
    if unicodedata.is_normalized("NFC", text):
        return text, offsets
    composed: list[str] = []
    kept: list[int] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and _combines(text[start:end], text[end]):
            end += 1
        piece = unicodedata.normalize("NFC", text[start:end])
        composed.append(piece)
        if len(piece) == end - start:
            kept.extend(offsets[start:end])
        else:
            kept.extend([offsets[start]] * len(piece))
        start = end
    return "".join(composed), kept


def _combines(before: str, character: str) -> bool:
    if character.isascii():
        return False
    if unicodedata.combining(character):
        return len(before) < 64
    return unicodedata.normalize("NFC", before[-2:] + character) != (
        unicodedata.normalize("NFC", before[-2:]) + unicodedata.normalize("NFC", character)
    )
