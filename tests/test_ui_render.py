"""Handbook and user text on the page: shown as the characters it is made of, whatever they are."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from stub_api import make_answer, make_citation

from api.schema import AskResponse, Citation
from ui.render import (
    answer_html,
    citation_html,
    citation_label,
    consulted_html,
    escape_label,
    header_html,
    partial_answer_html,
    public_address,
    question_html,
    quote_address,
    scroll_html,
    section_name,
    text_html,
)
from ui.texts import TEXTS

SPANISH = TEXTS["es"]

NASTY = {
    "dollars": "de $130.000 a $260.000 y $$x$$",
    "emphasis": "*a* **b** _c_ __d__ ~~e~~",
    "code": "`f` ``g`` ```",
    "html": "<b>x</b> <script>alert(1)</script> &amp; &lt;",
    "emoji-names": ":smile: :+1: :-1: 10:30:00",
    "icon-names": ":material/home: :streamlit:",
    "directives": ':red[rojo] :blue-background[x] :small[y] :color[x]{foreground="red"} ::a :::b',
    "image": "![x](http://attacker.example/x.png)",
    "links": "[a](javascript:alert(1)) [b](data:text/html,x) [c](http://x.example)",
    "autolinks": "https://x.example/y www.x.example a@b.example mailto:a@b.example HTTP://X <http://x>",
    "heading": "# título",
    "block-quote": "> cita",
    "bullet": "- uno",
    "number": "1. uno",
    "rule": "***",
    "arrows": "a -> b <- c <-> d -- e >= f <= g ~= h",
    "backslashes": "\\ \\* \\$ \\\\",
    "table": "| a | b |",
    "reference": "[7] [^1] [x]: http://y.example",
    "spanish": "Ñandú ¿qué? «sí» — 100 %",
}
nasty = pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())

# What Streamlit 1.67 looks for in text once Markdown is parsed (its StreamlitMarkdown component).
INTERPRETED_BY_STREAMLIT = re.compile(
    r":(?!material/|streamlit:)[\w+-][\w+-]*:|:material[/_]\w+:|:streamlit:"
    r"|(?:^|\s)(?:<->|->|<-|--|>=|<=|~=)(?:\s|$)|https?://|www\.|\w@\w",
    re.ASCII | re.IGNORECASE,
)


def make(citation: dict[str, Any]) -> Citation:
    return Citation.model_validate(citation)


def answer(text: str, **changes: Any) -> AskResponse:
    return AskResponse.model_validate(make_answer(answer=text, **changes))


def shown(html: str) -> str:
    """The characters a browser shows for our HTML."""
    return unescape(re.sub(r"<[^>]*>", "", html)).replace("\u2060", "")


def tags(html: str) -> set[str]:
    return set(re.findall(r"<(\w+)", html))


def parse_label(label: str) -> str:
    """The text of a Markdown label; fails if there is anything in it but text."""
    inline = MarkdownIt("gfm-like", {"linkify": False}).parse(label)
    assert [token.type for token in inline] in ([], ["paragraph_open", "inline", "paragraph_close"])
    children = [child for token in inline for child in token.children or []]
    assert {child.type for child in children} <= {"text", "text_special"}
    return "".join(child.content for child in children)


@nasty
def test_a_label_shows_just_its_characters(text: str) -> None:
    parsed = parse_label(escape_label(text))
    assert parsed.replace("\u2060", "") == text
    assert not INTERPRETED_BY_STREAMLIT.search(parsed)


@given(st.text(alphabet=st.sampled_from("ab1ñ :*_`~$<>[](){}!#|\\/@.-+=&w"), max_size=30))
def test_no_label_is_ever_interpreted(text: str) -> None:
    parsed = parse_label(escape_label(text))
    assert parsed.replace("\u2060", "") == " ".join(text.split())
    assert not INTERPRETED_BY_STREAMLIT.search(parsed)


def test_a_label_is_one_line_without_control_characters() -> None:
    assert escape_label(" uno\n\n# dos\x00\ttres ") == "uno \\# dos tres"


@nasty
def test_a_question_shows_just_its_characters(text: str) -> None:
    assert shown(question_html(text, "question-0")) == text
    assert tags(question_html(text, "question-0")) == {"div"}


def test_text_keeps_its_lines() -> None:
    assert shown(text_html("uno\n  dos\x07")) == "uno\n  dos "


@nasty
def test_an_extractive_answer_shows_just_its_characters(text: str) -> None:
    html = answer_html(answer(f"«{text}»"))
    assert shown(html) == f"«{text}»"
    assert tags(html) == {"div", "p"}


@nasty
@pytest.mark.parametrize("mode", ["extractive", "generative"])
def test_no_answer_brings_a_tag_of_its_own(text: str, mode: str) -> None:
    html = answer_html(answer(text, mode=mode))
    assert tags(html) <= {"div", "p", "ul", "ol", "li", "em", "strong", "br"}
    assert "href" not in html.replace(shown(html), "")


def test_an_answer_keeps_its_paragraphs_and_nested_lists() -> None:
    html = answer_html(answer("Dice:\n\n- uno\n    - dos\n- tres\n\n3. cuatro\n4. cinco"))
    assert re.sub(r"\s+", "", html) == (
        '<divclass="faro-answer"lang="es"><p>Dice:</p><ul><li>uno<ul><li>dos</li></ul></li><li>tres</li></ul>'
        '<olstart="3"><li>cuatro</li><li>cinco</li></ol></div>'
    )


def test_an_answer_keeps_its_line_breaks_within_a_paragraph_and_an_item() -> None:
    html = answer_html(answer("Nombre: Ana\nCorreo: x\n\n- uno\n    dos\n- tres"))
    assert re.sub(r"\s+", "", html).endswith(
        "<p>Nombre:Ana<br>Correo:x</p><ul><li>uno<br>dos</li><li>tres</li></ul></div>"
    )


def test_markers_with_a_citation_are_marks_and_others_stay_text() -> None:
    html = answer_html(answer("Tiene 23 días. [1] Según [7] y [x]."))
    assert '<sup class="faro-ref" title="Vacaciones › Días al año">[1]</sup>' in html
    assert html.count("<sup") == 1
    assert shown(html) == "Tiene 23 días.[1] Según [7] y [x]."


def test_only_a_generated_answer_has_emphasis() -> None:
    text = "**Sí**, *mucho*, __init__ y snake_case"
    assert tags(answer_html(answer(text))) == {"div", "p"}
    html = answer_html(answer(text, mode="generative"))
    assert "<strong>Sí</strong>, <em>mucho</em>, __init__ y snake_case" in html


def test_an_answer_says_its_language() -> None:
    assert 'lang="en"' in answer_html(answer("Yes.", language="en"))


def test_a_section_named_when_nothing_was_found_is_a_link() -> None:
    near = [make_citation(), make_citation(id=2, title="Otra", breadcrumb=["Otra"], url="/otra/")]
    text = "No lo dice.\n\n- Vacaciones › Días al año\n- Otra\n- Una más"
    html = answer_html(answer(text, status="not_found", citations=[], consulted=near))
    assert re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', html) == [
        ("https://manual.example.org/vacaciones/#dias-al-ano", "Vacaciones › Días al año")
    ]
    assert shown(html).split() == text.replace("- ", "").split()


def test_a_piece_of_an_answer_can_be_shown_cut_anywhere() -> None:
    text = "El manual dice:\n\n- **uno** [1]\n    - <b> [2"
    for end in range(len(text) + 1):
        assert tags(partial_answer_html(text[:end], SPANISH)) <= {"div", "p", "ul", "li", "br", "sup"}


def test_a_piece_of_an_answer_already_shows_its_marks() -> None:
    html = partial_answer_html("Son 23. [1]", SPANISH)
    assert ">[1]</sup>" in html
    assert shown(html) == f"Son 23.[1]{SPANISH.answering}{SPANISH.stopped}"


def test_the_header_escapes_the_title() -> None:
    assert shown(header_html("A <b>& $1")) == "Faro · A <b>& $1"
    assert shown(header_html(None)) == "Faro"


@pytest.mark.parametrize(
    ("title", "breadcrumb", "expected"),
    [
        pytest.param("Página", ["Página", "A", "B"], "Página › B", id="deep"),
        pytest.param("Página", ["Página"], "Página", id="top"),
        pytest.param("Página", [], "Página", id="no-breadcrumb"),
        pytest.param(" Dos \n líneas", ["x"], "Dos líneas › x", id="one-line"),
        pytest.param("", [], "docs/vacaciones.md", id="nameless"),
    ],
)
def test_section_name(title: str, breadcrumb: list[str], expected: str) -> None:
    assert section_name(make(make_citation(title=title, breadcrumb=breadcrumb))) == expected


def test_a_citation_label_has_number_section_date_and_state() -> None:
    label = citation_label(make(make_citation(id=3, title="Sueldos $1", breadcrumb=[], draft=True, wip=True)), SPANISH)
    assert label == (
        r"**\[3\]** Sueldos \$1 :gray[:small[· actualizado el 4 de marzo de 2024]]"
        " :orange-badge[borrador] :orange-badge[en elaboración]"
    )


def test_a_citation_label_without_date_or_state_is_bare() -> None:
    assert citation_label(make(make_citation(updated=None, title="A", breadcrumb=[])), SPANISH) == r"**\[1\]** A"


@nasty
def test_an_open_citation_shows_its_place_and_no_foreign_tag(text: str) -> None:
    citation = make(make_citation(quote=text, context=f"Antes.\n\n{text}\n\nDespués.", path=f"a/{text}.md"))
    html = citation_html(citation, SPANISH)
    assert tags(html) <= {
        "div", "p", "mark", "code", "a", "em", "strong", "s", "blockquote", "ul", "ol", "li", "hr", "pre", "br",
    }  # fmt: skip
    assert all(address.startswith("https://manual.example.org/") for address in re.findall(r'href="([^"]*)"', html))
    assert "src=" not in re.sub(r">[^<]*<", "><", html)
    assert f"a/{text}.md · línea 12 · Abrir la página" in shown(html)


@pytest.mark.parametrize(
    ("url", "shown_address"),
    [
        pytest.param("/vacaciones/#dias", " · /vacaciones/#dias", id="site-relative"),
        pytest.param("javascript:alert(1)", "", id="script"),
        pytest.param("data:text/html,x", "", id="data"),
        pytest.param("//x.example/a", " · //x.example/a", id="scheme-relative"),
    ],
)
def test_an_address_that_is_not_on_the_web_is_no_link(url: str, shown_address: str) -> None:
    html = citation_html(make(make_citation(url=url)), SPANISH)
    assert "<a" not in html
    assert shown(html).endswith(f"línea 12{shown_address}")


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "/a/", "ftp://x/y", "http://", "https:///x", "ht tp://x", "http://x/\ny",
     "http://[x", "https:\\\\x", ""],
)  # fmt: skip
def test_public_address_refuses(url: str) -> None:
    assert public_address(url) is None


@pytest.mark.parametrize("url", ["http://x.example", "HTTPS://x.example/a?b=c#d"])
def test_public_address_takes_the_web(url: str) -> None:
    assert public_address(url) == url


def test_the_address_of_a_short_quote_holds_all_of_it() -> None:
    citation = make(make_citation(quote="**Cada** persona, de lunes-a-viernes."))
    address = quote_address(citation)
    assert address is not None
    anchor, fragment = address.split(":~:text=")
    assert anchor == "https://manual.example.org/vacaciones/#dias-al-ano"
    assert unquote(fragment) == "Cada persona, de lunes-a-viernes."
    assert not set(fragment) & {",", "-", "&", " "}


def test_the_address_of_a_long_quote_holds_its_ends() -> None:
    quote = "- Uno dos tres cuatro cinco seis\n- siete ocho\n- a b c d e f"
    address = quote_address(make(make_citation(quote=quote, url="https://x.example/p/")))
    assert address == "https://x.example/p/#:~:text=Uno%20dos%20tres%20cuatro%20cinco,b%20c%20d%20e%20f"


def test_the_address_of_a_quote_without_words_is_that_of_its_section() -> None:
    assert quote_address(make(make_citation(quote=" \n"))) == "https://manual.example.org/vacaciones/#dias-al-ano"


def test_consulted_sections_are_listed_with_their_place_and_state() -> None:
    html = consulted_html([make(make_citation(wip=True)), make(make_citation(title="<b>", url="/b/"))], SPANISH)
    assert html.count("<li>") == 2
    assert "Vacaciones › Días al año en elaboracióndocs/vacaciones.md · línea 12" in shown(html)
    assert "&lt;b&gt; › Días al año" in html


def test_the_script_that_scrolls_holds_the_place_until_the_person_moves() -> None:
    script = scroll_html("question-3", "answered 4")
    assert 'getElementById("question-3")' in script
    assert "requestAnimationFrame" in script
    assert {"wheel", "touchstart", "keydown", "pointerdown"} <= set(re.findall(r'"(\w+)"', script))
    assert script != scroll_html("question-3", "answered 5")
