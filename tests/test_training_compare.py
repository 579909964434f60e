"""Systems side by side: their scores, the table of all of them, and the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_corpus import TEXTS
from tiny_corpus import one_thread as one_thread
from tokenizers import Tokenizer
from word_encoder import WordEncoder

from rag.embedding import load_encoder
from rag.lexicon import make_lexicon
from rag.types import Language
from training.compare import (
    Dense,
    Fused,
    Keywords,
    Speed,
    System,
    compare,
    float_bert,
    served,
    speed,
    speed_table,
    table,
    write_report,
)
from training.export import write_folder
from training.network import load_bert
from training.tasks import Passage, Task
from training.vocabulary import make_tokenizer, teacher_pieces

LEXICON = make_lexicon({"boat": [("barc", 0.9)], "bread": [("pan", 0.8)]})


def task(queries: tuple[str, ...], query_language: Language = "es", passage_language: Language = "es") -> Task:
    passages = (Passage(("Mar",), "El barco verde."), Passage((), "El pan viejo."), Passage((), "La nube."))
    answers = (frozenset({0}), frozenset({1}))
    return Task("toy", queries, passages, answers, query_language, passage_language)


SPANISH = task(("¿qué barco?", "un pan"))


def words(name: str = "words") -> Dense:
    encoder = WordEncoder()
    return Dense(name, encoder.encode_passages, encoder.encode_passages)


@dataclass
class Fixed:
    """A system of given scores."""

    name: str
    values: list[list[float]]
    languages: tuple[Language, ...] = ("es",)

    def scores(self, task: Task) -> NDArray[np.float32]:
        return np.array(self.values, np.float32)


def test_dense_scores_are_cosines_of_queries_and_whole_passages() -> None:
    encoder = WordEncoder()
    scores = Dense("words", encoder.encode_passages, encoder.encode_passages).scores(SPANISH)
    expected = encoder.vector("un pan") @ encoder.vector("El pan viejo.")
    assert scores.shape == (2, 3)
    assert scores[1, 1] == pytest.approx(float(expected))
    assert "Mar\nEl barco verde." in encoder.embedded


def test_a_passage_is_encoded_once_and_a_query_as_a_query() -> None:
    passages, queries = WordEncoder(), WordEncoder()
    dense = Dense("words", queries.encode_passages, passages.encode_passages)
    first = dense.scores(SPANISH)
    assert np.array_equal(dense.scores(SPANISH), first)
    assert passages.embedded == [passage.whole for passage in SPANISH.passages]
    assert set(queries.embedded) == set(SPANISH.queries)


@pytest.mark.parametrize(
    ("queries", "language"),
    [(("¿qué barco?", "un pan"), "es"), (("which boat?", "the bread"), "en")],
    ids=["spanish", "english"],
)
def test_keywords_find_spanish_passages_from_both_languages(queries: tuple[str, ...], language: Language) -> None:
    scores = Keywords("BM25", LEXICON).scores(task(queries, language))
    assert scores.argmax(axis=1).tolist() == [0, 1]
    assert scores[:, 2].tolist() == [0, 0]


def test_keywords_read_headings() -> None:
    assert Keywords("BM25", LEXICON).scores(task(("mar", "pan"))).argmax(axis=1).tolist() == [0, 1]


def test_keywords_alone_or_fused_cannot_search_english_passages() -> None:
    rows = compare(systems(), [task(("boat", "bread"), "en", "en")])
    assert [row.system for row in rows] == ["words"]


def test_fused_scores_add_both_scaled_to_their_best() -> None:
    one = Fixed("one", [[4, 2, -1], [0, 0, 0]])
    other = Fixed("other", [[0.1, 0.2, 0], [0.5, 1, 0]])
    assert Fused("both", one, other).scores(SPANISH).tolist() == [[1.5, 1.5, 0.0], [0.5, 1.0, 0.0]]


def systems() -> list[System]:
    keywords = Keywords("BM25", LEXICON)
    return [keywords, words(), Fused("words + BM25", words(), keywords)]


def test_every_system_is_measured_on_every_task() -> None:
    rows = compare(systems(), [SPANISH, task(("which boat?", "the bread"), "en")])
    assert [row.system for row in rows] == ["BM25", "words", "words + BM25"] * 2
    assert {(row.queries, row.passages) for row in rows} == {(2, 3)}
    assert rows[0].figures["R@1"].mean == rows[2].figures["R@1"].mean == rows[3].figures["R@1"].mean == 1


def test_the_table_prints_every_system_and_names_a_task_once() -> None:
    lines = table(compare(systems(), [SPANISH])).splitlines()
    assert lines[0] == "| task | queries / passages | system | R@1 | R@5 | MRR@10 | nDCG@10 |"
    assert len({line.count("|") for line in lines}) == 1
    assert [line.split(" | ")[2] for line in lines[2:]] == ["BM25", "words", "words + BM25"]
    assert lines[2].startswith("| toy | 2 / 3 | BM25 | 1.000 ±0.000 |")
    assert [line.startswith("|  |  |") for line in lines[2:]] == [False, True, True]


def test_speed_times_single_queries_and_one_long_batch() -> None:
    calls: list[Sequence[str]] = []

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        calls.append(texts)
        return np.zeros((len(texts), 2), np.float32)

    measured = speed(Dense("words", encode, encode), ["a", "b"], "long passage", count=5)
    assert [len(call) for call in calls] == [1, 1, 5]
    assert len(set(calls[2])) == 5
    assert measured.system == "words"
    assert measured.query_ms >= 0
    assert measured.passages_a_second > 0


def test_the_table_of_speeds_prints_every_system() -> None:
    lines = speed_table([Speed("one", 1.26, 51.4), Speed("other", 12, 5)]).splitlines()
    assert lines[2:] == ["| one | 1.3 | 51 |", "| other | 12.0 | 5 |"]


def test_the_report_holds_the_tables_and_every_figure(tmp_path: Path) -> None:
    rows, speeds = compare(systems(), [SPANISH]), [Speed("words", 1.0, 2.0)]
    write_report(rows, speeds, tmp_path / "new" / "report")
    text = (tmp_path / "new" / "report" / "evaluation.md").read_text()
    assert table(rows) in text
    assert speed_table(speeds) in text
    content = json.loads((tmp_path / "new" / "report" / "evaluation.json").read_text())
    assert [row["system"] for row in content["quality"]] == ["BM25", "words", "words + BM25"]
    assert content["quality"][0]["figures"]["R@1"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert content["speed"] == [{"system": "words", "query_ms": 1.0, "passages_a_second": 2.0}]


def test_float_weights_and_the_served_graph_score_alike(teacher_folder: Path, tmp_path: Path) -> None:
    file = teacher_folder / "tokenizer.json"
    # The same numbers for the same pieces: the teacher's whole vocabulary, its unused piece too.
    tokenizer = Tokenizer.from_file(str(file))
    assert make_tokenizer(teacher_pieces(file), 64).get_vocab() == tokenizer.get_vocab()
    write_folder(load_bert(teacher_folder), file, tmp_path / "model", 64)
    one, other = float_bert("float", teacher_folder, 64), served("served", load_encoder(str(tmp_path / "model")))
    assert (one.encode_passages(TEXTS) * other.encode_passages(TEXTS)).sum(axis=1).min() > 0.98
