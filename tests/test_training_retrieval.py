"""Retrieval tuning: what counts as a negative, and what a batch is made of."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
import torch
from tiny_corpus import TEXTS, question_about, train_texts
from tiny_corpus import one_thread as one_thread
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from training.batches import Parts, encode
from training.corpus import Corpus
from training.network import Encoder
from training.retrieval import TEMPERATURE, TWIN, RetrievalStep, RetrievalTuning, encode_texts
from training.texts import Question, Text


@pytest.fixture(scope="module")
def tokenizer(teacher_folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(teacher_folder / "tokenizer.json"))
    tokenizer.enable_truncation(64)
    return tokenizer


@pytest.fixture(scope="module")
def texts(corpus: Corpus) -> list[Text]:
    return train_texts(corpus)


@pytest.fixture
def tuning(tokenizer: Tokenizer, texts: list[Text]) -> RetrievalTuning:
    asked = [Question(**question_about(text), text=number) for number, text in enumerate(texts[:20])]
    return RetrievalTuning(tokenizer, texts, asked, passages=8, steps_a_group=20)


def step(tokenizer: Tokenizer, passages: Sequence[str]) -> RetrievalStep:
    """One query for each passage, its first half."""
    queries = [passage[: len(passage) // 2] for passage in passages]
    return RetrievalStep(
        Parts.of(encode(tokenizer, queries)), Parts.of(encode(tokenizer, passages)), torch.arange(len(passages))
    )


def test_vectors_of_texts_come_in_their_order_and_without_gradients(encoder: Encoder, tokenizer: Tokenizer) -> None:
    together = encode_texts(encoder, tokenizer, TEXTS, batch=2)
    assert not together.requires_grad
    for row, text in enumerate(TEXTS):
        assert torch.allclose(together[row], encode_texts(encoder, tokenizer, [text])[0], atol=1e-5)


@dataclass
class Lookup:
    """Stands for an encoder: the vector of a text is the row that its first token names."""

    rows: Tensor

    def __call__(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.rows[ids[:, 0]]


def by_hand(query: Tensor, passage: Tensor, answer: Sequence[int]) -> float:
    """The loss, one query at a time."""
    losses = []
    for row, right in enumerate(answer):
        others = [n for n in range(len(passage)) if n != right and passage[right] @ passage[n] <= TWIN]
        scores = [float(query[row] @ passage[n]) for n in (right, *others)]
        losses.append(-math.log(math.exp(scores[0] / TEMPERATURE) / sum(math.exp(s / TEMPERATURE) for s in scores)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("seed", range(6))
def test_the_loss_is_the_cross_entropy_over_the_passages_that_do_not_say_the_same(seed: int) -> None:
    # In three dimensions some passages are twins by chance.
    query, passage = random_units(seed, 9), random_units(seed + 100, 5)
    answer = [0, 1, 2, 3, 4, 0, 1, 2, 3]
    one = RetrievalStep(
        Parts.of([[row] for row in range(9)]), Parts.of([[9 + row] for row in range(5)]), torch.tensor(answer)
    )
    loss = one.loss(cast("Encoder", Lookup(torch.cat((query, passage)))))
    assert loss.item() == pytest.approx(by_hand(query, passage, answer), rel=1e-5)


def random_units(seed: int, count: int) -> Tensor:
    return functional.normalize(torch.randn(count, 3, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_one_passage_twice_is_no_negative_of_itself(encoder: Encoder, tokenizer: Tokenizer) -> None:
    assert step(tokenizer, [TEXTS[0], TEXTS[0]]).loss(encoder).item() == pytest.approx(0.0, abs=1e-4)


def test_repeated_steps_lower_the_loss(
    encoder: Encoder, tokenizer: Tokenizer, texts: list[Text], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A random encoder takes most passages for twins.
    monkeypatch.setattr("training.retrieval.TWIN", 2.0)
    one = step(tokenizer, [text.en for text in texts[:8]])
    optimiser = torch.optim.SGD(encoder.parameters(), lr=0.02)
    losses = []
    for _ in range(12):
        loss = one.loss(encoder)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_a_group_is_the_same_whenever_it_is_asked_for(tuning: RetrievalTuning) -> None:
    first, again, other = (next(tuning.group(number)) for number in (2, 2, 3))
    assert [part.ids.tolist() for part in first.passages.parts] == [part.ids.tolist() for part in again.passages.parts]
    assert first.queries.parts[0].ids.tolist() == again.queries.parts[0].ids.tolist()
    assert [part.ids.tolist() for part in first.passages.parts] != [part.ids.tolist() for part in other.passages.parts]


def test_a_group_has_its_steps_and_a_batch_its_passages(tuning: RetrievalTuning) -> None:
    steps = list(tuning.group(0))
    assert len(steps) == 20
    for one in steps:
        assert one.passages.order.shape == (8,)
        assert one.answer.unique().tolist() == list(range(8))
        assert one.queries.order.shape == one.answer.shape
        assert one.tokens == one.queries.tokens + one.passages.tokens


def test_a_batch_holds_neighbours_and_often_passages_with_questions(tuning: RetrievalTuning) -> None:
    batches = [tuning._choose(random.Random(seed)) for seed in range(20)]
    assert all(len(set(batch)) == 8 for batch in batches)
    with_neighbours = sum(len({tuning.texts[number].document for number in batch}) < 8 for batch in batches)
    assert with_neighbours > 10
    asked = sum(number < 20 for batch in batches for number in batch)
    assert asked / (8 * len(batches)) > 20 / len(tuning.texts)


def test_a_batch_of_few_texts_holds_each_once(tuning: RetrievalTuning) -> None:
    few = RetrievalTuning(tuning.tokenizer, tuning.texts[:3], [])
    assert sorted(few._choose(random.Random(0))) == [0, 1, 2]


def queries_of(text: Text, questions: list[Question], language: str) -> list[tuple[list[str], str]]:
    return [RetrievalTuning._queries(text, questions, language, random.Random(seed)) for seed in range(40)]


def test_written_questions_are_asked_in_both_languages(texts: list[Text]) -> None:
    asked = [Question(f"en {number}", f"es {number}", 0) for number in range(3)]
    for queries, passage in queries_of(texts[0], asked, "es"):
        assert len(queries) == 4
        assert [query[2:] for query in queries[::2]] == [query[2:] for query in queries[1::2]]
        assert texts[0].es in passage


def test_without_questions_headings_and_spans_are_asked(texts: list[Text]) -> None:
    found = queries_of(texts[0], [], "en")
    headings = [query for query, _ in found if texts[0].title_es.endswith(query[0])]
    assert 5 < len(headings) < 35
    for (spanish, english), passage in found:
        assert texts[0].en in passage
        words = f"{texts[0].title_es} {texts[0].es}".split()
        assert set(spanish.split()) <= set(words)
        assert set(english.split()) <= set(f"{texts[0].title_en} {texts[0].en}".split())


def test_a_heading_that_is_asked_does_not_stand_in_its_passage(texts: list[Text]) -> None:
    for queries, passage in queries_of(texts[0], [], "es"):
        if texts[0].title_es == queries[0]:
            assert passage == texts[0].es


def test_a_text_without_a_title_is_asked_by_its_spans(texts: list[Text]) -> None:
    bare = replace(texts[0], title_en="", title_es="")
    for queries, passage in queries_of(bare, [], "es"):
        assert passage == bare.es
        assert all(queries)
