"""A model that finds anomalies answers in every protocol, and its descriptions say so."""

import csv
import io

import pytest

from tests.serving.conftest import Shared

USUAL, ODD = {"width": 2.0, "height": 3.0}, {"width": 2.0, "height": 900.0}
PARTS = ["label", "score", "percentile", "reason"]


def test_a_strange_row_is_called_an_anomaly_with_its_reason(shared: Shared) -> None:
    usual, odd = shared.predict(USUAL, ODD, name="machines").json()["predictions"]
    assert list(odd) == PARTS
    assert (usual["label"], odd["label"], odd["reason"]) == ("normal", "anomaly", "height")
    assert usual["score"] < odd["score"]
    assert 0 <= usual["percentile"] < odd["percentile"] <= 1


def test_columns_come_back_as_columns(shared: Shared) -> None:
    body = {"inputs": {"width": [2.0, 2.0], "height": [3.0, 900.0]}}
    outputs = shared.post("/v1/models/machines:predict", json=body).json()["outputs"]
    assert list(outputs) == PARTS
    assert outputs["label"] == ["normal", "anomaly"]


def test_tensors_come_back_as_described(shared: Shared) -> None:
    described = shared.get("/v2/models/machines").json()["outputs"]
    assert {item["name"]: item["datatype"] for item in described} == {
        "label": "BYTES",
        "score": "FP64",
        "percentile": "FP64",
        "reason": "BYTES",
    }
    tensors = [{"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in ODD.items()]
    answer = shared.post("/v2/models/machines/infer", json={"inputs": tensors})
    assert [(item["name"], item["datatype"], item["shape"]) for item in answer.json()["outputs"]] == [
        (item["name"], item["datatype"], [1]) for item in described
    ]


def test_csv_comes_back_with_a_column_for_each_part(shared: Shared) -> None:
    answer = shared.post(
        "/endpoints/machines/invocations",
        data="width,height\n2,900\n",
        headers={"Content-Type": "text/csv", "Accept": "text/csv; header=present"},
    )
    names, row = csv.reader(io.StringIO(answer.text))
    assert names == PARTS
    assert (row[0], row[3]) == ("anomaly", "height")


def test_its_metadata_and_its_description_name_the_parts(shared: Shared) -> None:
    metadata = shared.get("/v1/models/machines/metadata").json()
    outputs = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]["outputs"]
    assert set(outputs) == set(PARTS)
    document = shared.get("/v1/models/machines/openapi.json").json()
    assert document["components"]["schemas"]["Prediction"]["required"] == PARTS
    assert not any(path.endswith((":classify", ":regress")) for path in document["paths"])


@pytest.mark.parametrize("verb", ["classify", "regress"])
def test_it_neither_classifies_nor_regresses(shared: Shared, verb: str) -> None:
    answer = shared.post(f"/v1/models/machines:{verb}", json={"examples": [USUAL]})
    assert answer.status_code == 400
    assert ":predict" in answer.json()["error"]
