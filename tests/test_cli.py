"""The `faro` command over a small handbook and a real index."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_handbook import PAGES, UNKNOWN, VACATION_EN, VACATION_ES, VACATION_FACT, write_handbook

from api.cli import EXIT_CODES, EXIT_OF_ERROR, main
from api.schema import AskResponse, SearchResponse
from rag import errors

HEAVY = ("chromadb", "onnxruntime", "langchain_core", "numpy", "fastapi", "streamlit", "uvicorn", "httpx", "pydantic")


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Faro = Callable[..., Outcome]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds a handbook and its index; tests that change it copy it."""
    folder = tmp_path_factory.mktemp("cli")
    write_handbook(folder / "handbook")
    environment = os.environ | {"FARO_INDEX": str(folder / "index")}
    command = [sys.executable, "-m", "api.cli", "ingest", str(folder / "handbook")]
    subprocess.run(command, env=environment, check=True, capture_output=True, cwd=folder)
    return folder


@pytest.fixture
def faro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Faro:
    """Run one command in this process, with an empty folder as its index unless the test sets another."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FARO_INDEX", str(tmp_path / "index"))

    def run(*arguments: str) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def with_index(faro: Faro, indexed: Path, monkeypatch: pytest.MonkeyPatch) -> Faro:
    monkeypatch.setenv("FARO_INDEX", str(indexed / "index"))
    return faro


def is_one_line(text: str) -> bool:
    return text.endswith("\n") and text.count("\n") == 1


def test_ingest_tells_what_it_did_and_then_that_nothing_changed(faro: Faro, tmp_path: Path) -> None:
    handbook = write_handbook(tmp_path / "handbook")
    first = faro("ingest", str(handbook))
    second = faro("ingest", str(handbook))
    (handbook / "gastos.md").unlink()
    third = faro("ingest", str(handbook))

    assert first.code == second.code == third.code == 0
    assert f"{len(PAGES)} pages added" in first.out
    assert first.err  # progress
    assert second.out.startswith(f"Nothing changed: {len(PAGES)} pages")
    assert "1 removed" in third.out


def test_ingest_as_json_prints_nothing_else(faro: Faro, tmp_path: Path) -> None:
    handbook = write_handbook(tmp_path / "handbook")
    (handbook / "roto.md").write_bytes(b"\xff\xfe\xff")
    report = json.loads(faro("ingest", str(handbook), "--json").out)
    assert report["pages"] == len(PAGES)
    assert sorted(report["added"]) == sorted(PAGES)
    assert [item["path"] for item in (*report["failed"], *report["skipped"])] == ["roto.md"]
    assert report["changed_index"] is True


def test_an_answer_needs_no_folder_once_indexed(with_index: Faro) -> None:
    outcome = with_index("ask", VACATION_ES)
    assert outcome.code == 0
    assert VACATION_FACT in outcome.out
    assert "Fuentes\n[1] Vacaciones › Días\n    vacaciones.md:9" in outcome.out


def test_an_english_question_gets_english_headings(with_index: Faro) -> None:
    outcome = with_index("ask", VACATION_EN)
    assert (outcome.code, "Sources\n[1]" in outcome.out) == (0, True)
    assert VACATION_FACT in outcome.out


def test_the_language_can_be_chosen(with_index: Faro) -> None:
    outcome = with_index("ask", VACATION_ES, "--language", "en", "--json")
    assert json.loads(outcome.out)["language"] == "en"


def test_an_answer_as_json_is_that_of_the_api(with_index: Faro) -> None:
    answer = AskResponse.model_validate_json(with_index("ask", VACATION_ES, "--json", "-k", "3").out)
    assert answer.status == "answered"
    assert answer.citations[0].path == "vacaciones.md"


def test_a_question_comes_from_standard_input(with_index: Faro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{VACATION_ES}\n".encode())))
    assert VACATION_FACT in with_index("ask", "-").out


def test_what_the_handbook_does_not_say_has_its_exit_code(with_index: Faro) -> None:
    outcome = with_index("ask", UNKNOWN, "--json")
    assert (outcome.code, json.loads(outcome.out)["status"]) == (3, "not_found")


def test_search_shows_places(with_index: Faro) -> None:
    outcome = with_index("search", "hotel por noche", "-k", "2")
    assert outcome.code == 0
    assert outcome.out.startswith("1. ")
    assert "gastos.md:" in outcome.out


def test_search_as_json_is_that_of_the_api(with_index: Faro) -> None:
    found = SearchResponse.model_validate_json(with_index("search", "hotel por noche", "--json").out)
    scores = [hit.score for hit in found.hits]
    assert found.hits[0].path == "gastos.md"
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ask", VACATION_ES], 4, "faro ingest"),
        (["search", "hotel"], 4, "faro ingest"),
        (["ask", "  "], 2, "empty"),
        (["ask", "¿?"], 2, "empty"),
        (["ask", "x" * 2001], 2, "2000"),
        (["ingest", "nowhere"], 5, "nowhere"),
    ],
    ids=["ask without index", "search without index", "blank", "no words", "too long", "no folder"],
)
def test_errors_are_one_line_and_an_exit_code(faro: Faro, arguments: list[str], code: int, said: str) -> None:
    outcome = faro(*arguments)
    assert outcome.code == code, outcome
    assert outcome.out == ""
    last = outcome.err.splitlines()[-1]
    assert last.startswith("faro: ")
    assert said in last


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask"],
        ["ask", "a", "-k", "0"],
        ["ask", "a", "-k", "101"],
        ["ask", "a", "--language", "fr"],
        ["search", "a", "-k", "101"],
        ["fly"],
    ],
    ids=" ".join,
)
def test_a_bad_command_line_is_refused(faro: Faro, arguments: list[str]) -> None:
    outcome = faro(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("faro: ")
    assert is_one_line(outcome.err)


@pytest.mark.parametrize(
    "arguments",
    [["ingest", ""], ["up", "--handbook", " "], ["serve", "--host", ""], ["ui", "--host", ""], ["up", "--host", ""]],
    ids=" ".join,
)
def test_an_empty_argument_is_refused(faro: Faro, tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "page.md").write_text("# Una página\n\nque nadie nombró.\n", encoding="utf-8")
    outcome = faro(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert is_one_line(outcome.err)


def test_without_a_command_the_help_is_shown(faro: Faro) -> None:
    outcome = faro()
    assert (outcome.code, outcome.err) == (2, "")
    assert "ingest" in outcome.out


def test_an_error_stays_on_one_line_whatever_the_path(faro: Faro) -> None:
    outcome = faro("ingest", "no\nsuch\x1b[31mfolder")
    assert outcome.code == 5
    assert is_one_line(outcome.err)
    assert "\x1b" not in outcome.err


def test_a_question_whose_locale_hides_its_characters_is_understood(with_index: Faro) -> None:
    in_disguise = VACATION_ES.encode().decode("ascii", errors="surrogateescape")
    assert VACATION_FACT in with_index("ask", in_disguise).out


@pytest.mark.parametrize("make", [lambda file: file.write_bytes(b"\xff\xfe"), Path.mkdir], ids=["binary", "folder"])
def test_an_env_file_that_is_none_is_no_traceback(faro: Faro, tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / ".env")
    outcome = faro("ask", "hola")
    assert outcome.code in (2, 4)
    assert is_one_line(outcome.err)


def test_a_bad_setting_is_named(faro: Faro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARO_PORT", "many")
    outcome = faro("ask", "a")
    assert outcome.code == 2
    assert is_one_line(outcome.err)
    assert "FARO_PORT='many'" in outcome.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATE_LIMIT", "0/minute"),
        ("RATE_LIMIT", "60/minute;10/second"),
        ("API_URL", "127.0.0.1:8000"),
        ("API_URL", "ftp://host"),
        ("CHAT_BASE_URL", "http://"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(
    faro: Faro, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"FARO_{name}", value)
    outcome = faro("ask", "a")
    assert outcome.code == 2
    assert is_one_line(outcome.err)
    assert f"FARO_{name}={value!r}: expected" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [(["serve", "--port"], "FARO_PORT"), (["ui", "--port"], "FARO_UI_PORT"), (["up", "--ui-port"], "FARO_UI_PORT")],
    ids=["serve", "ui", "up"],
)
def test_a_busy_port_is_named_before_anything_starts(faro: Faro, arguments: list[str], setting: str) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        outcome = faro(*arguments, str(busy.getsockname()[1]))
    assert outcome.code == 1
    assert is_one_line(outcome.err)
    assert setting in outcome.err


def test_the_version_is_that_of_the_package(faro: Faro) -> None:
    from importlib.metadata import version

    assert faro("--version").out.strip() == version("faro-handbook")


def test_the_help_lists_every_exit_code(faro: Faro) -> None:
    text = " ".join(faro("--help").out.split())
    assert all(f"{code} {meaning}".replace("`", "") in text.replace("`", "") for code, meaning in EXIT_CODES.items())


def test_every_exit_code_of_an_error_is_documented() -> None:
    assert {code for _, code in EXIT_OF_ERROR} <= EXIT_CODES.keys()
    assert all(issubclass(kind, errors.FaroError) for kind, _ in EXIT_OF_ERROR)


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    program = (
        "import sys\nfrom api.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"sys.exit(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    )
    started = time.monotonic()
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert finished.stderr.strip() == ""
    assert "ingest" in finished.stdout
    assert time.monotonic() - started < 2  # 0.2 s when the machine is idle


def test_a_bug_is_not_taken_for_success(faro: Faro, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(AttributeError):
        main(["ask", "-"])


def run_faro(*arguments: str, index: Path, **options: object) -> subprocess.Popen[bytes]:
    environment = os.environ | {"FARO_INDEX": str(index)}
    return subprocess.Popen([sys.executable, "-m", "api.cli", *arguments], env=environment, cwd=index.parent, **options)


@pytest.mark.skipif(os.name != "posix", reason="closes streams with the shell")
@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(tmp_path: Path, closed: str) -> None:
    handbook = write_handbook(tmp_path / "handbook")
    command = f'exec "$0" -m api.cli ingest "$1" {closed}'
    environment = os.environ | {"FARO_INDEX": str(tmp_path / "index")}
    finished = subprocess.run(["sh", "-c", command, sys.executable, str(handbook)], env=environment, cwd=tmp_path)
    assert finished.returncode == 0
    assert (tmp_path / "index" / "CURRENT").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [["ask", VACATION_ES], ["search", "hotel", "--json"], ["--help"]], ids=" ".join)
def test_an_output_that_cannot_be_written_is_said(indexed: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        process = run_faro(*arguments, index=indexed / "index", stdout=full, stderr=subprocess.PIPE)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert is_one_line(said.decode())
    assert said.startswith(b"faro: cannot ")


def test_a_closed_pipe_ends_quietly(indexed: Path) -> None:
    for extra in ([], ["--json"]):
        process = run_faro(
            "search", "hotel", *extra, index=indexed / "index", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        process.stderr.close()
        process.wait(60)


def test_output_is_plain_text_in_a_pipe_whatever_the_locale(indexed: Path) -> None:
    environment = os.environ | {"FARO_INDEX": str(indexed / "index"), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "api.cli", "ask", VACATION_ES]
    finished = subprocess.run(command, env=environment, cwd=indexed, capture_output=True)
    assert finished.returncode == 0
    assert b"23 d" in finished.stdout
    assert b"\x1b" not in finished.stdout
