"""Heading anchors as each site generator makes them."""

from __future__ import annotations

import pytest

from ingest.anchors import AnchorRegistry
from ingest.site import AnchorStyle


@pytest.mark.parametrize(
    ("kind", "text", "anchor"),
    [
        pytest.param("mkdocs", "¿Cuántos días?", "cuantos-dias", id="mkdocs-accents"),
        pytest.param("mkdocs", "Año nuevo: niños & niñas", "ano-nuevo-ninos-ninas", id="mkdocs-punctuation"),
        pytest.param("mkdocs", "1. Objetivo", "1-objetivo", id="mkdocs-number"),
        pytest.param("mkdocs", "snake_case y guion-medio", "snake_case-y-guion-medio", id="mkdocs-underscore"),
        pytest.param("mkdocs", "A -- B", "a-b", id="mkdocs-collapses-hyphens"),
        pytest.param("mkdocs", "🎉", "_1", id="mkdocs-nothing-left"),
        pytest.param("mkdocs", "Precio: 5 € ½", "precio-5-12", id="mkdocs-compatibility-forms"),
        pytest.param("plain", "¿Cuántos días?", "cuantos-dias", id="plain-as-mkdocs"),
        pytest.param("hugo", "¿Cuántos días?", "cuántos-días", id="hugo-accents"),
        pytest.param("hugo", "1+2=3", "123", id="hugo-symbols"),
        pytest.param("hugo", "A -- B", "a----b", id="hugo-keeps-hyphens"),
        pytest.param("hugo", "Multiple   spaces", "multiple---spaces", id="hugo-keeps-spaces"),
        pytest.param("hugo", "Tab\tSpace", "tabspace", id="hugo-tab"),
        pytest.param("hugo", "  Under_score  ", "under_score", id="hugo-trims"),
        pytest.param("hugo", "神真美好", "神真美好", id="hugo-other-scripts"),
        pytest.param("hugo", "Fiesta 🎉", "fiesta-", id="hugo-emoji"),
        pytest.param("hugo", "🎉", "heading", id="hugo-nothing-left"),
    ],
)
def test_anchor_of_a_heading(kind: str, text: str, anchor: str) -> None:
    assert AnchorRegistry(kind).anchor(text, None) == anchor


@pytest.mark.parametrize(
    ("style", "text", "anchor"),
    [
        (AnchorStyle("toc", separator="_"), "Días de pago", "dias_de_pago"),
        (AnchorStyle("toc-unicode"), "Días de pago", "días-de-pago"),
        (AnchorStyle("pymdownx", case="lower"), "Días  de Pago!", "días--de-pago"),
        (AnchorStyle("pymdownx"), "Días de Pago", "Días-de-Pago"),
        (AnchorStyle("pymdownx", case="lower-ascii"), "ÁREA Uno", "Área-uno"),
        (AnchorStyle("pymdownx", case="fold"), "Straße", "strasse"),
        (AnchorStyle("pymdownx", case="lower", percent_encode=True), "Días", "d%C3%ADas"),
        (AnchorStyle("github"), "İstanbul", "istanbul"),
        (AnchorStyle("github-ascii"), "Resumé 神", "resume-"),
        (AnchorStyle("blackfriday"), "Let's try this, shall we?", "let-s-try-this-shall-we"),
        (AnchorStyle("blackfriday"), "¿Días?", "días"),
    ],
)
def test_anchor_in_a_style_of_the_site(style: AnchorStyle, text: str, anchor: str) -> None:
    assert AnchorRegistry("mkdocs", style).anchor(text, None) == anchor


@pytest.mark.parametrize(
    ("kind", "anchors"),
    [
        ("mkdocs", ["notas", "notas_1", "notas_2", "notas_3", "_1", "_2"]),
        ("hugo", ["notas", "notas-1", "notas-2", "notas_1", "heading", "heading-1"]),
    ],
)
def test_repeated_headings_are_numbered(kind: str, anchors: list[str]) -> None:
    registry = AnchorRegistry(kind)
    assert [registry.anchor(text, None) for text in ("Notas", "Notas", "Notas", "Notas_1", "?", "?")] == anchors


def test_an_explicit_id_is_kept_and_not_given_again() -> None:
    registry = AnchorRegistry("mkdocs")
    assert registry.anchor("Cualquier cosa", "pago") == "pago"
    assert registry.anchor("Pago", None) == "pago_1"
    assert registry.anchor("Otra", "pago") == "pago"


@pytest.mark.parametrize(("kind", "anchor"), [("mkdocs", "pago_1"), ("hugo", "pago")])
def test_reserved_ids_are_not_given_except_by_hugo(kind: str, anchor: str) -> None:
    registry = AnchorRegistry(kind)
    registry.reserve(["pago", ""])
    assert registry.anchor("Pago", None) == anchor


@pytest.mark.parametrize(("kind", "anchors"), [("mkdocs", ["_1", "_2"]), ("hugo", ["", "heading"])])
def test_a_heading_without_text_has_an_id_in_mkdocs_only(kind: str, anchors: list[str]) -> None:
    registry = AnchorRegistry(kind)
    assert [registry.anchor(text, None) for text in ("", "¿?")] == anchors


def test_thousands_of_equal_headings_take_no_time() -> None:
    registry = AnchorRegistry("mkdocs")
    assert [registry.anchor("a", None) for _ in range(50_000)][-1] == "a_49999"


def test_a_heading_of_digits_beyond_any_number_is_taken() -> None:
    registry = AnchorRegistry("mkdocs")
    heading = "a_" + "9" * 6000
    assert registry.anchor(heading, None) != registry.anchor(heading, None)
