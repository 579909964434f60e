"""Ingest makes the index equal the folder, says what it did, and never leaves a broken index behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from small_index import EXPENSES, HOME, VACATIONS, SmallIndex
from word_encoder import WordEncoder

from ingest.pages import LONGEST_UNIT
from ingest.sync import LOCK, VECTORS
from rag.errors import IngestError, MassDeletionError

PAGES = ("gastos.md", "index.md", "vacaciones.md")


@pytest.fixture
def small(tmp_path: Path) -> SmallIndex:
    small = SmallIndex(tmp_path)
    small.write_three()
    return small


def test_the_first_run_indexes_everything(small: SmallIndex) -> None:
    report = small.ingest()
    snapshot = small.snapshot()
    assert report.changed_index
    assert (report.added, report.changed, report.removed, report.unchanged) == (PAGES, (), (), ())
    assert report.version == snapshot.version
    assert (report.pages, report.chunks) == (3, len(snapshot.chunks))
    assert report.units == sum(len(chunk.units) for chunk in snapshot.chunks)
    assert report.embedded == len(set(small.encoder.embedded)) == len(small.encoder.embedded)
    assert report.reused == 0


def test_a_second_run_changes_nothing_and_says_so(small: SmallIndex) -> None:
    first = small.ingest()
    files = {path: path.stat().st_mtime_ns for path in (small.index / "versions").rglob("*")}
    pointer = (small.index / "CURRENT").stat()
    small.encoder.embedded.clear()
    second = small.ingest()
    assert not second.changed_index
    assert second.version == first.version
    assert (second.added, second.changed, second.removed, second.unchanged) == ((), (), (), PAGES)
    assert (second.embedded, second.reused) == (0, first.embedded)
    assert small.encoder.embedded == []
    assert {path: path.stat().st_mtime_ns for path in (small.index / "versions").rglob("*")} == files
    assert (small.index / "CURRENT").stat().st_mtime_ns == pointer.st_mtime_ns


def test_an_edit_embeds_only_its_own_passages(small: SmallIndex) -> None:
    small.ingest()
    small.encoder.embedded.clear()
    small.write(gastos=EXPENSES.replace("120 euros", "135 euros"))
    report = small.ingest()
    assert (report.added, report.changed, report.removed) == ((), ("gastos.md",), ())
    assert report.embedded == len(small.encoder.embedded)
    assert all("135 euros" in text for text in small.encoder.embedded)
    assert any("135 euros" in chunk.text for chunk in small.snapshot().chunks)
    assert not any("120 euros" in chunk.text for chunk in small.snapshot().chunks)


def test_a_deleted_page_leaves_the_index(small: SmallIndex) -> None:
    small.ingest()
    (small.handbook / "gastos.md").unlink()
    report = small.ingest()
    assert report.removed == ("gastos.md",)
    assert {chunk.path for chunk in small.snapshot().chunks} == {"index.md", "vacaciones.md"}
    assert "gastos.md" not in small.paths_of("hotel 120 euros", k=9)


def test_a_renamed_page_moves_without_embedding(small: SmallIndex) -> None:
    small.ingest()
    (small.handbook / "gastos.md").rename(small.handbook / "viajes.md")
    report = small.ingest()
    assert (report.added, report.removed, report.embedded) == (("viajes.md",), ("gastos.md",), 0)
    assert small.paths_of("hotel 120 euros") == ["viajes.md"]


def test_the_same_content_has_the_same_version(small: SmallIndex, tmp_path: Path) -> None:
    other = SmallIndex(tmp_path / "other")
    other.root.mkdir()
    shutil.copytree(small.handbook, other.handbook)
    assert small.ingest().version == other.ingest().version


def test_going_back_uses_the_version_that_is_still_there(small: SmallIndex) -> None:
    first = small.ingest()
    small.write(index="# Manual\n\nHola.\n")
    small.ingest()
    small.write(index=HOME)
    small.encoder.embedded.clear()
    back = small.ingest()
    assert (back.version, back.changed, back.embedded) == (first.version, ("index.md",), 0)
    assert small.encoder.embedded == []
    assert small.snapshot().version == first.version


def test_only_the_current_and_the_previous_version_are_kept(small: SmallIndex) -> None:
    reports = []
    for number in range(4):
        small.write(index=f"# Manual\n\nEdición {number}.\n")
        reports.append(small.ingest())
    small.ingest()
    assert small.versions() == sorted(report.version for report in reports[-2:])


def test_what_a_killed_run_left_is_removed(small: SmallIndex) -> None:
    small.ingest()
    remnant = small.index / "build-0123456789ab-1.tmp"
    remnant.mkdir()
    (remnant / "chroma.sqlite3").write_bytes(b"half")
    (small.index / "CURRENT.1.tmp").write_text("half")
    (small.index / "versions" / "0123456789ab").mkdir()
    assert not small.ingest().changed_index
    names = {path.name for path in small.index.iterdir()}
    assert not any(name.endswith(".tmp") for name in names)
    assert len(small.versions()) == 1


def test_every_page_is_indexed_skipped_or_failed(small: SmallIndex) -> None:
    small.write(
        borrador="---\ndraft: true\n---\n\n# Borrador\n\nTexto.\n", vacia="", solo_titulo="---\ntitle: X\n---\n"
    )
    (small.handbook / "latin.md").write_bytes("# Año\n\nPeña.\n".encode("latin-1"))
    report = small.ingest()
    skipped = {item.path: item.reason for item in report.skipped}
    assert skipped.keys() == {"borrador.md", "vacia.md", "solo_titulo.md"}
    assert "draft" in skipped["borrador.md"]
    assert skipped["vacia.md"] == "no text"
    assert [item.path for item in report.failed] == ["latin.md"]
    assert "UTF-8" in report.failed[0].reason
    assert report.added == PAGES
    assert {path for path, _ in small.snapshot().manifest.skipped} == {*skipped, "latin.md"}


def test_data_without_a_break_are_left_out_with_a_remark(small: SmallIndex) -> None:
    small.write(datos=f"# Datos\n\nLa sala abre a las nueve.\n\n{'dato ' * LONGEST_UNIT}\n")
    report = small.ingest()
    assert "datos.md" in report.added
    assert any(problem.startswith("datos.md: from line 5") for problem in report.problems)
    kept = [chunk for chunk in small.snapshot().chunks if chunk.path == "datos.md"]
    assert ["La sala abre a las nueve." in chunk.text for chunk in kept] == [True]
    assert max(len(unit.text) for chunk in kept for unit in chunk.units) < LONGEST_UNIT


def test_drafts_are_indexed_on_demand_and_stay_labelled(small: SmallIndex) -> None:
    small.write(borrador="---\ndraft: true\n---\n\n# Plan\n\nEl plan secreto.\n")
    small.options["include_drafts"] = True
    assert "borrador.md" in small.ingest().added
    assert [chunk.draft for chunk in small.snapshot().chunks if chunk.path == "borrador.md"] == [True]


@pytest.mark.parametrize("include", [False, True], ids=["by-default", "on-demand"])
def test_a_draft_of_the_mkdocs_configuration_is_one(small: SmallIndex, include: bool) -> None:
    (small.handbook / "mkdocs.yml").write_text("docs_dir: .\ndraft_docs: gastos.md\n")
    small.options["include_drafts"] = include
    skipped = {item.path: item.reason for item in small.ingest().skipped}
    assert ("draft" in skipped.get("gastos.md", "")) is not include
    assert [chunk.path for chunk in small.snapshot().chunks if chunk.draft] == ["gastos.md"] * include


def test_a_page_that_became_unreadable_is_named_and_leaves(small: SmallIndex) -> None:
    small.ingest()
    (small.handbook / "gastos.md").write_bytes(b"# Gastos\n\n\xff\xfe\xfa roto\n")
    report = small.ingest()
    assert report.removed == ("gastos.md",)
    assert [item.path for item in report.failed] == ["gastos.md"]
    assert "was in the index" in report.failed[0].reason


def test_a_skipped_page_changes_the_remarks_not_the_version(small: SmallIndex) -> None:
    first = small.ingest()
    small.write(vacia="")
    second = small.ingest()
    assert (second.version, second.changed_index) == (first.version, False)
    assert [path for path, _ in small.snapshot().manifest.skipped] == ["vacia.md"]
    assert not small.ingest().changed_index


@pytest.mark.parametrize("left", [0, 1, 2, 3], ids="{} of 6 left".format)
def test_losing_more_than_half_needs_force(small: SmallIndex, left: int) -> None:
    small.write(**{f"p{n}": f"# Página {n}\n\nContenido {n}.\n" for n in range(3)})
    first = small.ingest()
    for name in ("p0", "p1", "p2", "gastos", "vacaciones", "index")[: 6 - left]:
        (small.handbook / f"{name}.md").unlink()
    if left == 3:
        assert len(small.ingest().removed) == 3
        return
    with pytest.raises(MassDeletionError if left else IngestError):
        small.ingest()
    assert small.snapshot().version == first.version
    if left:
        assert len(small.ingest(force=True).removed) == 6 - left


def test_the_refusal_counts_and_names_the_pages(small: SmallIndex) -> None:
    small.ingest()
    small.write(index=HOME + "\nMás.\n")
    (small.handbook / "gastos.md").unlink()
    (small.handbook / "vacaciones.md").unlink()
    with pytest.raises(MassDeletionError, match=r"2 of the 3 .*gastos\.md, vacaciones\.md.*faro ingest --force"):
        small.ingest()


def test_moving_all_pages_is_no_mass_deletion(small: SmallIndex) -> None:
    small.ingest()
    (small.handbook / "guia").mkdir()
    for name in PAGES:
        (small.handbook / name).rename(small.handbook / "guia" / name)
    assert len(small.ingest().removed) == 3


def test_unreadable_pages_count_as_lost(small: SmallIndex) -> None:
    small.ingest()
    for name in PAGES[:2]:
        (small.handbook / name).write_bytes(b"\xff\xff\xff")
    with pytest.raises(MassDeletionError):
        small.ingest()


def test_a_handbook_without_text_is_refused(tmp_path: Path) -> None:
    small = SmallIndex(tmp_path)
    small.write(vacia="", otra="\n\n")
    with pytest.raises(IngestError, match=r"no page with text.*vacia\.md: no text"):
        small.ingest()


@pytest.mark.parametrize(
    "option", [{"chunk_tokens": 32}, {"site_url": "https://manual.example"}], ids=["chunk_tokens", "site_url"]
)
def test_a_setting_that_shapes_the_index_makes_a_new_version(small: SmallIndex, option: dict[str, object]) -> None:
    first = small.ingest()
    small.options.update(option)
    second = small.ingest()
    assert second.version != first.version
    assert second.changed_index


def test_another_encoder_rebuilds_the_index(small: SmallIndex) -> None:
    small.ingest()
    small.encoder = WordEncoder(name="other", fingerprint="0" * 64, dimensions=64)
    report = small.ingest()
    assert report.changed_index
    assert report.reused == 0
    assert small.snapshot().manifest.encoder == "other"


def test_an_index_of_another_layout_is_rebuilt(small: SmallIndex) -> None:
    first = small.ingest()
    manifest = small.index / "versions" / first.version / "manifest.json"
    data = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**data, "schema": "0-old"}), encoding="utf-8")
    report = small.ingest()
    assert report.changed_index
    assert report.unchanged == PAGES
    assert small.snapshot().version == first.version


def alter(manifest: Path, **changes: object) -> None:
    manifest.write_text(json.dumps(json.loads(manifest.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def scratch(database: Path) -> None:
    """Alter stored text and nothing of the database's structure."""
    data = database.read_bytes()
    assert b"turista" in data
    database.write_bytes(data.replace(b"turista", b"t\xffr\x00sta"))


