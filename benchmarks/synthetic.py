"""Makes handbooks of any size out of the sample's own sections, with words exchanged so that no two are alike."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from rag.settings import PROJECT_ROOT

SAMPLE = PROJECT_ROOT / "data" / "handbook"
SEED = 23
EXCHANGED = 0.3
"""Share of the longer words that are exchanged: enough that hardly a sentence stands twice, so that each has to be
embedded, and few enough that questions about the sample still have something to find."""
FEWEST_SECTIONS, MOST_SECTIONS = 3, 6
"""Sections on a page, drawn evenly: about as many chunks as a page of the sample has."""
PAGES_IN_FOLDER = 25

_WORD = re.compile(r"\b[a-záéíóúñü]{6,}\b")
_FENCE = re.compile(r"^ *(?:```|~~~)")
_KEPT = re.compile(r"(\]\([^)]*\)|\{[^}]*\}|`[^`]*`|<[^>]*>|https?://\S+|!!! \w+)")
"""What is no text: link targets, attributes, code, HTML, addresses, admonition types."""


@dataclass(frozen=True, slots=True)
class Material:
    """What pages are made of: whole sections, page titles, and every longer word as often as the sample has it."""

    sections: tuple[str, ...]
    titles: tuple[str, ...]
    words: tuple[str, ...]


def read_material(handbook: Path = SAMPLE) -> Material:
    """The material of a handbook's Markdown files."""
    bodies = [_body(file.read_text(encoding="utf-8")) for file in sorted(handbook.rglob("*.md"))]
    sections = [section for body in bodies for section in _sections(body)]
    titles = [line.removeprefix("# ") for body in bodies for line in body.splitlines() if line.startswith("# ")]
    words = [word for section in sections for word in _WORD.findall(_KEPT.sub(" ", section))]
    return Material(tuple(sections), tuple(titles), tuple(words))


def write_handbook(folder: Path, pages: int, *, seed: int = SEED) -> Path:
    """Write a MkDocs handbook of so many ``pages`` into ``folder``, the same for the same seed; return ``folder``."""
    material, chance = read_material(), random.Random(seed)
    docs = folder / "docs"
    docs.mkdir(parents=True)
    (folder / "mkdocs.yml").write_text(f"site_name: Manual de {pages} páginas\ndocs_dir: docs\n", encoding="utf-8")
    for number in range(pages):
        file = docs / f"area-{number // PAGES_IN_FOLDER:02}" / f"pagina-{number:04}.md"
        file.parent.mkdir(exist_ok=True)
        file.write_text(make_page(material, number, chance), encoding="utf-8")
    return folder


def make_page(material: Material, number: int, chance: random.Random) -> str:
    """A page of a few sections under a title of its own."""
    count = chance.randint(FEWEST_SECTIONS, min(MOST_SECTIONS, len(material.sections)))
    title = exchange_words(chance.choice(material.titles), material.words, chance)
    sections = [exchange_words(text, material.words, chance) for text in chance.sample(material.sections, count)]
    front = f"---\ntitle: {title!r}\ndate: 2026-01-{number % 28 + 1:02}\n---\n"
    return "\n\n".join([front, f"# {title} {number}", *sections]) + "\n"


def exchange_words(text: str, words: tuple[str, ...], chance: random.Random) -> str:
    """``text`` with some longer words replaced by others of the sample, its Markdown kept."""

    def exchanged(match: re.Match[str]) -> str:
        return chance.choice(words) if chance.random() < EXCHANGED else match[0]

    parts = _KEPT.split(text)  # at odd positions: what is kept
    return "".join(part if position % 2 else _WORD.sub(exchanged, part) for position, part in enumerate(parts))


def _body(text: str) -> str:
    return text.split("\n---\n", 1)[1] if text.startswith("---\n") else text


def _sections(body: str) -> list[str]:
    """The sections under second-level headings, whole."""
    sections: list[list[str]] = []
    fenced = False
    for line in body.splitlines():
        fenced ^= bool(_FENCE.match(line))
        if line.startswith("## ") and not fenced:
            sections.append([])
        if sections:
            sections[-1].append(line)
    return ["\n".join(lines).strip() for lines in sections]
