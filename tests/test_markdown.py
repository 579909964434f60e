"""What of a Markdown page is text, in MkDocs, Hugo and plain dialects, and where it stands in the file."""

from __future__ import annotations

import random
import time
import unicodedata
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.dialects import blank_dialects
from ingest.document import Block, Document
from ingest.markdown import parse_markdown
from ingest.site import Site, SiteKind


def site(kind: SiteKind = "mkdocs", nav_titles: dict[str, str] | None = None) -> Site:
    root = Path("manual")
    titles = MappingProxyType(nav_titles or {})
    return Site(kind, root, root, None, True, (), titles, None, "es", ())


def parse(text: str, path: str = "pagina.md", kind: SiteKind = "mkdocs") -> Document:
    return parse_markdown(text, path, site(kind))


def kinds_and_texts(document: Document) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in document.blocks]


def one(text: str) -> Block:
    (block,) = parse(text).blocks
    return block


P, H, LI, R, T, C = "paragraph", "heading", "item", "row", "term", "code"

PAGES: dict[str, tuple[str, list[tuple[str, str]]]] = {
    # The file
    "empty": ("", []),
    "only blank lines": ("\n \n\t\n", []),
    "front matter only": ("---\ntitle: Hola\n---\n", []),
    "front matter": ("---\ntitle: Hola\n---\n# Uno\n\nTexto.", [(H, "Uno"), (P, "Texto.")]),
    "CRLF": ("# Uno\r\n\r\nDos\r\ntres.\r\n\r\n- a\r\n- b\r\n", [(H, "Uno"), (P, "Dos tres."), (LI, "a"), (LI, "b")]),
    "CRLF front matter": ("---\r\ntitle: Hola\r\n---\r\n# Uno\r\n", [(H, "Uno")]),
    "lone carriage return": ("Uno\rdos.\n\nTres.", [(P, "Uno dos."), (P, "Tres.")]),
    "byte order mark": ("\ufeff# Uno\n", [(H, "Uno")]),
    "NUL": ("Uno\0dos", [(P, "Uno dos")]),
    # Headings
    "setext headings": ("Uno\n===\n\nDos\n---\n", [(H, "Uno"), (H, "Dos")]),
    "closed heading": ("## Uno ##\n", [(H, "Uno")]),
    "heading with attributes": ("# Título {#id .clase data-x=1}\n", [(H, "Título")]),
    "heading with attached attributes": ("# Título{#id}\n", [(H, "Título")]),
    "kramdown attributes": ("## Título\n{: .no_toc }\n\nTexto.", [(H, "Título"), (P, "Texto.")]),
    "heading with markup": ("## **Uno** `dos` [tres](x.md) &amp; _cuatro_\n", [(H, "Uno dos tres & cuatro")]),
    "heading in a list item": ("-   #### TÍTULO\n\n    Texto.\n", [(H, "TÍTULO"), (P, "Texto.")]),
    "heading in a quotation": ("> ## Título\n> Texto.", [(P, "Título"), (P, "Texto.")]),
    "heading in an admonition": ("!!! note\n    ## Título\n    Texto.", [(P, "Título"), (P, "Texto.")]),
    "empty heading": ("##\n\nTexto.", [(P, "Texto.")]),
    "hard space after the number sign": ("##\u00a0Título\n", [(H, "Título")]),
    "paragraph above a rule": ("Una línea.\nOtra línea.\nY otra.\n---\n", [(P, "Una línea. Otra línea. Y otra.")]),
    # Paragraphs and inline markup
    "emphasis": ("Un **texto _muy_ claro** y ~~viejo~~ *fin*.", [(P, "Un texto muy claro y viejo fin.")]),
    "emphasis in a word": ("tod*o*s y a_b_c y 2*3*4", [(P, "todos y a_b_c y 234")]),
    "unclosed emphasis": ("Un **texto y 5 * 3", [(P, "Un **texto y 5 * 3")]),
    "highlight, insert, keys": ("Un ==texto== ^^nuevo^^, pulsa ++ctrl+c++", [(P, "Un texto nuevo, pulsa ctrl+c")]),
    "C++ survives": ("Usamos C++ y C++, si a == b o b == c.", [(P, "Usamos C++ y C++, si a == b o b == c.")]),
    "code span": ("Usa `:emoji: {#a} <!-- b -->` aquí", [(P, "Usa :emoji: {#a} <!-- b --> aquí")]),
    "code span with backtick": ("Usa `` a`b `` aquí", [(P, "Usa a`b aquí")]),
    "soft break": ("Una línea\nseguida.", [(P, "Una línea seguida.")]),
    "lines of a card": ("Datos:\nNombre: Ana\n**Correo:** a@b.cl", [(P, "Datos:\nNombre: Ana\nCorreo: a@b.cl")]),
    "label in a paragraph": ("Una línea que sigue\nNota: es larga.", [(P, "Una línea que sigue Nota: es larga.")]),
    "hard break by spaces": ("Una línea  \nOtra línea", [(P, "Una línea\nOtra línea")]),
    "hard break by backslash": ("Una línea\\\nOtra línea", [(P, "Una línea\nOtra línea")]),
    "typed bullets": ("Son:\n1.- Uno\n2.- Dos\n• Tres\na) Cuatro", [(P, "Son:\n1.- Uno\n2.- Dos\n• Tres\na) Cuatro")]),
    "line in bold": ("**Etapa 1**\nTexto de\n**esto** y\nmás.", [(P, "Etapa 1\nTexto de esto y más.")]),
    "br": ("Uno<br>dos<br/>tres", [(P, "Uno\ndos\ntres")]),
    "escapes": (r"5 \* 3 \# \[no\] \\ c:\dir", [(P, r"5 * 3 # [no] \ c:\dir")]),
    "entities": ("&aacute;rea &lt;x&gt; 5&nbsp;&euro; &#241; &nada;", [(P, "área <x> 5 € ñ &nada;")]),
    "no-break space": ("5\u00a0días\u202fhábiles", [(P, "5 días hábiles")]),
    "zero-width characters": ("pala\u00adbra\u200b lar\u2060ga\ufeff", [(P, "palabra larga")]),
    "decomposed accents": ("cafe\u0301 y pin\u0303a", [(P, "café y piña")]),
    "emoji stay": ("Listo 🎉 👩\u200d💻 ✅", [(P, "Listo 🎉 👩\u200d💻 ✅")]),
    "icons": ("Hola :wink: y :material-account:{ .lg } fin :+1:.", [(P, "Hola y fin.")]),
    "icon first": (":fire: Texto", [(P, "Texto")]),
    "icon before emphasis": (":fire:**Texto**", [(P, "Texto")]),
    "no icons": ("A las 10:30:45, a: b :c y http://a:80:b/", [(P, "A las 10:30:45, a: b :c y http://a:80:b/")]),
    "inline attributes": ("Un [enlace](a.md){target=_blank} y *esto*{ .x }.", [(P, "Un enlace y esto.")]),
    "formula": ("Sea $x_{i=1}^{n} \\frac{a}{b}$ y $5.", [(P, "Sea $x_{i=1}^{n} \\frac{a}{b}$ y $5.")]),
    "placeholders survive": ("Hola {nombre}, usa {{ variable }}.", [(P, "Hola {nombre}, usa {{ variable }}.")]),
    "lines of symbols": ("Uno\n\n— — —\n\n+++++++\n\n✅", [(P, "Uno"), (P, "✅")]),
    "rule": ("Uno\n\n---\n\nDos\n\n***\n", [(P, "Uno"), (P, "Dos")]),
    # Links and images
    "links": ("[a](b.md) [c]() [d](<e f>) [g](h 'i')", [(P, "a c d g")]),
    "link with spaces in its target": ("Ver [esto](mi archivo.pdf).", [(P, "Ver esto.")]),
    "parenthesis after brackets": ("Ver [1](el anexo).", [(P, "Ver [1](el anexo).")]),
    "reference links": ("[a][b] y [c]\n\n[b]: x.md\n[c]: y.md 'título'\n", [(P, "a y c")]),
    "autolinks": ("<https://a.cl/b_c> y <ana@a.cl>", [(P, "https://a.cl/b_c y ana@a.cl")]),
    "bare URL": ("Ver https://a.cl/b_c_d?e=f&g.", [(P, "Ver https://a.cl/b_c_d?e=f&g.")]),
    "image": ("Antes ![una foto](a.png) después", [(P, "Antes una foto después")]),
    "image with a mere file name": ("Antes ![logo-2.png](a.png) después", [(P, "Antes después")]),
    "linked image": ("[![una foto](a.png)](b.md)", [(P, "una foto")]),
    "image with attributes": ("![una foto](a.png){ width=300 loading=lazy }", [(P, "una foto")]),
    "footnote": ("Texto[^1].\n\n[^1]: La nota.\n", [(P, "Texto."), (P, "La nota.")]),
    "abbreviation": (
        "La AFP.\n\n*[AFP]: Administradora de fondos\n",
        [(P, "La AFP."), (P, "AFP: Administradora de fondos")],
    ),
    # HTML
    "inline tags": ("Un <em>texto</em> <font color='red'>rojo</font>", [(P, "Un texto rojo")]),
    "HTML block": ("<div>\n  <p>Uno <b>dos</b></p>\n  <p>Tres</p>\n</div>\n", [(P, "Uno dos"), (P, "Tres")]),
    "Markdown in an HTML block": ("<div markdown>\n\n**Uno**\n\n</div>\n", [(P, "Uno")]),
    "details": (
        "<details>\n<summary>Pregunta</summary>\n\nRespuesta.\n\n</details>\n",
        [(P, "Pregunta"), (P, "Respuesta.")],
    ),
    "HTML heading and list": (
        "<h2 id='x'>Título</h2>\n<ul><li>uno</li><li>dos</li></ul>\n",
        [(H, "Título"), (LI, "uno"), (LI, "dos")],
    ),
    "HTML table": (
        "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>\n",
        [(R, "A: 1; B: 2")],
    ),
    "script and style": ("<script>\nvar a = 1;\n</script>\n\n<style>b {}</style>\n\nTexto.", [(P, "Texto.")]),
    "unclosed paragraphs": ("Uno:<p>\nDos<p>\nTres", [(P, "Uno:\nDos\nTres")]),
    "inline script": ("Uno <script>x = 1</script> dos", [(P, "Uno dos")]),
    "frame": ('Uno\n\n<iframe src="x">no</iframe>\n\ndos', [(P, "Uno"), (P, "dos")]),
    "HTML image": ('<img src="a.png" alt="una foto">\n', [(P, "una foto")]),
    "comment": ("Uno <!-- nada --> dos.", [(P, "Uno dos.")]),
    "comment over lines": ("Uno.\n\n<!-- nada\n\n# nada\n```\n-->\n\nDos.", [(P, "Uno."), (P, "Dos.")]),
    "comment without end": ("Uno.\n\n<!-- nada\nnada\n\nDos.\n\n# Tres", [(P, "Uno."), (P, "Dos."), (H, "Tres")]),
    # Lists
    "nested list": ("- a\n    - b\n        - c\n- d\n", [(LI, "a"), (LI, "b"), (LI, "c"), (LI, "d")]),
    "ordered list": ("1. a\n2) b\n", [(LI, "a"), (LI, "b")]),
    "loose list": ("- a\n\n- b\n", [(LI, "a"), (LI, "b")]),
    "several paragraphs an item": ("- a\n\n  b\n\n  c\n- d\n", [(LI, "a"), (P, "b"), (P, "c"), (LI, "d")]),
    "task list": ("- [ ] a\n- [x] b [c](d)\n* [X] e\n", [(LI, "a"), (LI, "b c"), (LI, "e")]),
    "task box in a quotation": ("> - [ ] a\n", [(LI, "a")]),
    "code in a list": ("- a\n\n    ```\n    b :c: \n    ```\n- d\n", [(LI, "a"), (C, "b :c:"), (LI, "d")]),
    "hard space after the bullet": ("-\u00a0a\n-\u00a0b\n", [(LI, "a"), (LI, "b")]),
    "definition list": ("Uno\n:   Dos.\n\n    Tres.\n", [(T, "Uno: Dos."), (P, "Tres.")]),
    "definition list with ids": (
        "Uno {#uno}\n: Dos.\n\n¿Tres?\n: Cuatro.\n",
        [(T, "Uno: Dos."), (T, "¿Tres? Cuatro.")],
    ),
    "two terms, two definitions": ("Uno\n: Dos.\n: Tres.\n", [(T, "Uno: Dos."), (P, "Tres.")]),
    # Tables
    "table": ("| A | B |\n|---|:-:|\n| 1 | 2 |\n| 3 | 4 |\n", [(R, "A: 1; B: 2"), (R, "A: 3; B: 4")]),
    "table without outer pipes": ("A | B\n-- | --\n1 | 2\n", [(R, "A: 1; B: 2")]),
    "table cells with markup": (
        "| **A** | B |\n|---|---|\n| [x](y) `z\\|w` | a<br>b |\n",
        [(R, "A: x z|w; B: a b")],
    ),
    "empty cells": ("| A | B | C |\n|---|---|---|\n|  | 2 | |\n| | | |\n", [(R, "B: 2")]),
    "table without header words": ("| | |\n|---|---|\n| 1 | 2 |\n", [(R, "1; 2")]),
    "table of a header only": ("| A | B |\n|---|---|\n", [(R, "A; B")]),
    "cells that end sentences": ("|¿Qué?|B|\n|-|-|\n|Esto.|Eso.|\n", [(R, "¿Qué? Esto. B: Eso.")]),
    "icons in cells": ("| A |\n|---|\n| :check: sí |\n", [(R, "A: sí")]),
    "table in a quotation": ("> | A |\n> |---|\n> | 1 |\n", [(R, "A: 1")]),
    # Containers
    "admonition": ('!!! note "Un *título*"\n\n    Uno.\n\n    - dos\n', [(P, "Un título"), (P, "Uno."), (LI, "dos")]),
    "admonition without title": ("!!! warning\n    Uno.\n\nDos.", [(P, "Uno."), (P, "Dos.")]),
    "collapsed": ('??? tip "T"\n    Uno.\n\n???+ tip\n    Dos.\n', [(P, "T"), (P, "Uno."), (P, "Dos.")]),
    "admonition after two blank lines": ("!!! note\n    Uno.\n\n\n    Dos.\n", [(P, "Uno."), (P, "Dos.")]),
    "admonition with a table": ("!!! note\n    | A |\n    |---|\n    | 1 |\n", [(R, "A: 1")]),
    "admonition in a list": ("- a\n\n    !!! note\n        b\n\n- c\n", [(LI, "a"), (P, "b"), (LI, "c")]),
    "nested admonitions": ("!!! a\n    !!! b\n        Uno.\n    Dos.\n", [(P, "Uno."), (P, "Dos.")]),
    "exclamation marks": ("!!! Muy bien\n\n¿¿¿ Y ???\n", [(P, "!!! Muy bien"), (P, "¿¿¿ Y ???")]),
    "tabs": ('=== "A"\n\n    Uno.\n\n=== "B"\n\n    - dos\n', [(P, "A"), (P, "Uno."), (P, "B"), (LI, "dos")]),
    "marked tabs": ('===! "A"\n    Uno.\n===+ "B"\n    Dos.\n', [(P, "A"), (P, "Uno."), (P, "B"), (P, "Dos.")]),
    "quotation": ("> **Nota:** uno\n> dos\n>\n> tres", [(P, "Nota: uno dos"), (P, "tres")]),
    "GitHub alert": ("> [!NOTE]\n> Uno.\n", [(P, "Uno.")]),
    "colon directive": ("::: tip Título\nUno.\n:::\n", [(P, "Título Uno.")]),
    "snippets": ('--8<-- "a.md"\n\nUno.\n\n--8<--\nb.md\n--8<--\n\nDos.', [(P, "Uno."), (P, "Dos.")]),
    "table of contents": ("[TOC]\n\n[[_TOC_]]\n\nUno.", [(P, "Uno.")]),
    # Shortcodes
    "shortcode": ("Uno.\n\n{{< youtube abc >}}\n\nDos.", [(P, "Uno."), (P, "Dos.")]),
    "paired shortcodes": ("{{% notice info %}}\nUno **dos**.\n{{% /notice %}}\n", [(P, "Uno dos.")]),
    "inline shortcode": ("Uno {{< icon x >}} dos.", [(P, "Uno dos.")]),
    "figure": ('{{< figure src="a.png" caption="La *foto*" alt="no" >}}', [(P, "La foto")]),
    "figure with alt only": ('{{< figure src="a.png" alt="La foto" >}}', [(P, "La foto")]),
    "figure without words": ('Uno.\n\n{{< figure src="a.png" >}}\n\nDos.', [(P, "Uno."), (P, "Dos.")]),
    "shortcode as target": ('Ver [esto]({{< relref "a/b.md" >}}).', [(P, "Ver esto.")]),
    "template tags": ('{% hint style="info" %}\nUno.\n{% endhint %}\n', [(P, "Uno.")]),
    # Code
    "fenced code": ("```python\nx  = 1  # :a:\n\n{{< b >}}\n```\n", [(C, "x = 1 # :a:"), (C, "{{< b >}}")]),
    "tilde fence": ("~~~\n<!-- a -->\n~~~\n\nUno.", [(C, "<!-- a -->"), (P, "Uno.")]),
    "indented code": ("Uno.\n\n    :a: = 2\n", [(P, "Uno."), (C, ":a: = 2")]),
    "unclosed fence": ("Uno.\n\n```\na\n", [(P, "Uno."), (C, "a")]),
    "flow chart": (
        "```mermaid\ngraph TD\n  A[Inicio] --> B{¿Va?}\n  B -- Sí --> C(Fin)\n  B -->|No| A\n```\n",
        [(C, "Inicio → ¿Va?"), (C, "Sí → Fin"), (C, "No")],
    ),
    "sequence diagram": ("```mermaid\nsequenceDiagram\n  Ana->>Luis: Pide el bono\n```\n", [(C, "Pide el bono")]),
}


