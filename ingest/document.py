"""A parsed page: metadata and a flat list of blocks, each mapped back to its characters in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["heading", "paragraph", "item", "row", "term", "code"]


@dataclass(frozen=True, slots=True)
class PageMeta:
    """What the front matter says. Dates are ISO 8601 days or None; ``problems`` lists what could not be understood."""

    title: str | None = None
    description: str | None = None
    created: str | None = None
    updated: str | None = None
    authors: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    draft: bool = False
    wip: bool = False
    slug: str | None = None
    url: str | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the text: what is shown and where it leads (as written)."""

    text: str
    target: str


@dataclass(frozen=True, slots=True)
class Block:
    """One leaf of the page, in reading order: a heading, a paragraph, one list item's own text, one table row...

    ``text`` is readable text (no markup, NFC, single spaces, a newline for a hard line break); ``offsets[i]`` is
    the character offset in the file of ``text[i]`` (non-decreasing; characters that stand for removed markup, such
    as the joint between two cells, take the offset of the next one). ``start``/``end`` span the block's source with
    its markup. ``group`` is the number of the list, table or definition list it belongs to (None outside one):
    blocks of one group belong together. ``label`` is the title of the admonition or tab that holds it. ``level``
    and ``anchor`` are set on headings; ``header`` and ``cells`` are the column names and the contents of a table row.
    """

    kind: BlockKind
    text: str
    offsets: tuple[int, ...]
    start: int
    end: int
    group: int | None = None
    depth: int = 0
    ordered: bool = False
    level: int = 0
    anchor: str = ""
    label: str | None = None
    header: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A page. ``source`` is the file's text; the body begins at offset ``body_start``."""

    path: str
    title: str
    source: str
    body_start: int
    meta: PageMeta
    blocks: tuple[Block, ...]
