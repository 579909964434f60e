"""The development score: which passages and questions it holds, and what it counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_corpus import (
    COMPANIES,
    HELD_COMPANY,
    HELD_TOPIC,
    TOPICS,
    development_texts,
    question_about,
    train_texts,
    write_questions,
)
from tiny_corpus import one_thread as one_thread
from tokenizers import Tokenizer

from training import progress
from training.corpus import Corpus
from training.network import Encoder
from training.progress import DevelopmentSet, Pool, development_pools
from training.texts import DEVELOPMENT, Question, read_written


@pytest.fixture(scope="module")
def tokenizer(teacher_folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(teacher_folder / "tokenizer.json"))
    tokenizer.enable_truncation(128)
    return tokenizer


def test_questions_about_the_corpus_ask_about_its_held_out_passages(corpus: Corpus, texts_folder: Path) -> None:
    pool = development_pools(corpus, texts_folder)[0]
    assert pool.name == "corpus"
    assert set(pool.texts) == set(development_texts(corpus))
    assert not set(pool.texts) & set(train_texts(corpus))
    assert len(pool.questions) == len(pool.texts)
    for question in pool.questions:
        assert question.en == question_about(pool.texts[question.text])["en"]


@pytest.mark.parametrize(
    ("place", "name", "held", "others"), [(1, "handbook", HELD_COMPANY, COMPANIES), (2, "general", HELD_TOPIC, TOPICS)]
)
def test_written_documents_are_searched_among_those_of_the_training(
    corpus: Corpus, texts_folder: Path, place: int, name: str, held: str, others: tuple[str, ...]
) -> None:
    pools = development_pools(corpus, texts_folder)
    assert len(pools) == 3
    pool = pools[place]
    assert pool.name == name
    assert {text.document for text in pool.texts} == {held, *others}
    trained = {text.es for text in read_written(texts_folder)[0]}
    for question in pool.questions:
        text = pool.texts[question.text]
        assert text.document == held
        assert text.es not in trained
        assert question.es in (question_about(text)["es"], f"¿Qué pasa con {text.title_es}?")
    assert {question.text for question in pool.questions} == set(range(len(pool.texts) - len(others) * (4 - place)))


def test_headings_stand_in_where_no_question_is_written(corpus: Corpus, tmp_path: Path) -> None:
    (pool,) = development_pools(corpus, tmp_path)
    assert len(pool.questions) == len(corpus.sections["dev"])
    for question in pool.questions:
        text = pool.texts[question.text]
        assert (question.en, question.es) == (text.title_en, text.title_es)


def test_a_kind_without_held_out_questions_is_no_pool(corpus: Corpus, corpus_folder: Path, tmp_path: Path) -> None:
    folder = write_questions(tmp_path, corpus_folder)
    (folder / DEVELOPMENT / "handbook-00.jsonl").unlink()
    assert [pool.name for pool in development_pools(corpus, folder)] == ["corpus", "general"]


def test_passages_that_are_asked_about_come_first_and_are_never_cut(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "MOST_PASSAGES", 3)
    (asked,) = development_pools(corpus, tmp_path)
    assert len(asked.texts) == len(corpus.sections["dev"]) > 3
    assert all(text.title_es for text in asked.texts)
    assert [question.text for question in asked.questions] == list(range(len(asked.texts)))


@pytest.mark.parametrize(
    ("spanish", "english", "score"),
    [([0, 1], [0, 1], 1.0), ([1, 0], [1, 0], 0.5), ([0, 1], [1, 0], 0.75), ([1, 0], [0, 1], 0.75)],
    ids=["both right", "both wrong", "spanish right", "english right"],
)
def test_the_score_is_the_mean_reciprocal_rank_of_both_languages(
    corpus: Corpus, encoder: Encoder, tokenizer: Tokenizer, spanish: list[int], english: list[int], score: float
) -> None:
    # A passage asked for by its own Spanish text comes first, the other one second.
    texts = tuple(train_texts(corpus)[:2])
    questions = tuple(
        Question(texts[en].es, texts[es].es, n) for n, (es, en) in enumerate(zip(spanish, english, strict=True))
    )
    pool = Pool("toy", texts, questions)
    assert DevelopmentSet((pool,), tokenizer).score(encoder) == pytest.approx(score)


def test_every_pool_counts_the_same_in_the_score(corpus: Corpus, encoder: Encoder, tokenizer: Tokenizer) -> None:
    texts = tuple(train_texts(corpus)[:2])
    right = Pool("right", texts, tuple(Question(texts[n].es, texts[n].es, n) for n in (0, 1, 0, 1)))
    wrong = Pool("wrong", texts, (Question(texts[1].es, texts[1].es, 0),))
    assert DevelopmentSet((right, wrong), tokenizer).score(encoder) == pytest.approx((1 + 0.5) / 2)


def test_the_reciprocal_rank_by_hand() -> None:
    queries = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    passages = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.2]], np.float32)
    # The third of three for the first question, the first for the second.
    assert progress._found(queries, passages, np.array([2, 1])) == pytest.approx((1 / 3 + 1) / 2)


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_vectors_that_tell_nothing_apart_find_nothing(value: float) -> None:
    queries, passages = np.full((2, 2), value, np.float32), np.full((4, 2), value, np.float32)
    assert progress._found(queries, passages, np.array([0, 3])) == pytest.approx(1 / 4)


def test_the_encoder_goes_on_learning_after_its_score(
    corpus: Corpus, texts_folder: Path, encoder: Encoder, tokenizer: Tokenizer
) -> None:
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    assert 0 <= DevelopmentSet.of(corpus, texts_folder, tokenizer).score(encoder) <= 1
    assert encoder.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_without_anything_held_out_the_score_is_zero(
    corpus: Corpus, texts_folder: Path, tmp_path: Path, encoder: Encoder, tokenizer: Tokenizer
) -> None:
    bare = Corpus({**corpus.pairs, "dev": []}, {**corpus.sections, "dev": []}, corpus.words)
    development = DevelopmentSet.of(bare, tmp_path, tokenizer)
    assert (development.pools, development.score(encoder)) == ((), 0.0)
    assert [pool.name for pool in DevelopmentSet.of(bare, texts_folder, tokenizer).pools] == ["handbook", "general"]
