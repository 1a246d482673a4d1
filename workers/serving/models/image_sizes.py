"""How many pixels an encoded image claims, told from its first bytes: what decides where it is decoded.

A file of fifty kilobytes can claim forty million pixels, which take seconds. Nothing is judged here: a damaged or
unknown file is simply not known to be small.
"""

from collections.abc import Iterable

SMALL_PIXELS = 128 * 1024
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
FRAME_MARKERS = frozenset((0xC0, 0xC1, 0xC2))
MOST_SEGMENTS = 40


def are_small(rows: Iterable[object]) -> bool:
    """Whether all encoded images among the rows are known to be small enough for the event loop."""
    return all(not isinstance(row, bytes) or _is_small(row) for row in rows)


def _is_small(content: bytes) -> bool:
    if content.startswith(PNG):
        pixels = int.from_bytes(content[16:20]) * int.from_bytes(content[20:24])
    elif content.startswith(JPEG):
        pixels = _count_jpeg_pixels(content)
    else:
        return False
    return 0 < pixels <= SMALL_PIXELS


def _count_jpeg_pixels(content: bytes) -> int:
    """Go from segment to segment as far as the one that tells the size; 0 where it is not found."""
    at = 2
    for _ in range(MOST_SEGMENTS):
        if len(content) < at + 9 or content[at] != 0xFF:
            return 0
        if content[at + 1] in FRAME_MARKERS:
            return int.from_bytes(content[at + 5 : at + 7]) * int.from_bytes(content[at + 7 : at + 9])
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    return 0
