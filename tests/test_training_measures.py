"""Measures: values computed by hand on toy rankings, several right answers, intervals."""

from __future__ import annotations

from math import log2

import numpy as np
import pytest
from numpy.typing import NDArray

from training.measures import Figure, measure
from training.tasks import Passage, Task

PASSAGES = 14


def task(*answers: set[int]) -> Task:
    passages = tuple(Passage((), str(number)) for number in range(PASSAGES))
    return Task("toy", tuple("?" * len(answers)), passages, tuple(map(frozenset, answers)), "es", "es")


def ranking(*first: int) -> NDArray[np.float32]:
    """Scores that rank ``first`` at the top, in their order, then the others by their number."""
    order = [*first, *(number for number in range(PASSAGES) if number not in first)]
    scores = np.empty(PASSAGES, np.float32)
    scores[order] = np.linspace(1, 0, PASSAGES)
    return scores


def means(one: Task, *scores: NDArray[np.float32]) -> list[float]:
    return [figure.mean for figure in measure(one, np.stack(scores)).values()]


def test_the_measures_have_their_names_in_order() -> None:
    assert list(measure(task({0}), ranking(0)[None])) == ["R@1", "R@5", "MRR@10", "nDCG@10"]


@pytest.mark.parametrize(
    ("first", "right", "expected"),
    [
        ([7], {7}, [1, 1, 1, 1]),
        ([1, 2, 7], {7}, [0, 1, 1 / 3, 1 / log2(4)]),
        ([1, 2, 3, 4, 5, 7], {7}, [0, 0, 1 / 6, 1 / log2(7)]),
        ([1, 2, 3, 4, 5, 6, 8, 9, 10, 7], {7}, [0, 0, 1 / 10, 1 / log2(11)]),
        ([], {12}, [0, 0, 0, 0]),
    ],
    ids=["first", "third", "sixth", "tenth", "thirteenth"],
)
def test_values_of_one_ranking_by_hand(first: list[int], right: set[int], expected: list[float]) -> None:
    assert means(task(right), ranking(*first)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ([7, 8], [1, 1, 1, 1]),
        ([1, 8, 7], [0, 1, 1 / 2, 1 / log2(3)]),
        ([1, 2, 3, 4, 5, 8], [0, 0, 1 / 6, 1 / log2(7)]),
    ],
    ids=["both first", "the other second", "one sixth"],
)
def test_several_right_answers_count_once(first: list[int], expected: list[float]) -> None:
    assert means(task({7, 8}), ranking(*first)) == pytest.approx(expected)


def test_the_mean_is_over_queries_even_those_that_find_nothing() -> None:
    found = means(task({7}, {7}, {13}, {7}), ranking(7), ranking(1, 7), ranking(), ranking(7))
    assert found == pytest.approx([0.5, 0.75, 2.5 / 4, (2 + 1 / log2(3)) / 4])


def test_ties_go_to_the_earlier_passage() -> None:
    level = np.ones(PASSAGES, np.float32)
    assert means(task({0}, {1}), level, level)[0] == pytest.approx(0.5)


def test_a_task_of_fewer_passages_than_the_depth() -> None:
    one = Task("toy", ("?",), (Passage((), "a"), Passage((), "b")), (frozenset({1}),), "es", "es")
    assert measure(one, np.array([[0.9, 0.1]], np.float32))["MRR@10"].mean == pytest.approx(0.5)


def test_intervals_contain_the_mean_and_are_the_same_each_time() -> None:
    rng = np.random.default_rng(0)
    one = task(*({int(rng.integers(PASSAGES))} for _ in range(60)))
    scores = rng.random((60, PASSAGES), np.float32)
    figures = measure(one, scores)
    for figure in figures.values():
        assert 0 <= figure.low < figure.mean < figure.high <= 1
    assert measure(one, scores) == figures
    assert measure(one, scores, seed=1) != figures


def test_the_interval_narrows_with_the_queries_and_vanishes_without_doubt() -> None:
    few = measure(task({0}, {1}), np.stack([ranking(0)] * 2))["R@1"]
    many = measure(task(*[{0}, {1}] * 50), np.stack([ranking(0)] * 100))["R@1"]
    assert many.high - many.low < few.high - few.low
    sure = measure(task({0}, {0}), np.stack([ranking(0)] * 2))["R@1"]
    assert (sure.low, sure.mean, sure.high) == (1, 1, 1)


def test_a_figure_prints_half_of_its_interval() -> None:
    assert str(Figure(0.7123, 0.66, 0.75)) == "0.712 ±0.045"
