"""The quoted passage inside its section: Markdown source made readable and safe, with the quote highlighted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.admon import admon_plugin
from mdit_py_plugins.deflist import deflist_plugin

from api.schema import Citation

MARK_OPEN: Final = "<mark>"
MARK_CLOSE: Final = "</mark>"

# Marks of site generators that nobody reads: Hugo's shortcodes, and the attribute lists of both.
_GENERATOR_MARKS = re.compile(r"\{\{[<%].*?[%>]\}\}|\s*\{\s*[:#.][^{}\n]*\}", re.DOTALL)
_TAGS = re.compile(r"<!--.*?-->|</?[a-zA-Z][^<>]*>", re.DOTALL)
_LEAF_KINDS = frozenset({"text", "code_inline", "softbreak", "fence", "code_block", "html_block", "image"})


@dataclass(slots=True)
class _Leaf:
    """A run of readable text, the token that shows it, and its 1-based lines in the file."""

    token: Token
    text: str
    block: int
    start_line: int
    end_line: int
    marked: list[tuple[int, int]] = field(default_factory=list)


def passage_html(citation: Citation, image_word: str) -> str:
    """The citation's context as HTML with the quote in ``<mark>``.

    The HTML has no link, no image and no tag of the handbook's own: an image shows as ``[image_word: its text]``.
    A quote that cannot be told apart in the text (one cut inside a link, say) is marked by its whole lines.
    """
    parser = _parser()
    tokens = parser.parse(citation.context)
    leaves = list(_leaves(tokens, citation.context_start_line, image_word))
    _mark_quote(leaves, _key_of(plain_text(citation.quote)), citation.start_line, citation.end_line)
    for leaf in leaves:
        _show(leaf)
    _tame(tokens)
    return str(parser.renderer.render(tokens, parser.options, {})).strip()


def plain_text(markdown: str) -> str:
    """Readable text of Markdown source, one line a block, without any markup."""
    blocks: dict[int, str] = {}
    for leaf in _leaves(_parser().parse(markdown), 1, ""):
        blocks[leaf.block] = blocks.get(leaf.block, "") + leaf.text
    return "\n".join(line for text in blocks.values() if (line := " ".join(text.split())))


def _parser() -> MarkdownIt:
    # Indented text is not code here: it is the inside of an admonition, a tab or a list cut off from its beginning.
    # A link definition would vanish, and with it what it says.
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"]).disable(["code", "reference"])
    return parser.use(admon_plugin).use(deflist_plugin)


def _leaves(tokens: Sequence[Token], first_line: int, image_word: str) -> Iterator[_Leaf]:
    """What can be read in ``tokens``, in order; ``block`` counts the tokens of the outer list."""
    lines = (0, 1)
    for number, token in enumerate(tokens):
        if token.map is not None:
            lines = (token.map[0], max(token.map[1], token.map[0] + 1))  # a defined term claims no line at all
        for piece in token.children if token.children is not None else [token]:
            if piece.type in _LEAF_KINDS:
                text = _readable(piece, image_word)
                yield _Leaf(piece, text, number, first_line + lines[0], first_line + lines[1] - 1)


def _readable(token: Token, image_word: str) -> str:
    if token.type == "softbreak":
        return "\n"
    if token.type == "image":
        return f"[{image_word}: {token.content}]" if image_word and token.content else token.content
    if token.type == "html_block":
        return _TAGS.sub("", token.content)
    return _GENERATOR_MARKS.sub("", token.content) if token.type == "text" else token.content


def _key_of(text: str) -> str:
    """Letters and figures only: what stays the same whatever markup stands around them."""
    return "".join(character for character in text if character.isalnum())


def _mark_quote(leaves: Sequence[_Leaf], quote_key: str, start_line: int, end_line: int) -> None:
    """Note on each leaf which of its characters belong to the quote."""
    places = [(leaf, i) for leaf in leaves for i, character in enumerate(leaf.text) if character.isalnum()]
    start = _find_near(quote_key, places, start_line, end_line)
    if start is None:
        for leaf in leaves:
            if leaf.start_line <= end_line and leaf.end_line >= start_line:
                leaf.marked.append((0, len(leaf.text)))
        return
    first, last = places[start], places[start + len(quote_key) - 1]
    inside = False
    for leaf in leaves:
        inside = inside or leaf is first[0]
        if inside:
            begin = _widen_left(leaf.text, first[1]) if leaf is first[0] else 0
            end = _widen_right(leaf.text, last[1] + 1) if leaf is last[0] else len(leaf.text)
            leaf.marked.append((begin, end))
        if leaf is last[0]:
            return


def _find_near(quote_key: str, places: Sequence[tuple[_Leaf, int]], start_line: int, end_line: int) -> int | None:
    """Where ``quote_key`` begins in ``places``: in the quote's own lines, where it occurs more than once."""
    context_key = "".join(leaf.text[i] for leaf, i in places)
    found = [match.start() for match in re.finditer(f"(?={re.escape(quote_key)})", context_key)] if quote_key else []
    for start in found:
        if places[start][0].end_line >= start_line and places[start][0].start_line <= end_line:
            return start
    return None


def _widen_left(text: str, start: int) -> int:
    while start and not text[start - 1].isalnum() and not text[start - 1].isspace():
        start -= 1
    return start


def _widen_right(text: str, end: int) -> int:
    while end < len(text) and not text[end].isalnum() and not text[end].isspace():
        end += 1
    return end


def _show(leaf: _Leaf) -> None:
    """Turn the leaf's token into the escaped HTML that shows its text."""
    token, html = leaf.token, _marked_html(leaf)
    if token.type in ("fence", "code_block"):
        html = f"<pre><code>{html}</code></pre>\n"
    elif token.type == "code_inline":
        html = f"<code>{html}</code>"
    elif token.type == "html_block":
        html = f"<p>{html.strip()}</p>\n" if leaf.text.strip() else ""
    token.type, token.content = ("html_block" if token.block else "html_inline"), html
    token.meta["shown"] = True


def _marked_html(leaf: _Leaf) -> str:
    pieces, position = [], 0
    for start, end in leaf.marked:
        pieces.append(escape(leaf.text[position:start]))
        pieces.append(f"{MARK_OPEN}{escape(leaf.text[start:end])}{MARK_CLOSE}" if leaf.text[start:end] else "")
        position = end
    return "".join([*pieces, escape(leaf.text[position:])])


def _tame(tokens: Sequence[Token]) -> None:
    """Drop links and the handbook's own inline tags; make headings paragraphs, so that the page keeps its outline."""
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = "p"
            token.attrs = {"class": "faro-heading"} if token.nesting == 1 else {}
        if token.children is not None:
            token.children = [
                child
                for child in token.children
                if child.type not in ("link_open", "link_close")
                and (child.type != "html_inline" or child.meta.get("shown"))
            ]
