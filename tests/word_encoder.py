"""A small real encoder for tests: texts that share words are near, and it remembers what it was asked to embed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass
class WordEncoder:
    """Bag of hashed words, L2-normalised."""

    name: str = "words"
    fingerprint: str = "f" * 64
    dimensions: int = 128
    max_tokens: int = 256
    embedded: list[str] = field(default_factory=list)

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded += texts
        return np.stack([self.vector(text) for text in texts])

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(_words(text)) for text in texts]

    def vector(self, text: str) -> NDArray[np.float32]:
        """The vector of one text, shape (dimensions,)."""
        vector = np.zeros(self.dimensions, dtype=np.float32)
        for word in _words(text):
            digest = hashlib.sha256(word.encode()).digest()
            vector[int.from_bytes(digest[:4], "big") % self.dimensions] += 1 if digest[4] % 2 else -1
        norm = float(np.linalg.norm(vector))
        return vector / norm if norm else vector


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
