"""Cuts a document into chunks: a section, or a part of one, with its answer units."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count, groupby, pairwise

from ingest.document import Block, Document
from ingest.sentences import split_sentences
from rag.types import Chunk, Span, Unit, UnitKind

# Items and definitions up to this many characters are one unit; longer ones are cut into sentences.
LONGEST_ITEM = 500
# A breadcrumb never takes more than three quarters of a chunk, however long its headings are.
SMALLEST_BUDGET_SHARE = 4
LONGEST_CRUMB = 160
LONGEST_TITLE_LINE = 120
_UNIT_KINDS: dict[str, UnitKind] = {"item": "item", "row": "row", "term": "term", "code": "code"}
_LEADING_MARKUP = re.compile(
    r"(?:[-*+]|\d{1,9}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?|(?:!!!|\?\?\?\+?|===[!+]?)[^\"'\n]*[\"']?[ \t]*"
)
_TAG_OR_TARGET = re.compile(r"<[^<>]*>|\]\([^()]*\)|\{\{.*?\}\}|\{[^{}]*\}", re.DOTALL)
# Words that announce the list or table after a sentence without a colon.
_ANNOUNCEMENT = re.compile(r"\b(?:a continuación|siguientes?|following|below)\b", re.IGNORECASE)
_DELIMITER_LINE = re.compile(r"[ \t>]*[|:-][ \t|:-]*\r?")
_BOLD_LINES = (
    re.compile(r"(\*\*|__)(?=\S).*(?<=\S)\1:?", re.DOTALL),
    re.compile(r"(?:<[^<>]+>\s*)*<(?:b|strong)\b[^<>]*>[^<]*</(?:b|strong)>(?:\s*</[^<>]+>)*:?", re.DOTALL),
)
# A paragraph that is nothing but pictures, in Markdown, HTML or a Hugo shortcode.
_PICTURES = re.compile(
    r"(?:\s*(?:\[?!\[[^\]]*\](?:\([^()]*\)|\[[^\]]*\])(?:\]\([^()]*\))?(?:\{[^{}]*\})?|<img\b[^<>]*>|</?(?:figure|p|a|center)\b[^<>]*>"
    r"|\{\{[<%]\s*(?:figure|img|image)\b.*?[>%]\}\}))+\s*",
    re.DOTALL,
)


@dataclass(slots=True)
class _Piece:
    """A unit to be, with the run (paragraph, list, table) it belongs to in its section."""

    unit: Unit
    run: int
    start: int  # where a chunk that begins with this piece begins: at its list marker, say
    cost: int = 0


@dataclass(slots=True)
class _Section:
    heading: Block | None
    start: int
    end: int
    breadcrumb: tuple[str, ...]
    blocks: list[Block] = field(default_factory=list)
    children: list[Block] = field(default_factory=list)
    pieces: list[_Piece] = field(default_factory=list)
    crumb_cost: int = 0


def chunk_document(
    document: Document,
    *,
    page_url: str,
    count_tokens: Callable[[Sequence[str]], list[int]],
    max_tokens: int,
    nav_position: int | None = None,
) -> list[Chunk]:
    """The chunks of ``document`` in order: disjoint, together holding every word of the page.

    A chunk never reaches over a heading. Lists and tables stay whole where they fit in ``max_tokens`` (breadcrumb
    included), else they are cut between items; a sentence is never cut, so a single one may be longer. A section
    that has only sub-headings lists them; one that has nothing gives a chunk without units. ``count_tokens`` is
    called once.
    """
    lines = _LineIndex(document.source)
    sections = _sections(document)
    for section in sections:
        section.pieces = list(_pieces(section, document.source, lines))
    _count(sections, count_tokens)
    template = _page_chunk(document, nav_position)
    seen: Counter[str] = Counter()
    chunks: list[Chunk] = []
    for section in sections:
        anchor = section.heading.anchor if section.heading else ""
        occurrence = seen[anchor]
        seen[anchor] += 1
        parts = _parts(section, max_tokens)
        for number, (part, span) in enumerate(_spans(section, parts, lines, document.source)):
            chunk = replace(
                template,
                id=_identifier(document.path, anchor, occurrence, number),
                breadcrumb=section.breadcrumb,
                anchor=anchor,
                url=f"{page_url}#{anchor}" if anchor else page_url,
                text=_text(part),
                source=document.source[span.start : span.end],
                span=span,
                units=_numbered(part),
                ordinal=len(chunks),
            )
            chunks.append(replace(chunk, content_hash=sha256(chunk.embedding_text.encode()).hexdigest()))
    return chunks


def _page_chunk(document: Document, nav_position: int | None) -> Chunk:
    """What all chunks of a page have in common."""
    meta = document.meta
    return Chunk(
        id="",
        path=document.path,
        title=document.title,
        breadcrumb=(),
        anchor="",
        url="",
        text="",
        source="",
        span=Span(0, 0, 1, 1),
        units=(),
        ordinal=0,
        content_hash="",
        created=meta.created,
        updated=meta.updated,
        authors=meta.authors,
        keywords=meta.keywords,
        draft=meta.draft,
        wip=meta.wip,
        nav_position=nav_position,
    )


def _identifier(path: str, anchor: str, occurrence: int, part: int) -> str:
    """The id of a part of a section; ``occurrence`` tells sections with the same anchor apart."""
    name = [path, anchor, *([str(occurrence)] if occurrence else []), str(part)]
    return sha256("\0".join(name).encode()).hexdigest()[:16]


class _LineIndex:
    """Line numbers of a text whose lines end at newlines."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def span(self, start: int, end: int) -> Span:
        last = max(start, end - 1)
        return Span(start, end, bisect_right(self._starts, start), bisect_right(self._starts, last))


