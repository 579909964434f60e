"""Which units answer a question, and when none does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from chain_fakes import make_chunk

from rag.extractive import Selection, Selector
from rag.keyword import KeywordIndex
from rag.lexicon import make_lexicon
from rag.types import Chunk, Hit

LEXICON = make_lexicon({"bonus": [("bon", 0.9)], "mission": [("mision", 0.9)]})
BONUS = make_chunk("El bono es de $120.000.\nSe paga en marzo.\nLa oficina tiene café y plantas.", section="Bono")
STEPS = make_chunk(
    "Para pedir vacaciones:\n1. Habla con tu jefe.\n2. Llena el formulario.\n3. Espera la respuesta.",
    section="Pedirlas",
)
VALUES = make_chunk(
    "Los valores son tres:\n- Transparencia\n- Empatía\n- Excelencia", path="valores.md", section="Valores"
)


def hit(chunk: Chunk, score: float, unit_scores: Sequence[float]) -> Hit:
    return Hit(chunk, score=score, dense=max(unit_scores, default=0.0), unit_scores=tuple(unit_scores))


def choose(question: str, *hits: Hit, language: str = "es") -> Selection:
    selector = Selector(KeywordIndex([BONUS, STEPS, VALUES]), LEXICON)
    return selector(question, language, hits)  # type: ignore[arg-type]


def quoted(selection: Selection) -> list[str]:
    return [unit.text for quote in selection.quotes for unit in quote.units]


def test_the_unit_that_answers_is_quoted_and_the_one_beside_the_point_is_not() -> None:
    selection = choose("¿Cuánto es el bono?", hit(BONUS, 0.8, [0.8, 0.4, 0.05]))
    assert selection.status == "answered"
    assert quoted(selection) == ["El bono es de $120.000.", "Se paga en marzo."]


def test_units_keep_the_order_of_the_page() -> None:
    selection = choose("¿Cuándo se paga el bono?", hit(BONUS, 0.8, [0.6, 0.8, 0.0]))
    assert quoted(selection) == ["El bono es de $120.000.", "Se paga en marzo."]


@pytest.mark.parametrize(
    ("question", "chunk"),
    [("¿Cómo pido vacaciones?", STEPS), ("¿Cuáles son los valores?", VALUES)],
    ids=["steps", "list"],
)
def test_steps_and_lists_come_whole_with_their_introduction(question: str, chunk: Chunk) -> None:
    selection = choose(question, hit(chunk, 0.7, [0.2, 0.7, 0.1, 0.1]))
    assert quoted(selection) == [unit.text for unit in chunk.units]


def test_gaps_part_quotes_so_that_each_citation_is_one_run_of_lines() -> None:
    chunk = make_chunk("El bono es de cien.\nHay café para todos.\nEl bono se paga en marzo.")
    selection = choose("¿Cuánto es el bono?", hit(chunk, 0.8, [0.8, 0.0, 0.7]))
    assert [len(quote.units) for quote in selection.quotes] == [1, 1]


def test_a_second_passage_that_answers_as_well_is_quoted_too() -> None:
    other = make_chunk("El bono también existe en diciembre.", path="otro.md", section="Diciembre")
    selection = choose("¿Qué es el bono?", hit(BONUS, 0.8, [0.8, 0.1, 0.0]), hit(other, 0.75, [0.8]))
    assert [quote.chunk.path for quote in selection.quotes] == [BONUS.path, "otro.md"]
    weak = choose("¿Qué es el bono?", hit(BONUS, 0.8, [0.8, 0.1, 0.0]), hit(other, 0.5, [0.3]))
    assert [quote.chunk.path for quote in weak.quotes] == [BONUS.path]


def outline() -> Chunk:
    units = tuple(replace(unit, kind="heading") for unit in VALUES.units[1:])
    return replace(VALUES, id="outline", units=units)


def test_an_outline_answers_who_asks_for_a_list_and_gives_way_to_text_otherwise() -> None:
    candidates = (hit(outline(), 0.8, [0.8, 0.7, 0.7]), hit(BONUS, 0.75, [0.7, 0.1, 0.1]))
    assert quoted(choose("¿Cuáles son los valores?", *candidates))[:3] == ["Transparencia", "Empatía", "Excelencia"]
    assert quoted(choose("¿Se paga el bono en marzo?", *candidates))[0] == "El bono es de $120.000."


def test_nothing_near_is_not_found() -> None:
    selection = choose("¿Quién ganó el mundial?", hit(BONUS, 0.1, [0.1, 0.1, 0.1]))
    assert selection.status == "not_found"
    assert selection.quotes == ()
    assert selection.hits[0].chunk is BONUS


def test_the_same_similarity_counts_for_less_when_the_handbook_never_uses_the_words() -> None:
    near = hit(BONUS, 0.4, [0.3, 0.2, 0.1])
    assert choose("bitcoin", near).confidence < choose("bono", near).confidence


@pytest.mark.parametrize("question", ["", "¿?", "de la"])
def test_a_question_without_content_words_does_not_crash(question: str) -> None:
    assert choose(question, hit(BONUS, 0.1, [0.1, 0.1, 0.1])).status == "not_found"


def test_no_hit_or_a_hit_without_units_is_not_found() -> None:
    assert choose("¿Cuánto es el bono?").status == "not_found"
    empty = Hit(replace(BONUS, units=()), score=0.9, dense=0.9)
    assert choose("¿Cuánto es el bono?", empty).status == "not_found"


def test_an_english_question_meets_the_spanish_words_through_the_lexicon() -> None:
    selection = choose("What is the bonus?", hit(BONUS, 0.6, [0.5, 0.5, 0.5]), language="en")
    assert quoted(selection)[0] == "El bono es de $120.000."


def test_a_list_question_gets_the_list_and_not_only_the_note_beside_it() -> None:
    chunk = make_chunk("Los tipos son tres:\n- Uno\n- Dos\n- Tres\n\nTipo y área no son lo mismo.", section="Tipos")
    selection = choose("¿Qué tipos existen?", hit(chunk, 0.7, [0.3, 0.3, 0.2, 0.2, 0.7]))
    assert quoted(selection)[:4] == ["Los tipos son tres:", "Uno", "Dos", "Tres"]


def test_an_introduction_of_something_that_is_not_quoted_is_dropped() -> None:
    chunk = make_chunk("El bono es de cien.\nSe paga así:\n" + "\n".join(f"- {'paso ' * 120}{n}" for n in range(3)))
    assert quoted(choose("¿Existe el bono?", hit(chunk, 0.8, [0.8, 0.7, 0.0, 0.0, 0.0]))) == ["El bono es de cien."]


def test_a_further_passage_that_says_the_same_again_is_left_out() -> None:
    copy = make_chunk("El bono es de $120.000.", path="copia.md", section="Copia")
    selection = choose("¿Cuánto es el bono?", hit(BONUS, 0.8, [0.8, 0.1, 0.0]), hit(copy, 0.79, [0.8]))
    assert {quote.chunk.path for quote in selection.quotes} == {BONUS.path}


def test_an_introduction_of_the_sections_below_comes_with_their_headings() -> None:
    introduction = make_chunk("Esto haremos este año:\nCrecer\nAprender", section="Objetivos")
    lead, *below = introduction.units
    chunk = replace(introduction, units=(lead, *(replace(unit, kind="heading") for unit in below)))
    assert quoted(choose("¿Existen objetivos este año?", hit(chunk, 0.8, [0.8, 0.1, 0.1]))) == [
        "Esto haremos este año:",
        "Crecer",
        "Aprender",
    ]


def test_a_quote_begins_where_its_paragraph_says_what_it_is_about() -> None:
    chunk = make_chunk("El Senior es un referente. Así se reconoce:\n- Estima el esfuerzo\n- Guía al equipo")
    first, *items = chunk.units
    subject = replace(first, text="El Senior es un referente.", source="El Senior es un referente.", lead=False)
    lead = replace(first, text="Así se reconoce:", source="Así se reconoce:", lead=True)
    split = replace(chunk, units=(subject, lead, *items))
    selection = choose("¿Quién estima el esfuerzo?", hit(split, 0.8, [0.0, 0.3, 0.8, 0.2]))
    assert quoted(selection)[:3] == ["El Senior es un referente.", "Así se reconoce:", "Estima el esfuerzo"]
