"""Clocks, percentiles, and benchmarks run in fresh processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rag.settings import PROJECT_ROOT

# No benchmark may measure the network.
_QUIET = {"HF_HUB_OFFLINE": "1", "ORT_DISABLE_TELEMETRY": "1"}


def milliseconds(work: Callable[[], object]) -> float:
    """How long one call of ``work`` takes."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that ``percent`` of ``values`` do not exceed."""
    return float(np.percentile(values, percent))


def run_module(module: str, *arguments: str) -> Any:
    """What ``python -m module`` prints with ``report``, in a fresh process. Raises CalledProcessError."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=child_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        done.check_returncode()
    return json.loads(done.stdout.splitlines()[-1])


def report(values: object) -> None:
    """Print a child's measurements for ``run_module`` to read."""
    sys.stdout.write(f"\n{json.dumps(values)}\n")


def child_environment(**settings: str) -> Mapping[str, str]:
    """The environment of a child: no FARO_* setting of the person who measures, but the given ones."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FARO_")}
    return {**inherited, **_QUIET, **settings}
