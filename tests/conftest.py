"""What every test shares: an environment without the person's own settings, and repeatable examples in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

pytest_plugins = ["training_fixtures"]

# In CI the same code is tried on the same examples, so that a change is never blamed for another one's bad luck.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No FARO_* variable and no tracing of the person who runs the tests reaches them."""
    for name in os.environ:
        if name.startswith(("FARO_", "LANGCHAIN_", "LANGSMITH_")):
            monkeypatch.delenv(name)
    yield
