"""The quoted passage: readable, safe, and with the quote, all of it and only it, highlighted."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stub_api import make_citation

from api.schema import Citation
from ui.passage import passage_html, plain_text


def passage(context: str, quote: str, first_line: int = 10) -> str:
    """The passage of ``quote``, which is at its last place in ``context``."""
    start = context.rfind(quote)
    line = first_line + context.count("\n", 0, max(start, 0))
    changes = {"context": context, "quote": quote, "start_line": line, "end_line": line + quote.count("\n")}
    citation = make_citation(**changes, context_start_line=first_line)
    return passage_html(Citation.model_validate(citation), "imagen")


def marked(html: str) -> list[str]:
    pieces = [unescape(re.sub(r"<[^>]*>", "", piece)) for piece in re.findall(r"<mark>(.*?)</mark>", html, re.DOTALL)]
    return [" ".join(piece.split()) for piece in pieces if piece.strip()]


@pytest.mark.parametrize(
    ("context", "quote", "expected"),
    [
        pytest.param("Uno. Dos tres. Cuatro.", "Dos tres.", ["Dos tres."], id="sentence"),
        pytest.param("¿Qué? ¿Y «esto»? Fin.", "¿Y «esto»?", ["¿Y «esto»?"], id="punctuation"),
        pytest.param("# T\n\n- uno\n- dos\n- tres", "- dos\n- tres", ["dos", "tres"], id="items"),
        pytest.param("- a\n    - b\n    - c", "- b", ["b"], id="nested-item"),
        pytest.param("|a|b|\n|-|-|\n|1|2|\n|3|4|", "|3|4|", ["3", "4"], id="row"),
        pytest.param("Hay **mucha. Y poca** luz.", "Y poca** luz.", ["Y poca", "luz."], id="cut-in-emphasis"),
        pytest.param("Ver [la guía](x.md) ya. Sí.", "Ver [la guía](x.md) ya.", ["Ver", "la guía", "ya."], id="link"),
        pytest.param("Uno dos\ntres. Cuatro.", "Uno dos\ntres.", ["Uno dos", "tres."], id="two-lines"),
        pytest.param("Sí, claro.\n\nNo.\n\nSí, claro.", "Sí, claro.", ["Sí, claro."], id="said-twice"),
        pytest.param("Usa `faro ask` así. No.", "Usa `faro ask` así.", ["Usa", "faro ask", "así."], id="code"),
        pytest.param("```sh\nmake\nmake test\n```", "make test", ["make test"], id="code-block"),
        pytest.param('!!! note "Ojo"\n    Uno. Dos.', "Dos.", ["Dos."], id="admonition"),
        pytest.param("Término\n:   Qué es. Más.", "Qué es.", ["Qué es."], id="definition"),
        pytest.param("    sangrado. Fin.", "sangrado.", ["sangrado."], id="indented"),
        pytest.param("Cuesta $5. <b>Sí</b>.", "<b>Sí</b>.", ["Sí"], id="html"),
        pytest.param("{{< fig >}}Uno. Dos.{: .x }", "Dos.", ["Dos."], id="shortcode"),
        pytest.param("Norte { #norte }\n:   Rumbo. Fin.", "Norte { #norte }", ["Norte"], id="attribute-list"),
        pytest.param("Un cafe\u0301. Dos.", "Un cafe\u0301.", ["Un cafe\u0301."], id="combining"),
    ],
)  # fmt: skip
def test_the_quote_is_what_is_highlighted(context: str, quote: str, expected: list[str]) -> None:
    assert marked(passage(context, quote)) == expected


def test_the_occurrence_on_the_quote_s_own_line_is_highlighted() -> None:
    html = passage("Sí, claro.\n\nNo.\n\nSí, claro.", "Sí, claro.")
    assert html.splitlines() == ["<p>Sí, claro.</p>", "<p>No.</p>", "<p><mark>Sí, claro.</mark></p>"]


@pytest.mark.parametrize(
    ("context", "quote"),
    [
        pytest.param("No.\n\nVer [la guía](http://x/y) ya.", "guía](http://x/y) ya.", id="cut-in-link"),
        pytest.param("No.\n\n—", "—", id="no-words"),
    ],
)
def test_a_quote_that_cannot_be_told_apart_is_highlighted_by_its_lines(context: str, quote: str) -> None:
    html = passage(context, quote)
    assert html.startswith("<p>No.</p>")
    assert marked(html)


def test_a_passage_has_no_link_image_heading_or_tag_of_its_own() -> None:
    inline = '[a](otra.md) ![foto](http://x/y.png) <img src="http://x"><b>c</b>'
    html = passage(f'# T\n\n{inline}\n\n<!-- no -->\n\n<div onclick="x">d</div>\n\nFin.', "Fin.")
    assert set(re.findall(r"<(\w+)", html)) == {"p", "mark"}
    assert unescape(re.sub(r"<[^>]*>", "", html)).split() == ["T", "a", "[imagen:", "foto]", "c", "d", "Fin."]


def test_what_looks_like_html_in_code_is_shown() -> None:
    assert "&lt;b&gt;" in passage("Usa `<b>` y\n\n```html\n<i>\n```", "Usa")
    assert "&lt;i&gt;" in passage("Usa `<b>` y\n\n```html\n<i>\n```", "Usa")


@given(st.text(alphabet=st.sampled_from("ab ñ\n*_`[]()<>!#|-:1.{}\"'&$\\~"), max_size=60), st.data())
def test_any_slice_of_any_text_can_be_shown(context: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(context)))
    quote = context[start : data.draw(st.integers(start, len(context)))]
    html = passage(context, quote)
    allowed = "p|mark|em|strong|s|code|pre|ul|ol|li|hr|br|blockquote|table|thead|tbody|tr|th|td|dl|dt|dd|div"
    assert re.fullmatch(
        rf'(?:[^<]|</?(?:{allowed})(?: (?:start="\d+"|class="[^"]*"|style="text-align:\w+"))* ?/?>)*', html
    )
    assert html.count("<mark>") == html.count("</mark>")


def test_plain_text_is_one_line_a_block_without_markup() -> None:
    assert plain_text("## T\n\n- **a** [b](c)\n- `d`\n\ne\nf") == "T\na b\nd\ne f"
