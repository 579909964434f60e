"""The wire types: they say what the core says, and read what they write."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest
from pydantic import ValidationError

from api import schema
from api.hits import search_hit
from rag import types

SPAN = types.Span(start=0, end=5, start_line=2, end_line=4)
UNIT = types.Unit("hello", "hello", SPAN, "sentence")
CHUNK = types.Chunk(
    "id", "a/b.md", "Page", ("Page", "Section"), "section", "/a/b/", "hello", "hello", SPAN, (UNIT,), 0, "0"
)
CITATION = types.Citation(1, "Page", ("Page",), "a/b.md", "/a/b/", "hello", 2, 4, "2025-01-31", False, True, "all", 1)


@pytest.mark.parametrize("name", ["Language", "Audience", "Status", "Mode"])
def test_the_words_are_those_of_the_core(name: str) -> None:
    assert get_args(getattr(schema, name)) == get_args(getattr(types, name))


def test_a_citation_has_the_fields_of_the_core() -> None:
    assert list(schema.Citation.model_fields) == [field.name for field in fields(types.Citation)]


def test_an_answer_has_the_fields_of_the_core() -> None:
    expected = ["answer" if field.name == "text" else field.name for field in fields(types.Answer)]
    assert sorted(schema.AskResponse.model_fields) == sorted(expected)


def test_an_answer_survives_the_journey() -> None:
    answer = types.Answer("hello [1]", "en", "answered", (CITATION,), (), "extractive", "v1", "a word", {"total": 1.5})
    sent = schema.AskResponse.model_validate(answer)
    assert sent.answer == "hello [1]"
    assert schema.AskResponse.model_validate_json(sent.model_dump_json()) == sent


def test_a_hit_is_flattened_and_survives_the_journey() -> None:
    sent = search_hit(types.Hit(CHUNK, 0.75))
    assert sent.model_dump() == {
        "path": "a/b.md",
        "title": "Page",
        "breadcrumb": ["Page", "Section"],
        "text": "hello",
        "score": 0.75,
        "url": "/a/b/",
        "start_line": 2,
        "end_line": 4,
    }
    assert schema.SearchHit.model_validate_json(sent.model_dump_json()) == sent


def test_fields_nobody_knows_are_ignored() -> None:
    assert schema.AskRequest.model_validate({"question": "a", "colour": "red"}).question == "a"


@pytest.mark.parametrize(
    ("turns", "characters", "taken"),
    [(40, 500, True), (41, 1, False), (1, 20_000, True), (1, 20_001, False), (40, 501, False)],
)
def test_the_history_is_bounded(turns: int, characters: int, taken: bool) -> None:
    history = [{"role": "user", "content": "x" * characters}] * turns
    request = {"question": "a", "history": history}
    if taken:
        assert len(schema.AskRequest.model_validate(request).history) == turns
    else:
        with pytest.raises(ValidationError):
            schema.AskRequest.model_validate(request)
