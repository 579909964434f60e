"""The vector cache embeds a text once, survives damage, and forgets what no version needs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from word_encoder import WordEncoder

from ingest.vectors import VectorCache
from rag.errors import EncoderError


def embed(file: Path, encoder: WordEncoder, *texts: str) -> tuple[dict[str, np.ndarray], int, list[str]]:
    with VectorCache(file, encoder) as cache:
        vectors, embedded = cache.embed(texts, lambda done, total: None)
        return vectors, embedded, cache.problems


def stored(file: Path) -> int:
    with closing(sqlite3.connect(file)) as database:
        return int(database.execute("SELECT count(*) FROM vectors").fetchone()[0])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vectors.sqlite"


def test_a_text_is_embedded_once(file: Path) -> None:
    encoder = WordEncoder()
    first, embedded, _ = embed(file, encoder, "uno", "dos", "uno")
    again, embedded_again, _ = embed(file, encoder, "dos", "uno", "tres")
    assert (embedded, embedded_again) == (2, 1)
    assert sorted(encoder.embedded) == ["dos", "tres", "uno"]
    assert all(np.array_equal(first[text], again[text]) for text in ("uno", "dos"))


def test_the_vector_is_that_of_the_text(file: Path) -> None:
    encoder = WordEncoder()
    texts = [f"texto número {n} con {'palabras ' * n}" for n in range(150)]
    vectors, _, _ = embed(file, encoder, *texts)
    cached, embedded, _ = embed(file, encoder, *texts)
    assert embedded == 0
    for text in texts:
        assert np.allclose(vectors[text], encoder.vector(text), atol=1e-6)
        assert np.array_equal(vectors[text], cached[text])


def test_another_encoder_embeds_again(file: Path) -> None:
    embed(file, WordEncoder(), "uno")
    _, embedded, _ = embed(file, WordEncoder(fingerprint="0" * 64), "uno")
    assert embedded == 1


def test_batches_go_from_short_to_long(file: Path) -> None:
    encoder = WordEncoder()
    embed(file, encoder, *("palabra " * n for n in (90, 3, 41, 1, 200)))
    assert encoder.embedded == sorted(encoder.embedded, key=len)


def test_progress_counts_the_texts_that_are_embedded(file: Path) -> None:
    told: list[tuple[int, int]] = []
    with VectorCache(file, WordEncoder()) as cache:
        cache.embed(["ya"], lambda done, total: None)
        cache.embed(["ya", *(f"texto {n}" for n in range(100))], lambda done, total: told.append((done, total)))
    assert told == [(0, 100), (64, 100), (100, 100)]


def test_what_was_embedded_before_a_failure_is_kept(file: Path) -> None:
    class Failing(WordEncoder):
        def encode_passages(self, texts: list[str]) -> np.ndarray:
            if len(self.embedded) >= 64:
                raise EncoderError("stop")
            return super().encode_passages(texts)

    with pytest.raises(EncoderError):
        embed(file, Failing(), *(f"texto {n}" for n in range(100)))
    assert stored(file) == 64


def test_prune_keeps_two_generations(file: Path) -> None:
    encoder = WordEncoder()
    for texts in (["a", "b"], ["b", "c"], ["c", "d"]):
        with VectorCache(file, encoder) as cache:
            cache.embed(texts, lambda done, total: None)
            cache.prune(texts)
    encoder.embedded.clear()
    embed(file, encoder, "a", "b", "c", "d")
    assert encoder.embedded == ["a"]


def test_runs_that_were_killed_age_nothing(file: Path) -> None:
    encoder = WordEncoder()
    with VectorCache(file, encoder) as cache:
        cache.embed(["a"], lambda done, total: None)
        cache.prune(["a"])
    for n in range(4):
        embed(file, encoder, f"a medias {n}")
    with VectorCache(file, encoder) as cache:
        cache.prune(["b"])
    _, embedded, _ = embed(file, encoder, "a")
    assert embedded == 0


def test_prune_drops_other_encoders(file: Path) -> None:
    embed(file, WordEncoder(fingerprint="0" * 64), "a", "b")
    with VectorCache(file, WordEncoder()) as cache:
        cache.embed(["a"], lambda done, total: None)
        cache.prune(["a"])
    assert stored(file) == 1


@pytest.mark.parametrize(
    "damage",
    [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000, None],
    ids=["text", "false-header", "middle-overwritten"],
)
def test_a_damaged_file_is_set_aside_and_said(file: Path, damage: bytes | None) -> None:
    encoder = WordEncoder()
    embed(file, encoder, *(f"texto {n}" for n in range(200)))
    whole = file.read_bytes()
    file.write_bytes(damage if damage is not None else whole[:4096] + b"\x55" * (len(whole) - 4096))
    vectors, embedded, problems = embed(file, encoder, "texto 1")
    assert embedded == 1
    assert np.allclose(vectors["texto 1"], encoder.vector("texto 1"), atol=1e-6)
    assert len(problems) == 1
    assert "vectors.sqlite.damaged" in problems[0]
    assert file.with_name("vectors.sqlite.damaged").exists()
    assert embed(file, encoder, "texto 1")[1:] == (0, [])


@pytest.mark.parametrize(
    "change",
    ["vector = substr(vector, 1, 40)", "vector = zeroblob(512)", "checksum = checksum + 1"],
    ids=["short", "zeroed", "checksum"],
)
def test_a_damaged_vector_is_embedded_again(file: Path, change: str) -> None:
    encoder = WordEncoder()
    embed(file, encoder, "uno", "dos")
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"UPDATE vectors SET {change}")
    vectors, embedded, problems = embed(file, encoder, "uno", "dos")
    assert (embedded, problems) == (2, [])
    assert np.allclose(vectors["uno"], encoder.vector("uno"), atol=1e-6)


def test_a_text_without_words_has_a_vector_all_the_same(file: Path) -> None:
    vectors, _, _ = embed(file, WordEncoder(), "—", "uno")
    assert np.linalg.norm(vectors["—"]) == pytest.approx(1)


def test_vectors_are_normalised(file: Path) -> None:
    class Unnormalised(WordEncoder):
        def vector(self, text: str) -> np.ndarray:
            return super().vector(text) * 7

    vectors, _, _ = embed(file, Unnormalised(), "uno")
    assert np.linalg.norm(vectors["uno"]) == pytest.approx(1)


@pytest.mark.parametrize("wrong", [np.full(128, np.nan), np.zeros(64)], ids=["nan", "dimensions"])
def test_an_unsound_encoder_is_refused(file: Path, wrong: np.ndarray) -> None:
    class Unsound(WordEncoder):
        def vector(self, text: str) -> np.ndarray:
            return wrong

    with pytest.raises(EncoderError, match="FARO_ENCODER"):
        embed(file, Unsound(), "uno")
    assert stored(file) == 0