@pytest.mark.parametrize(("text", "expected"), PAGES.values(), ids=PAGES.keys())
def test_reads_what_a_reader_sees(text: str, expected: list[tuple[str, str]]) -> None:
    assert kinds_and_texts(parse(text)) == expected


@pytest.mark.parametrize("text", [text for text, _ in PAGES.values()], ids=PAGES.keys())
def test_reads_the_same_with_windows_line_ends(text: str) -> None:
    unix = text.replace("\r\n", "\n")
    assert kinds_and_texts(parse(unix.replace("\n", "\r\n"))) == kinds_and_texts(parse(unix))


def stray_characters(document: Document) -> list[tuple[str, str]]:
    """Characters of the blocks whose offset points at another character of the file, and at no markup."""
    strays = []
    for block in document.blocks:
        assert len(block.offsets) == len(block.text)
        assert list(block.offsets) == sorted(block.offsets)
        assert all(block.start <= offset < block.end for offset in block.offsets)
        for character, offset in zip(block.text, block.offsets, strict=True):
            source = document.source[offset]
            if character.isspace() or character == unicodedata.normalize("NFC", source):
                continue
            strays.append((character, source))
    return strays


# What may differ: names of columns and joints (they stand for the next character), entities, composed accents.
JOINED = {"row", "term"}


