"""The `faro` command."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO

import typer

from rag.errors import ChatModelError, FaroError, IndexUnavailableError, IngestError, QuestionError, SettingsError

if TYPE_CHECKING:
    from api.supervise import Service
    from rag.settings import Settings

# What the exit code says. Commands import what they need when they run: `faro --help` must not wait for a model.
EXIT_CODES: dict[int, str] = {
    0: "done; for `ask`: the handbook answers",
    1: "something else failed; the message says what",
    2: "the command line, a setting or the question cannot be taken",
    3: "`ask`: the handbook does not say; `search`: nothing found",
    4: "there is no usable index: run `faro ingest`",
    5: "the handbook could not be ingested",
    6: "the chat model failed",
}
EXIT_FAILED, EXIT_USAGE, EXIT_NOT_FOUND, EXIT_NO_INDEX, EXIT_INGEST, EXIT_CHAT_MODEL = range(1, 7)
EXIT_OF_ERROR: tuple[tuple[type[FaroError], int], ...] = (
    (SettingsError, EXIT_USAGE),
    (QuestionError, EXIT_USAGE),
    (IndexUnavailableError, EXIT_NO_INDEX),
    (IngestError, EXIT_INGEST),
    (ChatModelError, EXIT_CHAT_MODEL),
)

SECONDS_OF_GRACE = 5  # for answers under way when the server is told to stop
LOGGED_PACKAGES = ("api", "rag", "ingest", "uvicorn")
MOST_STDIN_BYTES = 64 * 1024

EPILOG = "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + "."

app = typer.Typer(
    help="Ask the company handbook, in Spanish or English, and get cited answers. Offline.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")]


def _not_empty(value: Path | str | None) -> Path | str | None:
    """An empty argument is a variable that was not set: neither this folder nor every network is meant."""
    if value is not None and not str(value).strip():
        raise typer.BadParameter("it is empty; leave it out or give a value")
    return value


HostOption = Annotated[
    str | None,
    typer.Option(help="Address to listen on (FARO_HOST).", show_default=False, callback=_not_empty),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Go on even where most of the indexed pages would vanish.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; always ends with SystemExit, its code one of EXIT_CODES."""
    _open_closed_streams()
    _print_anything()
    given = list(arguments) if arguments is not None else None
    try:
        code = app(args=given, prog_name="faro", standalone_mode=False)
    except typer.TyperException as error:
        code = EXIT_USAGE
        if said := error.format_message().rstrip("."):  # without a command the help has been shown
            _fail(f"{said}; see `faro --help` and `faro COMMAND --help`", code)
    except FaroError as error:
        code = _fail(str(error), next((code for kind, code in EXIT_OF_ERROR if isinstance(error, kind)), EXIT_FAILED))
    except OSError as error:  # what commands read and write has errors of its own; this is standard output
        code = _fail(f"cannot read or write {error.filename or 'the output'} ({error.strerror})", EXIT_FAILED)
        sys.stdout = _nowhere("w")  # the rest cannot be written either
    sys.exit(code)


def _fail(message: str, code: int) -> int:
    """Say in one line what went wrong; ``code`` as it came."""
    line = " ".join(message.split())
    typer.echo(f"faro: {''.join(letter if letter.isprintable() else '?' for letter in line)}", err=True)
    return code


def _open_closed_streams() -> None:
    """A service manager may start a program without streams: then what is written goes nowhere."""
    # In this order the system gives them the numbers that C libraries write to.
    sys.stdin = sys.stdin or _nowhere("r")
    sys.stdout = sys.stdout or _nowhere("w")
    sys.stderr = sys.stderr or _nowhere("w")


def _nowhere(mode: Literal["r", "w"]) -> TextIO:
    return Path(os.devnull).open(mode, encoding="utf-8")  # for as long as the process lasts


