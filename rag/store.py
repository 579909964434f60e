"""Chroma, embedded in a folder or on a server: the only file that talks to it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from rag.errors import IndexUnavailableError
from rag.records import Metadata, Record

if TYPE_CHECKING:
    from chromadb.api.client import Client as ChromaClient

Vectors = NDArray[np.float32]

_UPSERT_RECORDS = 500
_UPSERT_BYTES = 2_000_000
"""Raw vector bytes in one request; as JSON they are five times that, and a server refuses 40 MB."""
_READ_RECORDS = 1000
_QUERY_VECTORS = 250
_SERVER_SECONDS = 30.0
"""A batch of 500 records, the slowest request, takes a server a second or two."""

_HNSW = {"space": "cosine", "max_neighbors": 48, "ef_construction": 200, "ef_search": 1000}
"""At 6,000 vectors of 384 dimensions: recall@50 1.0 for questions like the texts and .9998 for questions unlike any,
2.5 ms each; Chroma's defaults gave .86 for the latter and left some vectors that no search found."""
_HNSW_DENSER = {**_HNSW, "max_neighbors": 96, "ef_construction": 600, "ef_search": 4000}

HNSW_TIERS: tuple[Mapping[str, Any], ...] = (_HNSW, _HNSW_DENSER)
"""Settings to build a collection with, each tried when a vector is not found with the one before."""


def chromadb_version() -> str:
    """The version of the installed Chroma, without importing it."""
    return version("chromadb")


class Client:
    """An open Chroma. It closes with ``close`` or when the last reference to it goes."""

    def __init__(self, client: ChromaClient, *, where: str, advice: str, held: object = None) -> None:
        """``where`` and ``advice`` go into errors; ``held`` is kept alive as long as the client is open."""
        self._client = client
        self._where = where
        self._advice = advice
        self._held = held
        self._finalizer = weakref.finalize(self, client.close)
        self._finalizer.atexit = False

    def close(self) -> None:
        """Let go of the files or of the connection. Twice is once."""
        self._finalizer()

    def names(self) -> set[str]:
        """The names of all collections."""
        with self._translated():
            return {collection.name for collection in _pages_of_collections(self._client)}

    def drop(self, name: str) -> None:
        """Remove the collection called ``name`` if it is there."""
        if name in self.names():
            with self._translated():
                self._client.delete_collection(name)

    def create(self, name: str, *, hnsw: Mapping[str, Any], records: int) -> Collection:
        """A new, empty collection for ``records`` records; one that has the name already is dropped."""
        self.drop(name)
        # The graph reaches the disk once, with the last record: fewer, and every reader would have to rebuild its end.
        at_once = max(2, records)
        configuration: Any = {"hnsw": {**hnsw, "batch_size": min(100, at_once), "sync_threshold": at_once}}
        with self._translated():
            self._client.create_collection(name, embedding_function=None, configuration=configuration)
        return self.collection(name)

    def collection(self, name: str) -> Collection:
        """The collection called ``name``. Raises IndexUnavailableError when it is not there."""
        if name not in self.names():
            raise IndexUnavailableError(f"the index in {self._where} has no collection {name}; {self._advice}")
        with self._translated():
            from langchain_chroma import Chroma

            return Collection(self, Chroma(name, client=self._client, embedding_function=None))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from chromadb.errors import ChromaError
        from httpx import HTTPError

        try:
            yield
        except (ChromaError, HTTPError) as error:
            detail = str(error).strip().splitlines() or [type(error).__name__]
            message = f"Chroma in {self._where} failed ({detail[0][:200]}); {self._advice}"
            raise IndexUnavailableError(message) from error


