"""A file that arrives in parts, perhaps on several machines: each part is an object until all are joined.

A part is named by the bytes it holds, `<start>-<end>`. One that was stored just before a crash may overlap with what
was sent again afterwards; both hold the same bytes of the same file.
"""

from pathlib import Path

from modelyard.objects.faults import Damaged
from modelyard.objects.stores import AnyStore

LARGEST = 64 * 1024**2


def store_part(store: AnyStore, key: str, start: int, content: bytes) -> None:
    """Store the bytes from `start` on."""
    store.put_bytes(f"{key}/{start:020d}-{start + len(content):020d}", content)


def join_parts(store: AnyStore, key: str, length: int, target: Path) -> None:
    """Write the whole file. Raises `Damaged` where a part of it is missing."""
    parts = sorted(_span(name) for name, _written in store.list_keys(f"{key}/"))
    position = 0
    with target.open("wb") as file:
        while position < length:
            covering = [(end, start) for start, end in parts if start <= position < end]
            if not covering:
                raise Damaged(f"byte {position} of {key} is in none of its parts")
            end, start = max(covering)
            content = store.get_bytes(f"{key}/{start:020d}-{end:020d}", LARGEST)
            if len(content) != end - start:
                raise Damaged(f"a part of {key} has {len(content)} bytes instead of {end - start}")
            file.write(content[position - start :])
            position = end
        file.truncate(length)


def _span(name: str) -> tuple[int, int]:
    start, _dash, end = name.rsplit("/", 1)[-1].partition("-")
    try:
        return int(start), int(end)
    except ValueError:
        raise Damaged(f"{name} is no part of an upload") from None
