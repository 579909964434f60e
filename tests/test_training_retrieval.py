"""Retrieval tuning: what counts as a negative, what the bank remembers, what a batch is made of."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest
import torch
from tiny_corpus import TEXTS, question_about, train_texts, write_corpus, write_teacher_of
from tiny_corpus import one_thread as one_thread
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from training.batches import Parts, encode
from training.corpus import read_corpus
from training.network import Encoder, load_bert
from training.retrieval import HARDEST, TEMPERATURE, TWIN, Bank, RetrievalStep, RetrievalTuning, encode_texts
from training.texts import Question, Text


@pytest.fixture(scope="module")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def teacher_folder(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_teacher_of(tmp_path_factory.mktemp("teacher"), corpus_folder)


@pytest.fixture(scope="module")
def tokenizer(teacher_folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(teacher_folder / "tokenizer.json"))
    tokenizer.enable_truncation(64)
    return tokenizer


@pytest.fixture(scope="module")
def texts(corpus_folder: Path) -> list[Text]:
    return train_texts(read_corpus(corpus_folder))


@pytest.fixture
def encoder(teacher_folder: Path) -> Encoder:
    encoder = load_bert(teacher_folder)
    encoder.precision = torch.float32
    return encoder


@pytest.fixture
def tuning(encoder: Encoder, tokenizer: Tokenizer, texts: list[Text]) -> RetrievalTuning:
    asked = [Question(**question_about(text), text=number) for number, text in enumerate(texts[:20])]
    bank = Bank.filled(encoder, tokenizer, texts)
    return RetrievalTuning(tokenizer, texts, asked, bank, passages=8, steps_a_group=20)


def step(tokenizer: Tokenizer, passages: list[str], numbers: list[int], bank: Tensor, **changes: bool) -> RetrievalStep:
    """One query for each passage, its first half."""
    queries = [passage[: len(passage) // 2] for passage in passages]
    return RetrievalStep(
        Parts.of(encode(tokenizer, queries)),
        Parts.of(encode(tokenizer, passages)),
        torch.arange(len(passages)),
        torch.tensor(numbers),
        changes.get("in_spanish", False),
        Bank(bank.clone()),
    )


def unlike(count: int) -> Tensor:
    """Vectors of which no two are alike."""
    return torch.eye(48)[:count]


def cosines(encoder: Encoder, one: RetrievalStep) -> Tensor:
    with torch.no_grad():
        return one.queries.vectors(encoder) @ one.passages.vectors(encoder).T


def test_vectors_of_texts_come_in_their_order_and_without_gradients(encoder: Encoder, tokenizer: Tokenizer) -> None:
    together = encode_texts(encoder, tokenizer, TEXTS, batch=2)
    assert not together.requires_grad
    for row, text in enumerate(TEXTS):
        assert torch.allclose(together[row], encode_texts(encoder, tokenizer, [text])[0], atol=1e-5)


def test_a_bank_holds_the_spanish_passages_with_their_titles(
    encoder: Encoder, tokenizer: Tokenizer, texts: list[Text]
) -> None:
    bank = Bank.filled(encoder, tokenizer, texts[:5])
    expected = encode_texts(encoder, tokenizer, [f"{text.title_es}: {text.es}" for text in texts[:5]])
    assert torch.allclose(bank.vectors, expected, atol=1e-6)


@dataclass
class Lookup:
    """Stands for an encoder: the vector of a text is the row that its first token names."""

    rows: Tensor

    def __call__(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.rows[ids[:, 0]]


def by_hand(query: Tensor, passage: Tensor, answer: Sequence[int], texts: Sequence[int], bank: Tensor) -> float:
    """The loss, one query at a time."""
    losses = []
    for row, right in enumerate(answer):
        own = bank[texts[right]]
        others = [
            n for n in range(len(texts)) if n != right and texts[n] != texts[right] and own @ bank[texts[n]] <= TWIN
        ]
        stored = [n for n in range(len(bank)) if n not in texts and own @ bank[n] <= TWIN]
        hardest = sorted((float(query[row] @ bank[n]) for n in stored), reverse=True)[:HARDEST]
        scores = [float(query[row] @ passage[n]) for n in (right, *others)] + hardest
        losses.append(-math.log(math.exp(scores[0] / TEMPERATURE) / sum(math.exp(s / TEMPERATURE) for s in scores)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("seed", range(6))
def test_the_loss_is_the_cross_entropy_over_the_batch_and_the_hardest_of_the_bank(seed: int) -> None:
    # In three dimensions some passages are twins by chance.
    query, passage, bank = random_units(seed, 9), random_units(seed + 100, 5), random_units(seed + 200, 400)
    answer, texts = [0, 1, 2, 3, 4, 0, 1, 2, 3], [7, 3, 50, 7, 20]
    one = RetrievalStep(
        Parts.of([[row] for row in range(9)]),
        Parts.of([[9 + row] for row in range(5)]),
        torch.tensor(answer),
        torch.tensor(texts),
        False,
        Bank(bank),
    )
    loss = one.loss(cast("Encoder", Lookup(torch.cat((query, passage)))))
    assert loss.item() == pytest.approx(by_hand(query, passage, answer, texts, bank), rel=1e-5)


def random_units(seed: int, count: int) -> Tensor:
    return functional.normalize(torch.randn(count, 3, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_a_twin_in_the_batch_is_no_negative(encoder: Encoder, tokenizer: Tokenizer) -> None:
    twins = unlike(3)
    twins[1] = functional.normalize(twins[0] + 0.2 * twins[1], dim=0)
    one = step(tokenizer, list(TEXTS[:3]), [0, 1, 2], twins)
    scores = cosines(encoder, one) / TEMPERATURE
    scores[0, 1] = scores[1, 0] = -1e4
    assert one.loss(encoder).item() == pytest.approx(functional.cross_entropy(scores, one.answer).item(), rel=1e-4)
    assert one.loss(encoder) < step(tokenizer, list(TEXTS[:3]), [0, 1, 2], unlike(3)).loss(encoder)


def test_a_twin_in_the_bank_is_no_negative(encoder: Encoder, tokenizer: Tokenizer) -> None:
    without = unlike(3)
    twins = torch.cat((without, without))
    with_twins = step(tokenizer, list(TEXTS[:3]), [0, 1, 2], twins).loss(encoder)
    # The others' twins are negatives like the others themselves, one's own are not.
    one = step(tokenizer, list(TEXTS[:3]), [0, 1, 2], without)
    with torch.no_grad():
        query = one.queries.vectors(encoder)
    hardest = (query @ without.T / TEMPERATURE).fill_diagonal_(-1e4)
    scores = torch.cat((cosines(encoder, one) / TEMPERATURE, hardest), dim=1)
    assert with_twins.item() == pytest.approx(functional.cross_entropy(scores, one.answer).item(), rel=1e-4)


def test_one_text_twice_in_a_batch_is_no_negative_of_itself(encoder: Encoder, tokenizer: Tokenizer) -> None:
    passages = [TEXTS[0], TEXTS[0]]
    assert step(tokenizer, passages, [0, 0], unlike(4)[:1]).loss(encoder).item() == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("in_spanish", [True, False], ids=["spanish", "english"])
def test_the_bank_is_updated_by_spanish_batches_only(encoder: Encoder, tokenizer: Tokenizer, in_spanish: bool) -> None:
    before = unlike(6)
    one = step(tokenizer, list(TEXTS[:2]), [4, 1], before, in_spanish=in_spanish)
    one.loss(encoder)
    after = one.bank.vectors
    changed = [row for row in range(6) if not torch.equal(before[row], after[row])]
    assert changed == ([1, 4] if in_spanish else [])
    assert not after.requires_grad
    if in_spanish:
        assert torch.allclose(after[[4, 1]], encode_texts(encoder, tokenizer, TEXTS[:2]), atol=1e-5)


def test_repeated_steps_lower_the_loss(encoder: Encoder, tokenizer: Tokenizer, texts: list[Text]) -> None:
    # A random encoder takes most passages for twins; a bank of unlike vectors tells them apart.
    one = step(tokenizer, [text.en for text in texts[:8]], list(range(8)), unlike(8))
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
    assert torch.equal(first.passage_texts, again.passage_texts)
    assert torch.equal(first.queries.parts[0].ids, again.queries.parts[0].ids)
    assert not torch.equal(first.passage_texts, other.passage_texts)


def test_a_group_has_its_steps_and_a_batch_its_passages(tuning: RetrievalTuning) -> None:
    steps = list(tuning.group(0))
    assert len(steps) == 20
    for one in steps:
        assert one.passages.order.shape == one.passage_texts.shape == (8,)
        assert len(set(one.passage_texts.tolist())) == 8
        assert one.answer.unique().tolist() == list(range(8))
        assert one.queries.order.shape == one.answer.shape
        assert one.tokens == one.queries.tokens + one.passages.tokens
    assert {one.in_spanish for one in steps} == {True, False}


def test_a_batch_holds_neighbours_and_often_passages_with_questions(tuning: RetrievalTuning) -> None:
    batches = [one.passage_texts.tolist() for one in tuning.group(0)]
    with_neighbours = sum(len({tuning.texts[number].document for number in batch}) < 8 for batch in batches)
    assert with_neighbours > 10
    asked = sum(number < 20 for batch in batches for number in batch)
    assert asked / (8 * len(batches)) > 20 / len(tuning.texts)


def test_a_batch_of_few_texts_holds_each_once(tuning: RetrievalTuning) -> None:
    few = RetrievalTuning(tuning.tokenizer, tuning.texts[:3], [], tuning.bank)
    assert sorted(next(few.group(0)).passage_texts.tolist()) == [0, 1, 2]


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
