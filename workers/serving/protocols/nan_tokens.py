"""`NaN` where JSON has null: what pandas writes for a missing number. Strict parsers want it written as null."""

import numpy as np
from numpy.typing import NDArray

MARK = b"NaN"
QUOTE, BACKSLASH = ord('"'), ord("\\")


def write_null(body: bytes) -> bytes:
    """Return the body with null for every `NaN` that stands outside a string. Nothing is done step by step: a body may
    be large, and made to be slow."""
    if MARK not in body:
        return body
    text = np.frombuffer(body, dtype=np.uint8)
    first, second, third = MARK
    places = np.flatnonzero((text[:-2] == first) & (text[1:-1] == second) & (text[2:] == third))
    outside = places[np.searchsorted(_find_quotes(text), places) % 2 == 0]
    written = text.copy()
    for offset, letter in enumerate(b"nul"):
        written[outside + offset] = letter
    return np.insert(written, outside + len(MARK), ord("l")).tobytes()


def _find_quotes(text: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return the places of the quotes that begin or end a string: those behind an odd run of backslashes do not."""
    quotes, slashes = np.flatnonzero(text == QUOTE), np.flatnonzero(text == BACKSLASH)
    if not slashes.size:
        return quotes
    is_break = np.diff(slashes) != 1
    starts, ends = slashes[np.append(True, is_break)], slashes[np.append(is_break, True)]
    escaped = ends[(ends - starts) % 2 == 0] + 1
    return np.setdiff1d(quotes, escaped, assume_unique=True)