@pytest.mark.parametrize("name", PAGES)
def test_offsets_point_at_the_very_characters(name: str) -> None:
    document = parse(PAGES[name][0])
    joined = any(block.kind in JOINED or "→" in block.text for block in document.blocks)
    if not joined and name not in {"entities", "heading with markup", "decomposed accents"}:
        assert stray_characters(document) == []


def test_offsets_of_a_decomposed_accent_and_an_entity_point_at_their_beginning() -> None:
    source = "cafe\u0301 x &eacute;."
    block = one(source)
    assert block.text == "café x é."
    assert [source[offset] for offset in block.offsets] == list("cafe x &.")


def test_offsets_survive_quotation_prefixes_tabs_and_list_indentation() -> None:
    source = "> Uno **dos\n> tres** cuatro\n\n-\tcinco\n\tseis\n\n1.  siete\n\n\t ocho `a  b`\n"
    document = parse(source)
    assert [block.text for block in document.blocks] == ["Uno dos tres cuatro", "cinco seis", "siete", "ocho a b"]
    assert stray_characters(document) == []


def test_offsets_in_a_row_tell_equal_cells_apart() -> None:
    source = "| A | B |\n|---|---|\n| sí | sí |\n"
    row = one(source)
    cells = [offset for character, offset in zip(row.text, row.offsets, strict=True) if character == "í"]
    assert cells == [source.index("sí") + 1, source.rindex("sí") + 1]


