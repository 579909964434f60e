"""Batches: padding, parts of like length, the budget of tokens, and the pools that texts are drawn from."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise, permutations
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_corpus import TEXTS
from tiny_corpus import one_thread as one_thread
from tokenizers import Tokenizer

from training.batches import SHARES, WORDS_A_SENTENCE, PairSampler, Parts, by_length, encode, pad
from training.corpus import Corpus, Pair
from training.network import Encoder


@pytest.fixture(scope="module")
def tokenizer(teacher_folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(teacher_folder / "tokenizer.json"))


def test_texts_are_padded_to_the_longest() -> None:
    padded = pad([[2, 5, 3], [2, 3]])
    assert padded.ids.tolist() == [[2, 5, 3], [2, 3, 0]]
    assert padded.mask.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert padded.tokens == 6


def test_a_text_is_cut_where_the_tokenizer_says(tokenizer: Tokenizer) -> None:
    cutting = Tokenizer.from_str(tokenizer.to_str())
    cutting.enable_truncation(6)
    whole, cut = encode(tokenizer, TEXTS), encode(cutting, TEXTS)
    assert max(map(len, cut)) == 6
    assert cut[-1][:5] == whole[-1][:5]
    assert cut[-1][-1] == whole[-1][-1]


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_vectors_of_parts_come_in_the_given_order(
    encoder: Encoder, tokenizer: Tokenizer, parts: int, order: tuple[int, ...]
) -> None:
    encoded = encode(tokenizer, [*(TEXTS[number] for number in order), *TEXTS])
    with torch.no_grad():
        vectors = Parts.of(encoded, parts).vectors(encoder)
        for row, tokens in enumerate(encoded):
            alone = pad([tokens])
            assert torch.allclose(vectors[row], encoder(alone.ids, alone.mask)[0], atol=1e-5)


def test_parts_cost_less_than_one_batch() -> None:
    encoded = [[1] * length for length in (40, 3, 41, 2, 20, 21)]
    batch = Parts.of(encoded)
    assert batch.tokens == 2 * 3 + 2 * 21 + 2 * 41
    assert batch.tokens < pad(encoded).tokens


@given(
    sizes=st.lists(st.integers(1, 60), max_size=80),
    budget=st.integers(1, 100),
    seed=st.integers(0, 5),
)
def test_batches_keep_to_the_budget_and_lose_lone_items_only(sizes: list[int], budget: int, seed: int) -> None:
    items = list(enumerate(sizes))
    batches = by_length(items, lambda item: item[1], budget, random.Random(seed))
    used = [item for batch in batches for item in batch]
    assert len(used) == len(set(used))
    for batch in batches:
        assert len(batch) > 1
        assert len(batch) * largest(batch) <= budget
    lost = sorted(size for number, size in items if (number, size) not in used)
    # A lost item fits into no batch of smaller ones, and no two lost items fit together.
    assert all((len(batch) + 1) * size > budget for size in lost for batch in batches if largest(batch) <= size)
    assert all(2 * size > budget for size in lost[1:])


def largest(batch: list[tuple[int, int]]) -> int:
    return max(size for _, size in batch)


def test_batches_hold_items_of_like_size_and_come_in_random_order() -> None:
    items = list(range(1, 41))
    random.Random(0).shuffle(items)
    batches = by_length(items, int, 80, random.Random(1))
    ranges = sorted((min(batch), max(batch)) for batch in batches)
    assert all(last < first for (_, last), (first, _) in pairwise(ranges))
    assert [max(batch) for batch in batches] != sorted(max(batch) for batch in batches)


def test_an_item_over_the_budget_stands_alone_and_is_dropped() -> None:
    assert by_length([5, 5, 90], int, 20, random.Random(0)) == [[5, 5]]


def test_no_item_gives_no_batch() -> None:
    assert by_length([], len, 20, random.Random(0)) == []


def test_a_pool_is_the_same_for_its_number_and_seed_only(corpus: Corpus) -> None:
    sampler, same, other = (
        PairSampler(corpus.pairs["train"], corpus.sections["train"], seed, 0.4) for seed in (1, 1, 2)
    )
    later = sampler.pool(3, 60)
    assert sampler.pool(0, 60) == same.pool(0, 60)
    assert same.pool(3, 60) == later
    assert sampler.pool(0, 60) != sampler.pool(1, 60)
    assert sampler.pool(0, 60) != other.pool(0, 60)


def test_a_pool_holds_sentences_sections_and_runs_of_the_training_part_only(corpus: Corpus) -> None:
    sampler = PairSampler(corpus.pairs["train"], corpus.sections["train"], 1, 0.5)
    pool = sampler.pool(0, 400)
    assert 400 * WORDS_A_SENTENCE <= words(pool) < 400 * WORDS_A_SENTENCE + 300
    pairs = {(pair.en, pair.es) for pair in corpus.pairs["train"]}
    whole = " ".join(pair.es for pair in corpus.pairs["train"])
    bodies = [section.body_es for section in corpus.sections["train"]]
    sentences = [text for text in pool if text in pairs]
    runs = [es for en, es in pool if (en, es) not in pairs and es in whole]
    sections = [es for _, es in pool if any(body[:40] in es for body in bodies) and es not in whole]
    assert len(sentences) + len(runs) + len(sections) == len(pool)
    assert min(len(sentences), len(runs), len(sections)) > 5


def words(texts: list[tuple[str, str]]) -> int:
    return sum(len(spanish.split()) + 1 for _, spanish in texts)


def test_without_passages_a_pool_holds_sentences_only(corpus: Corpus) -> None:
    pairs = {(pair.en, pair.es) for pair in corpus.pairs["train"]}
    assert set(PairSampler(corpus.pairs["train"], [], 1, 0.0).pool(0, 100)) <= pairs


def made_up(source: str, kind: str, size: int, length: int = 12) -> list[Pair]:
    """Pairs whose every Spanish text starts with its source."""
    return [
        Pair(source, kind, number // 50, f"{source} en {number}", f"{source}-{number}" + " la" * (length - 1))
        for number in range(size)
    ]


def shares(pairs: list[Pair], passage_share: float = 0.0, size: int = 16_000) -> dict[str, float]:
    """The share of each source in the words of a pool."""
    counted: Counter[str] = Counter()
    for text in PairSampler(pairs, [], 1, passage_share).pool(0, size):
        counted[text[1].split("-")[0]] += words([text])
    return {source: count / counted.total() for source, count in counted.items()}


def test_each_kind_has_its_share_whatever_its_size() -> None:
    found = shares(
        [
            *made_up("common", "words", 60, 1),
            *made_up("dictionary", "words", 4000, 1),
            *made_up("written", "written", 100),
            *made_up("novel", "prose", 40),
            *made_up("manual", "docs", 5000),
            *made_up("menus", "software", 900),
        ]
    )
    assert found["common"] + found["dictionary"] == pytest.approx(SHARES["words"], abs=0.04)
    assert found["written"] == pytest.approx(SHARES["written"], abs=0.04)
    assert found["novel"] == pytest.approx(SHARES["prose"], abs=0.04)
    assert found["manual"] + found["menus"] == pytest.approx(1 - sum(SHARES.values()), abs=0.04)


def test_the_share_of_a_missing_kind_goes_to_the_others() -> None:
    found = shares([*made_up("novel", "prose", 40), *made_up("written", "written", 100)])
    assert found["novel"] == pytest.approx(SHARES["prose"] / (SHARES["prose"] + SHARES["written"]), abs=0.04)


def test_a_source_four_times_as_large_is_drawn_twice_as_often() -> None:
    found = shares([*made_up("manual", "docs", 400), *made_up("menus", "docs", 100)])
    assert found["manual"] == pytest.approx(2 / 3, abs=0.05)


def test_words_and_written_text_are_never_joined_into_passages() -> None:
    pairs = [*made_up("common", "words", 80, 1), *made_up("written", "written", 100)]
    known = {(pair.en, pair.es) for pair in pairs}
    pool = PairSampler(pairs, [], 1, 1.0).pool(0, 400)
    assert set(pool) <= known
    assert {spanish.split("-")[0] for _, spanish in pool} == {"common", "written"}


def test_prose_is_joined_into_runs_without_sections(corpus: Corpus) -> None:
    prose = [pair for pair in corpus.pairs["train"] if pair.kind == "prose"]
    known = {(pair.en, pair.es) for pair in prose}
    whole = " ".join(pair.es for pair in prose)
    pool = PairSampler(prose, corpus.sections["train"], 1, 1.0).pool(0, 200)
    assert not set(pool) & known
    assert all(spanish in whole for _, spanish in pool)


def test_both_sides_of_a_text_belong_together(corpus: Corpus) -> None:
    sampler = PairSampler(corpus.pairs["train"], corpus.sections["train"], 1, 0.8)
    for english, spanish in sampler.pool(0, 200):
        assert abs(len(english.split(".")) - len(spanish.split("."))) <= 3
