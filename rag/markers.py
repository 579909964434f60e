"""Cuts a streamed model answer into sentences, and reads the source identifiers that models write so freely."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ID = r"[sS]\d{1,4}"
_AND = r"(?:(?:y|e|and)\s+)?"
_MORE = rf"(?:\s*[,;/&–—-]\s*{_AND}[sS]?\d{{1,4}}|\s+{_AND}{_ID}|{_ID})"
_LABEL = r"(?:(?:fuentes?|sources?|ver|see)\s*:?\s*|\^)?"
_GROUP = rf"{_LABEL}{_ID}{_MORE}*"
# [S1]  [s1, S2]  [S1-S3]  [[S1]]  [S1](#link)  (S1)  【S1】
_FENCED = rf"(?:\[+\s*{_GROUP}\s*\]+(?:\([^()\s]*\))?|\(\s*{_GROUP}\s*\)|【\s*{_GROUP}\s*】)"
_FOREIGN = r"\[\^?\d{1,3}\](?:\([^()\s]*\))?"  # a number of the model's own: it would pass for one of ours
_BARE = r"(?<![\w-])S\d{1,4}(?![\w-])"

_FENCED_MARKER = re.compile(rf"(?i:{_FENCED})|{_FOREIGN}")
_ANY_MARKER = re.compile(rf"(?i:{_FENCED})|{_FOREIGN}|{_BARE}")
_IDS = re.compile(r"[sS]?(\d{1,4})(?:\s*[–—-]\s*[sS]?(\d{1,4}))?")

_MAYBE_MARKER = re.compile(r"[*_`]*(?:[\[(【]|S\d|S$|$)")
_LOOK_AHEAD = 8  # characters of the next sentence that decide whether it is one
_GAP = re.compile(r"\s+")
_STOP = re.compile(r"[.!?…]+[\"'»”’)\]*_`]*$")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[^\W\d_]|[^\W\d_](?:\.[^\W\d_])+|sr|sra|srta|dr|dra|ing|lic|art|arts|núm|num|nro|pág|aprox|máx|mín|ej"
    r"|mr|mrs|ms|vs|no|max|min|approx|inc|ltd|ltda|cía|av|tel|ext)\.$",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(r"(?::[*_`]*|^#{1,6}\s.*|^\**__?[^*\n]+__?\**|^\*\*[^*\n]+\*\*)$", re.MULTILINE)
_BULLET = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SHORT_SENTENCE_WORDS = 2  # "Sí." and "No, gracias." lean on the sentence after them


@dataclass(frozen=True, slots=True)
class Marker:
    """Identifiers found between two pieces of text; numbers only (``S3`` is 3). Empty for one that is not ours."""

    numbers: tuple[int, ...]


class SentenceStream:
    """Collects text as it arrives and hands out whole sentences, each with the markers that follow it.

    A sentence is everything up to the next one, blanks in front included, so that all of them joined are the text.
    List items are sentences; a lead-in ("These are the steps:"), a heading and a one-word reply belong to what follows.
    What is handed out does not depend on how the text was cut into pieces: a sentence leaves only once the beginning
    of the next one has been seen, and no later character can move that boundary.
    """

    def __init__(self, *, bare_ids: bool) -> None:
        self._rest = ""
        self._seen = 0  # of the rest: no sentence ends before here
        self._marker = _ANY_MARKER if bare_ids else _FENCED_MARKER

    def feed(self, text: str) -> list[str]:
        """Sentences that are now complete."""
        self._rest += text
        sentences: list[str] = []
        while (end := self._boundary()) is not None:
            sentences.append(self._rest[:end])
            self._rest = self._rest[end:]
            self._seen = 0
        return sentences

    @property
    def waiting(self) -> int:
        """Characters of the sentence that is not complete yet."""
        return len(self._rest)

    def close(self) -> str:
        """What is left, perhaps nothing, perhaps an unfinished sentence."""
        rest, self._rest = self._rest, ""
        return rest

    def parse(self, sentence: str) -> Iterator[str | Marker]:
        """Text and markers of a whole sentence, in order."""
        yield from parse_markers(sentence, self._marker)

    def _boundary(self) -> int | None:
        """Where the first sentence ends; None until that is certain."""
        decided = True
        for gap in _GAP.finditer(self._rest, max(self._seen, len(self._rest) - len(self._rest.lstrip()))):
            following = self._rest[gap.end() : gap.end() + _LOOK_AHEAD]
            if not _MAYBE_MARKER.match(following) and self._ends(
                self._rest[: gap.start()], following, line_ends="\n" in gap[0]
            ):
                return gap.start()
            decided = decided and len(following) == _LOOK_AHEAD
            if decided:
                self._seen = gap.end()
        return None

    def _ends(self, sentence: str, following: str, *, line_ends: bool) -> bool:
        text = self._marker.sub("", sentence).rstrip()
        marked = len(text) < len(sentence)
        last_line = text[text.rfind("\n") + 1 :].strip()
        if _LEAD_IN.search(last_line):
            return False
        words = len(_WORD.findall(text))
        if words <= _SHORT_SENTENCE_WORDS and not marked and not _BULLET.match(text + " "):
            return False
        if line_ends:
            return True
        return (
            not following[0].islower()
            and words > 0
            and _STOP.search(text) is not None
            and _ABBREVIATION.search(text) is None
        )


def parse_markers(sentence: str, marker: re.Pattern[str]) -> Iterator[str | Marker]:
    """Text and markers of ``sentence``, in order."""
    position = 0
    for found in marker.finditer(sentence):
        if found.start() > position:
            yield sentence[position : found.start()]
        yield Marker(_numbers(found[0]))
        position = found.end()
    if position < len(sentence):
        yield sentence[position:]


def _numbers(marker: str) -> tuple[int, ...]:
    if not re.search(_ID, marker):
        return ()
    numbers: list[int] = []
    body = re.sub(r"\]\([^()]*\)$", "]", marker)
    for first, last in _IDS.findall(body):
        numbers.extend(range(int(first), int(last) + 1) if last else [int(first)])
    return tuple(dict.fromkeys(numbers))
