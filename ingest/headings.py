"""Reads a heading the way its site generator does: the text that the generator makes the heading's id of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from ingest.dialects import FILLED_SPACE, FILLER

_COMMENT = re.compile(r"<!--.{0,1000}?-->")
_EMOJI_CODE = re.compile(r":[\w+-]+:")
_BRACES = re.compile(r"\{[^{}\n]*\}")
_SHORTCODE = re.compile(r"\{\{[<%]")
_ATTRIBUTE_LIST = re.compile(r"[ \t]+\{:?[ \t]*[^{}\n ][^{}\n]*\}[ \t]*$")
# What Goldmark's linkify extension makes a link of; the text of an automatic link is no part of an id.
_BARE_LINK = re.compile(
    r"(?<![^\s(*_~])(?:(?:https?|ftp)://|www\.)[-\w@:%.+~#=]{1,256}\.[a-z]+(?::\d+)?"
    r"(?:[/#?][^\s<]*?)?(?=[?!.,:;)*_~]*(?:[\s<]|$))"
    r"|(?<![^\s(*_~])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,9}"
)
_DASHES = re.compile(r"---?")
# Where Goldmark's typographer extension cuts a text in two.
_TYPOGRAPHY = re.compile(r"['\"]|---?|\.\.\.|<<|>>")
_NODES = (_TYPOGRAPHY, _BARE_LINK, _EMOJI_CODE)
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


class _Source:
    """Gives back, in the text of a token, some of what was blanked out of the heading; leaves comments out.

    That is the attribute lists that begin before ``lists_until`` and, if ``emoji``, the codes of emoji.
    """

    def __init__(self, heading: Heading, lists_until: int, *, emoji: bool) -> None:
        self._written = heading.written
        self._comments = _covered(_COMMENT, heading.written)
        self._kept = _covered(_BRACES, heading.written[:lists_until])
        if emoji:
            self._kept |= _covered(_EMOJI_CODE, heading.written)

    def text(self, token: Token) -> str:
        characters = []
        for position, character in enumerate(token.content, int(token.meta.get("start", 0))):
            if character == FILLER:
                characters.append(self._written[position] if position in self._kept else "")
            elif position not in self._comments:
                characters.append(" " if character == FILLED_SPACE else character)
        return "".join(characters)


def _covered(pattern: re.Pattern[str], text: str) -> set[int]:
    return {position for found in pattern.finditer(text) for position in range(found.start(), found.end())}


def toc_text(heading: Heading, *, attribute_lists: bool, emoji_codes: bool) -> str:
    """The text of which Python-Markdown's toc extension makes the id: no image, no tag, single spaces.

    ``attribute_lists`` tells whether the site reads them (attr_list), ``emoji_codes`` whether it replaces them by
    pictures (pymdownx.emoji); what a site does not read is text there.
    """
    source = _Source(heading, 0 if attribute_lists else len(heading.written), emoji=not emoji_codes)
    parts: list[str] = []
    for token in heading.tokens:
        if token.type == "text":
            parts.append(source.text(token))
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
    source = _Source(heading, heading.attributes, emoji=True)
    parts: list[str] = []
    depth = 0
    for position, token in enumerate(heading.tokens):
        if depth == 0 and token.type == "text":
            parts.append(_DASHES.sub("–", _BARE_LINK.sub("", source.text(token))))
        elif depth == 0 and token.type == "text_special":
            parts.append(_character(token))
        elif depth == 0:
            parts.append(_first_node(heading.tokens, position, source))
        depth += token.nesting
    return "".join(parts).strip()


def _first_node(tokens: Sequence[Token], position: int, source: _Source) -> str:
    """The text of the node at ``position`` or, if that holds others, of the innermost first one."""
    while position < len(tokens):
        token = tokens[position]
        if token.nesting < 0 or token.markup == "autolink":
            return ""
        if token.type == "image":
            tokens, position = token.children or [], 0
        elif token.nesting > 0 or (token.type == "text" and not token.content):  # markers leave empty texts
            position += 1
        elif token.type in {"text", "text_special"}:
            return _first_text(tokens, position, source)
        else:
            return token.content if token.type == "code_inline" else ""
    return ""


def _first_text(tokens: Sequence[Token], position: int, source: _Source) -> str:
    """Goldmark's text node: it ends at a marker that closes nothing, a quotation mark, an emoji or automatic link."""
    text = ""
    for number in range(position, len(tokens)):
        token = tokens[number]
        if token.type == "text_special":
            text += _character(token)
            continue
        follows_text = number > position and tokens[number - 1].type == "text"
        if token.type != "text" or (follows_text and not _LEFTOVER_MARKER.fullmatch(token.content)):
            break
        written = source.text(token)
        if not text and (emoji := _EMOJI_CODE.match(written)):
            return emoji[0]
        ends = [found.start() for pattern in _NODES if (found := pattern.search(written))]
        text += written[: min(ends, default=None)]
        if ends:
            break
    return text


def _character(token: Token) -> str:
    """The character of an escape or reference; of references Hugo resolves those that have a name."""
    return token.markup if token.markup.startswith("&#") else token.content
