"""A streamed answer: the engine's blocking events, carried out of a worker thread as server-sent events."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from fastapi.sse import ServerSentEvent

from api import schema
from api.engine import AnswerEngine
from api.problems import problem_of_error, unexpected_problem
from rag.errors import FaroError
from rag.events import Cited, Delta, Done, Event, Meta
from rag.types import Question

logger = logging.getLogger(__name__)


@asynccontextmanager
async def started_events(
    engine: AnswerEngine, question: Question, limiter: anyio.CapacityLimiter
) -> AsyncIterator[AsyncIterator[Event | Exception]]:
    """The events of one answer, once the first is there; what goes wrong before it is raised.

    The engine runs in a worker thread, of which ``limiter`` lends so many at once. When the client goes, the
    receiving end closes, and the thread stops at the engine's next event.
    """
    send, receive = anyio.create_memory_object_stream[Event | Exception](math.inf)
    work = partial(anyio.to_thread.run_sync, _pump, engine, question, send, abandon_on_cancel=True, limiter=limiter)
    worker = asyncio.ensure_future(work())
    try:
        first = await receive.receive()
        if isinstance(first, Exception):
            raise first
        yield _from_first(first, receive)
    finally:
        receive.close()
        worker.cancel()


async def _from_first(
    first: Event, rest: MemoryObjectReceiveStream[Event | Exception]
) -> AsyncIterator[Event | Exception]:
    yield first
    async for item in rest:
        yield item


def _pump(engine: AnswerEngine, question: Question, send: MemoryObjectSendStream[Event | Exception]) -> None:
    """Worker thread: hand the engine's events, or what it raised, to the event loop."""
    events: Iterator[Event] = iter(())
    try:
        events = engine.stream(question)
        for event in events:
            anyio.from_thread.run_sync(send.send_nowait, event)
    except anyio.BrokenResourceError:
        logger.debug("the client left before the answer's end")
    except Exception as error:  # noqa: BLE001 - carried to the event loop, which reports every kind
        anyio.from_thread.run_sync(send.send_nowait, error)
    finally:
        if isinstance(events, Generator):
            events.close()
        anyio.from_thread.run_sync(send.close)


def server_sent(event: Event | Exception, instance: str) -> ServerSentEvent:
    """``event`` as it travels; an exception becomes an ``error`` event. ``instance`` is the request's path."""
    match event:
        case Meta():
            return ServerSentEvent(event="meta", data=schema.MetaEvent.model_validate(event))
        case Delta():
            return ServerSentEvent(event="delta", data=schema.DeltaEvent.model_validate(event))
        case Cited():
            return ServerSentEvent(event="citation", data=schema.Citation.model_validate(event.citation))
        case Done():
            return ServerSentEvent(event="done", data=schema.AskResponse.model_validate(event.answer))
        case FaroError():
            return ServerSentEvent(event="error", data=problem_of_error(event, instance))
        case Exception():
            return ServerSentEvent(event="error", data=unexpected_problem(event, instance))
