"""Blanks out, character by character, what handbook dialects add to CommonMark, so that every offset stays true."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

# Noncharacters that no text may hold: they stand for removed markup (a word character to the Markdown parser, so that
# neighbouring emphasis still works) and for a space inside a link target.
FILLER = "\ufdd0"
FILLED_SPACE = "\ufdd1"

ZERO_WIDTH = frozenset(
    "\u00ad\u200b\u200c\u200e\u200f\u2060\u2066\u2067\u2068\u2069\u202a\u202b\u202c\u202d\u202e\ufeff"
)

_FENCE = re.compile(r"(?P<prefix>[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)(?P<mark>`{3,}|~{3,})(?P<info>.*)")
_BACKTICKS = re.compile(r"`+")
_PREFIX = r"^[ \t]*(?:>[ \t]*)*"
_TASK = re.compile(_PREFIX + r"(?:[-*+]|\d{1,9}[.)])[ \t]+(\[[ xX]\])(?=\s)", re.MULTILINE)
_ALERT = re.compile(r"^[ \t]*(?:>[ \t]*)+(\[!\w+\][+-]?)", re.MULTILINE)
_DIRECTIVE = re.compile(_PREFIX + r"(:{3,}[ \t]*(?:[\w-]+)?)(\[)?[^\]\n]*(\])?", re.MULTILINE)
_CONTENTS = re.compile(_PREFIX + r"(\[\[?_?toc_?\]?\])[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_ABBREVIATION = re.compile(_PREFIX + r"(\*\[)[^\]\n]{1,80}(\])(?=:)", re.MULTILINE)
_SNIPPET = re.compile(r"[ \t]*-+8<-+[ \t]*(?P<file>[\"'][^\"'\n]*[\"'])?[ \t]*$")
_HARD_SPACE = re.compile(_PREFIX + r"(?:[-*+]|\d{1,9}[.)]|#{1,6})(\u00a0)", re.MULTILINE)
_LEADING_INVISIBLE = re.compile(r"^[ \t]*([\u200b\u2060\ufeff]+)", re.MULTILINE)
_EMOJI = re.compile(
    r"(?<![\w:/])(?::(?:[a-z][a-z0-9_+-]{0,49}|[+-]1|100|1234):(?:\{[^{}\n]{0,200}\})?)+(?!\w)", re.IGNORECASE
)
_TEMPLATE_TAG = re.compile(r"\{%[^{}\n]{0,500}%\}")
_SHORTCODE = re.compile(r"\{\{([<%])")
_LONGEST_SHORTCODE = 4_000
_SHORTCODE_NAME = re.compile(r"\s*/?\*?\s*([\w./-]+)")
_SHORTCODE_VALUE = re.compile(r"\b(title|caption|summary|alt)\s*=\s*(\"[^\"]*\"|`[^`]*`|'[^']*')")
_SHORTCODE_PATH = re.compile(r"\b(?:rel)?ref\s+[\"`]?([^\s\"`>%]+)")
_IMAGE_SHORTCODES = frozenset({"figure", "img", "image", "gallery"})
_ATTRIBUTE = r"(?:[#.][^\s{}=#]{1,100}|[\w:-]{1,50}=(?:\"[^\"\n{}]{0,300}\"|'[^'\n{}]{0,300}'|[^\s{}\"']{1,300}))"
_ATTRIBUTES = re.compile(r"\{:?[ \t]*" + _ATTRIBUTE + r"(?:[ \t]+(?:" + _ATTRIBUTE + r"|[\w-]{1,50})){0,20}[ \t]*\}")
_MARKED = re.compile(r"(?<![=\w])(==)(?=[^\s=])[^=\n]{1,300}(?<=[^\s=])(==)(?!=)")
_INSERTED = re.compile(r"(?<![\^\w])(\^\^)(?=[^\s^])[^\^\n]{1,300}(?<=[^\s^])(\^\^)(?!\^)")
_KEYS = re.compile(r"(?<![+\w])(\+\+)[a-z0-9\"][^\s+]{0,30}(?:\+[^\s+]{1,30}){0,5}(\+\+)(?![+\w])", re.IGNORECASE)
_SPACED_TARGET = re.compile(r"\]\([ \t]*([^()<>\n\"'{}]{1,500}?)[ \t]*\)")
_LIKE_A_PATH = re.compile(r"/|\.\w{2,5}(?:#.*)?$")
_MARKUP_GROUPS = (_TASK, _ALERT, _DIRECTIVE, _CONTENTS, _ABBREVIATION, _MARKED, _INSERTED, _KEYS)


def blank_dialects(text: str) -> str:
    """``text`` with comments, shortcodes, attribute lists, icons, snippets and task boxes blanked out.

    The result has the same length and the same newlines. Fenced code and code spans are left alone. Captions and
    titles of shortcodes stay. Admonitions and tabs are no matter of this module: the parser has a rule for them.
    """
    canvas = _Canvas(text)
    ranges = _text_ranges(canvas)
    commented = canvas.text()
    for start, end in ranges:
        _blank_passage(canvas, commented[start:end], start)
    return canvas.settled()


class _Canvas:
    """The characters of a text, some of which get blanked."""

    def __init__(self, text: str) -> None:
        self.source = text
        self.characters = list(text)
        self.touched: list[int] = []

    def blank(self, start: int, end: int, *, solid: bool = False) -> None:
        """Blank [start, end): whitespace stays, unless ``solid``."""
        for index in range(start, end):
            if solid or not self.characters[index].isspace():
                self.characters[index] = FILLER
        self.touched.append(start)
        self.touched.append(max(start, end - 1))

    def text(self) -> str:
        return "".join(self.characters)

    def settled(self) -> str:
        """The text, where lines of which nothing is left are blank lines."""
        text = self.text()
        if not self.touched:
            return text
        return "\n".join(_settle(line) for line in text.split("\n"))


def _settle(line: str) -> str:
    if FILLER not in line or line.strip(FILLER + " \t\r>"):
        return line
    return line.replace(FILLER, " ")


def _text_ranges(canvas: _Canvas) -> list[tuple[int, int]]:
    """Blank comments and snippets; return the passages (runs of lines without a blank one) outside fenced code."""
    ranges: list[tuple[int, int]] = []
    fence: re.Match[str] | None = None
    comment_end = begin = offset = 0
    snippet = False
    last_close = canvas.source.rfind("-->")
    for line in _lines(canvas.source):
        start, offset = offset, offset + len(line)
        if fence is not None:
            if not _leaves(fence, line):
                fence, begin = (None if _closes(fence, line) else fence), offset
                continue
            fence, begin = None, start
        if start >= comment_end:
            opened = _FENCE.match(line)
            marker = _SNIPPET.match(line.rstrip())
            if opened and not (opened["mark"][0] == "`" and "`" in opened["info"]):
                _close_range(ranges, begin, start)
                fence, begin = opened, offset
                continue
            if marker or snippet:
                canvas.blank(start, offset)
                snippet = snippet != bool(marker and not marker["file"])
                line = ""
        comment_end = _blank_comments(canvas, max(start, comment_end), offset, comment_end, last_close)
        if not line.strip():
            _close_range(ranges, begin, start)
            begin = offset
    if fence is None:
        _close_range(ranges, begin, offset)
    return ranges


def _lines(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _close_range(ranges: list[tuple[int, int]], begin: int, end: int) -> None:
    if end > begin:
        ranges.append((begin, end))


def _closes(fence: re.Match[str], line: str) -> bool:
    bare = line.strip(" \t\r\n>")
    return len(bare) >= len(fence["mark"]) and not bare.strip(fence["mark"][0])


def _leaves(fence: re.Match[str], line: str) -> bool:
    """Whether ``line`` lies outside the list item or quotation in which ``fence`` was opened."""
    if not line.strip():
        return False
    if ">" in fence["prefix"]:
        return not line.lstrip().startswith(">")
    width = len(fence["prefix"])
    return width > 3 and len(line) - len(line.lstrip()) < min(width, 2)


def _blank_comments(canvas: _Canvas, start: int, end: int, comment_end: int, last_close: int) -> int:
    """Blank the comments that begin in the line [start, end); return where the last one ends."""
    source = canvas.source
    at = source.find("<!--", start, end)
    if at < 0:
        return comment_end
    spans = _code_spans(source[start:end])
    while at >= 0:
        if any(first <= at - start < last for first, last in spans):
            at = source.find("<!--", at + 4, end)
            continue
        close = source.find("-->", at + 4) if last_close >= at + 4 else -1
        comment_end = close + 3 if close >= 0 else _end_of_paragraph(source, at)
        canvas.blank(at, comment_end)
        at = source.find("<!--", comment_end, end)
    return comment_end


def _end_of_paragraph(source: str, start: int) -> int:
    found = re.compile(r"\n[ \t\r]*\n").search(source, start)
    return found.start() if found else len(source)


def _code_spans(passage: str) -> list[tuple[int, int]]:
    """The code spans of a passage: a run of backticks closes at the next run of the same length."""
    runs = [(found.start(), found.end()) for found in _BACKTICKS.finditer(passage)]
    following: dict[int, list[int]] = {}
    for index in range(len(runs) - 1, -1, -1):
        following.setdefault(runs[index][1] - runs[index][0], []).append(index)
    spans: list[tuple[int, int]] = []
    index = 0
    while index < len(runs):
        start, end = runs[index]
        waiting = following[end - start]
        while waiting and waiting[-1] <= index:
            waiting.pop()
        if waiting:
            spans.append((start, runs[waiting[-1]][1]))
            index = waiting[-1]
        index += 1
    return spans


def _blank_passage(canvas: _Canvas, passage: str, base: int) -> None:
    code = bytearray(len(passage))
    for start, end in _code_spans(passage):
        code[start:end] = b"\1" * (end - start)
    for pattern in _MARKUP_GROUPS:
        for found in _outside(pattern.finditer(passage), code):
            for group in range(1, (pattern.groups or 0) + 1):
                if found.start(group) >= 0:
                    canvas.blank(base + found.start(group), base + found.end(group))
    _blank_shortcodes(canvas, passage, base, code)
    for pattern in (_EMOJI, _TEMPLATE_TAG):
        for found in _outside(pattern.finditer(passage), code):
            canvas.blank(base + found.start(), base + found.end())
    for found in _outside(_ATTRIBUTES.finditer(passage), code):
        if _is_attribute_list(passage, found):
            canvas.blank(base + found.start(), base + found.end())
    _mend_spaces(canvas, passage, base, code)


def _outside(matches: Iterable[re.Match[str]], code: bytearray) -> Iterator[re.Match[str]]:
    return (found for found in matches if not code[found.start()] and not code[found.end() - 1])


def _blank_shortcodes(canvas: _Canvas, passage: str, base: int, code: bytearray) -> None:
    last = max(passage.rfind(">}}"), passage.rfind("%}}"))
    for found in _outside(_SHORTCODE.finditer(passage), code):
        start = found.start()
        if last < start:
            return
        closing = ">}}" if found[1] == "<" else "%}}"
        end = passage.find(closing, start, start + _LONGEST_SHORTCODE)
        if end < 0:
            continue
        end += len(closing)
        inner = passage[start + 3 : end - 3]
        is_target = passage[max(0, start - 2) : start] == "]("
        kept = _SHORTCODE_PATH.search(inner) if is_target else None
        canvas.blank(base + start, base + end, solid=is_target)
        spans = [kept.span(1)] if kept else [] if is_target else _visible_values(inner)
        for first, final in spans:
            for index in range(base + start + 3 + first, base + start + 3 + final):
                canvas.characters[index] = canvas.source[index]


def _visible_values(inner: str) -> list[tuple[int, int]]:
    """Where in a shortcode the words stand that a reader of the page sees."""
    name = _SHORTCODE_NAME.match(inner)
    values = {found[1]: (found.start(2) + 1, found.end(2) - 1) for found in _SHORTCODE_VALUE.finditer(inner)}
    alternative = values.pop("alt", None)
    if not values and alternative and name and name[1] in _IMAGE_SHORTCODES:
        return [alternative]
    return sorted(values.values())


def _is_attribute_list(passage: str, found: re.Match[str]) -> bool:
    """Whether braces are an attribute list and no formula, template or piece of code."""
    before = passage[found.start() - 1] if found.start() else "\n"
    line_end = passage.find("\n", found.end())
    rest = passage[found.end() : line_end if line_end >= 0 else len(passage)].strip(" \t\r#")
    if re.match(r"\{:?[ \t]*[#.]|\{:", found[0]):
        return before in " \t\n)]*_`:>~\"'" or (not rest and before not in "^_\\{$")
    line = passage[passage.rfind("\n", 0, found.start()) + 1 : found.start()]
    return before in ")]*`:" or (not rest and line.lstrip().startswith("#"))


def _mend_spaces(canvas: _Canvas, passage: str, base: int, code: bytearray) -> None:
    """Let links with spaces in their target, and markers followed by a no-break space, be recognised."""
    for found in _outside(_SPACED_TARGET.finditer(passage), code):
        if " " in found[1] and _LIKE_A_PATH.search(found[1]):
            for index in range(base + found.start(1), base + found.end(1)):
                if canvas.characters[index] == " ":
                    canvas.characters[index] = FILLED_SPACE
    for pattern in (_HARD_SPACE, _LEADING_INVISIBLE):
        for found in pattern.finditer(passage):
            canvas.characters[base + found.start(1) : base + found.end(1)] = " " * len(found[1])
