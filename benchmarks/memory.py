"""Memory and processor time of a process, as the system counts them; only the standard library is imported."""

from __future__ import annotations

import os
from pathlib import Path


def resident_mb(process: int | str = "self") -> float | None:
    """Memory that a process holds now, in MB; None where the system has no /proc."""
    return _status_mb(process, "VmRSS")


def peak_mb(process: int | str = "self") -> float | None:
    """Most memory that a process has held since it began, in MB; None where the system has no /proc.

    Not ``getrusage``: its figure for a child begins with what the parent held.
    """
    return _status_mb(process, "VmHWM")


def processor_seconds(process: int | str = "self") -> float | None:
    """Time that all threads of a process have spent on a core; None where the system has no /proc."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the command's name, in parentheses, may hold spaces
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status_mb(process: int | str, field: str) -> float | None:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")), None)
