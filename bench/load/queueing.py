"""LD-02: many runs asked for at once by people with equal wishes, one who asks for a single run last, one worker."""

import statistics
import threading
import time
from collections import Counter
from datetime import datetime
from typing import Any

import requests

from bench.load.browsing import ask_for_run
from bench.load.figures import Figure
from bench.load.installation import Installation, Person

OVER = ("succeeded", "failed", "cancelled")
PATIENCE = 1800.0


def submit(installation: Installation, *, runs: int, seconds: float) -> list[Figure]:
    """All but the last person ask for as many runs each, spread over `seconds`; the last for one, in the end."""
    *many, single = installation.people
    statuses: Counter[int] = Counter()
    each = runs // len(many)
    askers = [threading.Thread(target=_ask, args=(installation, one, each, seconds, statuses)) for one in many]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    last = ask_for_run(installation, single).json()
    installation.start_trainer()
    ended = {person.key: _wait_for_end(installation, person) for person in installation.people}
    known = [run for of_one in ended.values() for run in of_one]
    began = sorted(known, key=lambda run: run["started_at"])
    place = [run["id"] for run in began].index(last["id"]) + 1
    waits = [statistics.mean(_wait_of(run) for run in ended[person.key]) for person in many]
    kept = sum(count for status, count in statuses.items() if status == 201)
    twice = sum(run["attempt"] != 1 for run in known)
    share = max(waits) / statistics.median(waits)
    part = "LD-02 queue"
    return [
        Figure(part=part, name="people, runs asked for", value=f"{len(many)}, {each * len(many)} in {seconds:.0f} s"),
        Figure(part=part, name="accepted, refused (429), anything else", value=_say(statuses), aim="nothing else"),
        Figure(part=part, name="accepted runs with one ending", value=f"{len(known) - 1 - twice} of {kept}", aim="all"),
        Figure(part=part, name="longest mean wait of a person over the median", value=f"{share:.2f}", aim="3"),
        Figure(part=part, name="place shown to who asked for one run, last", value=str(last["queue_position"])),
        Figure(part=part, name="place at which that run began", value=str(place), aim="the place shown"),
    ]


def _ask(installation: Installation, person: Person, count: int, seconds: float, statuses: Counter[int]) -> None:
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number * seconds / count - time.monotonic()))
        statuses[ask_for_run(installation, person).status_code] += 1


def _wait_for_end(installation: Installation, person: Person) -> list[dict[str, Any]]:
    """Every run of a person, once all have ended, without those that never began. Raises `TimeoutError`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        runs = _list_runs(installation, person)
        if all(run["state"] in OVER for run in runs):
            return [run for run in runs if run["started_at"]]
        if time.monotonic() > deadline:
            raise TimeoutError("the queue was not worked off")
        time.sleep(2)


def _list_runs(installation: Installation, person: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    address: str | None = f"{installation.url}/api/v1/runs"
    while address:
        answer = requests.get(address, headers={"Authorization": f"Bearer {person.key}"}, timeout=120).json()
        found += answer["results"]
        address = answer["next"]
    return found


def _wait_of(run: dict[str, Any]) -> float:
    asked, began = (datetime.fromisoformat(run[name]) for name in ("created_at", "started_at"))
    return (began - asked).total_seconds()


def _say(statuses: Counter[int]) -> str:
    others = sum(count for status, count in statuses.items() if status not in (201, 429))
    return f"{statuses[201]}, {statuses[429]}, {others}"