class Collection:
    """Records with their vectors, searched by cosine similarity."""

    def __init__(self, client: Client, store: Any) -> None:
        """``store`` is the ``langchain_chroma.Chroma`` of the collection."""
        self._client = client
        self._collection = store._collection

    def count(self) -> int:
        """How many records there are."""
        with self._client._translated():
            return int(self._collection.count())

    def search(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """The ids of the ``k`` records nearest to ``vector`` and their cosine similarity in [-1, 1], best first."""
        if k < 1:
            return []
        # LangChain's own search would bring along every document and its metadata, of which only the ids are used: it
        # takes three times as long.
        with self._client._translated():
            found = self._collection.query(query_embeddings=vector[None], n_results=k, include=["distances"])
        similarities = (float(np.clip(1.0 - distance, -1.0, 1.0)) for distance in found["distances"][0])
        return list(zip(found["ids"][0], similarities, strict=True))

    def vectors(self, ids: Sequence[str]) -> dict[str, Vectors]:
        """The vector of each id that is there."""
        vectors: dict[str, Vectors] = {}
        for start in range(0, len(ids), _READ_RECORDS):
            with self._client._translated():
                part = self._collection.get(ids=list(ids[start : start + _READ_RECORDS]), include=["embeddings"])
            vectors.update(zip(part["ids"], np.asarray(part["embeddings"], dtype=np.float32), strict=True))
        return vectors

    def metadatas(self, where: Mapping[str, Any] | None = None) -> dict[str, Metadata]:
        """The metadata of every record by id, or of those that match Chroma's ``where``."""
        found: dict[str, Metadata] = {}
        while True:
            with self._client._translated():
                part = self._collection.get(where=where, include=["metadatas"], limit=_READ_RECORDS, offset=len(found))
            found.update(zip(part["ids"], part["metadatas"], strict=True))
            if len(part["ids"]) < _READ_RECORDS:
                return found

    def documents(self, ids: Sequence[str]) -> dict[str, str]:
        """The text of each id that is there."""
        with self._client._translated():
            part = self._collection.get(ids=list(ids), include=["documents"])
        return dict(zip(part["ids"], part["documents"], strict=True))

    def write(self, records: Sequence[Record], vectors: Vectors) -> Iterator[int]:
        """Write ``records`` with ``vectors`` (one row each), yielding how many are written after each batch."""
        if len(records) == 1:  # the graph reaches the disk after two operations at the earliest
            self._upsert(records, vectors)
        step = max(1, min(_UPSERT_RECORDS, _UPSERT_BYTES // max(1, vectors.shape[1] * 4)))
        for start in range(0, len(records), step):
            batch = records[start : start + step]
            self._upsert(batch, vectors[start : start + step])
            yield start + len(batch)

    def _upsert(self, records: Sequence[Record], vectors: Vectors) -> None:
        with self._client._translated():
            self._collection.upsert(
                ids=[record.id for record in records],
                documents=[record.document for record in records],
                metadatas=[record.metadata for record in records],
                embeddings=vectors,
            )

    def delete(self, ids: Sequence[str]) -> None:
        """Remove the records called ``ids``."""
        if ids:
            with self._client._translated():
                self._collection.delete(ids=list(ids))

    def distances_to_nearest(self, vectors: Vectors) -> Iterator[NDArray[np.float64]]:
        """The cosine distance from each row of ``vectors`` to what a search finds nearest, in batches; inf: nothing."""
        for start in range(0, len(vectors), _QUERY_VECTORS):
            with self._client._translated():
                found = self._collection.query(
                    query_embeddings=vectors[start : start + _QUERY_VECTORS], n_results=1, include=["distances"]
                )
            yield np.array([row[0] if row else np.inf for row in found["distances"]], dtype=np.float64)


def open_folder(folder: Path) -> Client:
    """Chroma embedded in ``folder``; a folder that cannot be written is read through a private copy.

    Raises IndexUnavailableError when Chroma cannot open it.
    """
    if all(os.access(path, os.W_OK) for path in (folder, *folder.glob("*.sqlite3"))):
        return _open_embedded(folder, where=folder, held=None)
    # Chroma writes a line whenever it opens, so that what is read from a read-only volume is a copy.
    copy = tempfile.TemporaryDirectory(prefix="faro-index-", ignore_cleanup_errors=True)
    try:
        for file in filter(Path.is_file, folder.rglob("*")):
            target = Path(copy.name, file.relative_to(folder))
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, target)
    except OSError as error:
        raise IndexUnavailableError(
            f"the index in {folder} is read-only and cannot be copied to {copy.name} ({error}); make it writable"
        ) from error
    return _open_embedded(Path(copy.name), where=folder, held=copy)


def connect(url: str, *, timeout_seconds: float = _SERVER_SECONDS) -> Client:
    """A Chroma server at ``url``; ``timeout_seconds`` is the longest wait for any of its answers.

    Raises IndexUnavailableError when nothing answers there.
    """
    import chromadb
    import httpx
    from chromadb.errors import ChromaError

    advice = f"check that a Chroma server runs at FARO_CHROMA_URL={url}"
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 8000)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise IndexUnavailableError(f"FARO_CHROMA_URL={url}: expected something like http://127.0.0.1:8000")
    try:
        # Asked first because Chroma's own client would wait for ever.
        httpx.get(
            f"{parts.scheme}://{_host(parts.hostname)}:{port}/api/v2/heartbeat", timeout=timeout_seconds
        ).raise_for_status()
        secure = parts.scheme == "https"
        client = chromadb.HttpClient(host=parts.hostname, port=port, ssl=secure, settings=_settings())
    except (ChromaError, httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise IndexUnavailableError(f"no Chroma server answers at {url}; {advice}") from error
    _limit_waiting(client, timeout_seconds)
    return Client(cast("ChromaClient", client), where=url, advice=advice)


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _limit_waiting(client: Any, timeout_seconds: float) -> None:
    # chromadb 1.5.9 makes its HTTP session without a time limit and has no setting for one.
    client._server._session.timeout = timeout_seconds


def _open_embedded(folder: Path, *, where: Path, held: object) -> Client:
    import chromadb
    from chromadb.errors import ChromaError

    advice = "rebuild the index with `faro ingest`"
    try:
        client = chromadb.PersistentClient(str(folder.absolute()), settings=_settings())
    except (ChromaError, ValueError) as error:
        raise IndexUnavailableError(f"the index in {where} cannot be opened; {advice}") from error
    return Client(cast("ChromaClient", client), where=str(where), advice=advice, held=held)


def _settings() -> Any:
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)


def _pages_of_collections(client: ChromaClient) -> Iterator[Any]:
    seen = 0
    while page := cast(Sequence[Any], client.list_collections(limit=_READ_RECORDS, offset=seen)):
        yield from page
        seen += len(page)
