"""Chooses the pages to index among the files found: leaves out what is excluded, unpublished or there twice."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pathspec

from ingest.hugo import split_page
from ingest.site import Site, relative_name
from ingest.walk import Found, Skipped

_INDEX_NAME = re.compile(r"(_?index|readme)(\.[\w-]+)?\.\w+", re.IGNORECASE)


def leave_out(
    found: Iterable[Found], patterns: pathspec.GitIgnoreSpec, site: Site
) -> tuple[list[Found], list[Skipped]]:
    """Those that neither ``patterns`` nor the site's own configuration leave out, and the others."""
    kept: list[Found] = []
    skipped: list[Skipped] = []
    unpublished = _rules(site.exclude_docs) if site.kind == "mkdocs" else None
    for item in found:
        name = posixpath.basename(item.path)
        if patterns.match_file(composed(item.path)):
            skipped.append(Skipped(item.path, "excluded by FARO_EXCLUDE"))
        elif unpublished is not None and unpublished.match_file(_name_in_docs(site, item.path)):
            skipped.append(Skipped(item.path, "not published by MkDocs (hidden, or in exclude_docs)"))
        elif unpublished is None and name.startswith("."):
            skipped.append(Skipped(item.path, "hidden file"))
        else:
            kept.append(item)
    return kept, skipped


def draft_paths(found: Iterable[Found], site: Site) -> frozenset[str]:
    """The paths of the pages that the site's configuration calls drafts."""
    rules = _rules(site.draft_docs)
    return frozenset(item.path for item in found if rules.match_file(_name_in_docs(site, item.path)))


def _name_in_docs(site: Site, path: str) -> str:
    """``path`` as the patterns of the configuration see it: relative to the content folder."""
    docs = relative_name(site.content_dir, site.root)
    return composed(path[len(docs) :].lstrip("/"))


def _rules(patterns: Iterable[str]) -> pathspec.GitIgnoreSpec:
    lines: list[str] = []
    for line in patterns:
        try:
            pathspec.GitIgnoreSpec.from_lines([line])
        except (ValueError, re.error):
            continue  # MkDocs would stop here; a bad pattern must not hide the handbook
        lines.append(composed(line))
    return pathspec.GitIgnoreSpec.from_lines(lines)


def drop_doubles(found: list[Found], site: Site) -> tuple[list[Found], list[Skipped]]:
    """Without the pages that stand for a page already there: translations (Hugo), README beside index (MkDocs)."""
    groups: dict[tuple[str, str], list[Found]] = defaultdict(list)
    for item in found:
        groups[_page_key(item.path, site)].append(item)
    kept: list[Found] = []
    skipped: list[Skipped] = []
    for group in groups.values():
        best = min(group, key=lambda item: (_preference(item.path, site), item.path))
        for item in group:
            if _preference(item.path, site) == _preference(best.path, site):
                kept.append(item)
            else:
                skipped.append(Skipped(item.path, _reason_for(site, best.path)))
    return kept, skipped


def _page_key(path: str, site: Site) -> tuple[str, str]:
    if site.hugo:
        page = split_page(site, path)
        return page.folder, page.name
    folder, name = posixpath.split(path)
    stem = posixpath.splitext(name)[0]
    return folder, "index" if site.kind == "mkdocs" and stem in {"index", "README"} else name


def _preference(path: str, site: Site) -> tuple[int, str]:
    """Lower is better: of a page in several languages the Spanish one is indexed, then the site's main language."""
    if site.hugo:
        language = split_page(site, path).language
        rank = 0 if language.partition("-")[0] == "es" else 1 if language == site.language else 2
        return rank, language if rank == 2 else ""
    return int(site.kind == "mkdocs" and posixpath.basename(path).startswith("README.")), ""


def _reason_for(site: Site, best: str) -> str:
    return f"translation of {best}" if site.hugo else f"MkDocs publishes {posixpath.basename(best)} in its place"


def with_bundles(site: Site, found: Iterable[Found]) -> Site:
    """The site with the folders that Hugo publishes as one page: those that hold an `index.md`."""
    if site.hugo is None:
        return site
    bundles = {posixpath.dirname(item.path) for item in found if split_page(site, item.path).name == "index"}
    tops = {name for name, _ in site.hugo.content_dirs}
    return replace(site, hugo=replace(site.hugo, bundles=frozenset(bundles - tops)))


def with_nav(site: Site, paths: Sequence[str]) -> Site:
    """The site with its navigation spelt as on disk (accents may be composed there or not), pages only."""
    if site.kind != "mkdocs":
        return site
    if not site.nav:
        return replace(site, nav=tuple(paths))
    on_disk = {composed(path): path for path in paths}
    missing = [path for path in site.nav if composed(path) not in on_disk and re.search(r"\.\w+$", path)]
    return replace(
        site,
        nav=tuple(on_disk[composed(path)] for path in site.nav if composed(path) in on_disk),
        nav_titles={
            on_disk[composed(path)]: title for path, title in site.nav_titles.items() if composed(path) in on_disk
        },
        problems=(*site.problems, *(f"nav names {path}, which is not among the pages" for path in missing)),
    )


def reading_order(path: str) -> tuple[tuple[int, int, str, str], ...]:
    """A folder's index first, then its other pages, then its folders (MkDocs' default order)."""
    *folders, name = path.split("/")
    return (
        *((1, 0, composed(folder), folder) for folder in folders),
        (0, 0 if _INDEX_NAME.fullmatch(name) else 1, composed(name), name),
    )


def composed(text: str) -> str:
    """``text`` in Unicode's composed form: names differ on disk only in how accents are stored."""
    return unicodedata.normalize("NFC", text)
