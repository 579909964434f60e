"""Gives every heading of a page the id that its site generator gives it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

from ingest.headings import Heading, goldmark_text, toc_text
from ingest.site import AnchorStyle

# A count of more digits is part of the name: int() refuses thousands of them.
_COUNTED = re.compile(r"(.*)_([0-9]{1,18})", re.DOTALL)
_HUGO_STYLES = {"github", "github-ascii", "blackfriday"}
# Python-Markdown takes `#` for a heading only at the beginning of a line, or of one indented as the content of a list.
_TOC_INDENT = 4


class AnchorRegistry:
    """The heading ids of one page, unique as the site generator makes them. One registry per page.

    Sources of the rules: Python-Markdown's toc extension (documented outputs of `slugify` and `unique`),
    pymdownx.slugs' documentation, and Hugo's markup/goldmark (autoHeadingIDType).
    """

    def __init__(self, kind: str, style: AnchorStyle | None = None) -> None:
        """``kind`` is that of the site (`mkdocs`, `hugo`, `plain`); ``style`` is the site's own choice, if any."""
        self._style = style or AnchorStyle("github" if kind == "hugo" else "toc")
        self._is_hugo = self._style.algorithm in _HUGO_STYLES
        self._is_mkdocs = kind == "mkdocs"
        self._used: set[str] = set()
        self._resume: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    @property
    def reads_attribute_lists(self) -> bool:
        """Whether `{#id}` gives an id on this site; else it is text."""
        return self._style.attribute_lists

    def reserve(self, ids: Iterable[str]) -> None:
        """Takes ids that the author gave anywhere on the page, which no heading may get.

        Python-Markdown sees them all before it names a heading, Hugo only when it gets there.
        """
        if not self._is_hugo:
            self._used.update(identifier for identifier in ids if identifier)

    def heading_anchor(self, heading: Heading, explicit: str | None) -> str:
        """The id of the next heading of the page; "" if its site gives it none that can be known."""
        if self._is_hugo:
            # The place of a shortcode is marked by a number that only Hugo knows.
            unknown = heading.has_shortcode and not explicit
            return "" if unknown else self.anchor("" if explicit else goldmark_text(heading), explicit)
        if self._is_mkdocs and heading.indent % _TOC_INDENT:
            return ""
        lists = self._style.attribute_lists
        text = toc_text(heading, attribute_lists=lists, emoji_codes=self._style.emoji_codes)
        return self.anchor(text, explicit if lists else None)

    def anchor(self, text: str, explicit: str | None) -> str:
        """The id of the next heading: ``explicit`` if the author gave one, else one made from ``text``.

        A heading without text has no id in Hugo ("").
        """
        if explicit:
            self._used.add(explicit)
            return explicit
        if self._is_hugo and not text:
            return ""
        slug = _slug(text, self._style)
        unique = self._unique_hyphen(slug) if self._is_hugo else self._unique_underscore(slug)
        self._used.add(unique)
        return unique

    def _unique_underscore(self, slug: str) -> str:
        # Where the last search for this slug ended: ids are never given back, so all before it are taken.
        candidate = self._resume.get(slug, slug)
        while not candidate or candidate in self._used:
            counted = _COUNTED.fullmatch(candidate)
            candidate = f"{counted[1]}_{int(counted[2]) + 1}" if counted else f"{candidate}_1"
        self._resume[slug] = candidate
        return candidate

    def _unique_hyphen(self, slug: str) -> str:
        base = slug or "heading"
        candidate = base
        while candidate in self._used:
            self._counts[base] = self._counts.get(base, 0) + 1
            candidate = f"{base}-{self._counts[base]}"
        return candidate


def _slug(text: str, style: AnchorStyle) -> str:
    if style.algorithm == "pymdownx":
        return _pymdownx_slug(text, style)
    if style.algorithm == "blackfriday":
        return _blackfriday_slug(text)
    if style.algorithm in _HUGO_STYLES:
        return _github_slug(text, ascii_only=style.algorithm == "github-ascii")
    return _toc_slug(text, style.separator, keep_unicode=style.algorithm == "toc-unicode")


def _toc_slug(text: str, separator: str, *, keep_unicode: bool) -> str:
    if not keep_unicode:
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    words = re.sub(r"[^\w\s-]", "", text).strip().lower()
    return re.sub(rf"(?:{re.escape(separator)}|\s)+" if separator else r"\s+", lambda _: separator, words)


def _pymdownx_slug(text: str, style: AnchorStyle) -> str:
    slug = re.sub(r"</?[^>]*>", "", unicodedata.normalize(style.normalize, text)).strip()
    if style.case == "lower":
        slug = slug.lower()
    elif style.case == "lower-ascii":
        slug = re.sub(r"[A-Z]", lambda letter: letter[0].lower(), slug)
    elif style.case == "fold":
        slug = slug.casefold()
    slug = re.sub(r"[^\w\- ]", "", slug).replace(" ", style.separator)
    return quote(slug) if style.percent_encode else slug


def _github_slug(text: str, *, ascii_only: bool) -> str:
    characters = []
    for character in (without_accents(text) if ascii_only else text).strip():
        if ascii_only and not character.isascii():
            continue
        if character in "- ":
            characters.append("-")
        elif character == "_" or _is_letter_or(character, "Nd"):
            characters.append(character.lower()[0])  # one letter for one, as in Go
    return "".join(characters)


def _blackfriday_slug(text: str) -> str:
    runs = "".join(character.lower()[0] if _is_letter_or(character, "N") else " " for character in text)
    return "-".join(runs.split())


def _is_letter_or(character: str, category: str) -> bool:
    return unicodedata.category(character).startswith(("L", category))


def without_accents(text: str) -> str:
    """``text`` with its diacritics removed (ñ becomes n), otherwise unchanged."""
    bare = "".join(mark for mark in unicodedata.normalize("NFD", text) if unicodedata.category(mark) != "Mn")
    return unicodedata.normalize("NFC", bare)
