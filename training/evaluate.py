"""One run over everything there is to measure: encoders, the teacher, BM25 and their fusion, on every task."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from rag.embedding import Encoder, load_encoder
from rag.lexicon import load_lexicon
from rag.settings import PROJECT_ROOT, load_settings
from training.compare import (
    Dense,
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
    """
    main = models[-1]
    lexicon = load_lexicon(main)
    dense: list[Dense] = [float_bert(TEACHER, teacher), *(served(_name(model), model) for model in models)]
    keywords = Keywords("BM25", lexicon)
    systems: list[System] = [keywords, *dense, Fused(f"{dense[-1].name} + BM25", dense[-1], keywords)]
    tasks = _tasks(load_encoder(str(main)), corpus, handbook, questions, texts)
    logger.info("%d tasks, %d systems", len(tasks), len(systems))
    rows = compare(systems, tasks)
    passage = _long_passage(load_encoder(str(main)), tasks)
    speeds = [speed(encoder, tasks[0].queries[:100], passage) for encoder in dense]
    write_report(rows, speeds, report)
    return f"{table(rows)}\n{speed_table(speeds)}"


def evaluate_forms(encoder: NeuralEncoder, served_folder: Path, work: Path) -> str:
    """The table of the forms of ``encoder``, measured on the product's own development questions."""
    loaded = load_encoder(str(served_folder))
    tasks = _tasks(loaded, None, None, None, served_folder)
    return forms_table(compare_forms(encoder, served_folder, work, tasks, _long_passage(loaded, tasks)))


def _tasks(
    encoder: Encoder, corpus: Path | None, handbook: Path | None, questions: Path | None, texts: Path
) -> list[Task]:
    size = load_settings().chunk_tokens
    tasks = handbook_tasks(
        "sample", PROJECT_ROOT / "data" / "handbook", EVAL / "sample" / "golden.jsonl", encoder, size
    )
    puquial = EVAL / "puquial"
    tasks += handbook_tasks("puquial", puquial / "handbook", puquial / "golden.jsonl", encoder, size)
    if handbook and questions:
        tasks += handbook_tasks(handbook.name, handbook, questions, encoder, size)
    if corpus:
        held = read_corpus(corpus)
        for pool in development_pools(held, texts):
            tasks += question_tasks(f"held-out {pool.name}", pool.texts, pool.questions)
        tasks += held_out_tasks(held)
    # Another corpus may hold nothing that was asked about, or a small one nothing out.
    return [task for task in tasks if task.queries]


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