def test_first_character_of_the_body_may_follow_front_matter_and_byte_order_mark() -> None:
    source = "\ufeff---\r\ntitle: A\r\n---\r\nUno.\r\n"
    document = parse(source)
    assert document.body_start <= source.index("Uno")
    assert source[document.blocks[0].start : document.blocks[0].end] == "Uno."


@pytest.mark.parametrize(
    ("text", "slices"),
    [
        ("Uno.\n\n## Dos {#d} ##\n", ["Uno.", "## Dos {#d} ##"]),
        ("Dos\n===\n", ["Dos\n==="]),
        ("- **uno** [a](b)\n2. [ ] dos\n", ["- **uno** [a](b)", "2. [ ] dos"]),
        ("> uno\n> dos\n", ["uno\n> dos"]),
        ("A|B\n-|-\n1|2\n", ["1|2"]),
        ('!!! note "Un título"\n    Uno.\n', ['!!! note "Un título', "Uno."]),
        ("Uno\n: Dos.\n", ["Uno\n: Dos."]),
    ],
    ids=["heading", "setext", "items", "quotation", "row", "admonition", "term"],
)
def test_blocks_span_their_markup(text: str, slices: list[str]) -> None:
    assert [text[block.start : block.end] for block in parse(text).blocks] == slices


