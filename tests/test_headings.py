"""The text that each site generator makes the id of a heading of: pairs as MkDocs 1.6 and Hugo 0.168 built them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.markdown import parse_markdown
from ingest.site import AnchorStyle, Site, SiteKind

ROOT = Path("manual")


def anchors(text: str, kind: SiteKind, style: AnchorStyle | None = None) -> list[str]:
    site = Site(kind, ROOT, ROOT, None, True, (), {}, None, "es", (), anchor_style=style)
    return [block.anchor for block in parse_markdown(text, "p.md", site).blocks if block.kind == "heading"]


@pytest.mark.parametrize(
    ("heading", "mkdocs", "hugo"),
    [
        ("Con *énfasis*, **negrita** y `código`", "con-enfasis-negrita-y-codigo", "con-énfasis-negrita-y-código"),
        ("Con [enlace](https://a.b/c-d)", "con-enlace", "con-enlace"),
        ("Con <https://auto.link/x> enlace", "con-httpsautolinkx-enlace", "con--enlace"),
        ("Con https://bare.link/x enlace", "con-httpsbarelinkx-enlace", "con--enlace"),
        ("www.ejemplo.com/x y a@b.com, (https://x.y/z). fin", "wwwejemplocomx-y-abcom-httpsxyz-fin", "y---fin"),
        ("Con <em>html</em> dentro", "con-html-dentro", "con-html-dentro"),
        ("Comentario <!-- nota --> aquí", "comentario-aqui", "comentario--aquí"),
        ("Salto<br>línea", "saltolinea", "saltolínea"),
        ("Emoji :tada: aquí", "emoji-aqui", "emoji-tada-aquí"),
        ("A &amp; B &copy; &ntilde;", "a-b-n", "a--b--ñ"),
        ("&#233;pico", "epico", "233pico"),
        ("Imagen ![alt texto](x.png)", "imagen", "imagen-alt-texto"),
        ("Guion - y -- doble — raya", "guion-y-doble-raya", "guion---y--doble--raya"),
        ("A---B C----D", "a-b-c-d", "ab-c-d"),
        ("snake_case y __dunder__", "snake_case-y-dunder", "snake_case-y-dunder"),
        ("Nota[^1] al pie\n\n[^1]: Texto.", "nota-al-pie", "nota-al-pie"),
        ("Espacios   múltiples", "espacios-multiples", "espacios---múltiples"),
        ("**Guía de *uso* interno** fin", "guia-de-uso-interno-fin", "guía-de--fin"),
        ("[Guía de `uso` interno](x) fin", "guia-de-uso-interno-fin", "guía-de--fin"),
        ('**Guía "de" uso** fin', "guia-de-uso-fin", "guía--fin"),
        ("**Don't stop** fin", "dont-stop-fin", "don-fin"),
        (r"**A \* B** fin", "a-b-fin", "a--b-fin"),
        ("*a_b_c d* fin", "a_b_c-d-fin", "a_-fin"),
        ("[![alt](x.png) texto](y) fin", "texto-fin", "alt-fin"),
        ("**:tada: fiesta** fin", "fiesta-fin", "tada-fin"),
        ("**Fiesta :tada: hoy** fin", "fiesta-hoy-fin", "fiesta--fin"),
        ("**<https://x.y/z>** fin", "httpsxyz-fin", "fin"),
        ("***doble*** fin", "doble-fin", "doble-fin"),
        ("Explícito {#mi-id}", "mi-id", "mi-id"),
        ("Explícito ## {#mi-id}", "mi-id", "mi-id"),
        ("Explícito { .clase #mi-id }", "mi-id", "mi-id"),
        ('Explícito {id="mi-id"}', "mi-id", "mi-id"),
        ("Explícito {id=mi-id}", "mi-id", "mi-id"),
        ("Clase {.c}", "clase", "clase"),
        ("Con {llaves}", "con", "con-llaves"),
        ("Con {{ plantilla }}", "con-plantilla", "con--plantilla-"),
    ],
)
def test_id_of_a_heading(heading: str, mkdocs: str, hugo: str) -> None:
    assert (anchors(f"## {heading}", "mkdocs"), anchors(f"## {heading}", "hugo")) == ([mkdocs], [hugo])


@pytest.mark.parametrize(
    ("text", "mkdocs", "hugo"),
    [
        pytest.param("# Uno {#dos}\n\n# Dos", ["dos", "dos_1"], ["dos", "dos-1"], id="explicit-before"),
        pytest.param("# Dos\n\n# Uno {#dos}", ["dos_1", "dos"], ["dos", "dos"], id="explicit-after"),
        pytest.param("Texto.\n{: #dos }\n\n# Dos", ["dos_1"], ["dos"], id="explicit-on-a-paragraph"),
        pytest.param('<a id="dos"></a>\n\n# Dos', ["dos"], ["dos"], id="html-does-not-count"),
        pytest.param('<div id="dos" markdown>\n\n# Dos\n\n</div>', ["dos_1"], ["dos"], id="html-with-markdown"),
        pytest.param("#\n\n# ¿?", ["_2"], ["heading"], id="empty-heading"),
        pytest.param("<h2>Uno</h2>\n\n## Uno", ["", "uno"], ["", "uno"], id="html-heading-has-none"),
        pytest.param('<h2 id="a">Uno</h2>\n\n## Uno', ["a", "uno"], ["a", "uno"], id="html-heading-with-id"),
        pytest.param("> # Uno\n\n# Uno", ["uno_1"], ["uno-1"], id="in-a-quotation"),
        pytest.param("- # Uno\n\n# Uno", ["uno", "uno_1"], ["uno", "uno-1"], id="in-an-item"),
        pytest.param("- a\n\n    # Uno\n\n# Uno", ["uno", "uno_1"], ["uno", "uno-1"], id="deep-in-an-item"),
        pytest.param("1. a\n\n   # Uno\n\n# Uno", ["", "uno"], ["uno", "uno-1"], id="indented-by-three"),
        pytest.param("Uno\n---\n\nUno\n===", ["uno", "uno_1"], ["uno", "uno-1"], id="underlined"),
    ],
)
def test_ids_of_a_page(text: str, mkdocs: list[str], hugo: list[str]) -> None:
    assert (anchors(text, "mkdocs"), anchors(text, "hugo")) == (mkdocs, hugo)


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Explícito {#mi-id}", "explicito-mi-id"),
        ("Clase { .c }", "clase-c"),
        ("Con {: #dos puntos }", "con-dos-puntos"),
        ("Emoji :tada: aquí", "emoji-tada-aqui"),
    ],
)
def test_what_the_site_does_not_read_is_text(heading: str, anchor: str) -> None:
    style = AnchorStyle("toc", attribute_lists=False, emoji_codes=False)
    assert anchors(f"## {heading}", "mkdocs", style) == [anchor]


@pytest.mark.parametrize(
    ("heading", "anchor"), [("A---B -- C", "a-b-c"), ("Con *énfasis*", "con-énfasis"), (":tada: x", "tada-x")]
)
def test_ids_of_hugo_in_the_older_style(heading: str, anchor: str) -> None:
    assert anchors(f"## {heading}", "hugo", AnchorStyle("blackfriday")) == [anchor]


@pytest.mark.parametrize("heading", ['{{< ref "x.md" >}} y más', "Uso {{% icono %}}"])
def test_no_id_is_made_up_for_a_heading_with_a_shortcode(heading: str) -> None:
    assert anchors(f"Antes.\n\n## {heading}\n\n## Y más", "hugo") == ["", "y-más"]
    assert anchors(f"## {heading} {{#propio}}", "hugo") == ["propio"]


def test_a_plain_folder_has_no_rule_about_indentation() -> None:
    assert anchors("  ## Uno", "plain") == ["uno"]
