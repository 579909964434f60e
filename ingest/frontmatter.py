"""Reads the metadata at the top of a page (YAML, TOML or JSON) and finds where the text begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest.configuration import parse_json_object, parse_toml, parse_yaml
from ingest.document import PageMeta
from ingest.metadata import has_usual_key, page_meta

# A front matter has a few hundred characters; more than this is no metadata, and parsing it would only cost time.
MAX_FRONT_MATTER_CHARS = 64_000

_YAML_OPENING = re.compile(r"---[ \t]*\r?\n")
_YAML_CLOSING = re.compile(r"^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_TOML_OPENING = re.compile(r"\+\+\+[ \t]*\r?\n")
_TOML_CLOSING = re.compile(r"^\+\+\+[ \t]*(?:\r?\n|\Z)", re.MULTILINE)
_JSON_END = re.compile(r"[ \t]*(?:\r?\n|\Z)")
_SIMPLE_LINE = re.compile(r"^([^\W\d][\w.-]*(?: [\w.-]+){0,3})[ \t]*[:=](?:[ \t](.*))?$", re.MULTILINE)


def split_front_matter(text: str) -> tuple[PageMeta, int]:
    """The metadata and the offset in ``text`` at which the body starts (0 without front matter). Never raises.

    What cannot be understood is listed in ``problems`` and left out; the rest still counts.
    """
    start = 1 if text.startswith("\ufeff") else 0
    head = text[start : start + 4]
    if _YAML_OPENING.match(text, start):
        found = _fenced(text, start, _YAML_OPENING, _YAML_CLOSING, "YAML")
    elif _TOML_OPENING.match(text, start):
        found = _fenced(text, start, _TOML_OPENING, _TOML_CLOSING, "TOML")
    elif head.startswith("{"):
        found = _json(text, start)
    else:
        found = None
    if found is None:
        return PageMeta(), 0
    return page_meta(found.values, found.problems), found.body_start


@dataclass(frozen=True, slots=True)
class _FrontMatter:
    values: Mapping[str, Any]
    body_start: int
    problems: tuple[str, ...] = ()


def _fenced(
    text: str, start: int, opening: re.Pattern[str], closing: re.Pattern[str], name: str
) -> _FrontMatter | None:
    """What lies between two fences; None where the first one is a thematic break and the rest is text."""
    opened = opening.match(text, start)
    closed = closing.search(text, opened.end()) if opened else None
    if opened is None or closed is None:
        return None
    block = text[opened.end() : closed.start()]
    if len(block) > MAX_FRONT_MATTER_CHARS:
        if not _looks_like_metadata(block[:MAX_FRONT_MATTER_CHARS]):
            return None
        return _FrontMatter(
            {}, closed.end(), (f"front matter longer than {MAX_FRONT_MATTER_CHARS} characters: ignored",)
        )
    try:
        value, problems = (parse_toml(block), ()) if name == "TOML" else parse_yaml(block)
    except ValueError as error:
        lines = _simple_lines(block)
        if not _looks_like_metadata(block) or _is_prose(lines, block):
            return None
        return _FrontMatter(lines, closed.end(), (f"invalid {name} in the front matter: {error}",))
    if value is None:
        return None if block.strip() and not block.lstrip().startswith("#") else _FrontMatter({}, closed.end())
    if not isinstance(value, dict) or _is_prose(value, block):
        return None
    return _FrontMatter(value, closed.end(), tuple(f"front matter: {problem}" for problem in problems))


def _json(text: str, start: int) -> _FrontMatter | None:
    try:
        values, length = parse_json_object(text[start : start + MAX_FRONT_MATTER_CHARS])
    except ValueError:
        return None
    end = _JSON_END.match(text, start + length)
    return _FrontMatter(values, end.end()) if end and values else None


def _is_prose(values: Mapping[str, Any], block: str) -> bool:
    """Whether text between two thematic breaks parsed by chance (`Nota: ...`): metadata do not begin with a gap."""
    gap = not block.partition("\n")[0].strip()
    return bool(values) and (all(" " in key.strip() for key in values) or (gap and not has_usual_key(values)))


def _looks_like_metadata(block: str) -> bool:
    first = next((line for line in block.splitlines() if line.strip() and not line.startswith("#")), "")
    line = _SIMPLE_LINE.match(first)
    return (line is not None and " " not in line[1]) or re.match(r"\[\[?\w[\w.]*\]\]?\s*$", first) is not None


def _simple_lines(block: str) -> dict[str, str]:
    """The `key: value` lines of a block that does not parse: a page marked as a draft must stay marked."""
    values = {match[1]: (match[2] or "").strip() for match in _SIMPLE_LINE.finditer(block)}
    return {key: value for key, value in values.items() if value and value[0] not in "[{&*!|>"}
