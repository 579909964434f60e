"""One encoder's load time, memory, query and passage figures, in a process that imports only what serving imports."""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from benchmarks.memory import peak_mb
from rag.embedding import load_encoder

QUERIES = 60
PASSAGES = 40


def time_one(folder: str, query: str, passage: str) -> dict[str, float]:
    """Seconds to load, median milliseconds of a query, passages a second, and the process's peak memory in MB.

    The memory is zero where the system does not say.
    """
    load_encoder(folder)  # the libraries' own import is not the form's
    start = time.perf_counter()
    encoder = load_encoder(folder)
    load = time.perf_counter() - start
    queries = []
    for _ in range(QUERIES):
        start = time.perf_counter()
        encoder.encode_queries([query])
        queries.append(time.perf_counter() - start)
    start = time.perf_counter()
    encoder.encode_passages([f"{number} {passage}" for number in range(PASSAGES)])
    elapsed = time.perf_counter() - start
    return {
        "load": load,
        "query": 1000 * float(np.median(queries)),
        "passages": PASSAGES / elapsed,
        "peak": peak_mb() or 0.0,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(time_one(*sys.argv[1:4])))
