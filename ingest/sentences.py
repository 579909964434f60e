"""Cuts Spanish and English text into sentences."""

from __future__ import annotations

import re
import unicodedata

import sentencex


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Abbreviations that never end a sentence, whatever follows.
_BEFORE_A_NAME = _words(
    "sr sra srta sres dr dra drs lic ing prof profa arq abg don dña mr mrs ms art arts núm nro pág págs pp cap caps fig"
    " figs av avda avd ej vs cf aprox ref apdo sto sta gral cnel"
)
# Abbreviations that go on only before a number.
_BEFORE_A_NUMBER = _words("no nº n vol inc tel teléf ext sec ver ed min máx mín hrs depto dpto")
# Words that sentencex takes for abbreviations, and which end sentences all the time.
_WORDS = _words("no si sí ud uds mes más mas sol mar sal son")
# Words that begin a sentence rather than go on with the name of an organisation or a country.
_OPENERS = _words(
    "el la los las lo un una unos unas este esta estos estas ese esa eso en de del al a por para con sin según sobre"
    " desde hasta cuando donde como si no se su sus tu tus nos te le les y o pero que qué quien cada todo toda todos"
    " todas nada además también luego después antes así ahora es son hay está están puedes debes recuerda ver the this"
    " these it its you your we our they he she in on at if when for from and but there please all no"
)
_ENDING = re.compile(r"(?:[.!?…]+-?)(?:[)\]\"'»”’*_]+(?!\w))?")
_WORD_BEFORE = re.compile(r"([^\s.(\[¿¡\"'«“]+)\.$")
_LIST_MARKER = re.compile(r"[(¿¡\"«“*]*(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxIVX]{1,4})[.)]+-?$")
_INITIAL = re.compile(r"(?:^|[\s.(])[^\W\d_]\.$")
_DOTTED = re.compile(r"(?:^|[\s(])(?:[^\W\d_]{1,3}\.\s?){2,}$")
_CLOCK = re.compile(r"\b[ap]\.\s?m\.$", re.IGNORECASE)
_EXAMPLE = re.compile(r"\b(?:p\.\s?ej|e\.\s?g|i\.\s?e)\.$", re.IGNORECASE)
_ET_CETERA = re.compile(r"\betc\.$", re.IGNORECASE)
_DOUBLED = re.compile(r"\b([A-Z])\1\.$"), re.compile(r"([A-Z])\1\.")  # RR. HH., EE. UU.
# A full stop without its space: (what comes before, what comes after). A name like Spring.Boot is none.
_JOINED = (
    (
        re.compile(r"(?:^|[\s(\"“¿¡])[a-záéíóúüñ]{3,}[)%]?\.$"),
        re.compile(r"[A-ZÁÉÍÓÚÑ][a-záéíóúüñ]{2,}(?=[\s,;:]|$)|[¿¡]\w"),
    ),
    (
        re.compile(r"(?:^|[\s(\"“¿¡])[^\s@/.]{3,}\.$"),
        re.compile(r"(?:El|La|Los|Las|Es|Si|Sí|Se|No|Lo|Un|En|De|Al|Ya|Te|Tu|Su|It|We|If|In)\s"),
    ),
)
_WORD_AFTER = re.compile(r"[\"'«“¿¡(\[*_]*([^\W\d_]+)")
_ADDRESS = re.compile(r"\w(?:@|\.)[\w.-]*[a-z]{2,}\.$")
_LONG_WORD = re.compile(r"[^\W\d_A-Z]{5,}[)\"'»”’]*\.[)\"'»”’]*$")
_LOOK_BACK = 80  # characters that decide about a full stop, on either side
_LOOK_AHEAD = 40
_LONGEST_PIECE = 4_000


