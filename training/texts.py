"""Questions and passages written for the training: read them, and find the passages they ask about."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from training.corpus import CorpusError, Pair, Section, passage_id, passages


@dataclass(frozen=True, slots=True)
class Text:
    """A passage in both languages; ``document`` groups those that must be told apart; a title may be empty."""

    document: str
    title_en: str
    title_es: str
    en: str
    es: str
    prose: bool = False

    def titled(self, language: str) -> str:
        """The passage as the product embeds it: its headings before its text."""
        title, body = (self.title_es, self.es) if language == "es" else (self.title_en, self.en)
        return f"{title}: {body}" if title else body


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
    """Neighbouring pairs, joined, as a passage."""
    return Text(f"{run.source}#{run.block}", "", "", run.en, run.es, prose=True)


def corpus_texts(pairs: Iterable[Pair], sections: Iterable[Section], min_words: int = 40) -> list[Text]:
    """The passages of a corpus that questions may be about: its sections, and runs of 70 to 140 words of its pairs."""
    texts = [section_text(section) for section in sections if len(section.body_es.split()) >= min_words]
    texts += [run_text(run) for run in passages(pairs, 70, 140)]
    return list({text.es: text for text in texts}.values())


def read_questions(folder: Path, texts: Iterable[Text], names: str = "corpus-*.jsonl") -> list[Question]:
    """Questions about passages of the corpus, named by ``passage_id``; those about passages it lacks are left out."""
    numbers = {passage_id(text.es): number for number, text in enumerate(texts)}
    questions = []
    for row in _rows(folder, names):
        number = numbers.get(str(row["id"]))
        if number is not None:
            questions.append(Question(str(row["en"]), str(row["es"]), number))
    return questions


def read_written(
    folder: Path, names: tuple[str, ...] = ("handbook-*.jsonl", "general-*.jsonl")
) -> tuple[list[Text], list[Question]]:
    """Passages written for the training, and their questions."""
    texts: list[Text] = []
    questions: list[Question] = []
    for name in names:
        for row in _rows(folder, name):
            document = str(row.get("company") or row.get("topic"))
            texts.append(Text(document, str(row["title_en"]), str(row["title_es"]), str(row["en"]), str(row["es"])))
            asked = row["questions"]
            assert isinstance(asked, list)
            questions.extend(Question(str(q["en"]), str(q["es"]), len(texts) - 1) for q in asked)
    return texts, questions


def _rows(folder: Path, names: str) -> Iterator[Mapping[str, object]]:
    for path in sorted(folder.glob(names)):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise CorpusError(f"{path}, line {number}: not JSON ({error}).") from error
