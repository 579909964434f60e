"""Prints measurements as Markdown tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence

Cell = str | int | float | None


def show(title: str, headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print a table on standard output under its title; the first column names the rows."""
    sys.stdout.write(f"\n**{title}**\n\n{markdown(headers, rows)}\n")
    sys.stdout.flush()


def markdown(headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A Markdown table, its figures right-aligned. Raises ValueError when a row is not as long as ``headers``."""
    for row in rows:
        if len(row) != len(headers):
            raise ValueError(f"{len(row)} cells under {len(headers)} headers: {row}")
    rules = ["---", *["---:"] * (len(headers) - 1)]
    lines = [list(headers), rules, *[[cell_text(cell) for cell in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell_text(cell: Cell) -> str:
    """A figure with about three significant digits; a dash for what could not be measured."""
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:
        return f"{cell:,.0f}"
    decimals = 1 if abs(cell) >= 10 else 2 if abs(cell) >= 0.1 else 3
    return f"{cell:.{decimals}f}"
