"""The HTTP service: routes, and the application that serves them around one engine."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from api import schema
from api.engine import AnswerEngine
from api.hits import search_hit
from api.limits import QuestionLimiter, check_rate
from api.problems import MEDIA_TYPE, Border, install_problem_handlers
from api.streaming import server_sent, started_events
from rag.errors import IndexUnavailableError
from rag.events import Event
from rag.settings import Settings
from rag.types import LANGUAGES, Question, Turn

logger = logging.getLogger(__name__)

MOST_ANSWERS_AT_ONCE = 32  # fewer than the 40 worker threads: a chat model that hangs must not hold up /readyz


def create_app(engine: AnswerEngine, settings: Settings) -> FastAPI:
    """The application around ``engine``, which is warmed when the server starts; a missing index does not stop it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await anyio.to_thread.run_sync(_warm, engine)
        yield

    app = FastAPI(
        title="Faro",
        description="Cited answers from a company handbook, in Spanish and English.",
        version=version("faro-handbook"),
        lifespan=lifespan,
        docs_url=None,  # the framework's documentation pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # behind a proxy the redirect would name the wrong scheme and host
    )
    app.state.engine = engine
    app.state.settings = settings
    app.state.limiter = QuestionLimiter(settings.rate_limit)
    app.state.answering = anyio.CapacityLimiter(MOST_ANSWERS_AT_ONCE)
    app.include_router(_service_routes)
    app.include_router(_v1_routes)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=schema.MAX_BODY_BYTES)
    app.add_middleware(Border)
    install_problem_handlers(app)
    _describe_problems(app)
    return app


def _warm(engine: AnswerEngine) -> None:
    try:
        engine.status()
        engine.search("faro", 1)
    except IndexUnavailableError as error:
        logger.warning("not ready: %s", error)


def _describe_problems(app: FastAPI) -> None:
    """Let the OpenAPI document say that errors are problem documents (the framework calls them what answers are)."""
    document = app.openapi()
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


async def _engine(request: Request) -> AnswerEngine:
    engine: AnswerEngine = request.app.state.engine
    return engine


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


EngineDependency = Annotated[AnswerEngine, Depends(_engine)]
SettingsDependency = Annotated[Settings, Depends(_settings)]

_PROBLEM: dict[str, Any] = {"model": schema.Problem}
_ASK_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: _PROBLEM | {"description": "The body is not UTF-8, or nested too deeply."},
    413: _PROBLEM | {"description": f"The body is larger than {schema.MAX_BODY_BYTES} bytes."},
    415: _PROBLEM | {"description": "The body is not sent as JSON."},
    422: _PROBLEM | {"description": "The question cannot be taken; `errors` names the fields."},
    429: _PROBLEM | {"description": "Too many questions from this address; see `Retry-After`."},
    502: _PROBLEM | {"description": "The chat model failed."},
    503: _PROBLEM | {"description": "There is no index yet: run `faro ingest`."},
}
_READ_PROBLEMS: dict[int | str, dict[str, Any]] = {503: _ASK_PROBLEMS[503]}

_v1_routes = APIRouter(prefix="/v1", tags=["handbook"])
_service_routes = APIRouter(tags=["service"])


@_service_routes.get("/", include_in_schema=False)
def root() -> dict[str, str]:
    """What is here."""
    return {"name": "faro", "version": version("faro-handbook"), "openapi": "/openapi.json", "ready": "/readyz"}


@_service_routes.get("/healthz")
async def healthz() -> schema.Health:
    """The process is alive."""
    return schema.Health()


@_service_routes.get("/readyz", responses=_READ_PROBLEMS)
def readyz(engine: EngineDependency) -> schema.Health:
    """The index is loaded and questions can be answered."""
    engine.status()
    return schema.Health()


@_v1_routes.get("/handbook", responses=_READ_PROBLEMS)
def handbook(engine: EngineDependency, settings: SettingsDependency) -> schema.Handbook:
    """What is indexed, and how questions are answered."""
    status = engine.status()
    return schema.Handbook(
        title=settings.title or status.get("title"),
        pages=status["pages"],
        chunks=status["chunks"],
        index_version=status["index_version"],
        encoder=status["encoder"],
        mode=status["mode"],
        languages=list(LANGUAGES),
        max_question_chars=settings.max_question_chars,
    )


@_v1_routes.get("/search", responses=_ASK_PROBLEMS, dependencies=[Depends(check_rate)])
def search(
    engine: EngineDependency,
    q: Annotated[str, Query(description="What to look for.", examples=["vacaciones"])],
    k: Annotated[int, Query(ge=1, le=schema.MAX_K, description="How many sections to return.")] = 10,
    language: Annotated[schema.Language | None, Query(description="Language of the query, if known.")] = None,
) -> schema.SearchResponse:
    """The sections nearest to a query, best first."""
    version_before = engine.status()["index_version"]
    hits = engine.search(q, k, language)
    while version_before != (version_now := engine.status()["index_version"]):  # a new index took over amid the search
        version_before = version_now
        hits = engine.search(q, k, language)
    return schema.SearchResponse(hits=[search_hit(hit) for hit in hits], index_version=version_before)


@_v1_routes.post("/ask", responses=_ASK_PROBLEMS, dependencies=[Depends(check_rate)])
async def ask(request: Request, body: schema.AskRequest, engine: EngineDependency) -> schema.AskResponse:
    """The whole answer at once."""
    answer = await anyio.to_thread.run_sync(engine.ask, _question(body), limiter=request.app.state.answering)
    return schema.AskResponse.model_validate(answer)


async def _started(
    request: Request, body: Annotated[schema.AskRequest, Body()], engine: EngineDependency
) -> AsyncIterator[AsyncIterator[Event | Exception]]:
    async with started_events(engine, _question(body), request.app.state.answering) as events:
        yield events


@_v1_routes.post(
    "/ask/stream",
    response_class=EventSourceResponse,
    responses=_ASK_PROBLEMS,
    dependencies=[Depends(check_rate)],
)
async def ask_stream(
    request: Request, events: Annotated[AsyncIterator[Event | Exception], Depends(_started)]
) -> AsyncIterator[ServerSentEvent]:
    """The answer as it is made: `meta`, then `delta` and `citation`, then `done` with the whole answer.

    What goes wrong after the first event is an `error` event that carries a problem document, and the last.
    """
    async for event in events:
        yield server_sent(event, request.url.path)


def _question(body: schema.AskRequest) -> Question:
    options: dict[str, Any] = {} if body.k is None else {"k": body.k}
    return Question(
        text=body.question,
        language=None if body.language == "auto" else body.language,
        history=tuple(Turn(turn.role, turn.content) for turn in body.history),
        audience=body.audience,
        **options,
    )
