"""Front matter: what counts as one, where the body begins, and what the metadata mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.document import PageMeta
from ingest.frontmatter import MAX_FRONT_MATTER_CHARS, split_front_matter

BOM = "\ufeff"


def meta_of(block: str) -> PageMeta:
    return split_front_matter(f"---\n{block}\n---\nTexto\n")[0]


@pytest.mark.parametrize(
    ("text", "title", "body"),
    [
        pytest.param("---\ntitle: Guía\n---\nHola\n", "Guía", "Hola\n", id="yaml"),
        pytest.param("---\r\ntitle: Guía\r\n---\r\nHola\r\n", "Guía", "Hola\r\n", id="crlf"),
        pytest.param(f"{BOM}---\ntitle: Guía\n---\nHola\n", "Guía", "Hola\n", id="bom"),
        pytest.param(f"{BOM}---\r\ntitle: Guía\r\n---\r\nHola", "Guía", "Hola", id="bom-and-crlf"),
        pytest.param("---\ntitle: Guía\n---", "Guía", "", id="ends-without-newline"),
        pytest.param("---\ntitle: Guía\n...\nHola\n", "Guía", "Hola\n", id="closed-by-dots"),
        pytest.param("---  \ntitle: Guía\n---\t\nHola\n", "Guía", "Hola\n", id="spaces-after-fences"),
        pytest.param("---\n---\nHola\n", None, "Hola\n", id="empty"),
        pytest.param("---\n# borrador aún\n---\nHola\n", None, "Hola\n", id="only-a-comment"),
        pytest.param("---\ntitle: Guía\n---\n\nHola\n", "Guía", "\nHola\n", id="blank-line-belongs-to-body"),
        pytest.param('+++\ntitle = "Guía"\n+++\nHola\n', "Guía", "Hola\n", id="toml"),
        pytest.param('+++\r\ntitle = "Guía"\r\n+++\r\nHola\r\n', "Guía", "Hola\r\n", id="toml-crlf"),
        pytest.param('{\n  "title": "Guía"\n}\nHola\n', "Guía", "Hola\n", id="json"),
        pytest.param('{"title": "Guía"}', "Guía", "", id="json-ends-without-newline"),
        pytest.param(
            "---\ntitle: Guía\n---\nHola\n\n---\n\nAdiós\n", "Guía", "Hola\n\n---\n\nAdiós\n", id="break-later"
        ),
    ],
)
def test_body_starts_after_the_front_matter(text: str, title: str | None, body: str) -> None:
    meta, start = split_front_matter(text)
    assert (meta.title, text[start:], meta.problems) == (title, body, ())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty-file"),
        pytest.param("# Hola\n", id="no-fence"),
        pytest.param("---\ntitle: Guía\nHola\n", id="never-closed"),
        pytest.param("---\n\nPedimos vacaciones con tiempo.\n\n---\n\nY más.\n", id="prose-between-breaks"),
        pytest.param("---\n\nNota: avisa antes.\n\n---\n\nY más.\n", id="prose-that-parses"),
        pytest.param("---\n\nMuy importante: avisa antes.\nOtra cosa: llama.\n\n---\n", id="prose-keys-with-spaces"),
        pytest.param("---\n\nNota: esto: no es: YAML\n\nni esto\n---\n", id="prose-that-does-not-parse"),
        pytest.param("---\n- uno\n- dos\n---\nHola\n", id="list"),
        pytest.param("---\n42\n---\nHola\n", id="scalar"),
        pytest.param("----\ntitle: x\n----\n", id="four-dashes"),
        pytest.param(" ---\ntitle: x\n---\n", id="indented-fence"),
        pytest.param("\n---\ntitle: x\n---\n", id="not-on-the-first-line"),
        pytest.param("+++\nhola\n+++\n", id="plus-signs-around-prose"),
        pytest.param("{{< note >}}\nHola\n{{< /note >}}\n", id="shortcode"),
        pytest.param('{"title": "x"} y sigue\n', id="json-inside-a-sentence"),
        pytest.param("{no es json}\n", id="braces"),
        pytest.param(f"{BOM}# Hola\n", id="bom-only"),
    ],
)
def test_text_without_front_matter_is_all_body(text: str) -> None:
    assert split_front_matter(text) == (PageMeta(), 0)


@pytest.mark.parametrize(
    ("block", "title", "draft"),
    [
        pytest.param("title: RRHH: vacaciones\ndraft: true", "RRHH: vacaciones", True, id="colon-in-title"),
        pytest.param("title:\tGuía\ndraft:\ttrue", "Guía", True, id="tabs"),
        pytest.param('title: "Guía\ndraft: true', '"Guía', True, id="open-quote"),
        pytest.param("title: @equipo\ndraft: true", "@equipo", True, id="reserved-character"),
        pytest.param("title: Guía\ndraft: true\nauthor: [Ana", "Guía", True, id="open-list"),
    ],
)
def test_invalid_yaml_is_reported_and_its_simple_lines_still_count(block: str, title: str, draft: bool) -> None:
    text = f"---\n{block}\n---\nHola\n"
    meta, start = split_front_matter(text)
    assert text[start:] == "Hola\n"
    assert (meta.title, meta.draft) == (title, draft)
    assert len(meta.problems) == 1 and "invalid YAML" in meta.problems[0]


def test_invalid_toml_is_reported_and_its_simple_lines_still_count() -> None:
    text = '+++\ntitle = "Guía"\ndraft = true\ndate = pronto\n+++\nHola\n'
    meta, start = split_front_matter(text)
    assert (text[start:], meta.title, meta.draft) == ("Hola\n", "Guía", True)
    assert "invalid TOML" in meta.problems[0]


def test_an_enormous_front_matter_is_ignored_but_not_taken_for_text() -> None:
    text = f"---\ntitle: Guía\nnotes: {'x' * MAX_FRONT_MATTER_CHARS}\n---\nHola\n"
    meta, start = split_front_matter(text)
    assert (text[start:], meta.title) == ("Hola\n", None)
    assert "longer than" in meta.problems[0]


def test_a_yaml_bomb_is_refused() -> None:
    levels = "\n".join(f"k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    meta, start = split_front_matter(f"---\ntitle: Guía\nk0: &a0 [x]\n{levels}\n---\nHola\n")
    assert start > 0 and meta.title == "Guía"
    assert "too large" in meta.problems[0]


@pytest.mark.parametrize("block", ["a: &a [*a]", "a: &a {b: *a}", "a: " + "[" * 500 + "]" * 500])
def test_yaml_without_end_is_refused(block: str) -> None:
    assert "invalid YAML" in meta_of(f"title: Guía\n{block}").problems[0]


def test_tags_are_never_obeyed(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    meta = meta_of(f'title: !!python/object/apply:os.system ["touch {marker}"]\nauthor: !custom Ana')
    assert not marker.exists()
    assert meta.authors == ("Ana",)


@pytest.mark.parametrize(
    ("block", "created", "updated"),
    [
        pytest.param("date: 2024-03-05", "2024-03-05", None, id="date-is-created"),
        pytest.param('date: "2024-03-05"', "2024-03-05", None, id="quoted"),
        pytest.param("date: 2024-03-05T23:30:00-05:00", "2024-03-05", None, id="zone-does-not-shift-the-day"),
        pytest.param("date: 2024-03-05 10:00:00 +0000 UTC", "2024-03-05", None, id="go-style"),
        pytest.param("date: 2024-3-5", "2024-03-05", None, id="short"),
        pytest.param("date: 05/03/2024", "2024-03-05", None, id="spanish-day-first"),
        pytest.param("fecha: 5-3-2024", "2024-03-05", None, id="spanish-key"),
        pytest.param("date: 2024-03-05\nlastmod: 2024-06-07", "2024-03-05", "2024-06-07", id="hugo"),
        pytest.param("publishDate: 2024-03-05\nlast_updated: 2024-06-07", "2024-03-05", "2024-06-07", id="spellings"),
        pytest.param("created_at: 2024-03-05\nLast-Modified: 2024-06-07", "2024-03-05", "2024-06-07", id="hyphen"),
        pytest.param(
            "date:\n  created: 2024-03-05\n  updated: 2024-06-07", "2024-03-05", "2024-06-07", id="material-mapping"
        ),
        pytest.param("date.updated: 2024-06-07", None, "2024-06-07", id="dotted-key"),
        pytest.param("updated: 2024-06-07", None, "2024-06-07", id="only-updated"),
        pytest.param("created: 2024-03-05\ndate: 2023-01-01", "2024-03-05", None, id="created-before-date"),
        pytest.param("date: null\nlastmod:", None, None, id="null"),
        pytest.param("published: true", None, None, id="published-flag-is-no-date"),
    ],
)
def test_dates(block: str, created: str | None, updated: str | None) -> None:
    meta = meta_of(block)
    assert (meta.created, meta.updated, meta.problems) == (created, updated, ())


@pytest.mark.parametrize("value", ["2023-13-45", "2023-02-30", "pronto", "0001-01-01T00:00:00Z", "31/31/2024", "2024"])
def test_an_invalid_date_is_reported_and_left_out(value: str) -> None:
    meta = meta_of(f"title: Guía\ndate: {value}")
    assert (meta.title, meta.created) == ("Guía", None)
    assert len(meta.problems) == 1 and f"date: {value}" in meta.problems[0]


def test_toml_dates_are_days() -> None:
    meta, _ = split_front_matter("+++\ndate = 2024-03-05T23:30:00-05:00\nlastmod = 2024-06-07\n+++\n")
    assert (meta.created, meta.updated, meta.problems) == ("2024-03-05", "2024-06-07", ())


@pytest.mark.parametrize(
    ("block", "title"),
    [
        pytest.param("title: 2024", "2024", id="number"),
        pytest.param("title: 1.10", "1.10", id="number-as-written"),
        pytest.param("title: 10:30", "10:30", id="time-as-written"),
        pytest.param("title: No", "No", id="boolean-word"),
        pytest.param("title: [Guía, rápida]", "Guía rápida", id="list"),
        pytest.param("title: null", None, id="null"),
        pytest.param("title: ''", None, id="empty"),
        pytest.param("title: “Guía rápida”", "Guía rápida", id="smart-quotes"),
        pytest.param("title: >\n  Guía\n  rápida", "Guía rápida", id="folded"),
        pytest.param("title: Gui\u0301a", "Guía", id="composed"),
        pytest.param("Título: Guía", "Guía", id="spanish-key"),
        pytest.param('title: "Gu\\ud800ía"', "Gu?ía", id="lone-surrogate"),
    ],
)
def test_titles(block: str, title: str | None) -> None:
    assert meta_of(block).title == title


@pytest.mark.parametrize(
    ("block", "authors"),
    [
        pytest.param("author: Ana Ruiz", ("Ana Ruiz",), id="text"),
        pytest.param("author: Ana Ruiz, Luis Paz", ("Ana Ruiz", "Luis Paz"), id="commas"),
        pytest.param("authors: [ana, luis]", ("ana", "luis"), id="list"),
        pytest.param("authors:\n  - name: Ana\n    email: a@example.com\n  - Luis", ("Ana", "Luis"), id="mappings"),
        pytest.param("authors:\n  ana:\n    team: personas", ("ana",), id="keyed-mapping"),
        pytest.param("mantained_by:\n    - ana", ("ana",), id="misspelt-maintained"),
        pytest.param("owner: Personas", ("Personas",), id="owner"),
        pytest.param("author: ''\nmaintainers: [ana, ana]", ("ana",), id="empty-then-repeated"),
        pytest.param("params:\n  author: Ana", ("Ana",), id="hugo-params"),
    ],
)
def test_authors(block: str, authors: tuple[str, ...]) -> None:
    assert meta_of(block).authors == authors


def test_keywords_come_from_every_kind_of_label() -> None:
    meta = meta_of("keywords: vacaciones, permisos\ntags: [permisos, 2024]\ncategories:\n  - Personas")
    assert meta.keywords == ("vacaciones", "permisos", "2024", "Personas")


def test_description_slug_and_url() -> None:
    meta = meta_of("summary: Resumen corto\nslug: /mi-pagina/\nurl: /otra/")
    assert (meta.description, meta.slug, meta.url) == ("Resumen corto", "mi-pagina", "/otra/")
    assert meta_of("description: Larga\nsummary: Corta").description == "Larga"


@pytest.mark.parametrize(
    ("block", "draft", "wip"),
    [
        ("draft: true", True, False),
        ('draft: "true"', True, False),
        ("draft: yes", True, False),
        ("draft: “true”", True, False),
        ("borrador: sí", True, False),
        ("draft: false", False, False),
        ("draft:", False, False),
        ("published: false", True, False),
        ("status: draft", False, True),
        ("status: borrador", False, True),
        ("status: En construcción", False, True),
        ("status: en-construccion", False, True),
        ("status: in-progress", False, True),
        ("status: new", False, False),
        ("wip: true", False, True),
        ("wip: false", False, False),
        ("index: false", False, True),
        ("search:\n  exclude: true", False, True),
        ("search:\n  boost: 2", False, False),
        ("title: x", False, False),
    ],
)
def test_drafts_and_work_in_progress(block: str, draft: bool, wip: bool) -> None:
    meta = meta_of(block)
    assert (meta.draft, meta.wip, meta.problems) == (draft, wip, ())


def test_a_draft_flag_that_is_neither_yes_nor_no_is_shown_as_in_progress() -> None:
    meta = meta_of("draft: a medias")
    assert (meta.draft, meta.wip) == (False, True)
    assert "neither true nor false" in meta.problems[0]


def test_a_key_given_twice_is_reported_and_the_last_one_counts() -> None:
    meta = meta_of("title: Uno\ntitle: Dos")
    assert meta.title == "Dos"
    assert "given twice" in meta.problems[0]


@given(st.text(alphabet=st.sampled_from("-+.{}[]:#&*!'\"\\ \t\r\n0aé\ufeff|>%@`,=tile"), max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    for whole in (text, f"---\n{text}\n---\n", f"+++\n{text}\n+++\n", f"{{{text}"):
        _, start = split_front_matter(whole)
        assert 0 <= start <= len(whole)
