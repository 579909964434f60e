"""Words of a text as search terms: Spanish stems with accent-folded twins, and English stems."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import Stemmer

_WORD = re.compile(r"[^\W_]+(?:[+#]+(?!\w))?")
"""Letters and digits of any script, with the marks of C++ and C#."""

SPANISH_STOP_WORDS = frozenset(
    """
    a al algo alguien algun alguna algunas alguno algunos ante antes aquel aquella aquellas aquello aquellos
    aqui asi aun aunque bajo bien cada casi como con contra cual cuales cualquier cuando cuanto cuanta cuantos
    cuantas de del desde donde dos e el ella ellas ello ellos en entonces entre era eran eres es esa esas ese
    eso esos esta estaba estado estamos estan estar estas este esto estos estoy etc fue fueron fui ha habia
    haber hace hacen hacer hacia han hasta hay he hemos la las le les lo los mas me mi mientras mis mucho muchos
    muy nada ni no nos nosotros nuestra nuestras nuestro nuestros o os otra otras otro otros para pero poco por
    porque pues puede pueden puedo que quien quienes se sea sean ser si sido siempre sin sino sobre solo somos
    son soy su sus tal tambien tan tanto te tengo tenemos tener tiene tienen tienes toda todas todo todos tu tus
    un una unas uno unos usted ustedes va vamos van voy vosotros y ya yo hola favor gracias oye oiga porfa
    podria podrian quiero quisiera saber dime decir existe existen sirve
    """.split()
)
"""Curated for handbooks: accent-folded, and without words that carry meaning there (día, derecho, trabajo, equipo)."""

ENGLISH_STOP_WORDS = frozenset(
    """
    a about after all also am an and any anyone are as at be because been before being between both but by can
    could did do does doing don down during each few for from further get gets getting give gives go goes going
    got had has have having he her here hers him his how i if in into is it its itself just let like ll m me
    might more most must my no nor not now of off on once one only or other our ours out over own please re s
    same shall she should so some someone something such t tell than that the their theirs them then there these
    they this those through to too under until up us ve very want was we were what when where which while who
    whom why will with would you your yours hi hello thanks there's exist exists
    """.split()
)


@lru_cache(maxsize=2)
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(language)


def fold(text: str) -> str:
    """Lower case without accents or other marks; ñ becomes n. Length may change."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def words(text: str) -> list[str]:
    """Lower-cased words of ``text`` in order, accents kept."""
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())


def spanish_stem(word: str) -> str:
    """Snowball stem of a lower-cased Spanish word."""
    return str(_stemmer("spanish").stemWord(word))


def english_stem(word: str) -> str:
    """Snowball stem of a lower-cased English word."""
    return str(_stemmer("english").stemWord(word))


def is_spanish_stop_word(word: str) -> bool:
    """Whether ``word`` (lower case) says nothing about the topic in Spanish."""
    return fold(word) in SPANISH_STOP_WORDS


def spanish_terms(text: str) -> list[list[str]]:
    """Per content word of ``text``, its search terms: the stem, and the stem of the accent-folded word if it differs.

    Both are needed: stemming a word typed without its accents may give another stem, and folding before stemming
    alone would spoil the stems of words typed well.
    """
    return [_with_twin(word) for word in words(text) if not is_spanish_stop_word(word)]


def _with_twin(word: str) -> list[str]:
    stem, twin = spanish_stem(word), spanish_stem(fold(word))
    return [stem] if stem == twin else [stem, twin]


def english_terms(text: str) -> list[tuple[str, str]]:
    """Per content word of an English ``text``: (accent-folded word, its English stem)."""
    folded = [fold(word) for word in words(text)]
    return [(word, english_stem(word)) for word in folded if word not in ENGLISH_STOP_WORDS]
