"""Questions and passages written for the training: read them, and find the passages they ask about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rag.types import embedding_text
from training.corpus import CorpusError, Pair, Section, passage_id, passages

WRITTEN = ("handbook-*.jsonl", "general-*.jsonl")
_NEEDED = {"corpus-*.jsonl": ("id",)} | dict.fromkeys(WRITTEN, ("title_en", "title_es", "questions"))
DEVELOPMENT = "development"
"""The sub-folder with what is only measured on: questions about held-out passages, and documents of its own."""


def headings(title: str) -> tuple[str, ...]:
    """The headings of a written title, outermost first."""
    return tuple(part.strip() for part in title.split("›") if part.strip())


@dataclass(frozen=True, slots=True)
class Text:
    """A passage in both languages; ``document`` groups those that must be told apart; a title may be empty.

    ``run`` marks neighbouring pairs that were joined, as against a section of a document.
    """

    document: str
    title_en: str
    title_es: str
    en: str
    es: str
    run: bool = False

    def titled(self, language: str) -> str:
        """The passage with its headings before its text, as a handbook's chunks are embedded."""
        title, body = (self.title_es, self.es) if language == "es" else (self.title_en, self.en)
        return embedding_text(headings(title), body)


@dataclass(frozen=True, slots=True)
class Question:
    """One question in both languages and the number of the text that answers it."""

    en: str
    es: str
    text: int


def section_text(section: Section) -> Text:
    """An aligned section as a passage."""
    document = f"{section.source}/{section.path}"
    return Text(document, section.heading_en, section.heading_es, section.body_en, section.body_es)


def run_text(run: Pair) -> Text:
    """Neighbouring pairs, joined, as a passage without a title."""
    return Text(f"{run.source}#{run.block}", "", "", run.en, run.es, run=True)


def corpus_texts(pairs: Iterable[Pair], sections: Iterable[Section], min_words: int = 40) -> list[Text]:
    """The passages of a corpus that questions may be about: its sections, and runs of 70 to 140 words of its pairs."""
    texts = [section_text(section) for section in sections if len(section.body_es.split()) >= min_words]
    texts += [run_text(run) for run in passages(pairs, 70, 140)]
    return list({text.es: text for text in texts}.values())


def read_questions(folder: Path, texts: Iterable[Text]) -> list[Question]:
    """Questions about passages of the corpus, named by ``passage_id``; those about passages it lacks are left out."""
    numbers = {passage_id(text.es): number for number, text in enumerate(texts)}
    questions = []
    for row in _rows(folder, "corpus-*.jsonl"):
        number = numbers.get(str(row["id"]))
        if number is not None:
            questions.append(Question(str(row["en"]), str(row["es"]), number))
    return questions


def read_written(folder: Path, names: Sequence[str] = WRITTEN) -> tuple[list[Text], list[Question]]:
    """Passages written for the training, and their questions."""
    texts: list[Text] = []
    questions: list[Question] = []
    for name in names:
        for row in _rows(folder, name):
            document = str(row.get("company") or row.get("topic") or row["title_es"])
            texts.append(Text(document, str(row["title_en"]), str(row["title_es"]), str(row["en"]), str(row["es"])))
            asked = row["questions"]
            if not isinstance(asked, list) or not all(isinstance(q, dict) and {"en", "es"} <= q.keys() for q in asked):
                raise CorpusError(f"{folder}, {name}: the questions about {row['title_es']!r} need en and es each.")
            questions.extend(Question(str(q["en"]), str(q["es"]), len(texts) - 1) for q in asked)
    return texts, questions


def read_parallel(folder: Path) -> list[Pair]:
    """Everything written in both languages as pairs of kind ``written``: sentences, passages, titles and questions.

    The sub-folder for development is not read: it is for measuring only.
    """
    pairs = [
        (str(row["en"]), str(row["es"]))
        for name in ("sentences-*.jsonl", "corpus-*.jsonl")
        for row in _rows(folder, name)
    ]
    texts, questions = read_written(folder)
    pairs += [(text.titled("en"), text.titled("es")) for text in texts] + [(text.en, text.es) for text in texts]
    pairs += [(text.title_en, text.title_es) for text in texts]
    pairs += [(question.en, question.es) for question in questions]
    return [Pair("written", "written", number // 50, en, es) for number, (en, es) in enumerate(pairs)]


def read_words(folder: Path) -> list[tuple[str, str]]:
    """(English, Spanish) of ``words-*.tsv``: common Spanish words with one to three meanings.

    Each file has its most frequent words first, and so has the result.

    Raises CorpusError when a line has not a word, a tab and its meanings.
    """
    words: list[tuple[int, str, str]] = []
    for path in sorted(folder.glob("words-*.tsv")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            spanish, tab, meanings = line.partition("\t")
            if not tab or not spanish or not meanings.strip():
                raise CorpusError(f"{path}, line {number}: a word, a tab and its meanings expected.")
            words += [(number, meaning.strip(), spanish) for meaning in meanings.split(";") if meaning.strip()]
    return [(english, spanish) for _, english, spanish in sorted(words, key=lambda row: row[0])]


def _rows(folder: Path, names: str) -> Iterator[Mapping[str, object]]:
    if not folder.is_dir() and folder.name != DEVELOPMENT:
        raise CorpusError(f"{folder} is no folder: name one with written texts, or an empty one to do without.")
    needed = {"en", "es", *_NEEDED.get(names, ())}
    for path in sorted(folder.glob(names)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise CorpusError(f"{path}, line {number}: not JSON ({error}).") from error
            missing = needed - (row.keys() if isinstance(row, dict) else set())
            if missing:
                raise CorpusError(f"{path}, line {number}: without {', '.join(sorted(missing))}.")
            yield row
