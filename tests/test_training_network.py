"""The network: the same vectors as transformers' BERT, names of weights both ways, padding, precision."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_corpus import DIMENSIONS, INNER, LAYERS, TEXTS
from tiny_corpus import one_thread as one_thread
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import BertModel

from rag.errors import FaroError
from training.batches import Padded, encode, pad
from training.network import Encoder, from_bert, load_bert, to_bert


@pytest.fixture(scope="module")
def batch(teacher_folder: Path) -> Padded:
    return pad(encode(Tokenizer.from_file(str(teacher_folder / "tokenizer.json")), TEXTS))


def reference(teacher_folder: Path, batch: Padded) -> Tensor:
    """Mean pooling over transformers' own BERT, normalised."""
    model = BertModel.from_pretrained(teacher_folder, add_pooling_layer=False).eval()
    with torch.no_grad():
        states = model(input_ids=batch.ids, attention_mask=batch.mask).last_hidden_state
    mask = batch.mask[..., None]
    return functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)


def vectors(encoder: Encoder, batch: Padded) -> Tensor:
    with torch.no_grad():
        return encoder(batch.ids, batch.mask)


def test_vectors_are_those_of_transformers_with_mean_pooling(
    encoder: Encoder, teacher_folder: Path, batch: Padded
) -> None:
    cosines = (vectors(encoder, batch) * reference(teacher_folder, batch)).sum(1)
    assert cosines.min() > 0.9999


def test_the_texts_of_that_comparison_are_told_apart(encoder: Encoder, batch: Padded) -> None:
    """Agreement would mean little if every text had the same vector."""
    mine = vectors(encoder, batch)
    assert (mine @ mine.T).fill_diagonal_(-1).max() < 0.99


def test_vectors_are_float32_and_of_unit_length_in_bfloat16_too(encoder: Encoder, batch: Padded) -> None:
    exact = vectors(encoder, batch)
    encoder.precision = torch.bfloat16
    rough = vectors(encoder, batch)
    assert rough.dtype == torch.float32
    assert torch.allclose(rough.norm(dim=1), torch.ones(len(TEXTS)), atol=1e-5)
    assert 0.99 < (rough * exact).sum(1).min() < 1 - 1e-7


def test_padding_does_not_change_a_vector(encoder: Encoder, batch: Padded) -> None:
    together = vectors(encoder, batch)
    for row, length in enumerate(batch.mask.sum(1).tolist()):
        alone = vectors(encoder, Padded(batch.ids[row : row + 1, :length], batch.mask[row : row + 1, :length]))
        assert torch.allclose(alone[0], together[row], atol=1e-5)


def test_what_stands_under_the_padding_does_not_matter(encoder: Encoder, batch: Padded) -> None:
    other = batch.ids.where(batch.mask == 1, 7)
    assert torch.allclose(vectors(encoder, Padded(other, batch.mask)), vectors(encoder, batch), atol=1e-6)


def test_the_order_of_the_words_matters(encoder: Encoder, batch: Padded) -> None:
    turned = batch.ids[:1, :8].flip(1)
    mask = torch.ones_like(turned)
    cosine = (vectors(encoder, Padded(turned, mask)) * vectors(encoder, Padded(turned.flip(1), mask))).sum()
    assert cosine < 0.9999


def test_names_of_bert_and_back_are_exact(encoder: Encoder) -> None:
    again = from_bert(to_bert(encoder)).state_dict()
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, again[name]), name


def test_a_checkpoint_keeps_its_weights_but_the_token_types(teacher_folder: Path, encoder: Encoder) -> None:
    before, after = load_file(teacher_folder / "model.safetensors"), to_bert(encoder)
    assert before.keys() == after.keys()
    moved = {"embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight"}
    for name in before.keys() - moved:
        assert torch.equal(before[name], after[name]), name
    sums = [w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0]
            for w in (before, after)]  # fmt: skip
    assert torch.equal(*sums)


def test_a_checkpoint_with_a_prefix_and_a_head_is_read(teacher_folder: Path, encoder: Encoder) -> None:
    weights = {f"bert.{name}": value for name, value in load_file(teacher_folder / "model.safetensors").items()}
    weights |= {"bert.pooler.dense.weight": torch.zeros(2, 2), "cls.bias": torch.zeros(2)}
    assert torch.equal(from_bert(weights).layers[1].narrow.weight, encoder.layers[1].narrow.weight)


def test_the_shape_comes_from_the_weights(encoder: Encoder) -> None:
    assert (encoder.positions.shape[1], encoder.inner, len(encoder.layers)) == (DIMENSIONS, INNER, LAYERS)


def test_every_weight_learns(encoder: Encoder, batch: Padded) -> None:
    (encoder(batch.ids, batch.mask) @ torch.randn(DIMENSIONS)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.to_dense().abs().sum() > 0, name


def test_an_encoder_of_another_number_of_heads_is_refused(teacher_folder: Path, tmp_path: Path) -> None:
    config = json.loads((teacher_folder / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_attention_heads": 8}))
    shutil.copy(teacher_folder / "model.safetensors", tmp_path)
    with pytest.raises(FaroError, match="12 attention heads"):
        load_bert(tmp_path)


def test_a_folder_without_an_encoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FaroError, match="is no encoder's folder"):
        load_bert(tmp_path)
