"""Says what the metadata of a page mean: title, dates, authors, keywords, and whether it is finished."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from ingest.configuration import truth
from ingest.document import PageMeta

# Keys are compared without case, accents, `-`, `_`, `.` and spaces; the first one with a usable value counts.
_TITLE = ("title", "titulo")
_DESCRIPTION = ("description", "descripcion", "summary", "resumen")
_CREATED = (
    *("created", "createdat", "createdon", "datecreated", "creationdate", "creado", "fechacreacion", "fechadecreacion"),
    *("date", "fecha", "publishdate", "publisheddate", "pubdate", "published", "publishedat"),
)
_UPDATED = (
    *("lastmod", "updated", "updatedat", "updatedon", "lastupdated", "lastupdate", "dateupdated", "updatedate"),
    *("modified", "modifiedat", "lastmodified", "datemodified", "modificationdate", "revisiondate"),
    *(
        "actualizado",
        "actualizacion",
        "ultimaactualizacion",
        "fechaactualizacion",
        "fechadeactualizacion",
        "modificado",
    ),
)
_AUTHORS = (
    *("author", "authors", "maintainedby", "mantainedby", "maintainer", "maintainers", "owner", "owners"),
    *("autor", "autora", "autores", "responsable", "responsables"),
)
_KEYWORDS = ("keywords", "tags", "categories", "palabrasclave", "etiquetas", "categorias")
_WIP_FLAGS = ("wip", "workinprogress", "enconstruccion", "noindex")
_OTHER_USUAL = ("draft", "borrador", "status", "estado", "slug", "url", "weight", "layout", "type", "template", "hide")
_WIP_STATUS = {"wip", "draft", "borrador", "enconstruccion", "inprogress", "workinprogress", "enprogreso", "encurso"}

# Go's zero time (0001-01-01) and typing errors are no dates of a handbook.
_FIRST_YEAR = 1900
_ISO_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?![\d-])")
_SPANISH_DAY = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)")
_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("‘", "’"), ("«", "»"))


@dataclass(slots=True)
class _Reader:
    """Looks values up by any of their usual names; collects what could not be understood."""

    values: Mapping[str, Any]
    problems: list[str] = field(default_factory=list)

    def all(self, names: Iterable[str]) -> list[Any]:
        return [self.values[name] for name in names if self.values.get(name) is not None]

    def text(self, names: Iterable[str]) -> str | None:
        for value in self.all(names):
            words = " ".join(_texts(value))
            if words:
                return words
        return None

    def flag(self, name: str) -> bool | None:
        value = self.values.get(name)
        return truth(value) if value is not None else None

    def day(self, names: Iterable[str]) -> str | None:
        for name in names:
            value = self.values.get(name)
            if value is None or isinstance(value, dict | list) or truth(value) is not None or not _texts(value):
                continue
            day = _day(value)
            if day is not None:
                return day
            self.problems.append(f"front matter: `{name}: {_texts(value)[0][:40]}` is not a date (YYYY-MM-DD)")
        return None


def page_meta(values: Mapping[str, Any], problems: Sequence[str] = ()) -> PageMeta:
    """The metadata that ``values`` (keys as written) stand for; adds to ``problems`` what it cannot understand."""
    reader = _Reader(_flattened(values), list(problems))
    draft, unclear = _draft(reader)
    created = reader.day(_CREATED)
    updated = reader.day(_UPDATED)
    return PageMeta(
        title=reader.text(_TITLE),
        description=reader.text(_DESCRIPTION),
        created=created,
        updated=updated,
        authors=next((names for value in reader.all(_AUTHORS) if (names := _names(value))), ()),
        keywords=tuple(dict.fromkeys(word for value in reader.all(_KEYWORDS) for word in _names(value))),
        draft=draft,
        wip=unclear or _wip(reader),
        slug=(reader.text(("slug",)) or "").strip("/") or None,
        url=reader.text(("url",)),
        problems=tuple(reader.problems),
    )


def has_usual_key(values: Mapping[str, Any]) -> bool:
    """Whether any key of ``values`` is one that pages usually have."""
    usual = {*_TITLE, *_DESCRIPTION, *_CREATED, *_UPDATED, *_AUTHORS, *_KEYWORDS, *_WIP_FLAGS, *_OTHER_USUAL}
    return any(_key(key) in usual for key in values)


def _flattened(values: Mapping[str, Any]) -> dict[str, Any]:
    """Normalised key -> value; what `params` and Material's `date: {created, updated}` hold comes up one level."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = _key(key)
        flat.setdefault(name, value)
        if isinstance(value, dict) and name in {"date", "fecha", "params"}:
            for inner, item in value.items():
                flat.setdefault(_key(inner), item)
    return flat


def _key(key: object) -> str:
    letters = unicodedata.normalize("NFD", str(key).lower())
    return "".join(letter for letter in letters if letter.isalnum())


def _draft(reader: _Reader) -> tuple[bool, bool]:
    """(draft, unclear): a word that is neither yes nor no must not let the page pass as finished."""
    if reader.flag("published") is False:
        return True, False
    given = next((name for name in ("draft", "borrador") if _texts(reader.values.get(name))), None)
    if given is None:
        return False, False
    answer = reader.flag(given)
    if answer is None:
        shown = _texts(reader.values[given])[0][:40]
        reader.problems.append(f"front matter: `{given}: {shown}` is neither true nor false; shown as in progress")
    return bool(answer), answer is None


def _wip(reader: _Reader) -> bool:
    search = reader.values.get("search")
    statuses = {_key(word) for word in _names(reader.all(("status", "estado")))}
    return (
        any(reader.flag(name) for name in _WIP_FLAGS)
        or reader.flag("index") is False
        or (isinstance(search, dict) and truth(search.get("exclude")) is True)
        or bool(statuses & _WIP_STATUS)
    )


def _day(value: object) -> str | None:
    """The ISO day of a date as written (a time and its zone are dropped, so the day does not shift)."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    words = " ".join(_texts(value))
    iso, spanish = _ISO_DAY.match(words), _SPANISH_DAY.match(words)
    numbers = iso.groups() if iso else spanish.groups()[::-1] if spanish else None
    if numbers is None:
        return None
    try:
        day = date(*(int(number) for number in numbers))
    except ValueError:
        return None
    return day.isoformat() if day.year >= _FIRST_YEAR else None


def _names(value: object) -> tuple[str, ...]:
    """The names in a text with commas, a list, or a list of mappings that have a `name`; each once."""
    if isinstance(value, str):
        parts: Iterable[str] = (word for part in re.split(r"[,;]", value) for word in _texts(part))
    elif isinstance(value, list):
        parts = (name for item in value for name in (_texts(item) if isinstance(item, str) else _names(item)))
    elif isinstance(value, dict):
        parts = _names(value.get("name") or value.get("nombre") or list(value))
    else:
        parts = _texts(value)
    return tuple(dict.fromkeys(parts))


def _texts(value: object) -> list[str]:
    """The readable texts in ``value``: one for a scalar, those of the items for a list, none for the rest."""
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if value is None or isinstance(value, dict):
        return []
    # A lone surrogate (an escape such as \ud800) could not be stored or sent.
    text = str(value).encode("utf-8", "replace").decode("utf-8")
    text = " ".join(unicodedata.normalize("NFC", text).split())
    for opening, closing in _QUOTES:
        if len(text) > 1 and text[0] == opening and text[-1] == closing and opening not in text[1:-1]:
            text = text[1:-1].strip()
    return [text] if text else []
