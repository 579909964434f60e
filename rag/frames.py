"""The words around an answer, in both languages, as data."""

from __future__ import annotations

from collections.abc import Mapping

from rag.types import Language

FRAMES: Mapping[Language, Mapping[str, str]] = {
    "es": {
        "section": "El manual dice en {section}:",
        "section_draft": "El manual dice en {section} (página en borrador, puede cambiar):",
        "section_wip": "El manual dice en {section} (página en construcción, puede cambiar):",
        "also": "También dice en {section}:",
        "also_draft": "También dice en {section} (página en borrador, puede cambiar):",
        "also_wip": "También dice en {section} (página en construcción, puede cambiar):",
        "open_quote": "«",
        "close_quote": "»",
        "not_found": "El manual no lo dice. Se buscó: {question}.",
        "not_found_plain": "El manual no lo dice.",
        "nearest": "Lo más cercano que hay en el manual:",
        "unverified_mark": "(sin comprobar en el manual)",
        "notice_unverified": "Hay frases de esta respuesta que no se pudieron comprobar en el manual; están marcadas.",
        "notice_model": "El modelo de lenguaje no dio una respuesta utilizable; esta cita el manual directamente.",
        "notice_interrupted": "El modelo de lenguaje se detuvo antes de terminar.",
        "interrupted": "(La respuesta quedó incompleta.)",
        "greeting": "¡Hola! Se puede preguntar por cualquier tema del manual, en español o en inglés; "
        "la respuesta muestra la página y las líneas de donde sale.",
        "thanks": "¡De nada! Si surge otra duda sobre el manual, se puede preguntar aquí mismo.",
        "unclear": "Siento no haber sido claro. Ayuda preguntar con otras palabras, o por una parte concreta; "
        "las fuentes de cada respuesta se abren y muestran el texto completo.",
        "agreed": "¡Perfecto! Si surge otra duda sobre el manual, se puede preguntar aquí mismo.",
        "goodbye": "¡Hasta luego! Para otra consulta sobre el manual, este chat queda disponible.",
    },
    "en": {
        "section": "The handbook (in Spanish) says under {section}:",
        "section_draft": "The handbook (in Spanish) says under {section} (a draft page, it may change):",
        "section_wip": "The handbook (in Spanish) says under {section} (a page in progress, it may change):",
        "also": "It also says under {section}:",
        "also_draft": "It also says under {section} (a draft page, it may change):",
        "also_wip": "It also says under {section} (a page in progress, it may change):",
        "open_quote": "“",
        "close_quote": "”",
        "not_found": "The handbook does not say. Searched for: {question}.",
        "not_found_plain": "The handbook does not say.",
        "nearest": "The closest there is in the handbook:",
        "unverified_mark": "(not verified in the handbook)",
        "notice_unverified": "Some sentences of this answer could not be verified in the handbook; they are marked.",
        "notice_model": "The chat model gave no usable answer; this one quotes the handbook directly.",
        "notice_interrupted": "The chat model stopped before it had finished.",
        "interrupted": "(The answer is incomplete.)",
        "greeting": "Hello! You can ask about anything in the handbook, in English or Spanish; "
        "the answer shows the page and the lines it comes from.",
        "thanks": "You are welcome! If another question about the handbook comes up, just ask.",
        "unclear": "Sorry for not being clear. It helps to ask in other words, or about one part; "
        "the sources of each answer open and show the whole text.",
        "agreed": "Great! If another question about the handbook comes up, just ask.",
        "goodbye": "Goodbye! For another question about the handbook, this chat is here.",
    },
}

# Messages made of these words alone are small talk, not questions. The first list with a phrase that the message
# holds decides the kind of reply; FILLERS may stand beside them.
SMALL_TALK: Mapping[Language, Mapping[str, frozenset[str]]] = {
    "es": {
        "thanks": frozenset({"gracias", "agradezco", "agradecido", "agradecida"}),
        "goodbye": frozenset({"adiós", "adios", "chao", "chau", "hasta"}),
        "greeting": frozenset({"hola", "holi", "holaa", "buenas", "buenos", "buen", "saludos", "alo", "aló"}),
        "unclear": frozenset(
            {
                f"no {pronoun}{verb}"
                for pronoun in ("", "te ", "lo ", "le ")
                for verb in ("entendí", "entendi", "entiendo", "comprendo", "comprendí", "comprendi")
            }
        ),
        "agreed": frozenset(
            """
            ok oka okay okey vale genial perfecto excelente entendido listo buenísimo buenisimo súper super bacán bacan
            """.split()
        ),
    },
    "en": {
        "thanks": frozenset({"thanks", "thank", "thx", "ty", "cheers"}),
        "goodbye": frozenset({"bye", "goodbye"}),
        "greeting": frozenset({"hello", "hi", "hey", "greetings", "howdy", "good"}),
        "unclear": frozenset(
            {
                f"{not_} {verb}"
                for not_ in ("don t", "dont", "do not", "didn t", "didnt", "did not")
                for verb in ("understand", "get it", "get that", "follow")
            }
        ),
        "agreed": frozenset("ok okay perfect great cool awesome excellent nice understood brilliant".split(" ")),
    },
}

FILLERS: Mapping[Language, frozenset[str]] = {
    "es": frozenset(
        """
        muchas mil muy muchísimas muchisimas amable todo todos todas por tu su la ayuda información informacion
        respuesta día días dia dias tarde tardes noche noches luego pronto mañana qué que tal cómo como estás estas está
        esta están estan vas va de nuevo y faro útil util clara claro buena bien todavía todavia nada perdón perdon
        disculpa lo me quedó quedo
        """.split()
    ),
    "en": frozenset(
        """
        you so very much a lot many for the your help answer information that morning afternoon evening day night there
        again everyone all how are is it going what s up see later and faro helpful useful clear i sorry was still
        """.split()
    ),
}
