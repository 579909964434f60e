"""The page's HTTP client of the API: the handbook's facts and questions answered as a stream."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import ceil
from types import TracebackType
from typing import Final, Literal, Self, TypeVar

import httpx
from httpx_sse import EventSource, ServerSentEvent
from pydantic import BaseModel, ValidationError

from api.schema import AskRequest, AskResponse, DeltaEvent, Handbook

DEFAULT_ADDRESS: Final = "http://127.0.0.1:8000"

# The service sends a comment every 15 s while it works, so this much silence means that it hangs.
STREAM_SILENCE_SECONDS: Final = 60.0
CONNECT_SECONDS: Final = 3.0
# The first view waits for the handbook's facts; without them it shows all the same.
HANDBOOK_SECONDS: Final = 4.0

ProblemKind = Literal[
    "unreachable", "timeout", "interrupted", "rate_limited", "too_long", "rejected", "unavailable", "failed"
]

Model = TypeVar("Model", bound=BaseModel)

_FAULTS_OF_THE_QUESTION: Final[frozenset[ProblemKind]] = frozenset({"rejected", "too_long"})
_KIND_OF_STATUS: Final[dict[int, ProblemKind]] = {
    HTTPStatus.BAD_REQUEST: "rejected",
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_long",
    HTTPStatus.UNPROCESSABLE_ENTITY: "rejected",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limited",
    HTTPStatus.BAD_GATEWAY: "failed",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout",
}


class ApiError(Exception):
    """The API did not answer. ``kind`` chooses the words shown; ``retry_after_seconds`` is set if the API named it."""

    def __init__(self, kind: ProblemKind, detail: str = "", *, retry_after_seconds: int | None = None) -> None:
        self.kind = kind
        self.detail = detail
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"{kind}: {detail}")

    @property
    def can_retry(self) -> bool:
        """Whether the same question may be answered when it is asked again."""
        return self.kind not in _FAULTS_OF_THE_QUESTION


class Client:
    """Speaks to the API at ``address``. Thread-safe; holds connections, so close it or use it in a ``with``."""

    def __init__(self, address: str = DEFAULT_ADDRESS) -> None:
        self.address = address
        self._http = httpx.Client(
            base_url=address.rstrip("/"),
            timeout=httpx.Timeout(STREAM_SILENCE_SECONDS, connect=CONNECT_SECONDS),
            # The address is given: a proxy meant for the internet must not come between two local processes.
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def handbook(self) -> Handbook:
        """What the handbook is. Raises ApiError."""
        try:
            response = self._http.get("/v1/handbook", timeout=HANDBOOK_SECONDS)
        except httpx.HTTPError as error:
            raise _transport_error(error) from error
        _raise_for_status(response)
        return _parse(Handbook, response.text)

    def ask(
        self, request: AskRequest, *, visitor: str | None = None
    ) -> Generator[DeltaEvent | AskResponse, None, None]:
        """The answer as it is written: pieces of text, then, last, the whole answer. Raises ApiError.

        ``visitor`` is the address of the person who asks, so that the API limits each one and not the page as a whole.
        """
        headers = {"Accept": "text/event-stream"}
        if visitor:
            headers["X-Forwarded-For"] = visitor
        body = request.model_dump(mode="json", exclude_none=True)
        try:
            with self._http.stream("POST", "/v1/ask/stream", json=body, headers=headers) as response:
                if response.status_code != HTTPStatus.OK:
                    response.read()
                    _raise_for_status(response)
                yield from _read_answer(EventSource(response).iter_sse())
        except httpx.HTTPError as error:
            raise _transport_error(error) from error


def parse_retry_after(value: str | None, now: datetime) -> int | None:
    """Whole seconds to wait, from a ``Retry-After`` of either form (RFC 9110, 10.2.3); None if it says nothing."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, ceil((moment - now).total_seconds()))


def _read_answer(events: Iterable[ServerSentEvent]) -> Iterator[DeltaEvent | AskResponse]:
    for event in events:
        if event.event == "delta":
            yield _parse(DeltaEvent, event.data)
        elif event.event == "done":
            yield _parse(AskResponse, event.data)
            return
        elif event.event == "error":
            raise _stream_error(event.data)
    raise ApiError("interrupted", "the stream ended before the answer did")


class _StreamProblem(BaseModel):
    """What is needed of the problem that an ``error`` event carries."""

    status: int = HTTPStatus.INTERNAL_SERVER_ERROR
    detail: str = ""


def _stream_error(data: str) -> ApiError:
    problem = _parse(_StreamProblem, data)
    return ApiError(_KIND_OF_STATUS.get(problem.status, "failed"), problem.detail)


def _raise_for_status(response: httpx.Response) -> None:
    if response.status_code == HTTPStatus.OK:
        return
    raise ApiError(
        _KIND_OF_STATUS.get(response.status_code, "failed"),
        f"HTTP {response.status_code}",
        retry_after_seconds=parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC)),
    )


def _transport_error(error: httpx.HTTPError) -> ApiError:
    kind: ProblemKind = "interrupted"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
        kind = "unreachable"
    elif isinstance(error, httpx.TimeoutException):
        kind = "timeout"
    return ApiError(kind, str(error))


def _parse(model: type[Model], text: str) -> Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise ApiError("failed", f"not the answer of this API: {error.error_count()} bad fields") from error
