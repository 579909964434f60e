"""The index gives back exactly what was ingested, finds it, and is reopened when a new version is published."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_index import EXPENSES, SmallIndex
from word_encoder import WordEncoder

from ingest.pages import read_handbook
from rag.errors import IndexMismatchError, IndexUnavailableError
from rag.index import IndexReader
from rag.manifest import Manifest, PageEntry
from rag.records import (
    Record,
    chunk_from_json,
    chunk_to_json,
    chunks_of_record,
    passage_record,
    split_unit_id,
    unit_embedding_text,
    unit_id,
    unit_record,
)
from rag.store import HNSW_TIERS, connect, open_folder
from rag.types import Chunk, Span, Unit

TEXT = st.text(max_size=30)
SPANS = st.builds(Span, *(st.integers(0, 10_000) for _ in range(4)))
UNITS = st.builds(
    Unit,
    text=TEXT,
    source=TEXT,
    span=SPANS,
    kind=st.sampled_from(["sentence", "item", "row", "term", "code", "heading"]),
    block=st.integers(0, 9),
    depth=st.integers(0, 9),
    ordered=st.booleans(),
    lead=st.booleans(),
)
CHUNKS = st.builds(
    Chunk,
    **dict.fromkeys(("id", "path", "title", "anchor", "url", "text", "source", "content_hash"), TEXT),
    breadcrumb=st.lists(TEXT, max_size=3).map(tuple),
    span=SPANS,
    units=st.lists(UNITS, min_size=1, max_size=4).map(tuple),
    ordinal=st.integers(0, 99),
    created=st.none() | TEXT,
    updated=st.none() | TEXT,
    authors=st.lists(TEXT, max_size=2).map(tuple),
    keywords=st.lists(TEXT, max_size=2).map(tuple),
    draft=st.booleans(),
    wip=st.booleans(),
    nav_position=st.none() | st.integers(0, 99),
)


@given(CHUNKS)
def test_a_chunk_survives_json(chunk: Chunk) -> None:
    assert chunk_from_json(chunk_to_json(chunk)) == chunk


@given(st.lists(CHUNKS, min_size=1, max_size=3))
def test_chunks_survive_their_record(chunks: list[Chunk]) -> None:
    record = passage_record(chunks)
    assert chunks_of_record(record.metadata) == chunks
    assert all(isinstance(value, str | int | float | bool) for value in record.metadata.values())


@given(CHUNKS)
def test_a_unit_record_leads_back_to_the_unit(chunk: Chunk) -> None:
    record = unit_record([(chunk, len(chunk.units) - 1)])
    assert split_unit_id(record.id) == (chunk.id, len(chunk.units) - 1)
    assert record.document == unit_embedding_text(chunk, chunk.units[-1])


@pytest.mark.parametrize("chunk_id", ["ab12", "with#hash", "", "ñ/ü.md#3#4"])
def test_unit_ids_split_as_they_were_joined(chunk_id: str) -> None:
    assert split_unit_id(unit_id(chunk_id, 7)) == (chunk_id, 7)


def a_manifest() -> Manifest:
    page = PageEntry("a.md", "A", "/a/", "00", "11", ("c1", "c2"), 3, "2024-01-01", False, True)
    return Manifest(
        schema="1",
        version="",
        created="2026-01-01T00:00:00+00:00",
        handbook="handbook",
        site_kind="plain",
        site_title=None,
        site_url=None,
        language="es",
        encoder="words",
        fingerprint="f",
        dimensions=3,
        chromadb="1.5.9",
        chunk_tokens=200,
        chunks=2,
        units=3,
        passage_records=2,
        unit_records=3,
        pages=(page,),
    ).named()


@pytest.mark.parametrize("name", ["title", "url", "file_hash", "digest", "updated", "path"])
def test_a_changed_page_changes_the_version(name: str) -> None:
    manifest = a_manifest()
    changed = replace(manifest, pages=(replace(manifest.pages[0], **{name: "other"}),))
    assert changed.named().version != manifest.version


def test_time_and_remarks_leave_the_version_alone() -> None:
    manifest = a_manifest()
    other = replace(manifest, created="2027", skipped=(("b.md", "no text"),), files=(("f", "00"),))
    assert other.named().version == manifest.version


@pytest.fixture
def small(tmp_path: Path) -> SmallIndex:
    small = SmallIndex(tmp_path)
    small.write_three()
    return small


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ChromaServer:
    """A real `chroma run` on a free port, that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("chroma")), "run", "--path", str(self._folder)]
        self._process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self._port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, "chroma run did not start"
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/heartbeat", timeout=1):
                return True
        except OSError:
            return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChromaServer]:
    server = ChromaServer(tmp_path / "server")
    yield server
    server.stop()


