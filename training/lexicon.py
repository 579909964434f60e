"""The bilingual lexicon: which Spanish stems an English stem is translated by, and how often."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from rag.analysis import english_stem, fold, spanish_stem, words
from rag.lexicon import LEXICON_FILE
from training.alignment import Ids, both_ways, ibm1
from training.corpus import Pair

FLOOR = 0.02
LIMIT = 8
LONGEST = 30
MIN_COUNT = 2


class Numbering:
    """Numbers for stems, from 1 on, in the order they are met."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def ids(self, stems: Iterable[str]) -> Ids:
        """The number of each stem; new ones get the next."""
        numbers = self.numbers
        return np.fromiter((numbers.setdefault(stem, len(numbers) + 1) for stem in stems), np.int32)


def learn_lexicon(pairs: Sequence[Pair], dictionary: Sequence[tuple[str, str]]) -> list[tuple[str, str, float]]:
    """(English stem, Spanish stem, probability of the Spanish one) from alignments, likeliest first for each stem.

    Six iterations of IBM Model 1 each way over Snowball stems of accent-folded words; a probability is the geometric
    mean of both ways, scaled to sum to one, which drops the words that merely stand nearby. Segments of over
    ``LONGEST`` words are left out, and a dictionary's entries count as segments. At most ``LIMIT`` translations of
    probability ``FLOOR`` or more are kept for a stem.
    """
    english, spanish = Numbering(), Numbering()
    left: list[Ids] = []
    right: list[Ids] = []
    for en, es in [*((pair.en, pair.es) for pair in pairs), *dictionary]:
        stems_en, stems_es = _english(en), _spanish(es)
        if 0 < len(stems_en) <= LONGEST and 0 < len(stems_es) <= LONGEST:
            left.append(english.ids(stems_en))
            right.append(spanish.ids(stems_es))
    if not left:
        return []
    counts = np.bincount(np.concatenate(left))
    names_en, names_es = ["", *english.numbers], ["", *spanish.numbers]
    rows: list[tuple[str, str, float]] = []
    table = both_ways(ibm1(left, right), ibm1(right, left), np.bincount(np.concatenate(right)))
    for source, targets, shares in table.best(LIMIT, FLOOR):
        if counts[source] >= MIN_COUNT and not names_en[source].isdigit():
            rows += [(names_en[source], names_es[t], float(p)) for t, p in zip(targets, shares, strict=True)]
    return sorted(rows, key=lambda row: (row[0], -row[2], row[1]))


def write_lexicon(rows: Iterable[tuple[str, str, float]], folder: Path) -> None:
    """Write the rows as ``lexicon.tsv``, three decimals a probability."""
    lines = (f"{english}\t{spanish}\t{probability:.3f}\n" for english, spanish, probability in rows)
    (folder / LEXICON_FILE).write_text("".join(lines), encoding="utf-8")


def _english(text: str) -> list[str]:
    return [english_stem(fold(word)) for word in words(text)]


def _spanish(text: str) -> list[str]:
    return [spanish_stem(fold(word)) for word in words(text)]
