"""Recall, reciprocal rank and nDCG of a ranking, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ir_measures
import numpy as np
from ir_measures import RR, R, nDCG
from numpy.typing import NDArray

from training.tasks import Task

MEASURES = {"R@1": R @ 1, "R@5": R @ 5, "MRR@10": RR @ 10, "nDCG@10": nDCG @ 10}
DEPTH = 10
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over queries and the 95 % interval of it that resampling the queries gives."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        """The mean and half of the interval's width, as in ``0.712 ±0.045``."""
        return f"{self.mean:.3f} ±{(self.high - self.low) / 2:.3f}"


def measure(task: Task, scores: NDArray[np.float32], seed: int = 0) -> Mapping[str, Figure]:
    """Every measure of ``scores``, shape (queries, passages), higher is better; ties go to the earlier passage.

    With several right passages recall counts finding any of them: one is enough to answer.
    """
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    qrels: list[ir_measures.Qrel] = []
    run: list[ir_measures.ScoredDoc] = []
    for query, (row, right) in enumerate(zip(ranked, task.answers, strict=True)):
        # One passage stands for all the right ones: the best ranked of them, or any.
        first = next((int(n) for n in row if int(n) in right), min(right))
        qrels.append(ir_measures.Qrel(str(query), str(first), 1))
        kept = [int(n) for n in row if int(n) == first or int(n) not in right]
        run += [ir_measures.ScoredDoc(str(query), str(n), float(DEPTH - rank)) for rank, n in enumerate(kept)]
    by_measure: dict[str, dict[str, float]] = {str(measure): {} for measure in MEASURES.values()}
    for metric in ir_measures.iter_calc(list(MEASURES.values()), qrels, run):
        by_measure[str(metric.measure)][metric.query_id] = metric.value
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(task.queries), (RESAMPLES, len(task.queries)))
    return {
        name: _figure([by_measure[str(m)].get(str(q), 0.0) for q in range(len(task.queries))], picks)
        for name, m in MEASURES.items()
    }


def _figure(values: Sequence[float], picks: NDArray[np.int64]) -> Figure:
    array = np.asarray(values)
    means = array[picks].mean(axis=1)
    low, high = np.percentile(means, (2.5, 97.5))
    return Figure(float(array.mean()), float(low), float(high))
