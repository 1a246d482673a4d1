"""Texts to tokens and grams, in any script."""

import pytest

from modelyard.features.grams import clean_text, count_grams, list_grams, list_pieces, list_runs, split_tokens
from modelyard.features.vocabularies import is_readable


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Fish &amp; CHIPS &lt;3", "fish & chips <3"),
        ("Ｆｒｅｅ　ＭＯＮＥＹ", "free money"),
        ("ﬁne", "fine"),
        ("a\x00b\u200bc\u202ed", "a b c d"),
        ("\ud800 lone", "\ud800 lone"),
    ],
)
def test_writing_is_unified(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("it's free!!", ["it", "'", "s", "free", "!", "!"]),
        ("call 07123", ["call", "00000"]),
        ("春眠不觉晓", ["春", "眠", "不", "觉", "晓"]),
        ("用python写诗", ["用", "python", "写", "诗"]),
        ("ありがとう", ["あ", "り", "が", "と", "う"]),
        ("สวัสดี", ["ส", "ว", "ั", "ส", "ด", "ี"]),
        ("😀👍", ["😀", "👍"]),
        ("", []),
    ],
)
def test_words_and_unspaced_characters_are_tokens(text: str, tokens: list[str]) -> None:
    assert split_tokens(text) == tokens


def test_a_word_has_pieces_and_a_character_none() -> None:
    assert list_pieces("be") == ["be", "~<b", "~be", "~e>", "~<be", "~be>", "~<be>"]
    assert list_pieces("春") == ["春"]


def test_the_pieces_of_an_endless_word_are_bounded() -> None:
    assert len(list_pieces("x" * 10_000)) < 200


def test_neighbours_run_together_and_unspaced_characters_in_triples() -> None:
    assert list_runs(["free", "money", "now"]) == ["free money", "money now"]
    assert list_runs(["春", "眠", "不"]) == ["春眠", "眠不", "春眠不"]
    assert list_runs(["用", "ai", "写", "诗"]) == ["用 ai", "ai 写", "写诗"]


def test_grams_are_counted_once_in_a_text() -> None:
    counts = count_grams([["go", "go"], ["go"]])
    assert (counts["go"], counts["go go"]) == (2, 1)
    assert list_grams(["go", "go"]).count("go") == 2


@pytest.mark.parametrize(
    ("gram", "readable"),
    [("free money", True), ("春眠", True), ("春", True), ("~fre", False), ("!", False), ("0000", False), ("a", False)],
)
def test_people_read_words_and_no_pieces(gram: str, readable: bool) -> None:
    assert is_readable(gram) is readable
