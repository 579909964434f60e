"""How many questions one client may ask: a moving window per client address, in this process's memory."""

from __future__ import annotations

import math
import time
from http import HTTPStatus

from fastapi import Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.exceptions import HTTPException

OFF = "off"


class QuestionLimiter:
    """Counts the questions of each client address against a rate such as ``60/minute``; ``off`` never refuses."""

    def __init__(self, rate: str) -> None:
        self._rate: RateLimitItem | None = None if rate == OFF else parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def seconds_to_wait(self, client: str) -> int:
        """0 and one question counted, or the whole seconds until ``client`` may ask again."""
        if self._rate is None or self._limiter.hit(self._rate, client):
            return 0
        reset_time = self._limiter.get_window_stats(self._rate, client).reset_time
        return max(1, math.ceil(reset_time - time.time()))


async def check_rate(request: Request) -> None:
    """Dependency of what counts as a question. Raises a 429 with Retry-After."""
    limiter: QuestionLimiter = request.app.state.limiter
    wait_seconds = limiter.seconds_to_wait(request.client.host if request.client else "unknown")
    if wait_seconds:
        raise HTTPException(
            HTTPStatus.TOO_MANY_REQUESTS,
            f"Too many questions from this address: try again in {wait_seconds} seconds.",
            {"Retry-After": str(wait_seconds)},
        )
