"""Chunks as records of the vector store, and back again, exactly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, cast

from rag.types import Chunk, Span, Unit

Metadata = dict[str, str | int | float | bool]

_SPAN = attrgetter(*(field.name for field in fields(Span)))
_UNIT = attrgetter(*(field.name for field in fields(Unit)))
_UNIT_SPAN = [field.name for field in fields(Unit)].index("span")
_UNIT_CELLS = [field.name for field in fields(Unit)].index("cells")
_TUPLES = ("breadcrumb", "authors", "keywords")


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a collection. ``document`` is what was embedded."""

    id: str
    document: str
    metadata: Metadata


def unit_id(chunk_id: str, number: int) -> str:
    """The id of a chunk's unit, by its position from 0."""
    return f"{chunk_id}#{number}"


def split_unit_id(record_id: str) -> tuple[str, int]:
    """The chunk id and the number in ``record_id``: the inverse of ``unit_id``."""
    chunk_id, _, number = record_id.rpartition("#")
    return chunk_id, int(number)


def unit_embedding_text(chunk: Chunk, unit: Unit) -> str:
    """What the encoder sees of a unit: the section's heading gives a bare sentence or item its subject."""
    return f"{chunk.breadcrumb[-1]}: {unit.text}" if chunk.breadcrumb else unit.text


def chunk_to_json(chunk: Chunk) -> str:
    """All of ``chunk`` as JSON, spans and units as lists in the order of their fields."""
    data = {field.name: getattr(chunk, field.name) for field in fields(Chunk)}
    data["span"] = _SPAN(chunk.span)
    data["units"] = [_unit_values(unit) for unit in chunk.units]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def chunk_from_json(text: str) -> Chunk:
    """The chunk that ``chunk_to_json`` wrote; equal to it in every field."""
    data: dict[str, Any] = json.loads(text)
    for name in _TUPLES:
        data[name] = tuple(data[name])
    data["span"] = Span(*data["span"])
    data["units"] = tuple(_unit_from_values(values) for values in data["units"])
    return Chunk(**data)


def chunks_digest(chunks: Iterable[Chunk]) -> str:
    """SHA-256 (hex) of all that is stored and embedded of ``chunks``: it changes when any of it does."""
    digest = hashlib.sha256()
    for chunk in chunks:
        texts = [chunk.embedding_text, *(unit_embedding_text(chunk, unit) for unit in chunk.units)]
        digest.update(f"{chunk_to_json(chunk)}\n{json.dumps(texts)}\n".encode())
    return digest.hexdigest()


def passage_record(chunks: Sequence[Chunk]) -> Record:
    """The record of ``chunks`` that have the same vector (nearly always one); described by the first."""
    first = chunks[0]
    metadata: Metadata = {
        "path": first.path,
        "title": first.title,
        "breadcrumb": " > ".join(first.breadcrumb),
        "url": first.url,
        "anchor": first.anchor,
        "ordinal": first.ordinal,
        "start_line": first.span.start_line,
        "end_line": first.span.end_line,
        "draft": first.draft,
        "wip": first.wip,
        "record": json.dumps([chunk_to_json(chunk) for chunk in chunks], ensure_ascii=False),
    }
    if first.updated is not None:
        metadata["updated"] = first.updated
    return Record(first.id, first.embedding_text, metadata)


def chunks_of_record(metadata: Metadata) -> list[Chunk]:
    """The chunks that ``passage_record`` put into ``metadata``."""
    return [chunk_from_json(text) for text in json.loads(cast(str, metadata["record"]))]


def unit_record(members: Sequence[tuple[Chunk, int]]) -> Record:
    """The record of units (chunk, number) that have the same vector; named after the first."""
    chunk, number = members[0]
    metadata: Metadata = {"chunk": chunk.id, "unit": number, "path": chunk.path, "shared": len(members) > 1}
    if len(members) > 1:
        metadata["members"] = json.dumps([unit_id(other.id, position) for other, position in members])
    return Record(unit_id(chunk.id, number), unit_embedding_text(chunk, chunk.units[number]), metadata)


def members_of_record(metadata: Metadata) -> list[str]:
    """The unit ids that share the record; empty when it stands for one unit."""
    return [str(member) for member in json.loads(cast(str, metadata.get("members", "[]")))]


def _unit_values(unit: Unit) -> list[Any]:
    values = list(_UNIT(unit))
    values[_UNIT_SPAN] = _SPAN(unit.span)
    return values


def _unit_from_values(values: list[Any]) -> Unit:
    values[_UNIT_SPAN] = Span(*values[_UNIT_SPAN])
    values[_UNIT_CELLS] = tuple(values[_UNIT_CELLS])
    return Unit(*values)
