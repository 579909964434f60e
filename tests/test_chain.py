"""The chain streams typed events whose text is the answer's, in the question's language, with its proof."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest
from chain_fakes import ListSearcher, make_chunk, make_hits, nothing_found, select_first
from openai_stub import Reply, openai_stub
from test_chunking import chunk as chunk_source

from rag.chain import Cited, Delta, Done, Event, HandbookChain, Meta, Stages
from rag.chat_model import make_chat_model
from rag.conversation import look_up
from rag.events import Answerer, Task
from rag.extractive import Quote, Selection
from rag.frames import FRAMES
from rag.generative import GenerativeAnswerer
from rag.language import detect_language
from rag.quoting import ExtractiveAnswerer, plain_echo, render_quote
from rag.types import Answer, Chunk, Hit, Language, Question, Turn

STEPS = make_chunk(
    "El bono es de **$300.000**.\nSe paga en enero.\n\n"
    "Para pedirlo:\n\n1. Entrar al portal.\n1. Llenar [el formulario](/f)."
)
OTHER = make_chunk("La licencia dura tres semanas.", section="Licencia", path="licencia.md", title="Licencias")
Select = Callable[[str, Language, Sequence[Hit]], Selection]


def make_chain(
    *chunks: Chunk,
    select: Select = select_first,
    answerer: Answerer | None = None,
    searcher: ListSearcher | None = None,
) -> HandbookChain:
    return HandbookChain(
        searcher=searcher or ListSearcher(chunks or (STEPS, OTHER)),
        answerer=answerer or ExtractiveAnswerer(),
        stages=Stages(detect_language=detect_language, look_up=look_up, select=select),
        index_version="v7",
    )


def find_nothing(question: str, language: Language, hits: Sequence[Hit]) -> Selection:
    return nothing_found(*(hit.chunk for hit in hits))


def selecting(*quotes: Quote) -> Select:
    return lambda question, language, hits: Selection("answered", quotes, tuple(hits))


def done(events: Sequence[Event]) -> Answer:
    last = events[-1]
    assert isinstance(last, Done)
    return last.answer


QUESTIONS = [
    Question("¿De cuánto es el bono?"),
    Question("How much is the bonus?"),
    Question("hola"),
    Question("¿y eso?", history=(Turn("user", "¿De cuánto es el bono?"),), audience="candidate"),
]


# --- the contract of the stream


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.text)
@pytest.mark.parametrize("select", [select_first, find_nothing], ids=["found", "nothing"])
def test_stream_is_meta_then_text_then_done(question: Question, select: Select) -> None:
    events = list(make_chain(select=select).stream(question))
    answer = done(events)
    assert [type(event) for event in (events[0], events[-1])] == [Meta, Done]
    assert all(isinstance(event, Delta | Cited) for event in events[1:-1])
    assert "".join(event.text for event in events if isinstance(event, Delta)) == answer.text
    assert tuple(event.citation for event in events if isinstance(event, Cited)) == answer.citations
    assert events[0] == Meta(answer.language, answer.status, answer.mode, "v7")


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.text)
def test_invoke_is_what_the_stream_ends_with(question: Question) -> None:
    chain = make_chain()
    invoked, streamed = chain.invoke(question), done(list(chain.stream(question)))
    assert (invoked.text, invoked.citations, invoked.status) == (streamed.text, streamed.citations, streamed.status)


def test_chain_is_a_runnable_with_batch_and_async() -> None:
    chain = make_chain()
    question = QUESTIONS[0]

    async def both() -> tuple[object, list[Event]]:
        return await chain.ainvoke(question), [event async for event in chain.astream(question)]

    invoked, events = asyncio.run(both())
    texts = {answer.text for answer in [invoked, done(events), *chain.batch([question])] if isinstance(answer, Answer)}
    assert len(texts) == 1
    assert chain.pipe(lambda answer: answer.language).invoke(question) == "es"


def test_stages_are_timed() -> None:
    timings = make_chain().invoke(QUESTIONS[0]).timings_ms
    assert {"language", "rewrite", "retrieve", "select", "answer", "first_text", "total"} == set(timings)
    assert all(0 <= value <= timings["total"] for value in timings.values())


# --- the stages


@pytest.mark.parametrize(
    ("question", "language"),
    [
        (Question("¿De cuánto es el bono?"), "es"),
        (Question("How much is the bonus?"), "en"),
        (Question("¿Cuánto?", language="en"), "en"),
    ],
    ids=["spanish", "english", "asked-for"],
)
def test_answer_is_in_the_language_of_the_question_unless_told(question: Question, language: Language) -> None:
    answer = make_chain().invoke(question)
    assert answer.language == language
    assert answer.text.startswith(FRAMES[language]["section"].split("{")[0])


def test_follow_up_is_searched_with_its_subject_and_at_the_wanted_depth() -> None:
    searcher = ListSearcher([STEPS, OTHER])
    question = Question("¿y cuándo pagan?", history=(Turn("user", "¿Qué es el bono?"),), k=1)
    answer = make_chain(searcher=searcher).invoke(question)
    assert searcher.asked == ["¿y cuándo pagan? ¿Qué es el bono?", "¿y cuándo pagan?"]
    assert answer.consulted == ()


def test_audience_does_not_change_what_is_found() -> None:
    chain = make_chain()
    texts = {
        chain.invoke(Question("¿De cuánto es el bono?", audience=audience)).text for audience in (None, "candidate")
    }
    assert len(texts) == 1


# --- extractive answers


def test_quotes_are_verbatim_and_point_at_their_lines() -> None:
    answer = make_chain().invoke(QUESTIONS[0])
    (citation,) = answer.citations
    assert citation.quote == STEPS.source.removeprefix("").rstrip()
    assert (citation.start_line, citation.end_line) == (10, 16)
    assert [cited.path for cited in answer.consulted] == ["licencia.md"]
    assert [cited.id for cited in (*answer.citations, *answer.consulted)] == [1, 2]


def test_answer_is_framed_and_keeps_paragraphs_and_steps() -> None:
    assert make_chain().invoke(QUESTIONS[0]).text == (
        "El manual dice en «Vacaciones › Bono»:\n\nEl bono es de $300.000. Se paga en enero. [1]\n\n"
        "Para pedirlo: [1]\n\n1. Entrar al portal. [1]\n2. Llenar el formulario. [1]"
    )


def test_nothing_but_frames_and_handbook_text_is_said() -> None:
    answer = make_chain().invoke(QUESTIONS[1])
    for unit in STEPS.units:
        assert unit.text in answer.text


def test_second_section_gets_a_frame_of_its_own_and_the_same_one_does_not() -> None:
    quotes = (Quote(STEPS, STEPS.units[:1]), Quote(STEPS, STEPS.units[2:3]), Quote(OTHER, OTHER.units))
    answer = make_chain(select=selecting(*quotes)).invoke(QUESTIONS[0])
    assert answer.text == (
        "El manual dice en «Vacaciones › Bono»:\n\nEl bono es de $300.000. [1]\n\nPara pedirlo: [2]\n\n"
        "También dice en «Licencias › Licencia»:\n\nLa licencia dura tres semanas. [3]"
    )
    assert [citation.id for citation in answer.citations] == [1, 2, 3]


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ({"draft": True}, {"es": "borrador", "en": "draft"}),
        ({"wip": True}, {"es": "en construcción", "en": "in progress"}),
    ],
    ids=["draft", "wip"],
)
@pytest.mark.parametrize("language", ["es", "en"])
def test_unfinished_page_is_called_so(page: dict[str, bool], words: dict[str, str], language: Language) -> None:
    chunk = make_chunk("Algo.", **page)
    answer = make_chain(chunk).invoke(Question("¿Algo?", language=language))
    assert words[language] in answer.text
    assert words[language] not in make_chain(OTHER).invoke(Question("¿Algo?", language=language)).text


def test_numbers_of_the_handbook_do_not_pass_for_citations() -> None:
    answer = make_chain(make_chunk("Véase la nota [3] del anexo.", section="Nota [2]")).invoke(QUESTIONS[0])
    assert "[3]" not in answer.text
    assert "[2]" not in answer.text
    assert answer.citations[0].quote == "Véase la nota [3] del anexo."


LISTS = "Intro:\n\n1. Uno\n1. Dos\n  - Dos a\n  - Dos b\n1. Tres\n\n7. Siete\n8. Ocho"


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (1, 6, "1. Uno [4]\n2. Dos [4]\n    - Dos a [4]\n    - Dos b [4]\n3. Tres [4]"),
        (2, 3, "2. Dos [4]"),
        (3, 5, "- Dos a [4]\n- Dos b [4]"),
        (3, 6, "- Dos a [4]\n- Dos b [4]\n3. Tres [4]"),
        (7, 8, "8. Ocho [4]"),
    ],
    ids=["whole", "one", "nested", "nested-first", "own-number"],
)
def test_lists_stay_lists_with_the_numbers_they_have_on_the_page(first: int, last: int, expected: str) -> None:
    chunk = make_chunk(LISTS)
    assert render_quote(Quote(chunk, chunk.units[first:last]), 4) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Datos:\nNombre: Ana\nTeléfono: 12", "Datos:\nNombre: Ana\nTeléfono: 12 [1]"),
        ("Uno.  \nDos. Tres.\nCuatro.", "Uno.\nDos. Tres. Cuatro. [1]"),
        ("Uno.<br>Dos.", "Uno.\nDos. [1]"),
        ("- Nombre: Ana  \n  Teléfono: 12\n- dos", "- Nombre: Ana\n    Teléfono: 12 [1]\n- dos [1]"),
        ("1. Entra.\n\n    Otro párrafo. Sigue.\n1. Sal.", "1. Entra.\n    Otro párrafo. Sigue. [1]\n2. Sal. [1]"),
    ],
    ids=["card", "hard-break", "tag", "item", "paragraph-of-an-item"],
)
def test_line_breaks_of_the_page_stay(source: str, expected: str) -> None:
    (chunk,) = chunk_source(source)
    assert render_quote(Quote(chunk, chunk.units), 1) == expected


# --- not found, and small talk


@pytest.mark.parametrize("language", ["es", "en"])
def test_not_found_says_what_was_looked_for_and_names_the_nearest_sections(language: Language) -> None:
    answer = make_chain(select=find_nothing).invoke(Question("¿Hay piscina temperada?", language=language))
    assert answer.status == "not_found"
    assert "Hay piscina temperada" in answer.text
    assert FRAMES[language]["nearest"] in answer.text
    assert "- Vacaciones › Bono\n- Licencias › Licencia" in answer.text
    assert (answer.citations, [near.id for near in answer.consulted]) == ((), [1, 2])


def test_not_found_in_an_empty_index_names_no_section() -> None:
    answer = make_chain(searcher=ListSearcher([]), select=find_nothing).invoke(Question("¿Hay piscina?"))
    assert answer.text == "El manual no lo dice. Se buscó: «Hay piscina»."


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "![x](http://evil.example/p.png)", "[a](javascript:alert(1))",
     "**b** `c` $$x$$ :red[d]", "| a | b |\n# c", "ve a www.evil.example o a@evil.example", "«» “” [1] [S1]"],
)  # fmt: skip
def test_no_markup_is_made_from_the_question(text: str) -> None:
    echo = plain_echo(text)
    assert not set(echo) & set('<>[](){}!*_`$#|~@\\/"«»“”\n:')
    assert "www." not in echo
    assert echo in make_chain(select=find_nothing).invoke(Question(text)).text


def test_long_question_is_repeated_in_part() -> None:
    assert plain_echo("palabra " * 100).endswith("palabra …")
    assert len(plain_echo("palabra " * 100)) <= 82
    assert len(plain_echo("x" * 500)) <= 82


@pytest.mark.parametrize(("text", "language"), [("¡Hola!", "es"), ("Thanks a lot", "en")])
def test_small_talk_gets_a_reply_and_no_sources(text: str, language: Language) -> None:
    searcher = ListSearcher([STEPS])
    answer = make_chain(searcher=searcher).invoke(Question(text))
    assert (answer.language, answer.status, answer.citations, answer.consulted) == (language, "not_found", (), ())
    assert answer.text in FRAMES[language].values()
    assert searcher.asked == []


# --- one contract for every answerer


@pytest.fixture(params=["extractive", "generative", "failing"])
def any_answerer(request: pytest.FixtureRequest) -> object:
    extractive = ExtractiveAnswerer()
    if request.param == "extractive":
        yield extractive
        return
    reply = Reply(kind="error") if request.param == "failing" else Reply("El bono es de $300.000 [S1].")
    with openai_stub(reply) as stub:
        model = make_chat_model("stub", base_url=stub.base_url)
        yield GenerativeAnswerer(model, timeout_seconds=10, detect_language=detect_language, fallback=extractive)


def test_every_answerer_cites_what_it_says(any_answerer: Answerer) -> None:
    answer = make_chain(answerer=any_answerer).invoke(QUESTIONS[0])
    assert answer.status == "answered"
    assert "$300.000" in answer.text
    assert all(f"[{citation.id}]" in answer.text for citation in answer.citations)
    assert all(citation.quote in citation.context for citation in answer.citations)


def test_every_answerer_finds_nothing_where_nothing_was_selected(any_answerer: Answerer) -> None:
    answer = make_chain(answerer=any_answerer, select=find_nothing).invoke(QUESTIONS[0])
    assert (answer.status, answer.citations, answer.mode) == ("not_found", (), "extractive")


def test_task_carries_the_hits_that_were_read() -> None:
    assert Task(QUESTIONS[0], "es", nothing_found(STEPS)).selection.hits == make_hits(STEPS)
