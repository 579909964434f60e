"""Table rows as sentences: each cell is named after its column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ingest.inline import CleanText
from ingest.lines import joint


def cell_positions(contents: Sequence[str], line: str, start: int) -> list[list[int]]:
    """File offsets of the characters of each cell of the table row ``line``, which begins at offset ``start``.

    GFM removes the backslash of an escaped pipe before it parses a cell.
    """
    cursor = 0
    positions: list[list[int]] = []
    for content in contents:
        written = content.replace("|", "\\|")
        found = line.find(written, cursor) if content else -1
        if found < 0:
            positions.append([start + min(cursor, len(line))] * len(content))
            continue
        cursor = found + len(written)
        skipped = 0
        cell: list[int] = []
        for index, character in enumerate(content):
            skipped += character == "|"
            cell.append(start + found + index + skipped)
        positions.append(cell)
    return positions


def row_text(header: Sequence[str], cells: Sequence[CleanText]) -> CleanText:
    """``Column: cell; other column: other cell``; empty cells are left out."""
    parts: list[tuple[str, Sequence[int]]] = []
    for number, cell in enumerate(cells):
        if not cell.text:
            continue
        if parts:
            parts.append((" " if parts[-1][0][-1] in ".;:!?…" else "; ", ()))
        name = header[number] if number < len(header) else ""
        if name:
            parts.append((name if name[-1] in ":?!." else f"{name}:", ()))
            parts.append((" ", ()))
        parts.append((cell.text.replace("\n", " "), cell.offsets))
    text, offsets = joint(parts)
    return CleanText(text, offsets, tuple(link for cell in cells for link in cell.links))


def one_line(clean: CleanText) -> CleanText:
    """``clean`` without hard line breaks."""
    return replace(clean, text=clean.text.replace("\n", " "))
