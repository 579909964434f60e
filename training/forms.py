"""The forms the encoder could be served in, side by side: size, agreement, quality, latency, throughput, memory."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.embedding import load_encoder
from rag.settings import PROJECT_ROOT
from training.compare import served
from training.export import ONNX_FILE, SERVED, Form, onnx_graph, write_onnx
from training.measures import measure
from training.network import Encoder
from training.tasks import Task

FORMS: tuple[Form, ...] = (SERVED, "int8", "int8 per tensor", "int8 weights only", "float32")


@dataclass(frozen=True, slots=True)
class FormFigures:
    """One form's figures; ``agreement`` is the mean cosine with the float weights' vectors."""

    form: str
    megabytes: float
    load_seconds: float
    peak_megabytes: float
    query_ms: float
    passages_a_second: float
    agreement: float
    recall_at_1: float
    recall_at_5: float


def compare_forms(encoder: Encoder, model: Path, work: Path, tasks: Sequence[Task], passage: str) -> list[FormFigures]:
    """Write ``encoder`` in every form beside a copy of the ``model`` folder's other files, and measure each.

    Quality is averaged over ``tasks``; speed and memory come from a fresh process on one thread, the forms in turn.
    """
    folders: dict[Form, Path] = {}
    for form in FORMS:
        folder = work / re.sub(r"\W+", "-", form)
        shutil.copytree(model, folder, dirs_exist_ok=True)
        max_tokens = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))["max_seq_length"]
        write_onnx(onnx_graph(encoder, max_tokens, form), folder / ONNX_FILE)
        folders[form] = folder
    texts = [task.passages[0].whole for task in tasks] + [query for task in tasks for query in task.queries[:50]]
    exact = load_encoder(str(folders["float32"])).encode_passages(texts)
    rows = []
    for form, folder in folders.items():
        loaded = load_encoder(str(folder))
        dense = served(form, loaded)
        quality = [measure(task, dense.scores(task)) for task in tasks]
        timing = json.loads(
            subprocess.run(
                [sys.executable, "-m", "training.timing", str(folder.resolve()), tasks[0].queries[0], passage],
                check=True,
                cwd=PROJECT_ROOT,
                capture_output=True,
                text=True,
            ).stdout
        )
        rows.append(
            FormFigures(
                form=form,
                megabytes=(folder / ONNX_FILE).stat().st_size / 1e6,
                load_seconds=timing["load"],
                peak_megabytes=timing["peak"],
                query_ms=timing["query"],
                passages_a_second=timing["passages"],
                agreement=float((loaded.encode_passages(texts) * exact).sum(1).mean()),
                recall_at_1=statistics.mean(figures["R@1"].mean for figures in quality),
                recall_at_5=statistics.mean(figures["R@5"].mean for figures in quality),
            )
        )
    return rows


def forms_table(rows: Sequence[FormFigures]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| form | MB | load, s | peak MB | one query, ms | passages a second | agreement | R@1 | R@5 |",
        "| --- " * 9 + "|",
    ]
    for row in rows:
        lines.append(
            f"| {row.form} | {row.megabytes:.1f} | {row.load_seconds:.2f} | {row.peak_megabytes:.0f} "
            f"| {row.query_ms:.2f} | {row.passages_a_second:.0f} | {row.agreement:.4f} "
            f"| {row.recall_at_1:.3f} | {row.recall_at_5:.3f} |"
        )
    return "\n".join(lines) + "\n"
