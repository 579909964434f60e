"""Make the index equal the handbook folder: one command, safe to repeat and to kill."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from ingest.build import Progress, contents_of, texts_to_embed
from ingest.pages import Handbook, Page, read_handbook
from ingest.publish import Publisher, current_manifest_text, current_name, publisher_at
from ingest.sources import Skipped
from ingest.vectors import PassageEncoder, VectorCache
from rag.errors import IngestError, MassDeletionError
from rag.manifest import Manifest, PageEntry, manifest_from_json, page_digests, page_hashes, schema
from rag.records import chunks_digest
from rag.settings import Settings
from rag.store import chromadb_version
from rag.types import Chunk

LOCK = "ingest.lock"
OWNER = "ingest.pid"
VECTORS = "vectors.sqlite"
_NAMED_PAGES = 3
"""Pages an error names before it says how many more there are."""


class IngestEncoder(PassageEncoder, Protocol):
    """What an ingest asks of the encoder."""

    @property
    def name(self) -> str: ...
    @property
    def max_tokens(self) -> int: ...
    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in the encoder's tokens."""


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest found and did.

    ``pages``, ``chunks`` and ``units`` count what the index holds now; ``added``, ``changed``, ``removed`` and
    ``unchanged`` are page paths compared with the index before. ``embedded`` texts (passages and units) went through
    the encoder, ``reused`` came from the cache. ``changed_index`` is false when the index already equalled the folder.
    """

    pages: int
    chunks: int
    units: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]
    embedded: int
    reused: int
    skipped: tuple[Skipped, ...]
    failed: tuple[Skipped, ...]
    problems: tuple[str, ...]
    version: str
    changed_index: bool
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Work:
    """What bringing the index up to date took."""

    embedded: int
    changed_index: bool
    problems: tuple[str, ...] = ()


def ingest(
    settings: Settings, encoder: IngestEncoder, *, force: bool = False, progress: Progress | None = None
) -> IngestReport:
    """Make the index of ``settings.index`` (or ``settings.chroma_url``) equal the folder ``settings.handbook``.

    The index answers with the old version until the new one is whole and checked. ``progress`` is told the stage
    (read, embed, write, verify), how much of it is done and how much there is. ``force`` lets most pages vanish.

    Raises IngestError when the folder has no page, another ingest is running or the index cannot be written;
    MassDeletionError when more than half of the indexed pages would vanish; EncoderError from the encoder.
    """
    started = time.monotonic()
    tell = progress or _tell_nobody
    with _only_one(settings.index):
        publisher = publisher_at(settings.index, settings.chroma_url)
        publisher.clean()
        before = current_manifest_text(publisher) or ""
        handbook = _read(settings, encoder, tell)
        _refuse_mass_deletion(handbook, page_hashes(before), force=force)
        if not handbook.pages:
            raise IngestError(_nothing_to_index(handbook))
        manifest = _manifest(handbook, settings, encoder)
        texts = list(dict.fromkeys(texts_to_embed(_chunks(handbook))))
        work = _update(publisher, manifest, handbook, _Embedding(settings.index / VECTORS, encoder, texts, tell))
    return _report(handbook, page_digests(before), manifest, work, len(texts), time.monotonic() - started)


def indexes_another_folder(settings: Settings) -> bool:
    """Whether the current index was made from another folder than ``settings.handbook``.

    To replace it by this one is then what was asked for, not the loss of its pages.
    """
    before = current_manifest_text(publisher_at(settings.index, settings.chroma_url))
    return bool(before) and _indexed_folder(before or "") != _folder(settings)


def _indexed_folder(manifest_text: str) -> str | None:
    try:
        found = json.loads(manifest_text)["handbook"]
    except (ValueError, KeyError, TypeError):
        return None  # of another schema, or damaged: the next ingest says so and rebuilds
    return str(found)


def _folder(settings: Settings) -> str:
    return str(settings.handbook.expanduser().resolve())


@dataclass(frozen=True, slots=True)
class _Embedding:
    """What a new version needs to have its texts embedded."""

    cache: Path
    encoder: IngestEncoder
    texts: Sequence[str]
    tell: Progress


def _read(settings: Settings, encoder: IngestEncoder, tell: Progress) -> Handbook:
    return read_handbook(
        settings,
        count_tokens=encoder.count_tokens,
        max_tokens=_chunk_tokens(settings, encoder),
        progress=lambda done, total: tell("read", done, total),
    )


def _chunk_tokens(settings: Settings, encoder: IngestEncoder) -> int:
    return min(settings.chunk_tokens, encoder.max_tokens)


def _chunks(handbook: Handbook) -> list[Chunk]:
    return [chunk for page in handbook.pages for chunk in page.chunks]


def _update(publisher: Publisher, manifest: Manifest, handbook: Handbook, embedding: _Embedding) -> _Work:
    found = publisher.find(manifest.version)
    if found is None:
        return _build(publisher, manifest, handbook, embedding)
    _restate_remarks(publisher, found, manifest)
    if found == current_name(publisher):
        return _Work(embedded=0, changed_index=False)
    publisher.point_to(found)
    return _Work(embedded=0, changed_index=True)


def _build(publisher: Publisher, manifest: Manifest, handbook: Handbook, embedding: _Embedding) -> _Work:
    try:
        with VectorCache(embedding.cache, embedding.encoder) as cache:
            vectors, embedded = cache.embed(embedding.texts, lambda done, total: embedding.tell("embed", done, total))
            contents = contents_of(_chunks(handbook), vectors)
            counted = replace(
                manifest,
                passage_records=len(contents.passages.records),
                unit_records=len(contents.units.records),
            )
            publisher.point_to(publisher.build(counted, contents, embedding.tell))
            cache.prune(embedding.texts)
            return _Work(embedded, changed_index=True, problems=tuple(cache.problems))
    except (OSError, sqlite3.Error) as error:
        raise IngestError(
            f"cannot use the vector cache {embedding.cache} ({error}); make room, make it writable, or remove it"
        ) from error


def _restate_remarks(publisher: Publisher, name: str, manifest: Manifest) -> None:
    stored = manifest_from_json(publisher.versions.manifest_text(name) or "")
    if stored.skipped != manifest.skipped:
        publisher.restate(name, replace(stored, skipped=manifest.skipped))


def _refuse_mass_deletion(handbook: Handbook, indexed: Mapping[str, str], *, force: bool) -> None:
    paths = {page.path for page in handbook.pages}
    contents = {page.file_hash for page in handbook.pages}  # a page that moved is not lost
    lost = sorted(path for path, file_hash in indexed.items() if path not in paths and file_hash not in contents)
    if len(lost) * 2 > len(indexed) and not force:
        raise MassDeletionError(
            f"{len(lost)} of the {len(indexed)} indexed pages are not in {handbook.site.root} any more "
            f"({_some(lost)}); nothing was changed. If that is meant, run `faro ingest --force`"
        )


def _some(paths: Sequence[str]) -> str:
    more = len(paths) - _NAMED_PAGES
    return ", ".join(paths[:_NAMED_PAGES]) + (f" and {more} more" if more > 0 else "")


def _nothing_to_index(handbook: Handbook) -> str:
    left_out = [f"{item.path}: {item.reason}" for item in (*handbook.failed, *handbook.skipped)]
    return f"{handbook.site.root} has no page with text to index ({'; '.join(left_out[:_NAMED_PAGES])})"


def _manifest(handbook: Handbook, settings: Settings, encoder: IngestEncoder) -> Manifest:
    chunks = _chunks(handbook)
    return Manifest(
        schema=schema(),
        version="",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        handbook=_folder(settings),
        site_kind=handbook.site.kind,
        site_title=handbook.site.title,
        site_url=handbook.site.site_url,
        language=handbook.site.language,
        encoder=encoder.name,
        fingerprint=encoder.fingerprint,
        dimensions=encoder.dimensions,
        chromadb=chromadb_version(),
        chunk_tokens=_chunk_tokens(settings, encoder),
        chunks=len(chunks),
        units=sum(len(chunk.units) for chunk in chunks),
        passage_records=0,
        unit_records=0,
        pages=tuple(_page_entry(page) for page in handbook.pages),
        skipped=tuple((item.path, item.reason) for item in (*handbook.skipped, *handbook.failed)),
    ).named()


def _page_entry(page: Page) -> PageEntry:
    return PageEntry(
        path=page.path,
        title=page.title,
        url=page.url,
        file_hash=page.file_hash,
        digest=chunks_digest(page.chunks),
        chunk_ids=tuple(chunk.id for chunk in page.chunks),
        units=sum(len(chunk.units) for chunk in page.chunks),
        updated=page.updated,
        draft=page.draft,
        wip=page.wip,
    )


def _report(
    handbook: Handbook, before: Mapping[str, str], manifest: Manifest, work: _Work, texts: int, seconds: float
) -> IngestReport:
    now = {page.path: page.digest for page in manifest.pages}
    kept = now.keys() & before.keys()
    return IngestReport(
        pages=len(manifest.pages),
        chunks=manifest.chunks,
        units=manifest.units,
        added=tuple(sorted(now.keys() - before.keys())),
        changed=tuple(sorted(path for path in kept if now[path] != before[path])),
        removed=tuple(sorted(before.keys() - now.keys())),
        unchanged=tuple(sorted(path for path in kept if now[path] == before[path])),
        embedded=work.embedded,
        reused=texts - work.embedded,
        skipped=handbook.skipped,
        failed=tuple(_with_loss(item, before) for item in handbook.failed),
        problems=(*handbook.problems, *work.problems),
        version=manifest.version,
        changed_index=work.changed_index,
        seconds=seconds,
    )


def _with_loss(failed: Skipped, before: Mapping[str, str]) -> Skipped:
    if failed.path not in before:
        return failed
    return Skipped(failed.path, f"{failed.reason}; it was in the index and is not any more")


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that two ingests never write at once. The system frees it when a run is killed."""
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        (folder / OWNER).write_text(str(os.getpid()), encoding="ascii")
    except Timeout as error:
        raise IngestError(
            f"another `faro ingest` (process {_owner(folder)}) is updating {folder}; run it again when it has ended"
        ) from error
    except OSError as error:
        raise IngestError(
            f"cannot write the index in {folder} ({error}); make it writable, or set FARO_INDEX"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _owner(folder: Path) -> str:
    try:
        return (folder / OWNER).read_text(encoding="ascii").strip() or "unknown"
    except (OSError, UnicodeDecodeError):
        return "unknown"


def _tell_nobody(stage: str, done: int, total: int) -> None:
    """The progress of an ingest that nobody watches."""
