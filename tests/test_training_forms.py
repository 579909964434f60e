"""The forms the encoder could be served in: each is written and measured, and the table of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from tiny_corpus import TEXTS

from training.export import ONNX_FILE, Form, write_folder
from training.forms import FORMS, FormFigures, compare_forms, forms_table
from training.network import load_bert
from training.tasks import Passage, Task

PASSAGES = (Passage((), "El barco verde."), Passage((), "El pan viejo."), Passage(("Cielo",), "La nube."))


def task(name: str, *answers: int) -> Task:
    """The first two passages asked for by their own texts; ``answers`` are said to be right."""
    queries = tuple(passage.text for passage in PASSAGES[:2])
    return Task(name, queries, PASSAGES, tuple(frozenset({number}) for number in answers), "es", "es")


@pytest.fixture(scope="module")
def model(teacher_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The teacher itself as a served folder."""
    folder = tmp_path_factory.mktemp("served") / "model"
    write_folder(load_bert(teacher_folder), teacher_folder / "tokenizer.json", folder, 64)
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every form is written into."""
    return tmp_path_factory.mktemp("forms")


@pytest.fixture(scope="module")
def rows(teacher_folder: Path, model: Path, work: Path) -> list[FormFigures]:
    """One comparison for all the tests: it starts a process for each form."""
    tasks = [task("right", 0, 1), task("wrong", 1, 0)]
    return compare_forms(load_bert(teacher_folder), model, work, tasks, TEXTS[-1])


def test_every_form_there_is_is_compared() -> None:
    assert sorted(FORMS) == sorted(get_args(Form))


@pytest.mark.slow
def test_every_form_is_measured_in_turn(rows: list[FormFigures]) -> None:
    assert [row.form for row in rows] == list(FORMS)
    for row in rows:
        assert min(row.megabytes, row.load_seconds, row.peak_megabytes, row.query_ms, row.passages_a_second) > 0
    assert max(rows, key=lambda row: row.megabytes).form == "float32"


@pytest.mark.slow
def test_vectors_of_every_form_agree_with_the_float_ones(rows: list[FormFigures]) -> None:
    agreement = {row.form: row.agreement for row in rows}
    assert agreement.pop("float32") == pytest.approx(1.0, abs=1e-5)
    assert all(0.9 < cosine < 1 for cosine in agreement.values())


@pytest.mark.slow
def test_recall_is_the_mean_over_the_tasks(rows: list[FormFigures]) -> None:
    # A text is nearest to itself in every form: the first task's answers come first, the other's later.
    assert [(row.recall_at_1, row.recall_at_5) for row in rows] == [(0.5, 1.0)] * len(FORMS)


@pytest.mark.slow
def test_a_form_has_its_own_graph_and_the_other_files_of_the_model(
    rows: list[FormFigures], model: Path, work: Path
) -> None:
    folders = {folder.name: folder for folder in work.iterdir()}
    assert set(folders) == {"int8-int4-table", "int8", "int8-per-tensor", "int8-weights-only", "float32"}
    graphs = {name: (folder / ONNX_FILE).read_bytes() for name, folder in folders.items()}
    assert len(set(graphs.values())) == len(rows)
    assert graphs["int8-int4-table"] == (model / ONNX_FILE).read_bytes()
    for folder in folders.values():
        for name in ("config.json", "modules.json", "tokenizer.json", "sentence_bert_config.json"):
            assert (folder / name).read_bytes() == (model / name).read_bytes()


def test_the_table_has_a_line_for_each_form() -> None:
    one = FormFigures("int8", 12.34, 0.456, 210.4, 1.234, 98.7, 0.99876, 0.5, 0.75)
    other = FormFigures("float32", 90, 1, 300, 2, 50, 1, 1, 1)
    text = forms_table([one, other])
    head, rule, *lines = text.splitlines()
    assert head.startswith("| form | MB | load, s | peak MB |")
    assert {line.count("|") for line in (head, rule, *lines)} == {10}
    assert lines == [
        "| int8 | 12.3 | 0.46 | 210 | 1.23 | 99 | 0.9988 | 0.500 | 0.750 |",
        "| float32 | 90.0 | 1.00 | 300 | 2.00 | 50 | 1.0000 | 1.000 | 1.000 |",
    ]
    assert text.endswith("|\n")
