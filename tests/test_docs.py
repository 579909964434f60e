"""The documents keep up with the code: names, settings, routes, files; and the README's examples run."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient

from api.app import create_app
from api.cli import EXIT_CODES, app, main
from ingest.sync import ingest
from rag.assemble import Engine
from rag.embedding import load_encoder
from rag.settings import PROJECT_ROOT, Settings

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = [
    line for block in re.findall(r"```sh\n(.*?)```", README, re.S) for line in block.replace("\\\n", "").split("\n")
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(_env_file=None, index=tmp_path_factory.mktemp("docs") / "index")
    ingest(settings, load_encoder(settings.encoder))
    return settings


def test_readme_names_every_setting_with_its_meaning() -> None:
    for name, field in Settings.model_fields.items():
        row = next((line for line in README.splitlines() if line.startswith(f"| `FARO_{name.upper()}` |")), "")
        assert field.description is not None
        assert field.description in row


def test_readme_names_no_setting_that_does_not_exist() -> None:
    known = {f"FARO_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"FARO_[A-Z_]+", README)) <= known


def test_readme_names_every_command_and_option() -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        row = next(line for line in README.splitlines() if line.startswith(f"| `faro {command.callback.__name__}"))
        source = ast.parse((PROJECT_ROOT / "api" / "cli.py").read_text(encoding="utf-8"))
        function = next(
            node
            for node in ast.walk(source)
            if isinstance(node, ast.FunctionDef) and node.name == command.callback.__name__
        )
        options = {argument.arg for argument in function.args.args} - {"directory", "question", "query", "as_json", "k"}
        assert all(f"--{option.replace('_', '-')}" in row for option in options), (row, options)


def test_readme_names_every_exit_code() -> None:
    described = re.search(r"Exit codes: (.*?)\. Errors", README, re.S)
    assert described is not None
    assert {int(number) for number in re.findall(r"\b(\d)\b", described[1])} == set(EXIT_CODES)


def test_readme_names_every_route(sample: Settings) -> None:
    paths = create_app(Engine(sample), sample).openapi()["paths"]
    for path, methods in paths.items():
        for method in methods:
            assert f"`{method.upper()} {path}" in README


@pytest.mark.parametrize("folder", ["ingest", "rag", "api", "ui", "training"])
def test_readme_names_every_file_and_no_other(folder: str) -> None:
    section = README.split(f"### `{folder}/`", 1)[1].split("\n### ", 1)[0]
    named = set(re.findall(r"^- `(\w+\.py)`", section, re.M))
    assert named == {file.name for file in (PROJECT_ROOT / folder).glob("*.py")} - {"__init__.py"}


@pytest.mark.parametrize(
    "name", [name for name in re.findall(r"\]\(([^)#]+)\)", README) if not name.startswith("http")]
)
def test_readme_links_lead_somewhere(name: str) -> None:
    assert (PROJECT_ROOT / name).exists()


@pytest.mark.parametrize("line", [line for line in EXAMPLES if re.match(r"\.venv/bin/faro (ask|search)", line)])
def test_readme_questions_are_answered(
    sample: Settings, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FARO_INDEX", str(sample.index))
    arguments = shlex.split(line, comments=True)[1:]
    try:
        main(arguments)
    except SystemExit as stop:
        assert not stop.code
    printed = capsys.readouterr().out
    assert json.loads(printed)["status"] == "answered" if "--json" in arguments else "[1]" in printed


def test_readme_examples_call_the_command_where_it_is_installed() -> None:
    commands = [word for line in EXAMPLES for word in shlex.split(line, comments=True) if word.endswith("faro")]
    assert commands
    assert set(commands) == {".venv/bin/faro"}


def test_installing_is_quiet() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    installs = [line for line in makefile.splitlines() if re.search(r"(pip|uv pip) install ", line)]
    assert installs
    assert all("--quiet" in line for line in installs)


def test_readme_request_is_answered(sample: Settings) -> None:
    line = next(line for line in EXAMPLES if line.startswith("curl"))
    arguments = shlex.split(line)
    body = arguments[arguments.index("-d") + 1]
    path = next(argument for argument in arguments if argument.startswith("http")).partition(":8000")[2]
    with TestClient(create_app(Engine(sample), sample)) as client:
        response = client.post(path, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert response.json()["status"] == "answered"


def test_compose_file_is_private_healthy_and_uses_real_commands() -> None:
    services = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    assert set(services) == {"api", "chat"}
    for service in services.values():
        assert service["healthcheck"]["test"][0] == "CMD"
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert "faro" in " ".join(service["command"])


def test_image_does_not_run_as_root() -> None:
    lines = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER faro"]


def test_slim_lock_is_part_of_the_whole_one_and_has_no_torch() -> None:
    def pins(name: str) -> set[str]:
        text = (PROJECT_ROOT / name).read_text(encoding="utf-8")
        return set(re.findall(r"^([a-z0-9][\w.-]*==[\w.]+)", text, re.M))

    whole, slim = pins("requirements.lock"), pins("requirements-slim.lock")
    assert slim < whole
    assert not {pin for pin in whole if re.match(r"(torch|nvidia|cuda|triton)\b", pin)}
    assert not {pin for pin in slim if pin.startswith(("transformers", "sentence-transformers"))}


def test_torch_is_pinned_once() -> None:
    versions = {
        version
        for name in ("pyproject.toml", "Makefile", "Dockerfile")
        for version in re.findall(r"torch==([\d.]+)", (PROJECT_ROOT / name).read_text(encoding="utf-8"))
    }
    assert len(versions) == 1


@pytest.mark.parametrize("file", sorted(PROJECT_ROOT.glob("*/*.py")), ids=lambda file: "/".join(file.parts[-2:]))
def test_every_module_says_its_job_in_its_first_line(file: Path) -> None:
    first = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n\n")[0]
    assert first.endswith((".", ":", "...")), file
