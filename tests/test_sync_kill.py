"""An ingest that is killed at any moment leaves an index that answers, and the next run repairs what is left."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from small_index import EXPENSES, VACATIONS, SmallIndex
from word_encoder import WordEncoder

from rag.index import IndexReader, Snapshot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL and the fork server"),
]

ROUNDS = 20
PAGES = 8
MOMENTS = (
    "clean",
    "_store",
    "create",
    "_upsert",
    "distances_to_nearest",
    "file_digests",
    "_sync_tree",
    "_free_name",
    "point_to",
    "_replace_text",
    "prune",
)
"""The steps of a run, in order, by the function that begins each."""
WATCHED = (
    "rag/versions.py",
    "ingest/publish.py",
    "ingest/build.py",
    "ingest/vectors.py",
    "ingest/sync.py",
    "rag/store.py",
)
"""Files whose function calls number the moments at which a run can be killed."""


class SlowEncoder(WordEncoder):
    """Takes its time, so that a kill can hit it."""

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray:
        time.sleep(0.02)
        return super().encode_passages(texts)


class Countdown:
    """Counts the calls into the watched files; kills its own process at number, or at function, ``at``."""

    def __init__(self, at: int | str | None) -> None:
        self.calls = 0
        self._at = at

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.endswith(WATCHED):
            self.calls += 1
            if self._at in {self.calls, frame.f_code.co_name}:
                os.kill(os.getpid(), signal.SIGKILL)


def run_ingest(root: Path, kill_at: int | str | None, counted: Any = None) -> None:
    """The child process: one ingest, killed at the call of that number or function."""
    countdown = Countdown(kill_at)
    sys.setprofile(countdown)
    SmallIndex(root, SlowEncoder()).ingest(progress=dawdle)
    sys.setprofile(None)
    if counted is not None:
        counted.value = countdown.calls


def dawdle(stage: str, done: int, total: int) -> None:
    if stage in {"write", "verify"}:
        time.sleep(0.01)


def write_state(small: SmallIndex, number: int) -> None:
    """One of two handbooks, by turns, with a page that tells the round."""
    pages = {f"p{n}": f"# Página {n}\n\nContenido {n} del estado {number % 2}.\n" for n in range(PAGES)}
    small.write(vacaciones=VACATIONS, gastos=EXPENSES, edicion=f"# Edición\n\nEsta es la ronda{number}.\n", **pages)


def state_of(snapshot: Snapshot, encoder: WordEncoder) -> int:
    """The round that ``snapshot`` holds; fails unless all of it belongs together and is found."""
    (edition,) = [chunk for chunk in snapshot.chunks if chunk.path == "edicion.md"]
    number = int(edition.text.split("ronda")[1].rstrip("."))
    contents = [chunk.text for chunk in snapshot.chunks if chunk.path.startswith("p")]
    assert len(contents) == PAGES
    assert all(f"estado {number % 2}" in text for text in contents)
    for chunk in snapshot.chunks:
        ((found, score),) = snapshot.search_chunks(encoder.vector(chunk.embedding_text), 1)
        assert (found, round(score, 3)) == (chunk.id, 1)
        assert len(snapshot.unit_vectors([chunk.id])[chunk.id]) == len(chunk.units)
    assert len(snapshot.search_units(encoder.vector("hotel"), 999)) == snapshot.manifest.units
    return number


def measure(context: ForkServerContext, root: Path) -> tuple[int, float]:
    """How many watched calls, and seconds, one whole run takes."""
    counted = context.Value("i", 0)
    started = time.monotonic()
    child = context.Process(target=run_ingest, args=(root, None, counted))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    return counted.value, time.monotonic() - started


def run_and_kill(context: ForkServerContext, root: Path, *, at: int | str | None, seconds: float) -> int | None:
    """Kill a run at a call, or after some seconds; the exit code of its process."""
    child = context.Process(target=run_ingest, args=(root, at))
    child.start()
    child.join(seconds)
    child.kill()
    child.join(60)
    return child.exitcode


@pytest.fixture
def context() -> ForkServerContext:
    """Processes that start with everything imported, in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingest.sync", "chromadb", "langchain_chroma", "small_index"])
    return context


def test_a_kill_at_any_step_leaves_an_index_that_answers(tmp_path: Path, context: ForkServerContext) -> None:
    small = SmallIndex(tmp_path)
    write_state(small, 0)
    small.ingest()
    for number, moment in enumerate(MOMENTS, 1):
        write_state(small, number)
        assert run_and_kill(context, tmp_path, at=moment, seconds=60) == -signal.SIGKILL
        published = moment == "prune"
        assert state_of(small.snapshot(), small.encoder) == (number if published else number - 1)
        assert small.ingest().changed_index is not published
        assert state_of(small.snapshot(), small.encoder) == number
        assert not list(small.index.glob("*.tmp"))


def test_a_kill_at_any_moment_leaves_an_index_that_answers(tmp_path: Path, context: ForkServerContext) -> None:
    chance = random.Random(20)
    small = SmallIndex(tmp_path)
    write_state(small, 0)
    small.ingest()
    lasting, answering = small.reader(), 0
    write_state(small, 0)
    (small.handbook / "p0.md").write_text("# Página 0\n\nContenido 0 del estado 0.\n\nMás.\n", encoding="utf-8")
    calls, seconds = measure(context, tmp_path)
    for number in range(1, ROUNDS + 1):
        write_state(small, number)
        if number % 2:
            run_and_kill(context, tmp_path, at=chance.randrange(1, calls), seconds=60)
        else:
            run_and_kill(context, tmp_path, at=None, seconds=chance.uniform(0.3, 1.1) * seconds)
        fresh = state_of(IndexReader(small.index, small.encoder).current(), small.encoder)
        assert state_of(lasting.current(), small.encoder) == fresh
        assert fresh in {answering, number}
        answering = fresh
    write_state(small, 99)
    assert small.ingest().changed_index
    assert state_of(lasting.current(), small.encoder) == 99
    assert not small.ingest().changed_index
    assert not list(small.index.glob("*.tmp"))
    assert len(small.versions()) <= 2
