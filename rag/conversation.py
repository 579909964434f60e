"""Follow-up questions: what to search for when a question leans on the turns before it; and small talk."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
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
THANKS_WORDS = 5  # "gracias, muy amable"; a longer message may ask for something besides
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
# "¿Cuáles son sus roles?" asks about what was named before; so does "¿tiene costo?", which leaves its subject out.
_POSSESSIVES = frozenset({"su", "sus"})
_BARE_VERBS = frozenset("tiene es esta era fue cuesta dura vence caduca incluye cubre aplica sirve requiere".split(" "))
_DEFINITE = frozenset("el la los las mi mis tu tus nuestro nuestra nuestros nuestras".split(" "))
_PREPOSITIONS = frozenset("a de con en para por sin sobre".split(" "))
_INFINITIVE = re.compile(r"\w{3,}[aei]r")
_NAME_WITHIN = re.compile(r"\s[^\W\d_a-záéíóúñ]")
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
_CONTENT_WITH_BARE_VERB = 2

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
    turns = recent_turns(question.history)
    asked = [turn.content for turn in turns if turn.role == "user" and not small_talk(turn.content)]
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
    if tokens[0] in _BARE_VERBS and len(content) <= _CONTENT_WITH_BARE_VERB and not _has_subject(text, tokens):
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
        if token in _POSSESSIVES and not _nouns(tokens[:position]) and not _STOP_WORDS.issuperset(after[:1]):
            return True
        if token == "there" and (before in _COPULAS or not _COPULAS.isdisjoint(after[:1])):
            continue
        if token == "it" and before in _COPULAS and not _CLAUSE_OPENERS.isdisjoint(after):
            continue
        if token in _PRONOUNS or (_ENCLITIC.fullmatch(token) and token not in _NOT_ENCLITIC):
            return True
    return False


def _has_subject(text: str, tokens: Sequence[str]) -> bool:
    """Whether a question that begins with its verb says whose verb it is: "¿es gratis el plan?", "¿tiene Ana…?"."""
    named = _NAME_WITHIN.search(text) or any(map(_INFINITIVE.fullmatch, tokens[1:]))
    return bool(named) or any(
        sign in _DEFINITE and word not in _STOP_WORDS and before not in _PREPOSITIONS
        for before, sign, word in zip(tokens, tokens[1:], tokens[2:], strict=False)
    )


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


def small_talk(text: str, likely: Language = "es") -> tuple[Language, str] | None:
    """Language and key of the reply in ``FRAMES`` if ``text`` asks nothing: a greeting, thanks, a goodbye, "ok".

    ``likely`` is the language of words that both have. Short thanks may hold one word that is not known.
    """
    said = words(text)
    for language in sorted(LANGUAGES, key=lambda language: language != likely):
        kinds = SMALL_TALK[language]
        known = {word for phrases in kinds.values() for phrase in phrases for word in phrase.split()}
        unknown = [word for word in said if word not in known and word not in FILLERS[language]]
        if len(unknown) > _unknown_allowed(text, said, kinds["thanks"]):
            continue
        spoken = f" {' '.join(said)} "
        for kind, phrases in kinds.items():
            if any(f" {phrase} " in spoken for phrase in phrases) and not (kind == "agreed" and "?" in text):
                return language, kind
    return None


def _unknown_allowed(text: str, said: Sequence[str], thanks: frozenset[str]) -> int:
    return int(bool(said) and said[0] in thanks and len(said) <= THANKS_WORDS and "?" not in text)
