"""Retrieval tasks to measure an encoder by: questions of handbooks, written questions, held-out parallel text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ingest.pages import read_handbook
from rag.embedding import Encoder
from rag.settings import load_settings
from rag.types import Chunk, Language, embedding_text
from training.corpus import Corpus, CorpusError, Pair, Section, Split, text_key
from training.texts import Question, Text, headings

Item = TypeVar("Item")

MOST_PAIRS = 1000
MOST_SECTIONS = 600


@dataclass(frozen=True, slots=True)
class Passage:
    """What the task searches: headings, outermost first, and text. The names are those the keyword index reads."""

    breadcrumb: tuple[str, ...]
    text: str

    @property
    def whole(self) -> str:
        """The passage as it is embedded, the same as of a chunk."""
        return embedding_text(self.breadcrumb, self.text)


@dataclass(frozen=True, slots=True)
class Task:
    """Queries, passages, and the numbers of the passages that answer each query (any is right)."""

    name: str
    queries: tuple[str, ...]
    passages: tuple[Passage, ...]
    answers: tuple[frozenset[int], ...]
    query_language: Language
    passage_language: Language


def handbook_tasks(name: str, handbook: Path, questions: Path, encoder: Encoder, max_tokens: int) -> list[Task]:
    """The development questions of a handbook, asked of its chunks: one task a language.

    A chunk answers a question when it holds one of the question's pieces of evidence. Questions whose evidence lies in
    no chunk (a draft, say) are left out.
    """
    chunks = handbook_chunks(handbook, encoder, max_tokens)
    try:
        rows = [json.loads(line) for line in questions.read_text(encoding="utf-8").splitlines()]
    except (OSError, json.JSONDecodeError) as error:
        raise CorpusError(f"{questions}: no file of questions ({error}).") from None
    answers = [
        frozenset(n for n, c in enumerate(chunks) if any(_holds(c, gold) for gold in row["gold"])) for row in rows
    ]
    asked = [(row, found) for row, found in zip(rows, answers, strict=True) if found]
    passages = tuple(Passage(chunk.breadcrumb, chunk.text) for chunk in chunks)
    languages: tuple[Language, ...] = ("es", "en")
    right = tuple(found for _, found in asked)
    return [
        Task(f"{name}, {language} question", tuple(row[language] for row, _ in asked), passages, right, language, "es")
        for language in languages
    ]


def handbook_chunks(handbook: Path, encoder: Encoder, max_tokens: int) -> list[Chunk]:
    """The chunks that ``faro ingest`` makes of a folder of Markdown, drafts left out."""
    settings = load_settings(handbook=handbook, include_drafts=False)
    pages = read_handbook(
        settings, count_tokens=encoder.count_tokens, max_tokens=max_tokens, progress=lambda done, total: None
    ).pages
    return [chunk for page in pages for chunk in page.chunks]


def question_tasks(name: str, texts: Sequence[Text], questions: Sequence[Question]) -> list[Task]:
    """Written questions asked of ``texts``: Spanish to Spanish, English to Spanish, English to English."""
    spanish = tuple(Passage(headings(text.title_es), text.es) for text in texts)
    english = tuple(Passage(headings(text.title_en), text.en) for text in texts)
    answers = tuple(frozenset((question.text,)) for question in questions)
    asked_es = tuple(question.es for question in questions)
    asked_en = tuple(question.en for question in questions)
    return [
        Task(f"{name}, es question", asked_es, spanish, answers, "es", "es"),
        Task(f"{name}, en question", asked_en, spanish, answers, "en", "es"),
        Task(f"{name}, en question, en passage", asked_en, english, answers, "en", "en"),
    ]


def held_out_tasks(corpus: Corpus, split: Split = "test") -> list[Task]:
    """Translation retrieval both ways and heading to body in all four directions, over held-out documents.

    A held-out pair whose Spanish or English stands in a section of the training is left out.
    """
    pairs = _spread([pair for pair in corpus.pairs[split] if len(pair.es) > 40], MOST_PAIRS)
    pairs = _unseen(pairs, corpus.sections["train"])
    own = tuple(frozenset((number,)) for number in range(len(pairs)))
    english, spanish = tuple(p.en for p in pairs), tuple(p.es for p in pairs)
    tasks = [
        Task("translation, en to es", english, _plain(spanish), own, "en", "es"),
        Task("translation, es to en", spanish, _plain(english), own, "es", "en"),
    ]
    sections = _distinct([section for section in corpus.sections[split] if len(section.body_es.split()) >= 30])
    mine = tuple(frozenset((number,)) for number in range(len(sections)))
    titles: dict[Language, tuple[str, ...]] = {
        "en": tuple(s.heading_en for s in sections),
        "es": tuple(s.heading_es for s in sections),
    }
    bodies: dict[Language, tuple[str, ...]] = {
        "en": tuple(s.body_en for s in sections),
        "es": tuple(s.body_es for s in sections),
    }
    for asked in titles:
        for searched in bodies:
            name = f"heading to body, {asked} to {searched}"
            tasks.append(Task(name, titles[asked], _plain(bodies[searched]), mine, asked, searched))
    return tasks


def _distinct(sections: Sequence[Section]) -> list[Section]:
    """Sections of different headings and bodies, at most ``MOST_SECTIONS``, from all sources alike."""
    chosen: dict[str, Section] = {}
    bodies: set[str] = set()
    for section in sections:
        if section.heading_es not in chosen and section.body_es not in bodies:
            chosen[section.heading_es] = section
            bodies.add(section.body_es)
    return _spread(list(chosen.values()), MOST_SECTIONS)


def _spread(items: Sequence[Item], most: int) -> list[Item]:
    """Every n-th of the items, so that at most ``most`` are left."""
    return list(items[:: max(1, -(-len(items) // most))])


def _unseen(pairs: Sequence[Pair], sections: Sequence[Section]) -> list[Pair]:
    """The pairs of which neither side's words stand in a row in one of the sections."""
    english = "\n".join(f" {text_key(section.body_en)} " for section in sections)
    spanish = "\n".join(f" {text_key(section.body_es)} " for section in sections)
    return [p for p in pairs if f" {text_key(p.en)} " not in english and f" {text_key(p.es)} " not in spanish]


def _plain(texts: Sequence[str]) -> tuple[Passage, ...]:
    return tuple(Passage((), text) for text in texts)


def _holds(chunk: Chunk, gold: dict[str, str]) -> bool:
    evidence = _words(gold["evidence"])
    return chunk.path == gold["path"] and (evidence in _words(chunk.source) or evidence in _words(chunk.text))


def _words(text: str) -> str:
    return " ".join("".join(" " if c in "*_#>|[]-" else c for c in text).split())
