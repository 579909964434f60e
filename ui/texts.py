"""Every word the chat page shows, in Spanish and English, and the choice between the two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from api.schema import Audience, Language

DEFAULT_LANGUAGE: Final[Language] = "es"
LANGUAGES: Final[tuple[Language, ...]] = ("es", "en")
AUDIENCES: Final[tuple[Audience, ...]] = ("candidate", "employee", "recruiter")


@dataclass(frozen=True, slots=True)
class Texts:
    """The page's words in one language. Names in braces are filled in with ``str.format``."""

    language_name: str
    language_label: str
    page_title: str
    heading: str
    intro: str
    audience_label: str
    audiences: Mapping[Audience, str]
    starters_label: str
    starters: Mapping[Audience | None, tuple[str, ...]]
    input_placeholder: str
    new_conversation: str
    older_hidden: str
    you: str
    assistant: str
    searching: str
    answering: str
    stopped: str
    retry: str
    sources: str
    not_found_badge: str
    unverified_badge: str
    generated: str
    consulted: str
    suggestions: str
    updated: str
    draft: str
    wip: str
    one_line: str
    lines: str
    open_page: str
    opens_in_new_tab: str
    image: str
    date: str
    months: tuple[str, ...]
    error_unreachable: str
    error_timeout: str
    error_interrupted: str
    error_rate_limited: str
    error_rate_limited_later: str
    error_too_long: str
    error_rejected: str
    error_unavailable: str
    error_failed: str


