"""The page's words: both languages complete, and the choice between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest

from ui.client import ProblemKind
from ui.texts import AUDIENCES, LANGUAGES, TEXTS, Texts, choose_language, format_date, format_lines

# Names are the same in every language.
SAME_IN_BOTH = {"assistant"}


def leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Every string below ``value`` with its path."""
    if isinstance(value, str):
        yield name, value
    else:
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner in pairs:
            yield from leaves(inner, f"{name}.{key}")


def all_leaves(texts: Texts) -> dict[str, str]:
    return dict(leaf for item in fields(texts) for leaf in leaves(getattr(texts, item.name), item.name))


def test_both_languages_have_the_same_keys() -> None:
    assert set(TEXTS) == set(LANGUAGES)
    assert all_leaves(TEXTS["es"]).keys() == all_leaves(TEXTS["en"]).keys()


def test_no_text_is_blank_or_left_untranslated() -> None:
    spanish, english = all_leaves(TEXTS["es"]), all_leaves(TEXTS["en"])
    assert all(text.strip() for text in [*spanish.values(), *english.values()])
    assert {key for key in spanish if spanish[key] == english[key]} == SAME_IN_BOTH


def test_both_languages_fill_in_the_same_names() -> None:
    spanish, english = all_leaves(TEXTS["es"]), all_leaves(TEXTS["en"])
    for key, text in spanish.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english[key])), key


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS.keys())
def test_every_audience_has_a_name_and_three_or_four_starters(texts: Texts) -> None:
    assert set(texts.audiences) == set(AUDIENCES)
    assert set(texts.starters) == {None, *AUDIENCES}
    assert all(len(set(starters)) == len(starters) in (3, 4) for starters in texts.starters.values())


@pytest.mark.parametrize("texts", TEXTS.values(), ids=TEXTS.keys())
def test_every_problem_has_a_sentence(texts: Texts) -> None:
    for kind in ProblemKind.__args__:
        assert getattr(texts, f"error_{kind}").endswith(".")


@pytest.mark.parametrize(
    ("requested", "locale", "expected"),
    [
        pytest.param("en", "es-CL", "en", id="url-wins"),
        pytest.param(None, "en-GB", "en", id="browser"),
        pytest.param(None, "es_MX", "es", id="underscore"),
        pytest.param("EN", None, "en", id="capitals"),
        pytest.param("fr", "en", "en", id="unknown-in-url"),
        pytest.param(None, "fr-FR", "es", id="unknown-browser"),
        pytest.param("english<script>", None, "es", id="nonsense"),
        pytest.param(None, None, "es", id="nothing-known"),
    ],
)
def test_choose_language(requested: str | None, locale: str | None, expected: str) -> None:
    assert choose_language(requested, locale) == expected


@pytest.mark.parametrize(
    ("day", "spanish", "english"),
    [
        pytest.param("2024-03-04", "4 de marzo de 2024", "4 March 2024", id="day"),
        pytest.param("2024-12-31T23:00:00Z", "31 de diciembre de 2024", "31 December 2024", id="time-of-day"),
        pytest.param("ayer", "ayer", "ayer", id="no-date"),
        pytest.param("2024-13-01", "2024-13-01", "2024-13-01", id="impossible"),
    ],
)
def test_format_date(day: str, spanish: str, english: str) -> None:
    assert (format_date(day, TEXTS["es"]), format_date(day, TEXTS["en"])) == (spanish, english)


def test_format_lines_tells_one_from_several() -> None:
    assert format_lines(3, 3, TEXTS["es"]) == "línea 3"
    assert format_lines(3, 5, TEXTS["en"]) == "lines 3 to 5"
