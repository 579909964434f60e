"""HTML blocks cut into the passages a reader sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK_TAG_NAMES = (
    "address article aside blockquote body caption center dd details div dl dt figcaption figure footer form h1 h2 h3"
    " h4 h5 h6 header hr html li main nav ol option p picture pre section summary table tbody td tfoot th thead tr ul"
)
BLOCK_TAGS = frozenset(_BLOCK_TAG_NAMES.split())
SILENT_TAGS = frozenset({"script", "style", "template"})
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
