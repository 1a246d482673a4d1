"""LD-01: people who read pages, and pages of runs that are kept up to date, all at once."""

import json
import random
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle

import requests
import websocket

from bench.load.figures import Figure, quantile
from bench.load.installation import Installation, Person

PAGES = ("", "data/", "runs/", "runs/templates/", "models/", "endpoints/", "batches/", "keys/", "usage/", "home/work/")
THINK_SECONDS = 3.0
COOKIE = "sessionid"
PULSE_SECONDS = 5.0
PATIENCE = 30.0


@dataclass
class Seen:
    """What people got, from all threads."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    lags: list[float] = field(default_factory=list)
    unheard: int = 0


def browse(installation: Installation, *, people: int, live: int, seconds: float) -> list[Figure]:
    """`people` read pages, thinking 3 s between them, while `live` pages of runs wait for news."""
    seen, ends_at = Seen(), time.monotonic() + seconds
    who = cycle(installation.people)
    readers = [threading.Thread(target=_read, args=(installation, next(who), ends_at, seen)) for _ in range(people)]
    watchers = [threading.Thread(target=_watch, args=(installation, next(who), ends_at, seen)) for _ in range(live)]
    for thread in readers + watchers:
        thread.start()
    for thread in readers + watchers:
        thread.join()
    faults = sum(count for status, count in seen.statuses.items() if status >= 500)
    part = "LD-01 pages"
    return [
        Figure(part=part, name="people browsing, live pages", value=f"{people}, {live}"),
        Figure(part=part, name="pages read", value=str(len(seen.seconds))),
        Figure(part=part, name="median of a page", value=f"{statistics.median(seen.seconds) * 1000:.0f} ms"),
        Figure(part=part, name="p95 of a page", value=f"{quantile(seen.seconds, 0.95) * 1000:.0f} ms", aim="500 ms"),
        Figure(
            part=part, name="p95 from an act to the news of it", value=f"{quantile(seen.lags, 0.95):.2f} s", aim="2 s"
        ),
        Figure(
            part=part,
            name="news that did not come",
            value=f"{seen.unheard} of {len(seen.lags) + seen.unheard}",
            aim="0",
        ),
        Figure(part=part, name="answers 5xx", value=str(faults), aim="0"),
        Figure(part=part, name="“database is locked”", value=str(installation.logged("database is locked")), aim="0"),
    ]


def _read(installation: Installation, person: Person, ends_at: float, seen: Seen) -> None:
    chance = random.Random(person.key)
    time.sleep(chance.random() * THINK_SECONDS)
    with requests.Session() as session:
        session.cookies.set(COOKIE, person.session)
        while time.monotonic() < ends_at:
            started = time.perf_counter()
            answer = session.get(f"{installation.url}/{chance.choice(PAGES)}", timeout=60)
            seen.seconds.append(time.perf_counter() - started)
            seen.statuses[answer.status_code] += 1
            time.sleep(chance.uniform(0.5, 1.5) * THINK_SECONDS)


def _watch(installation: Installation, person: Person, ends_at: float, seen: Seen) -> None:
    """Open the page of a waiting run, cancel the run elsewhere, and see how soon the page hears of it."""
    headers = {"Authorization": f"Bearer {person.key}"}
    while time.monotonic() < ends_at:
        asked = ask_for_run(installation, person)
        run = asked.json()["id"]
        address = installation.url.replace("http", "ws") + f"/ws/runs/{run}/"
        page = websocket.create_connection(
            address, cookie=f"{COOKIE}={person.session}", origin=installation.url, timeout=PATIENCE
        )
        time.sleep(1.0)
        started = time.perf_counter()
        requests.post(f"{installation.url}/api/v1/runs/{run}/cancel", headers=headers, timeout=60)
        try:
            while json.loads(page.recv()).get("run") != run:
                pass
            seen.lags.append(time.perf_counter() - started)
        except websocket.WebSocketTimeoutException:
            seen.unheard += 1
        page.close()
        time.sleep(PULSE_SECONDS)


def ask_for_run(installation: Installation, person: Person) -> requests.Response:
    """Ask for a run by the API."""
    body = {"dataset_version": person.version, "model_template": "tabular_classifier", "target": "species"}
    headers = {"Authorization": f"Bearer {person.key}"}
    return requests.post(f"{installation.url}/api/v1/runs", json=body, headers=headers, timeout=120)
