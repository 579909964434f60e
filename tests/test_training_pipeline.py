"""The whole making on a tiny corpus: the folder it writes, going on, and the stages between."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_corpus import (
    COMMON,
    HELD_COMPANY,
    HELD_TOPIC,
    NOUNS,
    TEXTS,
    train_texts,
    write_corpus,
    write_questions,
    write_rows,
    write_teacher_of,
)
from tiny_corpus import one_thread as one_thread
from torch.nn import functional

from rag.embedding import OnnxEncoder, load_encoder
from rag.errors import FaroError
from rag.lexicon import load_lexicon
from training import pipeline
from training.corpus import Corpus, CorpusError, Pair, read_corpus, split_of
from training.loop import Schedule
from training.pipeline import (
    Recipe,
    build,
    initial_table,
    load_teacher,
    sample_by_source,
    training_texts,
    tuned_encoder,
)
from training.vocabulary import kept_pieces, make_tokenizer, spanish_pieces, student_vocabulary, teacher_pieces

SHORT = Schedule(tokens=6000, rate=1e-3, table_rate=1e-2, checkpoint_every=3000)
PIECES = {"spanish_pieces": 500, "new_pieces": 300, "whole_words": 50}
RECIPE = Recipe(max_tokens=64, **PIECES, distill=SHORT, tune=SHORT, plain_texts=30)


class Workplace:
    """The folders of one making."""

    def __init__(self, folder: Path) -> None:
        self.corpus = write_corpus(folder / "corpus")
        self.texts = write_questions(folder / "texts", self.corpus)
        self.teacher = write_teacher_of(folder / "teacher", self.corpus)
        self.work = folder / "work"
        self.target = folder / "model"

    def build(self, recipe: Recipe = RECIPE) -> None:
        build(self.corpus, self.texts, self.teacher, self.work, self.target, recipe)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """A corpus already made into an encoder."""
    place = Workplace(tmp_path_factory.mktemp("made"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    place.build()
    torch.set_num_threads(before)
    return place


@pytest.fixture(scope="module")
def corpus(made: Workplace) -> Corpus:
    return read_corpus(made.corpus)


def test_the_folder_is_an_encoder_of_unit_vectors(made: Workplace) -> None:
    encoder = load_encoder(str(made.target))
    assert isinstance(encoder, OnnxEncoder)
    assert encoder.max_tokens == RECIPE.max_tokens - 2
    vectors = encoder.encode_passages(TEXTS)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-4)
    assert not np.allclose(vectors[0], vectors[1], atol=0.05)


def test_spanish_words_of_the_corpus_and_common_ones_are_single_pieces(made: Workplace) -> None:
    encoder = load_encoder(str(made.target))
    words = [*NOUNS.values(), *COMMON]
    assert encoder.count_tokens(words) == [1] * len(words)


def test_the_folder_holds_the_lexicon(made: Workplace) -> None:
    lexicon = load_lexicon(made.target)
    assert lexicon.translate("lamp")[0][0] == "lamp"
    assert lexicon.translate("boat")[0][0] == "barc"


def test_the_work_folder_holds_every_stage_and_the_served_float_weights(made: Workplace) -> None:
    assert set(times(made.work)) == {
        "recipe.json",
        "tokenizer.json",
        "initial.pt",
        *(f"{stage}.{kind}.pt" for stage in ("distill", "tune") for kind in ("checkpoint", "best")),
    }
    encoder = tuned_encoder(made.work)
    best = torch.load(made.work / "tune.best.pt", weights_only=True)
    assert all(torch.equal(value, best[name]) for name, value in encoder.state_dict().items())


def test_a_second_call_trains_nothing_and_writes_the_same(made: Workplace) -> None:
    before, written = times(made.work), contents(made.target)
    made.build()
    assert times(made.work) == before
    assert contents(made.target) == written


@pytest.mark.parametrize("change", ["recipe", "corpus", "teacher"])
def test_another_recipe_or_corpus_wants_another_work_folder(made: Workplace, tmp_path: Path, change: str) -> None:
    place = Workplace(tmp_path)
    place.work = made.work
    before = times(made.work)
    if change == "corpus":
        (place.texts / "sentences-9.jsonl").write_text('{"en": "One more.", "es": "Una más."}\n', encoding="utf-8")
    if change == "teacher":
        (place.teacher / "config.json").write_text(
            (place.teacher / "config.json").read_text(encoding="utf-8") + " ", encoding="utf-8"
        )
    with pytest.raises(FaroError, match="give a new work folder"):
        place.build(replace(RECIPE, seed=1) if change == "recipe" else RECIPE)
    assert times(made.work) == before


def test_other_minutes_go_on_in_the_same_work_folder(made: Workplace) -> None:
    before = times(made.work)
    made.build(replace(RECIPE, tune=replace(SHORT, minutes=60)))
    assert times(made.work) == before


def test_a_missing_folder_of_texts_is_refused(made: Workplace, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is no folder"):
        build(made.corpus, tmp_path / "nowhere", made.teacher, tmp_path / "work", tmp_path / "model", RECIPE)


@pytest.mark.slow
def test_a_run_stopped_between_stages_goes_on_to_the_same_result(
    made: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workplace(tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(pipeline, "training_texts", stop)
        place.build()
    stages = times(place.work)
    assert "distill.best.pt" in stages
    assert not place.target.exists()
    place.build()
    after = times(place.work)
    assert {name: after[name] for name in stages} == stages
    assert contents(place.target) == contents(made.target)


@pytest.mark.slow
def test_a_corpus_that_holds_nothing_out_still_makes_an_encoder(tmp_path: Path, made: Workplace) -> None:
    place = Workplace(tmp_path)
    pairs = [
        (pair.source, pair.kind, pair.en, pair.es)
        for pair in read_corpus(made.corpus).pairs["train"]
        if pair.source == "cuentos"
    ]
    assert {split_of(f"cuentos#{block}") for block in range(len(pairs) // 50 + 1)} == {"train"}
    write_rows(place.corpus / "pairs.tsv.gz", pairs)
    write_rows(place.corpus / "sections.tsv.gz", [])
    place.build()
    assert load_encoder(str(place.target)).encode_passages(TEXTS).shape == (len(TEXTS), 48)


def test_a_corpus_without_pairs_is_refused(tmp_path: Path) -> None:
    place = Workplace(tmp_path)
    write_rows(place.corpus / "pairs.tsv.gz", [])
    with pytest.raises(CorpusError, match="no pair to train on"):
        place.build()


@pytest.mark.parametrize("name", ["sentences-00.jsonl", "words-0.tsv"])
def test_a_broken_file_of_texts_is_refused_before_any_training(tmp_path: Path, name: str) -> None:
    place = Workplace(tmp_path)
    (place.texts / name).write_text("{half", encoding="utf-8")
    with pytest.raises(CorpusError, match=f"{name}, line 1"):
        place.build()
    assert set(times(place.work)) == {"recipe.json"}


def test_float_weights_of_an_unfinished_making_are_missed_by_name(tmp_path: Path) -> None:
    with pytest.raises(FaroError, match=r"tune\.best\.pt is missing"):
        tuned_encoder(tmp_path)


def test_the_teacher_is_frozen_and_cuts_texts_at_the_limit(made: Workplace) -> None:
    teacher, tokenizer = load_teacher(made.teacher, 16)
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert len(tokenizer.encode("boat " * 50).ids) == 16


def test_pieces_of_the_teacher_keep_their_rows_and_new_ones_start_at_their_translation(
    made: Workplace, corpus: Corpus
) -> None:
    teacher, teacher_tokenizer = load_teacher(made.teacher, 64)
    kept = kept_pieces(teacher_pieces(made.teacher / "tokenizer.json"))
    spanish = spanish_pieces(corpus.pairs["train"], ["avion"], 400, 1000)
    tokenizer = make_tokenizer([*student_vocabulary(kept, (spanish, 200)), "zzz"], 64)
    # The corpus has no aeroplane: what its piece starts at is learnt from the common words alone.
    extra = [Pair("common", "words", 0, "cloud", "avión")] * 5
    table = initial_table(corpus, extra, teacher, teacher_tokenizer, tokenizer, RECIPE)
    rows = teacher.words.weight
    assert table.shape == (tokenizer.get_vocab_size(), 48)
    assert torch.equal(table[tokenizer.token_to_id("boat")], rows[teacher_tokenizer.token_to_id("boat")])
    for english, piece in (("lamp", "lampara"), ("boat", "barco"), ("bridge", "puente"), ("cloud", "avion")):
        near = functional.cosine_similarity(table[tokenizer.token_to_id(piece)][None], rows)
        assert int(near.argmax()) == teacher_tokenizer.token_to_id(english)
    cut = teacher_tokenizer.encode("zzz", add_special_tokens=False).ids
    assert torch.allclose(table[tokenizer.token_to_id("zzz")], rows[cut].mean(0))


def test_a_sample_takes_as_many_of_each_source_as_there_are_or_as_are_asked_for(corpus: Corpus) -> None:
    pairs = corpus.pairs["train"]
    whole = Counter(pair.source for pair in pairs)
    sample = sample_by_source(pairs, 160, 0)
    assert Counter(pair.source for pair in sample) == {source: min(160, size) for source, size in whole.items()}
    assert len(set(sample)) == len(sample)
    assert sample == sample_by_source(pairs, 160, 0) != sample_by_source(pairs, 160, 1)


def test_tuning_reads_what_is_asked_about_some_others_and_what_was_written(made: Workplace, corpus: Corpus) -> None:
    everything = train_texts(corpus)
    texts, questions = training_texts(corpus, made.texts, 8, 0)
    from_corpus = texts[:-10]
    assert set(everything[::2]) <= set(from_corpus) <= set(everything)
    assert len(from_corpus) <= len(everything[::2]) + 8
    for question in questions:
        subject = question.es.removeprefix("¿Cuándo ").removeprefix("¿Qué pasa con ").removesuffix("?")
        assert subject.lower() in texts[question.text].titled("es").lower()
    assert len(questions) == len(everything[::2]) + 20


def test_tuning_never_reads_a_held_out_passage(made: Workplace, corpus: Corpus) -> None:
    texts, _ = training_texts(corpus, made.texts, 1000, 0)
    assert not {text.document for text in texts} & {HELD_COMPANY, HELD_TOPIC}
    bodies = {text.es for text in texts}
    assert not bodies & {section.body_es for split in ("dev", "test") for section in corpus.sections[split]}
