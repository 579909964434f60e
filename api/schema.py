"""What travels over HTTP: the pydantic types of requests, answers, events and problems. Imports pydantic only."""

from __future__ import annotations

from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

Language = Literal["es", "en"]
Audience = Literal["candidate", "employee", "recruiter"]
Status = Literal["answered", "not_found", "unverified"]
Mode = Literal["extractive", "generative"]

MAX_BODY_BYTES = 64 * 1024
MAX_HISTORY_TURNS = 40
MAX_HISTORY_CHARS = 20_000
MAX_K = 100  # passages read for one answer, or returned by one search

EVENT_NAMES = ("meta", "delta", "citation", "done", "error")


class Turn(BaseModel):
    """One message of the conversation so far."""

    role: Literal["user", "assistant"]
    content: str


class AskRequest(BaseModel):
    """A question, with the conversation it belongs to. Fields nobody knows are ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"question": "¿Cuántos días de vacaciones tengo?"},
                {
                    "question": "And how do I ask for them?",
                    "language": "auto",
                    "history": [
                        {"role": "user", "content": "How many days of holiday do I have?"},
                        {"role": "assistant", "content": "23 días laborables al año. [1]"},
                    ],
                    "audience": "employee",
                },
            ]
        }
    )

    question: str = Field(description="The question, in Spanish or English.")
    language: Literal["auto", "es", "en"] = Field("auto", description="Language of the answer; auto: the question's.")
    history: list[Turn] = Field(
        default_factory=list, max_length=MAX_HISTORY_TURNS, description="The conversation so far, oldest first."
    )
    audience: Audience | None = Field(None, description="Who asks.")
    k: int | None = Field(None, ge=1, le=MAX_K, description="Passages to read; by default the service decides.")

    @model_validator(mode="after")
    def _history_fits(self) -> AskRequest:
        if sum(len(turn.content) for turn in self.history) > MAX_HISTORY_CHARS:
            raise ValueError(f"history is longer than {MAX_HISTORY_CHARS} characters: send the newest turns only")
        return self


class _FromCore(BaseModel):
    """A wire type that can be read off the product's own object of the same shape."""

    model_config = ConfigDict(from_attributes=True)


class Citation(_FromCore):
    """The proof of a statement: ``quote`` stands verbatim at ``start_line``-``end_line`` (1-based) of ``path``."""

    id: int
    title: str
    breadcrumb: list[str]
    path: str
    url: str
    quote: str
    start_line: int
    end_line: int
    updated: str | None = None
    draft: bool = False
    wip: bool = False
    context: str
    context_start_line: int


class AskResponse(_FromCore):
    """The answer. ``[1]``-style marks in ``answer`` are ids of ``citations``; ``consulted`` was read, not cited."""

    answer: str = Field(
        validation_alias=AliasChoices("answer", "text"),
        description="Plain text: it may quote code from the handbook, so escape it before it becomes part of HTML.",
    )
    language: Language
    status: Status
    citations: list[Citation]
    consulted: list[Citation]
    mode: Mode
    index_version: str
    notice: str | None = None
    timings_ms: dict[str, float] = Field(default_factory=dict)


class MetaEvent(_FromCore):
    """Event ``meta``, the first: how the answer will be made."""

    language: Language
    status: Status
    mode: Mode
    index_version: str


class DeltaEvent(_FromCore):
    """Event ``delta``: the next piece of the answer's text."""

    text: str


class SearchHit(BaseModel):
    """A section found. ``score`` is in [0, 1], higher is better; lines are 1-based and inclusive."""

    path: str
    title: str
    breadcrumb: list[str]
    text: str = Field(description="Readable text of the section; list items and table cells keep their marks.")
    score: float
    url: str
    start_line: int
    end_line: int


class SearchResponse(BaseModel):
    """The sections nearest to the query, best first."""

    hits: list[SearchHit]
    index_version: str


class Handbook(BaseModel):
    """What the chat page shows before the first question."""

    title: str | None
    pages: int
    chunks: int
    index_version: str
    encoder: str
    mode: Mode
    languages: list[Language]
    max_question_chars: int


class Health(BaseModel):
    """The process, or the index, is well."""

    status: Literal["ok"] = "ok"


class FieldProblem(BaseModel):
    """One bad field of a request."""

    field: str
    message: str


class Problem(BaseModel):
    """What went wrong (RFC 9457, ``application/problem+json``)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] | None = None
