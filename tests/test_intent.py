"""What kind of answer a question wants."""

from __future__ import annotations

import pytest

from rag.intent import Intent, question_intent
from rag.types import Language


@pytest.mark.parametrize(
    ("text", "language", "intent"),
    [
        ("¿Cuáles son los valores?", "es", "list"),
        ("¿Qué beneficios hay?", "es", "list"),
        ("Which values do you share?", "en", "list"),
        ("What are the levels?", "en", "list"),
        ("¿Cómo pido vacaciones?", "es", "procedure"),
        ("Me cambié de banco, ¿cómo hago para avisar?", "es", "procedure"),
        ("How do I ask for time off?", "en", "procedure"),
        ("¿Cuánto es el bono?", "es", "amount"),
        ("how many days do I get", "en", "amount"),
        ("¿Cuándo se paga?", "es", "time"),
        ("When is it paid?", "en", "time"),
        ("What is the policy when a client leaves?", "en", "definition"),
        ("¿Quién aprueba los gastos?", "es", "who"),
        ("Who approves expenses?", "en", "who"),
        ("¿Qué es la misión?", "es", "definition"),
        ("¿Qué hace un QA Engineer?", "es", "definition"),
        ("What does a senior do?", "en", "definition"),
        ("¿En qué se diferencian Entry y Senior? ¿Qué diferencia hay?", "es", "comparison"),
        ("What is the difference between Entry and Senior?", "en", "comparison"),
        ("¿Por qué es difícil contratar?", "es", "why"),
        ("porque cuesta contratar", "es", "why"),
        ("Why is hiring hard?", "en", "why"),
        ("¿Puedo trabajar desde casa?", "es", "yes_no"),
        ("Can I work from home?", "en", "yes_no"),
        ("teletrabajo", "es", "fact"),
        ("", "es", "fact"),
    ],
)
def test_intent_follows_the_question_words(text: str, language: Language, intent: Intent) -> None:
    assert question_intent(text, language) == intent


def test_the_story_before_the_question_does_not_decide() -> None:
    assert question_intent("Cuando llegué nadie me dijo nada. ¿Puedo pedir un notebook?", "es") == "yes_no"
