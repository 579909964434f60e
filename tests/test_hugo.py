"""What a Hugo configuration says about a handbook, and what the path of a page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.hugo import HugoPage, read_hugo, split_page
from ingest.site import AnchorStyle, Site


def site_of(root: Path, files: dict[str, str], *folders: str) -> Site:
    for folder in folders or ("content",):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    site = read_hugo(root)
    assert site is not None
    return site


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hugo.toml", 'baseURL = "https://example.com/m/"\ntitle = "Manual"\ndefaultContentLanguage = "es"'),
        ("config.yaml", "baseurl: https://example.com/m/\ntitle: Manual\nDefaultContentLanguage: es"),
        ("hugo.yml", "baseURL: https://example.com/m/\ntitle: Manual\ndefaultContentLanguage: ES"),
        ("config.json", '{"baseURL": "https://example.com/m/", "title": "Manual", "defaultContentLanguage": "es"}'),
        ("config/_default/hugo.toml", 'baseURL = "https://example.com/m/"\ntitle = "Manual"'),
        ("config/_default/config.yaml", "baseURL: https://example.com/m/\ntitle: Manual"),
    ],
)
def test_every_form_of_the_configuration(tmp_path: Path, name: str, text: str) -> None:
    site = site_of(tmp_path, {name: text})
    assert (site.kind, site.site_url, site.title) == ("hugo", "https://example.com/m", "Manual")
    assert (site.language, site.content_dir, site.problems) == ("es", tmp_path / "content", ())


@pytest.mark.parametrize("folders", [(), ("docs",)])
def test_a_configuration_without_content_is_not_hugo(tmp_path: Path, folders: tuple[str, ...]) -> None:
    (tmp_path / "config.yaml").write_text("anything: 1")
    for folder in folders:
        (tmp_path / folder).mkdir()
    assert read_hugo(tmp_path) is None


def test_content_without_a_configuration_is_not_hugo(tmp_path: Path) -> None:
    (tmp_path / "content").mkdir()
    assert read_hugo(tmp_path) is None


def test_the_folders_of_the_configuration_are_merged(tmp_path: Path) -> None:
    site = site_of(
        tmp_path,
        {
            "config/_default/hugo.toml": 'baseURL = "http://localhost/"\ntitle = "Manual"\nuglyURLs = true',
            "config/_default/languages.toml": '[es]\ntitle = "El manual"\n[en]\ncontentDir = "content/en"',
            "config/production/hugo.toml": 'baseURL = "https://example.com/"',
        },
        "content/en",
    )
    assert (site.site_url, site.title, site.directory_urls) == ("https://example.com", "Manual", False)
    assert site.language == "en"
    assert site.hugo is not None
    assert site.hugo.languages == {"es", "en"}
    assert site.hugo.content_dirs == (("content/en", "en"), ("content", "en"))


def test_a_relative_base_url_is_no_public_address(tmp_path: Path) -> None:
    assert site_of(tmp_path, {"hugo.toml": 'baseURL = "/"'}).site_url is None


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("", "es"),
        ('languageCode = "en-us"', "en"),
        ("[languages.pt]\nweight = 1", "pt"),
        ("[languages.es]\n[languages.en]", "en"),
        ('defaultContentLanguage = "es"\n[languages.es]\n[languages.en]', "es"),
    ],
)
def test_main_language(tmp_path: Path, text: str, language: str) -> None:
    assert site_of(tmp_path, {"hugo.toml": text}).language == language


def test_options_of_addresses(tmp_path: Path) -> None:
    rules = site_of(
        tmp_path,
        {"hugo.toml": "defaultContentLanguageInSubdir = true\ndisablePathToLower = true\nremovePathAccents = true"},
    ).hugo
    assert rules is not None
    assert (rules.default_in_subdir, rules.lowercase_paths, rules.remove_accents) == (True, False, True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("title = ", "is not valid"), ('[permalinks]\nposts = "/:year/:slug/"', "permalinks")],
)
def test_what_is_not_followed_is_reported(tmp_path: Path, text: str, problem: str) -> None:
    site = site_of(tmp_path, {"hugo.toml": text})
    assert len(site.problems) == 1 and problem in site.problems[0]


@pytest.mark.parametrize("key", ["autoHeadingIDType", "autoIDType"])
def test_anchor_style(tmp_path: Path, key: str) -> None:
    site = site_of(tmp_path, {"hugo.toml": f'[markup.goldmark.parser]\n{key} = "github-ascii"'})
    assert site.anchor_style == AnchorStyle("github-ascii")


def test_a_content_folder_outside_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "site"
    (tmp_path / "other").mkdir()
    root.mkdir()
    (root / "hugo.toml").write_text('contentDir = "../other"')
    assert read_hugo(root) is None


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("content/a/_index.es.md", HugoPage("a", "_index", "es")),
        ("content/a/pago.en.md", HugoPage("a", "pago", "en")),
        ("content/a/pago.PT-BR.md", HugoPage("a", "pago", "pt-br")),
        ("content/a/v1.2.md", HugoPage("a", "v1.2", "es")),
        ("content/a/pago.fr.md", HugoPage("a", "pago.fr", "es")),
        ("content/pago.md", HugoPage("", "pago", "es")),
        ("content/en/a/pay.md", HugoPage("a", "pay", "en")),
        ("content/.es.md", HugoPage("", ".es", "es")),
    ],
)
def test_parts_of_a_path(tmp_path: Path, path: str, page: HugoPage) -> None:
    configuration = (
        'defaultContentLanguage = "es"\n[languages.es]\n[languages.pt-br]\n[languages.en]\ncontentDir = "content/en"'
    )
    site = site_of(tmp_path, {"hugo.toml": configuration}, "content/en")
    assert split_page(site, path) == page
