"""The chat page: asks the API over HTTP, streams the answer, and opens its citations."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

FOLDER = Path(__file__).resolve().parent
if str(FOLDER.parent) not in sys.path:  # `streamlit run ui/chat.py` looks for modules in ui/ only
    sys.path.append(str(FOLDER.parent))

from api.schema import AskResponse, Citation, DeltaEvent, Handbook, Language  # noqa: E402
from ui.client import DEFAULT_ADDRESS, ApiError, Client  # noqa: E402
from ui.conversation import SHOWN_EXCHANGES, Exchange, build_request  # noqa: E402
from ui.render import (  # noqa: E402
    HERO_ID,
    answer_html,
    citation_html,
    citation_label,
    consulted_html,
    header_html,
    hero_html,
    label_html,
    notice_html,
    page_language_html,
    partial_answer_html,
    question_html,
    scroll_html,
    searching_html,
)
from ui.texts import AUDIENCES, LANGUAGES, TEXTS, Texts, choose_language  # noqa: E402

# Keys of the session's state.
EXCHANGES = "exchanges"  # list[Exchange], oldest first
ASKED = "asked"  # the question that a button asks
LANGUAGE = "language"
AUDIENCE = "audience"

# The facts change when the handbook is indexed anew: look again now and then.
HANDBOOK_CACHE_SECONDS = 60


def main() -> None:
    """Draw the page once, and answer the question that was just asked, if there is one."""
    client = open_client(os.environ.get("FARO_API_URL") or DEFAULT_ADDRESS)
    exchanges: list[Exchange] = st.session_state.setdefault(EXCHANGES, [])
    language = page_language()
    texts = TEXTS[language]
    handbook, problem = load_handbook(client)
    st.set_page_config(page_title=texts.page_title, page_icon=(FOLDER / "icon.svg").read_text("utf-8"))
    st.html(FOLDER / "style.css")
    run_script("language", page_language_html(language))
    limit = handbook.max_question_chars if handbook else None
    typed = st.chat_input(texts.input_placeholder, key="question", max_chars=limit, submit_mode="stop")
    question = typed or st.session_state.pop(ASKED, None)

    show_header(handbook, texts, has_exchanges=bool(exchanges or question))
    first_view = st.empty()  # emptied at once when a conversation begins, not at the end of its first answer
    if not exchanges and not question:
        with first_view.container():
            show_first_view(texts, problem)
        return
    show_exchanges(exchanges, texts, can_retry=not question)
    if question:
        ask(client, question, exchanges, texts)
    run_script("answered", scroll_html(question_id(len(exchanges) - 1), f"answered {len(exchanges)}"))


@st.cache_resource(show_spinner=False)
def open_client(address: str) -> Client:
    """One client for all sessions: it holds connections, and no one's conversation."""
    return Client(address)


@st.cache_data(ttl=HANDBOOK_CACHE_SECONDS, show_spinner=False)
def fetch_handbook(address: str, _client: Client) -> Handbook:
    """The handbook's facts, remembered for a while. Raises ApiError, which is never remembered."""
    return _client.handbook()


def load_handbook(client: Client) -> tuple[Handbook | None, ApiError | None]:
    """The handbook's facts, or why they could not be had."""
    try:
        return fetch_handbook(client.address, client), None
    except ApiError as error:
        return None, error


def visitor_address() -> str | None:
    """The address of the person at the page, where Streamlit knows it (not on this machine, nor in its own tests)."""
    address = st.context.ip_address
    return address if isinstance(address, str) else None


def page_language() -> Language:
    """The page's language: chosen on the page, else in the URL, else the browser's; the URL keeps it."""
    if LANGUAGE not in st.session_state:
        st.session_state[LANGUAGE] = choose_language(st.query_params.get("lang"), st.context.locale)
    language: Language = st.session_state[LANGUAGE]
    if st.query_params.get("lang") != language:
        st.query_params["lang"] = language
    return language


