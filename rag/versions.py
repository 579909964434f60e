"""Where the versions of the index are kept, in a folder or on a Chroma server, and which of them answers."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rag.errors import IndexUnavailableError
from rag.manifest import Manifest
from rag.store import Client, Collection, connect, open_folder

POINTER = "CURRENT"
MANIFEST = "manifest.json"
VERSIONS = "versions"
PASSAGES = "passages"
UNITS = "units"

_STORED_TABLES = """
SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'acquire_write' AND sql NOT LIKE 'CREATE VIRTUAL%'
ORDER BY name
"""
"""All but the one in which Chroma notes who opened it, so that the file's bytes change under readers."""

SERVER_POINTERS = "faro-current"
"""The server's collection that holds the pointer (id ``CURRENT``) and the manifests (id: the version)."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The version that answers, and the one before, which a reader may still hold."""

    current: str
    previous: str | None = None

    def to_text(self) -> str:
        """One name a line."""
        return f"{self.current}\n{self.previous or ''}\n"


@dataclass(frozen=True, slots=True)
class OpenVersion:
    """One version's collections, open as long as this is held."""

    client: Client
    passages: Collection
    units: Collection


class Versions(Protocol):
    """A place that keeps versions. Names are those a Pointer gives."""

    where: str

    def pointer(self) -> Pointer | None:
        """What answers now; None when nothing was ever published. Cheap. Raises IndexUnavailableError."""

    def manifest_text(self, name: str) -> str | None:
        """The manifest of version ``name`` as JSON, or None when it is not there."""

    def open(self, name: str) -> OpenVersion:
        """Open version ``name`` for reading. Raises IndexUnavailableError."""

    def is_intact(self, name: str, manifest: Manifest) -> bool:
        """Whether all that ``manifest`` tells of version ``name`` is there, as it was written."""


class FolderVersions:
    """Versions in the sub-folders of a folder, the pointer in its file CURRENT."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where = str(folder)

    def pointer(self) -> Pointer | None:
        try:
            return parse_pointer((self.folder / POINTER).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise IndexUnavailableError(
                f"cannot read {self.folder / POINTER} ({error}); make it readable, or rebuild with `faro ingest`"
            ) from error

    def manifest_text(self, name: str) -> str | None:
        try:
            return (self.path(name) / MANIFEST).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def open(self, name: str) -> OpenVersion:
        if not self.path(name).is_dir():
            raise IndexUnavailableError(
                f"the index in {self.where} lost its version {name}; repair it with `faro ingest`"
            )
        client = open_folder(self.path(name))
        return OpenVersion(client, client.collection(PASSAGES), client.collection(UNITS))

    def is_intact(self, name: str, manifest: Manifest) -> bool:
        # Before Chroma opens it: a damaged graph can end the process.
        try:
            return bool(manifest.files) and all(_is_whole(self.path(name) / file, sha) for file, sha in manifest.files)
        except OSError:
            return False

    def path(self, name: str) -> Path:
        """The folder of version ``name``."""
        return self.folder / VERSIONS / name


class ServerVersions:
    """Versions as collections of a Chroma server, the pointer and the manifests in a collection beside them."""

    def __init__(self, url: str) -> None:
        self.where = url
        self._url = url
        self._client: Client | None = None
        self._pointers: Collection | None = None

    def pointer(self) -> Pointer | None:
        text = self._document(POINTER)
        return parse_pointer(text) if text is not None else None

    def manifest_text(self, name: str) -> str | None:
        return self._document(name)

    def open(self, name: str) -> OpenVersion:
        passages, units = server_collections(name)
        client = self.client()
        return OpenVersion(client, client.collection(passages), client.collection(units))

    def is_intact(self, name: str, manifest: Manifest) -> bool:
        try:
            opened = self.open(name)
            return (opened.passages.count(), opened.units.count()) == (manifest.passage_records, manifest.unit_records)
        except IndexUnavailableError:
            return False

    def client(self) -> Client:
        """The connection, made when first asked for. Raises IndexUnavailableError."""
        if self._client is None:
            self._client = connect(self._url)
        return self._client

    def _document(self, record_id: str) -> str | None:
        try:
            pointers = self._pointers or self._open_pointers()
            return pointers.documents([record_id]).get(record_id) if pointers else None
        except IndexUnavailableError:
            self._pointers = None  # a server that was emptied has other collections under the old names
            raise

    def _open_pointers(self) -> Collection | None:
        client = self.client()
        if SERVER_POINTERS in client.names():
            self._pointers = client.collection(SERVER_POINTERS)
        return self._pointers


def versions_at(folder: Path, chroma_url: str | None) -> FolderVersions | ServerVersions:
    """The place that the settings name: the server if there is one, else the folder."""
    return ServerVersions(chroma_url) if chroma_url else FolderVersions(folder)


def server_collections(version: str) -> tuple[str, str]:
    """The names of a version's collections of passages and of units on a server."""
    return f"faro-{version}-{PASSAGES}", f"faro-{version}-{UNITS}"


def parse_pointer(text: str) -> Pointer:
    """The pointer that ``Pointer.to_text`` wrote; IndexUnavailableError when it is none."""
    names = text.splitlines()
    if not names or not _is_name(names[0]):
        raise IndexUnavailableError("the index's pointer is damaged; repair it with `faro ingest`")
    return Pointer(names[0], names[1] if len(names) > 1 and _is_name(names[1]) else None)


def file_digests(folder: Path) -> tuple[tuple[str, str], ...]:
    """(name relative to ``folder``, SHA-256) of every file of a closed version; of a database: of its rows."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST)
    return tuple((file.relative_to(folder).as_posix(), _digest(file)) for file in files)


def _is_whole(file: Path, digest: str) -> bool:
    return file.is_file() and _digest(file) == digest


def _digest(file: Path) -> str:
    return _sha256_of_rows(file) if file.suffix == ".sqlite3" else _sha256(file)


def _sha256_of_rows(file: Path) -> str:
    """SHA-256 (hex) of what the tables hold but those that change under readers; "" for a damaged database."""
    digest = hashlib.sha256()
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.text_factory = bytes  # damaged text is no UTF-8
            if database.execute("PRAGMA quick_check(1)").fetchall() != [(b"ok",)]:
                return ""
            for (name,) in database.execute(_STORED_TABLES).fetchall():
                digest.update(b"table " + name)
                for row in database.execute(f'SELECT * FROM "{name.decode()}"'):
                    digest.update(repr(row).encode())
    except (sqlite3.Error, UnicodeDecodeError):
        return ""
    return digest.hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_name(name: str) -> bool:
    return bool(name) and all(character.isalnum() or character in ".-" for character in name) and name[0] != "."
