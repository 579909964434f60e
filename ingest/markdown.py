"""Parses a Markdown page into a Document: CommonMark, GFM tables, and what MkDocs and Hugo add to them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from markdown_it import MarkdownIt
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin

from ingest.blocks import read_blocks
from ingest.containers import containers_plugin
from ingest.dialects import blank_dialects
from ingest.document import Block, Document, PageMeta
from ingest.frontmatter import split_front_matter
from ingest.inline import PositionedInline
from ingest.lines import split_lines
from ingest.site import Site
from ingest.urls import AnchorRegistry

# Levels of nested Markdown that are read; each list takes two. Deeper text is ignored (the parser recurses).
DEEPEST_NESTING = 60
_LANGUAGE_SUFFIX = re.compile(r"\.[a-z]{2}(?:[-_][A-Za-z]{2})?$")
_ORDER_PREFIX = re.compile(r"^\d+[-_. ]+(?=\S)")
_LISTED_ID = re.compile(r"\{(?=[^{}\n]{0,300}\})[^{}\n#]{0,300}?(?:#|\bid=[\"']?)([^\s{}#\"']+)")
_HTML_ID = re.compile(r"<[a-zA-Z][^<>]{0,300}?\sid\s*=\s*[\"']([^\"'<>\s]+)[\"'][^<>]{0,300}>")
_MARKDOWN_INSIDE = re.compile(r"\smarkdown\b")
_INDEX_NAMES = frozenset({"index", "_index", "readme"})


def parse_markdown(text: str, path: str, site: Site) -> Document:
    """The page ``text`` (as read, without newline translation) at ``path``, relative to the handbook's root.

    Never raises: what is no Markdown is text.
    """
    meta, body_start = split_front_matter(text)
    if body_start == 0 and text.startswith("\ufeff"):
        body_start = 1
    blanked = blank_dialects(text[body_start:])
    lines = split_lines(blanked, body_start)
    parser = _parser()
    env: dict[str, Any] = {}
    tokens = parser.parse("\n".join(lines.lines), env)
    registry = AnchorRegistry(site.kind, site.anchor_style)
    registry.reserve(_html_ids(blanked))
    if registry.reads_attribute_lists:
        registry.reserve(_listed_ids(text[body_start:], blanked))
    blocks = read_blocks(tokens, parser, env, text, lines, registry.heading_anchor)
    title = _title(meta, site.nav_titles.get(path), blocks, path)
    return Document(path=path, title=title, source=text, body_start=body_start, meta=meta, blocks=blocks)


def _listed_ids(body: str, blanked: str) -> list[str]:
    """The ids that the author gave to elements of the page in attribute lists."""
    return [found[1] for found in _LISTED_ID.finditer(body) if blanked[found.start()] != "{"]


def _html_ids(blanked: str) -> list[str]:
    """The ids of HTML elements that hold Markdown; those of others are no concern of a generator."""
    return [found[1] for found in _HTML_ID.finditer(blanked) if _MARKDOWN_INSIDE.search(found[0])]


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": DEEPEST_NESTING})
    inline = PositionedInline()
    inline.ruler, inline.ruler2 = parser.inline.ruler, parser.inline.ruler2
    parser.inline = inline
    parser.enable(["table", "strikethrough"])
    # Joined tokens lose their positions.
    parser.disable(["text_join", "fragments_join"])
    parser.use(deflist_plugin).use(footnote_plugin, inline=False, move_to_end=False).use(containers_plugin)
    # Links are kept as written and never rendered, so nothing is encoded or refused.
    for name, behaviour in (("normalizeLink", str), ("normalizeLinkText", str), ("validateLink", _accept)):
        setattr(parser, name, behaviour)
    return parser


def _accept(_: str) -> bool:
    return True


def _title(meta: PageMeta, nav_title: str | None, blocks: tuple[Block, ...], path: str) -> str:
    first = next((block.text for block in blocks if block.kind == "heading" and block.level == 1), None)
    return meta.title or nav_title or first or _title_of_path(path)


def _title_of_path(path: str) -> str:
    """``01-beneficios/seguro_dental.es.md`` is called "Seguro dental"; an index page is called after its folder."""
    parts = PurePosixPath(path)
    name = _LANGUAGE_SUFFIX.sub("", parts.stem)
    if name.lower() in _INDEX_NAMES and parts.parent.name:
        name = parts.parent.name
    words = re.sub(r"[-_\s]+", " ", _ORDER_PREFIX.sub("", name)).strip() or name
    return words[:1].upper() + words[1:]
