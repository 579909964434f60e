"""The texts written for the training: whole, in both languages, and nothing held out among them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rag.settings import PROJECT_ROOT
from training.corpus import text_key
from training.texts import DEVELOPMENT, WRITTEN, read_parallel, read_words, read_written

TEXTS = PROJECT_ROOT / "training" / "texts"
HELD = TEXTS / DEVELOPMENT
RESERVE = TEXTS / "reserve"
"""Written since the encoder was last made, for the next making."""
FILES = [file for folder in (TEXTS, HELD, RESERVE) for file in sorted(folder.glob("*.jsonl"))]
DOCUMENT = {"company", "topic"}


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def named(file: Path) -> str:
    return file.relative_to(TEXTS).as_posix()


@cache
def keys(folder: Path, part: str) -> dict[str, str]:
    """Every question or passage of ``folder`` in each language, without case and punctuation, and where it stands."""
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for number, row in enumerate(rows(file), start=1):
            for text in _parts(row, part):
                found[text_key(text)] = f"{named(file)}, line {number}"
    return found


def _parts(row: dict[str, Any], part: str) -> Iterator[str]:
    asked = [row] if "id" in row else row.get("questions", [])
    chosen = asked if part == "question" else [] if "id" in row else [row]
    return (text[language] for text in chosen for language in ("en", "es"))


@pytest.mark.parametrize("file", FILES, ids=named)
def test_every_line_has_both_languages(file: Path) -> None:
    kind = file.name.split("-")[0]
    own = {"corpus": {"id"}, "sentences": set[str]()}.get(kind, {"title_en", "title_es", "questions"})
    for number, row in enumerate(rows(file), start=1):
        assert set(row) - DOCUMENT == {"en", "es"} | own, number
        assert len(set(row) & DOCUMENT) == ("questions" in own), number
        texts = [value for key, value in row.items() if key != "questions"]
        texts += [question[language] for question in row.get("questions", []) for language in ("en", "es")]
        assert all(isinstance(text, str) and text.strip() for text in texts), number
        assert row.get("questions", True), number


def test_every_file_is_of_a_kind_that_is_read() -> None:
    assert {file.name.split("-")[0] for file in TEXTS.iterdir() if file.is_file()} == {
        *("corpus", "general", "handbook", "sentences", "words")
    }
    assert {file.name.split("-")[0] for file in HELD.iterdir()} == {"corpus", "general", "handbook"}
    assert len(read_parallel(TEXTS)) > 10_000


def test_words_have_one_to_three_meanings() -> None:
    assert read_words(TEXTS)
    for file in sorted(TEXTS.glob("words-*.tsv")):
        for line in file.read_text(encoding="utf-8").splitlines():
            word, meanings = line.split("\t")
            assert word == word.strip(), (file.name, line)
            assert 1 <= len(meanings.split(";")) <= 3, (file.name, line)
            assert all(meaning.strip() for meaning in meanings.split(";")), (file.name, line)


@pytest.mark.parametrize("part", ["question", "passage"])
def test_nothing_held_out_occurs_in_the_training_files(part: str) -> None:
    # A sentence of the training counts as a passage: neither may be a held-out text of the other kind.
    trained = {**keys(TEXTS, "question"), **keys(TEXTS, "passage")}
    trained |= {**keys(RESERVE, "question"), **keys(RESERVE, "passage")}
    held = keys(HELD, part)
    assert len(held) > 300
    assert {text: (place, trained[text]) for text, place in held.items() if text in trained} == {}


def test_held_out_questions_about_the_corpus_ask_about_other_passages() -> None:
    trained, held = (
        {row["id"] for file in folder.glob("corpus-*.jsonl") for row in rows(file)} for folder in (TEXTS, HELD)
    )
    assert held
    assert not held & trained


@pytest.mark.parametrize("name", WRITTEN)
def test_held_out_documents_are_not_those_of_the_training(name: str) -> None:
    folders = (TEXTS, RESERVE, HELD)
    trained, spare, held = ({text.document for text in read_written(folder, [name])[0]} for folder in folders)
    assert held
    assert not held & (trained | spare)
