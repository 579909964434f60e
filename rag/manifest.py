"""The manifest: what one version of the index was made from, and the name that follows from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from rag.errors import IndexMismatchError, IndexUnavailableError
from rag.types import Chunk, Span, Unit

LAYOUT = 1
"""Raised when the collections, their metadata or the manifest change in a way that old readers cannot follow."""

VERSION_LENGTH = 12
"""Hexadecimal digits of a version's name: 48 bits are plenty for the versions one folder ever sees."""

_NOT_CONTENT = frozenset({"version", "created", "handbook", "skipped", "files"})


def schema() -> str:
    """The shape of what is stored: the layout and the fields of a chunk, so that a new field is a new schema."""
    names = [[field.name for field in fields(kind)] for kind in (Chunk, Unit, Span)]
    return f"{LAYOUT}-{hashlib.sha256(json.dumps(names).encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class PageEntry:
    """One indexed page. ``file_hash`` is that of its text, ``digest`` that of the passages and units made of it."""

    path: str
    title: str
    url: str
    file_hash: str
    digest: str
    chunk_ids: tuple[str, ...]
    units: int
    updated: str | None
    draft: bool
    wip: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version holds and what it was made with.

    ``handbook`` is the folder's absolute path. ``passage_records`` and ``unit_records`` count the records of the two
    collections (texts with equal vectors share one). ``skipped`` pairs each page left out with the reason; ``files``
    maps the version's files to their SHA-256 (empty on a server). ``created`` is UTC in ISO 8601.
    """

    schema: str
    version: str
    created: str
    handbook: str
    site_kind: str
    site_title: str | None
    site_url: str | None
    language: str
    encoder: str
    fingerprint: str
    dimensions: int
    chromadb: str
    chunk_tokens: int
    chunks: int
    units: int
    passage_records: int
    unit_records: int
    pages: tuple[PageEntry, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()

    def named(self) -> Manifest:
        """The same manifest under the version that its content demands: the same content has the same version."""
        return replace(self, version=self._content_hash())

    def _content_hash(self) -> str:
        content = {name: value for name, value in asdict(self).items() if name not in _NOT_CONTENT}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:VERSION_LENGTH]

    def to_json(self) -> str:
        """JSON text that ``manifest_from_json`` takes back."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)


def manifest_from_json(text: str) -> Manifest:
    """The manifest written by ``to_json``.

    Raises IndexMismatchError for another schema, IndexUnavailableError for what is no manifest.
    """
    data = _read_object(text)
    if data.get("schema") != schema():
        raise IndexMismatchError(
            f"the index has the layout {data.get('schema')!r}, this program reads {schema()!r}; "
            "rebuild it with `faro ingest`"
        )
    try:
        pages = tuple(_page_entry(page) for page in data.pop("pages"))
        skipped = tuple((str(path), str(reason)) for path, reason in data.pop("skipped"))
        files = tuple((str(name), str(digest)) for name, digest in data.pop("files"))
        return Manifest(**data, pages=pages, skipped=skipped, files=files)
    except (TypeError, KeyError, ValueError) as error:
        raise _damaged() from error


def page_hashes(text: str) -> dict[str, str]:
    """Path -> file hash of the pages of a manifest of any schema; empty when it cannot be read."""
    return _page_values(text, "file_hash")


def page_digests(text: str) -> dict[str, str]:
    """Path -> digest of the pages of a manifest of any schema; empty when it cannot be read."""
    return _page_values(text, "digest")


def _page_values(text: str, name: str) -> dict[str, str]:
    try:
        return {str(page["path"]): str(page[name]) for page in _read_object(text)["pages"]}
    except (IndexUnavailableError, TypeError, KeyError):
        return {}


def _page_entry(page: Mapping[str, Any]) -> PageEntry:
    return PageEntry(**{**page, "chunk_ids": tuple(page["chunk_ids"])})


def _read_object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _damaged() from error
    if not isinstance(data, dict):
        raise _damaged()
    return data


def _damaged() -> IndexUnavailableError:
    return IndexUnavailableError("the manifest of the index is damaged; rebuild the index with `faro ingest`")
