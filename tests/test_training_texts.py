"""Passages and written questions: how they are read, matched with the corpus, and which errors name what."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_corpus import (
    COMMON,
    COMPANIES,
    HELD_COMPANY,
    HELD_TOPIC,
    TOPICS,
    development_texts,
    train_texts,
    write_lines,
)

from training.corpus import Corpus, CorpusError, Pair, Section, passage_id
from training.texts import (
    DEVELOPMENT,
    Text,
    corpus_texts,
    read_parallel,
    read_questions,
    read_words,
    read_written,
    run_text,
    section_text,
)

SECTION = Section("guia", "p.md", "Boat › Old", "Barco › Viejo", "The boat.", "El barco.")


def test_a_section_keeps_its_headings_and_its_document() -> None:
    text = section_text(SECTION)
    assert text == Text("guia/p.md", "Boat › Old", "Barco › Viejo", "The boat.", "El barco.")
    assert text.titled("es") == "Barco > Viejo\nEl barco."
    assert text.titled("en") == "Boat > Old\nThe boat."


def test_a_run_has_no_title_and_is_marked() -> None:
    text = run_text(Pair("cuentos", "passage", 3, "One.", "Uno."))
    assert (text.document, text.run, text.titled("es"), text.titled("en")) == ("cuentos#3", True, "Uno.", "One.")


def test_passages_of_a_corpus_are_long_enough_and_different(corpus: Corpus) -> None:
    texts = train_texts(corpus)
    assert len({text.es for text in texts}) == len(texts)
    assert {text.run for text in texts} == {True, False}
    for text in texts:
        assert (70 if text.run else 40) <= len(text.es.split()) <= 140


def test_a_short_section_is_no_passage() -> None:
    assert corpus_texts([], [SECTION]) == []
    assert len(corpus_texts([], [SECTION, SECTION], min_words=2)) == 1


def test_questions_find_their_passages(corpus: Corpus, texts_folder: Path) -> None:
    texts = train_texts(corpus)
    questions = read_questions(texts_folder, texts)
    assert len(questions) == len(texts[::2])
    for question in questions:
        assert question.es.removeprefix("¿Cuándo ").removesuffix("?") in texts[question.text].es.lower()


def test_questions_about_other_passages_are_left_out(corpus: Corpus, texts_folder: Path) -> None:
    texts = train_texts(corpus)
    assert {question.text for question in read_questions(texts_folder, texts[:3])} == {0, 2}
    assert read_questions(texts_folder, []) == []


def test_a_written_question_without_one_language_is_named(tmp_path: Path) -> None:
    row = {"topic": "t", "title_en": "T", "title_es": "Título", "en": "a", "es": "b", "questions": [{"en": "Why?"}]}
    write_lines(tmp_path / "general-00.jsonl", [row])
    with pytest.raises(CorpusError, match="'Título' need en and es"):
        read_written(tmp_path)


def test_what_is_for_development_is_never_read_for_the_training(corpus: Corpus, texts_folder: Path) -> None:
    held, asked = read_written(texts_folder / DEVELOPMENT)
    assert {text.document for text in held} == {HELD_COMPANY, HELD_TOPIC}
    assert asked
    about_corpus = read_questions(texts_folder / DEVELOPMENT, development_texts(corpus))
    assert len(about_corpus) == len(development_texts(corpus))
    texts, _ = read_written(texts_folder)
    assert {text.document for text in texts} == {*COMPANIES, *TOPICS}
    assert read_questions(texts_folder, development_texts(corpus)) == []
    read = " ".join(f"{pair.en} {pair.es}" for pair in read_parallel(texts_folder))
    for text in (*held, *about_corpus):
        assert text.en not in read
        assert text.es not in read


def test_everything_written_is_read_as_pairs_of_both_languages(tmp_path: Path) -> None:
    write_lines(tmp_path / "sentences-00.jsonl", [{"en": "It rains.", "es": "Llueve."}])
    write_lines(tmp_path / "corpus-00.jsonl", [{"id": "0", "en": "Which?", "es": "¿Cuál?"}])
    document = {"company": "c", "title_en": "Boat", "title_es": "Barco", "en": "It floats.", "es": "Flota."}
    write_lines(tmp_path / "handbook-00.jsonl", [{**document, "questions": [{"en": "Why?", "es": "¿Por qué?"}]}])
    pairs = read_parallel(tmp_path)
    assert [(pair.en, pair.es) for pair in pairs] == [
        ("It rains.", "Llueve."),
        ("Which?", "¿Cuál?"),
        ("Boat\nIt floats.", "Barco\nFlota."),
        ("It floats.", "Flota."),
        ("Boat", "Barco"),
        ("Why?", "¿Por qué?"),
    ]
    assert {(pair.source, pair.kind, pair.block) for pair in pairs} == {("written", "written", 0)}


def test_pairs_of_the_tiny_folder_are_whole_and_in_blocks(corpus: Corpus, texts_folder: Path) -> None:
    pairs = read_parallel(texts_folder)
    # Sentences, questions about the corpus; each of ten passages with and without its title, the title, two questions.
    assert len(pairs) == 20 + len(train_texts(corpus)[::2]) + 10 * (3 + 2)
    assert all(pair.en and pair.es for pair in pairs)
    assert [pair.block for pair in pairs] == [number // 50 for number in range(len(pairs))]


def test_words_come_with_each_of_their_meanings(texts_folder: Path) -> None:
    words = read_words(texts_folder)
    assert list(dict.fromkeys(spanish for _, spanish in words)) == list(COMMON)
    assert [english for english, spanish in words if spanish == "jubilarse"] == ["to retire", "to leave work"]


def test_the_most_frequent_words_of_every_file_come_first(tmp_path: Path) -> None:
    (tmp_path / "words-1.tsv").write_text("sopa\tsoup\nhormiga\tant\n", encoding="utf-8")
    (tmp_path / "words-0.tsv").write_text("zumo\tjuice ;sap\narce\tmaple\nojal\tbuttonhole;\n", encoding="utf-8")
    assert read_words(tmp_path) == [
        ("juice", "zumo"),
        ("sap", "zumo"),
        ("soup", "sopa"),
        ("maple", "arce"),
        ("ant", "hormiga"),
        ("buttonhole", "ojal"),
    ]


@pytest.mark.parametrize("line", ["sopa", "sopa soup", "sopa\t", "sopa\t  ", "\tsoup", ""])
def test_a_line_without_a_word_and_its_meanings_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "words-3.tsv").write_text(f"zumo\tjuice\n{line}\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"words-3\.tsv, line 2: a word, a tab and its meanings expected"):
        read_words(tmp_path)


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for number in (2, 1):
        rows = [{"id": passage_id("El barco."), "en": f"{number}?", "es": f"¿{number}?"}]
        write_lines(tmp_path / f"corpus-{number}.jsonl", rows)
    assert [q.en for q in read_questions(tmp_path, [section_text(SECTION)])] == ["1?", "2?"]


def test_written_passages_come_with_their_questions(texts_folder: Path) -> None:
    texts, questions = read_written(texts_folder)
    assert [text.document for text in texts] == [COMPANIES[0]] * 3 + [COMPANIES[1]] * 3 + [TOPICS[0]] * 2 + [
        TOPICS[1]
    ] * 2
    assert [question.text for question in questions] == [number for number in range(len(texts)) for _ in range(2)]
    assert questions[1].es == f"¿Qué pasa con {texts[0].title_es}?"


def test_an_empty_folder_has_no_text(tmp_path: Path) -> None:
    assert read_written(tmp_path) == ([], [])
    assert (read_parallel(tmp_path), read_words(tmp_path)) == ([], [])
    assert read_questions(tmp_path, [section_text(SECTION)]) == []


@pytest.mark.parametrize("name", ["corpus-07.jsonl", "general-07.jsonl", "sentences-07.jsonl"])
def test_a_line_that_is_not_json_is_named(tmp_path: Path, name: str) -> None:
    good = {"id": "0", "topic": "t", "title_en": "", "title_es": "", "en": "a", "es": "b", "questions": []}
    write_lines(tmp_path / name, [good])
    with (tmp_path / name).open("a", encoding="utf-8") as file:
        file.write("{not json\n")
    with pytest.raises(CorpusError, match=rf"{name}, line 2: not JSON"):
        read_parallel(tmp_path)
    if "sentences" not in name:
        with pytest.raises(CorpusError, match=rf"{name}, line 2: not JSON"):
            read_questions(tmp_path, [])
            read_written(tmp_path)


@pytest.mark.parametrize(
    ("name", "line", "missing"),
    [
        ("corpus-00.jsonl", '{"en": "a", "es": "b"}', "id"),
        ("general-00.jsonl", '{"en": "a", "es": "b", "topic": "c", "title_en": "d", "title_es": "e"}', "questions"),
        ("sentences-00.jsonl", '{"en": "a"}', "es"),
        ("sentences-00.jsonl", "[]", "en, es"),
    ],
)
def test_a_row_that_lacks_something_is_named(tmp_path: Path, name: str, line: str, missing: str) -> None:
    (tmp_path / name).write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=rf"{name}, line 1: without {missing}"):
        read_parallel(tmp_path)
