"""Details are compared by value across both languages, and nothing unstated passes."""

from __future__ import annotations

import pytest

from rag.claims import claims, unsupported
from rag.types import Language


@pytest.mark.parametrize(
    ("said", "language", "source"),
    [
        ("It is $300,000.", "en", "Son $300.000."),
        ("Son 300 mil pesos.", "es", "Son $300.000."),
        ("It takes three weeks.", "en", "Dura 3 semanas."),
        ("Son 35 días.", "es", "Son treinta y cinco días."),
        ("It is 12.5%.", "en", "Es el 12,5 %."),
        ("Es el 10 por ciento.", "es", "Es el 10%."),
        ("On March 15, 2024.", "en", "El 15 de marzo de 2024."),
        ("El 15 de marzo de 2024.", "es", "Fecha: 2024-03-15"),
        ("Every Friday at 2 pm.", "en", "Cada viernes a las 14:00."),
        ("Cada viernes a las 9:00.", "es", "Cada viernes a las 09:00 hrs."),
        ("Write to Ana@Empresa.example.", "en", "Escribe a ana@empresa.example"),
        ("See https://www.portal.example/a/.", "en", "Ver https://portal.example/a"),
        ("1. First\n2. Second", "en", "Primero y segundo"),
        ("You may march on.", "en", "Se puede seguir."),
        ("Ten cuidado.", "es", "Nada."),
        ("Only once.", "en", "Una vez."),
        ("Una persona de 23people.", "es", "Alguien de 23people."),
        ("UF 3.5 a year.", "en", "UF 3,5 al año."),
    ],
)  # fmt: skip
def test_same_detail_in_other_words_is_supported(said: str, language: Language, source: str) -> None:
    assert unsupported(said, language, [source]) == frozenset()


@pytest.mark.parametrize(
    ("said", "language", "source", "missing"),
    [
        ("Son 20 días.", "es", "Son 15 días.", {"20"}),
        ("Son 15%.", "es", "Son 15 días.", {"15%"}),
        ("Son 15 días.", "es", "Es el 15%.", {"15"}),
        ("Son 15 dólares.", "es", "Son 15 días.", {"$15"}),
        ("It takes twenty-five days.", "en", "Son veinte o cinco días.", {"25"}),
        ("El 15 de abril.", "es", "El 15 de marzo.", {"month 4"}),
        ("On Monday.", "en", "El martes.", {"weekday 1"}),
        ("A las 10:30.", "es", "A las 10:00.", {"time 10:30"}),
        ("b@x.example", "en", "a@x.example", {"b@x.example"}),
        ("https://a.example/b", "en", "https://a.example", {"a.example/b"}),
        ("Son 1.500.", "es", "Son 1,5.", {"1500"}),
        ("Es de 24people.", "es", "Es de 23people.", {"name 24people"}),
    ],
)  # fmt: skip
def test_detail_no_source_states_is_reported(said: str, language: Language, source: str, missing: set[str]) -> None:
    assert unsupported(said, language, [source]) == missing


def test_amounts_are_their_value() -> None:
    assert claims("US$ 1.234,50 y 2 millones de pesos", "es") == {"$1234.5", "$2000000"}


@pytest.mark.parametrize("text", ["", "…", "$", "1" * 400, "9.9.9.9", "@", "http://", "٣", "½ y ²"])
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(claims(text, "es"), frozenset)
