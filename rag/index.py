"""Reading the index: the current version as an immutable Snapshot, reopened when a new one is published."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.errors import IndexMismatchError, IndexUnavailableError
from rag.manifest import Manifest, manifest_from_json
from rag.records import chunks_of_record, members_of_record, split_unit_id, unit_id
from rag.store import Collection, chromadb_version
from rag.types import Chunk
from rag.versions import OpenVersion, Versions, versions_at

Vectors = NDArray[np.float32]

_REOPENINGS = 5
"""Versions may be published while one is being opened; this many times in a row means something else is wrong."""


class EncoderIdentity(Protocol):
    """What tells one encoder from another."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def dimensions(self) -> int: ...


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Snapshot:
    """One version of the index, open for reading; it stays usable as long as it is held. Safe between threads.

    ``chunks`` are in reading order: by navigation, then path, then position in the page.
    """

    version: str
    manifest: Manifest
    chunks: tuple[Chunk, ...]
    by_id: Mapping[str, Chunk]
    _passages: _Searchable = field(repr=False, compare=False)
    _units: _Searchable = field(repr=False, compare=False)
    _open: OpenVersion = field(repr=False, compare=False)

    def search_chunks(self, query: Vectors, k: int) -> list[tuple[str, float]]:
        """The ``k`` chunks nearest to ``query``, shape (dimensions,): (id, cosine similarity in [-1, 1]), best first.

        Raises IndexUnavailableError when Chroma fails.
        """
        return self._passages.search(query, k)

    def search_units(self, query: Vectors, k: int) -> list[tuple[str, int, float]]:
        """The ``k`` units nearest to ``query``: (chunk id, unit number, cosine similarity), best first.

        Raises IndexUnavailableError when Chroma fails.
        """
        return [(*split_unit_id(member), score) for member, score in self._units.search(query, k)]

    def unit_vectors(self, chunk_ids: Sequence[str]) -> dict[str, Vectors]:
        """Chunk id -> its units' vectors, shape (units, dimensions). Unknown ids are left out.

        Raises IndexUnavailableError when Chroma fails.
        """
        wanted = {
            chunk_id: [self._units.record_of(unit_id(chunk_id, n)) for n in range(len(self.by_id[chunk_id].units))]
            for chunk_id in chunk_ids
            if chunk_id in self.by_id
        }
        vectors = self._units.collection.vectors(sorted({record for records in wanted.values() for record in records}))
        return {chunk_id: np.stack([vectors[record] for record in records]) for chunk_id, records in wanted.items()}


@dataclass(frozen=True, slots=True)
class _Searchable:
    """A collection and the ids that share a record because their vectors are equal: record id -> all of them."""

    collection: Collection
    records: int
    members: Mapping[str, Sequence[str]]
    shared: Mapping[str, str]

    def search(self, query: Vectors, k: int) -> list[tuple[str, float]]:
        found = self.collection.search(query, min(k, self.records))
        return [(member, score) for record, score in found for member in self.members.get(record, (record,))][:k]

    def record_of(self, member: str) -> str:
        return self.shared.get(member, member)


class IndexReader:
    """The way to the current Snapshot. One a process; safe between threads."""

    def __init__(self, folder: Path, encoder: EncoderIdentity, *, chroma_url: str | None = None) -> None:
        """Read the index in ``folder``, or on the Chroma server at ``chroma_url``. Opens nothing yet."""
        self._versions: Versions = versions_at(folder, chroma_url)
        self._encoder = encoder
        self._lock = threading.Lock()
        self._opened: tuple[str, Snapshot] | None = None

    def current(self) -> Snapshot:
        """The version that answers now. Take it once a question.

        Raises IndexUnavailableError when there is no usable index, IndexMismatchError when another encoder, schema or
        Chroma built it; both name the command that helps.
        """
        opened = self._opened
        if opened is not None and opened[0] == self._current_name():
            return opened[1]
        with self._lock:
            return self._reopen()

    def _current_name(self) -> str:
        pointer = self._versions.pointer()
        if pointer is None:
            raise IndexUnavailableError(f"there is no index in {self._versions.where}; build it with `faro ingest`")
        return pointer.current

    def _reopen(self) -> Snapshot:
        for _ in range(_REOPENINGS):
            name = self._current_name()
            if self._opened is not None and self._opened[0] == name:
                return self._opened[1]
            try:
                self._opened = (name, open_snapshot(self._versions, name, self._encoder))
            except IndexUnavailableError:
                if self._current_name() == name:
                    raise
        raise IndexUnavailableError(f"the index in {self._versions.where} changes faster than it can be opened")


def open_snapshot(versions: Versions, name: str, encoder: EncoderIdentity) -> Snapshot:
    """Open version ``name``. Raises IndexUnavailableError or IndexMismatchError, naming the command that helps."""
    text = versions.manifest_text(name)
    if text is None:
        raise IndexUnavailableError(
            f"the index in {versions.where} lost its version {name}; repair it with `faro ingest`"
        )
    manifest = manifest_from_json(text)
    _require_same_maker(manifest, encoder)
    if not versions.is_intact(name, manifest):
        raise IndexUnavailableError(f"the index in {versions.where} is damaged; repair it with `faro ingest`")
    return _snapshot(manifest, versions.open(name))


def _require_same_maker(manifest: Manifest, encoder: EncoderIdentity) -> None:
    if (manifest.fingerprint, manifest.dimensions) != (encoder.fingerprint, encoder.dimensions):
        raise IndexMismatchError(
            f"the index was built with the encoder {manifest.encoder} ({manifest.fingerprint[:8]}), not with "
            f"{encoder.name} ({encoder.fingerprint[:8]}) of FARO_ENCODER; rebuild it with `faro ingest`"
        )
    if _major(manifest.chromadb) != _major(chromadb_version()):
        raise IndexMismatchError(
            f"the index was built with Chroma {manifest.chromadb}, installed is {chromadb_version()}; "
            "rebuild the index with `faro ingest`"
        )


def _major(version: str) -> str:
    return version.split(".", 1)[0]


def _snapshot(manifest: Manifest, opened: OpenVersion) -> Snapshot:
    by_record = {name: chunks_of_record(data) for name, data in opened.passages.metadatas().items()}
    chunks = sorted((chunk for chunks in by_record.values() for chunk in chunks), key=_reading_order)
    passages = {name: [chunk.id for chunk in chunks] for name, chunks in by_record.items() if len(chunks) > 1}
    units = {name: members_of_record(data) for name, data in opened.units.metadatas({"shared": True}).items()}
    return Snapshot(
        version=manifest.version,
        manifest=manifest,
        chunks=tuple(chunks),
        by_id={chunk.id: chunk for chunk in chunks},
        _passages=_searchable(opened.passages, manifest.passage_records, passages),
        _units=_searchable(opened.units, manifest.unit_records, units),
        _open=opened,
    )


def _searchable(collection: Collection, records: int, members: Mapping[str, Sequence[str]]) -> _Searchable:
    shared = {member: record for record, group in members.items() for member in group}
    return _Searchable(collection, records, members, shared)


def _reading_order(chunk: Chunk) -> tuple[bool, int, str, int]:
    return (chunk.nav_position is None, chunk.nav_position or 0, chunk.path, chunk.ordinal)