@pytest.fixture(params=["folder", pytest.param("server", marks=pytest.mark.slow)])
def either(request: pytest.FixtureRequest, small: SmallIndex) -> SmallIndex:
    """The same index embedded in a folder and on a server: one contract."""
    if request.param == "server":
        small.options["chroma_url"] = request.getfixturevalue("server").url
    return small


def test_the_chunks_come_back_exactly_and_in_reading_order(either: SmallIndex) -> None:
    either.ingest()
    handbook = read_handbook(
        either.settings, count_tokens=either.encoder.count_tokens, max_tokens=200, progress=lambda done, total: None
    )
    expected = sorted(
        (chunk for page in handbook.pages for chunk in page.chunks),
        key=lambda chunk: (chunk.nav_position is None, chunk.nav_position or 0, chunk.path, chunk.ordinal),
    )
    snapshot = either.snapshot()
    assert list(snapshot.chunks) == expected
    assert snapshot.by_id == {chunk.id: chunk for chunk in expected}
    assert snapshot.manifest.chunks == len(expected)


@pytest.mark.parametrize("question", ["hotel 120 euros", "días de vacaciones", "bienvenida"])
def test_search_gives_cosine_similarity_best_first(either: SmallIndex, question: str) -> None:
    either.ingest()
    snapshot, query = either.snapshot(), either.encoder.vector(question)
    found = snapshot.search_chunks(query, 99)
    exact = {chunk.id: float(query @ either.encoder.vector(chunk.embedding_text)) for chunk in snapshot.chunks}
    assert dict(found) == pytest.approx(exact, abs=1e-5)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert snapshot.search_chunks(query, 1) == found[:1]


def test_units_are_found_by_chunk_and_number(either: SmallIndex) -> None:
    either.ingest()
    snapshot = either.snapshot()
    ((chunk_id, number, score),) = snapshot.search_units(either.encoder.vector("La dieta es de 40 euros"), 1)
    assert snapshot.by_id[chunk_id].units[number].text == "La dieta es de 40 euros."
    assert 0.5 < score <= 1
    everything = snapshot.search_units(either.encoder.vector("La dieta"), 999)
    assert len(everything) == snapshot.manifest.units


def test_unit_vectors_are_those_of_the_units(either: SmallIndex) -> None:
    either.ingest()
    snapshot = either.snapshot()
    vectors = snapshot.unit_vectors([chunk.id for chunk in snapshot.chunks])
    assert vectors.keys() == snapshot.by_id.keys()
    for chunk in snapshot.chunks:
        exact = np.stack([either.encoder.vector(unit_embedding_text(chunk, unit)) for unit in chunk.units])
        assert vectors[chunk.id].shape == exact.shape
        assert np.allclose(vectors[chunk.id], exact, atol=1e-5)


@pytest.mark.parametrize("k", [0, -1])
def test_no_hits_asked_for_are_none(small: SmallIndex, k: int) -> None:
    small.ingest()
    snapshot, query = small.snapshot(), small.encoder.vector("hotel")
    assert snapshot.search_chunks(query, k) == []
    assert snapshot.search_units(query, k) == []


def test_unknown_chunks_have_no_vectors(small: SmallIndex) -> None:
    small.ingest()
    assert small.snapshot().unit_vectors(["nobody"]) == {}
    assert small.snapshot().unit_vectors([]) == {}


