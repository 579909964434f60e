"""The generative answerer: a chat model writes, every sentence is checked against what it cites before it is shown."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain

from langchain_core.language_models import BaseChatModel

from rag.analysis import words
from rag.chat_model import stream_text
from rag.citations import CitationBook, runs
from rag.claims import URL, address_key, unsupported
from rag.errors import ChatModelError
from rag.events import Answerer, Cited, Delta, End, Part, Start, Task
from rag.frames import FRAMES
from rag.keyword import spanish_word_set
from rag.markers import Marker, SentenceStream
from rag.prompts import NOT_FOUND_TOKENS, Source, answer_messages, number_sources
from rag.quoting import not_found_parts
from rag.types import Hit, Language, Status

_logger = logging.getLogger(__name__)

LANGUAGE_WORDS = 6  # fewer words of a reply do not tell its language
ATTEMPTS = 2  # of which the second insists on the language
SENTENCE_CHARACTERS = 3000  # without an end: no prose any more, and nothing that could be checked in time
REPLY_CHARACTERS = 30_000  # longer than anyone reads
PIECE_CHARACTERS = 500  # looked at together
ALIGNED_WORDS = 3  # fewer words in common happen by chance
ALIGNED_SHARE = 0.8  # of a sentence's words in one unit: as good as copied

_DENIALS = frozenset({"no", "ni", "nunca", "jamás", "tampoco", "sin", "ningún", "ninguna", "ninguno", "nadie", "nada"})
_TOKEN = re.compile("|".join(NOT_FOUND_TOKENS.values()))
# Possessive, here and below: what a model writes must not make a search take the square of its length.
_LINK = re.compile(r"!?\[([^\[\]]*+)\]\(\s*+<?+([^)\s>]*+)>?+[^)]*+\)")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^>\s]*)>", re.IGNORECASE)
_QUOTED = re.compile(r"«[^»]*»|“[^”]*”|\"[^\"]*\"")
_SOURCE_LIST = re.compile(r"(?:\W|\b(?:fuentes?|sources?|referencias?|references?)\b)*", re.IGNORECASE)
_ID_WORD = re.compile(r"\bS\d{1,4}\b")
_ANY_BRACKET = re.compile(r"\[[^\[\]]*\]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_EMPTY_BRACKETS = re.compile(r"(?:(?<![ \t])[ \t]++)?(?:\(\s*+\)|\[\s*+\]|<\s*+>)")
_BLANKS_BEFORE_STOP = re.compile(r"(?<![ \t])[ \t]++(?=[.,;:!?](?:\s|$))")
_REPEATED_NUMBER = re.compile(r"(\[\d+\])(?:\s*\1)+")


class _WrongLanguageError(ChatModelError):
    """The reply is not in the language that was asked for."""


class GenerativeAnswerer:
    """Lets a chat model answer from the hits of a task, and falls back to another answerer where it fails.

    Text leaves sentence by sentence, after the sentence was checked: it must cite a unit, and every figure, date,
    amount, percentage, e-mail and web address in it must occur in the units it cites. A sentence without an
    identifier gets that of the unit it was copied from, if there is one. A sentence that does not pass is marked in
    the text, and the answer is ``unverified``. Until the first sentence has left, any failure leads to the fallback;
    after that the unfinished sentence is dropped and the text says that it is incomplete.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        timeout_seconds: float,
        detect_language: Callable[[str], Language],
        fallback: Answerer,
    ) -> None:
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._detect_language = detect_language
        self._fallback = fallback

    def answer(self, task: Task) -> Iterator[Part]:
        """Parts of the answer. Where nothing was found the model is not asked."""
        if task.selection.status == "not_found" or not task.selection.hits:
            yield from self._fallback.answer(task)
            return
        deadline = time.monotonic() + self._timeout_seconds
        for attempt in range(ATTEMPTS):
            try:
                yield from self._attempt(task, deadline, insist=attempt > 0)
                return
            except _WrongLanguageError:
                continue
            except ChatModelError as error:
                _logger.warning("answering with quotes instead: %s", error)
                break
        notice = FRAMES[task.language]["notice_model"]
        for part in self._fallback.answer(task):
            yield replace(part, notice=notice) if isinstance(part, End) else part

    def _attempt(self, task: Task, deadline: float, *, insist: bool) -> Iterator[Part]:
        """One reply of the model as parts. Raises ChatModelError only while nothing has been yielded."""
        sources = number_sources(task.selection.hits)
        messages = answer_messages(
            task.question.text, task.language, sources, audience=task.question.audience, insist=insist
        )
        reader = SentenceStream(bare_ids=not _mentions_ids(task, sources))
        desk = _Desk(task.language, sources, reader)
        with closing(_sentences(stream_text(self._model, messages, deadline=deadline), reader)) as sentences:
            head = self._head(sentences, task.language)
            if any(_TOKEN.search(sentence) for sentence in head):
                yield from not_found_parts(task.question, task.language, task.selection.hits, mode="generative")
                return
            yield from desk.write(chain(head, sentences))
        yield desk.end(task.selection.hits)

    def _head(self, sentences: Iterator[str], language: Language) -> list[str]:
        """The first sentences, enough to tell the language of the reply."""
        head: list[str] = []
        for sentence in sentences:
            head.append(sentence)
            prose = _QUOTED.sub(" ", _ANY_BRACKET.sub(" ", " ".join(head)))
            if len(_WORD.findall(prose)) < LANGUAGE_WORDS:
                continue
            if self._detect_language(prose) != language:
                raise _WrongLanguageError(f"the chat model did not answer in {language}")
            break
        if not head:
            raise ChatModelError("the chat model said nothing")
        return head


