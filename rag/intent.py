"""What kind of answer a question wants: a list, steps, an amount, a definition..."""

from __future__ import annotations

import re
from typing import Literal

from rag.analysis import fold
from rag.types import Language

Intent = Literal["list", "procedure", "amount", "time", "definition", "comparison", "why", "who", "yes_no", "fact"]

_SPANISH: tuple[tuple[Intent, str], ...] = (
    ("comparison", r"\bdiferenci|\bcompara|\bvs\b|\bversus\b|\bo mas bien\b|\bse distinguen?\b|\ben que se parecen"),
    (
        "why",
        r"^(?:\w+ ){0,2}(?:por ?que|porq|pq)\b|^(?:\w+ )?para que\b|\bque motiv|\bcual es (?:la razon|el motivo|el proposito)|\ba que se debe",
    ),
    (
        "amount",
        r"\bcuant[oa]s?\b|\bque (?:porcentaje|monto|cantidad|suma|tope|limite)|\bde cuanto\b|\ba cuanto\b|\bcual es (?:el|la) (?:monto|tope|cantidad|limite|valor|porcentaje|precio|costo)",
    ),
    (
        "time",
        r"^(?:\w+ ){0,2}cuando\b|\bque (?:dia|fecha|plazo|horario|hora)s?\b|\bhasta que fecha|\bdesde que momento",
    ),
    ("who", r"^(?:\w+ ){0,3}quien(?:es)?\b"),
    (
        "procedure",
        r"\bcomo (?:hago|puedo|se hace|pido|se pide|solicito|se solicita|cobro|obtengo|accedo|me|lo|la|le|debo|tengo|postulo|activo|actualizo|cambio|agrego|edito|funciona el proceso|se)\b|\bque (?:pasos|debo hacer|tengo que hacer|hay que hacer|hago)\b|\bpasos\b|\bprocedimiento\b|\bque necesito para\b",
    ),
    (
        "list",
        r"\bcuales\b|\benumera|\blista(?:do|me|r)?\b|^(?:\w+ ){0,2}que (?!es\b|nos\b|mas\b|les\b)(?:otros? |otras? |tipos? de )?\w{2,}s\b|\bnombra|\bmenciona",
    ),
    (
        "definition",
        r"\b(?:que|q) (?:es|son|significa|quiere decir|se entiende por|hace|hacen)\b|\ba que se refiere|\bdefin|\ben que consiste|\bde que se trata|\bcual es\b",
    ),
)
_ENGLISH: tuple[tuple[Intent, str], ...] = (
    ("comparison", r"\bdifferen|\bcompare|\bvs\b|\bversus\b|\bdistinguish|\bin common\b"),
    ("why", r"\bwhy\b|\bwhat(?:'s| is| was) the (?:reason|purpose|rationale|point)|\bhow come\b|\bwhat for\b"),
    (
        "amount",
        r"\bhow (?:much|many|big|large|long|often|high)\b|\bwhat (?:percentage|amount|share|proportion)|\bwhat(?:'s| is) the (?:amount|cap|maximum|minimum|limit|cost|price|percentage)",
    ),
    ("time", r"^(?:\w+ ){0,1}when\b|\bwhat (?:day|date|time|deadline)s?\b|\bby when\b|\bhow soon\b"),
    ("who", r"^(?:\w+ ){0,2}who(?:m|se|s)?\b"),
    (
        "procedure",
        r"\bhow (?:do|can|should|would|to|must|does one)\b|\bsteps?\b|\bprocedure\b|\bprocess (?:for|to|of)\b|\bwhat (?:do|should|must) (?:i|we) do\b|\bwhat do i need to\b",
    ),
    (
        "list",
        r"\bwhich\b|\blist\b|\bname (?:the|all|some)\b|\bwhat (?:are|kinds?|types?|sorts?)\b|\bwhat (?!is\b|does\b|happens\b)\w+s (?:are|do|does|can|should|must|have|will|exist)\b",
    ),
    ("definition", r"\bwhat(?:'s| is| does| do)\b|\bdefine\b|\bdefinition\b|\bmeaning of\b|\bmeans?\b"),
)
_YES_NO: dict[Language, str] = {
    "es": r"^(?:y |oye |hola |disculpa |una consulta )*(?:es|son|hay|puedo|puede|pueden|podemos|se puede|tengo|tienen|tenemos|tiene|existe|existen|debo|deben|hace falta|esta|estan|me|te|nos|dan|cubre|aplica|sirve|necesito|incluye|ofrecen|entregan|permiten|pagan)\b",
    "en": r"^(?:so |and |hi |hello )*(?:is|are|can|could|do|does|did|may|must|should|will|would|has|have|am)\b",
}
_PATTERNS: dict[Language, tuple[tuple[Intent, re.Pattern[str]], ...]] = {
    "es": tuple((intent, re.compile(pattern)) for intent, pattern in _SPANISH),
    "en": tuple((intent, re.compile(pattern)) for intent, pattern in _ENGLISH),
}


def question_intent(text: str, language: Language) -> Intent:
    """The kind of answer that ``text`` asks for, by its question words; ``fact`` if none tells."""
    clause = _asking_clause(text)
    folded = " ".join(re.sub(r"[^\w']+", " ", fold(clause)).split())
    for intent, pattern in _PATTERNS[language]:
        if pattern.search(folded):
            return intent
    return "yes_no" if re.search(_YES_NO[language], folded) else "fact"


def _asking_clause(text: str) -> str:
    """The part of ``text`` that asks: after the last opening mark, else the last sentence that ends in a mark."""
    if "¿" in text:
        return text.rsplit("¿", 1)[1]
    sentences = [sentence for sentence in re.split(r"(?<=[.?!])\s+", text) if sentence.strip()]
    questions = [sentence for sentence in sentences if sentence.rstrip().endswith("?")]
    return (questions or sentences or [text])[-1]
