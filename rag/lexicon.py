"""The English-to-Spanish lexicon that comes with the encoder: stems with translation probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.analysis import english_stem as stem_english
from rag.analysis import spanish_stem as stem_spanish
from rag.errors import EncoderError

LEXICON_FILE = "lexicon.tsv"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """``translations[english stem]`` are (Spanish stem of the accent-folded word, probability), likeliest first.

    ``spanish[stem]`` is the probability of the likeliest pair that a Spanish stem takes part in.
    """

    translations: Mapping[str, tuple[tuple[str, float], ...]]
    spanish: Mapping[str, float]

    def translate(self, english_stem: str) -> tuple[tuple[str, float], ...]:
        """Spanish stems for an English one; empty if it is unknown."""
        return self.translations.get(english_stem, ())

    def leaning(self, word: str) -> float:
        """How Spanish (positive, at most 1) or English (negative, at least -1) an accent-folded word is."""
        english = self.translate(stem_english(word))
        return self.spanish.get(stem_spanish(word), 0.0) - (english[0][1] if english else 0.0)


def load_lexicon(folder: Path) -> Lexicon:
    """Read ``lexicon.tsv`` of the encoder's folder; an empty lexicon if it has none.

    Raises EncoderError when a line is not (English stem, Spanish stem, probability).
    """
    file = folder / LEXICON_FILE
    if not file.is_file():
        return Lexicon({}, {})
    translations: dict[str, list[tuple[str, float]]] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            english, spanish, probability = line.split("\t")
            translations.setdefault(english, []).append((spanish, float(probability)))
        except ValueError as error:
            raise EncoderError(f"{file}:{number}: expected two stems and a probability; restore the file") from error
    return make_lexicon(translations)


def make_lexicon(translations: Mapping[str, Sequence[tuple[str, float]]]) -> Lexicon:
    """A lexicon of (Spanish stem, probability) pairs by English stem."""
    spanish: dict[str, float] = {}
    for pairs in translations.values():
        for stem, probability in pairs:
            spanish[stem] = max(probability, spanish.get(stem, 0.0))
    return Lexicon({english: _by_probability(pairs) for english, pairs in translations.items()}, spanish)


def _by_probability(pairs: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(pairs, key=lambda pair: -pair[1]))