def _sentences(pieces: Iterator[str], reader: SentenceStream) -> Generator[str, None, None]:
    length = 0
    for piece in chain.from_iterable(map(_small_pieces, _without_thinking(pieces))):
        length += len(piece)
        yield from reader.feed(piece)
        if length > REPLY_CHARACTERS or reader.waiting > SENTENCE_CHARACTERS:
            raise ChatModelError("the chat model's reply has no end")
    if (rest := reader.close()).strip():
        yield rest


def _small_pieces(piece: str) -> Iterator[str]:
    """``piece`` cut up: some models send all they have to say at once."""
    return (piece[start : start + PIECE_CHARACTERS] for start in range(0, len(piece), PIECE_CHARACTERS))


def _without_thinking(pieces: Iterator[str]) -> Iterator[str]:
    """The reply without the ``<think>`` block that reasoning models put in front of it."""
    start, end = "<think>", "</think>"
    waiting: str | None = ""
    for piece in pieces:
        if waiting is None:
            yield piece
            continue
        waiting = (waiting + piece).lstrip()
        if waiting.startswith(start):
            _, found, after = waiting.partition(end)
            if not found:
                continue
            waiting = after
        elif start.startswith(waiting):
            continue
        yield waiting
        waiting = None


def _mentions_ids(task: Task, sources: Sequence[Source]) -> bool:
    """Whether a word such as ``S3`` is part of what is talked about, so that only ``[S3]`` can be an identifier."""
    texts = chain([task.question.text], (source.unit.text for source in sources))
    return any(_ID_WORD.search(text) for text in texts)


class _Desk:
    """Checks sentences, numbers what they cite, and keeps the record of one reply."""

    def __init__(self, language: Language, sources: Sequence[Source], reader: SentenceStream) -> None:
        self._language = language
        self._sources = sources
        self._reader = reader
        self._book = CitationBook()
        self._started = False
        self._status: Status = "answered"
        self._interrupted = False

    def write(self, sentences: Iterable[str]) -> Iterator[Part]:
        """Parts for the sentences. Raises ChatModelError only before the first; later it ends the text cleanly."""
        try:
            for sentence in sentences:
                yield from self._write_sentence(sentence)
        except ChatModelError as error:
            if not self._started:
                raise
            _logger.warning("the answer is incomplete: %s", error)
            self._interrupted = True
            yield Delta("\n\n" + FRAMES[self._language]["interrupted"])
        if not self._started:
            raise ChatModelError("the chat model said nothing")

    def end(self, hits: Iterable[Hit]) -> End:
        """The last part: the status that the checks came to."""
        frames = FRAMES[self._language]
        notices = []
        if self._interrupted:
            notices.append(frames["notice_interrupted"])
        if self._status == "unverified":
            notices.append(frames["notice_unverified"])
        return End(self._status, self._book.consulted(hits), " ".join(notices) or None)

    def _write_sentence(self, sentence: str) -> Iterator[Part]:
        pieces = _joined_markers(self._reader.parse(_TOKEN.sub("", sentence)))
        said = "".join(piece for piece in pieces if isinstance(piece, str))
        if _SOURCE_LIST.fullmatch(said):
            return
        cited = [source for piece in pieces if isinstance(piece, Marker) for source in self._known(piece)]
        if not cited and (found := aligned_source(said, self._language, self._sources)):
            cited = [found]
            pieces += [" ", Marker((int(found.id[1:]),))]
        allowed = _addresses(cited)
        if not self._is_supported(said, cited, allowed):
            self._status = "unverified"
            pieces.append(" " + FRAMES[self._language]["unverified_mark"])
        before = len(self._book.citations)
        text = _tidy("".join(self._show(piece, allowed) for piece in pieces))
        if not self._started:
            self._started = True
            text = text.lstrip()
            yield Start(self._status, "generative")
        yield from (Cited(citation) for citation in self._book.citations[before:])
        yield Delta(text)

    def _known(self, marker: Marker) -> list[Source]:
        return [self._sources[number - 1] for number in marker.numbers if 0 < number <= len(self._sources)]

    def _is_supported(self, said: str, cited: Sequence[Source], allowed: frozenset[str]) -> bool:
        if not cited:
            return False
        checked = URL.sub(lambda found: "" if address_key(found[0]) in allowed else found[0], said)
        return not unsupported(checked, self._language, _evidence(cited))

    def _show(self, piece: str | Marker, allowed: frozenset[str]) -> str:
        if isinstance(piece, str):
            return _without_foreign_addresses(piece, allowed)
        return "".join(f"[{number}]" for number in dict.fromkeys(self._numbers(self._known(piece))))

    def _numbers(self, cited: Sequence[Source]) -> Iterator[int]:
        """Citation numbers of the sources; neighbours cited together for the first time share one."""
        run: list[Source] = []
        for source in cited:
            known = self._book.find(source.chunk, source.unit)
            if run and (known or not _are_neighbours(run[-1], source)):
                yield self._cite(run)
                run = []
            if known:
                yield known.id
            else:
                run.append(source)
        if run:
            yield self._cite(run)

    def _cite(self, run: Sequence[Source]) -> int:
        return self._book.cite(run[0].chunk, [source.unit for source in run])[0].id


