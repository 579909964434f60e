"""A folder of synthetic handbooks and their indexes, which benchmarks share and may keep between runs."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.synthetic import SAMPLE, write_handbook
from ingest.sync import ingest
from rag.embedding import available_threads, load_encoder
from rag.settings import Settings


def add_work_option(parser: argparse.ArgumentParser) -> None:
    """Let the person name a folder in which handbooks and indexes are kept for the next run."""
    parser.add_argument(
        "--work", type=Path, help="folder that keeps handbooks and indexes; a temporary one if not given"
    )


@contextmanager
def work_folder(kept: Path | None) -> Iterator[Path]:
    """``kept``, or a temporary folder that goes away."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="faro-benchmark-") as folder:
        yield Path(folder)


def handbook_of(work: Path, pages: int) -> Path:
    """The synthetic handbook of so many pages in ``work``, or the sample itself for 0."""
    if not pages:
        return SAMPLE
    folder = work / f"handbook-{pages}"
    return folder if folder.exists() else write_handbook(folder, pages)


def settings_of(work: Path, pages: int) -> Settings:
    """Settings for that handbook and its index."""
    return default_settings(handbook_of(work, pages), work / f"index-{pages}")


def default_settings(handbook: Path, index: Path) -> Settings:
    """Every other setting at its default, whatever the .env file of the person who measures says."""
    return Settings(_env_file=None, handbook=handbook, index=index)  # type: ignore[call-arg]  # an option of its base


def indexed(work: Path, pages: int) -> Settings:
    """``settings_of``, with the index made equal to the handbook."""
    settings = settings_of(work, pages)
    ingest(settings, load_encoder(settings.encoder, threads=available_threads()), force=True)
    return settings
