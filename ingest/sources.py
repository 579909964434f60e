"""Finds the Markdown files of a handbook (MkDocs, Hugo or plain) and reads them, accounting for every one."""

from __future__ import annotations

import codecs
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pathspec

from ingest.hugo import read_hugo
from ingest.mkdocs import read_mkdocs
from ingest.selection import composed, draft_paths, drop_doubles, leave_out, reading_order, with_bundles, with_nav
from ingest.site import DEFAULT_LANGUAGE, Site, public_address
from ingest.walk import Skipped, find_markdown, is_markdown
from rag.errors import IngestError, SourceError

__all__ = ["Discovery", "Site", "Skipped", "SourceFile", "discover", "read_source"]

# A page of a handbook has a few kilobytes; a Markdown file this large is a dump that nobody would read.
MAX_SOURCE_BYTES = 5_000_000
_WIDE_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One page to index. ``path`` is POSIX and relative to the root: the path shown in citations.

    ``draft`` tells that the configuration of the site calls it a draft; its front matter may say so too.
    """

    path: str
    file: Path
    draft: bool = False


@dataclass(frozen=True, slots=True)
class Discovery:
    """The site, the pages to index in reading order, and every Markdown file left out with the reason."""

    site: Site
    files: tuple[SourceFile, ...]
    skipped: tuple[Skipped, ...]


def discover(root: Path, *, exclude: Sequence[str] = (), site_url: str | None = None) -> Discovery:
    """The pages of the handbook in ``root``.

    ``exclude`` are .gitignore-style patterns relative to ``root``; ``site_url`` overrides the public address of the
    configuration. Raises IngestError if there is no such folder, no page in it, or an argument is wrong.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow a symbolic link to the handbook
    _require_folder(root)
    patterns = _compile(exclude)
    site = _read_site(root, site_url)
    found, skipped = find_markdown(root, _content_dirs(site))
    if not found and not any(is_markdown(item.path) for item in skipped):
        raise IngestError(f"{site.content_dir}: no Markdown page (.md, .markdown, .mdown) in this folder; give another")
    kept, left_out = leave_out(found, patterns, site)
    site = with_bundles(site, kept)
    kept, doubles = drop_doubles(kept, site)
    skipped = sorted([*skipped, *left_out, *doubles], key=lambda item: item.path)
    if not kept:
        first = f" ({skipped[0].path}: {skipped[0].reason})"
        raise IngestError(f"{root}: every Markdown page is left out{first}; check FARO_EXCLUDE and the folder")
    drafts = draft_paths(kept, site)
    kept.sort(key=lambda item: reading_order(item.path))
    return Discovery(
        with_nav(site, [item.path for item in kept]),
        tuple(SourceFile(item.path, item.file, draft=item.path in drafts) for item in kept),
        tuple(skipped),
    )


def read_source(source: SourceFile) -> str:
    """The text of the file: UTF-8, newlines and byte order mark as they are. Raises SourceError."""
    try:
        mode = source.file.stat().st_mode
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise SourceError(source.path, "is a folder" if stat.S_ISDIR(mode) else "is not a regular file")
        with source.file.open("rb") as stream:
            data = stream.read(MAX_SOURCE_BYTES + 1)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(
            source.path, f"cannot be read ({reason}); check that it exists and its permissions"
        ) from error
    if len(data) > MAX_SOURCE_BYTES:
        raise SourceError(source.path, f"is larger than {MAX_SOURCE_BYTES // 1_000_000} MB; split it or exclude it")
    return _decode(source.path, data)


def _decode(path: str, data: bytes) -> str:
    for mark, name in _WIDE_MARKS:
        if data.startswith(mark):
            raise SourceError(path, f"is {name}; save it as UTF-8")
    if b"\0" in data:
        raise SourceError(path, f"is not text (NUL at byte {data.index(0)}); save it as UTF-8 text or exclude it")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(
            path, f"is not UTF-8 (byte {error.start} is 0x{data[error.start]:02X}); save it as UTF-8"
        ) from error


def _require_folder(root: Path) -> None:
    try:
        mode = root.stat().st_mode
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise IngestError(f"{root}: no handbook there ({reason}); set FARO_HANDBOOK to a folder of Markdown") from error
    if not stat.S_ISDIR(mode):
        raise IngestError(f"{root}: not a folder; set FARO_HANDBOOK to the folder that holds the Markdown files")


def _compile(exclude: Sequence[str]) -> pathspec.GitIgnoreSpec:
    try:
        return pathspec.GitIgnoreSpec.from_lines(composed(pattern) for pattern in exclude)
    except (ValueError, re.error) as error:
        raise IngestError(f"FARO_EXCLUDE: {error}; give .gitignore-style patterns") from error


def _read_site(root: Path, site_url: str | None) -> Site:
    try:
        site = read_mkdocs(root) or read_hugo(root) or _plain_site(root)
    except OSError as error:
        raise IngestError(f"{root}: cannot be read ({error.strerror}); let the user that runs faro read it") from error
    if site_url is None:
        return site
    address = public_address(site_url)
    if address is None:
        raise IngestError(f"FARO_SITE_URL={site_url!r}: expected an address that starts with http:// or https://")
    return replace(site, site_url=address)


def _plain_site(root: Path) -> Site:
    return Site(
        kind="plain",
        root=root,
        content_dir=root,
        site_url=None,
        directory_urls=False,
        nav=(),
        nav_titles={},
        title=None,
        language=DEFAULT_LANGUAGE,
        problems=(),
    )


def _content_dirs(site: Site) -> list[Path]:
    folders = [site.root / name for name, _ in site.hugo.content_dirs] if site.hugo else []
    return sorted({site.content_dir, *folders})
