"""The English-to-Spanish lexicon: reading it, and what it says of single words."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag.errors import EncoderError
from rag.lexicon import load_lexicon, make_lexicon
from rag.settings import PROJECT_ROOT


def test_translations_come_likeliest_first(tmp_path: Path) -> None:
    (tmp_path / "lexicon.tsv").write_text("boss\tdisponibil\t0.05\nboss\tjef\t0.6\n", encoding="utf-8")
    assert load_lexicon(tmp_path).translate("boss") == (("jef", 0.6), ("disponibil", 0.05))


def test_an_encoder_without_lexicon_translates_nothing(tmp_path: Path) -> None:
    assert load_lexicon(tmp_path).translate("boss") == ()


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "lexicon.tsv").write_text("boss\tjef\t0.6\nboss jef\n", encoding="utf-8")
    with pytest.raises(EncoderError, match=r"lexicon\.tsv:2"):
        load_lexicon(tmp_path)


def test_leaning_tells_spanish_from_english_words() -> None:
    lexicon = make_lexicon({"boss": [("jef", 0.6)], "hotel": [("hotel", 0.9)]})
    assert lexicon.leaning("jefe") > 0.5
    assert lexicon.leaning("boss") < -0.5
    assert lexicon.leaning("hotel") == pytest.approx(0.0)
    assert lexicon.leaning("zzz") == 0.0


def test_the_shipped_lexicon_knows_handbook_words() -> None:
    lexicon = load_lexicon(PROJECT_ROOT / "data" / "model")
    assert lexicon.translate("vacat")[0][0] == "vacacion"
    assert lexicon.translate("salari")[0][0] in {"salari", "sueld"}