# Sections


def _sections(document: Document) -> list[_Section]:
    """One section per heading, and one for the text before the first."""
    sections: list[_Section] = []
    path: list[_Section] = []
    for block in document.blocks:
        if block.kind != "heading":
            if not sections:
                sections.append(_Section(None, block.start, len(document.source), (document.title,)))
            sections[-1].blocks.append(block)
            continue
        if sections:
            sections[-1].end = block.start
        while path and _level(path[-1]) >= block.level:
            path.pop()
        headings = [section.heading.text for section in path if section.heading] + [block.text]
        section = _Section(block, block.start, len(document.source), _breadcrumb(document.title, headings))
        if path:
            path[-1].children.append(block)
        sections.append(section)
        path.append(section)
    return sections


def _level(section: _Section) -> int:
    return section.heading.level if section.heading else 0


def _breadcrumb(title: str, headings: Sequence[str]) -> tuple[str, ...]:
    repeated = bool(headings) and _folded(headings[0]) == _folded(title)
    return tuple(_clipped(crumb) for crumb in (title, *headings[repeated:]))


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if character.isalnum())


def _clipped(text: str) -> str:
    if len(text) <= LONGEST_CRUMB:
        return text
    return text[:LONGEST_CRUMB].rsplit(" ", 1)[0].rstrip(" ,;:.") + "…"


# Units


def _pieces(section: _Section, source: str, lines: _LineIndex) -> Iterator[_Piece]:
    if not section.blocks:
        yield from _outline(section, 0, source, lines)
        return
    runs = _runs(section.blocks)
    for number, block in enumerate(section.blocks):
        pieces = list(_block_pieces(block, runs[number], source, lines))
        following = section.blocks[number + 1] if number + 1 < len(section.blocks) else None
        if following is not None:
            _mark_leads(pieces, block, following)
        if block.kind == "row" and pieces and (not number or runs[number - 1] != runs[number]):
            pieces[0].start = _table_start(source, block.start)
        yield from pieces
    if len(section.children) > 1:
        yield from _outline(section, runs[-1] + 1, source, lines)


def _outline(section: _Section, run: int, source: str, lines: _LineIndex) -> Iterator[_Piece]:
    """The headings of the sub-sections, each a unit that points to its own line."""
    for child in section.children:
        span = lines.span(child.start, child.end)
        yield _Piece(Unit(child.text, source[span.start : span.end], span, "heading"), run=run, start=span.start)


