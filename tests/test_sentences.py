"""Where a sentence ends, in Spanish and English."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.sentences import split_sentences

# One text a row; a bar marks every cut.
TEXTS = [
    "Cuesta $120.000. | Puedes pedirlo.",
    "Vive en Perú. | Nada más.",
    "Viajó a EE.UU. y volvió. | Fin.",
    "Viajó a EE. UU. y volvió.",
    "Vive en EE.UU. | Nada más.",
    "Usa algo, p. ej. un lápiz. | Fin.",
    "Usa algo, p. ej. Excel o Word.",
    "El Sr. Soto y la Dra. Díaz. | Fin.",
    "Según el art. 5 del código. | Fin.",
    "Según el Art. 22 inciso 2. | Fin.",
    "Pan, leche, etc. | Luego se va.",
    "Pan, leche, etc. y café.",
    "(Pan, leche, etc.) | Luego se va.",
    "1. Transparencia: ser claros. | 2. Inclusión: todos.",
    "A las 9:00 a.m. empieza. | Fin.",
    "Llega a las 9:00 a.m. | Puedes entrar.",
    "Llega a las 9 p. m. | Puedes entrar.",
    "La versión v2.0.1 salió. | Y 23people.io también.",
    "Somos 23people. | 23people crece.",
    "Ver https://a.b/c?x=1. | Fin.",
    "Ver https://a.b/C.Hola?x=Y!z y sigue.",
    "Escribe a ana@x.cl. | Gracias.",
    "Escribe a ana.Perez@x.cl hoy.",
    "¿Qué es? | ¡Es esto! | Fin.",
    "¿Puedo? | ¿Cuándo?",
    "¡Hola! | ¿cómo estás?",
    "Bueno... sigamos. | Y… nada.",
    "Espera... | Luego sigue.",
    "Espera… | Luego sigue.",
    "(Esto es así.) | Otra.",
    'Dijo "Hola." | Luego salió.',
    "«Hola.» | Luego salió.",
    "Dijo “Hola”. | Luego salió.",
    "Listo. 🎉 | Sigue esto.",
    "Listo.🎉 | Sigue esto.",
    "Hasta $10.000.- | Otra cosa.",
    "Hasta $100.000.- por semana. | Fin.",
    "Se acabó. | Puedes seguir.",
    "Usamos Node.Js y ASP.NET Core.",
    "ESTO ES TODO. | OTRA COSA.",
    "Habló J. Pérez ayer. | Fin.",
    "Habló J. M. Pérez ayer. | Fin.",
    "Vale 3.5 veces. | Fin.",
    "Inicio el 1.º de mayo. | Fin.",
    "La No. 5 es buena.",
    "Eso no. | No insistas.",
    "Área de RR.HH. de la empresa. | Fin.",
    "Acme S.A. es grande. | Fin.",
    "Se paga el 3.5 %. | Luego más.",
    "Son 15 días. | 5 son extra.",
    "Tiene 3 años. | (Ver anexo.) | Fin.",
    "Punto final. | además sigue.",
    "You get 15 days. | They expire. | Mr. Smith knows.",
    "It costs e.g. $5. | Fine.",
    "The U.S. office is open. | See it.",
    "Hola.",
    "sin punto",
    "Usa el archivo config.yaml. | Luego reinicia.",
    'Se llama "El Plan." y sigue. | Fin.',
    "Nos vemos el 12.05.2024. | Trae todo.",
    "¿Y si no? | No pasa nada.",
    'Él respondió: "¿Por qué?" y se fue. | Fin.',
    "a) Primero. | b) Segundo.",
    "Habla con Ud. | Nada más.",
    "El depto. 5 está libre. | Fin.",
    "Llama al tel. 600 123. | Fin.",
    "Somos tod@s. | Juntos.",
    "Pueden ir a RR. HH. | En esa área los ayudan.",
    "Escribe a norma@gmail.com. | Copia a Ana, por favor.",
    "Entra a www.acme.cl. | Luego elige la opción.",
    "ACME S.A. Comercial paga. | Fin.",
    "¿Qué hago? | 1. Avisa. | 2. Espera.",
    "Se paga (ver Art. 3). | Luego se firma.",
    "Dice: «¡Bienvenido!». | Después firma.",
    "**Nota.** | Es importante.",
    "1.- Guarda los cambios. | 2.1.- Cierra la sesión.",
    "Uno; dos: tres, cuatro.",
    "Son $1.234.567,89. | Se pagan en 3 cuotas.",
    "El 50%. | El resto después.",
    "Vuelve el lunes 3. | Trae el informe.",
    "Usa v1.2. | Después, v2.0.",
    "Sube a la rama main… | ¡Y listo!",
]


def pieces(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize("marked", TEXTS)
def test_cuts_where_a_reader_would(marked: str) -> None:
    sentences = marked.split(" | ")
    assert pieces(" ".join(sentences)) == sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Se acabó.Puedes seguir.", ["Se acabó.", "Puedes seguir."]),
        ("Vive en Perú.El resto no.", ["Vive en Perú.", "El resto no."]),
        ("¿Listo?¡Vamos!", ["¿Listo?¡Vamos!"]),
        ("Usamos Node.Js, System.Out y www.Acme.Com hoy.", ["Usamos Node.Js, System.Out y www.Acme.Com hoy."]),
    ],
)
def test_a_missing_space_after_a_full_stop_is_noticed_only_between_words(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_a_line_break_ends_a_sentence() -> None:
    assert pieces("Lunes\nMartes y\n\n jueves") == ["Lunes", "Martes y", "jueves"]


@pytest.mark.parametrize("text", ["", " ", "\n \n"])
def test_nothing_has_no_sentence(text: str) -> None:
    assert split_sentences(text) == []


WORDS = [
    "Hola",
    "el",
    "Sr.",
    "p. ej.",
    "etc.",
    "3.5",
    "$1.000.-",
    "(sí)",
    "«no»",
    "¿Qué?",
    "¡Ya!",
    "a.b@c.cl",
    "🎉",
    "…",
    "EE.UU.",
    "1.",
]


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=15).map(" ".join)))
def test_sentences_cover_all_words_in_order_and_never_cut_one(text: str) -> None:
    spans = split_sentences(text)
    covered = set()
    for start, end in spans:
        assert text[start:end] == text[start:end].strip()
        assert start < end
        covered.update(range(start, end))
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    assert all(text[index].isspace() for index in range(len(text)) if index not in covered)
    for start, _ in spans:
        assert start == 0 or not (text[start - 1].isalnum() and text[start].isalnum())


def test_a_very_long_paragraph_is_cut_everywhere() -> None:
    text = " ".join(["Esta es la frase que sigue."] * 5_000)
    assert len(split_sentences(text)) == 5_000
