"""From the parser's lines and contents back to characters of the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceLines:
    """The lines that the Markdown parser saw (same length as in the file, without line ends) and where each begins."""

    lines: tuple[str, ...]
    starts: tuple[int, ...]

    def start(self, line: int) -> int:
        """Offset of the first character of ``line`` (counted from 0) that is no whitespace."""
        text = self.lines[line]
        return self.starts[line] + len(text) - len(text.lstrip())

    def end(self, line: int) -> int:
        """Offset after the last character of ``line`` that is no whitespace."""
        return self.starts[line] + len(self.lines[line].rstrip())

    def positions(self, content: str, line: int) -> list[int]:
        """File offset of every character of ``content``, which is what the parser cut out of the lines from ``line``.

        The parser removes a prefix (indentation, ``>``, list marker) and surrounding whitespace of each line.
        """
        positions: list[int] = []
        for number, part in enumerate(content.split("\n"), start=line):
            if number > line:
                positions.append(self.starts[number - 1] + len(self.lines[number - 1]))
            column = self._column(part, number)
            last = self.starts[number] + len(self.lines[number])
            positions.extend(min(max(column + index, self.starts[number]), last) for index in range(len(part)))
        return positions

    def _column(self, part: str, line: int) -> int:
        """Offset at which ``part`` begins; its leading whitespace may be an expanded tab."""
        body = part.strip()
        found = self.lines[line].rfind(body) if body else len(self.lines[line])
        return self.starts[line] + max(found, 0) - (len(part) - len(part.lstrip()))


def split_lines(text: str, base: int) -> SourceLines:
    """Lines of ``text``, which begins at offset ``base`` of the file. A line ends at a newline, whose \\r is dropped.

    Characters that the Markdown parser would change (lone carriage returns, NUL) become spaces.
    """
    raw = text.split("\n")
    starts: list[int] = []
    offset = base
    for line in raw:
        starts.append(offset)
        offset += len(line) + 1
    return SourceLines(tuple(_parseable(line) for line in raw), tuple(starts))


def _parseable(line: str) -> str:
    return line.removesuffix("\r").replace("\r", " ").replace("\0", " ")


def joint(parts: Sequence[tuple[str, Sequence[int]]]) -> tuple[str, tuple[int, ...]]:
    """Texts with their offsets put together; an empty sequence of offsets takes that of the next character."""
    text = "".join(part for part, _ in parts)
    offsets: list[int] = []
    following = 0
    for part, own in reversed(parts):
        if own:
            offsets[:0] = own
            following = own[0]
        else:
            offsets[:0] = [following] * len(part)
    return text, tuple(offsets)
