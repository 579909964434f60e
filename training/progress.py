"""The development score: how often a question finds its held-out passage, asked at every checkpoint."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.corpus import Corpus
from training.network import Encoder
from training.retrieval import encode_texts
from training.texts import DEVELOPMENT, WRITTEN, Question, Text, corpus_texts, read_questions, read_written

logger = logging.getLogger(__name__)

MOST_PASSAGES = 900


@dataclass(frozen=True, slots=True)
class Pool:
    """Passages searched together and the held-out questions about some of them."""

    name: str
    texts: tuple[Text, ...]
    questions: tuple[Question, ...]


def development_pools(corpus: Corpus, folder: Path) -> list[Pool]:
    """What is held out: passages of the corpus's development documents, and written documents of each kind.

    The held-out documents of a kind are searched among all of that kind, those of the training too. Pools without
    questions are left out; headings stand in for questions about the corpus where none is written.
    """
    pools = [_corpus_pool(corpus, folder)]
    for name in WRITTEN:
        texts, questions = read_written(folder / DEVELOPMENT, [name])
        others, _ = read_written(folder, [name])
        pools.append(Pool(name.split("-")[0], (*texts, *others), tuple(questions)))
    return [pool for pool in pools if pool.questions]


@dataclass(frozen=True, slots=True)
class DevelopmentSet:
    """The development score of an encoder."""

    pools: tuple[Pool, ...]
    tokenizer: Tokenizer

    @classmethod
    def of(cls, corpus: Corpus, folder: Path, tokenizer: Tokenizer) -> DevelopmentSet:
        """The pools of ``development_pools``; with none the score is zero, and the last checkpoint wins."""
        return cls(tuple(development_pools(corpus, folder)), tokenizer)

    def score(self, encoder: Encoder) -> float:
        """Mean reciprocal rank over the pools, of Spanish and of English questions on the Spanish passages.

        Passages stand without their headings. Reciprocal rank is smoother than recall at 1, of which some hundred
        questions give a coarse measure.
        """
        if not self.pools:
            return 0.0
        return float(np.mean([value for pool in self.pools for value in self._of_pool(encoder, pool)]))

    def _of_pool(self, encoder: Encoder, pool: Pool) -> tuple[float, float]:
        spanish = self._vectors(encoder, [text.es for text in pool.texts])
        english = self._vectors(encoder, [text.en for text in pool.texts])
        ask_es = self._vectors(encoder, [question.es for question in pool.questions])
        ask_en = self._vectors(encoder, [question.en for question in pool.questions])
        right = np.array([question.text for question in pool.questions])
        es, en, en_en = (_found(a, b, right) for a, b in ((ask_es, spanish), (ask_en, spanish), (ask_en, english)))
        logger.info("%s: reciprocal rank es %.3f, en %.3f, English passages %.3f", pool.name, es, en, en_en)
        return es, en

    def _vectors(self, encoder: Encoder, texts: list[str]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = encode_texts(encoder, self.tokenizer, texts).numpy()
        return vectors


def _corpus_pool(corpus: Corpus, folder: Path) -> Pool:
    texts = corpus_texts(corpus.pairs["dev"], corpus.sections["dev"])
    questions = read_questions(folder / DEVELOPMENT, texts)
    if not questions:
        questions = [Question(t.title_en, t.title_es, number) for number, t in enumerate(texts) if t.title_es]
    asked = {question.text for question in questions}
    order = sorted(range(len(texts)), key=lambda number: (number not in asked, number))[
        : max(MOST_PASSAGES, len(asked))
    ]
    place = {number: row for row, number in enumerate(order)}
    moved = tuple(Question(q.en, q.es, place[q.text]) for q in questions)
    return Pool("corpus", tuple(texts[number] for number in order), moved)


def _found(queries: NDArray[np.float32], passages: NDArray[np.float32], right: NDArray[np.int64]) -> float:
    scores = queries @ passages.T
    # Passages that are no worse come before the right one, so that vectors that are all alike find nothing.
    ahead = ~(scores < scores[np.arange(len(right)), right][:, None])
    return float((1 / ahead.sum(axis=1)).mean())
