"""KServe's REST client, version 1, unmodified."""

import pytest

from tests.clients.conftest import RunScript
from tests.serving.conftest import Shared

ROWS = [{"age": 41, "city": "Wien"}, {"age": None, "city": "Berlin"}]
COLUMNS = {"age": [41, None], "city": ["Wien", "Berlin"]}


def test_the_client_of_kserve_predicts(served: Shared, run_script: RunScript) -> None:
    got = run_script("kserve_v1", url=served.predictor.url, key=served.key, rows=ROWS, columns=COLUMNS)
    assert (got["live"], got["ready"], got["version"]) == (True, True, "1")
    assert got["rows"] == served.predict(*ROWS).json()
    assert got["columns"]["outputs"]["label"] == [row["label"] for row in got["rows"]["predictions"]]
    assert got["bad row"]["status"] == 400
    assert "instances[0]" in got["bad row"]["message"]
    assert got["no model"]["status"] == 404
    assert got["explain"]["predictions"] == got["rows"]["predictions"]
    for told in got["explain"]["explanations"]:
        total = told["base"] + sum(part["contribution"] for part in told["contributions"])
        assert total == pytest.approx(told["prediction"])
