"""A model of numbers only, asked in every form: the short ways through the predictor give what the long ones give."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from modelyard.contracts.route import Target
from modelyard.contracts.signature import Input, Output, Signature
from modelyard.features.decoder import ClassDecoder
from modelyard.features.table import TableFeatures
from tests.serving import artifacts
from tests.serving.conftest import Platform, PredictorProcess

NAMES = ("height", "width", "a_third_number")
LABELS = ("low", "100 %", 'say "high"')
PREDICT = "/v1/models/numbers:predict"


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    chance = np.random.default_rng(4)
    columns = {name: np.array([str(value) for value in chance.normal(size=60)], dtype=object) for name in NAMES}
    features = TableFeatures.fit(columns, dict.fromkeys(NAMES, "number"))
    signature = Signature(
        task="multiclass classification",
        inputs=tuple(Input(name=name, kind="number", optional=False) for name in (NAMES[1], NAMES[0], NAMES[2])),
        output=Output(kind="label", name="level", labels=LABELS),
    )
    core = artifacts.build_core(chance.normal(size=(3, 3)), output="probabilities", softmax=True)
    golden = [dict.fromkeys(NAMES, 0.5)]
    folder = tmp_path_factory.mktemp("artifacts") / "numbers"
    return artifacts.write(folder, signature, features, ClassDecoder(LABELS), core, golden)


@pytest.fixture
def predictor(platform: Platform, start: Callable[..., PredictorProcess], target: Target, key: str) -> PredictorProcess:
    platform.publish_route("numbers", target)
    return start().wait_until_ready()


def rows_of(count: int) -> list[dict[str, float]]:
    values = np.random.default_rng(count).normal(size=(count, 3)).round(6).tolist()
    return [dict(zip(NAMES, line, strict=True)) for line in values]


@pytest.mark.parametrize("count", [1, 40, 3000])
def test_every_form_gives_the_same(predictor: PredictorProcess, key: str, target: Target, count: int) -> None:
    rows = rows_of(count)
    wanted = artifacts.predict(Path(target.artifact), rows)
    order = (NAMES[1], NAMES[0], NAMES[2])
    lists = [[row[name] for name in order] for row in rows]
    columns = {name: [row[name] for row in rows] for name in NAMES}
    split = {"columns": order, "data": lists}
    asked: list[tuple[str, Any]] = [
        (PREDICT, {"instances": rows}),
        (PREDICT, {"instances": [dict(reversed(row.items())) for row in rows]}),
        (PREDICT, {"instances": rows, "signature_name": "serving_default"}),
        (PREDICT, {"instances": lists}),
        (PREDICT, {"inputs": columns}),
        ("/endpoints/numbers/invocations", {"dataframe_split": split}),
        ("/endpoints/numbers/invocations", {"dataframe_records": rows}),
        ("/endpoints/numbers/invocations", {"instances": lists}),
    ]
    for path, value in asked:
        answer = predictor.post(path, key, data=orjson.dumps(value), headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        if "outputs" in found:
            outputs = found["outputs"]
            found = [dict(zip(outputs, values, strict=True)) for values in zip(*outputs.values(), strict=True)]
        else:
            found = found["predictions"]
        assert [one["label"] for one in found] == [one["label"] for one in wanted]
        for one, expected in zip(found, wanted, strict=True):
            assert one["probabilities"] == pytest.approx(expected["probabilities"], abs=1e-6)
            assert one["score"] == one["probabilities"][one["label"]]


@pytest.mark.parametrize("count", [3, 3000])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda row: row | {"depth": 1.0}, "'depth' is no input"),
        (lambda row: {"height": 1.0}, "is missing"),
        (lambda row: row | {"width": "wide"}, "'width' must be a number"),
        (lambda row: row | {"width": [1]}, "'width' must be a number"),
        (lambda row: [1.0, 2.0], "one for each of 3 inputs"),
        (lambda row: None, "object"),
    ],
)
def test_the_bad_row_among_many_is_named(
    predictor: PredictorProcess, key: str, count: int, spoil: Callable[[Any], Any], words: str
) -> None:
    rows: list[Any] = rows_of(count)
    rows[count // 2] = spoil(rows[count // 2])
    answer = predictor.predict("numbers", key, *rows)
    assert answer.status_code == 400
    assert f"instances[{count // 2}]" in answer.json()["error"]
    assert words in answer.json()["error"]


def test_a_list_among_lists_that_is_too_short_is_named(predictor: PredictorProcess, key: str) -> None:
    answer = predictor.predict("numbers", key, *[[1.0, 2.0, 3.0]] * 500, [1.0, 2.0], *[[1.0, 2.0, 3.0]] * 500)
    assert answer.status_code == 400
    assert "instances[500]" in answer.json()["error"]
