"""Tasks: which passages answer which queries, in handbooks, written questions and held-out text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from small_handbook import VACATION_EN, VACATION_ES, write_handbook
from tiny_corpus import development_texts, write_lines
from word_encoder import WordEncoder

from rag.embedding import Encoder
from training import tasks as tasks_module
from training.corpus import Corpus
from training.tasks import Passage, Task, handbook_chunks, handbook_tasks, held_out_tasks, question_tasks
from training.texts import DEVELOPMENT, Question, Text, read_questions

ENCODER = cast("Encoder", WordEncoder())


def gold(path: str, evidence: str) -> dict[str, str]:
    return {"path": path, "heading": "", "evidence": evidence}


ROWS = [
    {"es": VACATION_ES, "en": VACATION_EN, "gold": [gold("vacaciones.md", "tiene **23 días** laborables")]},
    {
        "es": "¿Tren u hotel?",
        "en": "Train or hotel?",
        "gold": [gold("gastos.md", "clase turista"), gold("vacaciones.md", "dos semanas")],
    },
    {"es": "¿Y el borrador?", "en": "And the draft?", "gold": [gold("borrador.md", "Un secreto.")]},
    {"es": "¿Otra página?", "en": "Another page?", "gold": [gold("gastos.md", "23 días laborables")]},
]


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_handbook(tmp_path_factory.mktemp("handbook") / "manual")
    (folder / "borrador.md").write_text("---\ndraft: true\n---\n\n# Borrador\n\nUn secreto.\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def tasks(handbook: Path) -> list[Task]:
    write_lines(handbook.parent / "golden.jsonl", ROWS)
    return handbook_tasks("manual", handbook, handbook.parent / "golden.jsonl", ENCODER, 120)


def test_chunks_of_a_handbook_leave_drafts_out(handbook: Path) -> None:
    chunks = handbook_chunks(handbook, ENCODER, 120)
    assert {chunk.path for chunk in chunks} == {"index.md", "vacaciones.md", "gastos.md"}
    assert all(chunk.units for chunk in chunks)


def test_a_handbook_is_asked_in_both_languages(tasks: list[Task]) -> None:
    assert [(task.name, task.query_language, task.passage_language) for task in tasks] == [
        ("manual, es question", "es", "es"),
        ("manual, en question", "en", "es"),
    ]
    assert [task.queries[0] for task in tasks] == [VACATION_ES, VACATION_EN]
    assert tasks[0].passages == tasks[1].passages
    assert tasks[0].answers == tasks[1].answers


def test_the_chunk_with_the_evidence_answers(tasks: list[Task]) -> None:
    (number,) = tasks[0].answers[0]
    assert "23 días laborables" in tasks[0].passages[number].text
    assert tasks[0].passages[number].breadcrumb == ("Vacaciones", "Días")


def test_any_piece_of_evidence_answers(tasks: list[Task]) -> None:
    texts = [tasks[0].passages[number].text for number in sorted(tasks[0].answers[1])]
    assert len(texts) == 2
    assert any("clase turista" in text for text in texts)


def test_questions_without_their_evidence_on_their_page_are_left_out(tasks: list[Task]) -> None:
    assert tasks[0].queries == (VACATION_ES, "¿Tren u hotel?")
    assert len(tasks[0].answers) == 2


def test_a_passage_is_embedded_with_its_headings() -> None:
    assert Passage(("Gastos", "Viajes"), "El tren.").whole == "Gastos > Viajes\nEl tren."
    assert Passage((), "El tren.").whole == "El tren."


def test_written_questions_are_asked_in_three_ways() -> None:
    texts = [Text("d", "Boat › Old", "Barco › Viejo", "The boat.", "El barco."), Text("d", "", "", "A lamp.", "Una.")]
    one, two, three = question_tasks("held", texts, [Question("Which?", "¿Cuál?", 1)])
    assert [task.queries for task in (one, two, three)] == [("¿Cuál?",), ("Which?",), ("Which?",)]
    assert one.passages == two.passages
    assert one.passages[0] == Passage(("Barco", "Viejo"), "El barco.")
    assert three.passages[1] == Passage((), "A lamp.")
    assert {task.answers for task in (one, two, three)} == {(frozenset({1}),)}
    assert (three.query_language, three.passage_language) == ("en", "en")


def test_questions_of_the_tiny_corpus_become_tasks(corpus: Corpus, texts_folder: Path) -> None:
    texts = development_texts(corpus)
    questions = read_questions(texts_folder / DEVELOPMENT, texts)
    spanish = question_tasks("held", texts, questions)[0]
    for query, (number,) in zip(spanish.queries, spanish.answers, strict=True):
        assert query.removeprefix("¿Cuándo ").removesuffix("?") in spanish.passages[number].text.lower()


def test_held_out_text_is_asked_both_ways_and_in_all_directions(corpus: Corpus) -> None:
    tasks = held_out_tasks(corpus)
    assert [task.name for task in tasks] == [
        "translation, en to es",
        "translation, es to en",
        "heading to body, en to en",
        "heading to body, en to es",
        "heading to body, es to en",
        "heading to body, es to es",
    ]
    for task in tasks:
        assert len(task.queries) == len(task.answers) > 3
        assert all(len(right) == 1 for right in task.answers)


def test_a_held_out_query_is_answered_by_its_own_translation(corpus: Corpus) -> None:
    to_spanish, to_english = held_out_tasks(corpus)[:2]
    pairs = {(pair.en, pair.es) for pair in corpus.pairs["test"]}
    for task, turned in ((to_spanish, False), (to_english, True)):
        for query, (number,) in zip(task.queries, task.answers, strict=True):
            found = (query, task.passages[number].text)
            assert (found[::-1] if turned else found) in pairs


def test_a_held_out_sentence_that_stands_in_a_section_of_the_training_is_not_asked(corpus: Corpus) -> None:
    asked = held_out_tasks(corpus)[0].queries
    seen = next(pair for pair in corpus.pairs["test"] if pair.en == asked[0])
    section = replace(corpus.sections["train"][0], body_es=f"Nota: {seen.es} Y algo más.")
    sections = {**corpus.sections, "train": [*corpus.sections["train"], section]}
    assert held_out_tasks(Corpus(corpus.pairs, sections, []))[0].queries == asked[1:]


def test_sections_of_every_source_are_asked(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [
        replace(section, source=source, heading_es=f"{source}-{n}", body_es=f"{source} {n} {section.body_es}")
        for source in ("first", "second")
        for n, section in enumerate(corpus.sections["test"])
    ]
    monkeypatch.setattr(tasks_module, "MOST_SECTIONS", len(many) // 2)
    (task,) = (
        task
        for task in held_out_tasks(Corpus(corpus.pairs, {**corpus.sections, "test": many}, []))
        if task.name == "heading to body, es to es"
    )
    assert len(task.queries) <= len(many) // 2
    assert {query.split("-")[0] for query in task.queries} == {"first", "second"}


def test_a_heading_is_answered_by_the_body_below_it(corpus: Corpus) -> None:
    bodies = {(section.heading_en, section.body_es) for section in corpus.sections["test"]}
    (task,) = (task for task in held_out_tasks(corpus) if task.name == "heading to body, en to es")
    for query, (number,) in zip(task.queries, task.answers, strict=True):
        assert (query, task.passages[number].text) in bodies


def test_a_heading_that_stands_twice_is_asked_once(corpus: Corpus) -> None:
    twice = Corpus(corpus.pairs, {**corpus.sections, "test": corpus.sections["test"] * 2}, [])
    assert held_out_tasks(twice)[2:] == held_out_tasks(corpus)[2:]


def test_the_development_part_can_be_asked_instead(corpus: Corpus) -> None:
    pairs = {pair.en for pair in corpus.pairs["dev"]}
    assert set(held_out_tasks(corpus, "dev")[0].queries) <= pairs