def test_equal_texts_hide_nothing(small: SmallIndex) -> None:
    """A hundred equal vectors make an island in a search graph: each must be found, and what lies beyond too."""
    small.write(**{f"copia{n}": EXPENSES for n in range(100)})
    small.write(**{f"otra{n}": f"# Otra {n}\n\nAlgo distinto número {n} palabra{n}.\n" for n in range(100)})
    small.ingest()
    snapshot = small.snapshot()
    copies = snapshot.search_chunks(small.encoder.vector("tren hotel 120 euros dieta"), 101)
    assert {snapshot.by_id[name].path for name, _ in copies} == {"gastos.md", *(f"copia{n}.md" for n in range(100))}
    assert len({round(score, 5) for _, score in copies}) == 1
    assert small.paths_of("distinto número 57 palabra57") == ["otra57.md"]
    assert len(snapshot.search_units(small.encoder.vector("hotel"), 9999)) == snapshot.manifest.units
    vectors = snapshot.unit_vectors([copies[0][0], copies[-1][0]])
    assert np.array_equal(vectors[copies[0][0]], vectors[copies[-1][0]])


def test_search_is_exact_at_the_size_of_a_handbook(tmp_path: Path) -> None:
    random = np.random.default_rng(7)
    topics = random.normal(size=(40, 128))
    vectors = topics[random.integers(0, 40, 3000)] + 0.6 * random.normal(size=(3000, 128))
    queries = topics[random.integers(0, 40, 50)] + 0.6 * random.normal(size=(50, 128))
    vectors, queries = (
        (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype("f4") for rows in (vectors, queries)
    )
    with closing(open_folder(tmp_path)) as client:
        collection = client.create("vectors", hnsw=HNSW_TIERS[0], records=3000)
        list(collection.write([Record(str(n), "text", {"n": n}) for n in range(3000)], vectors))
        for query in queries:
            exact = np.argsort(-(vectors @ query), kind="stable")[:20]
            assert {name for name, _ in collection.search(query, 20)} == {str(n) for n in exact}


def test_a_new_version_is_noticed_and_the_old_snapshot_goes_on(either: SmallIndex) -> None:
    either.ingest()
    reader = either.reader()
    old = reader.current()
    assert reader.current() is old
    either.write(gastos=EXPENSES.replace("120", "135"))
    either.ingest()
    new = reader.current()
    assert new.version != old.version
    query = either.encoder.vector("hotel 120 euros")
    assert any("120" in old.by_id[name].text for name, _ in old.search_chunks(query, 9))
    assert not any("120" in new.by_id[name].text for name, _ in new.search_chunks(query, 9))
    assert old.unit_vectors([old.chunks[0].id])


def test_an_unchanged_ingest_does_not_reopen(small: SmallIndex) -> None:
    small.ingest()
    reader = small.reader()
    opened = reader.current()
    small.ingest()
    assert reader.current() is opened


@pytest.mark.slow
def test_threads_read_while_versions_change(small: SmallIndex) -> None:
    small.ingest()
    reader, query = small.reader(), small.encoder.vector("hotel euros")
    stop, failures, seen = threading.Event(), [], set()

    def read() -> None:
        while not stop.is_set():
            snapshot = reader.current()
            paths = {snapshot.by_id[name].path for name, _ in snapshot.search_chunks(query, 2)}
            units = {snapshot.by_id[name].path for name, _, _ in snapshot.search_units(query, 2)}
            seen.add(snapshot.version)
            if "gastos.md" not in paths & units:
                failures.append((snapshot.version, paths, units))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        versions = set()
        for number in range(5):
            small.write(index=f"# Manual\n\nEdición {number}.\n")
            versions.add(small.ingest().version)
            time.sleep(0.1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(seen & versions) >= 2


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files through /proc")
def test_a_snapshot_that_nobody_holds_lets_go_of_its_files(small: SmallIndex) -> None:
    small.ingest()
    reader = small.reader()
    reader.current().search_chunks(small.encoder.vector("hotel"), 1)
    first = reader.current().version
    small.write(index="# Manual\n\nOtra.\n")
    small.ingest()
    reader.current()
    gc.collect()
    assert not any(f"versions/{first}/" in target for target in open_files())


def open_files() -> list[str]:
    links = Path("/proc/self/fd").iterdir()
    return [str(link.readlink()) for link in links if link.is_symlink()]


@pytest.mark.parametrize("pages", [1, 3])
def test_reading_leaves_nothing_to_repair(tmp_path: Path, pages: int) -> None:
    small = SmallIndex(tmp_path)
    small.write(**{f"p{n}": f"# Página {n}\n\nSolo una frase {n}.\n" for n in range(pages)})
    small.ingest()
    for _ in range(2):
        small.paths_of("frase")
        assert not small.ingest().changed_index
    assert len(small.versions()) == 1


def test_no_index_names_the_command(small: SmallIndex) -> None:
    with pytest.raises(IndexUnavailableError, match="build it with `faro ingest`"):
        small.snapshot()


@pytest.mark.parametrize(
    "encoder",
    [WordEncoder(name="other", fingerprint="0" * 64), WordEncoder(name="other", dimensions=64)],
    ids=["fingerprint", "dimensions"],
)
def test_another_encoder_is_a_mismatch_that_names_both(either: SmallIndex, encoder: WordEncoder) -> None:
    either.ingest()
    either.encoder = encoder
    with pytest.raises(IndexMismatchError, match=r"words .* other .*`faro ingest`"):
        either.snapshot()
    either.ingest()
    assert either.snapshot().chunks


@pytest.mark.parametrize(("field", "value"), [("schema", "0-old"), ("chromadb", "0.4.1")])
def test_another_layout_or_chroma_is_a_mismatch(small: SmallIndex, field: str, value: str) -> None:
    version = small.ingest().version
    manifest = small.index / "versions" / version / "manifest.json"
    data = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps({**data, field: value}), encoding="utf-8")
    with pytest.raises(IndexMismatchError, match=f"{value}.*`faro ingest`"):
        small.snapshot()


def overwrite(name: str) -> Callable[[Path], None]:
    def damage(version: Path) -> None:
        for file in version.rglob(name):
            file.write_bytes(bytes(range(256)) * (file.stat().st_size // 256 + 1))

    return damage


def cut(name: str) -> Callable[[Path], None]:
    def damage(version: Path) -> None:
        for file in version.rglob(name):
            os.truncate(file, file.stat().st_size // 2)

    return damage


DAMAGES: dict[str, Callable[[Path], None]] = {
    "version lost": shutil.rmtree,
    "manifest lost": lambda version: (version / "manifest.json").unlink(),
    "manifest empty": lambda version: (version / "manifest.json").write_text(""),
    "manifest a list": lambda version: (version / "manifest.json").write_text("[]"),
    "graph overwritten": overwrite("data_level0.bin"),
    "graph cut": cut("data_level0.bin"),
    "header overwritten": overwrite("header.bin"),
    "ids overwritten": overwrite("index_metadata.pickle"),
    "ids lost": lambda version: [file.unlink() for file in version.rglob("index_metadata.pickle")],
    "database cut": cut("chroma.sqlite3"),
    "database overwritten": overwrite("chroma.sqlite3"),
    "pointer empty": lambda version: (version.parent.parent / "CURRENT").write_text(""),
    "pointer climbing": lambda version: (version.parent.parent / "CURRENT").write_text("../../x\n"),
    "pointer binary": lambda version: (version.parent.parent / "CURRENT").write_bytes(b"\xff\xfe"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_an_error_that_names_the_command(small: SmallIndex, damage: str) -> None:
    version = small.ingest().version
    DAMAGES[damage](small.index / "versions" / version)
    with pytest.raises(IndexUnavailableError, match="`faro ingest`") as caught:
        small.snapshot()
    assert len(str(caught.value).splitlines()) == 1


READ_ONLY = """
import sys
from pathlib import Path
from small_index import SmallIndex
print(*SmallIndex(Path(sys.argv[1])).paths_of("tren clase turista"))
"""


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv to give up a superuser's rights")
def test_a_read_only_index_is_read(small: SmallIndex) -> None:
    small.ingest()
    before = {path: path.stat().st_mtime_ns for path in small.index.rglob("*")}
    for path in (small.index, *small.index.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    weak = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    command = [*weak, sys.executable, "-c", READ_ONLY, str(small.root)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    for path in (small.index, *small.index.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    assert result.stdout.split() == ["gastos.md"], result.stderr
    assert {path: path.stat().st_mtime_ns for path in small.index.rglob("*")} == before


@pytest.mark.slow
def test_many_processes_open_the_same_version(small: SmallIndex) -> None:
    small.ingest()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", READ_ONLY, str(small.root)]
    readers = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [reader.communicate(timeout=60)[0].split() for reader in readers] == [["gastos.md"]] * 3


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9", "not an address", "ftp://127.0.0.1", "http://127.0.0.1:99999999"]
)
def test_an_unreachable_server_is_named(small: SmallIndex, url: str) -> None:
    reader = IndexReader(small.index, small.encoder, chroma_url=url)
    with pytest.raises(IndexUnavailableError, match=f"FARO_CHROMA_URL={url}"):
        reader.current()


@pytest.mark.slow
def test_a_server_without_an_index_names_the_command(small: SmallIndex, server: ChromaServer) -> None:
    small.options["chroma_url"] = server.url
    with pytest.raises(IndexUnavailableError, match=f"no index in {server.url}; build it with `faro ingest`"):
        small.snapshot()


@pytest.mark.slow
def test_a_server_that_goes_and_comes_back(small: SmallIndex, server: ChromaServer) -> None:
    small.options["chroma_url"] = server.url
    small.ingest()
    reader = small.reader()
    snapshot = reader.current()
    server.stop()
    for attempt in (reader.current, lambda: snapshot.search_chunks(small.encoder.vector("hotel"), 1)):
        with pytest.raises(IndexUnavailableError, match=f"FARO_CHROMA_URL={server.url}"):
            attempt()
    server.start()
    assert reader.current().version == snapshot.version
    assert reader.current().search_chunks(small.encoder.vector("hotel"), 1)


@pytest.mark.slow
def test_a_server_that_hangs_is_not_waited_for(server: ChromaServer) -> None:
    with closing(connect(server.url, timeout_seconds=0.5)) as client:
        assert client.names() == set()
        server.freeze()
        with pytest.raises(IndexUnavailableError, match=f"FARO_CHROMA_URL={server.url}"):
            client.names()
        with pytest.raises(IndexUnavailableError, match=f"no Chroma server answers at {server.url}"):
            connect(server.url, timeout_seconds=0.5)


@pytest.mark.slow
def test_a_server_keeps_two_versions_and_repeats_nothing(small: SmallIndex, server: ChromaServer) -> None:
    small.options["chroma_url"] = server.url
    reports = []
    for number in range(4):
        small.write(index=f"# Manual\n\nEdición {number}.\n")
        reports.append(small.ingest())
    assert not small.ingest().changed_index
    import chromadb

    port = int(server.url.rsplit(":", 1)[1])
    with closing(chromadb.HttpClient(host="127.0.0.1", port=port)) as client:
        names = {collection.name for collection in client.list_collections()}
    kept = {f"faro-{report.version}-{kind}" for report in reports[-2:] for kind in ("passages", "units")}
    assert names == {"faro-current", *kept}
    assert not (small.index / "versions").exists()


@pytest.mark.slow
def test_a_server_that_was_emptied_is_filled_again(small: SmallIndex, server: ChromaServer, tmp_path: Path) -> None:
    small.options["chroma_url"] = server.url
    version = small.ingest().version
    reader = small.reader()
    reader.current()
    server.stop()
    shutil.rmtree(tmp_path / "server")
    server.start()
    with pytest.raises(IndexUnavailableError):
        reader.current()
    assert small.ingest().embedded == 0
    assert small.snapshot().version == version
