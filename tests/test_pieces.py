"""Units grouped into pieces that make sense by themselves."""

from __future__ import annotations

from chain_fakes import make_chunk

from rag.pieces import pieces


def texts(source: str) -> list[list[str]]:
    units = make_chunk(source).units
    return [[units[position].text for position in piece.positions] for piece in pieces(units)]


def test_sentences_stand_alone() -> None:
    assert texts("Uno dos tres.\nCuatro cinco seis.") == [["Uno dos tres."], ["Cuatro cinco seis."]]


def test_a_small_list_stays_with_its_introduction() -> None:
    assert texts("Antes va esto.\nHay que traer:\n- lápiz\n- papel") == [
        ["Antes va esto."],
        ["Hay que traer:", "lápiz", "papel"],
    ]


def test_items_of_a_long_list_can_be_quoted_alone_with_the_introduction_and_what_is_nested() -> None:
    long = "palabra " * 40
    units = make_chunk(f"Opciones:\n- una {long}\n  - detalle\n- otra {long}").units
    found = pieces(units)
    assert [piece.positions for piece in found] == [(0, 1, 2), (0, 3)]
    assert all(piece.whole == (0, 1, 2, 3) and piece.listed for piece in found)


def test_steps_are_one_piece_however_long_each_is() -> None:
    long = "palabra " * 40
    units = make_chunk(f"Pasos:\n1. uno {long}\n2. dos {long}\n3. tres").units
    assert [piece.positions for piece in pieces(units)] == [(0, 1, 2, 3)]


def test_a_question_in_the_text_stays_with_its_answer() -> None:
    assert texts("¿Cuánto dura?\nDura una hora entera.\nHoy hay café.") == [
        ["¿Cuánto dura?", "Dura una hora entera."],
        ["Hoy hay café."],
    ]


def test_a_bare_yes_or_no_stays_with_its_reason() -> None:
    assert texts("No.\nLos niveles no dependen de los años.") == [["No.", "Los niveles no dependen de los años."]]


def test_nothing_is_lost_at_the_end() -> None:
    assert texts("Se verá más adelante:") == [["Se verá más adelante:"]]
    assert texts("") == []
