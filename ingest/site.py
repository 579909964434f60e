"""What the configuration of the site generator says about a handbook: the data that page addresses are made from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

SiteKind = Literal["mkdocs", "hugo", "plain"]
DEFAULT_LANGUAGE = "es"


@dataclass(frozen=True, slots=True)
class AnchorStyle:
    """How a site turns the text of a heading into its id.

    ``toc`` and ``toc-unicode`` are Python-Markdown's; ``pymdownx`` takes ``case``, ``normalize`` and
    ``percent_encode`` (pymdownx.slugs.slugify); ``github``, ``github-ascii`` and ``blackfriday`` are Hugo's.
    ``attribute_lists`` and ``emoji_codes`` tell whether the site reads `{#id}` and `:smile:`; else they are text.
    """

    algorithm: Literal["toc", "toc-unicode", "pymdownx", "github", "github-ascii", "blackfriday"]
    separator: str = "-"
    case: Literal["none", "lower", "lower-ascii", "fold"] = "none"
    normalize: Literal["NFC", "NFD", "NFKC", "NFKD"] = "NFC"
    percent_encode: bool = False
    attribute_lists: bool = True
    emoji_codes: bool = True


@dataclass(frozen=True, slots=True)
class HugoRules:
    """What decides the address of a Hugo page besides its path.

    ``content_dirs`` are (folder relative to the root, language of the pages in it), the deepest folder first.
    ``languages`` are the suffixes that count as a language (`page.en.md`), in lower case. ``bundles`` are the
    folders, relative to the root, whose `index.md` makes one page of all they hold.
    """

    content_dirs: tuple[tuple[str, str], ...]
    languages: frozenset[str]
    default_in_subdir: bool = False
    lowercase_paths: bool = True
    remove_accents: bool = False
    bundles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Site:
    """What the site generator's configuration says.

    ``root`` is the folder given to ingest and ``content_dir`` the one that holds the pages. ``site_url`` is the
    public address without a trailing slash, None if unknown. ``nav`` lists page paths relative to the root, in
    navigation order (empty: unknown), ``nav_titles`` the titles given there. ``anchor_style`` None means the usual
    one of the kind. ``exclude_docs`` are .gitignore-style patterns, relative to ``content_dir``, of pages that the
    site itself does not publish, ``draft_docs`` likewise of its drafts. ``hugo`` is set for Hugo only.
    """

    kind: SiteKind
    root: Path
    content_dir: Path
    site_url: str | None
    directory_urls: bool
    nav: tuple[str, ...]
    nav_titles: Mapping[str, str]
    title: str | None
    language: str
    problems: tuple[str, ...]
    anchor_style: AnchorStyle | None = None
    exclude_docs: tuple[str, ...] = ()
    draft_docs: tuple[str, ...] = ()
    hugo: HugoRules | None = None


def public_address(value: object) -> str | None:
    """The http(s) address in ``value`` without query, fragment and trailing slash; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.netloc or len(value.split()) != 1:
        return None
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def folder_inside(root: Path, name: object) -> Path | None:
    """The existing folder ``name`` under ``root``; None if it does not exist or leaves the root."""
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        return None
    folder = Path(os.path.normpath(root / name.strip()))
    try:
        inside = folder.is_relative_to(root) and folder.is_dir() and folder.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return None
    return folder if inside else None


def relative_name(folder: Path, root: Path) -> str:
    """``folder`` relative to ``root`` as a POSIX path, "" for the root itself."""
    name = folder.relative_to(root).as_posix()
    return "" if name == "." else name
