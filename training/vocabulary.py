"""The student's word pieces: the teacher's that can occur in Latin text, then new Spanish ones."""

from __future__ import annotations

import json
import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from training.corpus import Pair

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ZIPF = 60_000
ZIPF_OFFSET = 300
_WORD = re.compile(r"[a-z]{3,}")
_LATIN_EXTRAS = "¡¿«»‘’“”–—…·°ºª€£$§©®™×÷±≤≥≈→←↑↓•½¼¾²³µß"
# Named beforehand: the trainer numbers them in the order of a hash map, and equally frequent pieces by these numbers.
_INNER = [c for c in _LATIN_EXTRAS if not unicodedata.category(c).startswith("P")]
_CONTINUATIONS = tuple(f"##{character}" for character in [*string.digits, *string.ascii_lowercase, *_INNER])


def teacher_pieces(tokenizer_file: Path) -> list[str]:
    """The word pieces of a BERT tokenizer file, in the order of their identifiers."""
    vocabulary = json.loads(tokenizer_file.read_text(encoding="utf-8"))["model"]["vocab"]
    return sorted(vocabulary, key=vocabulary.__getitem__)


def can_occur_in_latin_text(piece: str) -> bool:
    """Whether a word piece is made of characters of lower-cased, accent-folded Latin text."""
    return all((c.isascii() and c.isprintable()) or c in _LATIN_EXTRAS for c in piece.removeprefix("##"))


def kept_pieces(pieces: Sequence[str]) -> list[str]:
    """The special pieces the encoder uses, then the teacher's pieces that can occur in Latin text."""
    ordinary = (p for p in pieces if p not in SPECIAL and not p.startswith("[unused") and can_occur_in_latin_text(p))
    return [*SPECIAL, *ordinary]


def spanish_pieces(pairs: Sequence[Pair], words: Sequence[str], size: int, per_source: int) -> list[str]:
    """WordPiece vocabulary of ``size`` pieces trained on the Spanish side, most frequent first.

    Fewer than twice ``per_source`` segments of a source count, prose and written text four times, so that no source's
    jargon fills the vocabulary. ``words`` are common words that the corpus hardly has, most frequent first: they count
    as often as text of everyday subjects would have them (Zipf's law).
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, min_frequency=3, special_tokens=[*SPECIAL, *_CONTINUATIONS], show_progress=False
    )
    tokenizer.train_from_iterator(_balanced(pairs, words, per_source), trainer)
    vocabulary = tokenizer.get_vocab()
    return [p for p in sorted(vocabulary, key=vocabulary.__getitem__) if p not in SPECIAL]


def whole_words(words: Iterable[Pair], pairs: Sequence[Pair], per_source: int) -> list[str]:
    """Translated Spanish words to keep in one piece, folded: the common ones in their order, then by frequency.

    A word cut in pieces is hardly understood in a question of six words; whole, it starts from its translations. Words
    that English has too, names above all, stay as the teacher cuts them: it understands them so.
    """
    normalise = _normalizer().normalize_str
    common: list[str] = []
    others: set[str] = set()
    english_too: set[str] = set()
    for word in words:
        spanish = normalise(word.es)
        if not _WORD.fullmatch(spanish):
            continue
        if spanish in _WORD.findall(normalise(word.en)):
            english_too.add(spanish)
        elif word.source == "dictionary":
            others.add(spanish)
        else:
            common.append(spanish)
    counts = Counter(match for text in _balanced(pairs, (), per_source) for match in _WORD.findall(normalise(text)))
    ordered = [*common, *sorted(others, key=lambda word: (-counts[word], word))]
    return [word for word in dict.fromkeys(ordered) if word not in english_too]


def student_vocabulary(kept: Sequence[str], *spanish: tuple[Iterable[str], int]) -> list[str]:
    """``kept`` followed by Spanish pieces that it lacks: of each list in turn, at most the number beside it."""
    chosen = dict.fromkeys(kept)
    for pieces, most in spanish:
        new = dict.fromkeys(piece for piece in pieces if piece not in chosen and can_occur_in_latin_text(piece))
        chosen.update(dict.fromkeys(islice(new, most)))
    return list(chosen)


def make_tokenizer(vocabulary: Sequence[str], max_tokens: int) -> Tokenizer:
    """The BERT-uncased tokenizer over ``vocabulary``: lower case, accents folded, at most ``max_tokens`` pieces."""
    ids = {piece: number for number, piece in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _normalizer() -> normalizers.Normalizer:
    return normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True)


def _balanced(pairs: Sequence[Pair], words: Iterable[str], per_source: int) -> Iterable[str]:
    sizes = Counter(pair.source for pair in pairs)
    seen: Counter[str] = Counter()
    for pair in pairs:
        seen[pair.source] += 1
        step = max(1, sizes[pair.source] // per_source)
        if seen[pair.source] % step == 0:
            for _ in range(4 if pair.kind in ("prose", "written") else 1):
                yield pair.es
    for rank, word in enumerate(dict.fromkeys(words)):
        yield from [word] * (2 + round(ZIPF / (rank + ZIPF_OFFSET)))
