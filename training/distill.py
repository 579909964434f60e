"""Distillation: the student's vector of a text, in either language, moves to the teacher's vector of the English one.

Reimers and Gurevych, "Making Monolingual Sentence Embeddings Multilingual using Knowledge Distillation", 2020; with an
in-batch contrastive term (InfoNCE; van den Oord et al. 2018) besides the cosine.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from training.batches import Padded, PairSampler, by_length, encode, pad
from training.network import Encoder

TEMPERATURE = 0.04
ENGLISH_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class DistillStep:
    """Texts for the student and the teacher's vectors for them, row by row."""

    texts: Padded
    target: Tensor

    @property
    def tokens(self) -> int:
        """Places that the student reads, padding included."""
        return self.texts.tokens

    def loss(self, encoder: Encoder) -> Tensor:
        """Distance to the teacher plus the cross entropy of finding each text's own vector in the batch."""
        student = encoder(self.texts.ids, self.texts.mask)
        distance = 1 - (student * self.target).sum(1).mean()
        own = torch.arange(len(student))
        loss: Tensor = 5 * distance + functional.cross_entropy(student @ self.target.T / TEMPERATURE, own)
        return loss


@dataclass(frozen=True, slots=True)
class Distillation:
    """What distillation steps are made from; ``budget`` is the padded tokens of a batch."""

    teacher: Encoder
    teacher_tokenizer: Tokenizer
    student_tokenizer: Tokenizer
    sampler: PairSampler
    seed: int = 0
    budget: int = 4096
    pool: int = 6000

    def group(self, number: int) -> Iterator[DistillStep]:
        """The batches of pool ``number``."""
        rng = random.Random(f"{self.seed}/distill/{number}")
        for batch in self._batches(self.sampler.pool(number, self.pool), rng):
            english = pad([theirs for _, theirs in batch])
            with torch.no_grad():
                target = self.teacher(english.ids, english.mask)
            yield DistillStep(pad([mine for mine, _ in batch]), target)

    def _batches(self, texts: Sequence[tuple[str, str]], rng: random.Random) -> list[list[tuple[list[int], list[int]]]]:
        """Rows of (the student's tokens of either language, the teacher's tokens of the English text)."""
        student = encode(self.student_tokenizer, [en if rng.random() < ENGLISH_SHARE else es for en, es in texts])
        teacher = encode(self.teacher_tokenizer, [en for en, _ in texts])
        rows = list({tuple(mine): (mine, theirs) for mine, theirs in zip(student, teacher, strict=True)}.values())
        return by_length(rows, lambda row: max(len(row[0]), len(row[1])), self.budget, rng)
