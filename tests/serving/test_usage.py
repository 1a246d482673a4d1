"""What was asked is counted exactly, by key, version and outcome."""

from modelyard.contracts import keys
from modelyard.contracts.route import LATENCY_BOUNDS
from tests.serving import artifacts
from tests.serving.conftest import WORKSPACE, Platform, PredictorProcess, wait_for
from tests.serving.lives import state_of


def test_calls_rows_and_errors_are_counted_exactly(predictor: PredictorProcess, platform: Platform, key: str) -> None:
    other = platform.publish_key()
    wait_for(lambda: predictor.predict("people", other, artifacts.ROW).status_code == 200)
    for rows in (1, 2, 3):
        assert predictor.predict("people", key, *[artifacts.ROW] * rows).status_code == 200
    for _ in range(4):
        assert predictor.predict("people", key, {"age": "x", "city": "Wien"}).status_code == 400
    wait_for(lambda: sum(usage.requests for usage in platform.usage()) == 8)
    mine = [usage for usage in platform.usage() if usage.key == keys.parse_key(key).id]
    assert {(usage.workspace, usage.endpoint, usage.user, usage.version) for usage in mine} == {
        (WORKSPACE, "people", "user-1", 1)
    }
    assert sum(usage.requests for usage in mine) == 7
    assert sum(usage.predictions for usage in mine) == 6
    assert sum(usage.errors for usage in mine) == 4
    assert sum(sum(usage.latencies) for usage in mine) == 7
    assert {len(usage.latencies) for usage in mine} == {len(LATENCY_BOUNDS) + 1}
    assert 0 < sum(usage.seconds for usage in mine) < 60


def test_the_predictor_reports_how_its_endpoints_fare(predictor: PredictorProcess, platform: Platform) -> None:
    wait_for(lambda: state_of(platform).get("state") == "live")
    live = {"state": "live", "message": "", "versions": {"1": "AVAILABLE"}}
    assert platform.report() == {f"{WORKSPACE}/people": live}
