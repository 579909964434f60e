"""Child processes that start, answer, die and stop together."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from api.supervise import Service, ServiceError, api_service, chat_service, check_port, run_together
from rag.settings import load_settings

SERVER = """
import http.server, sys, threading, time, os
class Ok(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *arguments): pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ok)
if len(sys.argv) > 2:
    threading.Timer(float(sys.argv[2]), lambda: os._exit(3)).start()
server.serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def server(name: str, *arguments: str) -> Service:
    port = str(free_port())
    address = f"http://127.0.0.1:{port}"
    return Service(name, (sys.executable, "-c", SERVER, port, *arguments), {}, address, address)


def is_listening(service: Service) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(service.address.rsplit(":", 1)[1]))) == 0


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_stops_all_after_all_answered(number: signal.Signals) -> None:
    services = [server("one"), server("two")]
    answering: list[bool] = []

    def announce(announced: Sequence[Service]) -> None:
        answering.extend(is_listening(service) for service in announced)
        os.kill(os.getpid(), number)
        time.sleep(1)

    run_together(services, announce)

    assert answering == [True] * 2
    assert not any(is_listening(service) for service in services)


def test_one_that_dies_stops_the_other_and_is_named() -> None:
    services = [server("lasting"), server("dying", "1.0")]
    with pytest.raises(ServiceError, match="the dying stopped with exit code 3"):
        run_together(services, lambda services: None)
    assert not any(is_listening(service) for service in services)


def test_one_that_never_starts_stops_the_other() -> None:
    broken = Service("broken", (sys.executable, "-c", "raise SystemExit(7)"), {}, "http://127.0.0.1:9", "")
    announced: list[Sequence[Service]] = []
    with pytest.raises(ServiceError, match="the broken stopped with exit code 7"):
        run_together([server("lasting"), broken], announced.append)
    assert announced == []


def test_a_busy_port_is_named_with_its_setting() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(ServiceError, match=f"127.0.0.1:{port}.*FARO_PORT"):
            check_port("127.0.0.1", port, "FARO_PORT")
    check_port("127.0.0.1", port, "FARO_PORT")


@pytest.mark.parametrize("host", ["203.0.113.7", "no host"], ids=["of another machine", "no address"])
def test_a_host_that_is_not_this_machine_is_blamed_on_its_own_setting(host: str) -> None:
    with pytest.raises(ServiceError, match="FARO_HOST"):
        check_port(host, 8000, "FARO_PORT")


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]"), ("box", "box")],
)
def test_a_service_is_reached_where_it_listens(host: str, address: str) -> None:
    settings = load_settings(host=host, port=81, ui_port=82)
    assert api_service(settings).address == f"http://{address}:81"
    assert chat_service(settings).address == f"http://{address}:82"
    assert chat_service(settings).environment["FARO_API_URL"] == f"http://{address}:81"


def test_the_chat_page_reaches_the_api_it_was_told() -> None:
    settings = load_settings(api_url="http://api.test")
    assert chat_service(settings).environment["FARO_API_URL"] == "http://api.test"


def test_the_chat_page_phones_nobody() -> None:
    command = " ".join(chat_service(load_settings()).command)
    for flag in ("--browser.gatherUsageStats false", "--server.headless true", "--server.fileWatcherType none"):
        assert flag in command
