"""What kind of answer a question wants: a list, steps, an amount, a definition..."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from rag.analysis import fold
from rag.types import Language

Intent = Literal["list", "procedure", "amount", "time", "definition", "comparison", "why", "who", "yes_no", "fact"]

_START = r"^(?:\w+ ){0,2}"
"""A question word counts at the beginning of the clause; in its middle ("the day when...") it asks nothing."""

_SPANISH: Mapping[Intent, tuple[str, ...]] = {
    "comparison": (r"\bdiferenci", r"\bcompara", r"\b(?:vs|versus)\b", r"\bse distinguen?\b", r"\ben que se parecen"),
    "why": (
        _START + r"(?:por ?que|porq|pq|para que)\b",
        r"\bcual es (?:la razon|el motivo|el proposito)",
        r"\bque motiv",
        r"\ba que se debe",
    ),
    "amount": (
        r"\bcuant[oa]s?\b",
        r"\bque (?:porcentaje|monto|cantidad|suma|tope|limite)",
        r"\bcual es (?:el|la) (?:monto|tope|cantidad|limite|valor|porcentaje|precio|costo)",
    ),
    "time": (
        _START + r"cuando\b",
        r"\bque (?:dia|fecha|plazo|horario|hora)s?\b",
        r"\b(?:hasta|desde) que (?:fecha|momento)",
    ),
    "who": (r"^(?:\w+ ){0,3}quien(?:es)?\b",),
    "procedure": (
        r"\bcomo (?:hago|puedo|debo|tengo|pido|solicito|cobro|obtengo|accedo|postulo)\b",
        r"\bcomo (?:activo|actualizo|cambio|agrego|edito)\b",
        r"\bcomo (?:se|me|lo|la|le)\b",
        r"\bque (?:pasos|debo hacer|tengo que hacer|hay que hacer|hago)\b",
        r"\bpasos\b",
        r"\bprocedimiento\b",
        r"\bque necesito para\b",
    ),
    "list": (
        r"\bcuales\b",
        r"\b(?:enumera|nombra|menciona)",
        r"\blista(?:do|me|r)?\b",
        _START + r"que (?!es\b|nos\b|mas\b|les\b)(?:otros? |otras? |tipos? de )?\w{2,}s\b",
    ),
    "definition": (
        r"\b(?:que|q) (?:es|son|significa|quiere decir|se entiende por|hace|hacen)\b",
        r"\ba que se refiere",
        r"\bdefin",
        r"\ben que consiste",
        r"\bde que se trata",
        r"\bcual es\b",
    ),
    "yes_no": (
        r"^(?:y |oye |hola )*(?:es|son|hay|esta|estan|existen?|se puede|hace falta|me|te|nos)\b",
        r"^(?:y |oye )*(?:puedo|puedes?|pueden|podemos|tengo|tienen?|tenemos|debo|deben|necesito)\b",
        r"^(?:y |oye )*(?:dan|cubren?|aplican?|sirven?|incluyen?|ofrecen|entregan|permiten|pagan)\b",
    ),
}
_ENGLISH: Mapping[Intent, tuple[str, ...]] = {
    "comparison": (r"\bdifferen", r"\bcompare", r"\b(?:vs|versus)\b", r"\bdistinguish", r"\bin common\b"),
    "why": (
        r"\bwhy\b",
        r"\bwhat(?:'s| is| was) the (?:reason|purpose|rationale|point)",
        r"\bhow come\b",
        r"\bwhat for\b",
    ),
    "amount": (
        r"\bhow (?:much|many|big|large|long|often|high)\b",
        r"\bwhat (?:percentage|amount|share|proportion)",
        r"\bwhat(?:'s| is) the (?:amount|cap|maximum|minimum|limit|cost|price|percentage)",
    ),
    "time": (r"^(?:\w+ )?when\b", r"\bwhat (?:day|date|time|deadline)s?\b", r"\bby when\b", r"\bhow soon\b"),
    "who": (_START + r"who(?:m|se|s)?\b",),
    "procedure": (
        r"\bhow (?:do|can|should|would|to|must|does one)\b",
        r"\bsteps?\b",
        r"\bprocedure\b",
        r"\bprocess (?:for|to|of)\b",
        r"\bwhat (?:do|should|must) (?:i|we) do\b",
        r"\bwhat do i need to\b",
    ),
    "list": (
        r"\bwhich\b",
        r"\blist\b",
        r"\bname (?:the|all|some)\b",
        r"\bwhat (?:are|kinds?|types?|sorts?)\b",
        r"\bwhat (?!is\b|does\b|happens\b)\w+s (?:are|do|does|can|should|must|have|will|exist)\b",
    ),
    "definition": (r"\bwhat(?:'s| is| does| do)\b", r"\bdefin(?:e|ition)\b", r"\bmean(?:s|ing)?\b"),
    "yes_no": (r"^(?:so |and |hi |hello )*(?:is|are|am|can|could|do|does|did|may|must|should|will|would|has|have)\b",),
}


def _compiled(table: Mapping[Intent, tuple[str, ...]]) -> Mapping[Intent, re.Pattern[str]]:
    return {intent: re.compile("|".join(patterns)) for intent, patterns in table.items()}


_PATTERNS: Mapping[Language, Mapping[Intent, re.Pattern[str]]] = {"es": _compiled(_SPANISH), "en": _compiled(_ENGLISH)}


def question_intent(text: str, language: Language) -> Intent:
    """The kind of answer that ``text`` asks for, by its question words; ``fact`` if none tells."""
    folded = " ".join(re.sub(r"[^\w']+", " ", fold(_asking_clause(text))).split())
    return next((intent for intent, pattern in _PATTERNS[language].items() if pattern.search(folded)), "fact")


def _asking_clause(text: str) -> str:
    """The part of ``text`` that asks: after the last opening mark, else the last sentence that ends in a mark."""
    if "¿" in text:
        return text.rsplit("¿", 1)[1]
    sentences = [sentence for sentence in re.split(r"(?<=[.?!])\s+", text) if sentence.strip()]
    questions = [sentence for sentence in sentences if sentence.rstrip().endswith("?")]
    return (questions or sentences or [text])[-1]
