"""Word pieces, compared with the reference.

`wordpiece.json` was written with `BertWordPieceTokenizer` of `tokenizers` 0.23.3: for each of four readings, what
`encode(text, add_special_tokens=False).ids` gives for every text with the vocabulary `pieces`.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.features.wordpiece import LONGEST_WORD, Reading, WordPieces

REFERENCE: dict[str, Any] = json.loads((Path(__file__).parent / "wordpiece.json").read_text())
MARKED = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda case: "-".join(map(str, case["reading"].values())))
def test_texts_are_cut_as_the_reference_cuts_them(case: dict[str, Any]) -> None:
    pieces = WordPieces(REFERENCE["pieces"], Reading(**case["reading"]))
    for text, numbers in zip(REFERENCE["texts"], case["numbers"], strict=True):
        assert pieces.find(text, 10_000) == numbers, text
        assert pieces.find(text, 10_000) == numbers, "remembered otherwise than found"


def test_what_is_kept_reads_alike() -> None:
    pieces = WordPieces(REFERENCE["pieces"], Reading(lowercase=False))
    again = WordPieces.from_json(json.loads(json.dumps(pieces.to_json())))
    for text in REFERENCE["texts"]:
        assert again.find(text, 100) == pieces.find(text, 100)


def test_marks_in_a_text_are_words_like_others() -> None:
    pieces = WordPieces((*MARKED, "[", "]", "sep"), Reading())
    assert pieces.find("[SEP]", 10) == [4, 6, 5]


def test_no_more_is_read_than_asked_for() -> None:
    pieces = WordPieces((*MARKED, "a", "##a"), Reading())
    assert pieces.find("a " * 1_000_000, 3) == [4, 4, 4]
    assert pieces.find("aaaa aaaa", 5) == [4, 5, 5, 5, 4]
    assert pieces.find("a" * (LONGEST_WORD + 1), 5) == [pieces.unknown]


def test_a_vocabulary_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no \[CLS\], \[SEP\]"):
        WordPieces(("[PAD]", "[UNK]", "a"), Reading())
