"""Rows as objects of numbers, `{"instances": [{"a": 1, "b": 2}, …]}`, read without an object for each row.

A program writes all rows alike: the same names in the same order. Where that holds for every single row, the names are
blanked, braces become brackets, and a SIMD parser reads the lists that remain. All that the blanking could hide is
counted or compared beforehand; a body that is different in any way gives None and is read with care.
"""

import re
from collections.abc import Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from workers.serving.protocols.dense_json import PARSE_FAULTS, Check, Numbers, parse_body

SMALLEST = 40_000
"""Bytes of a body below which an ordinary parser is as fast."""
START = re.compile(rb'\s*\{\s*"instances"\s*:\s*(?=\[\s*\{\s*")')
END = re.compile(rb"\s*\}\s*\Z")
QUOTE, COLON, COMMA, SPACE = (ord(character) for character in '":, ')
TO_LISTS = bytes.maketrans(b"{}:", b"[] ")
Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]


def read_dense_objects(body: bytes, check: Check) -> tuple[list[str], Numbers] | None:
    """Return the names and the rows. `check` gets the shape before the numbers are read."""
    found = START.match(body) if len(body) >= SMALLEST else None
    stop = body.rfind(b"]") + 1
    if found is None or b"\\" in body or END.match(body, stop) is None:
        return None
    rows = bytearray(body[found.end() : stop])
    names = _first_names(rows)
    text = np.frombuffer(rows, dtype=np.uint8)
    quotes = np.flatnonzero(text == QUOTE)
    if not names or len(quotes) % (2 * len(names)):
        return None
    shape = len(quotes) // (2 * len(names)), len(names)
    pairs = quotes.reshape(*shape, 2)
    if not _is_laid_out(text, pairs) or not _blank(rows, pairs, names):
        return None
    check(shape)
    try:
        lists = parse_body(bytes(rows.translate(TO_LISTS)))
        if {len(line) for line in lists} != {shape[1]}:
            return None
        flat = np.frombuffer(lists.as_buffer(of_type="d"))
    except PARSE_FAULTS:
        return None
    return (names, flat.reshape(shape)) if flat.size == shape[0] * shape[1] else None


def _first_names(rows: bytearray) -> list[str]:
    try:
        return list(orjson.loads(rows[rows.index(b"{") : rows.index(b"}") + 1]))
    except ValueError:
        return []


def _is_laid_out(text: Bytes, pairs: Places) -> bool:
    """Whether there are as many braces and colons as such rows have, no other brackets, and every text is a name: it
    follows a brace or a comma, with at most one space between them, and a colon follows it."""
    count, width = pairs.shape[:2]
    wanted = {b"{": count, b"}": count, b":": count * width, b"[": 1, b"]": 1}
    if any(np.count_nonzero(text == ord(sign)) != number for sign, number in wanted.items()):
        return False
    starts = pairs[:, :, 0]
    before = text[starts - 1]
    if (before == SPACE).any():
        before = np.where(before == SPACE, text[starts - 2], before)
    is_first = np.zeros(width, dtype=bool)
    is_first[0] = True
    signs = np.where(is_first, ord("{"), COMMA)
    return bool((before == signs).all() and (text[pairs[:, :, 1] + 1] == COLON).all())


def _blank(rows: bytearray, pairs: Places, names: Sequence[str]) -> bool:
    """Write spaces over the names, all of one width at a time. False where a row has another name in a place."""
    tokens = [b'"%b"' % name.encode() for name in names]
    widths = np.array([len(token) for token in tokens])
    if (pairs[:, :, 1] - pairs[:, :, 0] + 1 != widths).any():
        return False
    for width in set(widths.tolist()):
        columns = np.flatnonzero(widths == width)
        words = np.ndarray((len(rows) - width + 1,), dtype=f"V{width}", buffer=rows, strides=(1,))
        starts = pairs[:, columns, 0]
        wanted = b"".join(tokens[column] for column in columns) * len(pairs)
        if words[starts].tobytes() != wanted:
            return False
        words[starts] = np.void(b" " * width)
    return True
