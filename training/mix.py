"""Two kinds of batches in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from training.loop import Step

Groups = Callable[[int], Iterator[Step]]


def mixed(main: Groups, side: Groups, every: int) -> Groups:
    """Groups of ``main``'s batches with one of ``side``'s after every ``every`` of them, while the group has any."""

    def group(number: int) -> Iterator[Step]:
        others = side(number)
        for count, step in enumerate(main(number), start=1):
            yield step
            if count % every == 0:
                other = next(others, None)
                if other is not None:
                    yield other

    return group