def _runs(blocks: Sequence[Block]) -> list[int]:
    """The number of the run of each block: a paragraph is one, the blocks of a list or table are one together."""
    numbers = count()
    groups: dict[int, int] = {}
    runs: list[int] = []
    for block in blocks:
        if block.group is None:
            runs.append(next(numbers))
        else:
            if block.group not in groups:
                groups[block.group] = next(numbers)
            runs.append(groups[block.group])
    return runs


def _block_pieces(block: Block, run: int, source: str, lines: _LineIndex) -> Iterator[_Piece]:
    kind = _UNIT_KINDS.get(block.kind, "sentence")
    if kind == "sentence" and _PICTURES.fullmatch(source, block.start, block.end):
        kind = "image"
    whole = kind in {"row", "code", "image"} or (
        kind != "sentence" and len(block.text) <= LONGEST_ITEM and "\n" not in block.text
    )
    sentences = [(0, len(block.text))] if whole else split_sentences(block.text)
    edges = _edges(block, sentences, source)
    for number, ((first, last), (start, end)) in enumerate(zip(sentences, edges, strict=True)):
        span = lines.span(start, end)
        unit = Unit(
            text=block.text[first:last],
            source=source[start:end],
            span=span,
            kind=kind if number == 0 else "sentence",
            depth=block.depth,
            ordered=block.ordered and number == 0,
            cells=block.cells,
        )
        yield _Piece(unit, run, start=block.start if number == 0 else start)


def _edges(block: Block, sentences: Sequence[tuple[int, int]], source: str) -> list[tuple[int, int]]:
    """Where in the file each sentence of ``block`` begins and ends, with the markup that belongs to it."""
    leading = (
        _LEADING_MARKUP.match(source, block.start, block.offsets[0]) if block.kind in {"item", "paragraph"} else None
    )
    starts = [leading.end() if leading else block.start]
    ends: list[int] = []
    for (_, last), (first, _) in pairwise(sentences):
        left, right = block.offsets[last - 1] + 1, block.offsets[first]
        gap = _TAG_OR_TARGET.sub(lambda found: "x" * len(found[0]), source[left:right])
        ends.append(left + len(gap.split(None, 1)[0]) if gap[:1].strip() else left)
        starts.append(right - len(_last_word(gap)))
    ends.append(block.end)
    return list(zip(starts, ends, strict=True))


def _last_word(gap: str) -> str:
    """What follows the last whitespace of ``gap``; nothing if there is no whitespace."""
    found = re.search(r"\s(\S*)$", gap)
    return found[1] if found else ""


def _mark_leads(pieces: list[_Piece], block: Block, following: Block) -> None:
    """Mark what introduces ``following``: a last sentence with a colon, and lines that serve as titles."""
    own_list = following.kind == "item" and following.group == block.group and following.depth <= block.depth
    if block.kind not in {"paragraph", "item"} or (block.kind == "item" and own_list):
        return
    last = len(pieces) - 1
    if last > 0 and _is_aside(pieces[last].unit.text):
        last -= 1
    introduces = bool(pieces) and block.kind == "paragraph" and _announces(pieces[last].unit.text, following)
    for position in range(len(pieces) - 1, -1, -1):
        unit = pieces[position].unit
        if not (introduces and position >= last) and not _is_title_line(unit, block):
            return
        pieces[position].unit = replace(unit, lead=True)


def _is_aside(text: str) -> bool:
    return text.startswith("(") and text.rstrip(".").endswith(")")


def _announces(text: str, following: Block) -> bool:
    if text.rstrip("*_)\"'»” ").endswith(":"):
        return True
    return following.group is not None and bool(_ANNOUNCEMENT.search(text))


def _is_title_line(unit: Unit, block: Block) -> bool:
    if block.label is not None and block.text == block.label:
        return True
    is_short = len(unit.text) <= LONGEST_TITLE_LINE and unit.text[-1] not in ".!…;,)"
    return is_short and any(pattern.fullmatch(unit.source) for pattern in _BOLD_LINES)


def _table_start(source: str, row_start: int) -> int:
    """Where the table begins whose first row begins at ``row_start``: its header and delimiter lines come before."""
    line_start = source.rfind("\n", 0, row_start) + 1
    delimiter_start = source.rfind("\n", 0, max(line_start - 1, 0)) + 1
    if not _DELIMITER_LINE.fullmatch(source, delimiter_start, max(line_start - 1, delimiter_start)):
        return row_start
    header_start = source.rfind("\n", 0, max(delimiter_start - 1, 0)) + 1
    blank = re.compile(r"[ \t>]*").match(source, header_start)
    return blank.end() if blank else header_start


