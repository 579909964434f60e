"""Follow-up questions: what to search for when a question leans on the turns before it; and small talk."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence

from langchain_core.language_models import BaseChatModel

from rag.analysis import ENGLISH_STOP_WORDS, SPANISH_STOP_WORDS, fold, words
from rag.chat_model import stream_text
from rag.errors import ChatModelError
from rag.frames import FILLERS, FRAMES, SMALL_TALK
from rag.prompts import rewrite_messages
from rag.types import LANGUAGES, Language, Question, Turn

HISTORY_TURNS = 8  # newest turns looked at: four exchanges; older subjects are rarely meant
TURN_CHARACTERS = 2000  # of each turn; an answer is seldom longer
REWRITE_CHARACTERS = 400  # a rewritten question longer than this is no question
REWRITE_SECONDS = 8.0  # longest wait for a rewriting: the answer itself still has to be written

_AFFIRMATIONS = frozenset(
    """
    si claro dale ok okay bueno vale obvio porfa no cuenta cuentame explica explicame sigue continua detalle detalles
    yes yeah yep sure please right go ahead tell more details explain
    """.split()
)
_CONNECTORS = frozenset({"y", "e", "o", "pero", "entonces", "ademas", "tambien", "and", "but", "or", "so", "also"})
_ANAPHORA = frozenset(
    """
    eso esa ese esos esas esto ello el ella ellos ellas ahi alli alla mismo misma mismos mismas ambos ambas
    it its that those them they their he she him her there one ones same both
    """.split()
)
# Pronouns joined to a verb, "pedirlo", "pagándola"; "cárcel" and "Karla" keep out of the way by length and ending.
_ENCLITIC = re.compile(r"\w{2,}(?:[aei]r|ndo)(?:me|te|se|nos)?(?:lo|la|los|las|le|les)$")
_ENGLISH_OPENINGS = (("what", "about"), ("how", "about"))
_OPEN_QUESTIONS = frozenset(
    """
    cuanto cuanta cuantos cuantas cuando donde quien quienes
    how when where who
    """.split()
)
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


def follow_up_query(question: Question, language: Language) -> str:
    """What to search for: the question and, if it is elliptic, the one it leans on.

    A rule without a model. A question that names its own subject stands alone, so that a new topic stays clean. The
    question itself comes first: what it asks for (an amount, a date) counts, not what was asked before.
    """
    asked = [turn.content for turn in recent_turns(question.history) if turn.role == "user"]
    if not asked or not is_elliptic(question.text):
        return question.text
    parts = [question.text]
    if not content_words(question.text):
        parts += cited_sections(question.history)[:1]
    for earlier in reversed(asked):
        parts.append(earlier)
        if not is_elliptic(earlier):
            break
    return " ".join(part for part in parts if not _is_bare_reply(part)) or question.text


def _is_bare_reply(text: str) -> bool:
    return _AFFIRMATIONS.issuperset(fold(word) for word in words(text))


def is_elliptic(text: str) -> bool:
    """Whether a question says too little by itself: "¿y cuánto es?", "how do I ask for it?", "sí"."""
    tokens = [fold(word) for word in words(text)]
    content = [token for token in tokens if token not in _STOP_WORDS and token not in _AFFIRMATIONS]
    if not content:
        return True
    connected = tokens[0] in _CONNECTORS or tuple(tokens[:2]) in _ENGLISH_OPENINGS
    if connected and len(content) <= _CONTENT_WITH_CONNECTOR:
        return True
    pronoun = _stressed_pronoun(tokens) or any(_ENCLITIC.fullmatch(token) for token in tokens)
    if pronoun and len(content) <= _CONTENT_WITH_PRONOUN:
        return True
    return len(content) == 1 and tokens[0] in _OPEN_QUESTIONS and not _has_noun(tokens, content[0])


def _stressed_pronoun(tokens: Sequence[str]) -> bool:
    """Whether a pronoun stands for something: ``el`` and ``that`` do only where no noun of their own follows."""
    for position, token in enumerate(tokens):
        if token not in _ANAPHORA:
            continue
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        if token != "el" and token not in {"mismo", "misma"}:
            return (
                following is None
                or token not in {"ese", "esa", "esos", "esas", "that", "those"}
                or (following in _STOP_WORDS)
            )
        if following in {None, "de"} and token == "el":
            return True
        if token != "el":
            return True
    return False


def _has_noun(tokens: Sequence[str], content: str) -> bool:
    position = tokens.index(content)
    return position > 0 and tokens[position - 1] in _NOUN_SIGNS


def content_words(text: str) -> list[str]:
    """Folded words of ``text`` that carry meaning of their own."""
    folded = (fold(word) for word in words(text))
    return [word for word in folded if word not in _STOP_WORDS and word not in _AFFIRMATIONS]


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
        self._timeout_seconds = min(timeout_seconds, REWRITE_SECONDS)

    def __call__(self, question: Question, language: Language) -> str:
        """What to search for."""
        if not question.history:
            return question.text
        messages = rewrite_messages(question.text, recent_turns(question.history), language)
        try:
            deadline = time.monotonic() + self._timeout_seconds
            written = " ".join("".join(stream_text(self._model, messages, deadline=deadline)).split())
        except ChatModelError:
            return follow_up_query(question, language)
        usable = content_words(written) and len(written) <= REWRITE_CHARACTERS
        return written if usable else follow_up_query(question, language)


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
