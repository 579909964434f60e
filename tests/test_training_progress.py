"""The development score: which passages and questions it holds, and what it counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_corpus import development_texts, question_about, train_texts, write_corpus, write_questions, write_teacher_of
from tiny_corpus import one_thread as one_thread
from tokenizers import Tokenizer

from training import progress
from training.corpus import Corpus, read_corpus
from training.network import Encoder, load_bert
from training.progress import DevelopmentSet
from training.texts import Question


@pytest.fixture(scope="module")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def corpus(corpus_folder: Path) -> Corpus:
    return read_corpus(corpus_folder)


@pytest.fixture(scope="module")
def folder(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_questions(tmp_path_factory.mktemp("texts"), corpus_folder)


@pytest.fixture(scope="module")
def teacher_folder(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_teacher_of(tmp_path_factory.mktemp("teacher"), corpus_folder)


@pytest.fixture(scope="module")
def tokenizer(teacher_folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(teacher_folder / "tokenizer.json"))
    tokenizer.enable_truncation(128)
    return tokenizer


@pytest.fixture(scope="module")
def encoder(teacher_folder: Path) -> Encoder:
    encoder = load_bert(teacher_folder)
    encoder.precision = torch.float32
    return encoder


def test_questions_ask_about_held_out_passages(corpus: Corpus, folder: Path, tokenizer: Tokenizer) -> None:
    development = DevelopmentSet.of(corpus, folder, tokenizer)
    assert set(development.texts) == set(development_texts(corpus))
    assert not set(development.texts) & set(train_texts(corpus))
    assert len(development.questions) == len(development.texts)
    for question in development.questions:
        assert question.en == question_about(development.texts[question.text])["en"]


def test_headings_stand_in_where_no_question_is_written(corpus: Corpus, tmp_path: Path, tokenizer: Tokenizer) -> None:
    development = DevelopmentSet.of(corpus, tmp_path, tokenizer)
    assert len(development.questions) == len(corpus.sections["dev"])
    for question in development.questions:
        text = development.texts[question.text]
        assert (question.en, question.es) == (text.title_en, text.title_es)


def test_passages_that_are_asked_about_come_first_and_are_never_cut(
    corpus: Corpus, tmp_path: Path, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "MOST_PASSAGES", 3)
    asked = DevelopmentSet.of(corpus, tmp_path, tokenizer)
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
    assert DevelopmentSet(texts, questions, tokenizer).score(encoder) == pytest.approx(score)


def test_the_reciprocal_rank_by_hand() -> None:
    queries = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    passages = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.2]], np.float32)
    # The third of three for the first question, the first for the second.
    assert progress._found(queries, passages, np.array([2, 1])) == pytest.approx((1 / 3 + 1) / 2)


def test_the_encoder_goes_on_learning_after_its_score(
    corpus: Corpus, folder: Path, encoder: Encoder, tokenizer: Tokenizer
) -> None:
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    assert 0 <= DevelopmentSet.of(corpus, folder, tokenizer).score(encoder) <= 1
    assert encoder.training
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


def test_a_corpus_without_a_development_part_scores_zero(
    corpus: Corpus, folder: Path, encoder: Encoder, tokenizer: Tokenizer
) -> None:
    bare = Corpus({**corpus.pairs, "dev": []}, {**corpus.sections, "dev": []}, corpus.words)
    development = DevelopmentSet.of(bare, folder, tokenizer)
    assert (development.texts, development.score(encoder)) == ((), 0.0)
