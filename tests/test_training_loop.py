"""The training loop: how it ends, what it keeps, how it goes on after an interruption, how fast it learns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tiny_corpus import one_thread as one_thread
from torch import Tensor

from rag.errors import FaroError
from training.loop import Progress, Schedule, train
from training.network import Encoder

SCHEDULE = Schedule(tokens=1000, rate=1e-2, table_rate=1e-1, checkpoint_every=300)
STEP_TOKENS = 100


class Interrupted(Exception):  # noqa: N818 - not an error of the program
    """Somebody stops the run."""


@dataclass
class Run:
    """Groups of two steps and the development score of a run; it remembers what the loop asked it for."""

    scores: list[float] = field(default_factory=lambda: [0.1])
    stop_at: int = 10**9
    curved: bool = False
    """Whether the gradient changes with the weights."""
    groups: list[int] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)
    """The weights before each step."""
    scored: list[Tensor] = field(default_factory=list)

    def group(self, number: int) -> Iterator[Step]:
        self.groups.append(number)
        yield from (Step(self), Step(self))

    def score(self, encoder: Encoder) -> float:
        self.scored.append(encoder.norm.weight.detach().clone())
        return self.scores[min(len(self.scored), len(self.scores)) - 1]


@dataclass
class Step:
    """A loss whose gradient never changes, so that steps move the weights by the learning rate; or a curved one."""

    run: Run
    tokens: int = STEP_TOKENS

    def loss(self, encoder: Encoder) -> Tensor:
        if len(self.run.weights) == self.run.stop_at:
            raise Interrupted
        self.run.weights.append(encoder.norm.weight.detach().clone())
        if self.run.curved:
            return 0.01 * (encoder.norm.weight**2).sum()
        return encoder.norm.weight.sum() + encoder.words(torch.tensor([3])).sum()


def new_encoder() -> Encoder:
    return Encoder(10, 24, 24, 1, 8)


def trained(run: Run, folder: Path, schedule: Schedule = SCHEDULE, encoder: Encoder | None = None) -> Encoder:
    return train(encoder or new_encoder(), run.group, schedule, run.score, folder, "trial")


def test_a_run_reads_the_tokens_of_its_schedule_and_scores_at_every_checkpoint(tmp_path: Path) -> None:
    run = Run()
    trained(run, tmp_path)
    assert len(run.weights) == 10
    # After 400, 800 and 1000 tokens: a checkpoint is written between groups.
    assert len(run.scored) == 3
    assert run.groups == [0, 1, 2, 3, 4]


def test_training_lowers_the_loss_through_both_optimisers(tmp_path: Path) -> None:
    encoder = new_encoder()
    before = encoder.words.weight.detach().clone()
    after = trained(Run(), tmp_path, encoder=encoder)
    assert after.norm.weight.mean() < 1
    moved = (after.words.weight - before).abs().sum(1) > 0
    assert moved.nonzero().flatten().tolist() == [3]


@pytest.mark.parametrize(
    ("scores", "best"),
    [([0.2, 0.9, 0.5], 1), ([0.1, 0.2, 0.3], 2), ([0.4, 0.3, 0.2], 0), ([0.0, 0.0, 0.0], 2)],
    ids=["middle", "last", "first", "last of equals"],
)
def test_the_best_checkpoint_is_returned(tmp_path: Path, scores: list[float], best: int) -> None:
    run = Run(scores=scores)
    encoder = trained(run, tmp_path)
    assert torch.equal(encoder.norm.weight, run.scored[best])
    assert [torch.equal(one, run.scored[best]) for one in run.scored].count(True) == 1


def test_an_interrupted_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    run = Run(stop_at=5)
    with pytest.raises(Interrupted):
        trained(run, tmp_path)
    again = Run()
    trained(again, tmp_path)
    # The checkpoint was written after the second group, four steps.
    assert torch.equal(again.weights[0], run.weights[4])
    assert len(again.weights) == 10 - 4
    assert again.groups[0] == 2


def test_an_interruption_changes_nothing(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    encoder, same, schedule = new_encoder(), new_encoder(), replace(SCHEDULE, rate=0.1)
    same.load_state_dict(encoder.state_dict())
    whole = trained(Run(curved=True), tmp_path_factory.mktemp("whole"), schedule, encoder).state_dict()
    with pytest.raises(Interrupted):
        trained(Run(curved=True, stop_at=8), tmp_path, schedule, same)
    resumed = trained(Run(curved=True), tmp_path, schedule).state_dict()
    for name, value in whole.items():
        assert torch.allclose(value, resumed[name], atol=1e-6), name


def test_the_best_so_far_survives_an_interruption(tmp_path: Path) -> None:
    run = Run(scores=[0.8], stop_at=5)
    with pytest.raises(Interrupted):
        trained(run, tmp_path)
    assert torch.equal(trained(Run(scores=[0.5]), tmp_path).norm.weight, run.scored[0])


def test_a_finished_run_returns_its_best_without_another_step(tmp_path: Path) -> None:
    first = trained(Run(), tmp_path)
    again = Run(stop_at=0)
    assert torch.equal(trained(again, tmp_path).norm.weight, first.norm.weight)
    assert (again.groups, again.scored) == ([], [])


def test_runs_of_other_names_do_not_meet(tmp_path: Path) -> None:
    trained(Run(), tmp_path)
    other = Run()
    train(new_encoder(), other.group, SCHEDULE, other.score, tmp_path, "another")
    assert len(other.weights) == 10


def test_a_half_written_checkpoint_is_never_read(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        trained(Run(stop_at=5), tmp_path)
    (tmp_path / "trial.checkpoint.tmp").write_bytes(b"half of it")
    again = Run()
    trained(again, tmp_path)
    assert len(again.weights) == 6


def test_the_budget_of_minutes_ends_a_run(tmp_path: Path) -> None:
    run = Run()
    trained(run, tmp_path, replace(SCHEDULE, tokens=10**12, minutes=1e-9))
    assert (len(run.weights), len(run.scored)) == (1, 1)


@pytest.mark.parametrize(
    ("progress", "minutes", "share"),
    [
        (Progress(tokens=250), None, 0.25),
        (Progress(tokens=250, seconds=1e9), None, 0.25),
        (Progress(tokens=250, seconds=30), 1.0, 0.5),
        (Progress(tokens=750, seconds=30), 1.0, 0.75),
        (Progress(tokens=5000), None, 1.0),
        (Progress(seconds=90), 1.0, 1.0),
    ],
)
def test_the_share_done_is_the_larger_of_tokens_and_time(
    progress: Progress, minutes: float | None, share: float
) -> None:
    assert progress.share(replace(SCHEDULE, minutes=minutes)) == pytest.approx(share)


def test_the_factor_rises_then_falls() -> None:
    factors = [SCHEDULE.factor(number / 1000) for number in range(1001)]
    top = factors.index(max(factors))
    assert top == 30
    assert factors[: top + 1] == sorted(factors[: top + 1])
    assert factors[top:] == sorted(factors[top:], reverse=True)
    assert (factors[0], factors[top], factors[-1]) == pytest.approx((0.01, 1.0, 0.05))
    assert factors[515] == pytest.approx((1 + 0.05) / 2, abs=0.01)


def test_every_step_moves_by_the_rate_of_its_time(tmp_path: Path) -> None:
    run = Run()
    schedule = replace(SCHEDULE, warmup=0.3)
    trained(run, tmp_path, schedule)
    moves = [float((before - after).mean()) for before, after in pairwise(run.weights)]
    expected = [schedule.rate * schedule.factor(number / 10) for number in range(9)]
    # Weight decay adds a hundredth to each.
    assert moves == pytest.approx(expected, rel=0.05)


def test_a_loss_that_is_no_number_ends_the_run_and_spoils_nothing(tmp_path: Path) -> None:
    run = Run(scores=[0.5])
    trained(run, tmp_path)
    kept = (tmp_path / "trial.best.pt").read_bytes()
    encoder = new_encoder()
    with torch.no_grad():
        encoder.norm.weight[0] = float("nan")
    with pytest.raises(FaroError, match="no longer a number"):
        trained(Run(), tmp_path / "again", encoder=encoder)
    assert not (tmp_path / "again").exists()
    assert (tmp_path / "trial.best.pt").read_bytes() == kept


def test_groups_without_a_batch_are_an_error_and_no_endless_wait(tmp_path: Path) -> None:
    with pytest.raises(FaroError, match="too little text"):
        train(Encoder(10, 48, 96, 1, 8), lambda number: iter(()), Schedule(tokens=10), lambda _: 0.0, tmp_path, "run")