def split_sentences(text: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence of ``text``, without surrounding whitespace; together they hold every word.

    sentencex (Wikimedia) proposes the cuts; a layer of rules corrects it for what handbooks write: amounts, clock
    times, legal references, numbered headings, closing quotation marks, emoji. A newline always ends a sentence.
    """
    sentences: list[tuple[int, int]] = []
    start = 0
    for line in text.split("\n"):
        sentences.extend((start + first, start + last) for first, last in _split_line(line))
        start += len(line) + 1
    return sentences


def _split_line(line: str) -> list[tuple[int, int]]:
    text_end = len(line.rstrip())
    endings = [found for found in _ENDING.finditer(line) if found.end() < text_end]
    proposed = _proposed_starts(line) if endings else frozenset()
    spans: list[tuple[int, int]] = []
    start = 0
    for found in endings:
        end = _with_emoji(line, found.end())
        following = _skip_spaces(line, end)
        if end > start and following < text_end and _ends(line, start, found, following, proposed):
            spans.append((start, end))
            start = end
    spans.append((start, len(line)))
    return [trimmed for span in spans if (trimmed := _trim(line, *span))[0] < trimmed[1]]


def _skip_spaces(line: str, position: int) -> int:
    while position < len(line) and line[position].isspace():
        position += 1
    return position


def _proposed_starts(line: str) -> frozenset[int]:
    """Where sentencex sees a sentence begin. Its time is quadratic, so a very long line is shown to it in pieces."""
    starts: set[int] = set()
    begin = 0
    while begin < len(line):
        boundaries = sentencex.get_sentence_boundaries("es", line[begin : begin + _LONGEST_PIECE])
        found = [begin + boundary["start_index"] for boundary in boundaries]
        starts.update(found)
        if begin + _LONGEST_PIECE >= len(line):
            break
        # The last sentence may go on: the next piece begins with it.
        begin = found[-1] if found and found[-1] > begin else begin + _LONGEST_PIECE
    return frozenset(starts)


def _ends(line: str, start: int, found: re.Match[str], following: int, proposed: frozenset[int]) -> bool:
    """Whether the sentence that begins at ``start`` ends with the punctuation ``found``; ``following`` comes next."""
    mark = found[0]
    before = line[max(start, found.end() - _LOOK_BACK) : found.start() + 1]
    after = line[following : following + _LOOK_AHEAD]
    own = line[max(start, found.end() - _LOOK_BACK) : found.end()]
    if following == found.end():
        return mark == "." and any(left.search(before) and right.match(after) for left, right in _JOINED)
    if _LIST_MARKER.fullmatch(own.strip()):
        return False
    if mark.startswith(".") and len(mark.rstrip(")\"'»”’*_]")) == 1:
        if _is_abbreviation(before, after):
            return False
        if _CLOCK.search(before) or _ET_CETERA.search(before):
            return _opens(after)
        if _DOTTED.search(before):
            return _opens(after) and _opener(after)
    if not _opens(after):
        return following in proposed and bool(_LONG_WORD.search(own))
    word = _WORD_BEFORE.search(before)
    forced = mark != "." or line[found.end() : following].strip() or (word and word[1].lower() in _WORDS)
    return following in proposed or bool(forced or _ADDRESS.search(before))


def _is_abbreviation(before: str, after: str) -> bool:
    if _EXAMPLE.search(before) or (_DOUBLED[0].search(before) and _DOUBLED[1].match(after)):
        return True
    if _INITIAL.search(before) and not _CLOCK.search(before) and not _DOTTED.search(before):
        return True
    word = _WORD_BEFORE.search(before)
    name = word[1].lower() if word else ""
    return name in _BEFORE_A_NAME or (name in _BEFORE_A_NUMBER and after[:1].isdigit())


def _opens(after: str) -> bool:
    """Whether ``after`` looks like the beginning of a sentence: anything but a word in lower case."""
    word = _WORD_AFTER.match(after)
    if word:
        return not word[1][0].islower() or after[0] in "¿¡"
    return after[0] not in ",;:.)-–/"


def _opener(after: str) -> bool:
    word = _WORD_AFTER.match(after)
    return not word or word[1].lower() in _OPENERS


def _with_emoji(line: str, end: int) -> int:
    """The end of the emoji that follow the full stop at ``end``: they belong to the sentence they close."""
    position, last = end, end
    while position < len(line) and (line[position] in " \ufe0f\u200d" or _is_pictograph(line[position])):
        position += 1
        if line[position - 1] != " ":
            last = position
    return last


def _is_pictograph(character: str) -> bool:
    return unicodedata.category(character) in {"So", "Sk"} and character not in "°©®™^`´¨"


def _trim(line: str, start: int, end: int) -> tuple[int, int]:
    while start < end and line[start].isspace():
        start += 1
    while end > start and line[end - 1].isspace():
        end -= 1
    return start, end
