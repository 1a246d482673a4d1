"""MLflow's clients and boto3, unmodified, against `/invocations`."""

import base64
import json

import pytest

from tests.clients.conftest import RunScript
from tests.serving import artifacts
from tests.serving.conftest import Shared

ROWS = [{"age": 41, "city": "Wien"}, {"age": 22, "city": "Berlin"}]
ARRAY = [[41.0, 2.0], [22.0, 1.0]]
ARRAY_ROWS = [{"age": 41, "city": "2"}, {"age": 22, "city": "1"}]


def test_boto3_invokes_an_endpoint(served: Shared, run_script: RunScript) -> None:
    wanted = served.predict(*ROWS).json()
    of_array = served.predict(*ARRAY_ROWS).json()["predictions"]
    image = base64.b64encode(artifacts.draw_image(240)).decode()
    got = run_script(
        "sagemaker_runtime",
        url=served.predictor.url,
        key=served.key,
        rows=ROWS,
        csv="41,Wien\n22,Berlin\n",
        array=ARRAY,
        image=image,
    )
    assert json.loads(got["json"]["body"]) == wanted
    assert (got["json"]["variant"], got["json"]["attributes"]) == ("1", "trace=7")
    labels = [line.split(",")[0] for line in got["csv"]["body"].splitlines()]
    assert labels == [prediction["label"] for prediction in wanted["predictions"]]
    for row, prediction in zip(got["npy"]["array"], of_array, strict=True):
        assert row == pytest.approx(list(prediction["probabilities"].values()))
    assert json.loads(got["image"]["body"])["predictions"][0]["label"] == "light"


def test_boto3_raises_its_own_exceptions(served: Shared, run_script: RunScript) -> None:
    got = run_script(
        "sagemaker_runtime",
        url=served.predictor.url,
        key=served.key,
        rows=ROWS,
        csv="41,Wien\n",
        array=ARRAY,
        image=base64.b64encode(artifacts.draw_image(10)).decode(),
    )
    bad_row = got["bad row"]
    assert (bad_row["caught"], bad_row["status"]) == (["ModelError"], 400)
    assert bad_row["original"] == [400, bad_row["message"]]
    assert "instances[0]" in bad_row["message"]
    assert got["bad type"]["caught"] == ["ModelError"]
    assert got["no endpoint"]["caught"] == got["no version"]["caught"] == ["ValidationError"]
    assert "nobody" in got["no endpoint"]["message"]
    assert got["no key"]["code"] == "UnrecognizedClientException"


def test_the_client_of_mlflows_scoring_server_works(served: Shared, run_script: RunScript) -> None:
    wanted = served.predict(*ROWS).json()["predictions"]
    bound = served.platform.publish_key(endpoints=("people",))
    got = run_script("mlflow_scoring", host="127.0.0.1", port=served.predictor.port, key=bound, rows=ROWS, array=ARRAY)
    assert got["version"] == served.predictor.get("/version", None).text
    assert got["frame"] == got["params"] == got["list"] == got["of endpoint"] == wanted
    assert got["array"] == served.predict(*ARRAY_ROWS).json()["predictions"]
    assert "error code 400" in got["refusal"]
    assert "'age'" in got["refusal"]


def test_mlflows_deployments_api_works(served: Shared, run_script: RunScript) -> None:
    wanted = served.predict(*ROWS).json()["predictions"]
    got = run_script("mlflow_deployments", url=served.predictor.url, key=served.key, rows=ROWS)
    assert got["mlflow"] == got["databricks"] == wanted
    assert "400" in got["mlflow refusal"]
    assert "dataframe_records[0]" in got["databricks refusal"]
