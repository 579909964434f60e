"""Builds everything that answers from the settings: the only place where settings become objects."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rag.chain import Event, HandbookChain, Stages
from rag.chat_model import make_chat_model
from rag.conversation import Lookup, ModelRewriter, look_up
from rag.embedding import Encoder, load_encoder
from rag.errors import QuestionError
from rag.events import Answerer
from rag.extractive import Selector
from rag.generative import GenerativeAnswerer
from rag.index import IndexReader, Snapshot
from rag.language import detect_language
from rag.lexicon import LEXICON_FILE, Lexicon, load_lexicon
from rag.quoting import ExtractiveAnswerer
from rag.retrieval import HybridRetriever
from rag.settings import PROJECT_ROOT, Settings
from rag.types import AUDIENCES, LANGUAGES, Answer, Hit, Language, Mode, Question, Turn

MAX_HITS = 100  # more than anyone reads

_BLANKS = re.compile(r"\s+")
# Control, format (zero width, direction), private, surrogate and unassigned characters: nothing a person types on
# purpose. The joiners inside emoji go too; the emoji stay.
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})


class Engine:
    """Answers questions from the newest index. One per process; safe to use from several threads.

    The chat model is made at once, so that a bad setting stops the program; the encoder is loaded and the index
    opened when first needed.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises ChatModelError when ``settings`` name a chat model that cannot be made."""
        self._settings = settings
        self._lock = threading.Lock()
        self._resources: _Resources | None = None
        self._assembly: _Assembly | None = None
        self._answering = _answering(settings)

    def ask(self, question: Question) -> Answer:
        """The answer. Raises QuestionError, EncoderError, IndexUnavailableError."""
        checked = check_question(question, max_characters=self._settings.max_question_chars)
        return self._current().chain.invoke(checked)

    def stream(self, question: Question) -> Iterator[Event]:
        """The events of an answer. Raises what ``ask`` raises at once, not when the first event is taken."""
        checked = check_question(question, max_characters=self._settings.max_question_chars)
        return self._current().chain.stream(checked)

    def search(self, text: str, k: int, language: Language | None = None) -> list[Hit]:
        """The ``k`` best chunks for a text, best first. Raises what ``ask`` raises."""
        question = Question(text, language=language, k=k)
        checked = check_question(question, max_characters=self._settings.max_question_chars)
        assembly = self._current()
        spoken = checked.language or assembly.detect_language(checked.text, ())
        return assembly.retriever.search(checked.text, spoken, checked.k)

    def status(self) -> dict[str, str | int | None]:
        """What answers at the moment. Raises EncoderError, IndexUnavailableError."""
        assembly = self._current()
        chunks = assembly.snapshot.chunks
        return {
            "title": assembly.snapshot.manifest.site_title,
            "index_version": assembly.snapshot.version,
            "pages": len({chunk.path for chunk in chunks}),
            "chunks": len(chunks),
            "encoder": assembly.encoder_name,
            "mode": self._answering.mode,
        }

    def _current(self) -> _Assembly:
        """The assembly for the newest version of the index; the old one serves those who still hold it."""
        with self._lock:
            resources = self._resources = self._resources or _load(self._settings)
            snapshot = resources.reader.current()
            if self._assembly is None or self._assembly.snapshot.version != snapshot.version:
                self._assembly = _assemble(snapshot, resources, self._answering)
            return self._assembly


@dataclass(frozen=True, slots=True)
class _Answering:
    """What does not depend on the index: how to answer and how to read a follow-up."""

    mode: Mode
    answerer: Answerer
    look_up: Callable[[Question, Language], Lookup]


@dataclass(frozen=True, slots=True)
class _Resources:
    """What is loaded once per process."""

    encoder: Encoder
    lexicon: Lexicon
    reader: IndexReader


@dataclass(frozen=True, slots=True)
class _Assembly:
    """What answers from one version of the index."""

    snapshot: Snapshot
    retriever: HybridRetriever
    chain: HandbookChain
    detect_language: Callable[[str, Sequence[Turn]], Language]
    encoder_name: str


def _answering(settings: Settings) -> _Answering:
    extractive = ExtractiveAnswerer()
    if settings.chat_model is None:
        return _Answering("extractive", extractive, look_up)
    timeout = settings.chat_timeout_seconds
    key = settings.chat_api_key
    model = make_chat_model(
        settings.chat_model,
        base_url=settings.chat_base_url,
        api_key=key.get_secret_value() if key else None,
        timeout_seconds=timeout,
    )
    generative = GenerativeAnswerer(
        model, timeout_seconds=timeout, detect_language=detect_language, fallback=extractive
    )
    return _Answering("generative", generative, ModelRewriter(model, timeout_seconds=timeout))


def _load(settings: Settings) -> _Resources:
    encoder = load_encoder(settings.encoder)
    reader = IndexReader(settings.index, encoder, chroma_url=settings.chroma_url)
    return _Resources(encoder, load_lexicon(_lexicon_folder(settings.encoder)), reader)


def _lexicon_folder(encoder: str) -> Path:
    """The encoder's own folder, or ours for one that comes without a lexicon: English questions need its words."""
    folder = Path(encoder).expanduser()
    return folder if (folder / LEXICON_FILE).is_file() else PROJECT_ROOT / "data" / "model"


def _assemble(snapshot: Snapshot, resources: _Resources, answering: _Answering) -> _Assembly:
    retriever = HybridRetriever(snapshot=snapshot, encoder=resources.encoder, lexicon=resources.lexicon)
    selector = Selector(retriever.keyword, resources.lexicon)

    def detect(text: str, history: Sequence[Turn]) -> Language:
        return detect_language(text, history, resources.lexicon)

    chain = HandbookChain(
        searcher=retriever,
        answerer=answering.answerer,
        stages=Stages(detect_language=detect, look_up=answering.look_up, select=selector),
        index_version=snapshot.version,
    )
    return _Assembly(snapshot, retriever, chain, detect, resources.encoder.name)


def check_question(question: Question, *, max_characters: int) -> Question:
    """``question`` as the chain takes it: NFC, one line, nothing invisible.

    Raises QuestionError when it is empty, has no letter or digit, is longer than ``max_characters``, or names an
    unknown language or audience or a number of hits below one.
    """
    text = clean_text(question.text)
    if not any(character.isalnum() for character in text):
        raise QuestionError("The question is empty; write it in Spanish or English.")
    if len(text) > max_characters:
        raise QuestionError(f"The question has {len(text)} characters; shorten it to {max_characters}.")
    if question.language is not None and question.language not in LANGUAGES:
        raise QuestionError(f"Unknown language {question.language!r}; use one of {', '.join(LANGUAGES)}.")
    if question.audience is not None and question.audience not in AUDIENCES:
        raise QuestionError(f"Unknown audience {question.audience!r}; use one of {', '.join(AUDIENCES)}.")
    if question.k < 1:
        raise QuestionError(f"Cannot search for {question.k} passages; ask for one or more.")
    history = tuple(Turn(turn.role, clean_lines(turn.content)) for turn in question.history)
    return replace(question, text=text, history=history, k=min(question.k, MAX_HITS))


def clean_text(text: str) -> str:
    """``text`` in NFC on one line without invisible characters."""
    return _BLANKS.sub(" ", clean_lines(text)).strip()


def clean_lines(text: str) -> str:
    """``text`` in NFC without invisible characters but line breaks, which frame the sections named in an answer."""
    spaced = "\n".join(text.splitlines()).replace("\t", " ")
    kept = (character for character in spaced if character == "\n" or unicodedata.category(character) not in _INVISIBLE)
    return unicodedata.normalize("NFC", "".join(kept))
