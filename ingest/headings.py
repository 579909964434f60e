"""Reads a heading the way its site generator does: the text that the generator makes the heading's id of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from ingest.dialects import FILLED_SPACE, FILLER

_FILLED = re.compile(f"{FILLER}+")
_EMOJI_CODES = re.compile(r"(?::[\w+-]+:)+")
_SHORTCODE = re.compile(r"\{\{[<%]")
_ATTRIBUTE_LIST = re.compile(r"[ \t]+\{:?[ \t]*[^}\n ][^\n]*\}[ \t]*$")
# What Goldmark's linkify extension makes a link of; the text of an automatic link is no part of an id.
_BARE_LINK = re.compile(
    r"(?<![^\s(*_~])(?:(?:https?|ftp)://|www\.)[-\w@:%.+~#=]{1,256}\.[a-z]+(?::\d+)?"
    r"(?:[/#?][^\s<]*?)?(?=[?!.,:;)*_~]*(?:[\s<]|$))"
    r"|(?<![^\s(*_~])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}"
)
_DASHES = re.compile(r"---?")
# Where Goldmark's typographer extension cuts a text in two.
_TYPOGRAPHY = re.compile(r"['\"]|---?|\.\.\.|<<|>>")
_LEFTOVER_MARKER = re.compile(r"[*_~]+")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading as its page has it. ``tokens`` are the children that the parser made of its content.

    ``written`` is that content before dialects were blanked out of it; the attribute list at its end begins at
    ``attributes`` (its length if there is none). ``indent`` is the number of spaces before its marker.
    """

    tokens: Sequence[Token]
    written: str
    attributes: int
    indent: int = 0

    @property
    def has_shortcode(self) -> bool:
        """Whether a shortcode of Hugo stands in it."""
        return _SHORTCODE.search(self.written) is not None


def toc_text(heading: Heading, *, attribute_lists: bool, emoji_codes: bool) -> str:
    """The text of which Python-Markdown's toc extension makes the id: no image, no tag, single spaces.

    ``attribute_lists`` tells whether the site reads them (attr_list), ``emoji_codes`` whether it replaces them by
    pictures (pymdownx.emoji); what a site does not read is text there.
    """
    parts: list[str] = []
    lists_until = 0 if attribute_lists else len(heading.written)
    for token in heading.tokens:
        if token.type == "text":
            parts.append(_as_written(token, heading, lists_until, emoji=not emoji_codes))
        elif token.type in {"text_special", "code_inline"}:
            parts.append(token.content)
        elif token.type in {"softbreak", "hardbreak"}:
            parts.append(" ")
    text = "".join(parts)
    return " ".join((_ATTRIBUTE_LIST.sub("", text) if attribute_lists else text).split())


def goldmark_text(heading: Heading) -> str:
    """The text of which Hugo makes the id since 0.145: no tag, no automatic link, the names of emoji.

    Of what is nested in emphasis, a link or an image Hugo takes the first node only (`textPlainTo` in its
    markup/goldmark/internal/render). Earlier versions took the line as written, markup included.
    """
    return _nodes(heading.tokens, heading).strip()


def _nodes(tokens: Sequence[Token], heading: Heading) -> str:
    parts: list[str] = []
    position = 0
    while position < len(tokens):
        end = _end_of_node(tokens, position)
        token = tokens[position]
        if token.type == "text":
            text = _as_written(token, heading, heading.attributes, emoji=True)
            parts.append(_DASHES.sub("", _BARE_LINK.sub("", text)))
        else:
            parts.append(_node(tokens[position:end], heading))
        position = end
    return "".join(parts)


def _end_of_node(tokens: Sequence[Token], start: int) -> int:
    """The position after the token at ``start`` or, if it opens something, after what closes it."""
    depth = 0
    for position in range(start, len(tokens)):
        depth += tokens[position].nesting
        if depth <= 0:
            return position + 1
    return len(tokens)


def _node(tokens: Sequence[Token], heading: Heading) -> str:
    """The text of the node that ``tokens`` make up, which is no plain text."""
    token = tokens[0]
    if token.type == "text_special":
        # Of character references only those with a name are resolved.
        return token.markup if token.markup.startswith("&#") else token.content
    if token.nesting > 0:
        return "" if token.markup == "autolink" else _first_node(tokens[1:-1], heading)
    if token.type == "image":
        return _first_node(token.children or [], heading)
    return token.content if token.type == "code_inline" else ""


def _first_node(tokens: Sequence[Token], heading: Heading) -> str:
    if not tokens:
        return ""
    if tokens[0].type in {"text", "text_special"}:
        return _first_text(tokens, heading)
    return _node(tokens[: _end_of_node(tokens, 0)], heading)


def _first_text(tokens: Sequence[Token], heading: Heading) -> str:
    """Goldmark's first text node: it ends at a marker that closes nothing, a quotation mark or an automatic link."""
    text = ""
    for position, token in enumerate(tokens):
        if token.type == "text_special":
            text += _node([token], heading)
            continue
        follows_text = position > 0 and tokens[position - 1].type == "text"
        if token.type != "text" or (follows_text and not _LEFTOVER_MARKER.fullmatch(token.content)):
            break
        written = _as_written(token, heading, heading.attributes, emoji=True)
        ends = [found.start() for found in (_TYPOGRAPHY.search(written), _BARE_LINK.search(written)) if found]
        text += written[: min(ends, default=None)]
        if ends:
            break
    return text


def _as_written(token: Token, heading: Heading, lists_until: int, *, emoji: bool) -> str:
    """The text of ``token`` with some of what was blanked out of it put back.

    That is the attribute lists that begin before ``lists_until`` and, if ``emoji``, the codes of emoji.
    """
    start = token.meta.get("start", 0)

    def original(found: re.Match[str]) -> str:
        position = start + found.start()
        piece = heading.written[position : start + found.end()]
        kept = emoji if _EMOJI_CODES.fullmatch(piece) else piece.startswith("{") and position < lists_until
        return piece if kept else ""

    return _FILLED.sub(original, token.content).replace(FILLED_SPACE, " ")
