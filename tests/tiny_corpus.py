"""A made-up parallel corpus, written questions and a random teacher, small enough to train on in seconds."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from training.corpus import Corpus, Split, passage_id, read_corpus, split_of
from training.texts import DEVELOPMENT, Text, corpus_texts

NOUNS = {
    "lamp": "lámpara", "boat": "barco", "letter": "carta", "garden": "jardín", "window": "ventana", "bread": "pan",
    "horse": "caballo", "river": "río", "teacher": "maestro", "invoice": "factura", "holiday": "vacación",
    "salary": "sueldo", "meeting": "reunión", "keyboard": "teclado", "bicycle": "bicicleta", "mountain": "montaña",
    "kitchen": "cocina", "doctor": "médico", "market": "mercado", "contract": "contrato", "bridge": "puente",
    "shoe": "zapato", "cloud": "nube", "ticket": "billete",
}  # fmt: skip
VERBS = {
    "buys": "compra", "paints": "pinta", "loses": "pierde", "finds": "encuentra", "repairs": "repara",
    "sends": "envía", "sells": "vende", "cleans": "limpia", "hides": "esconde", "measures": "mide",
}  # fmt: skip
ADJECTIVES = {
    "green": "verde", "heavy": "pesado", "old": "viejo", "cheap": "barato", "quiet": "tranquilo", "broken": "roto",
    "new": "nuevo", "small": "pequeño",
}  # fmt: skip
TIMES = {
    "on Monday": "el lunes", "in winter": "en invierno", "every year": "cada año", "at night": "de noche",
    "before lunch": "antes de comer", "after work": "después del trabajo",
}  # fmt: skip
WORDS = [*NOUNS.items(), *VERBS.items(), *ADJECTIVES.items()]
COMMON = {
    "abrazo": "hug", "cuchara": "spoon", "jubilarse": "to retire; to leave work", "tijeras": "scissors",
    "vecino": "neighbour; nearby",
}  # fmt: skip
"""Common words that the corpus lacks, with their meanings."""
COMPANIES = ("Marpelina Inventada", "Talleres Quillurbe")
TOPICS = ("the orchard of Vandelor", "the clock of Umbrasca")
HELD_COMPANY, HELD_TOPIC = "Curtidos Ombrelia", "the lighthouse of Nerrapol"
"""Whom the written documents for development are about."""

DIMENSIONS, INNER, LAYERS, HEADS, POSITIONS = 48, 96, 2, 12, 288

TEXTS = (
    "la lámpara verde encuentra el barco pesado de noche",
    "the teacher sends the old letter every year",
    "¿Cuánto mide el puente?",
    "pan",
    "el médico compra el zapato nuevo, y la nube esconde la montaña " * 4,
)
"""Texts of different lengths in both languages."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: repeatable, and no slower on models this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def sentence(rng: random.Random) -> tuple[str, str]:
    """A sentence in English and in Spanish."""
    one, other = rng.sample(sorted(NOUNS.items()), 2)
    verb, adjective = rng.choice(sorted(VERBS.items())), rng.choice(sorted(ADJECTIVES.items()))
    when = rng.choice(sorted(TIMES.items()))
    return (
        f"The {adjective[0]} {one[0]} {verb[0]} the {other[0]} {when[0]}.",
        f"El {one[1]} {adjective[1]} {verb[1]} el {other[1]} {when[1]}.",
    )


def body(rng: random.Random, sentences: int) -> tuple[str, str]:
    """Several sentences, in English and in Spanish."""
    parts = [sentence(rng) for _ in range(sentences)]
    return " ".join(en for en, _ in parts), " ".join(es for _, es in parts)


def named(split: Split, key: Callable[[str], str], stem: str) -> Iterator[str]:
    """Names that start with ``stem`` and whose ``key`` belongs to ``split``."""
    return (name for number in count() if split_of(key(name := f"{stem}{number}")) == split)