DAMAGES = {
    "pointer-lost": lambda index, version: (index / "CURRENT").unlink(),
    "pointer-garbled": lambda index, version: (index / "CURRENT").write_bytes(b"\xff\x00"),
    "pointer-empty": lambda index, version: (index / "CURRENT").write_bytes(b""),
    "pointer-to-nowhere": lambda index, version: (index / "CURRENT").write_text("0123456789ab\n\n"),
    "version-lost": lambda index, version: shutil.rmtree(version),
    "versions-lost": lambda index, version: shutil.rmtree(index / "versions"),
    "manifest-lost": lambda index, version: (version / "manifest.json").unlink(),
    "manifest-altered": lambda index, version: alter(version / "manifest.json", fingerprint="0"),
    "manifest-garbled": lambda index, version: (version / "manifest.json").write_text("{"),
    "database-lost": lambda index, version: (version / "chroma.sqlite3").unlink(),
    "database-truncated": lambda index, version: os.truncate(version / "chroma.sqlite3", 8192),
    "database-emptied": lambda index, version: os.truncate(version / "chroma.sqlite3", 0),
    "database-scratched": lambda index, version: scratch(version / "chroma.sqlite3"),
    "graph-lost": lambda index, version: next(version.rglob("data_level0.bin")).unlink(),
    "graph-garbled": lambda index, version: next(version.rglob("data_level0.bin")).write_bytes(b"\x07" * 4000),
    "vectors-garbled": lambda index, version: (index / VECTORS).write_bytes(b"x" * 9999),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_repaired(small: SmallIndex, damage: str) -> None:
    version = small.ingest().version
    DAMAGES[damage](small.index, small.index / "versions" / version)
    report = small.ingest()
    assert report.version == version
    assert small.snapshot().version == version
    assert small.paths_of("tren clase turista") == ["gastos.md"]
    assert not small.ingest().changed_index


def test_a_damaged_vector_cache_is_said(small: SmallIndex) -> None:
    small.ingest()
    (small.index / VECTORS).write_bytes(b"x" * 9999)
    small.write(index="# Manual\n\nOtra cosa.\n")
    assert any("vector cache" in problem for problem in small.ingest().problems)


@pytest.mark.parametrize(("site_url", "remarks"), [(None, 1), ("https://manual.example", 0)], ids=["unknown", "known"])
def test_an_unknown_public_address_is_said_once(small: SmallIndex, site_url: str | None, remarks: int) -> None:
    small.options["site_url"] = site_url
    problems = small.ingest().problems
    assert sum("FARO_SITE_URL" in problem for problem in problems) == remarks


def test_a_second_ingest_at_once_is_refused(small: SmallIndex) -> None:
    small.ingest()
    with FileLock(small.index / LOCK), pytest.raises(IngestError, match=r"another `faro ingest` \(process \d+\)"):
        small.ingest()
    assert not small.ingest().changed_index


def test_an_index_folder_that_cannot_be_made_is_named(small: SmallIndex) -> None:
    small.index.write_text("a file")
    with pytest.raises(IngestError, match=str(small.index)):
        small.ingest()


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from small_index import SmallIndex
from rag.errors import IngestError
small = SmallIndex(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    small.ingest()
except IngestError as error:
    print("IngestError", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("limit", [0, 4096, 60_000, 150_000, 200_000])
def test_a_full_disk_leaves_the_old_index(small: SmallIndex, limit: int) -> None:
    version = small.ingest().version
    small.write(index="# Manual\n\nLa edición siguiente.\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", FULL_DISK, str(small.root), str(limit)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("IngestError")
    assert str(small.index) in result.stdout
    assert len(result.stdout.splitlines()) == 1
    assert small.snapshot().version == version
    assert small.ingest().changed == ("index.md",)


def test_progress_names_every_stage_and_ends_at_its_total(small: SmallIndex) -> None:
    told: list[tuple[str, int, int]] = []
    small.ingest(progress=lambda stage, done, total: told.append((stage, done, total)))
    stages = list(dict.fromkeys(stage for stage, _, _ in told))
    assert stages == ["read", "embed", "write", "verify"]
    for stage in stages:
        steps = [(done, total) for name, done, total in told if name == stage]
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)
        assert steps[-1][0] == steps[-1][1] > 0


def test_the_report_is_plain_json(small: SmallIndex) -> None:
    small.write(vacia="")
    data = json.loads(json.dumps(small.ingest().as_dict()))
    assert data["added"] == list(PAGES)
    assert data["skipped"] == [{"path": "vacia.md", "reason": "no text"}]
    assert data["changed_index"] is True


def test_the_same_text_at_two_paths_is_two_pages(small: SmallIndex) -> None:
    small.write(copia=VACATIONS)
    report = small.ingest()
    assert "copia.md" in report.added
    assert set(small.paths_of("23 días de vacaciones", k=2)) == {"copia.md", "vacaciones.md"}


def test_an_unchanged_run_does_not_load_chroma(small: SmallIndex) -> None:
    small.ingest()
    code = (
        "import sys; from pathlib import Path; from small_index import SmallIndex\n"
        "report = SmallIndex(Path(sys.argv[1])).ingest()\n"
        "print(report.changed_index, 'chromadb' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(small.root)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.split() == ["False", "False"]
