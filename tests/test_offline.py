"""Ingest and ask with every way to another machine cut: the product may not need, or even try, one."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from small_handbook import VACATION_EN, VACATION_ES, VACATION_FACT, write_handbook

# An audit hook sees what any library in the process does with sockets, and cannot be taken out again.
GUARD = """
import os, sys

def _is_local(address):
    if not isinstance(address, tuple):
        return True  # a path: a Unix socket
    return str(address[0]) in ("127.0.0.1", "::1", "localhost")

def _forbid(what):
    os.write(2, f"NETWORK: {what}\\n".encode())
    os._exit(99)

def _watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and not _is_local(arguments[-1]):
        _forbid(f"{event} {arguments[-1]}")
    names = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyname_ex", "socket.gethostbyaddr")
    if event in names and arguments[0] not in (None, "127.0.0.1", "::1", "localhost", b"localhost"):
        _forbid(f"{event} {arguments[0]}")

sys.addaudithook(_watch)
"""
# Native code (the encoder's runtime, Chroma) opens sockets behind Python's back: the kernel kills the process that
# calls connect(2), which a name look-up does too. Classic BPF, see seccomp(2).
KERNEL_GUARD = """
import ctypes, platform, struct

CONNECT = {"x86_64": 42, "aarch64": 203}[platform.machine()]
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
KILL_PROCESS, ALLOW = 0x80000000, 0x7FFF0000
program = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (LOAD, 0, 0, 0),  # the number of the system call
        (JUMP_IF_EQUAL, 0, 1, CONNECT),
        (RETURN, 0, 0, KILL_PROCESS),
        (RETURN, 0, 0, ALLOW),
    )
)
buffer = ctypes.create_string_buffer(program)
filter_program = ctypes.create_string_buffer(struct.pack("HP", len(program) // 8, ctypes.addressof(buffer)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, filter_program, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
"""
HAS_SECCOMP = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")
FARO = f"{KERNEL_GUARD if HAS_SECCOMP else ''}\n{GUARD}\nfrom api.cli import main\nmain(sys.argv[1:])\n"


def run_alone(program: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``program`` with nothing in its environment but a fresh home and the place of the index."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {"HOME": str(home), "FARO_INDEX": str(folder / "index"), "PYTHONIOENCODING": "utf-8"}
    if os.name == "nt":
        environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]  # no socket without it
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, cwd=folder, capture_output=True, text=True
    )


@pytest.mark.parametrize(
    "attempt",
    [
        "import urllib.request; urllib.request.urlopen('http://example.com')",
        "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "import httpx; httpx.get('http://192.0.2.1', timeout=1)",
    ],
    ids=["name", "tcp", "udp", "httpx"],
)
def test_the_guard_catches_every_way_out(tmp_path: Path, attempt: str) -> None:
    finished = run_alone(f"{GUARD}\n{attempt}", folder=tmp_path)
    assert (finished.returncode, finished.stderr.startswith("NETWORK: ")) == (99, True)


def test_the_guard_lets_loopback_pass(tmp_path: Path) -> None:
    attempt = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    assert run_alone(f"{GUARD}\n{attempt}", folder=tmp_path).returncode == 0


@pytest.mark.skipif(not HAS_SECCOMP, reason="needs Linux's seccomp")
def test_the_kernel_guard_catches_native_code(tmp_path: Path) -> None:
    attempt = "ctypes.CDLL(None).connect(9, None, 0)"
    assert run_alone(f"{KERNEL_GUARD}\n{attempt}", folder=tmp_path).returncode == -signal.SIGSYS
    assert run_alone(f"{KERNEL_GUARD}\nprint('alive')", folder=tmp_path).stdout == "alive\n"


@pytest.mark.slow
def test_ingest_and_ask_need_no_network_no_environment_and_no_home(tmp_path: Path) -> None:
    handbook = write_handbook(tmp_path / "handbook")

    ingested = run_alone(FARO, "ingest", str(handbook), folder=tmp_path)
    assert ingested.returncode == 0, ingested.stderr

    for question, language in ((VACATION_ES, "es"), (VACATION_EN, "en")):
        asked = run_alone(FARO, "ask", question, "--json", folder=tmp_path)
        assert asked.returncode == 0, asked.stderr
        answer = json.loads(asked.stdout)
        assert answer["language"] == language
        assert VACATION_FACT in answer["answer"]

    left_behind = [path.relative_to(tmp_path) for path in (tmp_path / "home").rglob("*")]
    assert left_behind == []  # nothing was downloaded, cached or noted there, no identifier either
