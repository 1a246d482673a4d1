"""Reading a stream of the predictors, every entry exactly once."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db import transaction

from modelyard.contracts.crash_points import reach
from modelyard.endpoints.models import FoldedEntry
from modelyard.redis_connection import redis

log = logging.getLogger(__name__)
BATCH = 500
BEFORE_ALL = "0-0"
Entry = TypeVar("Entry")


def fold_stream(
    stream: str, name: str, parse: Callable[[Mapping[str, Any]], Entry], fold: Callable[[list[Entry]], None]
) -> int:
    """Hand the entries of `stream` to `fold`, then delete them; return how many there were. Raises `RedisError`.

    What `fold` writes and the last folded id are one transaction; entries are deleted after it. Whoever crashes in
    between leaves entries that the next one skips, and two at a time wait for each other at the row.
    """
    FoldedEntry.objects.get_or_create(stream=stream, defaults={"last_id": BEFORE_ALL})
    folded = 0
    while True:
        with transaction.atomic():
            place = FoldedEntry.objects.select_for_update().get(stream=stream)
            entries = _read(stream, place.last_id)
            if entries:
                parsed = (_parse(content, name, parse) for _id, content in entries)
                fold([entry for entry in parsed if entry is not None])
                place.last_id = entries[-1][0]
                place.save(update_fields=["last_id"])
                reach("stream.fold.before_commit")
        reach("stream.folded")
        redis().xtrim(stream, minid=_after(place.last_id), approximate=False)
        folded += len(entries)
        if len(entries) < BATCH:
            return folded


def _read(stream: str, last_id: str) -> list[tuple[str, dict[str, str]]]:
    found: Any = redis().xrange(stream, min=f"({last_id}", count=BATCH)
    return [(str(entry), dict(content)) for entry, content in found]


def _parse(content: dict[str, str], name: str, parse: Callable[[Mapping[str, Any]], Entry]) -> Entry | None:
    try:
        return parse(json.loads(content[name]))
    except (KeyError, TypeError, ValueError, OverflowError) as fault:
        log.warning("a %s entry could not be read and is left out: %s", name, fault)
        return None


def _after(entry: str) -> str:
    milliseconds, sequence = entry.split("-")
    return f"{milliseconds}-{int(sequence) + 1}"
