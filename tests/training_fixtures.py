"""What the tests of the training share, made once for all of them: the tiny corpus, its texts and its teacher.

Every test run loads this file, so that PyTorch is imported inside the fixtures only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from training.corpus import Corpus
    from training.network import Encoder


@pytest.fixture(scope="session")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny corpus. Only to be read, as is everything here of the whole session."""
    from tiny_corpus import write_corpus

    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="session")
def corpus(corpus_folder: Path) -> Corpus:
    """What is read from the tiny corpus."""
    from training.corpus import read_corpus

    return read_corpus(corpus_folder)


@pytest.fixture(scope="session")
def texts_folder(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions about the tiny corpus, and written texts and words."""
    from tiny_corpus import write_questions

    return write_questions(tmp_path_factory.mktemp("texts"), corpus_folder)


@pytest.fixture(scope="session")
def teacher_folder(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random teacher that knows the English words of the tiny corpus."""
    from tiny_corpus import write_teacher_of

    return write_teacher_of(tmp_path_factory.mktemp("teacher"), corpus_folder)


@pytest.fixture
def encoder(teacher_folder: Path) -> Encoder:
    """The teacher in float32, a new one for each test, which may train it."""
    import torch

    from training.network import load_bert

    encoder = load_bert(teacher_folder)
    encoder.precision = torch.float32
    return encoder
