"""Batches of token identifiers: texts of like length together, cut by a budget of tokens."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor

from rag.types import embedding_text
from training.corpus import Pair, Section, passages
from training.network import Encoder
from training.texts import headings

Item = TypeVar("Item")

WORDS_A_SENTENCE = 16


@dataclass(frozen=True, slots=True)
class Padded:
    """Token identifiers and their mask, both of shape (texts, longest text)."""

    ids: Tensor
    mask: Tensor

    @property
    def tokens(self) -> int:
        """Places in the batch, padding included: what it costs."""
        return self.ids.numel()


def pad(encoded: Sequence[Sequence[int]]) -> Padded:
    """Pad lists of identifiers to the longest."""
    longest = max(map(len, encoded))
    ids = torch.zeros(len(encoded), longest, dtype=torch.long)
    mask = torch.zeros(len(encoded), longest, dtype=torch.long)
    for row, tokens in enumerate(encoded):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
    return Padded(ids, mask)


@dataclass(frozen=True, slots=True)
class Parts:
    """A batch padded in parts of like length, so that short texts do not pay for long ones."""

    parts: tuple[Padded, ...]
    order: Tensor

    @classmethod
    def of(cls, encoded: Sequence[Sequence[int]], parts: int = 3) -> Parts:
        """Cut the texts, sorted by length, into ``parts`` of about as many texts each."""
        order = sorted(range(len(encoded)), key=lambda row: len(encoded[row]))
        size = -(-len(order) // parts)
        cuts = [order[start : start + size] for start in range(0, len(order), size)]
        places = torch.empty(len(order), dtype=torch.long)
        places[torch.tensor(order)] = torch.arange(len(order))
        return cls(tuple(pad([encoded[row] for row in cut]) for cut in cuts), places)

    @property
    def tokens(self) -> int:
        """Places in the batch, padding included."""
        return sum(part.tokens for part in self.parts)

    def vectors(self, encoder: Encoder) -> Tensor:
        """Unit vectors of the texts in their own order, shape (texts, dimensions)."""
        return torch.cat([encoder(part.ids, part.mask) for part in self.parts])[self.order]


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token identifiers of each text, special tokens included, cut at the tokenizer's limit."""
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]


def load_tokenizer(folder: Path, max_tokens: int) -> Tokenizer:
    """The tokenizer of an encoder's folder, without padding, cut at ``max_tokens``."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def by_length(items: Sequence[Item], size: Callable[[Item], int], budget: int, rng: random.Random) -> list[list[Item]]:
    """Group items of like size into batches of at most ``budget`` padded tokens, batches in random order.

    A batch of one item is dropped: it has nothing to be told apart from.
    """
    ordered = sorted(items, key=lambda item: (size(item), rng.random()))
    batches: list[list[Item]] = []
    current: list[Item] = []
    for item in ordered:
        if current and (len(current) + 1) * size(item) > budget:
            batches.append(current)
            current = []
        current.append(item)
    batches.append(current)
    batches = [batch for batch in batches if len(batch) > 1]
    rng.shuffle(batches)
    return batches


SHARES = {"words": 0.1, "written": 0.22, "prose": 0.45}
"""Shares of the draws by kind of pair; what is left goes to every other kind. A draw is of 100 to 200 words."""


class PairSampler:
    """Draws pools of (English, Spanish) texts: words, sentences, runs of neighbouring sentences, and whole sections.

    Kinds have the shares of ``SHARES``. Within a kind, sources are drawn in proportion to the square root of their
    size, so that the largest do not drown the rest.
    """

    def __init__(self, pairs: Sequence[Pair], sections: Sequence[Section], seed: int, passage_share: float) -> None:
        self._kinds: dict[str, dict[str, list[Pair]]] = {}
        for pair in pairs:
            kind = pair.kind if pair.kind in SHARES else "other"
            self._kinds.setdefault(kind, {}).setdefault(pair.source, []).append(pair)
        self._sections = list(sections)
        self._passage_share = passage_share
        self._seed = seed

    def pool(self, number: int, size: int) -> list[tuple[str, str]]:
        """Pool ``number`` of about ``size`` sentences' worth of texts, the same whenever it is asked for."""
        rng = random.Random(f"{self._seed}/{number}")
        kinds = sorted(self._kinds)
        shares = [SHARES.get(kind, 1 - sum(SHARES.values())) for kind in kinds]
        texts: list[tuple[str, str]] = []
        words = 0
        while words < size * WORDS_A_SENTENCE:
            drawn = self._draw(rng.choices(kinds, shares)[0], rng)
            texts += drawn
            words += sum(len(spanish.split()) + 1 for _, spanish in drawn)
        return texts

    def _draw(self, kind: str, rng: random.Random) -> list[tuple[str, str]]:
        """A hundred or two words of one kind."""
        sources = self._kinds[kind]
        names = sorted(sources)
        pairs = sources[rng.choices(names, [len(sources[name]) ** 0.5 for name in names])[0]]
        if kind == "words":
            return [(pair.en, pair.es) for pair in rng.sample(pairs, min(50, len(pairs)))]
        if kind == "written" or rng.random() >= self._passage_share:
            return [(pair.en, pair.es) for pair in rng.sample(pairs, min(8, len(pairs)))]
        if kind == "other" and self._sections and rng.random() < 0.5:
            return [_section_text(rng.choice(self._sections), rng)]
        longest = rng.randint(25, 140)
        start = rng.randrange(len(pairs))
        runs = passages(pairs[start : start + 20], longest // 2, longest)
        return [(run.en, run.es) for run in islice(runs, 2)]


def _section_text(section: Section, rng: random.Random) -> tuple[str, str]:
    """A section with its headings, with the last of them, or alone, both languages cut at the same share."""
    style = rng.random()
    share = min(1.0, rng.choice((60, 100, 150)) / max(1, len(section.body_es.split())))
    texts = []
    for heading, body in ((section.heading_en, section.body_en), (section.heading_es, section.body_es)):
        words = body.split()
        cut = body if share == 1 else " ".join(words[: max(1, round(share * len(words)))])
        all_of_them = headings(heading)
        shown = all_of_them if style < 0.4 else all_of_them[-1:] if style < 0.7 else ()
        texts.append(embedding_text(shown, cut))
    return texts[0], texts[1]
