"""Which files of a folder are pages, and reading them."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from ingest.frontmatter import split_front_matter
from ingest.sources import MAX_SOURCE_BYTES, Discovery, SourceFile, discover, read_source
from ingest.urls import page_url
from rag.errors import IngestError, SourceError


def write(root: Path, *names: str, **texts: str) -> None:
    for name, text in {**dict.fromkeys(names, "# Página\n"), **texts}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def paths(discovery: Discovery) -> list[str]:
    return [item.path for item in discovery.files]


def skipped(discovery: Discovery) -> dict[str, str]:
    return {item.path: item.reason for item in discovery.skipped}


def test_a_plain_folder_gives_every_markdown_file_in_reading_order(tmp_path: Path) -> None:
    write(tmp_path, "b.md", "a/z.markdown", "a/README.md", "a/b/c.mdown", "index.md", "A.MD", "notes.txt", "img.png")
    found = discover(tmp_path)
    assert paths(found) == ["index.md", "A.MD", "b.md", "a/README.md", "a/z.markdown", "a/b/c.mdown"]
    assert (found.site.kind, found.site.content_dir, found.skipped) == ("plain", tmp_path, ())


@pytest.mark.parametrize("name", ["docs", "content"])
def test_a_content_folder_given_by_itself_is_plain(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, "a.md")
    assert discover(tmp_path / name).site.kind == "plain"


def test_mkdocs_pages_come_from_its_docs_folder(tmp_path: Path) -> None:
    write(tmp_path, "README.md", "docs/index.md", "docs/a/b.md", "theme/x.md", **{"mkdocs.yml": "site_name: M\n"})
    found = discover(tmp_path)
    assert paths(found) == ["docs/index.md", "docs/a/b.md"]
    assert found.site.nav == ("docs/index.md", "docs/a/b.md")


def test_mkdocs_leaves_out_what_it_does_not_publish(tmp_path: Path) -> None:
    configuration = (
        "exclude_docs: |\n  /borradores/\n  *.tmp.md\n  !/templates/\ndraft_docs: y.tmp.md\nnot_in_nav: libre.md\n"
    )
    write(tmp_path, *(f"docs/{name}" for name in ("a.md", "libre.md", "borradores/x.md", "y.tmp.md", ".z.md")))
    write(tmp_path, "docs/templates/t.md", "docs/s/README.md", "docs/s/index.md", "docs/r/README.md")
    write(tmp_path, **{"mkdocs.yml": configuration})
    found = discover(tmp_path)
    assert paths(found) == ["docs/a.md", "docs/libre.md", "docs/r/README.md", "docs/s/index.md", "docs/templates/t.md"]
    assert set(skipped(found)) == {
        *("docs/borradores/x.md", "docs/y.tmp.md", "docs/.z.md", "docs/s/README.md"),
    }
    assert "index.md" in skipped(found)["docs/s/README.md"]


def test_what_mkdocs_calls_a_draft_is_marked(tmp_path: Path) -> None:
    configuration = "draft_docs: |\n  /planes/\n  *.wip.md\n  !bueno.wip.md\n  [\n"
    write(tmp_path, *(f"docs/{name}" for name in ("a.md", "b.wip.md", "bueno.wip.md", "planes/año.md")))
    write(tmp_path, **{"mkdocs.yml": configuration})
    found = discover(tmp_path)
    assert {file.path for file in found.files if file.draft} == {"docs/b.wip.md", "docs/planes/año.md"}
    assert (len(found.files), found.skipped) == (4, ())


def test_nav_is_spelt_as_on_disk_and_a_page_that_is_missing_is_reported(tmp_path: Path) -> None:
    on_disk = unicodedata.normalize("NFD", "año.md")
    composed = unicodedata.normalize("NFC", "año.md")
    configuration = f"nav:\n  - Año: {composed}\n  - nada.md\n  - carpeta/\n"
    write(tmp_path, f"docs/{on_disk}", **{"mkdocs.yml": configuration})
    site = discover(tmp_path).site
    assert site.nav == (f"docs/{on_disk}",)
    assert site.nav_titles == {f"docs/{on_disk}": "Año"}
    assert len(site.problems) == 1 and "docs/nada.md" in site.problems[0]


def test_broken_mkdocs_configuration_still_gives_the_pages(tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", **{"mkdocs.yml": "nav: ["})
    found = discover(tmp_path)
    assert paths(found) == ["docs/a.md"]
    assert "mkdocs.yml" in found.site.problems[0]


def test_hugo_pages_and_addresses(tmp_path: Path) -> None:
    configuration = 'baseURL = "/"\ndefaultContentLanguage = "es"\n[languages.es]\n[languages.en]\n'
    write(tmp_path, "content/_index.es.md", "content/a/index.es.md", "content/a/extra.md", "content/b.md")
    write(tmp_path, "content/solo.en.md", "themes/t/README.md", "archetypes/default.md", **{"hugo.toml": configuration})
    found = discover(tmp_path)
    addresses = {
        item.path: page_url(found.site, item.path, split_front_matter(read_source(item))[0]) for item in found.files
    }
    assert addresses == {
        "content/_index.es.md": "/",
        "content/b.md": "/b/",
        "content/solo.en.md": "/en/solo/",
        "content/a/index.es.md": "/a/",
        "content/a/extra.md": "/a/",
    }


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        pytest.param(("a.es.md", "a.en.md"), ["a.es.md"], id="spanish-and-english"),
        pytest.param(("a.md", "a.es.md"), ["a.es.md"], id="english-without-suffix"),
        pytest.param(("a.md", "a.pt.md"), ["a.md"], id="main-language-and-another"),
        pytest.param(("a.pt.md",), ["a.pt.md"], id="only-another"),
        pytest.param(("a.es.md", "b.en.md"), ["a.es.md", "b.en.md"], id="different-pages"),
        pytest.param(("es/a.md", "a.md"), ["es/a.md"], id="spanish-folder"),
        pytest.param(("x/a.es.md", "a.en.md"), ["a.en.md", "x/a.es.md"], id="same-name-elsewhere"),
    ],
)
def test_hugo_translations_of_a_page_are_left_out(tmp_path: Path, names: tuple[str, ...], kept: list[str]) -> None:
    configuration = (
        'defaultContentLanguage = "en"\n[languages.es]\ncontentDir = "content/es"\n[languages.en]\n[languages.pt]\n'
    )
    (tmp_path / "content/es").mkdir(parents=True)
    write(tmp_path, *(f"content/{name}" for name in names), **{"hugo.toml": configuration})
    found = discover(tmp_path)
    assert paths(found) == [f"content/{name}" for name in kept]
    assert len(found.files) + len(found.skipped) == len(names)
    assert all(item.reason.startswith("translation of content/") for item in found.skipped)


def test_content_folders_of_languages_may_lie_apart(tmp_path: Path) -> None:
    configuration = '[languages.es]\ncontentDir = "contenido"\n[languages.en]\ncontentDir = "english"\n'
    write(tmp_path, "contenido/a.md", "english/a.md", "english/b.md", **{"hugo.toml": configuration})
    found = discover(tmp_path)
    assert paths(found) == ["contenido/a.md", "english/b.md"]
    assert skipped(found) == {"english/a.md": "translation of contenido/a.md"}


def test_folders_of_tools_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, "a.md", ".git/x.md", "node_modules/y.md", "env/pyvenv.cfg", "env/z.md", "b/.oculto/w.md")
    found = discover(tmp_path)
    assert paths(found) == ["a.md"]
    assert set(skipped(found)) == {"node_modules", "env"}


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.md", ".b.md")
    assert skipped(discover(tmp_path)) == {".b.md": "hidden file"}


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        (["borradores/"], ["a.md", "b/c.md"]),
        (["*.md", "!a.md"], ["a.md"]),
        (["/b"], ["a.md", "borradores/año.md"]),
        (["**/a\u00f1o.md"], ["a.md", "b/c.md"]),
        (["# comentario", ""], ["a.md", "b/c.md", "borradores/año.md"]),
    ],
)
def test_excluded_files_are_left_out_with_a_reason(tmp_path: Path, patterns: list[str], kept: list[str]) -> None:
    disk = unicodedata.normalize("NFD", "borradores/año.md")
    write(tmp_path, "a.md", "b/c.md", disk)
    found = discover(tmp_path, exclude=patterns)
    assert [unicodedata.normalize("NFC", path) for path in paths(found)] == kept
    assert len(found.files) + len(found.skipped) == 3
    assert all("FARO_EXCLUDE" in reason for reason in skipped(found).values())


def test_a_bad_pattern_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    with pytest.raises(IngestError, match=r"FARO_EXCLUDE.*'!'"):
        discover(tmp_path, exclude=["!"])


@pytest.mark.parametrize(
    "name", ["con espacios.md", " inicial.md", "acción.md", "accio\u0301n.md", "🎉 fiesta.md", "a\nb.md"]
)
def test_file_names_of_any_form_can_be_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, f"carpeta {name}/{name}")
    found = discover(tmp_path)
    assert paths(found) == [f"carpeta {name}/{name}"]
    assert read_source(found.files[0]) == "# Página\n"


def test_a_file_name_that_is_not_unicode_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xf1o.md"))).write_text("x")
    found = discover(tmp_path)
    assert paths(found) == ["a.md"]
    assert list(skipped(found)) == ["a\ufffdo.md"]


def test_symbolic_links(tmp_path: Path) -> None:
    root = tmp_path / "handbook"
    write(tmp_path, "fuera/secreto.md")
    write(root, "docs/a.md", "docs/b/c.md", "comunes/d.md", "notas.txt", **{"mkdocs.yml": "site_name: M"})
    links = {
        "docs/fuera.md": tmp_path / "fuera/secreto.md",
        "docs/carpeta": tmp_path / "fuera",
        "docs/b/bucle": root / "docs",
        "docs/todo": root,
        "docs/roto.md": root / "nada.md",
        "docs/solo.md": root / "docs/solo.md",
        "docs/otra-vez.md": root / "docs/a.md",
        "docs/otra-b": root / "docs/b",
        "docs/comunes": root / "comunes",
        "docs/e.md": root / "notas.txt",
        "docs/imagen.png": tmp_path / "fuera/secreto.md",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    found = discover(root)
    assert paths(found) == ["docs/a.md", "docs/e.md", "docs/b/c.md", "docs/comunes/d.md"]
    assert skipped(found) == {
        "docs/fuera.md": "symbolic link out of the handbook",
        "docs/carpeta": "symbolic link out of the handbook",
        "docs/b/bucle": "symbolic link that loops",
        "docs/todo": "symbolic link that loops",
        "docs/roto.md": "broken symbolic link, or one that loops",
        "docs/solo.md": "broken symbolic link, or one that loops",
        "docs/otra-vez.md": "symbolic link to a page already read",
        "docs/otra-b": "symbolic link to a folder already read",
    }


def test_links_between_sibling_folders_end(tmp_path: Path) -> None:
    write(tmp_path, "a/x.md", "b/y.md")
    (tmp_path / "a/b").symlink_to(tmp_path / "b")
    (tmp_path / "b/a").symlink_to(tmp_path / "a")
    assert paths(discover(tmp_path)) == ["a/x.md", "b/y.md"]


def test_a_handbook_behind_a_link_is_read(tmp_path: Path) -> None:
    write(tmp_path / "real", "a.md")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert paths(discover(tmp_path / "link")) == ["a.md"]


def test_two_runs_agree(tmp_path: Path) -> None:
    write(tmp_path, *(f"{folder}/{name}.md" for folder in ("b", "a", "á") for name in ("z", "Z", "ñ", "index")))
    assert discover(tmp_path) == discover(tmp_path)


def test_a_deep_folder_is_read(tmp_path: Path) -> None:
    deep = "/".join(["d"] * 300)
    write(tmp_path, f"{deep}/a.md")
    assert paths(discover(tmp_path)) == [f"{deep}/a.md"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("nada", "FARO_HANDBOOK"), ("a.md", "not a folder"), ("vacía", "no Markdown page"), ("ocultas", "left out")],
)
def test_no_handbook_says_what_to_do(tmp_path: Path, name: str, message: str) -> None:
    write(tmp_path, "a.md", "vacía/notas.txt", "ocultas/.a.md")
    with pytest.raises(IngestError, match=message):
        discover(tmp_path / name)


def test_the_given_site_url_wins(tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", **{"mkdocs.yml": "site_url: https://old.example.com/"})
    assert discover(tmp_path, site_url="https://example.com/m/").site.site_url == "https://example.com/m"
    with pytest.raises(IngestError, match="FARO_SITE_URL"):
        discover(tmp_path, site_url="example.com")


@pytest.mark.parametrize("text", ["", "\ufeff# Año\r\nuno\rdos\n", "sin final", "\u2028\x0c\n"])
def test_text_is_read_character_for_character(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.md").write_bytes(text.encode())
    assert read_source(SourceFile("a.md", tmp_path / "a.md")) == text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param("año".encode("latin-1"), r"byte 1 is 0xF1.*UTF-8", id="latin-1"),
        pytest.param(b"ok\n\x80", r"byte 3 is 0x80", id="stray-byte"),
        pytest.param("año".encode("utf-16"), r"UTF-16; save it as UTF-8", id="utf-16"),
        pytest.param("año".encode("utf-32"), r"UTF-32; save it as UTF-8", id="utf-32"),
        pytest.param(b"a\0b", r"NUL at byte 1", id="nul"),
        pytest.param(b"a" * (MAX_SOURCE_BYTES + 1), r"larger than 5 MB", id="too-large"),
    ],
)
def test_a_file_that_is_no_text_is_a_source_error(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.md").write_bytes(content)
    with pytest.raises(SourceError, match=rf"^a\.md: .*{reason}") as caught:
        read_source(SourceFile("a.md", tmp_path / "a.md"))
    assert caught.value.path == "a.md"


@pytest.mark.parametrize(
    ("name", "reason"), [("folder.md", "folder"), ("gone.md", "No such"), ("loop.md", "cannot"), ("pipe.md", "regular")]
)
def test_what_cannot_be_opened_is_a_source_error(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "loop.md").symlink_to(tmp_path / "loop.md")
    os.mkfifo(tmp_path / "pipe.md")
    with pytest.raises(SourceError, match=reason):
        read_source(SourceFile(name, tmp_path / name))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_without_permission_the_rest_is_still_found(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "cerrada/b.md", "c.md")
    (tmp_path / "cerrada").chmod(0)
    (tmp_path / "c.md").chmod(0)
    found = discover(tmp_path)
    (tmp_path / "cerrada").chmod(0o700)
    assert paths(found) == ["a.md", "c.md"]
    assert "cannot be read" in skipped(found)["cerrada"]
    with pytest.raises(SourceError, match="permissions"):
        read_source(found.files[1])


def test_a_folder_called_like_a_page_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path, "x.md/a.md")
    assert paths(discover(tmp_path)) == ["x.md/a.md"]


def test_a_pattern_that_is_none_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.md")
    with pytest.raises(IngestError, match="FARO_EXCLUDE"):
        discover(tmp_path, exclude=["[z-a]"])
