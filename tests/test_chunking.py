"""Chunks and units: sections kept together, spans that prove themselves, ids that stay."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunking import chunk_document
from ingest.document import Document
from ingest.markdown import parse_markdown
from ingest.site import Site
from rag.types import Chunk, Span, Unit


def count_words(texts: Sequence[str]) -> list[int]:
    """A tokenizer for which every word is a token, with one special token a text."""
    return [len(text.split()) + 1 for text in texts]


def parse(text: str, path: str = "manual/pagina.md") -> Document:
    root = Path("manual")
    return parse_markdown(text, path, Site("mkdocs", root, root, None, True, (), {}, None, "es", ()))


def chunk(text: str, max_tokens: int = 100, path: str = "manual/pagina.md") -> list[Chunk]:
    document = parse(text, path)
    return chunk_document(document, page_url="/pagina/", count_tokens=count_words, max_tokens=max_tokens)


def texts(units: Sequence[Unit]) -> list[str]:
    return [unit.text for unit in units]


# Sections and breadcrumbs


def test_every_heading_begins_a_chunk_and_the_text_before_the_first_is_kept() -> None:
    chunks = chunk("---\ntitle: Guía\n---\nAntes.\n\n# Uno\n\nTexto uno.\n\n## Dos\n\nTexto dos.\n")
    assert [(c.breadcrumb, c.anchor, c.text) for c in chunks] == [
        (("Guía",), "", "Antes."),
        (("Guía", "Uno"), "uno", "Texto uno."),
        (("Guía", "Uno", "Dos"), "dos", "Texto dos."),
    ]
    assert [c.url for c in chunks] == ["/pagina/", "/pagina/#uno", "/pagina/#dos"]
    assert [c.ordinal for c in chunks] == [0, 1, 2]


@pytest.mark.parametrize(
    ("body", "breadcrumbs"),
    [
        ("# ¡Guía de bienvenida!\n\nA.\n\n## Dos\n\nB.", [("Guía de Bienvenida",), ("Guía de Bienvenida", "Dos")]),
        ("# Guia de  bienvenida 🎉\n\nA.", [("Guía de Bienvenida",)]),
        ("# Uno\n\nA.\n\n# Dos\n\nB.", [("Guía de Bienvenida", "Uno"), ("Guía de Bienvenida", "Dos")]),
        (
            "# Uno\n\n#### Cuatro\n\nA.\n\n### Tres\n\nB.\n\n## Dos\n\nC.",
            [
                ("Guía de Bienvenida", "Uno"),
                ("Guía de Bienvenida", "Uno", "Cuatro"),
                ("Guía de Bienvenida", "Uno", "Tres"),
                ("Guía de Bienvenida", "Uno", "Dos"),
            ],
        ),
        ("A.", [("Guía de Bienvenida",)]),
        ("-   #### LISTA\n\n    A.\n", [("Guía de Bienvenida", "LISTA")]),
    ],
    ids=[
        "title repeated",
        "title repeated otherwise",
        "two first headings",
        "skipped levels",
        "no heading",
        "in a list",
    ],
)
def test_breadcrumb(body: str, breadcrumbs: list[tuple[str, ...]]) -> None:
    chunks = chunk("---\ntitle: Guía de Bienvenida\n---\n" + body)
    assert [c.breadcrumb for c in chunks] == breadcrumbs


def test_a_section_of_headings_lists_its_children() -> None:
    source = "# Valores\n\n## Respeto\n\nA.\n\n### Detalle\n\nB.\n\n## Calma\n\nC.\n"
    parent = chunk(source)[0]
    assert parent.text == "Respeto\nCalma"
    assert [(unit.kind, unit.source) for unit in parent.units] == [("heading", "## Respeto"), ("heading", "## Calma")]
    assert parent.source == "# Valores"
    assert parent.units[1].span == Span(source.index("## Calma"), source.index("## Calma") + 8, 11, 11)


def test_a_long_list_of_children_is_one_chunk() -> None:
    source = "# Preguntas\n\n" + "".join(f"## ¿Pregunta {number}?\n\nSí.\n\n" for number in range(30))
    parent = chunk(source, max_tokens=20)[0]
    assert len(parent.units) == 30


def test_a_heading_with_nothing_below_gives_a_chunk_without_units() -> None:
    chunks = chunk("# Uno\n\nA.\n\n## Vacía\n")
    assert (chunks[1].units, chunks[1].text, chunks[1].source) == ((), "", "## Vacía")


def test_a_page_without_text_has_no_chunk() -> None:
    assert chunk("") == []
    assert chunk("---\ntitle: A\n---\n<!-- nada -->\n") == []


def test_metadata_reaches_every_chunk() -> None:
    text = "---\ntitle: A\ndate: 2024-01-02\nlastmod: 2024-03-04\ndraft: true\nkeywords: [x, y]\n---\n# A\n\nB.\n"
    document = parse(text)
    (only,) = chunk_document(document, page_url="/", count_tokens=count_words, max_tokens=50, nav_position=3)
    assert (only.created, only.updated, only.draft) == ("2024-01-02", "2024-03-04", True)
    assert (only.keywords, only.nav_position, only.path) == (("x", "y"), 3, "manual/pagina.md")


# Units


def test_units_of_every_kind_prove_themselves() -> None:
    source = (
        "# A\n\nHola **a todos**. Esto [es](b.md) *así*:\n\n1. [x] **uno** `a`\n    - dos\n\n"
        "| C | D |\n|---|---|\n| 1 | 2 |\n\nE\n: F.\n\n```\ng = 1\n```\n"
    )
    (only,) = chunk(source)
    described = [(u.kind, u.text, u.source, u.block, u.depth, u.ordered, u.lead) for u in only.units]
    assert described == [
        ("sentence", "Hola a todos.", "Hola **a todos**.", 0, 0, False, False),
        ("sentence", "Esto es así:", "Esto [es](b.md) *así*:", 0, 0, False, True),
        ("item", "uno a", "**uno** `a`", 1, 0, True, False),
        ("item", "dos", "dos", 1, 1, False, False),
        ("row", "C: 1; D: 2", "| 1 | 2 |", 2, 0, False, False),
        ("term", "E: F.", "E\n: F.", 3, 0, False, False),
        ("code", "g = 1", "g = 1", 4, 0, False, False),
    ]
    assert [u.span.start_line for u in only.units] == [3, 3, 5, 6, 10, 12, 16]
    assert only.units[5].span.end_line == 13


@pytest.mark.parametrize(
    ("source", "units"),
    [
        ("**Uno. Dos.** Tres.", ["**Uno.", "Dos.**", "Tres."]),
        ("Uno.** **Dos.", ["Uno.**", "**Dos."]),
        ("Ve [esto. Eso](c.md 'un d'). Fin.", ["Ve [esto.", "Eso](c.md 'un d').", "Fin."]),
        ("Uno. <span class='x'>Dos.</span> Tres.", ["Uno.", "<span class='x'>Dos.</span>", "Tres."]),
        ("> Uno.\n> Dos.", ["Uno.", "Dos."]),
        ("Uno  \n**Dos**", ["Uno", "**Dos**"]),
        ("Uno.\r\nDos.", ["Uno.", "Dos."]),
        ('!!! note "Uno"\n    Dos.', ["Uno", "Dos."]),
        ("Uno. <!-- nada --> Dos.", ["Uno.", "Dos."]),
        ("Uno :wink:. Dos.", ["Uno :wink:.", "Dos."]),
    ],
    ids=["bold", "ends of bold", "link", "tag", "quotation", "hard break", "CRLF", "title", "comment", "icon"],
)
def test_markup_between_two_sentences_goes_where_it_belongs(source: str, units: list[str]) -> None:
    (only,) = chunk(source)
    assert [unit.source for unit in only.units] == units


@pytest.mark.parametrize(
    ("source", "leads"),
    [
        ("Son tres:\n\n- a\n- b\n", ["Son tres:"]),
        ("**Requisitos**\n\n- a\n", ["Requisitos"]),
        ("**¿Quién puede?**\n\nTodos.\n", ["¿Quién puede?"]),
        ("**Uno**  \n**Dos**\n\n- a\n", ["Uno", "Dos"]),
        ("Los siguientes son los pasos.\n\n1. a\n", ["Los siguientes son los pasos."]),
        ("A continuación, los pasos.\n(Hay más.)\n\n1. a\n", ["A continuación, los pasos.", "(Hay más.)"]),
        ('!!! note "Ojo"\n    Texto.\n', ["Ojo"]),
        ("<font color=red><b> Paso a paso </b></font>\n\n1. a\n", ["Paso a paso"]),
        ("- **¿Cuándo?**\n\nEl lunes.\n", ["¿Cuándo?"]),
        ("- **Uno**\n- **Dos**\n", []),
        ("Son tres.\n\n- a\n", []),
        ("Son tres:\n", []),
        ("**Importante.** Uno.\n\nDos.\n", []),
        ("**Es obligatorio.**\n\nDos.\n", []),
    ],
)
def test_what_introduces_the_next_block_is_a_lead(source: str, leads: list[str]) -> None:
    (only,) = chunk(source)
    assert [unit.text for unit in only.units if unit.lead] == leads


def test_a_long_item_is_cut_into_sentences() -> None:
    item = " ".join(f"Esta es la frase número {number} del ítem." for number in range(30))
    units = chunk(f"- corto. Sí.\n- {item}\n", max_tokens=1000)[0].units
    assert texts(units[:3]) == [
        "corto. Sí.",
        "Esta es la frase número 0 del ítem.",
        "Esta es la frase número 1 del ítem.",
    ]
    assert [unit.kind for unit in units[:3]] == ["item", "item", "sentence"]
    assert {unit.block for unit in units} == {0}


# Packing


def test_a_list_stays_whole_with_its_introduction_where_it_fits() -> None:
    paragraph = "Uno dos tres cuatro cinco seis siete. " * 2
    chunks = chunk(f"# A\n\n{paragraph}\n\nSon estos:\n\n- uno\n- dos\n- tres\n", max_tokens=24)
    assert [texts(c.units)[-1] for c in chunks] == ["Uno dos tres cuatro cinco seis siete.", "tres"]
    assert texts(chunks[1].units) == ["Son estos:", "uno", "dos", "tres"]


def test_a_long_list_is_cut_between_items_and_keeps_its_introduction() -> None:
    items = [f"- este es el punto {number}" for number in range(12)]
    chunks = chunk("Son estos:\n\n" + "\n".join(items) + "\n", max_tokens=40)
    assert len(chunks) > 1
    assert texts(chunks[0].units)[0] == "Son estos:"
    assert len(chunks[0].units) > 2
    assert [unit.text for c in chunks for unit in c.units[c is chunks[0] :]] == [item[2:] for item in items]


def test_an_introduction_never_ends_a_part() -> None:
    body = "\n\n".join(f"**Etapa {number}**\n\n- uno dos tres\n- cuatro cinco seis" for number in range(8))
    for c in chunk(f"# A\n\n{body}\n", max_tokens=26):
        assert not c.units[-1].lead


def test_parts_of_a_table_keep_its_columns() -> None:
    rows = "\n".join(f"| bono {number} | {number}000 pesos |" for number in range(10))
    chunks = chunk(f"# A\n\n| Nombre | Monto |\n|---|---|\n{rows}\n", max_tokens=30)
    assert len(chunks) > 2
    assert all(unit.text.startswith("Nombre: bono") for c in chunks for unit in c.units)


def test_the_head_of_a_table_goes_with_its_first_row() -> None:
    table = "| Nombre | Monto |\n|---|---|\n| bono | uno dos tres cuatro cinco |\n"
    paragraph = "Uno dos tres cuatro cinco seis siete ocho.\n"
    chunks = chunk(f"{paragraph}\n{table}", max_tokens=14)
    assert [c.source for c in chunks] == [paragraph.strip(), table.strip()]


def test_a_sentence_longer_than_the_window_stays_whole() -> None:
    long = " ".join(["palabra"] * 60) + "."
    chunks = chunk(f"Corta.\n\n{long} Otra.\n", max_tokens=20)
    assert [texts(c.units) for c in chunks] == [["Corta."], [long], ["Otra."]]


def test_small_neighbours_are_packed_together_but_not_over_a_heading() -> None:
    chunks = chunk("Uno.\n\nDos.\n\n- a\n\n# B\n\nTres.\n")
    assert [c.text for c in chunks] == ["Uno.\nDos.\na", "Tres."]


def test_tokens_are_counted_in_one_call() -> None:
    calls: list[int] = []

    def count(batch: Sequence[str]) -> list[int]:
        calls.append(len(batch))
        return count_words(batch)

    document = parse("# A\n\nUno. Dos.\n\n## B\n\n- a\n- b\n")
    chunk_document(document, page_url="/", count_tokens=count, max_tokens=50)
    assert len(calls) == 1


# Identity


def test_ids_are_stable_when_another_section_changes() -> None:
    before = chunk("# A\n\nUno.\n\n## B\n\nDos.\n")
    after = chunk("# A\n\nOtro texto más largo. Y más.\n\n## Nueva\n\nTres.\n\n## B\n\nDos.\n")
    assert before[1].id == after[2].id
    assert before[1].content_hash == after[2].content_hash
    assert before[0].id == after[0].id
    assert before[0].content_hash != after[0].content_hash


def test_ids_differ_between_pages_sections_and_parts() -> None:
    body = "# A\n\n" + "Una frase de prueba. " * 30 + "\n\n## B {#b}\n\nDos.\n\n## C {#b}\n\nTres.\n"
    ids = [c.id for path in ("a.md", "b.md") for c in chunk(body, max_tokens=30, path=path)]
    assert len(ids) == len(set(ids))
    assert all(len(identifier) == 16 for identifier in ids)


def test_content_hash_is_that_of_what_is_embedded() -> None:
    (only,) = chunk("# A\n\nUno.\n")
    assert only.content_hash == sha256(only.embedding_text.encode()).hexdigest()


# Properties

WORD = st.sampled_from(
    ["bono", "área", "día", "año", "café", "cafe\u0301", "🎉", "$100.000", "3.5", "ñandú", "**muy**", "`x y`"]
)
SENTENCE = st.tuples(st.lists(WORD, min_size=1, max_size=9).map(" ".join), st.sampled_from([".", "?", ":", ""])).map(
    "".join
)
PARAGRAPH = st.lists(SENTENCE, min_size=1, max_size=6).map(lambda parts: "Inicio " + " Luego ".join(parts))
HEADING = st.tuples(st.integers(1, 6), SENTENCE).map(lambda pair: f"{'#' * pair[0]} Título {pair[1]}")
LIST = st.lists(st.tuples(st.integers(0, 2), SENTENCE), min_size=1, max_size=8).map(
    lambda items: "\n".join(f"{'    ' * min(depth, place)}- Punto {text}" for place, (depth, text) in enumerate(items))
)
TABLE = st.lists(st.tuples(SENTENCE, SENTENCE), min_size=1, max_size=6).map(
    lambda rows: "| A | B |\n|---|---|\n" + "\n".join(f"| Celda {left} | {right} |" for left, right in rows)
)
ADMONITION = st.tuples(PARAGRAPH, LIST).map(
    lambda parts: '!!! note "Aviso"\n\n    ' + f"{parts[0]}\n\n{parts[1]}".replace("\n", "\n    ")
)
CODE = PARAGRAPH.map(lambda text: f"```\n{text}\n\n# nada\n```")
QUOTE = PARAGRAPH.map(lambda text: f"> {text}\n> Sigue.")
COMMENT = st.just("<!-- nada -->")
BLOCK = st.one_of(PARAGRAPH, HEADING, LIST, TABLE, ADMONITION, CODE, QUOTE, COMMENT)
PAGE = st.tuples(st.lists(BLOCK, max_size=10), st.sampled_from(["\n", "\r\n"]), st.booleans()).map(
    lambda page: ("---\ntitle: Página\n---\n" * page[2] + "\n\n".join(page[0])).replace("\n", page[1])
)


@settings(max_examples=100, deadline=None)
@given(PAGE, st.sampled_from([12, 40, 200]))
def test_chunks_are_true_to_the_file(source: str, max_tokens: int) -> None:
    document = parse(source)
    chunks = chunk(source, max_tokens)
    position = document.body_start
    for c in chunks:
        assert c.span.start >= position
        position = c.span.end
        assert c.source == source[c.span.start : c.span.end]
        assert_lines(c.span, source)
        assert c.text == "\n".join(texts(c.units))
        for unit in c.units:
            assert unit.source == source[unit.span.start : unit.span.end]
            assert_lines(unit.span, source)
            assert unit.kind == "heading" or c.span.start <= unit.span.start < unit.span.end <= c.span.end
            assert unit.text.strip() == unit.text != ""
    assert len({c.id for c in chunks}) == len(chunks)


def assert_lines(span: Span, source: str) -> None:
    assert span.start_line == source[: span.start].count("\n") + 1
    assert span.end_line == source[: max(span.start, span.end - 1)].count("\n") + 1


@settings(max_examples=100, deadline=None)
@given(PAGE, st.sampled_from([12, 40, 200]))
def test_chunks_hold_every_block_and_units_every_word(source: str, max_tokens: int) -> None:
    document = parse(source)
    chunks = chunk(source, max_tokens)
    covered: set[int] = set()
    for c in chunks:
        covered.update(range(c.span.start, c.span.end))
    for block in document.blocks:
        assert covered.issuperset(offset for offset in block.offsets if not source[offset].isspace())
    words = [word for block in document.blocks if block.kind != "heading" for word in block.text.split()]
    told = [word for c in chunks for unit in c.units if unit.kind != "heading" for word in unit.text.split()]
    assert told == words


@settings(max_examples=100, deadline=None)
@given(PAGE, st.sampled_from([30, 60, 200]))
def test_no_chunk_is_too_long_unless_it_is_one_unit(source: str, max_tokens: int) -> None:
    for c in chunk(source, max_tokens):
        crumb = len(" > ".join(c.breadcrumb).split())
        if len(c.units) > 1 and c.units[0].kind != "heading" and crumb < max_tokens * 3 // 4 - 2:
            assert count_words([c.embedding_text])[0] <= max_tokens


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("![Un faro](faro.svg)\n", ["image"]),
        ("![Un faro](faro.svg){ width=300 }\n", ["image"]),
        ("[![Un faro](faro.svg)](https://faro.example)\n", ["image"]),
        ('{{< figure src="faro.jpg" caption="Un faro" >}}\n', ["image"]),
        ("Esto es ![un faro](faro.svg) rojo.\n", ["sentence"]),
        ("[Un faro](faro.md)\n", ["sentence"]),
    ],
    ids=["image", "with attributes", "linked", "Hugo figure", "inside a sentence", "a link"],
)
def test_a_paragraph_of_pictures_only_is_told_from_prose(source: str, kinds: list[str]) -> None:
    units = [unit for one in chunk(source) for unit in one.units]
    assert [unit.kind for unit in units] == kinds
