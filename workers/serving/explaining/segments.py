"""A text in pieces: words, single characters of scripts without spaces between words, emoji."""

import re
from typing import NamedTuple
from unicodedata import category

MOST_SEGMENTS = 40
_UNSPACED = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_PICTURES = r"\u2600-\u27bf\ufe0f\u200d\U0001f000-\U0001faff"
_LETTERS = rf"(?:(?![{_UNSPACED}])\w)+"
_SEGMENT = re.compile(rf"[{_UNSPACED}]|{_LETTERS}(?:['’]{_LETTERS})*|[{_PICTURES}]+|[^\w\s{_PICTURES}]+")
SYMBOL = "So"


class Segment(NamedTuple):
    """A piece from `start` to before `end`, counted in characters (code points); with it goes what is before `next`."""

    start: int
    end: int
    next: int


def split_segments(text: str, most: int = MOST_SEGMENTS) -> list[Segment]:
    """Return the pieces of a text, in order. What is between them belongs to the one before; where there are more than
    `most`, neighbours are put together."""
    found = [(match.start(), match.end()) for match in _SEGMENT.finditer(text)]
    places = [place for place in found if _says_something(text[slice(*place)])] or found
    count = min(most, len(places))
    if not count:
        return []
    runs = [places[len(places) * index // count : len(places) * (index + 1) // count] for index in range(count)]
    stops = [run[0][0] for run in runs[1:]] + [len(text)]
    return [Segment(run[0][0], run[-1][1], stop) for run, stop in zip(runs, stops, strict=True)]


def keep_segments(text: str, segments: list[Segment], present: list[bool]) -> str:
    """The text without the pieces that are absent; without any it is empty."""
    kept = "".join(
        text[piece.start : piece.next] for piece, is_there in zip(segments, present, strict=True) if is_there
    )
    return text[: segments[0].start] + kept if kept and present[0] else kept


def _says_something(piece: str) -> bool:
    return any(sign.isalnum() or category(sign) == SYMBOL for sign in piece)
