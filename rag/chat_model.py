"""Makes any chat model LangChain knows, and reads from it under one deadline."""

from __future__ import annotations

import contextvars
import os
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from rag.errors import ChatModelError

# Providers that may be named together with a base URL; any other prefix is then part of the model's name.
_OWN_PROTOCOL = ("anthropic", "ollama", "openai")
# Stop reasons of OpenAI-compatible servers, Anthropic and Ollama for an answer that was cut.
_CUT_REASONS = frozenset({"length", "max_tokens", "content_filter"})
# Ollama cuts longer prompts silently, from the beginning, where the rules are; its own default is shorter than ours.
_OLLAMA_CONTEXT_TOKENS = 8192
_FINAL_CHARACTERS = frozenset('.!?…)]】»”"*`')
_NO_KEY = "none"  # local servers take any key, and the client library insists on one


def make_chat_model(
    name: str, *, base_url: str | None = None, api_key: str | None = None, timeout_seconds: float = 30.0
) -> BaseChatModel:
    """The chat model ``provider:model``, or ``model`` of the OpenAI-compatible server at ``base_url``.

    Raises ChatModelError when the provider is unknown, its package is missing or it refuses the options.
    """
    from langchain.chat_models import init_chat_model  # deferred: extractive answers need no model

    provider, model = _split_name(name, base_url)
    if not model.strip() or name.rstrip().endswith(":"):
        raise ChatModelError(f"FARO_CHAT_MODEL={name}: it names no model; write provider:model")
    options = _options(provider, base_url=base_url, api_key=api_key, timeout_seconds=timeout_seconds)
    try:
        made: BaseChatModel = init_chat_model(model, model_provider=provider, **options)
        return made
    except ImportError as error:
        raise ChatModelError(
            f"FARO_CHAT_MODEL={name}: the provider's package is missing; install the extra "
            f"'{provider or 'openai'}' or the package that LangChain names for it"
        ) from error
    except Exception as error:  # every provider has errors of its own; the message may hold the key
        raise ChatModelError(
            f"FARO_CHAT_MODEL={name}: the chat model cannot be made ({type(error).__name__}); check the name "
            "(provider:model), FARO_CHAT_API_KEY and FARO_CHAT_BASE_URL"
        ) from error


def _split_name(name: str, base_url: str | None) -> tuple[str | None, str]:
    prefix, colon, rest = name.partition(":")
    if colon and prefix in _OWN_PROTOCOL:
        return prefix, rest
    return ("openai", name) if base_url else (None, name)


def _options(
    provider: str | None, *, base_url: str | None, api_key: str | None, timeout_seconds: float
) -> dict[str, Any]:
    """Options in the provider's words. Retries are off: the extractive answer is the second try.

    The temperature is set only for servers of one's own: some hosted models refuse it.
    """
    options: dict[str, Any] = {}
    if base_url:
        options["base_url"] = base_url
    if provider == "ollama":
        local = {"client_kwargs": {"timeout": timeout_seconds}, "temperature": 0.0, "num_ctx": _OLLAMA_CONTEXT_TOKENS}
        return options | local
    options |= {"timeout": timeout_seconds, "max_retries": 0}
    if base_url and provider == "openai":
        options |= {"temperature": 0.0, "use_responses_api": False}
        api_key = api_key or os.environ.get("OPENAI_API_KEY") or _NO_KEY
    if api_key:
        options["api_key"] = api_key
    return options


@dataclass(frozen=True, slots=True)
class _End:
    """What the reading thread leaves last: why it stopped, or the error."""

    reason: str | None = None
    error: Exception | None = None


def stream_text(model: BaseChatModel, messages: Sequence[BaseMessage], *, deadline: float) -> Iterator[str]:
    """Pieces of the model's reply as they arrive, until it ends.

    ``deadline`` is a ``time.monotonic()`` instant for the whole reply: a server that drips one character a second
    never trips a read timeout. The reading thread ends by itself once the client library gives up.
    Raises ChatModelError when the model fails, is late, or says that its reply was cut.
    """
    pieces: queue.SimpleQueue[str | _End] = queue.SimpleQueue()
    last = ""
    cancelled = threading.Event()
    context = contextvars.copy_context()
    arguments = (model, list(messages), pieces, cancelled)
    threading.Thread(target=context.run, args=(_read, *arguments), name="chat-model", daemon=True).start()
    try:
        while True:
            piece = _next_piece(pieces, deadline)
            if isinstance(piece, _End):
                _check_end(piece, last)
                return
            last = piece
            yield piece
    finally:
        cancelled.set()


def _next_piece(pieces: queue.SimpleQueue[str | _End], deadline: float) -> str | _End:
    try:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise queue.Empty
        return pieces.get(timeout=remaining)
    except queue.Empty:
        raise ChatModelError("the chat model took too long; raise FARO_CHAT_TIMEOUT_SECONDS") from None


def _check_end(end: _End, last: str) -> None:
    """A lost connection can look like an end: then no reason is given and the text stops amid a sentence."""
    if end.error is not None:
        raise ChatModelError(f"the chat model failed ({type(end.error).__name__})") from end.error
    if end.reason in _CUT_REASONS or (end.reason is None and last and last.rstrip()[-1:] not in _FINAL_CHARACTERS):
        raise ChatModelError("the chat model's reply was cut short")


def _read(
    model: BaseChatModel,
    messages: list[BaseMessage],
    pieces: queue.SimpleQueue[str | _End],
    cancelled: threading.Event,
) -> None:
    reason: str | None = None
    try:
        for chunk in model.stream(messages):
            if cancelled.is_set():
                return
            if text := str(chunk.text):
                pieces.put(text)
            metadata = chunk.response_metadata
            told = metadata.get("finish_reason") or metadata.get("stop_reason") or metadata.get("done_reason")
            reason = str(told) if told else reason
    except Exception as error:  # noqa: BLE001  raised again in the thread that asked; every provider has its own errors
        pieces.put(_End(error=error))
    else:
        pieces.put(_End(reason=reason))
