"""Two kinds of batches in one run: where the second kind stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from training.mix import mixed


def counted(name: str, size: int) -> Callable[[int], Iterator[str]]:
    """A source of groups of named steps; the loop treats steps as opaque values, and so do these tests."""

    def group(number: int) -> Iterator[str]:
        return (f"{name}{number}.{step}" for step in range(size))

    return group


@pytest.mark.parametrize(
    ("main", "side", "every", "expected"),
    [
        (4, 9, 2, "m0.0 m0.1 s0.0 m0.2 m0.3 s0.1"),
        (5, 9, 2, "m0.0 m0.1 s0.0 m0.2 m0.3 s0.1 m0.4"),
        (4, 1, 1, "m0.0 s0.0 m0.1 m0.2 m0.3"),
        (2, 9, 3, "m0.0 m0.1"),
        (2, 0, 1, "m0.0 m0.1"),
        (0, 9, 1, ""),
    ],
    ids=["even", "rest", "side runs out", "too few", "no side", "no main"],
)
def test_one_of_the_side_follows_every_few_of_the_main(main: int, side: int, every: int, expected: str) -> None:
    group = mixed(counted("m", main), counted("s", side), every)  # type: ignore[arg-type]
    assert " ".join(map(str, group(0))) == expected


def test_each_group_takes_the_groups_of_its_own_number() -> None:
    group = mixed(counted("m", 1), counted("s", 1), 1)  # type: ignore[arg-type]
    assert [list(group(number)) for number in (7, 7, 8)] == [["m7.0", "s7.0"], ["m7.0", "s7.0"], ["m8.0", "s8.0"]]
