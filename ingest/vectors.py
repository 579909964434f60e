"""A cache of vectors by content: a text is embedded once, however often the index is rebuilt."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from rag.errors import EncoderError

Vectors = NDArray[np.float32]

_BATCH_TEXTS = 64
_LOOKUP_KEYS = 500
"""Under the 999 variables that an old SQLite takes in one statement."""
_KEPT_GENERATIONS = 2
"""The index's version and the one before it."""
_BUSY_SECONDS = 30.0

_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
  encoder TEXT NOT NULL, text BLOB NOT NULL, vector BLOB NOT NULL, checksum INTEGER NOT NULL,
  generation INTEGER NOT NULL, PRIMARY KEY (encoder, text)
) WITHOUT ROWID
"""


class PassageEncoder(Protocol):
    """What the cache asks of an encoder."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def dimensions(self) -> int: ...
    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of shape (len(texts), dimensions)."""


class VectorCache:
    """Vectors in a SQLite file, by the encoder's fingerprint and the SHA-256 of the text. Use as a context manager.

    A file that SQLite cannot read is set aside and begun anew: nothing is lost but time. ``problems`` says so.
    """

    def __init__(self, file: Path, encoder: PassageEncoder) -> None:
        """Open or create ``file``. Raises OSError or sqlite3.OperationalError where it cannot be written."""
        self.problems: list[str] = []
        self._file = file
        self._encoder = encoder
        self._database = self._open_or_replace()
        self._generation = int(self._database.execute("PRAGMA user_version").fetchone()[0]) + 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def embed(self, texts: Iterable[str], progress: Callable[[int, int], None]) -> tuple[dict[str, Vectors], int]:
        """The L2-normalised vector of each text, and how many texts the encoder had to embed for it.

        ``progress`` gets (done, total) of the texts to embed after each batch; what is done survives a kill.
        Raises EncoderError when the encoder returns something else than finite vectors of its dimensions.
        """
        unique = list(dict.fromkeys(texts))
        vectors = self._known(unique)
        missing = sorted((text for text in unique if text not in vectors), key=len)
        progress(0, len(missing))
        for start in range(0, len(missing), _BATCH_TEXTS):
            batch = missing[start : start + _BATCH_TEXTS]
            found = dict(zip(batch, self._encode(batch), strict=True))
            self._store(found)
            vectors.update(found)
            progress(start + len(batch), len(missing))
        return vectors, len(missing)

    def prune(self, used: Iterable[str]) -> None:
        """Begin a generation whose texts are ``used``; drop other encoders' vectors and those two generations old."""
        keys = [(self._generation, self._encoder.fingerprint, _key(text)) for text in set(used)]
        with self._database:
            self._database.executemany("UPDATE vectors SET generation = ? WHERE encoder = ? AND text = ?", keys)
            self._database.execute(
                "DELETE FROM vectors WHERE encoder <> ? OR generation <= ?",
                (self._encoder.fingerprint, self._generation - _KEPT_GENERATIONS),
            )
            self._database.execute(f"PRAGMA user_version = {self._generation}")

    def _open_or_replace(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.OperationalError:
            raise  # locked, full, read-only, no such folder: the file is not to blame
        except sqlite3.DatabaseError:
            aside = self._set_aside()
            self.problems.append(f"the vector cache was damaged and is rebuilt; the old file is {aside.name}")
            return self._open()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._file, timeout=_BUSY_SECONDS)
        try:
            if database.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
                raise sqlite3.DatabaseError("quick_check failed")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(_TABLE)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _set_aside(self) -> Path:
        aside = self._file.with_name(f"{self._file.name}.damaged")
        self._file.replace(aside)
        for suffix in ("-wal", "-shm"):
            self._file.with_name(f"{self._file.name}{suffix}").unlink(missing_ok=True)
        return aside

    def _known(self, texts: Sequence[str]) -> dict[str, Vectors]:
        by_key = {_key(text): text for text in texts}
        keys = list(by_key)
        found: dict[str, Vectors] = {}
        for start in range(0, len(keys), _LOOKUP_KEYS):
            found.update((by_key[key], vector) for key, vector in self._rows(keys[start : start + _LOOKUP_KEYS]))
        return found

    def _rows(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, Vectors]]:
        marks = ",".join("?" * len(keys))
        statement = f"SELECT text, vector, checksum FROM vectors WHERE encoder = ? AND text IN ({marks})"
        for key, blob, checksum in self._database.execute(statement, (self._encoder.fingerprint, *keys)):
            if len(blob) == self._encoder.dimensions * 4 and zlib.crc32(blob) == checksum:
                yield key, np.frombuffer(blob, dtype="<f4").astype(np.float32)

    def _store(self, vectors: Mapping[str, Vectors]) -> None:
        rows = []
        for text, vector in vectors.items():
            blob = vector.astype("<f4").tobytes()
            rows.append((self._encoder.fingerprint, _key(text), blob, zlib.crc32(blob), self._generation))
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?, ?)", rows)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.asarray(self._encoder.encode_passages(texts), dtype=np.float32)
        if vectors.shape != (len(texts), self._encoder.dimensions) or not np.isfinite(vectors).all():
            raise EncoderError(
                f"the encoder returned vectors of shape {vectors.shape} for {len(texts)} texts of "
                f"{self._encoder.dimensions} dimensions, or not all finite; set FARO_ENCODER to a sound model"
            )
        return _normalised(vectors)


def _normalised(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths = np.where(norms == 0, np.float32(1), norms)
    unit = (vectors / lengths).astype(np.float32)
    unit[norms[:, 0] == 0, 0] = 1  # a text without a known word: no direction is right, but cosine needs one
    return unit


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
