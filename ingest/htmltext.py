"""HTML blocks cut into the passages a reader sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.inline import BLOCK_TAGS, SILENT_TAGS

_TAG = re.compile(r"<(?P<close>/?)(?P<name>[a-zA-Z][\w-]*)(?P<rest>[^<>]{0,2000})>")
_SILENT = SILENT_TAGS | {"iframe", "video", "audio", "object", "svg", "canvas", "noscript"}
_IDENTIFIER = re.compile(r"\bid\s*=\s*[\"']?([^\s\"'>]+)")


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch [start, end) of an HTML block inside one block-level element ``tag`` (whose id may be given)."""

    start: int
    end: int
    tag: str
    identifier: str | None = None


def html_passages(html: str) -> Iterator[Passage]:
    """The passages between block-level tags, in order; scripts, styles and embedded frames are left out."""
    start = 0
    tag, identifier, silent = "", None, ""
    for found in _TAG.finditer(html):
        name = found["name"].lower()
        closing = bool(found["close"])
        if silent:
            if closing and name == silent:
                start, silent = found.end(), ""
            continue
        if name not in BLOCK_TAGS and name not in _SILENT:
            continue
        yield Passage(start, found.start(), tag, identifier)
        start = found.end()
        if name in _SILENT:
            silent = "" if closing or found["rest"].rstrip().endswith("/") else name
            continue
        given = _IDENTIFIER.search(found["rest"])
        tag, identifier = ("", None) if closing else (name, given[1] if given else None)
    if not silent:
        yield Passage(start, len(html), tag, identifier)
