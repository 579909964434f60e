"""One frozen Settings object, read once from FARO_* variables and .env."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from rag.errors import SettingsError

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """All settings. Each is read from ``FARO_<NAME>``; README documents every one."""

    model_config = SettingsConfigDict(
        env_prefix="FARO_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    handbook: Path = Field(
        PROJECT_ROOT / "data" / "handbook", description="Folder of Markdown that `faro ingest` reads."
    )
    index: Path = Field(PROJECT_ROOT / "data" / "index", description="Folder of the index.")
    site_url: str | None = Field(
        None, description="Public address of the handbook; overrides that of its own configuration."
    )
    include_drafts: bool = Field(
        False, description="Index drafts too: `draft: true`, and MkDocs' `draft_docs`. They stay labelled."
    )
    exclude: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Comma-separated .gitignore-style patterns of files to leave out."
    )
    encoder: str = Field(
        str(PROJECT_ROOT / "data" / "model"),
        description="Folder of the encoder, or the name or folder of any sentence-transformers model (extra `hub`).",
    )
    chroma_url: str | None = Field(None, description="Address of a Chroma server; without it Chroma runs embedded.")
    chunk_tokens: int = Field(240, ge=32, le=8192, description="Longest chunk in the encoder's tokens.")
    chat_model: str | None = Field(
        None, description="Chat model for generated answers, `provider:model`; without it answers are extractive."
    )
    chat_base_url: str | None = Field(None, description="Address of an OpenAI-compatible server for FARO_CHAT_MODEL.")
    chat_api_key: SecretStr | None = Field(
        None, description="Key for FARO_CHAT_MODEL, where the provider's own variable is not set."
    )
    chat_timeout_seconds: float = Field(30.0, gt=0, le=600, description="Longest wait for the chat model.")
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port of the API.")
    ui_port: int = Field(8501, ge=1, le=65535, description="Port of the chat page.")
    api_url: str | None = Field(None, description="Address at which the chat page reaches the API.")
    rate_limit: str = Field(
        "60/minute", description="Questions one client may ask, as `60/minute`; `off` for no limit."
    )
    max_question_chars: int = Field(2000, ge=1, le=20000, description="Longest question in characters.")
    title: str | None = Field(None, description="Title of the chat page; by default that of the handbook.")
    log_level: str = Field("info", description="debug, info, warning or error.")

    @field_validator("exclude", mode="before")
    @classmethod
    def _split_patterns(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("rate_limit")
    @classmethod
    def _known_rate(cls, value: str) -> str:
        if value.strip().lower() == "off":
            return "off"
        from limits import parse_many  # deferred: only the API and this check need it

        try:
            rates = parse_many(value)
        except ValueError as error:
            raise ValueError("expected something like 60/minute, or off") from error
        if len(rates) != 1 or rates[0].amount < 1:
            raise ValueError("expected one rate such as 60/minute, or off")
        return value

    @field_validator("api_url", "chat_base_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"https?://[^\s/?#]+\S*", value):
            raise ValueError("expected an address such as http://127.0.0.1:8000")
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("expected debug, info, warning or error")
        return value.lower()


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and .env; ``overrides`` (None is skipped) win.

    Raises SettingsError that names each bad key, its value and what was expected.
    """
    try:
        return Settings(**{key: value for key, value in overrides.items() if value is not None})
    except ValidationError as error:
        raise SettingsError("; ".join(_describe(problem) for problem in error.errors())) from error


def _describe(problem: Any) -> str:
    name = f"FARO_{'_'.join(str(part) for part in problem['loc'])}".upper()
    return f"{name}={problem.get('input')!r}: {problem['msg'].removeprefix('Value error, ')}"
