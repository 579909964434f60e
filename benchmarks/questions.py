"""Questions about the sample's topics, in both languages, for timing only: nothing is said about their answers."""

from __future__ import annotations

from collections.abc import Mapping

from rag.types import Language

QUESTIONS: Mapping[Language, tuple[str, ...]] = {
    "es": (
        "¿Qué es el principio Xperience?",
        "¿Cuáles son los valores corporativos?",
        "¿Qué diferencia hay entre un nivel Entry y un Senior?",
        "¿Cómo postulo si recién egreso?",
        "¿Qué hace una ingeniera de datos?",
        "¿Quién decide el nivel de una persona?",
        "¿Por qué importa la transparencia?",
        "¿Se puede trabajar con herramientas de nube?",
        "¿Qué pasa si no quedo en el proceso de selección?",
        "¿Cuánto dura un proyecto?",
        "¿Qué significa adaptabilidad?",
        "¿Cuál es la capital de Mongolia?",
    ),
    "en": (
        "What is the Xperience principle?",
        "What are the corporate values?",
        "What is the difference between an Entry and a Senior level?",
        "How do I apply if I have just graduated?",
        "What does a data engineer do?",
        "Who decides the level of a person?",
        "Why does transparency matter?",
        "Can I work with cloud tools?",
        "What happens if I am not selected?",
        "How long does a project last?",
        "What does adaptability mean?",
        "What is the capital of Mongolia?",
    ),
}
