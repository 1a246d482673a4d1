"""Many threads of many processes, one limit of each kind: exactly as many grants as it allows, and balanced books."""

import json

from tests.quotas.processes import Track
from tests.quotas.racing import KINDS, LIMIT

PROCESSES = 8
THREADS = 64
TRIES = 2


def test_a_limit_of_50_is_granted_exactly_50_times_to_512_threads(track: Track) -> None:
    granted = track.run_many(*[("race", str(number), str(THREADS), str(TRIES)) for number in range(PROCESSES)])
    books = json.loads(track.run("report"))
    for kind in KINDS:
        assert sum(said.get(kind, 0) for said in granted) == LIMIT, kind
        assert books[kind] == {"taken": LIMIT, "entries": LIMIT, "wrong": 0}, kind
