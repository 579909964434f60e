"""Follow-up questions: what to search for when a question leans on the turns before it; and small talk."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from langchain_core.language_models import BaseChatModel

from rag.analysis import ENGLISH_STOP_WORDS, SPANISH_STOP_WORDS, fold, words
from rag.chat_model import stream_text
from rag.errors import ChatModelError
from rag.frames import FILLERS, FRAMES, SMALL_TALK
from rag.prompts import rewrite_messages
from rag.types import LANGUAGES, Hit, Language, Question, Turn

HISTORY_TURNS = 8  # newest turns looked at: four exchanges; older subjects are rarely meant
TURN_CHARACTERS = 2000  # of each turn; an answer is seldom longer
REWRITE_CHARACTERS = 400  # a rewritten question longer than this is no question
REWRITE_SECONDS = 8.0  # longest wait for a rewriting, which only precedes the answer...
REWRITE_SHARE = 0.25  # ...and the share of the wait for an answer that it may take besides

OWN_WEIGHT = 0.3  # of an elliptic question beside the one it leans on; flat from 0.3 to 0.5 on follow-ups of two sites
OWN_WEIGHT_WITH_NOUN = 0.5  # "¿y las vacaciones?" may be a new topic: its own words count as much
SUBJECT_NOUNS = 2  # with so many nouns a question says what it is about, even if it begins with "and"

_AFFIRMATIONS = frozenset(
    """
    si claro dale ok okay bueno vale obvio porfa no cuenta cuentame explica explicame sigue continua detalle detalles
    yes yeah yep sure please right go ahead tell more details explain
    """.split()
)
_CONNECTORS = frozenset({"y", "e", "o", "pero", "entonces", "ademas", "tambien", "and", "but", "or", "so", "also"})
_OPENINGS = frozenset({("what", "about"), ("how", "about"), ("que", "tal")})
# Words that stand for something said before. Determiners do so only where no noun of their own follows.
_PRONOUNS = frozenset(
    """
    eso esto ello ella ellos ellas ahi alli alla mismo misma mismos mismas ambos ambas
    it its them they their he she him her there ones same
    """.split()
)
_DETERMINERS = frozenset("ese esa esos esas este estos estas that those this these".split(" "))
_COPULAS = frozenset({"is", "are", "was", "were"})
_CLAUSE_OPENERS = frozenset({"to", "that", "if"})
# Pronouns joined to a verb: "pedirlo", "pagándola".
_ENCLITIC = re.compile(r"\w{2,}(?:[aei]r|ndo)(?:me|te|se|nos)?(?:lo|la|los|las|le|les)")
_NOT_ENCLITIC = frozenset({"charla", "charlas"})
_OPEN_QUESTIONS = frozenset("cuanto cuanta cuantos cuantas cuando donde quien quienes how when where who".split(" "))
_NOUN_SIGNS = frozenset(
    """
    el la los las un una unos unas de del al en con para por sin sobre mi mis su sus tu tus nuestro nuestra
    the a an of in on for with about my your our their
    """.split()
)
# Beyond so many words of its own, a question names its subject even if it begins with "and" or holds a pronoun.
_CONTENT_WITH_CONNECTOR = 5
_CONTENT_WITH_PRONOUN = 4

_STOP_WORDS = SPANISH_STOP_WORDS | ENGLISH_STOP_WORDS


@dataclass(frozen=True, slots=True)
class Lookup:
    """What to search for. A follow-up is searched for twice: in full, and by itself with ``own_weight`` in [0, 1]."""

    text: str
    own_text: str | None = None
    own_weight: float = 0.0


def look_up(question: Question, language: Language) -> Lookup:
    """What to search for: the question and, if it is elliptic, the one it leans on.

    A rule without a model. A question that names its own subject stands alone, so that a new topic stays clean. The
    question itself comes first: what it asks for (an amount, a date) counts, not what was asked before.
    """
    asked = [turn.content for turn in recent_turns(question.history) if turn.role == "user"]
    if not asked or not is_elliptic(question.text):
        return Lookup(question.text)
    parts = [question.text]
    if not content_words(question.text):
        parts += cited_sections(question.history)[:1]
    for earlier in reversed(asked):
        parts.append(earlier)
        if not is_elliptic(earlier):
            break
    text = " ".join(part for part in parts if not _is_bare_reply(part)) or question.text
    if not content_words(question.text):
        return Lookup(text)
    return Lookup(text, question.text, OWN_WEIGHT_WITH_NOUN if _nouns(_tokens(question.text)) else OWN_WEIGHT)


def blend(full: Sequence[Hit], own: Sequence[Hit], own_weight: float, k: int) -> list[Hit]:
    """The ``k`` best of two searches for one follow-up, by the weighted mean of their scores.

    A chunk that bears on both the follow-up and what it leans on comes first; where a follow-up changes the subject,
    its own hits are strong enough to win. Weighted scores stay in [0, 1].
    """
    found = {hit.chunk.id: hit for hit in own}
    blended = [_blended(hit, found.pop(hit.chunk.id, None), own_weight) for hit in full]
    blended += [replace(hit, score=own_weight * hit.score) for hit in found.values()]
    return sorted(blended, key=lambda hit: -hit.score)[:k]


def _blended(full: Hit, own: Hit | None, own_weight: float) -> Hit:
    """Where one search did not find a chunk, its score counts as 0 and the parts stay those of the other."""
    if own is None:
        return replace(full, score=(1 - own_weight) * full.score)

    def mean(first: float, second: float) -> float:
        return (1 - own_weight) * first + own_weight * second

    return Hit(
        full.chunk,
        score=mean(full.score, own.score),
        dense=mean(full.dense, own.dense),
        sparse=mean(full.sparse, own.sparse),
        unit_scores=tuple(map(mean, full.unit_scores, own.unit_scores)),
    )


def is_elliptic(text: str) -> bool:
    """Whether a question says too little by itself: "¿y cuánto es?", "how do I ask for it?", "sí"."""
    tokens = _tokens(text)
    content = content_words(text)
    if not content:
        return True
    nouns = _nouns(tokens)
    if _points_back(text, tokens) and len(content) <= _CONTENT_WITH_PRONOUN:
        return True
    if len(nouns) >= SUBJECT_NOUNS:
        return False
    if (tokens[0] in _CONNECTORS or tuple(tokens[:2]) in _OPENINGS) and len(content) <= _CONTENT_WITH_CONNECTOR:
        return True
    return len(content) == 1 and tokens[0] in _OPEN_QUESTIONS and not nouns


def _points_back(text: str, tokens: Sequence[str]) -> bool:
    """Whether a pronoun stands for something said before; "is there a…" and "is it possible to…" do not."""
    if "él" in words(text):
        return True
    for position, token in enumerate(tokens):
        before, after = tokens[max(position - 1, 0)], tokens[position + 1 : position + 4]
        if token in _DETERMINERS and (not after or after[0] in _STOP_WORDS):
            return True
        if token == "there" and (before in _COPULAS or not _COPULAS.isdisjoint(after[:1])):
            continue
        if token == "it" and before in _COPULAS and not _CLAUSE_OPENERS.isdisjoint(after):
            continue
        if token in _PRONOUNS or (_ENCLITIC.fullmatch(token) and token not in _NOT_ENCLITIC):
            return True
    return False


def _nouns(tokens: Sequence[str]) -> list[str]:
    """Words that carry meaning and follow an article, a possessive or a preposition: nouns, as far as that tells."""
    return [word for sign, word in pairwise(tokens) if sign in _NOUN_SIGNS and word not in _STOP_WORDS]


def _is_bare_reply(text: str) -> bool:
    return _AFFIRMATIONS.issuperset(_tokens(text))


def _tokens(text: str) -> list[str]:
    return [fold(word) for word in words(text)]


def content_words(text: str) -> list[str]:
    """Folded words of ``text`` that carry meaning of their own."""
    return [token for token in _tokens(text) if token not in _STOP_WORDS and token not in _AFFIRMATIONS]


def recent_turns(history: Sequence[Turn]) -> tuple[Turn, ...]:
    """The newest turns, each cut to a bounded length; the oldest are forgotten first."""
    return tuple(Turn(turn.role, turn.content[:TURN_CHARACTERS]) for turn in history[-HISTORY_TURNS:])


def cited_sections(history: Sequence[Turn]) -> list[str]:
    """Names of the sections that the newest answer quoted, as its frames give them."""
    for turn in reversed(history):
        if turn.role == "assistant":
            return [" ".join(name.replace("›", " ").split()) for name in _framed_names(turn.content)]
    return []


def _framed_names(text: str) -> Iterator[str]:
    for language in LANGUAGES:
        frames = FRAMES[language]
        name = f"{frames['open_quote']}([^{frames['open_quote']}{frames['close_quote']}\n]+){frames['close_quote']}"
        for key in ("section", "also"):
            opening = re.escape(frames[key].split("{section}")[0])
            yield from re.findall(opening + name, text)


class ModelRewriter:
    """Lets the chat model write a follow-up out in full; the rule stands in when it fails or takes too long."""

    def __init__(self, model: BaseChatModel, *, timeout_seconds: float) -> None:
        self._model = model
        self._timeout_seconds = min(REWRITE_SHARE * timeout_seconds, REWRITE_SECONDS)

    def __call__(self, question: Question, language: Language) -> Lookup:
        """What to search for."""
        if not question.history:
            return Lookup(question.text)
        messages = rewrite_messages(question.text, recent_turns(question.history), language)
        try:
            deadline = time.monotonic() + self._timeout_seconds
            written = " ".join("".join(stream_text(self._model, messages, deadline=deadline)).split())
        except ChatModelError:
            return look_up(question, language)
        usable = content_words(written) and len(written) <= REWRITE_CHARACTERS
        return Lookup(written) if usable else look_up(question, language)


def small_talk(text: str) -> tuple[Language, str] | None:
    """Language and key of the reply in ``FRAMES`` if ``text`` is nothing but a greeting, thanks or a goodbye."""
    said = words(text)
    for language, kinds in SMALL_TALK.items():
        known = frozenset().union(*kinds.values()) | FILLERS[language]
        if not said or not known.issuperset(said):
            continue
        for kind in _kinds(kinds, said):
            return language, kind
    return None


def _kinds(kinds: Mapping[str, frozenset[str]], said: Sequence[str]) -> Iterator[str]:
    return (kind for kind, triggers in kinds.items() if not triggers.isdisjoint(said))