def test_headings_have_level_and_anchor() -> None:
    document = parse("# Uno\n\n### Dos\n\n## Tres {#otro}\n\n## Uno\n")
    headings = [(block.level, block.anchor) for block in document.blocks]
    assert headings == [(1, "uno"), (3, "dos"), (2, "otro"), (2, "uno_1")]


def test_headings_that_are_text_still_use_up_their_anchor() -> None:
    document = parse("> ## Uno\n\n## Uno\n")
    assert [block.anchor for block in document.blocks] == ["", "uno_1"]


def test_an_id_given_by_the_author_is_taken_from_no_code() -> None:
    document = parse("```\n# x {#uno}\n```\n\n## Uno\n")
    assert document.blocks[-1].anchor == "uno"


def test_hugo_anchors_come_from_the_heading_as_written() -> None:
    (heading,) = parse("## ¿Qué es *esto*?\n", kind="hugo").blocks
    assert heading.anchor == "qué-es-esto"


def test_lists_are_groups_with_depth_and_order() -> None:
    document = parse("- a\n    1. b\n        - c\n\ntexto\n\n1. d\n\n    e\n")
    described = [(block.text, block.group, block.depth, block.ordered) for block in document.blocks]
    assert described == [
        ("a", 0, 0, False),
        ("b", 0, 1, True),
        ("c", 0, 2, False),
        ("texto", None, 0, False),
        ("d", 1, 0, True),
        ("e", 1, 0, False),
    ]


