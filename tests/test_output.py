"""What the command line shows, and where."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import pytest
from fake_engine import FakeEngine

from api.output import TEXTS, show_answer, show_hits, show_progress, show_report
from rag.types import Answer, Question

ANSWER = FakeEngine().ask(Question("¿Cuántos días de vacaciones tengo?"))


@dataclass(frozen=True)
class Left:
    path: str
    reason: str


@dataclass(frozen=True)
class Report:
    pages: int = 3
    chunks: int = 9
    added: tuple[str, ...] = ("a.md", "b.md")
    changed: tuple[str, ...] = ("c.md",)
    removed: tuple[str, ...] = ()
    skipped: tuple[Left, ...] = ()
    failed: tuple[Left, ...] = ()
    problems: tuple[str, ...] = ()
    changed_index: bool = True
    seconds: float = 1.25


def shown(answer: Answer) -> str:
    stream = io.StringIO()
    show_answer(answer, stream)
    return stream.getvalue()


def reported(report: Report) -> str:
    stream = io.StringIO()
    show_report(report, stream)
    return stream.getvalue()


def test_an_answer_is_followed_by_what_it_stands_on() -> None:
    lines = shown(ANSWER).splitlines()
    assert lines == [
        "Tienes 23 días laborables de vacaciones al año. [1]",
        "",
        "Fuentes",
        "[1] Vacaciones › Detalle",
        "    vacaciones.md:3",
        "    (actualizado 2025-03-01)",
        "    /vacaciones.md",
        "    > Tienes 23 días laborables de vacaciones al año.",
    ]


def test_a_refusal_shows_the_nearest_sections() -> None:
    near = [replace(ANSWER.citations[0], id=number, breadcrumb=(f"Sección {number}",)) for number in (1, 2, 3, 4)]
    text = "The handbook does not say.\n\nThe closest there is in the handbook:\n\n- Sección 1"
    consulted = (near[0], *near)
    refusal = replace(ANSWER, text=text, status="not_found", citations=(), consulted=consulted, language="en")
    lines = shown(refusal).splitlines()
    assert lines[:3] == ["The handbook does not say.", "", "Nearest sections"]
    assert [line for line in lines if line.startswith("[")] == [f"[{n}] Sección {n}" for n in (1, 2, 3)]
    assert lines.count("    vacaciones.md:3") == lines.count("    /vacaciones.md") == 3
    assert "> " not in "".join(lines)


def test_small_talk_is_shown_by_itself() -> None:
    assert shown(replace(ANSWER, text="¡Hola!", status="not_found", citations=(), consulted=())) == "¡Hola!\n"


def test_a_draft_says_so() -> None:
    draft = replace(ANSWER.citations[0], draft=True, wip=True, start_line=3, end_line=5)
    text = shown(replace(ANSWER, citations=(draft,)))
    assert "(borrador, en elaboración, actualizado 2025-03-01)" in text
    assert "vacaciones.md:3-5" in text


def test_a_notice_is_shown() -> None:
    assert "the chat model failed" in shown(replace(ANSWER, notice="the chat model failed"))


def test_long_lines_are_not_broken_where_there_is_no_terminal() -> None:
    assert "word " * 100 in shown(replace(ANSWER, text="word " * 100 + "end"))


@pytest.mark.parametrize("text", ["[bold]x[/bold] [/x]", ":smile: [link=http://a]b[/link]"])
def test_a_page_cannot_style_the_output(text: str) -> None:
    assert text in shown(replace(ANSWER, text=text))


def test_a_page_cannot_drive_the_terminal() -> None:
    text = shown(replace(ANSWER, text="a\x1b]0;owned\x07b\x9bc"))
    assert not {character for character in text if not character.isprintable()} - {"\n"}


def test_both_languages_have_the_same_texts() -> None:
    assert TEXTS["es"].keys() == TEXTS["en"].keys()


def test_hits_are_numbered_with_their_place() -> None:
    stream = io.StringIO()
    show_hits(FakeEngine().search("gastos de viaje", 1), stream)
    first, place, url, excerpt = stream.getvalue().splitlines()
    assert first.startswith("1. 0.")
    assert first.endswith("Gastos › Detalle")
    assert (place.strip(), url.strip()) == ("gastos.md:3", "/gastos.md")
    assert excerpt.strip() == "Los gastos de viaje se piden antes del día 5."


def test_a_summary_counts_pages_and_names_what_was_left_out() -> None:
    text = reported(Report(skipped=(Left("d.md", "draft"),), failed=(Left("e.md", "not UTF-8"),), problems=("odd",)))
    assert text.splitlines() == [
        "3 pages, 9 chunks: 2 pages added, 1 changed, 0 removed (1.2 s)",
        "  failed: e.md: not UTF-8",
        "  skipped: d.md: draft",
        "  note: odd",
    ]


def test_a_summary_says_when_nothing_changed() -> None:
    assert reported(Report(changed_index=False)).startswith("Nothing changed: 3 pages, 9 chunks")


def test_a_long_list_of_files_left_out_is_cut() -> None:
    text = reported(Report(skipped=tuple(Left(f"{number}.md", "draft") for number in range(25))))
    assert len(text.splitlines()) == 22
    assert "and 5 more" in text


def test_progress_without_a_terminal_is_a_line_per_stage_and_no_flood() -> None:
    stream = io.StringIO()
    with show_progress(stream) as progress:
        for stage in ("reading", "embedding"):
            for done in range(1, 101):
                progress(stage, done, 100)
    assert stream.getvalue().splitlines() == ["reading: 1/100", "embedding: 1/100"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_a_bar_per_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with show_progress(stream) as progress:
        progress("reading", 1, 2)
        progress("reading", 2, 2)
        progress("embedding", 1, 4)
    assert "reading" in stream.getvalue()
    assert "1/4" in stream.getvalue()
