"""What a version of the index holds: its records, written to collections and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.records import Record, passage_record, unit_embedding_text, unit_record
from rag.store import Client
from rag.types import Chunk
from rag.versions import PASSAGES, UNITS

Vectors = NDArray[np.float32]
Progress = Callable[[str, int, int], None]
"""Told the stage, how much of it is done, and how much there is."""

_SELF_DISTANCE = 1e-3
"""Cosine distance under which a search has found the vector itself; rounding gives about 1e-6."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one collection and their vectors, shape (records, dimensions)."""

    records: tuple[Record, ...]
    vectors: Vectors


@dataclass(frozen=True, slots=True)
class Contents:
    """What a version holds."""

    passages: Batch
    units: Batch

    def by_name(self, passages: str = PASSAGES, units: str = UNITS) -> dict[str, Batch]:
        """The two batches under the names of their collections."""
        return {passages: self.passages, units: self.units}


def texts_to_embed(chunks: Iterable[Chunk]) -> Iterator[str]:
    """Every text of ``chunks`` that needs a vector: the passages and their units."""
    for chunk in chunks:
        yield chunk.embedding_text
        for unit in chunk.units:
            yield unit_embedding_text(chunk, unit)


def contents_of(chunks: Sequence[Chunk], vectors: Mapping[str, Vectors]) -> Contents:
    """The records of ``chunks``; ``vectors`` has one for every text of ``texts_to_embed``.

    Equal vectors share a record: many of them would make an island of the search graph that hides the rest.
    """
    passages: dict[bytes, list[Chunk]] = {}
    units: dict[bytes, list[tuple[Chunk, int]]] = {}
    for chunk in chunks:
        passages.setdefault(vectors[chunk.embedding_text].tobytes(), []).append(chunk)
        for number, unit in enumerate(chunk.units):
            units.setdefault(vectors[unit_embedding_text(chunk, unit)].tobytes(), []).append((chunk, number))
    return Contents(
        Batch(tuple(passage_record(group) for group in passages.values()), _stacked(passages)),
        Batch(tuple(unit_record(group) for group in units.values()), _stacked(units)),
    )


def write_collections(client: Client, batches: Mapping[str, Batch], hnsw: Mapping[str, Any], report: Progress) -> None:
    """Create the named collections of ``batches``, whole. Raises IndexUnavailableError when Chroma fails."""
    total, before = _total(batches), 0
    report("write", 0, total)
    for name, batch in batches.items():
        collection = client.create(name, hnsw=hnsw, records=len(batch.records))
        for done in collection.write(batch.records, batch.vectors):
            report("write", before + done, total)
        before += len(batch.records)


def everything_is_found(client: Client, batches: Mapping[str, Batch], report: Progress) -> bool:
    """Whether the named collections have all records of ``batches`` and a search with each vector finds it."""
    total, done = _total(batches), 0
    report("verify", 0, total)
    for name, batch in batches.items():
        collection = client.collection(name)
        if collection.count() != len(batch.records):
            return False
        for distances in collection.distances_to_nearest(batch.vectors):
            if not (distances < _SELF_DISTANCE).all():
                return False
            done += len(distances)
            report("verify", done, total)
    return True


def _stacked(blobs: Iterable[bytes]) -> Vectors:
    return np.stack([np.frombuffer(blob, dtype=np.float32) for blob in blobs])


def _total(batches: Mapping[str, Batch]) -> int:
    return sum(len(batch.records) for batch in batches.values())
