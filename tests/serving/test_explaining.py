"""`:explain` over HTTP: what it tells, whom it refuses, what it costs, and that predictions do not wait for it."""

import base64
import io
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from modelyard.contracts import artifact, route
from tests.serving import artifacts
from tests.serving.artifacts import ROW
from tests.serving.conftest import Platform, PredictorProcess, Shared, wait_for

COST = 20
WIDE = [f"c{number}" for number in range(60)]


def explain(shared: Shared, *rows: Any, name: str = "people", **more: Any) -> requests.Response:
    return shared.post(f"/v1/models/{name}:explain", json={"instances": list(rows), **more})


def test_contributions_add_up_to_the_prediction(shared: Shared) -> None:
    answer = explain(shared, ROW, {"age": None, "city": "Berlin"})

    assert answer.status_code == 200
    assert answer.headers["x-modelyard-version"] == "1"
    told = answer.json()
    assert told["predictions"] == shared.predict(ROW, {"age": None, "city": "Berlin"}).json()["predictions"]
    for prediction, explained in zip(told["predictions"], told["explanations"], strict=True):
        assert explained["label"] == prediction["label"]
        assert explained["prediction"] == pytest.approx(prediction["score"], abs=1e-6)
        parts = explained["contributions"]
        assert {part["column"] for part in parts} == {"age", "city"}
        assert explained["base"] + sum(part["contribution"] for part in parts) == pytest.approx(explained["prediction"])
        assert abs(parts[0]["contribution"]) >= abs(parts[1]["contribution"])
        assert [part["standard_error"] for part in parts] == [0, 0]


def test_the_same_row_is_always_explained_alike(shared: Shared) -> None:
    assert explain(shared, ROW).json() == explain(shared, ROW).json()


def test_a_label_can_be_named(shared: Shared) -> None:
    told = {
        label: explain(shared, ROW, parameters={"label": label}).json()["explanations"][0] for label in ("no", "yes")
    }

    assert told["no"]["prediction"] + told["yes"]["prediction"] == pytest.approx(1.0, abs=1e-6)
    for one, other in zip(told["no"]["contributions"], told["yes"]["contributions"], strict=True):
        assert one["column"] == other["column"]
        assert one["contribution"] == pytest.approx(-other["contribution"], abs=1e-6)


def test_every_form_of_a_body_is_explained(shared: Shared) -> None:
    wanted = explain(shared, ROW).json()

    assert explain(shared, [41, "Wien"]).json() == wanted
    assert shared.post("/v1/models/people:explain", json={"inputs": {"age": [41], "city": ["Wien"]}}).json() == wanted
    assert shared.post("/v1/models/people/labels/champion:explain", json={"instances": [ROW]}).json() == wanted


def test_values_and_scores_are_explained_in_their_own_unit(shared: Shared) -> None:
    value = explain(shared, ROW, name="prices").json()
    score = explain(shared, {"width": 9, "height": 3}, name="machines").json()

    assert value["explanations"][0]["prediction"] == pytest.approx(value["predictions"][0]["value"])
    assert score["explanations"][0]["prediction"] == pytest.approx(score["predictions"][0]["score"])
    assert score["explanations"][0]["contributions"][0]["column"] == "width"
    assert "label" not in value["explanations"][0]


