"""What mkdocs.yml says about a handbook."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.mkdocs import read_mkdocs
from ingest.site import AnchorStyle, Site


def site_of(root: Path, configuration: str, *folders: str) -> Site:
    for folder in folders or ("docs",):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "mkdocs.yml").write_text(configuration, encoding="utf-8")
    site = read_mkdocs(root)
    assert site is not None
    return site


def test_a_folder_without_configuration_is_not_mkdocs(tmp_path: Path) -> None:
    assert read_mkdocs(tmp_path) is None


def test_settings(tmp_path: Path) -> None:
    site = site_of(
        tmp_path,
        "site_name: Manual  de Ejemplo\nsite_url: https://example.com/manual/\ndocs_dir: paginas\n"
        "use_directory_urls: false\ntheme:\n  name: material\n  language: en\n",
        "paginas",
    )
    assert (site.kind, site.title, site.site_url) == ("mkdocs", "Manual de Ejemplo", "https://example.com/manual")
    assert (site.content_dir, site.directory_urls, site.language) == (tmp_path / "paginas", False, "en")
    assert site.problems == ()


def test_defaults(tmp_path: Path) -> None:
    site = site_of(tmp_path, "site_name: Manual\ntheme: readthedocs\n")
    assert (site.content_dir, site.site_url, site.directory_urls) == (tmp_path / "docs", None, True)
    assert (site.language, site.nav, site.problems) == ("es", (), ())


def test_nav_is_flattened_in_order(tmp_path: Path) -> None:
    site = site_of(
        tmp_path,
        """
nav:
  - index.md
  - Personas:
      - personas/index.md
      - Vacaciones y  permisos: personas/vacaciones.md
      - Más:
          - ./personas/más.md
      - Vacía:
  - Web: https://example.com/
  - Correo: mailto:hola@example.com
  - Ancla: personas/vacaciones.md#dias
  - Fuera: ../secreto.md
""",
    )
    assert site.nav == (
        "docs/index.md",
        "docs/personas/index.md",
        "docs/personas/vacaciones.md",
        "docs/personas/más.md",
    )
    assert site.nav_titles == {"docs/personas/vacaciones.md": "Vacaciones y permisos"}


def test_tags_are_never_obeyed_and_the_environment_is_never_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARO_TEST_SECRET", "https://secret.example.com")
    marker = tmp_path / "executed"
    site = site_of(
        tmp_path,
        f"""
site_name: !ENV [FARO_TEST_SECRET, 'Manual']
site_url: !ENV FARO_TEST_SECRET
docs_dir: !relative docs
plugins:
  - search: !!python/object/apply:os.system ["touch {marker}"]
markdown_extensions:
  - pymdownx.emoji:
      emoji_index: !!python/name:material.extensions.emoji.twemoji
extra: !unheard-of {{a: 1}}
""",
    )
    assert not marker.exists()
    assert (site.title, site.site_url, site.content_dir) == ("Manual", None, tmp_path / "docs")


@pytest.mark.parametrize(
    ("configuration", "problem"),
    [
        pytest.param("site_name: [", "is not valid", id="broken"),
        pytest.param("site_name: A\nsite_name: B", "given twice", id="duplicate-key"),
        pytest.param("INHERIT: ../base.yml", "INHERIT", id="inherit"),
        pytest.param("docs_dir: nada", "docs_dir `nada`", id="missing-docs"),
        pytest.param("docs_dir: ../..", "docs_dir `../..`", id="docs-outside"),
        pytest.param("docs_dir: /", "docs_dir `/`", id="docs-absolute"),
        pytest.param("- lista", "settings", id="not-a-mapping"),
    ],
)
def test_what_is_wrong_is_reported_and_defaults_are_used(tmp_path: Path, configuration: str, problem: str) -> None:
    site = site_of(tmp_path, configuration)
    assert site.content_dir == tmp_path / "docs"
    assert len(site.problems) == 1 and problem in site.problems[0]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "example.com", "/", "https://", "http://a b/", "[", "3"])
def test_a_site_url_that_is_no_address_is_unknown(tmp_path: Path, url: str) -> None:
    assert site_of(tmp_path, f"site_url: '{url}'").site_url is None


@pytest.mark.parametrize(
    ("extensions", "style"),
    [
        pytest.param("[admonition]", AnchorStyle("toc"), id="default"),
        pytest.param("[toc]", AnchorStyle("toc"), id="toc-without-options"),
        pytest.param("[{toc: {separator: _}}]", AnchorStyle("toc", separator="_"), id="separator"),
        pytest.param(
            "[{toc: {slugify: !!python/object/apply:pymdownx.slugs.slugify {kwds: {case: lower}}}}]",
            AnchorStyle("pymdownx", case="lower"),
            id="material",
        ),
        pytest.param(
            "{toc: {slugify: !!python/object/apply:pymdownx.slugs.slugify {kwds: {percent_encode: true}}}}",
            AnchorStyle("pymdownx", percent_encode=True),
            id="mapping-of-extensions",
        ),
        pytest.param(
            '[{toc: {slugify: !!python/name:pymdownx.slugs.uslugify ""}}]',
            AnchorStyle("pymdownx", case="lower"),
            id="older-name",
        ),
        pytest.param(
            "[{markdown.extensions.toc: {slugify: !!python/name:markdown.extensions.toc.slugify_unicode }}]",
            AnchorStyle("toc-unicode"),
            id="unicode",
        ),
    ],
)
def test_anchor_style(tmp_path: Path, extensions: str, style: AnchorStyle) -> None:
    site = site_of(tmp_path, f"markdown_extensions: {extensions}\nINHERIT: base.yml")
    assert site.anchor_style == style


@pytest.mark.parametrize(
    ("configuration", "lists", "emoji"),
    [
        pytest.param("site_name: M", False, False, id="default"),
        pytest.param("markdown_extensions: [attr_list, pymdownx.emoji]", True, True, id="both"),
        pytest.param("markdown_extensions: [markdown.extensions.attr_list]", True, False, id="long-name"),
        pytest.param("markdown_extensions: [extra, {pymdownx.emoji: {options: {}}}]", True, True, id="in-a-bundle"),
        pytest.param("markdown_extensions: {pymdownx.extra: {}}", True, False, id="mapping"),
        pytest.param("plugins: [search, tags]", True, False, id="added-by-a-plugin"),
        pytest.param("INHERIT: base.yml", True, True, id="unknown"),
    ],
)
def test_what_the_site_reads_in_a_heading(tmp_path: Path, configuration: str, lists: bool, emoji: bool) -> None:
    style = site_of(tmp_path, configuration).anchor_style
    assert style == AnchorStyle("toc", attribute_lists=lists, emoji_codes=emoji)


def test_an_unknown_slugify_is_reported(tmp_path: Path) -> None:
    site = site_of(tmp_path, "markdown_extensions: [{toc: {slugify: !!python/name:mine.slug ''}}]")
    assert site.anchor_style == AnchorStyle("toc", attribute_lists=False, emoji_codes=False)
    assert "mine.slug" in site.problems[0]
