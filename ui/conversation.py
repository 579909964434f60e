"""What has been asked on the page so far, and what of it goes along with the next question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.schema import AskRequest, AskResponse, Audience, Turn
from ui.client import ApiError

# Repainting a hundred exchanges takes seconds.
SHOWN_EXCHANGES: Final = 20
# A follow-up leans on what was said just before it.
HISTORY_EXCHANGES: Final = 3
# Keeps the newest turns far below the longest history that the API takes.
HISTORY_TURN_CHARS: Final = 2000


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and what came of it: an answer, an error, or neither (stopped before the end)."""

    question: str
    answer: AskResponse | None = None
    error: ApiError | None = None

    @property
    def can_retry(self) -> bool:
        """Whether asking again may bring an answer that there is not yet."""
        return self.answer is None and (self.error is None or self.error.can_retry)


def build_request(question: str, exchanges: Sequence[Exchange], audience: Audience | None) -> AskRequest:
    """The request for ``question``, with the newest answered ``exchanges`` as its history, oldest first."""
    history: list[Turn] = []
    for exchange in [exchange for exchange in exchanges if exchange.answer is not None][-HISTORY_EXCHANGES:]:
        assert exchange.answer is not None
        history.append(Turn(role="user", content=exchange.question[:HISTORY_TURN_CHARS]))
        history.append(Turn(role="assistant", content=exchange.answer.answer[:HISTORY_TURN_CHARS]))
    return AskRequest(question=question, language="auto", history=history, audience=audience, k=None)
