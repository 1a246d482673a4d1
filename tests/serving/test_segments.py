"""Texts in pieces."""

import pytest

from workers.serving.explaining.segments import keep_segments, split_segments


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Win FREE money, now!", ["Win", "FREE", "money", "now"]),
        ("it's free", ["it's", "free"]),
        ("这个产品很好", ["这", "个", "产", "品", "很", "好"]),
        ("买iPhone吗", ["买", "iPhone", "吗"]),
        ("こんにちは", ["こ", "ん", "に", "ち", "は"]),
        ("nice 😀!", ["nice", "😀"]),
        ("?!", ["?!"]),
        ("Ärger – größer", ["Ärger", "größer"]),
        ("", []),
        ("  \n ", []),
    ],
)
def test_a_text_is_split_into_words_characters_and_symbols(text: str, pieces: list[str]) -> None:
    assert [text[piece.start : piece.end] for piece in split_segments(text)] == pieces


def test_all_pieces_are_the_text_and_none_are_nothing() -> None:
    text = " Hello, 世界! "
    pieces = split_segments(text)

    assert keep_segments(text, pieces, [True, True, True]) == text
    assert keep_segments(text, pieces, [False, True, False]) == "世"
    assert keep_segments(text, pieces, [False, False, False]) == ""


def test_neighbours_of_a_long_text_are_put_together() -> None:
    text = " ".join(f"word{number}" for number in range(100))
    pieces = split_segments(text, most=8)

    assert len(pieces) == 8
    assert "".join(text[piece.start : piece.next] for piece in pieces) == text
    assert text[pieces[0].start : pieces[0].end].startswith("word0 word1")