def aligned_source(said: str, language: Language, sources: Sequence[Source]) -> Source | None:
    """The unit that a Spanish sentence without an identifier was taken from, if its words leave no doubt.

    Models put one identifier behind several sentences. Nearly all words must be in one unit, and both or neither may
    deny; a sentence in another language than the handbook's cannot be aligned by words.
    """
    terms = spanish_word_set(said)
    if language != "es" or len(terms) < ALIGNED_WORDS:
        return None
    shares = [(len(terms & spanish_word_set(source.unit.text)) / len(terms), source) for source in sources]
    share, best = max(shares, key=lambda pair: pair[0])
    same_stance = _denies(said) == _denies(best.unit.text)
    return best if share >= ALIGNED_SHARE and same_stance else None


def _denies(text: str) -> bool:
    return not _DENIALS.isdisjoint(words(text))


def _are_neighbours(first: Source, second: Source) -> bool:
    follow_on = first.chunk.id == second.chunk.id and int(second.id[1:]) == int(first.id[1:]) + 1
    return follow_on and len(runs(first.chunk, [first.unit, second.unit])) == 1


def _joined_markers(pieces: Iterable[str | Marker]) -> list[str | Marker]:
    """``[S1] [S2]`` as one marker: what stands together is cited together."""
    joined: list[str | Marker] = []
    for piece in pieces:
        if isinstance(piece, Marker):
            if len(joined) > 1 and isinstance(joined[-2], Marker) and not str(joined[-1]).strip(" ,;"):
                joined.pop()
            if joined and isinstance(previous := joined[-1], Marker):
                joined[-1] = Marker(tuple(dict.fromkeys(previous.numbers + piece.numbers)))
                continue
        joined.append(piece)
    return joined


def _evidence(cited: Sequence[Source]) -> list[str]:
    """All that the citations of a sentence show a reader: the units, where they stand, and their date."""
    texts = [source.unit.text for source in cited]
    for part in {source.chunk.id: source.chunk for source in cited}.values():
        texts.extend([part.title, *part.breadcrumb, part.updated or part.created or ""])
    return texts


def _addresses(cited: Sequence[Source]) -> frozenset[str]:
    """Web addresses in the cited units, those behind links included."""
    return frozenset(
        address_key(address) for source in cited for address in URL.findall(f"{source.unit.text} {source.unit.source}")
    )


def _without_foreign_addresses(text: str, allowed: frozenset[str]) -> str:
    """``text`` with links and images reduced to their words and addresses that no cited unit holds removed."""

    def reduce(link: re.Match[str]) -> str:
        label, address = link[1], link[2]
        known = address_key(address) in allowed and address_key(label) != address_key(address)
        return f"{label} ({address})" if known else label

    text = _AUTOLINK.sub(r"\1", _LINK.sub(reduce, text))
    return URL.sub(lambda found: found[0] if address_key(found[0]) in allowed else "", text)


def _tidy(text: str) -> str:
    """``text`` without the holes that removed markers and addresses leave."""
    text = _REPEATED_NUMBER.sub(r"\1", _EMPTY_BRACKETS.sub("", text))
    return _BLANKS_BEFORE_STOP.sub("", text).rstrip()