def show_header(handbook: Handbook | None, texts: Texts, *, has_exchanges: bool) -> None:
    """The line at the top: whose handbook this is, a new conversation, the page's language."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.html(header_html(handbook.title if handbook else None), width="content")
        with st.container(horizontal=True, width="content", vertical_alignment="center"):
            if has_exchanges:
                st.button(
                    texts.new_conversation, icon=":material/add_comment:", type="tertiary", on_click=start_conversation
                )
            st.segmented_control(
                texts.language_label,
                LANGUAGES,
                format_func=lambda code: TEXTS[code].language_name,
                key=LANGUAGE,
                required=True,
                label_visibility="collapsed",
                width="content",
            )


def show_first_view(texts: Texts, problem: ApiError | None) -> None:
    """What this is, who asks, and questions to start with."""
    st.html(hero_html(texts))
    if problem:
        st.warning(error_text(problem, texts), icon=":material/cloud_off:")
    audience = st.pills(
        texts.audience_label,
        AUDIENCES,
        format_func=lambda name: texts.audiences[name],
        key=AUDIENCE,
        persist_state="session",
    )
    st.html(label_html(texts.starters_label))
    with st.container(horizontal=True, gap="xsmall"):
        for number, starter in enumerate(texts.starters[audience]):
            st.button(starter, key=f"starter-{audience}-{number}", on_click=ask_next, args=(starter,))
    run_script("first-view", scroll_html(HERO_ID, f"{texts.language_name} {audience}"))


def show_exchanges(exchanges: Sequence[Exchange], texts: Texts, *, can_retry: bool) -> None:
    """The newest exchanges, oldest first."""
    first = max(0, len(exchanges) - SHOWN_EXCHANGES)
    if first:
        st.html(label_html(texts.older_hidden.format(count=SHOWN_EXCHANGES)))
    for number in range(first, len(exchanges)):
        show_question(exchanges[number].question, number, texts)
        with chat_message("assistant", texts):
            show_reply(exchanges[number], number, texts)
            if can_retry and number == len(exchanges) - 1 and exchanges[number].can_retry:
                show_retry(texts, "retry")


def show_retry(texts: Texts, key: str) -> None:
    """The button that asks the last question again."""
    st.button(texts.retry, key=key, icon=":material/refresh:", on_click=retry_last)


def show_question(question: str, number: int, texts: Texts) -> None:
    """What the person asked."""
    with chat_message("user", texts):
        st.html(question_html(question, question_id(number)))


def show_reply(exchange: Exchange, number: int, texts: Texts) -> None:
    """The answer with its proof, or the error, or that it was stopped."""
    if exchange.answer is not None:
        show_status(exchange.answer, texts)
        st.html(answer_html(exchange.answer))
        show_proof(exchange.answer, number, texts)
    elif exchange.error is not None:
        show = st.error if exchange.error.can_retry else st.warning
        show(error_text(exchange.error, texts), icon=":material/error:")
    else:
        st.html(label_html(texts.stopped))


def show_status(answer: AskResponse, texts: Texts) -> None:
    """What the reader should know before the answer: that there is none, or that it is not all proven."""
    if answer.status == "not_found" and answer.consulted:  # a greeting looks nothing up
        st.badge(texts.not_found_badge, color="gray", icon=":material/search_off:")
    if answer.status == "unverified":
        st.badge(texts.unverified_badge, color="orange", icon=":material/warning:")


def show_proof(answer: AskResponse, number: int, texts: Texts) -> None:
    """What stands under an answer: a notice, its citations, what else was read, how it was made."""
    if answer.notice:
        st.html(notice_html(answer.notice, answer.language))
    if answer.citations:
        st.html(label_html(texts.sources))
    for citation in answer.citations:
        show_citation(citation, f"citation-{number}-{citation.id}", texts)
    if answer.consulted:
        label = texts.suggestions if answer.status == "not_found" else texts.consulted
        with st.expander(label.format(count=len(answer.consulted)), key=f"consulted-{number}"):
            st.html(consulted_html(answer.consulted, texts))
    if answer.mode == "generative" and answer.citations:
        st.html(label_html(texts.generated))


def show_citation(citation: Citation, key: str, texts: Texts) -> None:
    """One citation, folded; open, it shows the quoted passage."""
    with st.expander(citation_label(citation, texts), key=key):
        st.html(citation_html(citation, texts))


def ask(client: Client, question: str, exchanges: list[Exchange], texts: Texts) -> None:
    """Ask, show the answer as it is written, and remember what came of it.

    The exchange is remembered before the answer is there: a person who stops it, or leaves, keeps the question.
    """
    request = build_request(question, exchanges, st.session_state.get(AUDIENCE))
    number = len(exchanges)
    exchanges.append(Exchange(question))
    show_question(question, number, texts)
    run_script("asked", scroll_html(question_id(number), f"asked {number}"))
    with chat_message("assistant", texts):
        place = st.empty()
        place.html(searching_html(texts))
        with st.container(key="ask-stopped"):
            show_retry(texts, "retry-stopped")
        written = ""
        try:
            with closing(client.ask(request, visitor=visitor_address())) as events:
                for event in events:
                    if isinstance(event, DeltaEvent):
                        written += event.text
                        place.html(partial_answer_html(written, texts))
                    else:
                        exchanges[number] = Exchange(question, answer=event)
        except ApiError as error:
            exchanges[number] = Exchange(question, error=error)
    st.rerun()


def chat_message(role: str, texts: Texts) -> DeltaGenerator:
    """A message of the conversation with its avatar."""
    if role == "user":
        return st.chat_message(texts.you, avatar=":material/person:")
    return st.chat_message(texts.assistant, avatar=(FOLDER / "icon.svg").read_text("utf-8"))


def question_id(number: int) -> str:
    """The HTML id of a question of the conversation."""
    return f"question-{number}"


def run_script(key: str, html: str) -> None:
    """Run a script of our own in the browser, again only when it changes; never one with anybody's text in it."""
    with st.container(key=f"script-{key}"):
        st.html(html, unsafe_allow_javascript=True)


def error_text(error: ApiError, texts: Texts) -> str:
    """One sentence about ``error`` in the page's language, with what to do."""
    if error.kind == "rate_limited":
        if error.retry_after_seconds is None:
            return texts.error_rate_limited_later
        return texts.error_rate_limited.format(seconds=max(1, error.retry_after_seconds))
    return {
        "unreachable": texts.error_unreachable,
        "timeout": texts.error_timeout,
        "interrupted": texts.error_interrupted,
        "too_long": texts.error_too_long,
        "rejected": texts.error_rejected,
        "unavailable": texts.error_unavailable,
        "failed": texts.error_failed,
    }[error.kind]


def ask_next(question: str) -> None:
    """Callback: ask ``question`` on the run that follows."""
    st.session_state[ASKED] = question


def retry_last() -> None:
    """Callback: ask the last question again, in place of what came of it."""
    ask_next(st.session_state[EXCHANGES].pop().question)


def start_conversation() -> None:
    """Callback: forget the conversation."""
    st.session_state[EXCHANGES] = []


if __name__ == "__main__":
    main()