def test_a_picture_is_explained_part_by_part(shared: Shared) -> None:
    """The upper half is light, and light is what the model looks for."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:4] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    image = {"b64": base64.b64encode(buffer.getvalue()).decode()}
    told = explain(shared, {"image": image}, name="pictures", parameters={"label": "light"}).json()["explanations"][0]

    grid = np.array(told["grid"]["contributions"])
    assert grid.shape == np.array(told["grid"]["standard_errors"]).shape == (4, 4)
    assert told["base"] + grid.sum() == pytest.approx(told["prediction"], abs=1e-6)
    assert (grid[0] > 0).all()
    assert (grid[3] < 0).all()
    sent = shared.post("/v1/models/pictures:explain", data=buffer.getvalue(), headers={"Content-Type": "image/png"})
    assert sent.json()["explanations"][0]["grid"] != {}


@pytest.mark.parametrize(
    ("name", "body", "status", "words"),
    [
        ("people", {"instances": [{"age": "old", "city": "Wien"}]}, 400, "instances[0]: column 'age'"),
        ("people", {"instances": []}, 400, "at least one row"),
        ("people", {"instances": [ROW], "parameters": {"label": "perhaps"}}, 400, "one of no, yes; got 'perhaps'"),
        ("prices", {"instances": [ROW], "parameters": {"label": "no"}}, 400, "no class"),
        ("people", {"instances": [ROW] * 17}, 413, "at most 16"),
        ("shops", {"instances": [{"shop": "Ulm"}]}, 501, "forecasts are not explained"),
        ("nobody", {"instances": [ROW]}, 404, "nobody"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    shared: Shared, name: str, body: dict[str, Any], status: int, words: str
) -> None:
    answer = shared.post(f"/v1/models/{name}:explain", json=body)

    assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text


def test_keys_are_asked_as_for_predictions(shared: Shared) -> None:
    path, body = "/v1/models/people:explain", {"instances": [ROW]}
    stranger = shared.platform.publish_key(workspace="22222222-2222-2222-2222-222222222222")

    assert shared.predictor.post(path, None, json=body).status_code == 401
    assert shared.predictor.post(path, shared.platform.publish_key(scopes=("read",)), json=body).status_code == 403
    assert shared.predictor.post(path, stranger, json=body).status_code == 404


def test_a_version_without_a_background_says_what_to_do(
    platform: Platform, predictor: PredictorProcess, key: str, tmp_path: Path
) -> None:
    target = artifacts.write_classifier(tmp_path / "old")
    (Path(target.artifact) / artifact.BACKGROUND).unlink()
    platform.publish_route("old", replace(target, sha256=artifact.seal(Path(target.artifact))))
    wait_for(lambda: predictor.predict("old", key, ROW).status_code == 200)
    answer = predictor.post("/v1/models/old:explain", key, json={"instances": [ROW]})

    assert answer.status_code == 501
    assert "train it again" in answer.json()["error"]


def test_a_row_costs_as_many_predictions_as_is_said(
    platform: Platform, start: Callable[..., PredictorProcess], classifier: route.Target, key: str
) -> None:
    platform.publish_limits(predictions_per_month=3 * COST + 1)
    platform.publish_route("people", classifier)
    predictor = start().wait_until_ready()
    path = "/v1/models/people:explain"
    wait_for(lambda: predictor.predict("people", key, ROW).status_code == 200)

    assert predictor.post(path, key, json={"instances": [ROW, ROW]}).status_code == 200
    assert predictor.post(path, key, json={"instances": [{"age": "old", "city": "Wien"}]}).status_code == 400
    refused = predictor.post(path, key, json={"instances": [ROW, ROW]})
    assert refused.status_code == 429
    assert "this call needs 40" in refused.json()["error"]
    assert predictor.post(path, key, json={"instances": [ROW]}).status_code == 200
    wait_for(lambda: sum(usage.predictions for usage in platform.usage()) == 3 * COST + 1)
    assert sum(sum(usage.latencies) for usage in platform.usage()) < sum(usage.requests for usage in platform.usage())


def test_many_explanations_wait_their_turn_and_predictions_do_not(
    platform: Platform, start: Callable[..., PredictorProcess], key: str, tmp_path: Path
) -> None:
    """More at once than may wait: some are answered, the rest are told when to come back; predictions all are."""
    platform.publish_route("wide", artifacts.write_measures(tmp_path / "wide", *WIDE))
    predictor = start().wait_until_ready()
    row = {name: float(place) for place, name in enumerate(WIDE)}
    wait_for(lambda: predictor.predict("wide", key, row).status_code == 200)

    def ask(place: int) -> requests.Response:
        if place % 2:
            return predictor.predict("wide", key, row)
        return predictor.post("/v1/models/wide:explain", key, json={"instances": [row] * 16})

    with ThreadPoolExecutor(48) as pool:
        answers = list(pool.map(ask, range(96)))

    assert {answer.status_code for answer in answers[1::2]} == {200}
    explained = answers[::2]
    assert {answer.status_code for answer in explained} <= {200, 503, 504}
    for answer in explained:
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) >= 1
    good = next(answer.json()["explanations"] for answer in explained if answer.status_code == 200)
    assert len(good) == 16
    total = good[0]["base"] + math.fsum(part["contribution"] for part in good[0]["contributions"])
    assert total == pytest.approx(good[0]["prediction"])


def test_nothing_is_imported_for_explanations_before_the_first() -> None:
    import subprocess
    import sys

    from tests.serving.conftest import ROOT

    program = "import sys, workers.serving.server; print('workers.serving.explaining.games' in sys.modules)"
    path = {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=path, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"
