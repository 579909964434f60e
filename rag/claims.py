"""Checkable details of a text (figures, amounts, dates, e-mails, addresses), comparable between Spanish and English."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from rag.analysis import fold
from rag.types import Language

URL = re.compile(r"(?:https?://|www\.)[^\s<>()\[\]\"'«»“”]*[^\s<>()\[\]\"'«»“”.,;:!?]", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+")
_TIME = re.compile(
    r"\b([01]?\d|2[0-3])[:.h]([0-5]\d)(?=\s*(?:h|hrs?|horas|[ap]\.?\s?m)\b)|\b([01]?\d|2[0-3]):([0-5]\d)\b"
)
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b|\b(\d{1,2})/(\d{1,2})/(\d{2,4})\b")
_BULLET_NUMBER = re.compile(r"^\s*\d{1,3}[.)]\s+", re.MULTILINE)
_CURRENCY = r"(?:us\$|\$|€|£|uf|utm|clp|usd|eur|pesos?|dolar(?:es)?|dollars?|euros?)"
_NUMBER = r"\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d{1,2})?(?!\d)|\d+(?:[.,]\d+)?"
_FIGURE = re.compile(
    rf"(?P<before>{_CURRENCY}\s*)?(?<![^\W_])(?P<number>{_NUMBER})"
    r"(?:\s*(?P<scale>mil(?:es)?|thousand|k|mill?on(?:es|s)?|mm)\b)?"
    r"(?P<percent>\s*(?:%|por\s*ciento|per\s*cent))?"
    rf"(?P<after>\s*(?:de\s+|in\s+)?{_CURRENCY}(?!\w))?"
)
_NAME_WITH_DIGITS = re.compile(r"(?<![\w.])(?:[^\W\d_]+\d[^\W_]*|\d+[^\W\d_]{4,}[^\W_]*)")
_THOUSANDS = re.compile(r"[.,' ](?=\d{3}(?!\d))")
_LARGE = 1000  # from here on a figure is telling enough to be an amount without its currency

_SPELLED: Mapping[Language, Mapping[str, int]] = {
    "es": {
        "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8, "nueve": 9, "diez": 10,
        "once": 11, "doce": 12, "trece": 13, "catorce": 14, "quince": 15, "dieciseis": 16, "diecisiete": 17,
        "dieciocho": 18, "diecinueve": 19, "veinte": 20, "veintiun": 21, "veintiuno": 21, "veintidos": 22,
        "veintitres": 23, "veinticuatro": 24, "veinticinco": 25, "treinta": 30, "cuarenta": 40, "cincuenta": 50,
        "sesenta": 60, "setenta": 70, "ochenta": 80, "noventa": 90, "cien": 100, "ciento": 100, "doscientos": 200,
        "trescientos": 300, "quinientos": 500, "mil": 1000,
    },
    "en": {
        "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
        "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
        "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
        "seventy": 70, "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000,
    },
}  # fmt: skip
_MONTHS = (
    "enero january", "febrero february", "marzo march", "abril april", "mayo may", "junio june", "julio july",
    "agosto august", "septiembre september", "octubre october", "noviembre november", "diciembre december",
)  # fmt: skip
_WEEKDAYS = (
    "lunes monday", "martes tuesday", "miercoles wednesday", "jueves thursday", "viernes friday", "sabado saturday",
    "domingo sunday",
)  # fmt: skip
# "may" and "march" are also verbs: they count beside a figure only.
_MONTH_NAMES = {name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()}
_WEEKDAY_NAMES = {name: number for number, names in enumerate(_WEEKDAYS, start=1) for name in names.split()}
_MONTH_BESIDE_FIGURE = re.compile(
    rf"\d\s*(?:st|nd|rd|th|º)?\s*(?:de\s+|of\s+)?\b({'|'.join(_MONTH_NAMES)})\b|\b({'|'.join(_MONTH_NAMES)})\b\s*(?:de\s+|del\s+)?\d"
)


def claims(text: str, language: Language) -> frozenset[str]:
    """The details ``text`` states, each in one form: ``15``, ``15%``, ``$300000``, ``month 3``, ``time 9:00``.

    Numbers are compared by value: ``$300.000`` in Spanish and ``$300,000`` in English are one amount.
    """
    return frozenset(_claims(_BULLET_NUMBER.sub("", text), language))


def unsupported(text: str, language: Language, sources: Iterable[str]) -> frozenset[str]:
    """The details of ``text`` that none of the Spanish ``sources`` states."""
    stated = {implied for source in sources for claim in claims(source, "es") for implied in _implied(claim)}
    return frozenset(claim for claim in claims(text, language) if not _is_stated(claim, stated))


def _is_stated(claim: str, stated: set[str]) -> bool:
    if claim in stated:
        return True
    return claim.startswith("$") and float(claim[1:]) >= _LARGE and claim[1:] in stated


def _implied(claim: str) -> Iterator[str]:
    """``claim``, and what else it lets one say: an amount its figure, 14:00 also 14 and 2."""
    yield claim
    if claim.startswith("$"):
        yield claim[1:]
    if claim.startswith("time "):
        hour, minute = claim.removeprefix("time ").split(":")
        yield from (hour, minute, str((int(hour) + 11) % 12 + 1), f"time {(int(hour) + 11) % 12 + 1}:{minute}")


def _claims(text: str, language: Language) -> Iterator[str]:
    for pattern in (URL, _EMAIL):
        yield from (address_key(found) for found in pattern.findall(text))
        text = pattern.sub(" ", text)
    folded = fold(text)
    for found in _TIME.finditer(folded):
        hour, minute = found[1] or found[3], found[2] or found[4]
        yield f"time {int(hour)}:{minute}"
    folded = _TIME.sub(" ", folded)
    for month in _MONTH_BESIDE_FIGURE.findall(folded):
        yield f"month {_MONTH_NAMES[month[0] or month[1]]}"
    for found in _ISO_DATE.finditer(folded):
        year, month, day = (found[1], found[2], found[3]) if found[1] else (found[6], found[5], found[4])
        yield from (str(int(year)), f"month {int(month)}", str(int(day)))
    folded = _ISO_DATE.sub(" ", folded)
    yield from (f"name {name}" for name in _NAME_WITH_DIGITS.findall(folded))
    folded = _NAME_WITH_DIGITS.sub(" ", folded)
    yield from (_figure(found) for found in _FIGURE.finditer(folded))
    words = re.findall(r"[^\W\d_]+", _FIGURE.sub(" ", folded))
    yield from (f"weekday {_WEEKDAY_NAMES[word]}" for word in words if word in _WEEKDAY_NAMES)
    yield from (str(number) for number in _spelled_numbers(words, _SPELLED[language]))


def address_key(address: str) -> str:
    """A web or e-mail address for comparison: lower case, without scheme, ``www.`` or a slash at the end."""
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", address.lower()).rstrip("/.")


def _figure(found: re.Match[str]) -> str:
    value = float(_THOUSANDS.sub("", found["number"]).replace(",", "."))
    scale = found["scale"] or ""
    value *= 1e6 if scale.startswith(("mill", "mm")) else 1e3 if scale else 1
    figure = f"{value:.10g}" if value < 1e10 else f"{value:.0f}"
    if found["percent"]:
        return f"{figure}%"
    return f"${figure}" if found["before"] or found["after"] else figure


def _spelled_numbers(words: Iterable[str], values: Mapping[str, int]) -> Iterator[int]:
    """Numbers written as words, "treinta y cinco" as 35; "cinco y seis" stay two."""
    total = 0
    for word in words:
        value = values.get(word)
        if value is None:
            if total and word not in {"y", "and"}:
                yield total
                total = 0
        elif total and value in {100, 1000} and total < value:
            total *= value
        elif total >= 20 and value < _trailing_power_of_ten(total):
            total += value
        else:
            if total:
                yield total
            total = value
    if total:
        yield total


def _trailing_power_of_ten(number: int) -> int:
    return int(10 ** (len(str(number)) - len(str(number).rstrip("0"))))
