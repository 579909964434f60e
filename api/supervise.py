"""Child processes: the API and the chat page side by side, started, watched and stopped as one."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import httpx

from rag.errors import FaroError
from rag.settings import PROJECT_ROOT, Settings

SECONDS_TO_ANSWER = 120.0  # a slow disk and a large index; a child that dies is noticed at once
SECONDS_TO_STOP = 10.0  # more than the API's own grace for the answers under way
SECONDS_BETWEEN_LOOKS = 0.2
PROBE_TIMEOUT_SECONDS = 2.0
PYTHON = (sys.executable, "-P", "-m")  # -P: a folder `api` where the user stands must not hide ours
CHAT_PAGE = PROJECT_ROOT / "ui" / "chat.py"


class ServiceError(FaroError):
    """A process could not be started, or stopped by itself."""


@dataclass(frozen=True, slots=True)
class Service:
    """A child process: ``health_url`` answers 200 once it works; ``address`` is what a person opens."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    health_url: str
    address: str


def api_service(settings: Settings) -> Service:
    """The HTTP service."""
    command = faro_command("serve", "--host", settings.host, "--port", str(settings.port))
    address = f"http://{_reachable(settings.host)}:{settings.port}"
    return Service("API", command, {}, f"{address}/readyz", address)


def chat_service(settings: Settings) -> Service:
    """The chat page. Its flags keep it from phoning home, watching files and showing tracebacks."""
    command = (
        *(*PYTHON, "streamlit", "run", str(CHAT_PAGE)),
        *("--server.headless", "true"),
        *("--server.address", settings.host),
        *("--server.port", str(settings.ui_port)),
        *("--server.fileWatcherType", "none"),
        *("--browser.gatherUsageStats", "false"),
        *("--client.toolbarMode", "minimal"),
        *("--client.showErrorDetails", "none"),
    )
    address = f"http://{_reachable(settings.host)}:{settings.ui_port}"
    environment = {"FARO_API_URL": settings.api_url or f"http://{_reachable(settings.host)}:{settings.port}"}
    return Service("chat page", command, environment, f"{address}/_stcore/health", address)


def faro_command(*arguments: str) -> tuple[str, ...]:
    """The command line of another ``faro`` under this Python."""
    return (*PYTHON, "api.cli", *arguments)


def check_port(host: str, port: int, setting: str) -> None:
    """Raise ServiceError, naming ``setting``, where nothing can listen on ``host``:``port``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # a port just left may be taken again, as the servers themselves do
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            advice = f"set {setting} to a free port"
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                advice = "set FARO_HOST or --host to an address of this machine"
            raise ServiceError(f"cannot listen on {host}:{port} ({reason}); {advice}") from error


def run_together(services: Sequence[Service], announce: Callable[[Sequence[Service]], None]) -> None:
    """Start every service, ``announce`` them when all answer, and wait. Ctrl-C and SIGTERM stop them all.

    Returns after a stop that was asked for. Raises ServiceError when one stops by itself or never answers; the
    others are stopped then.
    """
    processes: dict[str, subprocess.Popen[bytes]] = {}
    with _sigterm_as_interrupt():
        try:
            for service in services:
                processes[service.name] = _spawn(service)
            _wait_until_answering(services, processes)
            announce(services)
            while True:
                _check_alive(processes)
                time.sleep(SECONDS_BETWEEN_LOOKS)
        except KeyboardInterrupt:
            return
        finally:
            _stop(list(processes.values()))


def _spawn(service: Service) -> subprocess.Popen[bytes]:
    """The service's process. Its messages are on standard error; a greeting on standard output would hide ours."""
    environment = os.environ | dict(service.environment)
    return subprocess.Popen(service.command, env=environment, stdout=subprocess.DEVNULL)


def _wait_until_answering(services: Sequence[Service], processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    waiting = list(services)
    with httpx.Client(trust_env=False, timeout=PROBE_TIMEOUT_SECONDS) as client:  # no proxy between us and ourselves
        while waiting:
            _check_alive(processes)
            waiting = [service for service in waiting if not _answers(client, service.health_url)]
            if waiting and time.monotonic() > deadline:
                raise ServiceError(f"the {waiting[0].name} does not answer at {waiting[0].health_url}")
            time.sleep(SECONDS_BETWEEN_LOOKS if waiting else 0)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx.TransportError:
        return False


def _check_alive(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for name, process in processes.items():
        code = process.poll()
        if code is not None:
            raise ServiceError(f"the {name} stopped with exit code {code}; its last messages say why")


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    with _signals_ignored():
        for process in processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + SECONDS_TO_STOP
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def _signals_ignored() -> Iterator[None]:
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _reachable(host: str) -> str:
    """The address to open a service that listens on ``host``."""
    if host in ("0.0.0.0", "::", ""):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
