"""Distillation: what a step holds, that it learns, and that its groups are repeatable."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_corpus import one_thread as one_thread
from torch.nn import functional

from training.batches import PairSampler
from training.corpus import Corpus
from training.distill import TEMPERATURE, Distillation, DistillStep
from training.network import Encoder, load_bert
from training.pipeline import load_teacher


@pytest.fixture
def distillation(corpus: Corpus, teacher_folder: Path) -> Distillation:
    teacher, tokenizer = load_teacher(teacher_folder, 64)
    sampler = PairSampler(corpus.pairs["train"], corpus.sections["train"], 0, 0.3)
    return Distillation(teacher, tokenizer, tokenizer, sampler, budget=800, pool=80)


@pytest.fixture
def student(teacher_folder: Path) -> Encoder:
    return load_bert(teacher_folder)


def test_a_group_covers_its_pool_within_the_budget(distillation: Distillation) -> None:
    steps = list(distillation.group(0))
    assert sum(len(step.target) for step in steps) >= 70
    for step in steps:
        assert step.tokens == step.texts.ids.numel() <= 800
        assert step.target.shape == (len(step.texts.ids), 48)
        assert torch.allclose(step.target.norm(dim=1), torch.ones(len(step.target)), atol=1e-3)
        assert not step.target.requires_grad


def test_a_group_is_the_same_whenever_it_is_asked_for(distillation: Distillation) -> None:
    first, again, other = (next(distillation.group(number)) for number in (4, 4, 5))
    assert torch.equal(first.texts.ids, again.texts.ids)
    assert torch.equal(first.target, again.target)
    assert not torch.equal(first.texts.ids, other.texts.ids)


def test_most_texts_are_spanish_and_no_batch_holds_a_text_twice(distillation: Distillation) -> None:
    texts: list[str] = []
    for step in distillation.group(0):
        rows = distillation.student_tokenizer.decode_batch(step.texts.ids.tolist())
        assert len(rows) == len(set(rows))
        texts += rows
    english = sum(text.startswith("the ") for text in texts)
    assert 0 < english < len(texts) / 2


def test_the_loss_is_small_where_the_student_is_already_the_teacher(
    distillation: Distillation, student: Encoder
) -> None:
    step = next(distillation.group(0))
    perfect = DistillStep(step.texts, student(step.texts.ids, step.texts.mask).detach())
    turned = DistillStep(step.texts, perfect.target.roll(1, 0))
    assert perfect.loss(student) < turned.loss(student)


def test_the_loss_is_the_distance_and_the_cross_entropy_of_the_own_vector(
    distillation: Distillation, student: Encoder
) -> None:
    step = next(distillation.group(0))
    with torch.no_grad():
        cosines = student(step.texts.ids, step.texts.mask) @ step.target.T
    own = torch.arange(len(cosines))
    expected = 5 * (1 - cosines.diagonal().mean()) + functional.cross_entropy(cosines / TEMPERATURE, own)
    assert step.loss(student).item() == pytest.approx(expected.item(), rel=1e-3)


def test_repeated_steps_lower_the_loss(distillation: Distillation, student: Encoder) -> None:
    step = next(distillation.group(0))
    optimiser = torch.optim.SGD(student.parameters(), lr=0.02)
    losses = []
    for _ in range(12):
        loss = step.loss(student)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_the_teacher_does_not_learn(distillation: Distillation, student: Encoder) -> None:
    next(distillation.group(0)).loss(student).backward()
    assert all(parameter.grad is None for parameter in distillation.teacher.parameters())
