"""The words of a Mermaid diagram: what its boxes and arrows say, without the drawing syntax."""

from __future__ import annotations

import re

_DECLARATION = re.compile(
    r"\s*(?:%%|graph\b|flowchart\b|sequenceDiagram|classDiagram|stateDiagram|erDiagram|gantt\b|pie\b|journey\b|mindmap\b"
    r"|gitGraph|timeline\b|direction\b|style\b|classDef\b|class\b|linkStyle\b|click\b|autonumber|activate\b|deactivate\b"
    r"|end\b|dateFormat\b|axisFormat\b|---)"
)
_TITLED = re.compile(r"\s*(?:title|section|subgraph|accTitle:|accDescr:)\s+(?:\w+\s*(?=\[))?(?P<label>.+)$")
_LABEL = re.compile(
    r"\"(?P<quoted>[^\"]+)\""
    r"|\[[\[(/\\]?(?P<box>[^\[\]\"]+?)[\])/\\]?\]"
    r"|\({1,3}(?P<round>[^()\[\]\"]+?)\){1,3}"
    r"|\{{1,2}(?P<choice>[^{}\"]+?)\}{1,2}"
    r"|\|(?P<edge>[^|\"]+)\|"
    r"|(?:--|==|-\.)\s+(?P<arrow>[^\->=.|\"][^\->=|\"]*?)\s+(?:-->|---|==>|===|\.->|\.-)"
)
_MESSAGE = re.compile(r"[^:\"]*[\w)\]]\s*:\s*(?P<label>[^:].*)$")


def label_spans(line: str) -> list[tuple[int, int]]:
    """Where in a line of Mermaid the labels stand, as (start, end), in order."""
    titled = _TITLED.match(line)
    if titled and not titled["label"].startswith(("[", '"')):
        return [titled.span("label")]
    if not titled and _DECLARATION.match(line):
        return []
    spans = [found.span(found.lastgroup) for found in _LABEL.finditer(line) if found.lastgroup]
    if not spans and (message := _MESSAGE.match(line)):
        spans = [message.span("label")]
    return [_trim(line, *span) for span in spans]


def _trim(line: str, start: int, end: int) -> tuple[int, int]:
    while start < end and line[start].isspace():
        start += 1
    while end > start and line[end - 1].isspace():
        end -= 1
    return start, end
