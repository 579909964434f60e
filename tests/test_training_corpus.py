"""The parallel corpus: what is read, how it is split, what is dropped, and which errors name what."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tiny_corpus import named, write_corpus, write_rows

from training import corpus as corpus_module
from training.corpus import (
    Corpus,
    CorpusError,
    Pair,
    capped,
    passage_id,
    passages,
    read_corpus,
    sentences,
    split_of,
    text_key,
)

SPLITS = ("train", "dev", "test")
HELD_OUT = ("The same long sentence stands in two places.", "La misma frase larga está en dos lugares.")


def write(folder: Path, pairs: list[tuple[str, ...]], sections: list[tuple[str, ...]] | None = None) -> Path:
    write_rows(folder / "pairs.tsv.gz", pairs)
    write_rows(folder / "sections.tsv.gz", sections or [])
    write_rows(folder / "words.tsv.gz", [("boat", "barco")])
    return folder


def held_out_source(stem: str = "dev-") -> str:
    return next(named("dev", lambda name: f"{name}#0", stem))


def trained_source(stem: str = "train-") -> str:
    return next(named("train", lambda name: f"{name}#0", stem))


def test_every_part_gets_pairs_and_sections_and_most_train(corpus: Corpus) -> None:
    for parts in (corpus.pairs, corpus.sections):
        assert all(parts[split] for split in SPLITS)
        assert len(parts["train"]) > len(parts["dev"]) + len(parts["test"])
    assert ("lamp", "lámpara") in corpus.words


def test_a_document_is_never_divided(corpus: Corpus) -> None:
    blocks = [{(pair.source, pair.block) for pair in corpus.pairs[split]} for split in SPLITS]
    documents = [{(section.source, section.path) for section in corpus.sections[split]} for split in SPLITS]
    for one, two, three in (blocks, documents):
        assert not one & two | one & three | two & three


def test_fifty_lines_of_a_source_are_a_block_wherever_they_stand(tmp_path: Path) -> None:
    rows = [(source, "docs", f"{source} {n}", f"{source} número {n}") for n in range(120) for source in ("uno", "dos")]
    read = read_corpus(write(tmp_path, rows))
    blocks = {pair.en: pair.block for split in SPLITS for pair in read.pairs[split]}
    assert len(blocks) == 240
    assert [blocks["dos 0"], blocks["dos 49"], blocks["dos 50"], blocks["dos 119"]] == [0, 0, 1, 2]


def test_reading_twice_gives_the_same_corpus(corpus_folder: Path, corpus: Corpus) -> None:
    assert read_corpus(corpus_folder) == corpus


def test_the_part_of_a_document_is_the_same_on_every_machine() -> None:
    # Fixed by SHA-256: another answer would let held-out text of an older run into the training of a newer one.
    expected = {"train": [0, 2, 3, 4], "dev": [1, 6, 15], "test": [14, 18]}
    assert {n: split_of(f"manual#{n}") for numbers in expected.values() for n in numbers} == {
        n: split for split, numbers in expected.items() for n in numbers
    }


def test_one_document_in_forty_is_held_out_for_each_purpose() -> None:
    parts = [split_of(f"documento {number}") for number in range(8000)]
    assert 150 < parts.count("dev") < 250
    assert 150 < parts.count("test") < 250


@pytest.mark.parametrize("side", [0, 1], ids=["english", "spanish"])
def test_a_held_out_sentence_does_not_train_in_either_language(tmp_path: Path, side: int) -> None:
    copied = ["Another sentence in English altogether.", "Otra frase bien distinta en español."]
    copied[side] = HELD_OUT[side].upper().rstrip(".")
    rows = [
        (held_out_source(), "docs", *HELD_OUT),
        (trained_source(), "docs", *copied),
        (trained_source(), "docs", "It may stay where it is.", "Puede quedarse donde está."),
    ]
    assert [pair.en for pair in read_corpus(write(tmp_path, rows)).pairs["train"]] == ["It may stay where it is."]


def test_a_sentence_of_a_held_out_section_does_not_train(tmp_path: Path) -> None:
    path = next(named("test", lambda path: f"guia/{path}", "p"))
    section = ("guia", path, "T", "T", f"First of all. {HELD_OUT[0]}", f"Antes de nada. {HELD_OUT[1]}")
    rows = [(trained_source(), "docs", *HELD_OUT)]
    assert read_corpus(write(tmp_path, rows, [section])).pairs["train"] == []


@pytest.mark.parametrize("side", [4, 5], ids=["english", "spanish"])
def test_a_section_with_the_body_of_a_held_out_one_does_not_train(tmp_path: Path, side: int) -> None:
    held, trains = (next(named(split, lambda path: f"guia/{path}", "p")) for split in ("dev", "train"))
    section = ["guia", held, "T", "T", "The very same words.", "Las mismas palabras."]
    copy = ["guia", trains, "U", "U", "Different words here.", "Otras palabras aquí."]
    copy[side] = section[side]
    read = read_corpus(write(tmp_path, [], [tuple(section), tuple(copy)]))
    assert (len(read.sections["dev"]), read.sections["train"]) == (1, [])


def test_short_labels_recur_and_stay(tmp_path: Path) -> None:
    rows = [(held_out_source(), "ui", "Go back", "Volver"), (trained_source(), "ui", "Go back", "Volver")]
    assert len(read_corpus(write(tmp_path, rows)).pairs["train"]) == 1


def test_no_held_out_text_of_the_corpus_trains(corpus: Corpus) -> None:
    held = {text_key(text) for split in ("dev", "test") for pair in corpus.pairs[split] for text in (pair.en, pair.es)}
    for split in ("dev", "test"):
        for section in corpus.sections[split]:
            held |= {text_key(part) for text in (section.body_en, section.body_es) for part in sentences(text)}
    trained = {text_key(text) for pair in corpus.pairs["train"] for text in (pair.en, pair.es)}
    assert not {key for key in held & trained if len(key) > 25}


def test_a_cap_drops_whole_blocks_of_its_source_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(corpus_module.CAPS, "grande", 1000)
    grande = [Pair("grande", "docs", n // 50, f"g{n}", f"g{n}") for n in range(4000)]
    chico = [Pair("chico", "docs", n // 50, f"c{n}", f"c{n}") for n in range(1500)]
    kept = list(capped([*grande, *chico]))
    assert [pair for pair in kept if pair.source == "chico"] == chico
    blocks = [pair.block for pair in kept if pair.source == "grande"]
    assert all(blocks.count(block) == 50 for block in set(blocks))
    assert 500 < len(blocks) < 1500
    assert list(capped([*grande, *chico])) == kept


def test_a_source_within_its_cap_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(corpus_module.CAPS, "grande", 100)
    pairs = [Pair("grande", "docs", n // 50, f"g{n}", f"g{n}") for n in range(100)]
    assert list(capped(pairs)) == pairs


def test_passages_never_cross_blocks_and_keep_their_order(corpus: Corpus) -> None:
    pairs = corpus.pairs["train"]
    found = list(passages(pairs, 30, 60))
    assert found
    for passage in found:
        block = [pair.es for pair in pairs if (pair.source, pair.block) == (passage.source, passage.block)]
        assert passage.es in " ".join(block)
        assert 30 <= len(passage.es.split()) <= 60


def test_a_passage_ends_with_its_block_and_a_short_rest_is_dropped() -> None:
    pair = Pair("s", "docs", 0, "one two", "uno dos")
    pairs = [*[pair] * 5, *[replace(pair, block=1)] * 2]
    assert [(p.block, p.kind, p.es) for p in passages(pairs, 3, 6)] == [
        (0, "passage", "uno dos uno dos uno dos"),
        (0, "passage", "uno dos uno dos"),
        (1, "passage", "uno dos uno dos"),
    ]
    assert [p.block for p in passages(pairs, 5, 6)] == [0]


def test_a_passage_is_named_by_its_spanish_text() -> None:
    assert passage_id("El barco verde.") == passage_id("El barco verde.")
    assert passage_id("El barco verde.") != passage_id("El barco verde")
    assert len(passage_id("")) == 16


def test_sentences_are_cut_at_their_ends() -> None:
    assert sentences("Uno. ¿Dos? Tres: cuatro; cinco") == ["Uno.", "¿Dos?", "Tres:", "cuatro;", "cinco"]


@pytest.mark.parametrize("name", ["pairs.tsv.gz", "sections.tsv.gz", "words.tsv.gz"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (write_corpus(tmp_path) / name).unlink()
    with pytest.raises(CorpusError, match=rf"{name} is missing"):
        read_corpus(tmp_path)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("pairs.tsv.gz", [("s", "docs", "a", "b"), ("s", "docs", "only one side")]),
        ("sections.tsv.gz", [("s", "p", "t", "t", "b", "b"), ("s", "p", "t", "t", "b", "b", "more")]),
        ("words.tsv.gz", [("boat", "barco"), ("",)]),
    ],
    ids=["pairs", "sections", "words"],
)
def test_a_bad_line_is_named_with_its_file(tmp_path: Path, name: str, rows: list[tuple[str, ...]]) -> None:
    write_rows(write_corpus(tmp_path) / name, rows)
    with pytest.raises(CorpusError, match=rf"{name}, line 2: \d columns"):
        read_corpus(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "changed", "not compressed"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    file = write_corpus(tmp_path) / "pairs.tsv.gz"
    content = file.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:middle],
        "changed": content[:middle] + bytes(255 - byte for byte in content[middle : middle + 50]) + content[middle:],
        "not compressed": b"s\tdocs\ta\tb\n",
    }
    file.write_bytes(damaged[damage])
    with pytest.raises(CorpusError, match=r"pairs\.tsv\.gz"):
        read_corpus(tmp_path)
