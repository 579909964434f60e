"""From a corpus folder to the encoder's folder: every stage in order, each one skipped if its result is there."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from rag.errors import FaroError
from training.alignment import ibm1
from training.batches import PairSampler, load_tokenizer
from training.corpus import Corpus, CorpusError, Pair, read_corpus
from training.distill import Distillation
from training.export import write_folder
from training.lexicon import learn_lexicon, write_lexicon
from training.loop import Schedule, train, write_aside
from training.mix import mixed
from training.network import Encoder, from_state, load_bert
from training.progress import DevelopmentSet
from training.retrieval import RetrievalTuning
from training.texts import (
    Question,
    Text,
    corpus_texts,
    read_parallel,
    read_questions,
    read_words,
    read_written,
)
from training.vocabulary import (
    kept_pieces,
    make_tokenizer,
    spanish_pieces,
    student_vocabulary,
    teacher_pieces,
    whole_words,
)

logger = logging.getLogger(__name__)

BEST_ENGLISH_ROWS = 10


@dataclass(frozen=True, slots=True)
class Recipe:
    """Every number of the making."""

    seed: int = 0
    max_tokens: int = 256
    spanish_pieces: int = 36_000
    new_pieces: int = 20_500
    whole_words: int = 37_000
    pieces_per_source: int = 25_000
    aligned_per_source: int = 30_000
    lexicon_per_source: int = 45_000
    longest_aligned: int = 28
    distill: Schedule = field(
        default_factory=lambda: Schedule(16_000_000, rate=1e-4, table_rate=5e-4, checkpoint_every=4_000_000)
    )
    passage_share: float = 0.45
    tune: Schedule = field(
        default_factory=lambda: Schedule(7_000_000, rate=2e-5, table_rate=1e-4, checkpoint_every=1_750_000)
    )
    question_share: float = 0.6
    plain_texts: int = 6_000
    anchor_every: int = 3


def build(
    corpus_folder: Path, texts: Path, teacher_folder: Path, work: Path, target: Path, recipe: Recipe | None = None
) -> None:
    """Make the encoder and its lexicon and write them to ``target``.

    Args:
        corpus_folder: the parallel corpus (see ``read_corpus``).
        texts: the folder of what was written for the training (see ``training.texts``).
        teacher_folder: all-MiniLM-L6-v2, or an English encoder of the same shape.
        work: intermediate results and checkpoints; a second call with the same folder goes on where the first stopped.
        target: the encoder's folder; what is there under the same names is replaced.
        recipe: the numbers; changing them, the minutes apart, calls for a new ``work`` folder.

    Raises:
        CorpusError: when the corpus cannot be read, or has no pair to train on.
        FaroError: when ``work`` was begun with another recipe, corpus or teacher.
    """
    recipe = recipe or Recipe()
    logger.info("reading %s", corpus_folder)
    corpus = read_corpus(corpus_folder)
    if not corpus.pairs["train"]:
        raise CorpusError(f"{corpus_folder} has no pair to train on.")
    teacher, teacher_tokenizer = load_teacher(teacher_folder, recipe.max_tokens)
    _keep_to_one_recipe(work, recipe, [corpus_folder, texts, teacher_folder])
    tokenizer_file = work / "tokenizer.json"
    written, common = read_parallel(texts), read_words(texts)
    extra = [*written, *_as_pairs("dictionary", corpus.words), *_as_pairs("common", common)]
    if not tokenizer_file.exists():
        _write_tokenizer(corpus, extra, teacher_folder / "tokenizer.json", tokenizer_file, recipe)
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    initial = work / "initial.pt"
    if not initial.exists():
        table = initial_table(corpus, extra, teacher, teacher_tokenizer, tokenizer, recipe)
        write_aside(table, initial)
    development = DevelopmentSet.of(corpus, texts, tokenizer)
    teaching = partial(
        _teaching, [*corpus.pairs["train"], *extra], corpus, teacher, teacher_tokenizer, tokenizer, recipe
    )
    student = from_state({**teacher.state_dict(), "words.weight": torch.load(initial)})
    distilled = train(student, teaching(recipe.seed).group, recipe.distill, development.score, work, "distill")
    passages, questions = training_texts(corpus, texts, recipe.plain_texts, recipe.seed)
    logger.info("%d passages, %d questions", len(passages), len(questions))
    tuning = RetrievalTuning(tokenizer, passages, questions, recipe.seed, recipe.question_share)
    groups = mixed(tuning.group, teaching(recipe.seed + 1, pool=2500).group, recipe.anchor_every)
    tuned = train(distilled, groups, recipe.tune, development.score, work, "tune")
    write_folder(tuned, tokenizer_file, target, recipe.max_tokens)
    logger.info("learning the lexicon")
    lexicon_pairs = sample_by_source(corpus.pairs["train"], recipe.lexicon_per_source, recipe.seed)
    write_lexicon(learn_lexicon([*lexicon_pairs, *written], [*corpus.words, *common]), target)
    logger.info("written to %s", target)


def tuned_encoder(work: Path) -> Encoder:
    """The float encoder that a finished ``build`` left in its ``work`` folder.

    Raises FaroError when there is none.
    """
    file = work / "tune.best.pt"
    if not file.is_file():
        raise FaroError(f"{file} is missing: run the build with this work folder first.")
    encoder = from_state(torch.load(file, weights_only=True))
    encoder.precision = torch.float32
    return encoder.eval()


def load_teacher(folder: Path, max_tokens: int) -> tuple[Encoder, Tokenizer]:
    """The teacher, frozen, and its tokenizer without padding."""
    teacher = load_bert(folder).eval()
    for parameter in teacher.parameters():
        parameter.requires_grad_(False)
    return teacher, load_tokenizer(folder, max_tokens)


def initial_table(
    corpus: Corpus,
    extra: Sequence[Pair],
    teacher: Encoder,
    teacher_tokenizer: Tokenizer,
    tokenizer: Tokenizer,
    recipe: Recipe,
) -> Tensor:
    """The student's table of word pieces before training, shape (pieces, dimensions).

    A piece that the teacher has keeps its row. A new one starts as the mean of its ten best English pieces, weighted by
    IBM Model 1 (the idea of WECHSEL, Minixhofer et al. 2022, and FOCUS, Dobler and de Melo 2023), or, if it was aligned
    with nothing, as the mean of the pieces that the teacher cuts it into.
    """
    english_ids = teacher_tokenizer.get_vocab()
    rows = teacher.words.weight.detach()
    pairs = sample_by_source(corpus.pairs["train"], recipe.aligned_per_source, recipe.seed)
    chosen = [*pairs, *(pair for pair in extra for _ in range(3 if pair.source == "common" else 1))]
    texts = [(pair.en, pair.es) for pair in chosen if len(pair.es.split()) <= recipe.longest_aligned]
    spanish = [
        np.array(e.ids, np.int32) for e in tokenizer.encode_batch([es for _, es in texts], add_special_tokens=False)
    ]
    english = [
        np.array(e.ids, np.int32)
        for e in teacher_tokenizer.encode_batch([en for en, _ in texts], add_special_tokens=False)
    ]
    aligned = {piece: (ids, shares) for piece, ids, shares in ibm1(spanish, english, 5).best(BEST_ENGLISH_ROWS, 0.005)}
    table = torch.empty(tokenizer.get_vocab_size(), rows.shape[1])
    for piece, number in tokenizer.get_vocab().items():
        if piece in english_ids:
            table[number] = rows[english_ids[piece]]
        elif number in aligned:
            ids, shares = aligned[number]
            weights = torch.from_numpy(shares / shares.sum())
            table[number] = weights @ rows[torch.from_numpy(ids).long()]
        else:
            cut = teacher_tokenizer.encode(piece.removeprefix("##"), add_special_tokens=False).ids
            table[number] = rows[cut].mean(0) if cut else rows.mean(0)
    return table


def sample_by_source(pairs: Sequence[Pair], most: int, seed: int) -> list[Pair]:
    """At most ``most`` pairs of each source, drawn at random."""
    by_source: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_source.setdefault(pair.source, []).append(pair)
    rng = random.Random(seed)
    return [p for source in sorted(by_source) for p in rng.sample(by_source[source], min(most, len(by_source[source])))]


def training_texts(corpus: Corpus, questions: Path, plain: int, seed: int) -> tuple[list[Text], list[Question]]:
    """The passages of retrieval tuning and the questions about them.

    All passages that are asked about, ``plain`` others of the corpus, runs of pairs as often as sections, and the
    written ones.
    """
    everything = corpus_texts(corpus.pairs["train"], corpus.sections["train"])
    asked = read_questions(questions, everything)
    chosen = {question.text for question in asked}
    rng = random.Random(seed)
    others = [number for number in range(len(everything)) if number not in chosen]
    rng.shuffle(others)
    for run in (True, False):
        chosen.update([number for number in others if everything[number].run is run][: plain // 2])
    kept = sorted(chosen)
    place = {number: row for row, number in enumerate(kept)}
    texts = [everything[number] for number in kept]
    written, written_questions = read_written(questions)
    moved = [Question(q.en, q.es, place[q.text]) for q in asked]
    moved += [Question(q.en, q.es, q.text + len(texts)) for q in written_questions]
    return texts + written, moved


def _keep_to_one_recipe(work: Path, recipe: Recipe, folders: Sequence[Path]) -> None:
    """Write down what ``work`` is made from, or see that it is still the same."""
    free = replace(recipe, distill=replace(recipe.distill, minutes=None), tune=replace(recipe.tune, minutes=None))
    content = {"recipe": asdict(free), "files": [_digests(folder) for folder in folders]}
    kept = work / "recipe.json"
    if not kept.exists():
        work.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    elif json.loads(kept.read_text(encoding="utf-8")) != content:
        raise FaroError(f"{work} was begun with another recipe, corpus or teacher: give a new work folder.")


def _digests(folder: Path) -> dict[str, str]:
    digests = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digests[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _as_pairs(source: str, words: Sequence[tuple[str, str]]) -> list[Pair]:
    return [Pair(source, "words", 0, english, spanish) for english, spanish in words]


def _write_tokenizer(corpus: Corpus, extra: Sequence[Pair], teacher_file: Path, file: Path, recipe: Recipe) -> None:
    logger.info("choosing the word pieces")
    kept = kept_pieces(teacher_pieces(teacher_file))
    aside = file.with_suffix(".tmp")
    pairs = [*corpus.pairs["train"], *(pair for pair in extra if pair.kind == "written")]
    common = [pair.es for pair in extra if pair.source == "common"]
    spanish = spanish_pieces(pairs, common, recipe.spanish_pieces, recipe.pieces_per_source)
    words = whole_words([pair for pair in extra if pair.kind == "words"], pairs, recipe.pieces_per_source)
    vocabulary = student_vocabulary(kept, (spanish, recipe.new_pieces), (words, recipe.whole_words))
    make_tokenizer(vocabulary, recipe.max_tokens).save(str(aside))
    aside.replace(file)


def _teaching(
    pairs: Sequence[Pair],
    corpus: Corpus,
    teacher: Encoder,
    teacher_tokenizer: Tokenizer,
    tokenizer: Tokenizer,
    recipe: Recipe,
    seed: int,
    pool: int = 6000,
) -> Distillation:
    sampler = PairSampler(pairs, corpus.sections["train"], seed, recipe.passage_share)
    return Distillation(teacher, teacher_tokenizer, tokenizer, sampler, seed, pool=pool)
