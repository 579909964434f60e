"""Requests per second, latency, errors and memory of `faro serve`, driven over loopback by concurrent clients."""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.measure import child_environment, percentile
from benchmarks.memory import processor_seconds, resident_mb
from benchmarks.questions import QUESTIONS
from benchmarks.table import Cell, show
from benchmarks.workplace import add_work_option, indexed, work_folder
from rag.settings import PROJECT_ROOT, Settings

HOST = "127.0.0.1"
SECONDS_TO_START = 120.0
SECONDS_TO_ANSWER = 60.0
SECONDS_TO_STOP = 15.0
TEXTS = tuple(text for pair in zip(*QUESTIONS.values(), strict=True) for text in pair)
HEADERS = ("route, clients", "requests", "errors", "per s", "p50, ms", "p95, ms", "server's cores", "server, MB")


@dataclass(frozen=True, slots=True)
class Call:
    """A request."""

    method: str
    path: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a request. ``status`` 0: no answer."""

    status: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Server:
    """A running `faro serve` and the seconds from its start to its first 200 on /readyz."""

    process_id: int
    port: int
    seconds_to_ready: float


ROUTES = {
    "GET /healthz": [Call("GET", "/healthz")],
    "POST /v1/ask": [Call("POST", "/v1/ask", json.dumps({"question": text}).encode()) for text in TEXTS],
    "GET /v1/search": [Call("GET", f"/v1/search?{urlencode({'q': text})}") for text in TEXTS],
}
"""/healthz does nothing: it shows what the web server and these clients cost by themselves."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--pages", type=int, default=275, help="size of the handbook; 0 is the sample itself")
    parser.add_argument("--clients", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--requests", type=int, default=600, help="requests per figure")
    add_work_option(parser)
    options = parser.parse_args(arguments)
    with work_folder(options.work) as work:
        settings = indexed(work, options.pages)
        with serving(settings, work / "serve.log") as server:
            before = resident_mb(server.process_id)
            rows = [_row(name, server, clients, options.requests) for name in ROUTES for clients in options.clients]
            after = resident_mb(server.process_id)
    show("Load", HEADERS, rows)
    facts: list[list[Cell]] = [[server.seconds_to_ready, before, after]]
    show("The server", ("start to ready, s", "MB when ready", "MB after all requests"), facts)


def _row(name: str, server: Server, clients: int, requests: int) -> list[Cell]:
    drive(server.port, ROUTES[name], clients, clients)  # connections, threads and pages that only the first ones need
    spent = processor_seconds(server.process_id)
    began = time.perf_counter()
    replies = drive(server.port, ROUTES[name], clients, requests)
    seconds = time.perf_counter() - began
    cores = None if spent is None else ((processor_seconds(server.process_id) or spent) - spent) / seconds
    latencies = [reply.milliseconds for reply in replies]
    errors = sum(reply.status != 200 for reply in replies)
    spread = (percentile(latencies, 50), percentile(latencies, 95))
    memory = resident_mb(server.process_id)
    return [f"{name}, {clients}", len(replies), errors, len(replies) / seconds, *spread, cores, memory]


def drive(port: int, calls: Sequence[Call], clients: int, requests: int) -> list[Reply]:
    """Send ``requests`` in all from so many clients at once, each on a connection of its own, one after the other."""
    shares = [list(islice(cycle(calls), start, start + requests // clients)) for start in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        return [reply for replies in pool.map(lambda share: _client(port, share), shares) for reply in replies]


def _client(port: int, calls: Sequence[Call]) -> list[Reply]:
    # The standard library's client: it costs the shared processor a fraction of what a comfortable one does.
    connection = http.client.HTTPConnection(HOST, port, timeout=SECONDS_TO_ANSWER)
    try:
        return [_send(connection, call) for call in calls]
    finally:
        connection.close()


def _send(connection: http.client.HTTPConnection, call: Call) -> Reply:
    began = time.perf_counter()
    try:
        connection.request(call.method, call.path, call.body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        status = response.status
    except (OSError, http.client.HTTPException):
        connection.close()  # the next request connects anew
        status = 0
    return Reply(status, (time.perf_counter() - began) * 1000)


@contextmanager
def serving(settings: Settings, log: Path) -> Iterator[Server]:
    """`faro serve` over the index of ``settings``, without a rate limit, until the block ends."""
    port = _free_port()
    environment = child_environment(
        FARO_INDEX=str(settings.index), FARO_RATE_LIMIT="off", FARO_CHAT_MODEL="", FARO_LOG_LEVEL="warning"
    )
    command = [sys.executable, "-m", "api.cli", "serve", "--host", HOST, "--port", str(port)]
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=PROJECT_ROOT, env=environment, stdout=output, stderr=output)
    try:
        _wait_until_ready(port, process, log)
        yield Server(process.pid, port, time.perf_counter() - began)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Raises RuntimeError with the server's log when it ends or does not become ready."""
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        if _client(port, [Call("GET", "/readyz")])[0].status == 200:
            return
        time.sleep(0.02)
    raise RuntimeError(f"the server did not become ready:\n{log.read_text(encoding='utf-8')}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
