"""Walks the Markdown parser's tokens and makes the blocks of a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from unicodedata import category

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingest.diagrams import label_spans
from ingest.document import Block, BlockKind, Link
from ingest.headings import Heading
from ingest.htmltext import Passage, html_passages
from ingest.inline import CleanText, clean_inline, clean_literal
from ingest.lines import SourceLines, joint
from ingest.rows import cell_positions, one_line, row_text

# An underlined paragraph this long is text above a rule that lacks its blank line, not a heading.
LONGEST_SETEXT_HEADING = 150
_ATTRIBUTES_AT_END = re.compile(r"[ \t]*(?P<braces>\{(?P<list>:?[ \t]*[#.\w][^{}\n]*)\})[ \t#]*$")
_IDENTIFIER = re.compile(r"(?:^|[\s:])(?:#|id=[\"']?)([^\s{}#\"']+)")
_MARKER = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]+$")
_HTML_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})

# Gives the anchor of a heading from what it says and the id that its author gave.
AnchorMaker = Callable[[Heading, str | None], str]


@dataclass(slots=True)
class _Node:
    token: Token
    children: list[_Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """What surrounds a block. ``quoted``: inside a quotation or an admonition, whose headings are mere text."""

    label: str | None = None
    group: int | None = None
    depth: int = 0
    ordered: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class _Passage:
    """Readable text with the source [start, end) it was made of."""

    clean: CleanText
    start: int
    end: int


def read_blocks(
    tokens: Sequence[Token], parser: MarkdownIt, env: Any, source: str, lines: SourceLines, anchor: AnchorMaker
) -> tuple[Block, ...]:
    """The blocks of a page in the order of the file. ``env`` is the parser's environment, ``source`` the file."""
    return tuple(_Reader(parser, env, source, lines, anchor).read(_nest(tokens), _Place()))


def _nest(tokens: Sequence[Token]) -> list[_Node]:
    root: list[_Node] = []
    stack = [root]
    for token in tokens:
        if token.nesting < 0:
            if len(stack) > 1:
                stack.pop()
            continue
        node = _Node(token)
        stack[-1].append(node)
        if token.nesting > 0:
            stack.append(node.children)
    return root


