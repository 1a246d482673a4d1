"""The main job as a script does it: from a file to a key-protected endpoint, and what it cost."""

import base64
import io
import json
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import requests
from sklearn.datasets import load_digits
from tusclient.client import TusClient

from bench.end_to_end.client import Installation
from tests.journeys.conftest import Running
from tests.journeys.samples import png, write_breast_cancer, write_digits, write_shop_sales

pytestmark = pytest.mark.slow
QUICK = {"epochs": 8}


@pytest.fixture(scope="module")
def api(installation: Running) -> Installation:
    return Installation(installation.base, installation.make_key("read", "write", "predict"))


@pytest.fixture(scope="module")
def table(api: Installation, installation: Running, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The breast cancer table, uploaded by an independent tus client and read."""
    path = write_breast_cancer(tmp_path_factory.mktemp("table") / "cancer.csv")
    client = TusClient(installation.base + "/api/v1/uploads", headers=dict(api.session.headers))
    uploader = client.uploader(str(path), chunk_size=20_000, metadata={"filename": "cancer.csv"})
    uploader.upload()
    dataset = api.post("datasets", {"name": "Cancer", "upload": uploader.url.rstrip("/").rsplit("/", 1)[1]})
    return api.wait(f"dataset-versions/{dataset['version']['id']}", {"ready", "rejected"}, seconds=300)


@pytest.fixture(scope="module")
def published(api: Installation, table: dict[str, Any]) -> dict[str, Any]:
    run = api.train(table["id"], "tabular_classifier", "diagnosis", "cancer", hyperparameters=QUICK)
    assert run["state"] == "succeeded", run["failure"]
    url = api.publish("cancer", run["model"]["name"], run["model"]["version"])
    return {"run": run, "url": url}


def row_of(table: dict[str, Any]) -> dict[str, Any]:
    return {column["name"]: column["examples"][0] for column in table["columns"] if column["name"] != "diagnosis"}


def test_the_profile_says_what_the_file_holds(table: dict[str, Any]) -> None:
    assert table["state"] == "ready"
    assert (table["kind"], table["rows"], len(table["columns"])) == ("table", 569, 31)
    assert {column["name"]: column["kind"] for column in table["columns"]}["mean radius"] == "number"


def test_a_run_ends_with_metrics_a_model_and_what_it_used(api: Installation, published: dict[str, Any]) -> None:
    run = published["run"]
    assert run["metrics"]["test"]["accuracy"] > 0.85
    assert set(run["metrics"]) == {"train", "validation", "test"}
    assert run["usage"]["wall_seconds"] > 0
    assert run["usage"]["peak_memory_bytes"] > 100_000_000
    epochs = api.get(f"runs/{run['id']}/epochs")
    assert len(epochs["results"] if isinstance(epochs, dict) else epochs) >= 1


def test_the_endpoint_answers_a_key_and_nobody_else(
    api: Installation, installation: Running, table: dict[str, Any], published: dict[str, Any]
) -> None:
    prediction = api.predict(published["url"], [row_of(table)])[0]
    assert prediction["label"] in {"benign", "malignant"}
    assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    refused = requests.post(published["url"], json={"instances": [row_of(table)]}, timeout=60)
    assert refused.status_code == 401


def test_a_bad_row_is_named(api: Installation, table: dict[str, Any], published: dict[str, Any]) -> None:
    bad = {**row_of(table), "mean radius": "wide"}
    answer = api.session.post(published["url"], json={"instances": [row_of(table), bad]}, timeout=60)
    assert answer.status_code == 400
    assert "mean radius" in answer.json()["error"]


def test_calls_appear_in_usage(api: Installation, table: dict[str, Any], published: dict[str, Any]) -> None:
    api.predict(published["url"], [row_of(table)] * 3)
    for _ in range(300):
        rows = api.get("usage?group_by=endpoint")
        counted = [row for row in rows["results"] if "cancer" in json.dumps(row)]
        if counted:
            break
        time.sleep(0.3)
    assert counted
    quotas = {quota["kind"]: quota for quota in api.get("quotas")["results"]}
    assert quotas["training_seconds"]["used"] > 0
    assert quotas["training_seconds"]["reserved"] == 0


@pytest.mark.parametrize("form", ["keras", "savedmodel", "onnx"])
def test_the_model_can_be_taken_away(api: Installation, published: dict[str, Any], form: str) -> None:
    model = published["run"]["model"]
    path = f"models/{model['name']}/versions/{model['version']}/download?format={form}"
    answer = api.session.get(api.base + path, timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert len(answer.content) > 1000
    if form != "onnx":
        assert zipfile.is_zipfile(io.BytesIO(answer.content))


def test_the_lineage_names_data_template_and_seed(
    api: Installation, table: dict[str, Any], published: dict[str, Any]
) -> None:
    model = published["run"]["model"]
    version = api.get(f"models/{model['name']}/versions/{model['version']}")
    text = json.dumps(version["lineage"])
    assert "tabular_classifier" in text
    assert "tensorflow" in text
    assert "seed" in text


def test_what_cannot_work_is_refused_before_quota_is_spent(api: Installation, table: dict[str, Any]) -> None:
    before = {quota["kind"]: quota["reserved"] for quota in api.get("quotas")["results"]}
    for change in (
        {"target": "nowhere"},
        {"hyperparameters": {"learning_rate": "NaN"}},
        {"hyperparameters": {"batch_size": 0}},
        {"hyperparameters": {"epochs": 10**9}},
        {"model_template": "image_classifier"},
    ):
        body = {"dataset_version": table["id"], "model_template": "tabular_classifier", "target": "diagnosis", **change}
        answer = api.session.post(api.base + "runs", json=body, timeout=60)
        assert answer.status_code == 422, (change, answer.text)
        assert answer.json()["error"]["param"]
    assert {quota["kind"]: quota["reserved"] for quota in api.get("quotas")["results"]} == before


def test_images_become_an_endpoint(api: Installation, tmp_path: Path) -> None:
    version = api.upload(write_digits(tmp_path / "digits.zip"), "Digits")
    assert (version["kind"], version["rows"]) == ("images", 600)
    run = api.train(version["id"], "dense_network", None, "digits")
    assert run["state"] == "succeeded", run["failure"]
    url = api.publish("digits", run["model"]["name"], run["model"]["version"])
    images = load_digits()
    chosen = range(1700, 1720)
    instances = [{"b64": base64.b64encode(png(images.images[index])).decode()} for index in chosen]
    right = [
        answer["label"] == str(images.target[index])
        for answer, index in zip(api.predict(url, instances), chosen, strict=True)
    ]
    assert sum(right) >= 15


def test_a_key_with_one_scope_can_do_one_thing(installation: Running, published: dict[str, Any]) -> None:
    key = installation.make_key("predict")
    answer = requests.get(
        f"{installation.base}/api/v1/datasets", headers={"Authorization": f"Bearer {key}"}, timeout=60
    )
    assert answer.status_code == 403


def test_curl_predicts(installation: Running, table: dict[str, Any], published: dict[str, Any]) -> None:
    body = json.dumps({"instances": [row_of(table)]})
    command = ["curl", "-s", published["url"], "-H", "Content-Type: application/json", "-d", body]
    command += ["-H", f"Authorization: Bearer {installation.make_key('predict')}"]
    answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert answer["predictions"][0]["label"] in {"benign", "malignant"}


def test_series_become_an_endpoint(api: Installation, tmp_path: Path) -> None:
    version = api.upload(write_shop_sales(tmp_path / "sales.csv"), "Shop sales")
    assert (version["state"], version["kind"]) == ("ready", "series")
    settings = {"horizon": 6, "network": "never"}
    run = api.train(version["id"], "forecaster", "sales", "shop-sales", hyperparameters=settings)
    assert run["state"] == "succeeded", run["failure"]
    assert run["metrics"]["test"]["mase"] < 0.5
    url = api.publish("shop-sales", run["model"]["name"], run["model"]["version"])
    whole, one = api.predict(url, [{"shop": "Ulm"}, {"shop": "Bonn", "month": "2020-03"}])
    assert whole["timestamps"] == ["2020-01", "2020-02", "2020-03", "2020-04", "2020-05", "2020-06"]
    assert one["values"][0] == pytest.approx(2 * whole["values"][2], rel=0.05)


def test_roles_of_series_that_cannot_be_are_refused(api: Installation, tmp_path: Path) -> None:
    version = api.upload(write_shop_sales(tmp_path / "sales.csv"), "Shop sales again")
    for options, param in (
        ({"time": "nowhere"}, "options.time"),
        ({"time": "sales"}, "options.time"),
        ({"series": ["month"]}, "options.series"),
        ({"series": 5}, "options.series"),
        ({"known": ["shop"], "series": ["shop"]}, "options.known"),
        ({"known": ["nowhere"]}, "options.known"),
    ):
        body = {"dataset_version": version["id"], "model_template": "forecaster", "target": "sales", "options": options}
        answer = api.session.post(api.base + "runs", json=body, timeout=60)
        assert answer.status_code == 422, (options, answer.text)
        assert answer.json()["error"]["param"] == param
