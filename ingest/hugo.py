"""Reads a Hugo configuration, and splits the path of a Hugo page into folder, name and language."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.configuration import read_configuration, truth
from ingest.site import DEFAULT_LANGUAGE, AnchorStyle, HugoRules, Site, folder_inside, public_address, relative_name

_FORMATS = (".toml", ".yaml", ".yml", ".json")
_ROOT_NAMES = ("hugo", "config")
# What a site that configures no language may still use as a file suffix; a configured site says so itself.
_USUAL_LANGUAGES = frozenset({"es", "en"})
_ANCHOR_STYLES = {
    "github": AnchorStyle("github"),
    "github-ascii": AnchorStyle("github-ascii"),
    "blackfriday": AnchorStyle("blackfriday"),
}


@dataclass(frozen=True, slots=True)
class HugoPage:
    """The parts of a page's path: ``folder`` below the content folder ("" for the top), ``name`` without suffixes."""

    folder: str
    name: str
    language: str


def read_hugo(root: Path) -> Site | None:
    """The site that the Hugo configuration in ``root`` describes; None if there is none with pages. Never raises."""
    files = _configuration_files(root)
    if not files:
        return None
    settings, problems = _merged(files)
    languages = _tables(settings.get("languages"))
    default = _default_language(settings, tuple(languages))
    content_dirs = _content_dirs(root, settings, languages, default)
    if not content_dirs:
        return None
    if settings.get("permalinks"):
        problems.append("permalinks is not applied: the addresses of pages follow their paths")
    main = next((folder for folder, language in content_dirs if language == default), content_dirs[0][0])
    own = languages.get(default, {})
    return Site(
        kind="hugo",
        root=root,
        content_dir=folder_inside(root, settings.get("contentdir", "content")) or root / main,
        site_url=public_address(own.get("baseurl")) or public_address(settings.get("baseurl")),
        directory_urls=truth(settings.get("uglyurls")) is not True,
        nav=(),
        nav_titles={},
        title=_title(own.get("title")) or _title(settings.get("title")),
        language=default,
        problems=tuple(problems),
        anchor_style=_anchor_style(settings),
        hugo=HugoRules(
            content_dirs=content_dirs,
            languages=frozenset({*languages, default}) if languages else _USUAL_LANGUAGES | {default},
            default_in_subdir=truth(settings.get("defaultcontentlanguageinsubdir")) is True,
            lowercase_paths=truth(settings.get("disablepathtolower")) is not True,
            remove_accents=truth(settings.get("removepathaccents")) is True,
        ),
    )


def split_page(site: Site, path: str) -> HugoPage:
    """The parts of ``path`` (relative to the root) in a Hugo site."""
    rules = site.hugo or HugoRules((("", site.language),), frozenset())
    base, language = next(
        ((folder, code) for folder, code in rules.content_dirs if not folder or path.startswith(f"{folder}/")),
        ("", site.language),
    )
    folder, file_name = posixpath.split(path[len(base) :].lstrip("/"))
    name, _, suffix = file_name.rpartition(".")[0].rpartition(".")
    if name and suffix.lower() in rules.languages:
        return HugoPage(folder, name, suffix.lower())
    return HugoPage(folder, file_name.rpartition(".")[0], language)


def _configuration_files(root: Path) -> list[Path]:
    """Every file that makes up the configuration, the one that counts most last."""
    single = [root / f"{name}{suffix}" for name in _ROOT_NAMES for suffix in _FORMATS]
    found = [file for file in single if file.is_file()][:1]
    for environment in ("_default", "production"):
        folder = folder_inside(root, f"config/{environment}")
        if folder is not None and os.access(folder, os.R_OK | os.X_OK):
            found += sorted(file for file in folder.iterdir() if file.suffix.lower() in _FORMATS and file.is_file())
    return found


def _merged(files: list[Path]) -> tuple[dict[str, Any], list[str]]:
    settings: dict[str, Any] = {}
    problems: list[str] = []
    for file in files:
        value, notes = read_configuration(file)
        problems += notes
        # config/_default/languages.toml holds the table `languages`; params.es.toml that of one language.
        table, _, language = file.stem.lower().partition(".")
        part = _lowered(value)
        if table not in _ROOT_NAMES:
            part = {"languages": {language: {table: part}}} if language else {table: part}
        settings = _deep_merge(settings, part)
    return settings, problems


def _lowered(value: Any) -> Any:
    """``value`` with the keys of its tables in lower case: Hugo's keys are case-insensitive."""
    if isinstance(value, dict):
        return {str(key).lower(): _lowered(item) for key, item in value.items()}
    return value


def _deep_merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _deep_merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _content_dirs(
    root: Path, settings: Mapping[str, Any], languages: Mapping[str, Mapping[str, Any]], default: str
) -> tuple[tuple[str, str], ...]:
    folders: dict[str, str] = {}
    for name, language in [
        (settings.get("contentdir", "content"), default),
        *((table.get("contentdir"), code) for code, table in languages.items()),
    ]:
        folder = folder_inside(root, name)
        if folder is not None:
            folders[relative_name(folder, root)] = language
    return tuple(sorted(folders.items(), key=lambda item: (-len(item[0]), item)))


def _anchor_style(settings: Mapping[str, Any]) -> AnchorStyle | None:
    table: Any = settings
    for key in ("markup", "goldmark", "parser"):
        table = table.get(key) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        return None
    # Renamed autoIDType in newer versions of Hugo.
    return _ANCHOR_STYLES.get(str(table.get("autoheadingidtype") or table.get("autoidtype")))


def _default_language(settings: Mapping[str, Any], languages: tuple[str, ...]) -> str:
    """Hugo's own default is English, but only a site in several languages can tell."""
    configured = _language_code(settings.get("defaultcontentlanguage"))
    if configured or languages:
        return configured or (languages[0] if len(languages) == 1 else "en")
    code = _language_code(settings.get("languagecode"))
    return code.partition("-")[0] if code else DEFAULT_LANGUAGE


def _language_code(value: object) -> str | None:
    return value.strip().lower() or None if isinstance(value, str) else None


def _tables(value: object) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict):
        return {}
    return {key: item if isinstance(item, dict) else {} for key, item in value.items()}


def _title(value: object) -> str | None:
    return " ".join(value.split()) or None if isinstance(value, str) else None
