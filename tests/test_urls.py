"""Page addresses as MkDocs, Hugo and a plain folder give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.document import PageMeta
from ingest.site import HugoRules, Site
from ingest.urls import page_url

ROOT = Path("/handbook")


def mkdocs(site_url: str | None = None, *, directory_urls: bool = True, docs: str = "docs") -> Site:
    return Site("mkdocs", ROOT, ROOT / docs, site_url, directory_urls, (), {}, None, "es", ())


def hugo(*, in_subdir: bool = False, directory_urls: bool = True, site_url: str | None = None, **rules: object) -> Site:
    content = (("content", "es"),)
    languages = frozenset({"es", "en", "pt-br"})
    made = HugoRules(**{"content_dirs": content, "languages": languages, "default_in_subdir": in_subdir, **rules})  # type: ignore[arg-type]
    return Site("hugo", ROOT, ROOT / "content", site_url, directory_urls, (), {}, None, "es", (), hugo=made)


@pytest.mark.parametrize(
    ("path", "pretty", "ugly"),
    [
        ("docs/index.md", "/", "/index.html"),
        ("docs/README.md", "/", "/index.html"),
        ("docs/a/index.md", "/a/", "/a/index.html"),
        ("docs/a/README.md", "/a/", "/a/index.html"),
        ("docs/a/pagos.md", "/a/pagos/", "/a/pagos.html"),
        ("docs/a/v1.2.md", "/a/v1.2/", "/a/v1.2.html"),
        ("docs/Días libres/año.md", "/D%C3%ADas%20libres/a%C3%B1o/", "/D%C3%ADas%20libres/a%C3%B1o.html"),
        ("docs/¿qué?#1.md", "/%C2%BFqu%C3%A9%3F%231/", "/%C2%BFqu%C3%A9%3F%231.html"),
    ],
)
def test_mkdocs_addresses(path: str, pretty: str, ugly: str) -> None:
    assert page_url(mkdocs(), path, PageMeta()) == pretty
    assert page_url(mkdocs(directory_urls=False), path, PageMeta()) == ugly


def test_mkdocs_keeps_the_path_of_the_public_address() -> None:
    site = mkdocs("https://example.com/manual")
    assert page_url(site, "docs/a/pagos.md", PageMeta()) == "https://example.com/manual/a/pagos/"
    assert page_url(site, "docs/index.md", PageMeta()) == "https://example.com/manual/"


def test_mkdocs_pages_at_the_root_of_the_handbook() -> None:
    assert page_url(mkdocs(docs="."), "a/pagos.md", PageMeta()) == "/a/pagos/"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        pytest.param("content/_index.es.md", "/", id="home"),
        pytest.param("content/a/_index.md", "/a/", id="section"),
        pytest.param("content/a/index.es.md", "/a/", id="bundle"),
        pytest.param("content/a/pago.md", "/a/pago/", id="page"),
        pytest.param("content/a/pago.es.md", "/a/pago/", id="default-language"),
        pytest.param("content/a/pago.en.md", "/en/a/pago/", id="other-language"),
        pytest.param("content/a/pago.pt-br.md", "/pt-br/a/pago/", id="regional-language"),
        pytest.param("content/_index.en.md", "/en/", id="home-in-other-language"),
        pytest.param("content/a/v1.2.md", "/a/v1.2/", id="suffix-that-is-no-language"),
        pytest.param("content/A B/Mi Página (1).md", "/a-b/mi-p%C3%A1gina-1/", id="spaces-and-punctuation"),
        pytest.param("content/a/ pago.es.md", "/a/-pago/", id="leading-space"),
        pytest.param("content/a/uno - dos.md", "/a/uno---dos/", id="a-hyphen-for-each-space"),
        pytest.param("content/a/¿qué?.md", "/a/qu%C3%A9/", id="question-marks"),
    ],
)
def test_hugo_addresses(path: str, url: str) -> None:
    assert page_url(hugo(), path, PageMeta()) == url


@pytest.mark.parametrize(
    ("path", "meta", "url"),
    [
        pytest.param("content/a/pago.md", PageMeta(slug="Mi Slug"), "/a/mi-slug/", id="slug"),
        pytest.param("content/a/_index.md", PageMeta(slug="otro"), "/a/", id="slug-not-for-sections"),
        pytest.param("content/b/index.md", PageMeta(slug="otro"), "/otro/", id="slug-of-bundle"),
        pytest.param("content/a/pago.md", PageMeta(url="/x/y/"), "/x/y/", id="url"),
        pytest.param("content/a/pago.md", PageMeta(url="x/y"), "/x/y/", id="url-without-slash"),
        pytest.param("content/a/pago.en.md", PageMeta(url="x/y"), "/en/x/y/", id="relative-url-gets-language"),
        pytest.param("content/a/pago.en.md", PageMeta(url="/x/y"), "/x/y/", id="rooted-url-does-not"),
        pytest.param("content/a/pago.md", PageMeta(url="/x/y.html"), "/x/y.html", id="url-of-a-file"),
        pytest.param("content/a/pago.md", PageMeta(url="/x", slug="z"), "/x/", id="url-before-slug"),
        pytest.param("content/_index.md", PageMeta(url="/x"), "/", id="url-not-for-home"),
        pytest.param("content/a/pago.md", PageMeta(url="https://evil.example/"), "/a/pago/", id="foreign-url"),
        pytest.param("content/a/pago.md", PageMeta(url="//evil.example/"), "/evil.example/", id="foreign-host"),
        pytest.param("content/a/pago.md", PageMeta(url="../../x"), "/x/", id="url-that-climbs"),
        pytest.param(
            "content/a/pago.md", PageMeta(url="javascript:alert(1)"), "/javascript%3Aalert%281%29/", id="script"
        ),
        pytest.param("content/b/extra.md", PageMeta(), "/b/", id="file-of-a-bundle"),
        pytest.param("content/b/sub/extra.md", PageMeta(), "/b/", id="file-deep-in-a-bundle"),
        pytest.param("content/b/extra.md", PageMeta(url="/x/", slug="y"), "/b/", id="file-of-a-bundle-has-no-url"),
        pytest.param("content/a/pago.md", PageMeta(url="v1.2/y"), "/v1.2/y", id="url-with-a-dot-is-a-file"),
        pytest.param("content/a/pago.md", PageMeta(slug="a - b & c"), "/a/a-b-c/", id="slug-joins-spaces"),
    ],
)
def test_hugo_front_matter_and_bundles(path: str, meta: PageMeta, url: str) -> None:
    assert page_url(hugo(bundles=frozenset({"content/b"})), path, meta) == url


def test_hugo_default_language_in_its_own_folder() -> None:
    assert page_url(hugo(in_subdir=True), "content/a/pago.md", PageMeta()) == "/es/a/pago/"
    assert page_url(hugo(in_subdir=True), "content/_index.es.md", PageMeta()) == "/es/"


def test_hugo_content_folder_of_a_language() -> None:
    site = hugo(content_dirs=(("content/en", "en"), ("content", "es")))
    assert page_url(site, "content/en/a/pay.md", PageMeta()) == "/en/a/pay/"
    assert page_url(site, "content/a/pago.md", PageMeta()) == "/a/pago/"


def test_hugo_options_of_paths() -> None:
    assert page_url(hugo(lowercase_paths=False), "content/A/Año - B.md", PageMeta()) == "/A/A%C3%B1o-B/"
    assert page_url(hugo(remove_accents=True), "content/A/Día ñ.md", PageMeta()) == "/a/dia-n/"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("content/_index.md", "/"),
        ("content/a/pago.en.md", "/en/a/pago.html"),
        ("content/a/_index.md", "/a/index.html"),
    ],
)
def test_hugo_ugly_addresses(path: str, url: str) -> None:
    assert page_url(hugo(directory_urls=False), path, PageMeta()) == url


def test_hugo_public_address() -> None:
    site = hugo(site_url="https://example.com/manual")
    assert page_url(site, "content/a/pago.md", PageMeta()) == "https://example.com/manual/a/pago/"


def test_plain_address_is_the_path() -> None:
    plain = Site("plain", ROOT, ROOT, None, False, (), {}, None, "es", ())
    assert page_url(plain, "a b/año.md", PageMeta(url="/x/", slug="y")) == "/a%20b/a%C3%B1o.md"
