"""Read a parallel corpus and split it by document: pairs of segments, aligned sections, word pairs."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from rag.errors import FaroError

Split = Literal["train", "dev", "test"]

_BLOCK = 50
_SHARES = 40
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+")
_NOT_WORD = re.compile(r"[\W_]+")

# Mostly machine-translated sources that would drown the rest: at most this many pairs of each.
CAPS = {"ms_teams_skype": 70_000, "ms_o365_seccomp": 25_000}


class CorpusError(FaroError):
    """The corpus folder cannot be used as it is."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One segment in both languages; ``block`` names the run of neighbouring lines it came from."""

    source: str
    kind: str
    block: int
    en: str
    es: str


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a document in both languages; a heading is the page title and the section's own."""

    source: str
    path: str
    heading_en: str
    heading_es: str
    body_en: str
    body_es: str


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus already split: no held-out document, section or pair is itself in the training part.

    Pairs and sections are split apart from each other, though some come from the same documents: a held-out sentence
    may stand inside a section of the training. Who measures leaves such sentences out.
    """

    pairs: dict[Split, list[Pair]]
    sections: dict[Split, list[Section]]
    words: list[tuple[str, str]]


def read_corpus(folder: Path) -> Corpus:
    """Read ``pairs.tsv.gz``, ``sections.tsv.gz`` and ``words.tsv.gz`` and split them by document.

    Pairs carry no document, so runs of fifty consecutive lines of one source stand for one. One block or document in
    forty is for development and one for the final test. Training pairs and sections whose text in either language
    also occurs in a held-out part are dropped.

    Raises:
        CorpusError: when a file is missing or a line has not the columns it should have.
    """
    pairs: dict[Split, list[Pair]] = {"train": [], "dev": [], "test": []}
    for pair in _read_pairs(folder / "pairs.tsv.gz"):
        pairs[split_of(f"{pair.source}#{pair.block}")].append(pair)
    sections: dict[Split, list[Section]] = {"train": [], "dev": [], "test": []}
    for section in _read_sections(folder / "sections.tsv.gz"):
        sections[split_of(f"{section.source}/{section.path}")].append(section)
    held_out = set(_held_out_keys(pairs, sections))
    train_pairs = [p for p in pairs["train"] if text_key(p.en) not in held_out and text_key(p.es) not in held_out]
    train_sections = [
        s for s in sections["train"] if text_key(s.body_en) not in held_out and text_key(s.body_es) not in held_out
    ]
    return Corpus(
        pairs={**pairs, "train": list(capped(train_pairs))},
        sections={**sections, "train": train_sections},
        words=list(_read_words(folder / "words.tsv.gz")),
    )


def split_of(document: str) -> Split:
    """The part a document belongs to, the same on every machine: 38 in 40 train, one development, one test."""
    share = int.from_bytes(hashlib.sha256(document.encode()).digest()[:4], "big") % _SHARES
    return "dev" if share == 0 else "test" if share == 1 else "train"


def text_key(text: str) -> str:
    """What makes two texts the same for the split: their words, without case and punctuation."""
    return _NOT_WORD.sub(" ", text.lower()).strip()


def passages(pairs: Iterable[Pair], min_words: int = 60, max_words: int = 150) -> Iterator[Pair]:
    """Neighbouring pairs joined into passages of about ``min_words`` to ``max_words`` Spanish words.

    A passage never crosses the end of a block; what is left over at its end is dropped.
    """
    for (source, block), group in groupby(pairs, key=lambda p: (p.source, p.block)):
        english: list[str] = []
        spanish: list[str] = []
        size = 0
        for pair in group:
            length = len(pair.es.split())
            if size + length > max_words:
                if size >= min_words:
                    yield Pair(source, "passage", block, " ".join(english), " ".join(spanish))
                english, spanish, size = [], [], 0
            english.append(pair.en)
            spanish.append(pair.es)
            size += length
        if size >= min_words:
            yield Pair(source, "passage", block, " ".join(english), " ".join(spanish))


def passage_id(spanish: str) -> str:
    """A name for a passage that anyone with the same corpus finds again: sixteen hex digits of its Spanish text."""
    return hashlib.sha256(spanish.encode()).hexdigest()[:16]


def capped(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The pairs, with whole blocks of the sources in ``CAPS`` left out evenly until each fits its cap."""
    listed = list(pairs)
    sizes: dict[str, int] = {}
    for pair in listed:
        sizes[pair.source] = sizes.get(pair.source, 0) + 1
    for pair in listed:
        cap = CAPS.get(pair.source)
        if cap is None or sizes[pair.source] <= cap or _kept(pair, cap / sizes[pair.source]):
            yield pair


def sentences(text: str) -> list[str]:
    """A rough split into sentences, good enough to compare texts and to take queries from."""
    return [part for part in _SENTENCE_END.split(text) if part]


def _kept(pair: Pair, share: float) -> bool:
    digest = hashlib.sha256(f"cap {pair.source}#{pair.block}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def _held_out_keys(pairs: dict[Split, list[Pair]], sections: dict[Split, list[Section]]) -> Iterator[str]:
    """Keys of every held-out text; short ones (labels, menu entries) recur everywhere and are not counted."""
    for split in ("dev", "test"):
        for pair in pairs[split]:
            yield from (key for key in (text_key(pair.en), text_key(pair.es)) if len(key) > 25)
        for section in sections[split]:
            for body in (section.body_en, section.body_es):
                yield text_key(body)
                yield from (key for key in map(text_key, sentences(body)) if len(key) > 25)


def _read_pairs(path: Path) -> Iterator[Pair]:
    seen: dict[str, int] = {}
    for source, kind, english, spanish in _rows(path, 4):
        line = seen.get(source, 0)
        seen[source] = line + 1
        yield Pair(source, kind, line // _BLOCK, english, spanish)


def _read_sections(path: Path) -> Iterator[Section]:
    for row in _rows(path, 6):
        yield Section(*row)


def _read_words(path: Path) -> Iterator[tuple[str, str]]:
    for row in _rows(path, 2):
        yield row[0], row[1]


def _rows(path: Path, columns: int) -> Iterator[list[str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, start=1):
                row = line.rstrip("\n").split("\t")
                if len(row) != columns:
                    raise CorpusError(f"{path}, line {number}: {columns} columns separated by tabs expected.")
                yield row
    except FileNotFoundError:
        raise CorpusError(f"{path} is missing: name a folder with a parallel corpus.") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read: {error}.") from error