class _Reader:
    """Reads one page."""

    def __init__(self, parser: MarkdownIt, env: Any, source: str, lines: SourceLines, anchor: AnchorMaker) -> None:
        self._parser = parser
        self._env = env
        self._source = source
        self._lines = lines
        self._anchor = anchor
        self._groups = count()

    def read(self, nodes: Sequence[_Node], place: _Place) -> Iterator[Block]:
        for node in nodes:
            yield from self._read_node(node, place)

    def _read_node(self, node: _Node, place: _Place) -> Iterator[Block]:
        kind = node.token.type
        if kind == "heading_open":
            yield from self._heading(node, place)
        elif kind == "paragraph_open":
            yield from _block("paragraph", self._passage(node.children[0]), place)
        elif kind in {"bullet_list_open", "ordered_list_open"}:
            yield from self._list(node, place)
        elif kind == "dl_open":
            yield from self._definitions(node, self._grouped(place))
        elif kind == "table_open":
            yield from self._table(node, replace(place, group=next(self._groups)))
        elif kind == "container_open":
            yield from self._container(node, place)
        elif kind == "blockquote_open":
            yield from self.read(node.children, replace(place, quoted=True))
        elif kind in {"fence", "code_block"}:
            yield from self._code(node.token, replace(place, group=next(self._groups)))
        elif kind == "html_block":
            yield from self._html(node.token, place)
        else:
            yield from self.read(node.children, place)

    def _grouped(self, place: _Place) -> _Place:
        return place if place.group is not None else replace(place, group=next(self._groups))

    def _passage(self, node: _Node) -> _Passage:
        """The text of an ``inline`` node."""
        token = node.token
        line = _line(token)
        positions = self._lines.positions(token.content, line)
        clean = clean_inline(token.children or [], token.content, positions)
        start = positions[0] if positions else self._lines.start(line)
        return _Passage(clean, start, positions[-1] + 1 if positions else start)

    # Headings

    def _heading(self, node: _Node, place: _Place) -> Iterator[Block]:
        passage = self._passage(node.children[0])
        underlined = node.token.markup in {"-", "="}
        first, last = node.token.map or (0, 1)
        if underlined and (last - first > 2 or len(passage.clean.text) > LONGEST_SETEXT_HEADING):
            yield from _block("paragraph", passage, place)
            return
        written = self._source[passage.start : self._lines.end(first)]
        attributes = _ATTRIBUTES_AT_END.search(written)
        identifier = _IDENTIFIER.search(attributes["list"]) if attributes else None
        anchor = self._anchor(
            Heading(
                tokens=node.children[0].token.children or [],
                written=written,
                attributes=attributes.start("braces") if attributes else len(written),
                indent=self._indent(passage.start, first),
            ),
            identifier[1] if identifier else None,
        )
        end = self._lines.end(last - 1)
        yield from self._heading_block(
            _Passage(one_line(passage.clean), self._heading_start(passage.start, first), end),
            place,
            level=int(node.token.tag[1]),
            anchor=anchor,
        )

    def _indent(self, start: int, line: int) -> int:
        """The number of spaces before a heading; 0 where something else stands before it, such as a list marker."""
        before = self._source[self._lines.starts[line] : start]
        return len(before) - len(before.lstrip(" ")) if not before.strip(" \t#") else 0

    def _heading_start(self, start: int, line: int) -> int:
        """Where the ``##`` before a heading's text stands, or the list marker before that."""
        line_start = self._lines.starts[line]
        before = self._source[line_start:start].rstrip()
        if before.endswith("#"):
            start = line_start + len(before.rstrip("#"))
        return self._item_start(start, line)

    def _heading_block(self, passage: _Passage, place: _Place, *, level: int, anchor: str) -> Iterator[Block]:
        # Headings that are mere text to us have taken their id from the page's registry, as they do on the site.
        if place.quoted:
            yield from _block("paragraph", passage, place)
            return
        for block in _block("heading", passage, replace(place, group=None, depth=0, ordered=False)):
            yield replace(block, level=level, anchor=anchor)

    # Lists and definitions

    def _list(self, node: _Node, place: _Place) -> Iterator[Block]:
        ordered = node.token.type == "ordered_list_open"
        inner = replace(self._grouped(place), ordered=ordered)
        for item in node.children:
            yield from self._item(item, inner)

    def _item(self, item: _Node, place: _Place) -> Iterator[Block]:
        for number, node in enumerate(item.children):
            if node.token.type in {"bullet_list_open", "ordered_list_open"}:
                yield from self._list(node, replace(place, depth=place.depth + 1))
            elif number == 0 and node.token.type == "paragraph_open":
                passage = self._passage(node.children[0])
                start = self._item_start(passage.start, _line(node.token))
                yield from _block("item", replace(passage, start=start), place)
            else:
                yield from self._read_node(node, place)

    def _item_start(self, start: int, line: int) -> int:
        line_start = self._lines.starts[line]
        marker = _MARKER.search(self._source[line_start:start])
        return line_start + marker.start() if marker else start

    def _definitions(self, node: _Node, place: _Place) -> Iterator[Block]:
        terms: list[_Passage] = []
        for child in node.children:
            if child.token.type == "dt_open":
                passage = self._passage(child.children[0])
                if passage.clean.text:
                    terms.append(passage)
                continue
            rest = child.children
            if terms and rest and rest[0].token.type == "paragraph_open":
                yield from _block("term", _definition(terms, self._passage(rest[0].children[0])), place)
                rest = rest[1:]
            else:
                for term in terms:
                    yield from _block("term", term, place)
            terms = []
            yield from self.read(rest, place)

    # Tables

    def _table(self, node: _Node, place: _Place) -> Iterator[Block]:
        rows = [row for part in node.children for row in part.children]
        header = self._cells(rows[0]) if rows else []
        names = tuple(one_line(cell).text for cell in header)
        if len(rows) == 1:
            yield from self._row(rows[0], (), header, place)
        for row in rows[1:]:
            yield from self._row(row, names, self._cells(row), place)

    def _cells(self, row: _Node) -> list[CleanText]:
        line = _line(row.token)
        inlines = [cell.children[0].token for cell in row.children if cell.children]
        contents = [token.content for token in inlines]
        positions = cell_positions(contents, self._lines.lines[line], self._lines.starts[line])
        return [
            clean_inline(token.children or [], token.content, own)
            for token, own in zip(inlines, positions, strict=True)
        ]

    def _row(self, row: _Node, header: tuple[str, ...], cells: Sequence[CleanText], place: _Place) -> Iterator[Block]:
        line = _line(row.token)
        end = self._lines.end(line)
        start = self._source.find("|", self._lines.starts[line], end)
        offsets = [offset for cell in cells for offset in cell.offsets[:1]]
        if offsets and (start < 0 or offsets[0] < start):
            start = self._row_start(offsets[0], line)
        for block in _block("row", _Passage(row_text(header, cells), start, end), place):
            yield replace(block, header=header, cells=tuple(one_line(cell).text for cell in cells))

    def _row_start(self, first: int, line: int) -> int:
        """Start of a row without an outer pipe: its first cell, with the markup before it."""
        before = self._source[self._lines.starts[line] : first]
        return first - (len(before) - max(before.rfind(" "), before.rfind("\t")) - 1)

    # Containers, code, HTML

    def _container(self, node: _Node, place: _Place) -> Iterator[Block]:
        title = self._passage(node.children[0])
        quoted = place.quoted or node.token.info == "admonition"
        inner = replace(place, label=one_line(title.clean).text or place.label, quoted=quoted)
        start = self._lines.start(_line(node.token))
        yield from _block("paragraph", replace(title, clean=one_line(title.clean), start=start), inner)
        yield from self.read(node.children[1:], inner)

    def _code(self, token: Token, place: _Place) -> Iterator[Block]:
        first = _line(token) + (token.type == "fence")
        diagram = token.info.strip().strip("{}. ").split(" ")[0].lower() == "mermaid"
        for number, content in enumerate(token.content.split("\n"), start=first):
            if not content.strip():
                continue
            positions = self._lines.positions(content, number)
            original = "".join(self._source[position] for position in positions).replace("\0", " ")
            clean = _diagram_line(original, positions) if diagram else clean_literal(original, positions)
            yield from _block("code", _Passage(clean, self._lines.start(number), self._lines.end(number)), place)

    def _html(self, token: Token, place: _Place) -> Iterator[Block]:
        content = token.content.rstrip("\n")
        positions = self._lines.positions(content, _line(token))
        group = replace(place, group=next(self._groups))
        header: tuple[str, ...] = ()
        cells: list[tuple[str, _Passage]] = []
        for part in html_passages(content):
            passage = self._html_passage(part, content, positions)
            if part.tag in {"td", "th"}:
                cells.append((part.tag, passage))
                continue
            if cells and (part.tag or passage.clean.text):
                yield from _html_row(header, cells, group)
                header = _html_header(cells) or header
                cells = []
            if part.tag in _HTML_HEADINGS:
                yield from self._heading_block(
                    replace(passage, clean=one_line(passage.clean)),
                    place,
                    level=int(part.tag[1]),
                    anchor=part.identifier or "",  # no site makes up an id for a heading in HTML
                )
            else:
                is_item = part.tag == "li"
                yield from _block("item" if is_item else "paragraph", passage, group if is_item else place)
        yield from _html_row(header, cells, group)

    def _html_passage(self, part: Passage, content: str, positions: Sequence[int]) -> _Passage:
        start, end = part.start, part.end
        while start < end and content[start].isspace():
            start += 1
        while end > start and content[end - 1].isspace():
            end -= 1
        text, own = content[start:end], positions[start:end]
        tokens: list[Token] = []
        if text:
            self._parser.inline.parse(text, self._parser, self._env, tokens)
        clean = clean_inline(tokens, text, own)
        return _Passage(clean, own[0] if own else 0, own[-1] + 1 if own else 0)


