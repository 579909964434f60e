"""The development questions are true to their handbooks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rag.settings import PROJECT_ROOT

EVAL = PROJECT_ROOT / "data" / "eval"
SETS = {"sample": PROJECT_ROOT / "data" / "handbook", "puquial": EVAL / "puquial" / "handbook"}


def rows(name: str, file: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (EVAL / name / file).read_text(encoding="utf-8").splitlines()]


def page(handbook: Path, path: str) -> str:
    return " ".join((handbook / path).read_text(encoding="utf-8").split())


@pytest.mark.parametrize("name", SETS)
def test_evidence_stands_word_for_word_in_its_page(name: str) -> None:
    files = ["golden.jsonl", *(["followups.jsonl", "spare.jsonl"] if name == "puquial" else [])]
    for row in (row for file in files for row in rows(name, file)):
        for gold in row["gold"]:
            assert " ".join(gold["evidence"].split()) in page(SETS[name], gold["path"]), row["id"]


@pytest.mark.parametrize("name", SETS)
def test_questions_are_asked_in_both_languages_and_once(name: str) -> None:
    for file in ("golden.jsonl", "unanswerable.jsonl"):
        asked = rows(name, file)
        assert all(row["es"].strip() and row["en"].strip() for row in asked)
        assert max(Counter(row["es"] for row in asked).values()) == 1
        assert max(Counter(row["id"] for row in asked).values()) == 1
    assert {row["kind"] for row in rows(name, "unanswerable.jsonl")} == {"near", "off"}