def write_rows(file: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write tab-separated columns, compressed."""
    with gzip.open(file, "wt", encoding="utf-8", newline="\n") as lines:
        lines.writelines("\t".join(row) + "\n" for row in rows)


def write_corpus(folder: Path, seed: int = 1) -> Path:
    """Write the three files into ``folder`` and return it: some 600 pairs, 70 sections, 40 words."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    sources = {"manual": ("docs", 250), "cuentos": ("prose", 200)}
    for split in ("dev", "test"):
        sources[next(named(split, lambda name: f"{name}#0", f"notas-{split}-"))] = ("docs", 50)
    pairs = [(source, kind, *sentence(rng)) for source, (kind, size) in sources.items() for _ in range(size)]
    write_rows(folder / "pairs.tsv.gz", pairs)
    write_rows(folder / "sections.tsv.gz", _sections(rng))
    write_rows(folder / "words.tsv.gz", WORDS)
    return folder


def _sections(rng: random.Random) -> Iterator[tuple[str, ...]]:
    documents: dict[Split, int] = {"train": 10, "dev": 2, "test": 2}
    for split, size in documents.items():
        paths = named(split, lambda path: f"guia/{path}", "docs/pagina-")
        for _, path in zip(range(size), paths, strict=False):
            for (title_en, title_es), (own_en, own_es) in zip(
                rng.sample(sorted(NOUNS.items()), 5), rng.sample(sorted(ADJECTIVES.items()), 5), strict=True
            ):
                body_en, body_es = body(rng, 7)
                heading_en, heading_es = f"{title_en.title()} › {own_en}", f"{title_es.title()} › {own_es}"
                yield "guia", path, heading_en, heading_es, body_en, body_es


def train_texts(corpus: Corpus) -> list[Text]:
    """The passages of the training part that questions may be about."""
    return corpus_texts(corpus.pairs["train"], corpus.sections["train"])


def development_texts(corpus: Corpus) -> list[Text]:
    """The passages of the development part."""
    return corpus_texts(corpus.pairs["dev"], corpus.sections["dev"])


def question_about(text: Text) -> dict[str, str]:
    """A question in both languages that only says what the first sentence of ``text`` says."""
    en, es = text.en.split(".")[0].lower(), text.es.split(".")[0].lower()
    return {"en": f"When is it that {en}?", "es": f"¿Cuándo {es}?"}


def write_questions(folder: Path, corpus_folder: Path, seed: int = 2) -> Path:
    """Write questions about the corpus in ``corpus_folder``, texts and words of our own into ``folder``; return it."""
    rng = random.Random(seed)
    held = folder / DEVELOPMENT
    held.mkdir(parents=True, exist_ok=True)
    corpus = read_corpus(corpus_folder)
    for place, texts in ((folder, train_texts(corpus)[::2]), (held, development_texts(corpus))):
        write_lines(place / "corpus-00.jsonl", [{"id": passage_id(text.es), **question_about(text)} for text in texts])
    for place, companies, topics in ((folder, COMPANIES, TOPICS), (held, (HELD_COMPANY,), (HELD_TOPIC,))):
        write_lines(place / "handbook-00.jsonl", [_written("company", name, rng) for name in companies for _ in "123"])
        write_lines(place / "general-00.jsonl", [_written("topic", name, rng) for name in topics for _ in "12"])
    write_lines(folder / "sentences-00.jsonl", [dict(zip(("en", "es"), sentence(rng), strict=True)) for _ in range(20)])
    lines = (f"{spanish}\t{meanings}\n" for spanish, meanings in COMMON.items())
    (folder / "words-0.tsv").write_text("".join(lines), encoding="utf-8")
    return folder


def write_lines(file: Path, rows: Iterable[object]) -> None:
    """Write one JSON value a line."""
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _written(key: str, name: str, rng: random.Random) -> dict[str, object]:
    title_en, title_es = rng.choice(sorted(NOUNS.items()))
    en, es = body(rng, 6)
    text = Text(name, title_en, title_es, en, es)
    questions = [question_about(text), {"en": f"What about the {title_en}?", "es": f"¿Qué pasa con {title_es}?"}]
    return {key: name, "title_en": title_en, "title_es": title_es, "en": en, "es": es, "questions": questions}


def write_teacher(folder: Path, english: Sequence[str], seed: int = 3) -> Path:
    """Write a random BERT encoder with a tokenizer that knows ``english`` into ``folder`` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _english_tokenizer(english)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": DIMENSIONS,
        "intermediate_size": INNER, "layer_norm_eps": 1e-12, "max_position_embeddings": POSITIONS,
        "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "pad_token_id": 0, "type_vocab_size": 2,
        "vocab_size": tokenizer.get_vocab_size(),
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(_random_bert(tokenizer.get_vocab_size(), seed), str(folder / "model.safetensors"))
    return folder


def write_teacher_of(folder: Path, corpus_folder: Path) -> Path:
    """A teacher whose tokenizer knows the English side of a corpus."""
    return write_teacher(folder, [pair.en for pair in read_corpus(corpus_folder).pairs["train"]])


def _english_tokenizer(english: Sequence[str]) -> Tokenizer:
    """Letters and the words of ``english`` as pieces, the most frequent first.

    No trainer: that of the library numbers pieces differently in each run.
    """
    special = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    characters = "abcdefghijklmnopqrstuvwxyz0123456789"
    counted = Counter(word for text in english for word in re.findall(r"[a-z]{2,}", text.lower()))
    words = sorted(counted, key=lambda word: (-counted[word], word))
    pieces = [*special, *characters, *(f"##{character}" for character in characters), *".,?¿漢", *words]
    tokenizer = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.add_special_tokens(special)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 4), ("[CLS]", 3))
    return tokenizer


def _random_bert(vocabulary: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Weights under BERT's names, every one of them large enough to change the vectors."""
    rng = np.random.default_rng(seed)

    def noise(*shape: int, scale: float = 0.14, centre: float = 0.0) -> NDArray[np.float32]:
        return (centre + scale * rng.standard_normal(shape)).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": noise(vocabulary, DIMENSIONS, scale=1.0),
        "embeddings.position_embeddings.weight": noise(POSITIONS, DIMENSIONS),
        "embeddings.token_type_embeddings.weight": noise(2, DIMENSIONS),
    }
    linear = {
        "attention.self.query": (DIMENSIONS, DIMENSIONS), "attention.self.key": (DIMENSIONS, DIMENSIONS),
        "attention.self.value": (DIMENSIONS, DIMENSIONS), "attention.output.dense": (DIMENSIONS, DIMENSIONS),
        "intermediate.dense": (INNER, DIMENSIONS), "output.dense": (DIMENSIONS, INNER),
    }  # fmt: skip
    norms = ["embeddings.LayerNorm"]
    for number in range(LAYERS):
        prefix = f"encoder.layer.{number}."
        for name, shape in linear.items():
            weights[f"{prefix}{name}.weight"] = noise(*shape)
            weights[f"{prefix}{name}.bias"] = noise(shape[0])
        norms += [f"{prefix}attention.output.LayerNorm", f"{prefix}output.LayerNorm"]
    for name in norms:
        weights[f"{name}.weight"] = noise(DIMENSIONS, centre=1.0)
        weights[f"{name}.bias"] = noise(DIMENSIONS)
    return weights
