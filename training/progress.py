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
from training.texts import Question, Text, corpus_texts, read_questions

logger = logging.getLogger(__name__)

DEVELOPMENT_QUESTIONS = "development-*.jsonl"
MOST_PASSAGES = 900


@dataclass(frozen=True, slots=True)
class DevelopmentSet:
    """Held-out passages and the questions about them; headings stand in where no question is written."""

    texts: tuple[Text, ...]
    questions: tuple[Question, ...]
    tokenizer: Tokenizer

    @classmethod
    def of(cls, corpus: Corpus, folder: Path, tokenizer: Tokenizer) -> DevelopmentSet:
        """Passages of the development documents, those that are asked about first.

        Raises nothing for a corpus without any: the score of an empty set is zero, and the last checkpoint wins.
        """
        texts = corpus_texts(corpus.pairs["dev"], corpus.sections["dev"])
        questions = read_questions(folder, texts, DEVELOPMENT_QUESTIONS)
        if not questions:
            questions = [Question(t.title_en, t.title_es, n) for n, t in enumerate(texts) if t.title_es]
        asked = {question.text for question in questions}
        order = sorted(range(len(texts)), key=lambda number: (number not in asked, number))[
            : max(MOST_PASSAGES, len(asked))
        ]
        place = {number: row for row, number in enumerate(order)}
        moved = tuple(Question(q.en, q.es, place[q.text]) for q in questions if q.text in place)
        return cls(tuple(texts[number] for number in order), moved, tokenizer)

    def score(self, encoder: Encoder) -> float:
        """Mean reciprocal rank of Spanish and of English questions on the Spanish passages, without headings.

        Smoother than recall at 1, of which some hundred questions give a coarse measure.
        """
        if not self.questions:
            return 0.0
        encoder.eval()
        spanish = self._vectors(encoder, [text.es for text in self.texts])
        english = self._vectors(encoder, [text.en for text in self.texts])
        ask_es = self._vectors(encoder, [question.es for question in self.questions])
        ask_en = self._vectors(encoder, [question.en for question in self.questions])
        encoder.train()
        right = np.array([question.text for question in self.questions])
        es, en, both_english = (
            _found(a, b, right) for a, b in ((ask_es, spanish), (ask_en, spanish), (ask_en, english))
        )
        logger.info("reciprocal rank: es %.3f, en %.3f, English passages %.3f", es, en, both_english)
        return (es + en) / 2

    def _vectors(self, encoder: Encoder, texts: list[str]) -> NDArray[np.float32]:
        vectors: NDArray[np.float32] = encode_texts(encoder, self.tokenizer, texts).numpy()
        return vectors


def _found(queries: NDArray[np.float32], passages: NDArray[np.float32], right: NDArray[np.int64]) -> float:
    scores = queries @ passages.T
    better = scores > scores[np.arange(len(right)), right][:, None]
    return float((1 / (1 + better.sum(axis=1))).mean())
