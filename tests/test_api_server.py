"""The service and `faro up` as real processes over a real index."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from small_handbook import UNKNOWN, VACATION_EN, VACATION_ES, VACATION_FACT, write_handbook

SECONDS_TO_START = 60  # a few on an idle machine
SECONDS_TO_STOP = 10

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="stops processes with SIGTERM")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(*arguments: str, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    settings = {"FARO_INDEX": str(folder / "index"), "FARO_RATE_LIMIT": "off", "FARO_LOG_LEVEL": "debug"}
    with log.open("wb") as output:
        command = [sys.executable, "-P", "-m", "api.cli", *arguments]
        return subprocess.Popen(command, env=os.environ | settings, cwd=folder, stdout=output, stderr=subprocess.STDOUT)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"{url} does not answer:\n{log.read_text()}")


def stop(process: subprocess.Popen[bytes]) -> float:
    """Seconds from SIGTERM to the end of the process."""
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(SECONDS_TO_STOP)
    return time.monotonic() - started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("server")
    write_handbook(folder / "handbook")
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[tuple[httpx.Client, Path]]:
    """A server that was started without an index, then given one; and its log."""
    port, log = free_port(), folder / "serve.log"
    process = start("serve", "--port", str(port), folder=folder, log=log)
    try:
        base = f"http://127.0.0.1:{port}"
        wait_for(f"{base}/healthz", process, log)
        with httpx.Client(base_url=base, trust_env=False, timeout=30) as client:
            before = client.get("/readyz")
            assert (before.status_code, "faro ingest" in before.json()["detail"]) == (503, True)
            ingest = start("ingest", str(folder / "handbook"), folder=folder, log=folder / "ingest.log")
            assert ingest.wait(SECONDS_TO_START) == 0, (folder / "ingest.log").read_text()
            yield client, log
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def client(server: tuple[httpx.Client, Path]) -> httpx.Client:
    return server[0]


def test_it_becomes_ready_when_an_index_appears(client: httpx.Client) -> None:
    assert client.get("/readyz").status_code == 200
    handbook = client.get("/v1/handbook").json()
    assert (handbook["pages"], handbook["mode"]) == (3, "extractive")


@pytest.mark.parametrize(("question", "language"), [(VACATION_ES, "es"), (VACATION_EN, "en")], ids=["es", "en"])
def test_it_answers_with_the_exact_lines(client: httpx.Client, folder: Path, question: str, language: str) -> None:
    answer = client.post("/v1/ask", json={"question": question}).json()
    assert (answer["status"], answer["language"]) == ("answered", language)
    assert VACATION_FACT in answer["answer"]
    citation = answer["citations"][0]
    lines = (folder / "handbook" / citation["path"]).read_text(encoding="utf-8").splitlines()
    assert citation["quote"] in "\n".join(lines[citation["start_line"] - 1 : citation["end_line"]])


def test_it_does_not_say_what_the_handbook_does_not(client: httpx.Client) -> None:
    answer = client.post("/v1/ask", json={"question": UNKNOWN}).json()
    assert (answer["status"], answer["citations"]) == ("not_found", [])


def test_it_streams(client: httpx.Client) -> None:
    with client.stream("POST", "/v1/ask/stream", json={"question": VACATION_ES}) as response:
        text = "".join(response.iter_text())
    names = re.findall(r"^event: (\w+)$", text, re.MULTILINE)
    assert (names[0], names[-1]) == ("meta", "done")
    done = json.loads(text.rsplit("data: ", 1)[1])
    assert VACATION_FACT in done["answer"]


def test_it_searches(client: httpx.Client) -> None:
    hits = client.get("/v1/search", params={"q": "hotel por noche", "k": 3}).json()["hits"]
    assert hits[0]["path"] == "gastos.md"
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)


@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_a_body_too_large_gets_its_refusal(client: httpx.Client, size: int) -> None:
    response = client.post("/v1/ask", json={"question": "x" * size})
    assert (response.status_code, response.headers["content-type"]) == (413, "application/problem+json")


def test_a_client_that_leaves_does_no_harm(client: httpx.Client) -> None:
    for _ in range(5):
        with client.stream("POST", "/v1/ask/stream", json={"question": VACATION_ES}) as response:
            next(response.iter_bytes())
    assert client.get("/readyz").status_code == 200


def test_its_log_has_no_question_in_it(server: tuple[httpx.Client, Path]) -> None:
    client, log = server
    client.get("/v1/search", params={"q": "palabrasecreta"})
    client.post("/v1/ask", json={"question": "palabrasecreta"})
    client.post("/v1/ask/stream", json={"question": "palabrasecreta"})
    text = log.read_text(encoding="utf-8")
    assert "GET /v1/search 200" in text
    assert "palabrasecreta" not in text


def test_it_stops_in_seconds_even_with_a_client_connected(folder: Path) -> None:
    port, log = free_port(), folder / "stop.log"
    process = start("serve", "--port", str(port), folder=folder, log=log)
    wait_for(f"http://127.0.0.1:{port}/healthz", process, log)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as keep_alive:
        keep_alive.get("/healthz")
        assert stop(process) < SECONDS_TO_STOP
    assert "Traceback" not in log.read_text()


def test_up_serves_both_until_it_is_stopped(tmp_path: Path) -> None:
    handbook = write_handbook(tmp_path / "handbook")
    for name in ("api", "rag"):  # packages of the folder where the user stands
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not ours')")
    port, ui_port, log = free_port(), free_port(), tmp_path / "up.log"
    ports = ("--port", str(port), "--ui-port", str(ui_port))
    process = start("up", "--handbook", str(handbook), *ports, folder=tmp_path, log=log)
    addresses = [f"http://127.0.0.1:{port}", f"http://127.0.0.1:{ui_port}"]
    try:
        wait_for(f"{addresses[0]}/readyz", process, log)
        wait_for(f"{addresses[1]}/_stcore/health", process, log)
        deadline = time.monotonic() + SECONDS_TO_START
        announced = f"API: {addresses[0]}\nchat page: {addresses[1]}\n"
        while announced not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert announced in log.read_text()
        assert stop(process) < SECONDS_TO_STOP
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
    for address in addresses:
        with pytest.raises(httpx.TransportError):
            httpx.get(address, trust_env=False)
