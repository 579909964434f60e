"""Reads mkdocs.yml: where the pages are, their order and titles, and how the site names addresses and anchors."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.configuration import read_configuration, truth
from ingest.site import DEFAULT_LANGUAGE, AnchorStyle, Site, folder_inside, public_address, relative_name

CONFIGURATION_NAMES = ("mkdocs.yml", "mkdocs.yaml")
# What MkDocs leaves out whatever the configuration says (a pattern of exclude_docs can take it back with `!`).
_NEVER_PUBLISHED = (".*", "/templates/")

_SLUGIFY_STYLES: Mapping[str, AnchorStyle] = {
    "markdown.extensions.toc.slugify": AnchorStyle("toc"),
    "markdown.extensions.headerid.slugify": AnchorStyle("toc"),
    "markdown.extensions.toc.slugify_unicode": AnchorStyle("toc-unicode"),
    "pymdownx.slugs.slugify": AnchorStyle("pymdownx"),
    "pymdownx.slugs.uslugify": AnchorStyle("pymdownx", case="lower"),
    "pymdownx.slugs.uslugify_encoded": AnchorStyle("pymdownx", case="lower", percent_encode=True),
    "pymdownx.slugs.uslugify_cased": AnchorStyle("pymdownx"),
    "pymdownx.slugs.uslugify_cased_encoded": AnchorStyle("pymdownx", percent_encode=True),
    "pymdownx.slugs.gfm": AnchorStyle("pymdownx", case="lower-ascii"),
    "pymdownx.slugs.gfm_encoded": AnchorStyle("pymdownx", case="lower-ascii", percent_encode=True),
}
# The extensions that read `{#id}` (Material's plugin for tags adds attr_list) and those that replace `:smile:`.
_ATTRIBUTE_LIST_EXTENSIONS = {"attr_list", "extra", "pymdownx.extra", "tags", "material/tags"}
_EMOJI_EXTENSIONS = {"pymdownx.emoji", "materialx.emoji"}


@dataclass(frozen=True, slots=True)
class _Python:
    """A `!!python/...` tag: the dotted name it asks for, never looked up, and the arguments written below it."""

    name: str
    arguments: object


def read_mkdocs(root: Path) -> Site | None:
    """The site that `mkdocs.yml` in ``root`` describes; None if there is no such file. Never raises."""
    file = next((root / name for name in CONFIGURATION_NAMES if (root / name).is_file()), None)
    if file is None:
        return None
    settings, problems = read_configuration(file, _on_tag)
    if "INHERIT" in settings:
        problems.append(f"{file.name}: INHERIT is not followed; only what this file says counts")
    content_dir = _content_dir(root, settings, problems)
    style = _anchor_style(settings, problems)
    entries = list(_nav_entries(settings.get("nav"), relative_name(content_dir, root)))
    directory_urls = truth(settings.get("use_directory_urls"))
    return Site(
        kind="mkdocs",
        root=root,
        content_dir=content_dir,
        site_url=public_address(settings.get("site_url")),
        directory_urls=directory_urls is not False,
        nav=tuple(dict.fromkeys(path for _, path in entries)),
        nav_titles={path: title for title, path in reversed(entries) if title},
        title=_text(settings.get("site_name")),
        language=_language(settings.get("theme")),
        problems=tuple(problems),
        anchor_style=style,
        exclude_docs=(*_NEVER_PUBLISHED, *_patterns(settings, "exclude_docs")),
        draft_docs=tuple(_patterns(settings, "draft_docs")),
    )


def _on_tag(tag: str, value: object) -> object:
    kind, _, name = tag.removeprefix("tag:yaml.org,2002:").partition(":")
    if kind.startswith("python/"):
        return _Python(name, value)
    if tag == "!ENV":
        # The environment is never read: a file of the handbook must not learn what this process knows.
        return value[-1] if isinstance(value, list) and len(value) > 1 else None
    return value


def _content_dir(root: Path, settings: Mapping[str, Any], problems: list[str]) -> Path:
    wanted = settings.get("docs_dir", "docs")
    folder = folder_inside(root, wanted)
    if folder is not None:
        return folder
    problems.append(f"docs_dir `{wanted}` is not a folder inside {root.name or root}; another one is read instead")
    return folder_inside(root, "docs") or root


def _nav_entries(nav: object, docs: str) -> Iterator[tuple[str | None, str]]:
    """(title or None, path relative to the root) of every page in ``nav``, in order, at any depth."""
    for entry in nav if isinstance(nav, list) else [nav]:
        for title, target in entry.items() if isinstance(entry, dict) else [(None, entry)]:
            if isinstance(target, str):
                path = _page_path(target, docs)
                if path is not None:
                    yield _text(title), path
            elif target is not None:
                yield from _nav_entries(target, docs)


def _page_path(target: str, docs: str) -> str | None:
    path = target.strip().partition("#")[0]
    if not path or "://" in path or path.startswith(("//", "mailto:", "tel:")):
        return None
    path = posixpath.normpath(path.lstrip("/"))
    return None if path.startswith("..") else posixpath.join(docs, path)


def _patterns(settings: Mapping[str, Any], key: str) -> list[str]:
    value = settings.get(key)
    return value.splitlines() if isinstance(value, str) else []


def _language(theme: object) -> str:
    language = theme.get("language") if isinstance(theme, dict) else None
    return _text(language) or DEFAULT_LANGUAGE


def _anchor_style(settings: Mapping[str, Any], problems: list[str]) -> AnchorStyle:
    options = _toc_options(settings.get("markdown_extensions"))
    separator = options.get("separator")
    slugify = options.get("slugify")
    name = slugify.name if isinstance(slugify, _Python) else slugify if isinstance(slugify, str) else None
    style = _SLUGIFY_STYLES.get(name) if name else AnchorStyle("toc")
    if style is None:
        problems.append(f"toc.slugify `{name}` is not known; anchors are made as MkDocs does by default")
        style = AnchorStyle("toc")
    return _with_options(style, separator, slugify.arguments if isinstance(slugify, _Python) else None, settings)


def _with_options(style: AnchorStyle, separator: object, arguments: object, settings: Mapping[str, Any]) -> AnchorStyle:
    given = arguments.get("kwds") if isinstance(arguments, dict) else None
    options = given if isinstance(given, dict) and style == _SLUGIFY_STYLES["pymdownx.slugs.slugify"] else {}
    case = options.get("case")
    form = options.get("normalize")
    names = _names(settings.get("markdown_extensions")) | _names(settings.get("plugins"))
    unknown = "INHERIT" in settings
    return AnchorStyle(
        style.algorithm,
        separator if isinstance(separator, str) else style.separator,
        case if case in ("none", "lower", "lower-ascii", "fold") else style.case,
        form if form in ("NFC", "NFD", "NFKC", "NFKD") else style.normalize,
        style.percent_encode or bool(truth(options.get("percent_encode"))),
        attribute_lists=unknown or bool(_ATTRIBUTE_LIST_EXTENSIONS & names),
        emoji_codes=unknown or bool(_EMOJI_EXTENSIONS & names),
    )


def _toc_options(extensions: object) -> dict[str, Any]:
    for entry in _entries(extensions):
        for name in ("toc", "markdown.extensions.toc"):
            if isinstance(entry, dict) and isinstance(entry.get(name), dict):
                options: dict[str, Any] = entry[name]
                return options
    return {}


def _names(value: object) -> set[str]:
    """The names in a list of extensions or plugins, some of which have options."""
    names = {name for entry in _entries(value) for name in (entry if isinstance(entry, dict) else [entry])}
    return {name.removeprefix("markdown.extensions.") for name in names if isinstance(name, str)}


def _entries(value: object) -> list[object]:
    return [value] if isinstance(value, dict) else value if isinstance(value, list) else []


def _text(value: object) -> str | None:
    return " ".join(unicodedata.normalize("NFC", value).split()) or None if isinstance(value, str) else None
