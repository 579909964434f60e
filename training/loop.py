"""The training loop: two optimisers, a schedule by tokens or by time, checkpoints, and the best model kept."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from rag.errors import FaroError
from training.network import Encoder

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train.

    ``tokens``, padding included, is the length of the run; ``minutes``, if given, of batches, steps and development
    scores, ends it earlier and the learning rates fall to match.
    """

    tokens: int
    minutes: float | None = None
    rate: float = 6e-5
    table_rate: float = 3e-4
    warmup: float = 0.03
    final: float = 0.05
    checkpoint_every: int = 2_000_000

    def factor(self, progress: float) -> float:
        """The learning rates' factor at a share of the run: a linear rise, then a half cosine."""
        if progress < self.warmup:
            return max(progress / self.warmup, 0.01)
        turn = (progress - self.warmup) / (1 - self.warmup)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * min(turn, 1.0)))


class Step(Protocol):
    """One batch: how many tokens the encoder reads, and its loss."""

    @property
    def tokens(self) -> int:
        """What the batch costs."""

    def loss(self, encoder: Encoder) -> Tensor:
        """The scalar to minimise."""


@dataclass(slots=True)
class Progress:
    """Where a run is; ``group`` is the number of the group of batches to go on with."""

    tokens: int = 0
    seconds: float = 0.0
    group: int = 0
    best: float = -1.0

    def share(self, schedule: Schedule) -> float:
        """How much of the run is done, 0 to 1."""
        by_tokens = self.tokens / schedule.tokens
        by_time = self.seconds / (60 * schedule.minutes) if schedule.minutes else 0.0
        return min(max(by_tokens, by_time), 1.0)


def train(
    encoder: Encoder,
    groups: Callable[[int], Iterator[Step]],
    schedule: Schedule,
    score: Callable[[Encoder], float],
    folder: Path,
    name: str,
) -> Encoder:
    """Train ``encoder`` until the schedule ends and return it as it scored best.

    Args:
        groups: the batches of a numbered group, the same whenever it is asked for; asked for 0, 1, 2 and so on.
        score: the development score, higher is better; asked at every checkpoint and at the end.
        folder: where ``<name>.checkpoint.pt`` is kept while training and ``<name>.best.pt`` at every new best.

    Checkpoints are written between groups, so an interrupted run goes on as if it had not been interrupted; a finished
    one returns its best at once.

    Raises FaroError when a group is empty or the loss stops being a number.
    """
    checkpoint, best = folder / f"{name}.checkpoint.pt", folder / f"{name}.best.pt"
    dense = [p for p in encoder.parameters() if p is not encoder.words.weight]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(dense, lr=schedule.rate, weight_decay=0.01, fused=True),
        torch.optim.SparseAdam([encoder.words.weight], lr=schedule.table_rate),
    ]
    rates = (schedule.rate, schedule.table_rate)
    progress = _resume(checkpoint, encoder, optimisers)
    saved_at, started, before, losses = progress.tokens, time.monotonic(), progress.seconds, 0.0
    done, number = progress.share(schedule) >= 1, 0
    while not done:
        before_group = number
        for step in groups(progress.group):
            number += 1
            factor = schedule.factor(progress.share(schedule))
            for optimiser, rate in zip(optimisers, rates, strict=True):
                optimiser.param_groups[0]["lr"] = rate * factor
            loss = step.loss(encoder)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(dense, 1.0)
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            progress.tokens += step.tokens
            progress.seconds = before + time.monotonic() - started
            losses = loss.item() if number == 1 else 0.99 * losses + 0.01 * loss.item()
            if not math.isfinite(losses):
                raise FaroError(f"{name}: the loss is no longer a number; try a lower rate. The best so far is kept.")
            done = progress.share(schedule) >= 1
            if number % 100 == 0 or done:
                speed = progress.tokens / progress.seconds
                logger.info(
                    "%s: %.1f %%, %.1f M tokens, %.0f tokens/s, loss %.4f",
                    *(name, 100 * progress.share(schedule), progress.tokens / 1e6, speed, losses),
                )
            if done:
                break
        if number == before_group:
            raise FaroError("there is too little text to make a batch of: add some to the corpus.")
        progress.group += 1
        if progress.tokens - saved_at >= schedule.checkpoint_every or done:
            saved_at = progress.tokens
            _keep_best(encoder, score, progress, best, name)
            _save(checkpoint, encoder, optimisers, progress)
    encoder.load_state_dict(torch.load(best, weights_only=True))
    return encoder


def _keep_best(encoder: Encoder, score: Callable[[Encoder], float], progress: Progress, best: Path, name: str) -> None:
    value = score(encoder)
    logger.info("%s: development score %.4f (best so far %.4f)", name, value, max(progress.best, 0.0))
    if value >= progress.best:
        progress.best = value
        write_aside({key: tensor.detach() for key, tensor in encoder.state_dict().items()}, best)


def _save(path: Path, encoder: Encoder, optimisers: list[torch.optim.Optimizer], progress: Progress) -> None:
    state = {
        "encoder": encoder.state_dict(),
        "optimisers": [optimiser.state_dict() for optimiser in optimisers],
        "progress": asdict(progress),
    }
    write_aside(state, path)


def _resume(path: Path, encoder: Encoder, optimisers: list[torch.optim.Optimizer]) -> Progress:
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True)
    encoder.load_state_dict(state["encoder"])
    for optimiser, saved in zip(optimisers, state["optimisers"], strict=True):
        optimiser.load_state_dict(saved)
    progress = Progress(**state["progress"])
    logger.info("going on from %s at %.1f M tokens", path, progress.tokens / 1e6)
    return progress


def write_aside(state: object, path: Path) -> None:
    """Write aside and rename, so that a killed run leaves the last checkpoint whole."""
    aside = path.with_suffix(".tmp")
    torch.save(state, aside)
    aside.replace(path)