def test_rows_know_their_columns() -> None:
    row = one("| **A** | B |\n|---|---|\n| 1 | 2 |\n")
    assert row.header == ("A", "B")


def test_content_of_containers_is_labelled() -> None:
    document = parse('=== "Chile"\n    Uno.\n\n    !!! note "Ojo"\n        Dos.\n\n    Tres.\n\nCuatro.')
    assert [(block.text, block.label) for block in document.blocks] == [
        ("Chile", "Chile"),
        ("Uno.", "Chile"),
        ("Ojo", "Ojo"),
        ("Dos.", "Ojo"),
        ("Tres.", "Chile"),
        ("Cuatro.", None),
    ]


def test_headings_in_tabs_are_headings() -> None:
    document = parse('=== "Chile"\n    ### Vacaciones\n    Uno.\n')
    assert document.blocks[1].kind == "heading"


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("[a *b*](c.md#d)", [("a b", "c.md#d")]),
        ("[a](política.md)", [("a", "política.md")]),
        ("[a]()", [("a", "")]),
        ("[a][b]\n\n[b]: c.md", [("a", "c.md")]),
        ("[a](mi archivo.md)", [("a", "mi%20archivo.md")]),
        ('[a]({{< ref "b/c.md" >}})', [("a", "b/c.md")]),
        ("<https://a.cl>", [("https://a.cl", "https://a.cl")]),
        ("| A |\n|---|\n| [b](c) [d](e) |\n", [("b", "c"), ("d", "e")]),
    ],
    ids=["inline", "accents", "empty", "reference", "spaces", "shortcode", "autolink", "row"],
)
def test_links_keep_text_and_target(text: str, links: list[tuple[str, str]]) -> None:
    assert [(link.text, link.target) for link in one(text).links] == links


