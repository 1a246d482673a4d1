"""SRV-08 over every form: each caller gets the answers to their own rows, however bad the calls beside theirs are."""

import io
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from modelyard.contracts import artifact
from tests.serving.conftest import Platform, PredictorProcess, Shared
from tests.serving.lives import unreadable, write_large

CITIES = ("Wien", "Berlin", "Paris", "Atlantis")
CALLERS, ROUNDS = 8, 40
Rows = list[dict[str, Any]]


def as_csv(rows: Rows) -> str:
    return "".join(f"{row['age']},{row['city']}\n" for row in rows)


def as_npy(rows: Rows) -> bytes:
    array = np.array([(row["age"], row["city"]) for row in rows], dtype=[("age", "<f8"), ("city", "<U10")])
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def as_columns(rows: Rows) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in ("age", "city")}


INVOKE, PREDICT = "/endpoints/people/invocations", "/v1/models/people:predict"
FORMS: dict[str, Callable[[Rows], tuple[str, str, Any]]] = {
    "rows": lambda rows: (PREDICT, "application/json", json.dumps({"instances": rows})),
    "columns": lambda rows: (PREDICT, "application/json", json.dumps({"inputs": as_columns(rows)})),
    "split": lambda rows: (
        INVOKE,
        "application/json",
        json.dumps({"dataframe_split": {"columns": ["city", "age"], "data": [[r["city"], r["age"]] for r in rows]}}),
    ),
    "csv": lambda rows: (INVOKE, "text/csv; header=absent", as_csv(rows)),
    "lines": lambda rows: (INVOKE, "application/jsonlines", "\n".join(map(json.dumps, rows))),
    "npy": lambda rows: (INVOKE, "application/x-npy", as_npy(rows)),
}
POISON = [
    (PREDICT, "application/json", '{"instances": [{"age": "old", "city": "Wien"}]}'),
    (PREDICT, "application/json", '{"inputs": {"age": [1, 2], "city": ["Wien"]}}'),
    (INVOKE, "text/csv; header=absent", "old,Wien\n"),
    (INVOKE, "application/x-npy", as_npy([{"age": float("inf"), "city": "Wien"}])),
]


def test_a_cold_model_is_loaded_once_for_callers_of_every_form(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, tmp_path: Path
) -> None:
    """SRV-12 over every form: whoever asks first, all wait for the same load."""
    names = ("people", "other", "third")
    for name in names:
        platform.publish_route(name, write_large(tmp_path / name))
    predictor = start(MODELYARD_PREDICT_MEMORY_BYTES="1048576").wait_until_ready()
    rows = [{"age": 41, "city": "Wien"}]
    scores = [scores_of(predictor.predict(name, key, *rows)) for name in names]
    loads = predictor.log.read_text().count("loaded people")

    def call(form: str) -> requests.Response:
        path, kind, body = FORMS[form](rows)
        return predictor.post(path, key, data=body, headers={"Content-Type": kind})

    with ThreadPoolExecutor(len(FORMS) * 4) as pool, unreadable(tmp_path / "people" / artifact.CORE_ONNX):
        calls = [pool.submit(call, form) for form in FORMS for _ in range(4)]
    for answer in (done.result() for done in calls):
        assert answer.status_code == 200, answer.text
        assert scores_of(answer) == pytest.approx(scores[0], abs=1e-5)
    assert predictor.log.read_text().count("loaded people") == loads + 1


def scores_of(answer: requests.Response) -> list[float]:
    content = answer.json()
    if "outputs" in content:
        return list(content["outputs"]["score"])
    return [prediction["score"] for prediction in content["predictions"]]


def test_callers_of_every_form_get_their_own_answers(shared: Shared) -> None:
    alone: dict[tuple[int, str], float] = {}
    known = [{"age": age, "city": city} for age in range(20, 60, 4) for city in CITIES]
    for row, score in zip(known, scores_of(shared.predict(*known)), strict=True):
        alone[row["age"], row["city"]] = score

    def call(seed: int) -> int:
        dice = random.Random(seed)
        answered = 0
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {shared.key}"
            for _ in range(ROUNDS):
                rows = [dice.choice(known) for _ in range(dice.randint(1, 7))]
                is_bad = dice.random() < 0.2
                path, kind, body = dice.choice(POISON) if is_bad else FORMS[dice.choice(list(FORMS))](rows)
                headers = {"Content-Type": kind}
                answer = session.post(shared.predictor.url + path, data=body, headers=headers, timeout=60)
                assert answer.status_code == (400 if is_bad else 200), answer.text
                if not is_bad:
                    assert scores_of(answer) == pytest.approx(
                        [alone[row["age"], row["city"]] for row in rows], abs=1e-5
                    )
                    answered += 1
        return answered

    with ThreadPoolExecutor(CALLERS) as pool:
        answered = list(pool.map(call, range(CALLERS)))
    assert sum(answered) > CALLERS * ROUNDS / 2
