"""Walks folders for Markdown files: follows no link out of the root, reads no folder twice, never loops."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdown", ".mkdn", ".mkd")
_TOOL_FOLDERS = {"node_modules", "bower_components", "site-packages", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is not read, and why. ``path`` is POSIX and relative to the root."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """A Markdown file on disk. ``path`` is POSIX and relative to the root."""

    path: str
    file: Path


@dataclass(slots=True)
class _Walk:
    root: Path
    real_root: Path
    folders: deque[Path] = field(default_factory=deque)
    links: deque[Path] = field(default_factory=deque)
    seen_folders: set[Path] = field(default_factory=set)
    seen_files: set[Path] = field(default_factory=set)
    found: list[Found] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def skip(self, path: Path, reason: str) -> None:
        self.skipped.append(Skipped(_printable(self.name(path)), reason))


def find_markdown(root: Path, folders: Iterable[Path]) -> tuple[list[Found], list[Skipped]]:
    """The Markdown files below ``folders`` (all inside ``root``), and what was not read.

    Hidden folders are passed over in silence. Links are looked at last, so that a file is found where it lies.
    """
    walk = _Walk(root, root.resolve(), deque(folders))
    while walk.folders or walk.links:
        if walk.folders:
            _read_folder(walk, walk.folders.popleft())
        else:
            _follow(walk, walk.links.popleft())
    return walk.found, walk.skipped


def _read_folder(walk: _Walk, folder: Path) -> None:
    real = folder.resolve()
    if real in walk.seen_folders:
        return
    walk.seen_folders.add(real)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        walk.skip(folder, f"folder cannot be read ({error.strerror})")
        return
    for entry in entries:
        path = folder / entry.name
        if entry.is_symlink():
            if is_markdown(entry.name) or not entry.name.startswith("."):
                walk.links.append(path)
        elif entry.is_dir():
            _take_folder(walk, path)
        elif is_markdown(entry.name):
            _take_file(walk, path)


def _take_folder(walk: _Walk, path: Path) -> None:
    if path.name.startswith("."):
        return
    if path.name in _TOOL_FOLDERS:
        walk.skip(path, "folder of installed packages")
    elif os.access(path / "pyvenv.cfg", os.F_OK):
        walk.skip(path, "Python virtual environment")
    else:
        walk.folders.append(path)


def _take_file(walk: _Walk, path: Path) -> None:
    if not _is_unicode(walk.name(path)):
        walk.skip(path, "its name is not valid UTF-8; rename it")
        return
    walk.seen_files.add(path.resolve())
    walk.found.append(Found(walk.name(path), path))


def _follow(walk: _Walk, link: Path) -> None:
    """Takes a symbolic link for what it points to; a link of no interest (an image) is passed over."""
    try:
        target = link.resolve(strict=True)
        inside = target.is_relative_to(walk.real_root)
        folder = target.is_dir()
    except (OSError, RuntimeError):
        if is_markdown(link.name):
            walk.skip(link, "broken symbolic link, or one that loops")
        return
    if not folder and not is_markdown(link.name):
        return
    if not inside:
        walk.skip(link, "symbolic link out of the handbook")
    elif any(part.startswith(".") for part in target.relative_to(walk.real_root).parts[: None if folder else -1]):
        walk.skip(link, "symbolic link to a hidden folder")
    elif folder and link.parent.resolve().is_relative_to(target):
        walk.skip(link, "symbolic link that loops")
    elif folder and target in walk.seen_folders:
        walk.skip(link, "symbolic link to a folder already read")
    elif folder:
        _take_folder(walk, link)
    elif target in walk.seen_files:
        walk.skip(link, "symbolic link to a page already read")
    else:
        _take_file(walk, link)


def is_markdown(name: str) -> bool:
    """Whether a file of this name is a Markdown page."""
    return name.lower().endswith(MARKDOWN_SUFFIXES)


def _is_unicode(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _printable(name: str) -> str:
    """``name`` with the bytes that are not UTF-8 (Python's surrogates) shown as replacement characters."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
