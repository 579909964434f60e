"""Imports one module and prints its seconds and the memory then resident as JSON; null where it is not installed."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from importlib.util import find_spec

from benchmarks.memory import resident_mb


def main(module: str) -> None:
    """Print ``[seconds, MB]`` for ``module``, or ``null``."""
    if find_spec(module.partition(".")[0]) is None:
        sys.stdout.write("null\n")
        return
    began = time.perf_counter()
    import_module(module)
    seconds = time.perf_counter() - began
    memory = resident_mb()
    sys.stdout.write(f"\n[{seconds}, {'null' if memory is None else memory}]\n")


if __name__ == "__main__":
    main(sys.argv[1])
