"""Hybrid retrieval: dense chunks, dense answer units and BM25, fused with weights per language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from numpy.typing import NDArray
from pydantic import PrivateAttr

from rag.embedding import Encoder
from rag.index import Snapshot
from rag.keyword import KeywordIndex, QueryWord, query_words
from rag.lexicon import Lexicon
from rag.types import Chunk, Hit, Language

Scores = NDArray[np.float32]

DENSE_DEPTH = 60
UNIT_DEPTH = 120
"""Chunks and units taken from the vector searches (more when more are asked for); those not returned count as the
weakest returned. Deeper searches cost time and changed no development figure."""


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """Share of each ranker in the fused score; they sum to one."""

    chunk: float
    unit: float
    sparse: float


FUSION_WEIGHTS: Mapping[Language, FusionWeights] = {
    "es": FusionWeights(chunk=0.35, unit=0.35, sparse=0.3),
    "en": FusionWeights(chunk=0.35, unit=0.35, sparse=0.3),
}
"""Tuned on the development questions of three handbooks; flat around the optimum, which is the same for both."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question as the rankers see it. ``vector`` has shape (dimensions,)."""

    text: str
    language: Language
    vector: Scores
    words: tuple[QueryWord, ...]


class HybridRetriever(BaseRetriever):
    """Searches one snapshot of the index. Safe to use from several threads."""

    snapshot: Any
    encoder: Any
    lexicon: Any
    language: Language = "es"
    k: int = 8
    _keyword: KeywordIndex = PrivateAttr()
    _positions: dict[str, int] = PrivateAttr()

    def __init__(self, *, snapshot: Snapshot, encoder: Encoder, lexicon: Lexicon, **options: Any) -> None:
        """Build the keyword index of ``snapshot``; everything else is read from it."""
        super().__init__(**{"snapshot": snapshot, "encoder": encoder, "lexicon": lexicon, **options})
        self._keyword = KeywordIndex(snapshot.chunks)
        self._positions = {chunk.id: position for position, chunk in enumerate(snapshot.chunks)}

    def prepare(self, text: str, language: Language) -> Query:
        """Encode and analyse a question once; ``search`` and the answerer share the result."""
        words = tuple(query_words(text, language, self.lexicon))
        return Query(text, language, self.encoder.encode_queries([text])[0], words)

    def search(self, text: str, language: Language, k: int) -> list[Hit]:
        """The ``k`` best chunks for a question, best first; scores in [0, 1]."""
        return self.search_prepared(self.prepare(text, language), k)

    def search_prepared(self, query: Query, k: int) -> list[Hit]:
        """``search`` for a question that is already encoded."""
        chunks = self.snapshot.chunks
        if not chunks:
            return []
        dense = self._dense(query.vector, max(k, DENSE_DEPTH))
        units = self._units(query.vector, max(k, UNIT_DEPTH))
        sparse = self._sparse(query.words)
        weights = FUSION_WEIGHTS[query.language]
        fused = np.clip(weights.chunk * dense + weights.unit * units + weights.sparse * sparse, 0, 1)
        order = [int(position) for position in np.argsort(-fused, kind="stable")[:k]]
        vectors = self.snapshot.unit_vectors([chunks[position].id for position in order])
        return [
            Hit(
                chunk=chunks[position],
                score=float(fused[position]),
                dense=float(dense[position]),
                sparse=float(sparse[position]),
                unit_scores=_similarities(vectors.get(chunks[position].id), query.vector),
            )
            for position in order
        ]

    @property
    def keyword(self) -> KeywordIndex:
        """The keyword index, for whoever weighs words by how rare the handbook makes them."""
        return self._keyword

    def _dense(self, vector: Scores, depth: int) -> Scores:
        found = self.snapshot.search_chunks(vector, depth)
        scores = np.full(len(self._positions), min((score for _, score in found), default=0.0), dtype=np.float32)
        for chunk_id, score in found:
            scores[self._positions[chunk_id]] = score
        return np.maximum(scores, 0.0)

    def _units(self, vector: Scores, depth: int) -> Scores:
        found = self.snapshot.search_units(vector, depth)
        scores = np.full(len(self._positions), min((score for _, _, score in found), default=0.0), dtype=np.float32)
        for chunk_id, number, score in found:
            position = self._positions[chunk_id]
            if not _belongs_to_another(self.snapshot.chunks[position], number):
                scores[position] = max(scores[position], score)
        return np.maximum(scores, 0.0)

    def _sparse(self, words: tuple[QueryWord, ...]) -> Scores:
        """BM25 as a share of its bound for the question, the words' summed inverse document frequency; in [0, 1].

        A share of the best chunk's score instead would call the best of many bad chunks perfect.
        """
        bound = float(self._keyword.weights(words).sum())
        scores = self._keyword.word_scores(words).sum(axis=0)
        return np.asarray(scores / bound if bound > 0 else scores, dtype=np.float32)

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        hits = self.search(query, self.language, self.k)
        return [_as_document(hit) for hit in hits]


def _belongs_to_another(chunk: Chunk, number: int) -> bool:
    """Whether unit ``number`` is the heading of a section below: a question near it wants that section, not this."""
    return chunk.units[number].kind == "heading" and chunk.units[0].kind != "heading"


def _similarities(vectors: Scores | None, query: Scores) -> tuple[float, ...]:
    return () if vectors is None else tuple(float(value) for value in np.clip(vectors @ query, -1, 1))


def _as_document(hit: Hit) -> Document:
    chunk = hit.chunk
    metadata = {
        "path": chunk.path,
        "title": chunk.title,
        "breadcrumb": list(chunk.breadcrumb),
        "url": chunk.url,
        "start_line": chunk.span.start_line,
        "end_line": chunk.span.end_line,
        "score": hit.score,
    }
    return Document(id=chunk.id, page_content=chunk.text, metadata=metadata)