@pytest.mark.parametrize(
    ("text", "path", "nav", "title"),
    [
        ("---\ntitle: Portada\n---\n# Uno", "a.md", {"a.md": "Nav"}, "Portada"),
        ("# Uno", "a.md", {"a.md": "Nav"}, "Nav"),
        ("## Cero\n\n# **Uno** {#x}\n\n# Dos", "a.md", {}, "Uno"),
        ("Texto", "beneficios/01-seguro_dental.es.md", {}, "Seguro dental"),
        ("Texto", "beneficios/_index.es.md", {}, "Beneficios"),
        ("Texto", "README.md", {}, "README"),
    ],
    ids=["front matter", "navigation", "first heading", "file name", "folder of an index", "index at the root"],
)
def test_title(text: str, path: str, nav: dict[str, str], title: str) -> None:
    assert parse_markdown(text, path, site(nav_titles=nav)).title == title


HOSTILE = {
    "brackets": "[" * 1_000_000,
    "image openings": "![" * 100_000,
    "asterisks": "*" * 300_000,
    "backticks": "".join("`" * count + " " for count in range(800)),
    "quotations": "> " * 5_000 + "x",
    "nested lists": "- " * 5_000 + "x",
    "stairs of lists": "\n".join(" " * (2 * depth) + "- x" for depth in range(500)),
    "unclosed comments": "<!--" * 50_000,
    "unclosed shortcodes": "{{<" * 50_000,
    "unclosed attributes": "{#a .b" * 50_000,
    "tags": "<a " * 100_000,
    "links": "[a](b c " * 30_000,
    "pipes": "|" * 200_000,
    "admonitions": "".join("    " * depth + '!!! n "t"\n' for depth in range(300)),
    "accents": "e" + "\u0301" * 100_000,
    "one long line": "palabra " * 100_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_pages_end_in_bounded_time(text: str) -> None:
    started = time.perf_counter()
    parse(text)
    assert time.perf_counter() - started < 8


def test_noncharacters_of_the_file_are_dropped() -> None:
    assert one("uno\ufdd0 dos\ufdd1").text == "uno dos"


FRAGMENTS = [fragment for text, _ in PAGES.values() for fragment in text.split("\n")]


@st.composite
def pages(draw: st.DrawFn) -> str:
    lines = draw(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=20)), max_size=25))
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


@settings(max_examples=300, deadline=None)
@given(pages())
def test_any_page_parses_to_clean_ordered_text(text: str) -> None:
    document = parse(text)
    for block in document.blocks:
        assert block.text == unicodedata.normalize("NFC", block.text).strip()
        assert "  " not in block.text
        assert 0 <= block.start < block.end <= len(text)
        assert len(block.offsets) == len(block.text)
        assert list(block.offsets) == sorted(block.offsets)
        assert all(block.start <= offset < block.end for offset in block.offsets)
    starts = [block.start for block in document.blocks]
    assert starts == sorted(starts)


@settings(max_examples=300, deadline=None)
@given(pages())
def test_blanking_keeps_every_character_in_place(text: str) -> None:
    blanked = blank_dialects(text)
    assert len(blanked) == len(text)
    newlines = [index for index, character in enumerate(text) if character in "\r\n"]
    assert all(blanked[index] == text[index] for index in newlines)


def test_words_of_plain_pages_are_all_kept_in_order() -> None:
    words = [f"palabra{number}" for number in range(400)]
    dice = random.Random(7)
    page = "".join(
        dice.choice(["{} ", "\n\n{} ", "\n- {} ", "\n## {}\n", "\n> {}\n\n", "**{}** "]).format(w) for w in words
    )
    found = " ".join(block.text for block in parse(page).blocks).split()
    assert found == words
