"""The decision to answer: whether the handbook bears on a question at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rag.types import Hit


@dataclass(frozen=True, slots=True)
class Gate:
    """A logistic model of what tells questions the handbook answers from those beside it.

    ``passage`` and ``unit`` weigh the first hit's similarity and that of its nearest unit, ``unknown`` the share of the
    question's words, by rarity, that the handbook never uses. Fitted on the answerable and unanswerable development
    questions of three handbooks, each group weighing the same; ``threshold`` refuses 6 % of the answerable ones, which
    are paraphrased on purpose, and three in four of those on other topics.
    """

    passage: float = 7.5
    unit: float = 3.4
    unknown: float = -1.3
    constant: float = -3.8
    threshold: float = 0.29

    def confidence(self, hits: Sequence[Hit], unknown_share: float) -> float:
        """How likely it is that ``hits`` (best first) answer, in [0, 1]."""
        if not hits:
            return 0.0
        unit = max(hits[0].unit_scores, default=hits[0].dense)
        evidence = self.passage * hits[0].dense + self.unit * unit + self.unknown * unknown_share + self.constant
        return 1 / (1 + math.exp(-evidence))
