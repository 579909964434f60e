"""One run over everything there is to measure: encoders, the teacher, BM25 and their fusion, on every task."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from rag.embedding import Encoder, load_encoder
from rag.errors import FaroError
from rag.lexicon import load_lexicon
from rag.settings import PROJECT_ROOT, load_settings
from training.compare import (
    Fused,
    Keywords,
    System,
    compare,
    float_bert,
    served,
    speed,
    speed_table,
    table,
    write_report,
)
from training.corpus import read_corpus
from training.forms import compare_forms, forms_table
from training.network import Encoder as NeuralEncoder
from training.progress import development_pools
from training.tasks import Task, handbook_tasks, held_out_tasks, question_tasks

logger = logging.getLogger(__name__)

EVAL = PROJECT_ROOT / "data" / "eval"
TEACHER = "all-MiniLM-L6-v2"


def evaluate(
    models: Sequence[Path],
    teacher: Path,
    report: Path,
    corpus: Path | None,
    handbook: Path | None,
    questions: Path | None,
    texts: Path,
) -> str:
    """Measure, write the report to ``report`` and return its tables.

    The last of ``models`` is the one whose lexicon BM25 uses, and that is fused with it. ``corpus`` adds its held-out
    documents; ``handbook`` and ``questions`` add another handbook.

    Raises FaroError when only one of these two is given.
    """
    if (handbook is None) != (questions is None):
        raise FaroError("--handbook and --questions belong together: give both or neither.")
    encoders = [load_encoder(str(model)) for model in models]
    dense = [float_bert(TEACHER, teacher)]
    dense += [served(_name(model), encoder) for model, encoder in zip(models, encoders, strict=True)]
    keywords = Keywords("BM25", load_lexicon(models[-1]))
    systems: list[System] = [keywords, *dense, Fused(f"{dense[-1].name} + BM25", dense[-1], keywords)]
    tasks = _tasks(encoders[-1], corpus, handbook, questions, texts)
    logger.info("%d tasks, %d systems", len(tasks), len(systems))
    rows = compare(systems, tasks)
    passage = _long_passage(encoders[-1], tasks)
    speeds = [speed(encoder, tasks[0].queries[:100], passage) for encoder in dense]
    write_report(rows, speeds, report)
    return f"{table(rows)}\n{speed_table(speeds)}"


def evaluate_forms(encoder: NeuralEncoder, served_folder: Path, work: Path) -> str:
    """The table of the forms of ``encoder``, measured on the product's own development questions.

    Raises FaroError when the served folder was made from another encoder.
    """
    loaded = load_encoder(str(served_folder))
    pieces = json.loads((served_folder / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    if pieces != encoder.words.num_embeddings:
        raise FaroError(f"{served_folder} has {pieces} word pieces, the weights {encoder.words.num_embeddings}.")
    tasks = _own_tasks(loaded)
    return forms_table(compare_forms(encoder, served_folder, work, tasks, _long_passage(loaded, tasks)))


def _tasks(
    encoder: Encoder, corpus: Path | None, handbook: Path | None, questions: Path | None, texts: Path
) -> list[Task]:
    tasks = _own_tasks(encoder)
    if handbook and questions:
        tasks += handbook_tasks(handbook.name, handbook, questions, encoder, load_settings().chunk_tokens)
    if corpus:
        tasks += _corpus_tasks(corpus, texts)
    # Another corpus may hold nothing that was asked about, or a small one nothing out.
    return [task for task in tasks if task.queries]


def _own_tasks(encoder: Encoder) -> list[Task]:
    """The product's development questions."""
    size = load_settings().chunk_tokens
    handbooks = {"sample": PROJECT_ROOT / "data" / "handbook", "puquial": EVAL / "puquial" / "handbook"}
    return [
        task
        for name, handbook in handbooks.items()
        for task in handbook_tasks(name, handbook, EVAL / name / "golden.jsonl", encoder, size)
    ]


def _corpus_tasks(folder: Path, texts: Path) -> list[Task]:
    """Questions of the development pools, which chose the checkpoint, and tasks over the final test's documents."""
    corpus = read_corpus(folder)
    asked = [
        task
        for pool in development_pools(corpus, texts)
        for task in question_tasks(f"development {pool.name}", pool.texts, pool.questions)
    ]
    return asked + held_out_tasks(corpus)


def _long_passage(encoder: Encoder, tasks: Sequence[Task], tokens: int = 124) -> str:
    """Words of a task's passages that make about 128 tokens with the two special ones and a number before them."""
    words = " ".join(passage.text for passage in tasks[0].passages).split()
    low, high = 1, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        fits = encoder.count_tokens([" ".join(words[:middle])])[0] <= tokens
        low, high = (middle, high) if fits else (low, middle - 1)
    return " ".join(words[:low])


def _name(folder: Path) -> str:
    resolved = folder.resolve()
    return "Faro" if resolved == (PROJECT_ROOT / "data" / "model").resolve() else resolved.name
