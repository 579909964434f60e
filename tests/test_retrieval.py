"""Hybrid retrieval over a real index, with the real encoder and lexicon."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.sync import ingest
from rag.embedding import load_encoder
from rag.index import IndexReader
from rag.lexicon import load_lexicon
from rag.retrieval import FUSION_WEIGHTS, HybridRetriever
from rag.settings import PROJECT_ROOT, Settings
from rag.types import Language

MODEL = PROJECT_ROOT / "data" / "model"
PAGES = {
    "vacaciones.md": "# Vacaciones\n\nTienes 15 días hábiles al año.\n\n## Bono\n\nEl bono es de $100.000.\n",
    "gastos.md": "# Gastos\n\nEnvía la boleta del taxi.\n\n- Taxi: hasta $20.000.\n- Hotel: hasta $80.000.\n",
    "mision.md": "# Misión\n\nPoner la tecnología al servicio de las personas.\n",
    "seguridad.md": "# Seguridad\n\nSi te roban el notebook, avisa de inmediato a soporte.\n",
}


@pytest.fixture(scope="module")
def retriever(tmp_path_factory: pytest.TempPathFactory) -> HybridRetriever:
    root: Path = tmp_path_factory.mktemp("retrieval")
    (root / "handbook").mkdir()
    for name, text in PAGES.items():
        (root / "handbook" / name).write_text(text, encoding="utf-8")
    encoder = load_encoder(str(MODEL))
    ingest(Settings(_env_file=None, handbook=root / "handbook", index=root / "index"), encoder)
    snapshot = IndexReader(root / "index", encoder).current()
    return HybridRetriever(snapshot=snapshot, encoder=encoder, lexicon=load_lexicon(MODEL))


@pytest.mark.parametrize(
    ("question", "language", "path"),
    [
        ("¿Cuántos días de vacaciones tengo?", "es", "vacaciones.md"),
        ("cuantos dias libres al ano", "es", "vacaciones.md"),
        ("How many days of holiday do I get?", "en", "vacaciones.md"),
        ("How do I get my taxi paid back?", "en", "gastos.md"),
        ("What is the mission?", "en", "mision.md"),
        ("misión", "es", "mision.md"),
        ("My laptop was stolen", "en", "seguridad.md"),
        ("me robaron el computador", "es", "seguridad.md"),
    ],
)
def test_the_right_page_comes_first_in_both_languages(
    retriever: HybridRetriever, question: str, language: Language, path: str
) -> None:
    assert retriever.search(question, language, 3)[0].chunk.path == path


def test_scores_fall_and_stay_in_range(retriever: HybridRetriever) -> None:
    hits = retriever.search("bono de vacaciones", "es", 50)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert len({hit.chunk.id for hit in hits}) == len(hits) == len(retriever.snapshot.chunks)


def test_each_hit_knows_how_near_its_units_are(retriever: HybridRetriever) -> None:
    for hit in retriever.search("taxi", "es", 5):
        assert len(hit.unit_scores) == len(hit.chunk.units)
    taxi = retriever.search("¿Hasta cuánto pagan el taxi?", "es", 1)[0]
    assert "axi" in taxi.chunk.units[taxi.unit_scores.index(max(taxi.unit_scores))].text


def test_it_is_a_langchain_retriever(retriever: HybridRetriever) -> None:
    documents = retriever.invoke("¿Cuál es la misión?")
    assert documents[0].metadata["path"] == "mision.md"
    assert documents[0].metadata["url"].startswith("/mision/") or "mision" in documents[0].metadata["url"]
    assert "personas" in documents[0].page_content


def test_fusion_weights_share_out_one() -> None:
    for weights in FUSION_WEIGHTS.values():
        assert weights.chunk + weights.unit + weights.sparse == pytest.approx(1.0)
