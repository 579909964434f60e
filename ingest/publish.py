"""Making a new version of the index answer: built aside, checked, then named by the pointer in one atomic step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from ingest.build import Contents, Progress, everything_is_found, write_collections
from rag.errors import IndexUnavailableError, IngestError
from rag.manifest import Manifest, manifest_from_json
from rag.records import Record
from rag.store import HNSW_TIERS, Client, open_folder
from rag.versions import (
    MANIFEST,
    POINTER,
    SERVER_POINTERS,
    VERSIONS,
    FolderVersions,
    Pointer,
    ServerVersions,
    Versions,
    file_digests,
    server_collections,
)


class Publisher(Protocol):
    """A place whose versions can be added to. Every method raises IngestError where it cannot be written."""

    @property
    def versions(self) -> Versions:
        """The same place, for reading."""

    def find(self, version: str) -> str | None:
        """The name of a sound copy of ``version`` that is there, or None."""

    def build(self, manifest: Manifest, contents: Contents, progress: Progress) -> str:
        """Write version ``manifest.version`` beside the others and check it; return its name. It does not answer."""

    def point_to(self, name: str) -> None:
        """Let version ``name`` answer from now on."""

    def restate(self, name: str, manifest: Manifest) -> None:
        """Replace the manifest of version ``name`` where only remarks changed."""

    def clean(self) -> None:
        """Remove what killed runs left, and the versions before the one before the current."""


class FolderPublisher:
    """Versions as folders: a build is renamed when it is checked, and the pointer replaced."""

    def __init__(self, folder: Path) -> None:
        self._versions = FolderVersions(folder)
        self._folder = folder

    @property
    def versions(self) -> FolderVersions:
        return self._versions

    def find(self, version: str) -> str | None:
        return next((name for name in self._names(version) if _is_sound(self.versions, name)), None)

    def build(self, manifest: Manifest, contents: Contents, progress: Progress) -> str:
        build = self._folder / f"build-{manifest.version}-{os.getpid()}.tmp"
        with _reported(self.versions.where):
            self._write_checked(build, contents, progress)
            whole = replace(manifest, files=file_digests(build))
            (build / MANIFEST).write_text(whole.to_json(), encoding="utf-8")
            _sync_tree(build)
            name = self._free_name(manifest.version)
            self.versions.path(name).parent.mkdir(exist_ok=True)
            build.rename(self.versions.path(name))
            _sync_entries(self._folder / VERSIONS)
        return name

    def point_to(self, name: str) -> None:
        with _reported(self.versions.where):
            _replace_text(self._folder / POINTER, _next_pointer(self.versions, name).to_text())

    def restate(self, name: str, manifest: Manifest) -> None:
        with _reported(self.versions.where):
            _replace_text(self.versions.path(name) / MANIFEST, manifest.to_json())

    def clean(self) -> None:
        with _reported(self.versions.where):
            kept = _kept(self.versions)
            for version in (self._folder / VERSIONS).glob("*"):
                if version.name not in kept:
                    # Out of sight first: a removal that is killed must not leave half a version under its name.
                    version.rename(self._folder / f"build-old-{version.name}-{os.getpid()}.tmp")
            for remnant in (*self._folder.glob("build-*.tmp"), *self._folder.glob(f"{POINTER}.*.tmp")):
                _remove(remnant)

    def _write_checked(self, build: Path, contents: Contents, progress: Progress) -> None:
        for hnsw in HNSW_TIERS:
            shutil.rmtree(build, ignore_errors=True)
            build.mkdir(parents=True)
            with closing(open_folder(build)) as client:
                write_collections(client, contents.by_name(), hnsw, progress)
            with closing(open_folder(build)) as client:  # opened anew: what is checked is what the disk holds
                if everything_is_found(client, contents.by_name(), progress):
                    return
        raise _unverified(self.versions.where)

    def _names(self, version: str) -> Iterator[str]:
        """The names that copies of ``version`` can have, as far as they are taken."""
        name, number = version, 0
        while self.versions.path(name).exists():
            yield name
            number += 1
            name = f"{version}.{number}"

    def _free_name(self, version: str) -> str:
        taken = len(list(self._names(version)))
        return f"{version}.{taken}" if taken else version


class ServerPublisher:
    """Versions as collections of a Chroma server; the pointer is one record, so that changing it is one step."""

    def __init__(self, url: str) -> None:
        self._versions = ServerVersions(url)

    @property
    def versions(self) -> ServerVersions:
        return self._versions

    def find(self, version: str) -> str | None:
        return version if _is_sound(self.versions, version) else None

    def build(self, manifest: Manifest, contents: Contents, progress: Progress) -> str:
        batches = contents.by_name(*server_collections(manifest.version))
        with _reported(self.versions.where):
            client = self.versions.client()
            for hnsw in HNSW_TIERS:
                write_collections(client, batches, hnsw, progress)
                if everything_is_found(client, batches, progress):
                    self._write_document(manifest.version, manifest.to_json())
                    return manifest.version
        raise _unverified(self.versions.where)

    def point_to(self, name: str) -> None:
        with _reported(self.versions.where):
            self._write_document(POINTER, _next_pointer(self.versions, name).to_text())

    def restate(self, name: str, manifest: Manifest) -> None:
        with _reported(self.versions.where):
            self._write_document(name, manifest.to_json())

    def clean(self) -> None:
        with _reported(self.versions.where):
            client = self.versions.client()
            names = client.names()
            kept = {name for version in _kept(self.versions) for name in server_collections(version)}
            for name in names:
                if name.startswith("faro-") and name not in kept | {SERVER_POINTERS}:
                    client.drop(name)
            if SERVER_POINTERS in names:
                self._forget_manifests(client)

    def _forget_manifests(self, client: Client) -> None:
        pointers = client.collection(SERVER_POINTERS)
        pointers.delete(sorted(set(pointers.metadatas()) - _kept(self.versions) - {POINTER}))

    def _write_document(self, name: str, text: str) -> None:
        client = self.versions.client()
        if SERVER_POINTERS not in client.names():
            client.create(SERVER_POINTERS, hnsw={"space": "cosine"}, records=1000)
        record = Record(name, text, {"kind": "pointer" if name == POINTER else "manifest"})
        # These records are fetched by id, never searched, but Chroma wants a vector.
        list(client.collection(SERVER_POINTERS).write([record], np.ones((1, 1), dtype=np.float32)))


def publisher_at(folder: Path, chroma_url: str | None) -> Publisher:
    """The place that the settings name: the server if there is one, else the folder."""
    return ServerPublisher(chroma_url) if chroma_url else FolderPublisher(folder)


def current_manifest_text(publisher: Publisher) -> str | None:
    """The manifest that answers now, of whatever schema; None when there is none or it cannot be read."""
    pointer = _pointer_or_none(publisher.versions)
    return publisher.versions.manifest_text(pointer.current) if pointer else None


def current_name(publisher: Publisher) -> str | None:
    """The name of the version that answers now; None when there is none or the pointer cannot be read."""
    pointer = _pointer_or_none(publisher.versions)
    return pointer.current if pointer else None


def _next_pointer(versions: Versions, name: str) -> Pointer:
    before = _pointer_or_none(versions)
    if before is None:
        return Pointer(name)
    return Pointer(name, before.previous if before.current == name else before.current)


def _pointer_or_none(versions: Versions) -> Pointer | None:
    """The pointer; a damaged one counts as none, since an ingest is what repairs it."""
    try:
        return versions.pointer()
    except IndexUnavailableError:
        return None


def _kept(versions: Versions) -> set[str]:
    pointer = _pointer_or_none(versions)
    return {name for name in (pointer.current, pointer.previous) if name} if pointer else set()


def _is_sound(versions: Versions, name: str) -> bool:
    try:
        text = versions.manifest_text(name)
        if text is None:
            return False
        manifest = manifest_from_json(text)
        return _is_named_rightly(manifest) and versions.is_intact(name, manifest)
    except IndexUnavailableError:
        return False


def _is_named_rightly(manifest: Manifest) -> bool:
    """Whether the version is that of what the manifest says: one that was altered counts as damaged."""
    as_it_was_named = replace(manifest, passage_records=0, unit_records=0)
    return as_it_was_named.named().version == manifest.version


def _unverified(where: str) -> IngestError:
    return IngestError(
        f"the new index in {where} does not find all of its own passages and was not put to use; the old one goes on "
        "answering. Run `faro ingest` again, and if it says so again set FARO_ENCODER to another model"
    )


@contextmanager
def _reported(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IngestError(f"cannot write the index in {where} ({error}); make room or make it writable") from error
    except IndexUnavailableError as error:
        raise IngestError(f"cannot write the index, perhaps for want of room on the disk: {error}") from error


def _replace_text(file: Path, text: str) -> None:
    """Write ``file`` so that a reader, or a kill, sees the old text or the new, whole."""
    aside = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    with aside.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(file)
    _sync_entries(file.parent)


def _remove(remnant: Path) -> None:
    if remnant.is_dir():
        shutil.rmtree(remnant)
    else:
        remnant.unlink()


def _sync_tree(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        if path.is_dir():
            _sync_entries(path)
        else:
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())


def _sync_entries(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows has no handle of a folder to synchronise
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
