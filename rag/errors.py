"""Every error the product raises on purpose.

FaroError                      anything a person can act on; its text says what happened and what to do
├── SettingsError              a setting has a bad value (key, value, what was expected)
├── IngestError                the handbook could not be ingested as asked
│   ├── SourceError            one file could not be read or parsed (path and reason)
│   └── MassDeletionError      more than half of the pages would vanish; needs --force
├── IndexUnavailableError      no usable index: none was built, or it cannot be opened
│   └── IndexMismatchError     the index was built by another encoder or schema
├── EncoderError               the encoder's files are missing or unusable
├── QuestionError              the question cannot be taken (empty, too long, bad language)
└── ChatModelError             the chat model could not be made, or failed, timed out, or said nothing
"""

from __future__ import annotations


class FaroError(Exception):
    """Base of every error raised on purpose. ``str(error)`` is one line for a person, with what to do."""


class SettingsError(FaroError):
    """A setting has a bad value."""


class IngestError(FaroError):
    """The handbook could not be ingested as asked."""


class SourceError(IngestError):
    """One file could not be read or parsed."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class MassDeletionError(IngestError):
    """More than half of the indexed pages would vanish."""


class IndexUnavailableError(FaroError):
    """There is no index that can answer."""


class IndexMismatchError(IndexUnavailableError):
    """The index was built by another encoder or schema."""


class EncoderError(FaroError):
    """The encoder cannot be loaded."""


class QuestionError(FaroError):
    """The question cannot be taken."""


class ChatModelError(FaroError):
    """The chat model could not be made, failed, timed out, or said nothing."""
