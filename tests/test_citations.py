"""Citations are verbatim, point at exact lines, and keep their numbers."""

from __future__ import annotations

from chain_fakes import make_chunk, make_hits

from rag.citations import CitationBook, best_unit, make_citation, runs, section_name
from rag.types import Hit

SOURCE = "El bono es de **$300.000** por año.\nSe paga en enero.\n\n- Pedirlo a [personas](mailto:p@x.cl)\n- Esperar"


def test_quote_is_the_source_from_the_first_unit_to_the_last() -> None:
    chunk = make_chunk(SOURCE)
    citation = make_citation(1, chunk, chunk.units[1:3])
    assert citation.quote == "Se paga en enero.\n\n- Pedirlo a [personas](mailto:p@x.cl)"
    assert citation.quote in SOURCE


def test_lines_are_those_of_the_units_and_of_the_chunk() -> None:
    chunk = make_chunk(SOURCE, first_line=40)
    citation = make_citation(1, chunk, chunk.units[1:3])
    assert (citation.start_line, citation.end_line, citation.context_start_line) == (41, 43, 40)
    assert citation.context.split("\n")[citation.start_line - 40] == "Se paga en enero."


def test_page_facts_are_those_of_the_chunk() -> None:
    chunk = make_chunk(SOURCE, draft=True, wip=True, created="2023-01-01", updated="2024-05-06")
    citation = make_citation(3, chunk, chunk.units[:1])
    assert (citation.path, citation.url, citation.title) == (chunk.path, chunk.url, "Vacaciones")
    assert (citation.draft, citation.wip, citation.updated, citation.id) == (True, True, "2024-05-06", 3)


def test_date_of_creation_stands_in_for_a_missing_update() -> None:
    chunk = make_chunk(SOURCE, created="2023-01-01")
    assert make_citation(1, chunk, chunk.units[:1]).updated == "2023-01-01"


def test_book_numbers_in_order_of_first_use_and_repeats_the_number() -> None:
    first, second = make_chunk(SOURCE), make_chunk(SOURCE, section="Otro")
    book = CitationBook()
    used = [
        book.cite(second, second.units[:2]),
        book.cite(first, first.units[:1]),
        book.cite(second, second.units[1:2]),
    ]
    assert [(citation.id, new) for citation, new in used] == [(1, True), (2, True), (1, False)]
    assert [citation.id for citation in book.citations] == [1, 2]


def test_same_text_at_two_paths_is_two_citations() -> None:
    here, there = make_chunk(SOURCE), make_chunk(SOURCE, path="copia.md")
    book = CitationBook()
    assert [book.cite(chunk, chunk.units)[0].path for chunk in (here, there)] == [here.path, "copia.md"]


def test_consulted_are_the_hits_not_cited_once_each_and_numbered_on() -> None:
    cited, read = make_chunk(SOURCE), make_chunk("Otra cosa.", section="Otra")
    book = CitationBook()
    book.cite(cited, cited.units[:1])
    consulted = book.consulted([*make_hits(cited, read), *make_hits(read)])
    assert [(citation.id, citation.quote) for citation in consulted] == [(2, "Otra cosa.")]


def test_best_unit_follows_the_scores_and_else_comes_first() -> None:
    chunk = make_chunk(SOURCE)
    assert best_unit(Hit(chunk, 0.5, unit_scores=(0.1, 0.2, 0.9, 0.3))) is chunk.units[2]
    assert best_unit(Hit(chunk, 0.5)) is chunk.units[0]


def test_section_name_says_page_and_section_once_on_one_line() -> None:
    assert section_name("Vacaciones", ("Vacaciones", "Un\n tema", "Bono")) == "Vacaciones › Bono"
    assert section_name("Vacaciones", ("Vacaciones",)) == "Vacaciones"


def test_unit_outside_its_chunk_is_its_own_proof() -> None:
    chunk = make_chunk("## Tema")
    below = make_chunk("### Subtema", first_line=30, offset=900).units[0]
    citation = make_citation(1, chunk, [below])
    assert (citation.quote, citation.context) == ("### Subtema", "### Subtema")
    assert (citation.start_line, citation.end_line, citation.context_start_line) == (30, 30, 30)


def test_runs_keep_units_outside_the_chunk_apart() -> None:
    chunk = make_chunk(SOURCE)
    below = make_chunk("### Uno\n### Dos", first_line=30, offset=900).units
    assert runs(chunk, [*chunk.units[:2], *below]) == [chunk.units[:2], below[:1], below[1:]]
