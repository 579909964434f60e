"""Retrieval tuning: questions, headings and sentences of either language move to the passage they belong to.

The loss is InfoNCE (van den Oord et al. 2018) over the passages of the batch, which holds neighbours from the same
document. Passages that read almost like the right one are no negatives. Harder negatives, mined from a bank of all
passages, were tried and gave less on the development questions: many of them answer the question as well.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from training.batches import Parts, encode, pad
from training.corpus import sentences
from training.network import Encoder
from training.texts import Question, Text

TEMPERATURE = 0.05
TWIN = 0.9
"""Cosine between passages from which on they count as saying the same."""
PASSAGE_ENGLISH = 0.15


def encode_texts(encoder: Encoder, tokenizer: Tokenizer, texts: Sequence[str], batch: int = 32) -> Tensor:
    """Unit vectors of ``texts``, shape (texts, dimensions), without gradients."""
    encoded = encode(tokenizer, texts)
    order = sorted(range(len(encoded)), key=lambda number: len(encoded[number]))
    vectors = torch.zeros(len(encoded), encoder.positions.shape[1])
    with torch.no_grad():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            padded = pad([encoded[row] for row in rows])
            vectors[rows] = encoder(padded.ids, padded.mask)
    return vectors


@dataclass(frozen=True, slots=True)
class RetrievalStep:
    """Queries, the passages of the batch, and ``answer``: the row of the passage that answers each query."""

    queries: Parts
    passages: Parts
    answer: Tensor

    @property
    def tokens(self) -> int:
        """Places that the encoder reads, padding included."""
        return self.queries.tokens + self.passages.tokens

    def loss(self, encoder: Encoder) -> Tensor:
        """Cross entropy of the right passage among those of the batch that do not say the same."""
        query = self.queries.vectors(encoder)
        passage = self.passages.vectors(encoder)
        fixed = passage.detach()
        twins = fixed @ fixed.T > TWIN
        twins.fill_diagonal_(False)
        scores = (query @ passage.T / TEMPERATURE).masked_fill(twins[self.answer], -1e4)
        return functional.cross_entropy(scores, self.answer)


class RetrievalTuning:
    """Makes retrieval steps; a share of the passages of each batch are asked the questions written for them."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        texts: Sequence[Text],
        questions: Sequence[Question],
        seed: int = 0,
        question_share: float = 0.6,
        passages: int = 28,
        steps_a_group: int = 50,
    ) -> None:
        self.tokenizer = tokenizer
        self.texts = texts
        self.seed = seed
        self.question_share = question_share
        self.passages = passages
        self.steps_a_group = steps_a_group
        self._asked: dict[int, list[Question]] = defaultdict(list)
        for question in questions:
            self._asked[question.text].append(question)
        self._documents: dict[str, list[int]] = defaultdict(list)
        for number, text in enumerate(texts):
            self._documents[text.document].append(number)

    def group(self, number: int) -> Iterator[RetrievalStep]:
        """The batches of group ``number``."""
        rng = random.Random(f"{self.seed}/retrieval/{number}")
        for _ in range(self.steps_a_group):
            yield self._step(rng)

    def _step(self, rng: random.Random) -> RetrievalStep:
        chosen = self._choose(rng)
        language = "en" if rng.random() < PASSAGE_ENGLISH else "es"
        queries: list[str] = []
        answer: list[int] = []
        passages: list[str] = []
        for row, number in enumerate(chosen):
            text = self.texts[number]
            mine, kept = self._queries(text, self._asked.get(number, ()), language, rng)
            queries += mine
            answer += [row] * len(mine)
            passages.append(kept)
        return RetrievalStep(
            Parts.of(encode(self.tokenizer, queries)),
            Parts.of(encode(self.tokenizer, passages)),
            torch.tensor(answer),
        )

    def _choose(self, rng: random.Random) -> list[int]:
        """Texts for a batch: questioned ones and others, each with up to two neighbours of its document."""
        with_questions = list(self._asked)
        chosen: dict[int, None] = {}
        while len(chosen) < self.passages:
            if with_questions and rng.random() < self.question_share:
                number = rng.choice(with_questions)
            else:
                number = rng.randrange(len(self.texts))
            chosen[number] = None
            neighbours = self._documents[self.texts[number].document]
            for other in rng.sample(neighbours, min(2, len(neighbours))):
                chosen[other] = None
            if len(chosen) >= len(self.texts):
                break
        return list(chosen)[: self.passages]

    @staticmethod
    def _queries(text: Text, questions: Sequence[Question], language: str, rng: random.Random) -> tuple[list[str], str]:
        """Queries for a text, the same ones in both languages where they exist, and the text to find."""
        queries: list[str] = []
        for question in rng.sample(list(questions), min(2, len(questions))):
            queries += [question.es, question.en]
        passage = text.titled(language) if rng.random() < 0.7 else text.es if language == "es" else text.en
        if queries:
            return queries, passage
        title_es, title_en = text.title_es, text.title_en
        if title_es and rng.random() < 0.5:
            if rng.random() < 0.5:
                title_es, title_en = title_es.split("›")[-1].strip(), title_en.split("›")[-1].strip()
            return [title_es, title_en], text.es if language == "es" else text.en
        return [_span(text.es, rng), _span(text.en, rng)], passage


_CLAUSE = re.compile(r"(?<=[,;:])\s+")


def _span(body: str, rng: random.Random) -> str:
    """A part of a text to ask with: a sentence or a clause of it, sometimes with words left out."""
    parts = [part for part in sentences(body) if 4 <= len(part.split()) <= 40] or [body]
    part = rng.choice(parts)
    if rng.random() < 0.4:
        clauses = [clause for clause in _CLAUSE.split(part) if len(clause.split()) >= 4] or [part]
        part = rng.choice(clauses)
    if rng.random() < 0.5:
        part = " ".join(word for word in part.split() if rng.random() < 0.7) or part
    return part