# Packing


def _count(sections: Sequence[_Section], count_tokens: Callable[[Sequence[str]], list[int]]) -> None:
    """Set the cost of every piece; that of a section's breadcrumb goes to its ``crumb_cost``."""
    pieces = [piece for section in sections for piece in section.pieces]
    crumbs = [" > ".join(section.breadcrumb) for section in sections]
    if not sections:
        return
    counts = count_tokens([*(piece.unit.text for piece in pieces), *crumbs, ""])
    special = counts[-1]
    for piece, tokens in zip(pieces, counts, strict=False):
        piece.cost = tokens - special + 1  # and the newline
    for section, tokens in zip(sections, counts[len(pieces) :], strict=False):
        section.crumb_cost = tokens + 1


def _parts(section: _Section, max_tokens: int) -> list[list[_Piece]]:
    if not section.blocks:
        return [section.pieces]  # the headings of its sub-sections, or nothing
    outline = [piece for piece in section.pieces if piece.unit.kind == "heading"]
    parts = _pack(section.pieces[: len(section.pieces) - len(outline)], _budget(section, max_tokens))
    if parts and _cost(parts[-1]) + _cost(outline) <= _budget(section, max_tokens):
        parts[-1] += outline
    return parts


def _pack(pieces: Sequence[_Piece], budget: int) -> list[list[_Piece]]:
    """Parts of at most ``budget`` tokens (or of one piece): whole runs where they fit, else cut between pieces."""
    parts: list[list[_Piece]] = []
    current: list[_Piece] = []
    for _, group in groupby(pieces, key=lambda piece: piece.run):
        run = list(group)
        if _cost(current) + _cost(run) <= budget:
            current += run
            continue
        carried = _introduction(current, run[0], budget)
        if kept := current[: len(current) - len(carried)]:
            parts.append(kept)
        current = carried
        for piece in run:
            if current and _cost(current) + piece.cost > budget:
                carried = _introduction(current, piece, budget)
                if len(carried) == len(current):
                    carried = []
                parts.append(current[: len(current) - len(carried)])
                current = carried
            current.append(piece)
    return [*parts, current] if current else parts


def _introduction(part: Sequence[_Piece], following: _Piece, budget: int) -> list[_Piece]:
    """The last pieces of ``part`` that introduce ``following`` and fit before it."""
    begin = len(part)
    while begin and (part[begin - 1].unit.lead or part[begin - 1].unit.text.endswith(":")):
        begin -= 1
    while begin < len(part) and _cost(part[begin:]) + following.cost > budget:
        begin += 1
    return list(part[begin:])


def _cost(pieces: Sequence[_Piece]) -> int:
    return sum(piece.cost for piece in pieces)


def _spans(
    section: _Section, parts: Sequence[list[_Piece]], lines: _LineIndex, source: str
) -> Iterator[tuple[list[_Piece], Span]]:
    """Each part with its stretch of the file: from its first piece to the next part's; the first has the heading."""
    starts = [section.start, *(part[0].start for part in parts[1:])]
    for part, start, end in zip(parts, starts, [*starts[1:], section.end], strict=True):
        yield part, lines.span(start, start + len(source[start:end].rstrip()))


def _text(part: Sequence[_Piece]) -> str:
    """The words of the section itself; the headings below it where it has no others."""
    own = [piece.unit.text for piece in part if piece.unit.kind != "heading"]
    return "\n".join(own or [piece.unit.text for piece in part])


def _numbered(part: Sequence[_Piece]) -> tuple[Unit, ...]:
    """The units of a chunk, their runs numbered from 0."""
    numbers: dict[int, int] = {}
    return tuple(replace(piece.unit, block=numbers.setdefault(piece.run, len(numbers))) for piece in part)


def _budget(section: _Section, max_tokens: int) -> int:
    return max(max_tokens - section.crumb_cost, max_tokens // SMALLEST_BUDGET_SHARE)