def _line(token: Token) -> int:
    return token.map[0] if token.map else 0


def _block(kind: BlockKind, passage: _Passage, place: _Place) -> Iterator[Block]:
    clean = passage.clean
    if clean.text if kind in {"code", "heading"} else _says_something(clean.text):
        yield Block(
            kind=kind,
            text=clean.text,
            offsets=clean.offsets,
            start=passage.start,
            end=passage.end,
            group=place.group,
            depth=place.depth,
            ordered=place.ordered if kind == "item" else False,
            label=place.label,
            links=clean.links,
        )


def _says_something(text: str) -> bool:
    """Whether ``text`` is more than a line of dashes: it has a letter, a digit or a pictograph."""
    return any(character.isalnum() or category(character) == "So" for character in text)


def _definition(terms: Sequence[_Passage], definition: _Passage) -> _Passage:
    """``Term, other term: definition``."""
    parts: list[tuple[str, Sequence[int]]] = []
    links: list[Link] = []
    for term in terms:
        if parts:
            parts.append((", ", ()))
        parts.append((term.clean.text.replace("\n", " "), term.clean.offsets))
        links.extend(term.clean.links)
    parts.append((" " if parts[-1][0][-1] in ":?!" else ": ", ()))
    parts.append((definition.clean.text, definition.clean.offsets))
    text, offsets = joint(parts)
    return _Passage(CleanText(text, offsets, (*links, *definition.clean.links)), terms[0].start, definition.end)


def _diagram_line(line: str, positions: Sequence[int]) -> CleanText:
    parts: list[tuple[str, Sequence[int]]] = []
    for start, end in label_spans(line):
        clean = clean_literal(line[start:end], positions[start:end])
        if clean.text:
            parts.extend([(" → ", ())] if parts else [])
            parts.append((clean.text, clean.offsets))
    text, offsets = joint(parts)
    return CleanText(text, offsets)


def _html_header(cells: Sequence[tuple[str, _Passage]]) -> tuple[str, ...]:
    return tuple(one_line(cell.clean).text for tag, cell in cells) if all(tag == "th" for tag, _ in cells) else ()


def _html_row(header: tuple[str, ...], cells: Sequence[tuple[str, _Passage]], place: _Place) -> Iterator[Block]:
    if not cells or _html_header(cells):
        return
    passage = _Passage(row_text(header, [cell.clean for _, cell in cells]), cells[0][1].start, cells[-1][1].end)
    for block in _block("row", passage, place):
        yield replace(block, header=header, cells=tuple(one_line(cell.clean).text for _, cell in cells))
