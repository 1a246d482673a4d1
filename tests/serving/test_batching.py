"""Calls share forward passes, and nobody notices: no row of another's, no fault of another's."""

import asyncio
import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.contracts.route import Target
from tests.serving import artifacts
from tests.serving.conftest import Shared
from tests.serving.test_http import Line

AGES = [None, 1, 18.5, 41, 99]
TOWNS = ["Wien", "Berlin", "Paris", "Atlantis", None]
ALL = [{"age": age, "city": town} for age in AGES for town in TOWNS]
BAD = [{"age": "poison", "city": "Wien"}, {"age": 1, "town": "Wien"}, {"age": 1, "city": ["Wien"]}, 7]


async def call(shared: Shared, bodies: list[bytes]) -> list[tuple[int, Any]]:
    """Send bodies one after the other over one connection."""
    line = Line.__new__(Line)
    line.key = shared.key
    reader, writer = await asyncio.open_connection("127.0.0.1", shared.predictor.port)
    answers = []
    for body in bodies:
        writer.write(line.compose(body))
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(part.split(b":")[1]) for part in head.split(b"\r\n") if part.startswith(b"content-length"))
        answers.append((int(head.split()[1]), orjson.loads(await reader.readexactly(length))))
    writer.close()
    return answers


def test_no_caller_gets_a_row_or_a_fault_of_another(shared: Shared, classifier: Target) -> None:
    predictions = artifacts.predict(Path(classifier.artifact), ALL)
    wanted = dict(zip(map(repr, ALL), predictions, strict=True))
    chance = random.Random(5)
    plans = [[chance.choices(ALL, k=chance.choice((1, 1, 1, 2, 5, 40))) for _ in range(40)] for _ in range(24)]
    poisoned = {(caller, turn) for caller in range(24) for turn in range(40) if chance.random() < 0.15}

    def compose(caller: int, turn: int, rows: list[Any]) -> bytes:
        if (caller, turn) in poisoned:
            rows = [*rows, chance.choice(BAD)]
        if caller % 4 == 3 and (caller, turn) not in poisoned:
            columns = {name: [row[name] for row in rows] for name in ("age", "city")}
            return orjson.dumps({"inputs": columns})
        return orjson.dumps({"instances": rows})

    async def run() -> list[list[tuple[int, Any]]]:
        calls = [
            call(shared, [compose(caller, turn, rows) for turn, rows in enumerate(plan)])
            for caller, plan in enumerate(plans)
        ]
        return await asyncio.gather(*calls)

    for caller, answers in enumerate(asyncio.run(run())):
        for turn, (status, answer) in enumerate(answers):
            if (caller, turn) in poisoned:
                assert status == 400
                assert f"instances[{len(plans[caller][turn])}]" in answer["error"]
                continue
            assert status == 200, answer
            scores = answer["outputs"]["score"] if "outputs" in answer else [p["score"] for p in answer["predictions"]]
            expected = [wanted[repr(row)]["score"] for row in plans[caller][turn]]
            assert scores == pytest.approx(expected, abs=1e-5)


def test_srv_08_thousands_of_calls_at_any_concurrency_are_answered_as_if_alone(shared: Shared) -> None:
    """SRV-08 in small; `python -m bench.serving.equivalence` makes a hundred thousand such calls."""
    chance = random.Random(8)
    towns = [town for town in TOWNS if town]
    asked = [[{"age": round(18 + one / 4, 2), "city": chance.choice(towns)}] * (1 + one % 3) for one in range(240)]
    bodies = [orjson.dumps({"instances": rows}) for rows in asked]
    alone = [answer for _, answer in asyncio.run(call(shared, bodies))]
    assert len({orjson.dumps(answer) for answer in alone}) == len(bodies), "an answer of another's would not be seen"
    left = 10_000

    async def run(plans: list[list[int]]) -> list[list[tuple[int, Any]]]:
        return await asyncio.gather(*[call(shared, [bodies[one] for one in plan]) for plan in plans])

    while left:
        plans: list[list[int]] = []
        for _ in range(chance.randint(1, 64)):
            plans.append(chance.choices(range(len(bodies)), k=min(left, chance.randint(1, 30))))
            left -= len(plans[-1])
        for plan, answers in zip(plans, asyncio.run(run(plans)), strict=True):
            for one, (status, answer) in zip(plan, answers, strict=True):
                assert status == 200, answer
                for found, wanted in zip(answer["predictions"], alone[one]["predictions"], strict=True):
                    assert found["label"] == wanted["label"]
                    assert found["probabilities"] == pytest.approx(wanted["probabilities"], abs=1e-5)


FORMS = ("rows", "lists", "columns")
rows = st.sampled_from(ALL)
turns = st.tuples(st.sampled_from(FORMS), st.lists(rows, min_size=1, max_size=12), st.none() | st.sampled_from(BAD[:1]))


def compose_turn(form: str, chosen: list[Any]) -> bytes:
    if form == "rows":
        return orjson.dumps({"instances": chosen})
    if form == "lists":
        return orjson.dumps({"instances": [[row["age"], row["city"]] for row in chosen]})
    return orjson.dumps({"inputs": {name: [row[name] for row in chosen] for name in ("age", "city")}})


@given(st.lists(st.lists(turns, min_size=1, max_size=4), min_size=2, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_sharing_changes_no_answer(shared: Shared, classifier: Target, plans: list[list[Any]]) -> None:
    """Callers of different shapes at once: each gets what it would have got alone, and the poisoned ones a refusal."""
    predictions = artifacts.predict(Path(classifier.artifact), ALL)
    wanted = {orjson.dumps(row): prediction["score"] for row, prediction in zip(ALL, predictions, strict=True)}

    async def run() -> list[list[tuple[int, Any]]]:
        bodies = [
            [compose_turn(form, chosen if poison is None else [*chosen, poison]) for form, chosen, poison in plan]
            for plan in plans
        ]
        return await asyncio.gather(*[call(shared, texts) for texts in bodies])

    for plan, answers in zip(plans, asyncio.run(run()), strict=True):
        for (_, chosen, poison), (status, answer) in zip(plan, answers, strict=True):
            if poison is not None:
                assert status == 400
                assert "'age'" in answer["error"]
                assert str(len(chosen)) in answer["error"]
                continue
            assert status == 200, answer
            scores = answer["outputs"]["score"] if "outputs" in answer else [p["score"] for p in answer["predictions"]]
            assert scores == pytest.approx([wanted[orjson.dumps(row)] for row in chosen], abs=1e-5)
