"""The benchmarks run, on sizes of seconds: their tables are whole. What they say of time is not asserted."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import asking, encoding, imports, ingesting, serving
from benchmarks.ingesting import StageClock
from benchmarks.synthetic import exchange_words, read_material, write_handbook
from benchmarks.table import cell_text, markdown
from rag.embedding import load_encoder

PAGES = 3


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


def tables(printed: str) -> list[list[list[str]]]:
    """Cells of every Markdown table in ``printed``, headers included, rules left out."""
    blocks = re.findall(r"(?:^\|.*\n)+", printed, re.M)
    return [
        [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if "---" not in line]
        for block in blocks
    ]


def test_a_table_is_markdown_with_figures_to_the_right() -> None:
    assert markdown(("a", "b"), [["x", 2]]) == "| a | b |\n| --- | ---: |\n| x | 2 |"


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells under 2 headers"):
        markdown(("a", "b"), [["x"]])


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, "–"), ("x", "x"), (1234, "1,234"), (1234.5, "1,234"), (12.34, "12.3"), (1.234, "1.23"), (0.0123, "0.012")],
)
def test_a_figure_has_about_three_digits(cell: float | str | None, text: str) -> None:
    assert cell_text(cell) == text


def test_a_synthetic_handbook_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    texts = [
        [
            file.read_text(encoding="utf-8")
            for file in sorted(write_handbook(tmp_path / name, 4, seed=seed).rglob("*.md"))
        ]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert texts[0] == texts[1] != texts[2]
    assert len(set(texts[0])) == 4


def test_exchanged_words_leave_markup_alone() -> None:
    text = (
        "## Personas {#identificador}\n\nNuestra [empresa](enlaces/destino.md) con `codigo` y https://ejemplo.invalid"
    )
    exchanged = exchange_words(text, ("palabras",), random.Random(1))
    assert "palabras" in exchanged
    for kept in ("## ", "{#identificador}", "](enlaces/destino.md)", "`codigo`", "https://ejemplo.invalid"):
        assert kept in exchanged


def test_the_sample_gives_sections_to_make_pages_of() -> None:
    material = read_material()
    assert len(material.sections) > 20
    assert all(section.startswith("## ") for section in material.sections)


def test_the_time_of_an_ingest_is_split_without_loss() -> None:
    clock = StageClock()
    for stage, done in (("read", 1), ("read", 2), ("embed", 0), ("embed", 9), ("write", 0), ("verify", 0)):
        clock(stage, done, 9)
    clock.end(changed=True)
    assert list(clock.seconds) == list(ingesting.STAGES)
    assert all(seconds > 0 for seconds in clock.seconds.values())


def run(
    main: Callable[[list[str]], None], capsys: pytest.CaptureFixture[str], *arguments: str
) -> list[list[list[str]]]:
    main(list(arguments))
    found = tables(capsys.readouterr().out)
    assert found
    return found


def test_imports(capsys: pytest.CaptureFixture[str]) -> None:
    (table,) = run(imports.main, capsys, "--repeat", "1", "json", "no_such_library")
    assert [row[0] for row in table] == ["module", "(Python alone)", "`no_such_library` (not installed)"]
    assert figure(table[1][1]) >= 0
    assert table[2][1:] == ["–", "–"]


def test_an_import_of_our_own_and_a_command() -> None:
    name, seconds, memory = imports.import_row("api.cli", 2)
    assert name == "`api.cli`"
    assert isinstance(seconds, float) and seconds > 0
    assert memory is None or (isinstance(memory, float) and memory > 0)
    assert imports.command_seconds(("--version",), 1) > 0


@pytest.mark.parametrize("name", imports.ENTRY_POINTS)
def test_entry_points_exist(name: str) -> None:
    assert find_spec(name) is not None


def test_encoding(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--runtimes", "onnxruntime", "--threads", "1", "2", "--rounds", "1", "--texts", "2")
    (table,) = run(encoding.main, capsys, *arguments)
    assert table[0] == list(encoding.HEADERS)
    assert [row[0] for row in table[1:]] == ["onnxruntime, 1", "onnxruntime, 2"]
    assert all(figure(row[-1]) == pytest.approx(1, abs=1e-3) for row in table[1:])


@pytest.mark.slow
def test_encoding_beside_sentence_transformers(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sentence_transformers")
    (table,) = run(encoding.main, capsys, "--threads", "2", "--rounds", "1", "--texts", "2")
    assert table[2][0] == "sentence-transformers, 2"
    assert figure(table[2][-1]) > 0.97


@pytest.mark.parametrize(("tokens", "fewest"), [(20, 15), (128, 120)])
def test_texts_have_the_tokens_they_are_named_after(tokens: int, fewest: int) -> None:
    encoder = load_encoder(str(encoding.MODEL))
    sizes = encoder.count_tokens(encoding.texts_of(encoder, tokens, 4))
    assert len(sizes) == 4
    assert all(fewest <= size <= tokens for size in sizes)


@pytest.mark.slow
def test_ingesting(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (table,) = run(ingesting.main, capsys, "--pages", str(PAGES), "--threads", "1", "--work", str(work))
    assert table[0] == list(ingesting.HEADERS)
    first, unchanged, edited = ([figure(cell) for cell in row[1:4]] for row in table[1:])
    assert first[0] == unchanged[0] == edited[0] == PAGES
    assert first[2] > edited[2] > unchanged[2] == 0


@pytest.mark.slow
def test_asking(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = run(asking.main, capsys, "--pages", str(PAGES), "--rounds", "1", "--work", str(work))
    spanish, english, seconds, memory = found
    for stages in (spanish, english):
        assert [row[0] for row in stages[1:]] == list(asking.ROWS)
        assert all(re.fullmatch(r"\d+\.\d\d / \d+\.\d\d", row[1]) for row in stages[1:])
    assert [row[0] for row in seconds[1:]] == [row[0] for row in memory[1:]]
    assert all(figure(row[1]) > 0 for row in seconds[1:])


@pytest.mark.slow
def test_serving(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("--pages", str(PAGES), "--clients", "1", "4", "--requests", "8", "--work", str(work))
    load, facts = run(serving.main, capsys, *arguments)
    assert [row[0] for row in load[1:]] == [f"{route}, {clients}" for route in serving.ROUTES for clients in (1, 4)]
    assert all(row[1:3] == ["8", "0"] for row in load[1:])
    assert figure(facts[1][0]) > 0


def test_a_client_without_a_server_counts_errors() -> None:
    replies = serving.drive(1, [serving.Call("GET", "/healthz")], clients=2, requests=4)
    assert [reply.status for reply in replies] == [0] * 4


def figure(cell: str) -> float:
    return float(cell.replace(",", ""))