TEXTS: Final[Mapping[Language, Texts]] = {
    "es": Texts(
        language_name="Español",
        language_label="Idioma de la página",
        page_title="Pregúntale al manual",
        heading="Pregúntale al manual",
        intro=(
            "Escribe en español o en inglés. Cada respuesta sale del manual y enseña el pasaje que la respalda, "
            "con su página y sus líneas. Si el manual no lo dice, te lo digo."
        ),
        audience_label="¿Desde dónde preguntas? (opcional)",
        audiences={"candidate": "Quiero trabajar aquí", "employee": "Ya trabajo aquí", "recruiter": "Selecciono gente"},
        starters_label="Para empezar, prueba con",
        starters={
            None: (
                "¿Cuál es la misión?",
                "¿Qué valores tenemos?",
                "¿Qué roles existen?",
                "¿Cómo es el proceso de selección?",
            ),
            "candidate": (
                "¿Cuál es la misión?",
                "¿Cómo es el proceso de selección?",
                "¿Qué perfil se busca?",
                "¿Qué roles existen?",
            ),
            "employee": (
                "¿Qué valores tenemos?",
                "¿Cómo puedo crecer profesionalmente?",
                "¿Cómo se trabaja con los clientes?",
                "¿Qué proyectos hacemos?",
            ),
            "recruiter": (
                "¿Qué perfiles se buscan?",
                "¿Cómo se definen los niveles de experiencia?",
                "¿Cómo se trata a quien no queda seleccionado?",
            ),
        },
        input_placeholder="Escribe tu pregunta…",
        new_conversation="Nueva conversación",
        older_hidden="Se muestran las últimas {count} preguntas de esta conversación.",
        you="Tú",
        assistant="Faro",
        searching="Buscando en el manual…",
        answering="Escribiendo la respuesta…",
        stopped="La respuesta se detuvo antes de terminar.",
        retry="Preguntar otra vez",
        sources="Fuentes",
        not_found_badge="No está en el manual",
        unverified_badge="Sin verificar",
        generated="Texto redactado por un modelo de lenguaje a partir de las fuentes citadas.",
        consulted="También se consultó ({count})",
        suggestions="Secciones cercanas",
        updated="actualizado el {date}",
        draft="borrador",
        wip="en elaboración",
        one_line="línea {start}",
        lines="líneas {start} a {end}",
        open_page="Abrir la página",
        opens_in_new_tab="se abre en otra pestaña",
        image="imagen",
        date="{day} de {month} de {year}",
        months=(
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ),
        error_unreachable="No hay conexión con el servicio de Faro. Comprueba que esté en marcha y pregunta otra vez.",
        error_timeout="El servicio tarda demasiado en responder. Espera un momento y pregunta otra vez.",
        error_interrupted="La respuesta se cortó antes de terminar. Pregunta otra vez.",
        error_rate_limited="Has hecho muchas preguntas seguidas. Espera {seconds} s y pregunta otra vez.",
        error_rate_limited_later="Has hecho muchas preguntas seguidas. Espera un minuto y pregunta otra vez.",
        error_too_long="La pregunta es demasiado larga. Escríbela más corta en el cuadro de abajo.",
        error_rejected="Esto no se puede buscar tal como está. Escribe la pregunta con palabras en el cuadro de abajo.",
        error_unavailable="El manual todavía no está listo para responder. Hay que indexarlo con `faro ingest`.",
        error_failed="El servicio falló al responder. Pregunta otra vez; si sigue igual, avisa a quien lo administra.",
    ),
    "en": Texts(
        language_name="English",
        language_label="Page language",
        page_title="Ask the handbook",
        heading="Ask the handbook",
        intro=(
            "Write in English or Spanish. Every answer comes from the handbook and shows the passage behind it, "
            "with its page and lines. If the handbook does not say, I will tell you."
        ),
        audience_label="Where are you asking from? (optional)",
        audiences={"candidate": "I want to work here", "employee": "I work here", "recruiter": "I recruit"},
        starters_label="To get started, try",
        starters={
            None: (
                "What is the mission?",
                "What are our values?",
                "Which roles are there?",
                "What is the selection process like?",
            ),
            "candidate": (
                "What is the mission?",
                "What is the selection process like?",
                "Who are you looking for?",
                "Which roles are there?",
            ),
            "employee": (
                "What are our values?",
                "How can I grow professionally?",
                "How do we work with clients?",
                "Which projects do we do?",
            ),
            "recruiter": (
                "Which profiles are we looking for?",
                "How are experience levels defined?",
                "How are candidates treated when they are not selected?",
            ),
        },
        input_placeholder="Type your question…",
        new_conversation="New conversation",
        older_hidden="Showing the last {count} questions of this conversation.",
        you="You",
        assistant="Faro",
        searching="Searching the handbook…",
        answering="Writing the answer…",
        stopped="The answer was stopped before the end.",
        retry="Ask again",
        sources="Sources",
        not_found_badge="Not in the handbook",
        unverified_badge="Unverified",
        generated="Written by a language model from the sources cited.",
        consulted="Also consulted ({count})",
        suggestions="Nearest sections",
        updated="updated {date}",
        draft="draft",
        wip="work in progress",
        one_line="line {start}",
        lines="lines {start} to {end}",
        open_page="Open the page",
        opens_in_new_tab="opens in a new tab",
        image="image",
        date="{day} {month} {year}",
        months=(
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ),
        error_unreachable="Faro's service cannot be reached. Check that it is running, then ask again.",
        error_timeout="The service is taking too long to respond. Wait a moment, then ask again.",
        error_interrupted="The answer was cut off before the end. Ask again.",
        error_rate_limited="That was a lot of questions in a row. Wait {seconds} s, then ask again.",
        error_rate_limited_later="That was a lot of questions in a row. Wait a minute, then ask again.",
        error_too_long="The question is too long. Write a shorter one in the box below.",
        error_rejected="This cannot be looked up as it is. Put the question in words in the box below.",
        error_unavailable="The handbook is not ready to answer yet. It has to be indexed with `faro ingest`.",
        error_failed="The service failed to answer. Ask again; if it keeps failing, tell whoever runs it.",
    ),
}


def choose_language(requested: str | None, locale: str | None) -> Language:
    """The page's language: the one ``requested`` in the URL, else that of the browser's ``locale``, else Spanish."""
    for candidate in (requested, locale):
        code = (candidate or "").replace("_", "-").split("-")[0].strip().lower()
        for language in LANGUAGES:
            if code == language:
                return language
    return DEFAULT_LANGUAGE


def format_date(iso_day: str, texts: Texts) -> str:
    """``2024-03-04`` written out in the page's language; anything that is no ISO 8601 day comes back unchanged."""
    try:
        day = date.fromisoformat(iso_day[:10])
    except ValueError:
        return iso_day
    return texts.date.format(day=day.day, month=texts.months[day.month - 1], year=day.year)


def format_lines(start_line: int, end_line: int, texts: Texts) -> str:
    """Where a quote stands in its file, for a person: ``líneas 3 a 5``. Lines are 1-based and inclusive."""
    template = texts.one_line if start_line == end_line else texts.lines
    return template.format(start=start_line, end=end_line)
