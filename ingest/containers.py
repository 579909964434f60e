"""The Markdown rule for indented containers: admonitions (``!!!``, ``???``) and content tabs (``===``)."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

# Python-Markdown's admonition and PyMdown's details and tabs; their content is indented by four columns.
_OPENING = re.compile(
    r"(?:(?P<admonition>!!!|\?\?\?\+?)[ \t]*(?:[\w-]+(?:[ \t]+[\w-]+){0,9})?|===[!+]?)"
    r"(?:[ \t]*(?P<title>\"[^\n]*\"|'[^\n]*'))?[ \t\ufdd0]*$"
)
CONTENT_INDENT = 4


def containers_plugin(md: MarkdownIt) -> None:
    """Add tokens ``container_open`` (``info`` is the kind, ``content`` the title) and ``container_close``.

    mdit-py-plugins has admonitions, but ends them at two blank lines and knows no tabs.
    """
    md.block.ruler.before(
        "fence", "indented_container", _container, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )


def _container(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    if state.is_code_block(start_line):
        return False
    start = state.bMarks[start_line] + state.tShift[start_line]
    if state.src[start : start + 3] not in {"!!!", "???", "==="}:
        return False
    opening = _OPENING.match(state.src[start : state.eMarks[start_line]])
    last_line = _last_line(state, start_line, end_line)
    # A row of exclamation marks, or the underline of a heading, opens nothing.
    if not opening or (not opening["title"] and (last_line == start_line + 1 or not opening["admonition"])):
        return False
    if silent:
        return True
    title = (opening["title"] or "")[1:-1].strip()
    token = state.push("container_open", "div", 1)
    token.map = [start_line, last_line]
    token.info = "admonition" if opening["admonition"] else "tab"
    _push_title(state, start_line, title)
    saved = state.blkIndent, state.lineMax, state.parentType
    state.blkIndent += CONTENT_INDENT
    state.lineMax = last_line
    state.parentType = "admonition"
    state.md.block.tokenize(state, start_line + 1, last_line)
    state.blkIndent, state.lineMax, state.parentType = saved
    state.push("container_close", "div", -1)
    state.line = last_line
    return True


def _push_title(state: StateBlock, line: int, title: str) -> None:
    token = state.push("inline", "", 0)
    token.content = title
    token.map = [line, line + 1]
    token.children = []
    token.info = "title"


def _last_line(state: StateBlock, start_line: int, end_line: int) -> int:
    """The line after the last one that belongs to the container."""
    last = start_line + 1
    for line in range(start_line + 1, end_line):
        if state.isEmpty(line):
            continue
        if state.sCount[line] < state.blkIndent + CONTENT_INDENT:
            break
        last = line + 1
    return last
