"""Small real stand-ins for chain tests: chunks made from Markdown lines, a list-backed searcher, a fixed selector."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from rag.events import Cited, Delta, End, Part, Start
from rag.extractive import Quote, Selection
from rag.types import Chunk, Hit, Language, Question, Span, Unit

BULLET = re.compile(r"(?P<indent> *)(?:(?P<number>\d+)\.|[-*]) +")


def make_chunk(
    source: str,
    *,
    path: str = "beneficios/vacaciones.md",
    title: str = "Vacaciones",
    section: str = "Bono",
    first_line: int = 10,
    offset: int = 200,
    **more: object,
) -> Chunk:
    """A chunk whose units are the lines of ``source`` (blank lines part blocks), with true offsets and lines."""
    units: list[Unit] = []
    position, block = offset, 0
    for number, line in enumerate(source.split("\n"), start=first_line):
        if line.strip():
            units.append(_unit(line, position, number, block))
        else:
            block += 1
        position += len(line) + 1
    text = "\n".join(unit.text for unit in units)
    return Chunk(
        id=f"{path}#{section}",
        path=path,
        title=title,
        breadcrumb=(title, section),
        anchor=section.lower(),
        url=f"https://manual.example/{path.removesuffix('.md')}/#{section.lower()}",
        text=text,
        source=source,
        span=Span(offset, offset + len(source), first_line, first_line + source.count("\n")),
        units=tuple(units),
        ordinal=0,
        content_hash=str(hash(source)),
        **more,  # type: ignore[arg-type]
    )


def _unit(line: str, position: int, number: int, block: int) -> Unit:
    found = BULLET.match(line)
    skipped = found.end() if found else 0
    body = line[skipped:]
    return Unit(
        text=re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", body).replace("**", ""),
        source=body,
        span=Span(position + skipped, position + len(line), number, number),
        kind="item" if found else "sentence",
        block=block,
        depth=len(found["indent"]) // 2 if found else 0,
        ordered=bool(found and found["number"]),
        lead=body.endswith(":"),
    )


def make_hits(*chunks: Chunk) -> tuple[Hit, ...]:
    """Hits for ``chunks``, best first."""
    return tuple(Hit(chunk, score=0.9 - 0.1 * place) for place, chunk in enumerate(chunks))


def answered(*chunks: Chunk) -> Selection:
    """A selection that quotes all units of the first chunk; the others were read only."""
    return Selection("answered", (Quote(chunks[0], chunks[0].units),), make_hits(*chunks))


def nothing_found(*chunks: Chunk) -> Selection:
    """A selection without a quote."""
    return Selection("not_found", (), make_hits(*chunks))


@dataclass
class ListSearcher:
    """Gives the same chunks for every text, and remembers the texts."""

    chunks: Sequence[Chunk]
    asked: list[str] = field(default_factory=list)

    def search(self, text: str, language: Language, k: int) -> list[Hit]:
        self.asked.append(text)
        return list(make_hits(*self.chunks))[:k]


def select_first(question: str, language: Language, hits: Sequence[Hit]) -> Selection:
    """Quotes the whole best hit."""
    return answered(*(hit.chunk for hit in hits)) if hits else Selection("not_found", (), ())


def text_of(parts: Sequence[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Delta))


def end_of(parts: Sequence[Part]) -> End:
    end = parts[-1]
    assert isinstance(end, End)
    return end


def start_of(parts: Sequence[Part]) -> Start:
    start = next(part for part in parts if not isinstance(part, Cited))
    assert isinstance(start, Start)
    return start


def ask(text: str, **more: object) -> Question:
    return Question(text, **more)  # type: ignore[arg-type]