def _print_anything() -> None:
    """A terminal that cannot show a character gets a question mark, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("faro-handbook"))
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def ingest(
    directory: Annotated[
        str | None,
        typer.Argument(
            metavar="[DIR]", help="The handbook's folder (FARO_HANDBOOK).", show_default=False, callback=_not_empty
        ),
    ] = None,
    force: ForceOption = False,
    include_drafts: Annotated[
        bool, typer.Option("--include-drafts", help="Index pages marked as drafts too (FARO_INCLUDE_DRAFTS).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make the index equal to a folder of Markdown. Only what changed is read again."""
    settings = _settings(handbook=directory, include_drafts=include_drafts or None)

    from api.output import show_progress, show_report
    from ingest.sync import ingest as make_index
    from rag.embedding import available_threads, load_encoder

    with show_progress() as progress:
        encoder = load_encoder(settings.encoder, threads=available_threads())
        report = make_index(settings, encoder, force=force, progress=progress)
    if as_json:
        _print_json(report.as_dict())
    else:
        show_report(report)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question; - reads it from standard input.")],
    language: Annotated[
        Literal["auto", "es", "en"], typer.Option(help="Language of the answer; auto: the question's.")
    ] = "auto",
    audience: Annotated[
        Literal["candidate", "employee", "recruiter"] | None, typer.Option(help="Who asks.", show_default=False)
    ] = None,
    k: Annotated[int | None, typer.Option("-k", min=1, max=100, help="Passages to read.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from the index, with its sources."""
    settings = _settings()
    from api.output import show_answer
    from api.schema import AskResponse
    from rag.assemble import Engine
    from rag.types import Question

    spoken = None if language == "auto" else language
    options: dict[str, Any] = {} if k is None else {"k": k}
    answer = Engine(settings).ask(Question(_text(question), language=spoken, audience=audience, **options))
    if as_json:
        _print_json(AskResponse.model_validate(answer).model_dump(mode="json"))
    else:
        show_answer(answer)
    if answer.status == "not_found":
        raise typer.Exit(EXIT_NOT_FOUND)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for; - reads it from standard input.")],
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="Sections to show.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Show the sections nearest to a query, best first."""
    settings = _settings()
    from api.hits import search_hit
    from api.output import show_hits
    from api.schema import SearchResponse
    from rag.assemble import Engine

    engine = Engine(settings)
    hits = engine.search(_text(query), k)
    if as_json:
        found = [search_hit(hit) for hit in hits]
        version = str(engine.status()["index_version"])
        _print_json(SearchResponse(hits=found, index_version=version).model_dump(mode="json"))
    else:
        show_hits(hits)
    if not hits:
        raise typer.Exit(EXIT_NOT_FOUND)


@app.command()
def serve(
    host: HostOption = None,
    port: Annotated[int | None, typer.Option(help="Port of the API (FARO_PORT).", show_default=False)] = None,
) -> None:
    """Serve the HTTP API."""
    settings = _settings(host=host, port=port)
    from api.supervise import check_port

    check_port(settings.host, settings.port, "FARO_PORT or --port")
    _log_to_stderr(settings.log_level)
    import uvicorn

    from api.app import create_app
    from rag.assemble import Engine

    uvicorn.run(
        create_app(Engine(settings), settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # it would log queries; the application logs a line per request without them, at debug level
        server_header=False,
        ws="none",  # there is no WebSocket here to speak to
        timeout_graceful_shutdown=SECONDS_OF_GRACE,
    )


@app.command()
def ui(
    host: HostOption = None,
    port: Annotated[int | None, typer.Option(help="Port of the chat page (FARO_UI_PORT).", show_default=False)] = None,
) -> None:
    """Serve the chat page; it speaks to the API at FARO_API_URL."""
    settings = _settings(host=host, ui_port=port)
    from api.supervise import chat_service, check_port, run_together

    check_port(settings.host, settings.ui_port, "FARO_UI_PORT or --port")
    run_together([chat_service(settings)], _announce)


@app.command()
def up(
    handbook: Annotated[
        str | None,
        typer.Option(help="The handbook's folder (FARO_HANDBOOK).", show_default=False, callback=_not_empty),
    ] = None,
    host: HostOption = None,
    port: Annotated[int | None, typer.Option(help="Port of the API (FARO_PORT).", show_default=False)] = None,
    ui_port: Annotated[
        int | None, typer.Option(help="Port of the chat page (FARO_UI_PORT).", show_default=False)
    ] = None,
    force: ForceOption = False,
) -> None:
    """Ingest what changed, then serve the API and the chat page until Ctrl-C."""
    settings = _settings(handbook=handbook, host=host, port=port, ui_port=ui_port)
    from api.supervise import api_service, chat_service, check_port, faro_command, run_together

    check_port(settings.host, settings.port, "FARO_PORT or --port")
    check_port(settings.host, settings.ui_port, "FARO_UI_PORT or --ui-port")
    from ingest.sync import indexes_another_folder

    replace_all = force or indexes_another_folder(settings)
    ingested = subprocess.run(faro_command("ingest", str(settings.handbook), *["--force"] * replace_all), check=False)
    if ingested.returncode:
        raise typer.Exit(ingested.returncode)
    run_together([api_service(settings), chat_service(settings)], _announce)


def _announce(services: Sequence[Service]) -> None:
    """Print the addresses, apart from the messages of the services around them."""
    lines = [f"{service.name}: {service.address}" for service in services]
    typer.echo("\n".join(["", *lines, ""]))


def _settings(**overrides: Any) -> Settings:
    from rag.settings import load_settings

    try:
        return load_settings(**overrides)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f".env cannot be read ({error}); make it readable UTF-8 text, or remove it") from error


def _text(argument: str) -> str:
    """The question given as ``argument``, or what standard input holds for ``-``."""
    if argument != "-":
        return _respelled(argument)
    return sys.stdin.buffer.read(MOST_STDIN_BYTES).decode("utf-8", errors="replace")


def _respelled(argument: str) -> str:
    """``argument`` in UTF-8: where the locale is ASCII, Python hands on the bytes of other characters in disguise."""
    if not any("\udc80" <= character <= "\udcff" for character in argument):
        return argument
    return argument.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")


def _print_json(value: object) -> None:
    import json

    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _log_to_stderr(level: str) -> None:
    """Log the product's own packages; other libraries only warn, since their debug output may quote questions."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name.startswith(LOGGED_PACKAGES))
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=level.upper(), handlers=[handler]
    )


if __name__ == "__main__":
    main()
