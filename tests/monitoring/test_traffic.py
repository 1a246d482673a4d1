"""Live figures are those of the last minutes, all predictors together."""

import time
from itertools import pairwise

import pytest

from modelyard.contracts.observations import LATENCY_BOUNDS
from modelyard.endpoints.models import Endpoint
from modelyard.monitoring.folding import fold_observations
from modelyard.monitoring.traffic import calls_since, hours_back, quantile_ms, watch_live
from tests.monitoring.telling import Predictors

pytestmark = pytest.mark.django_db


def test_without_calls_nothing_goes_on(predictors: Predictors, endpoint: Endpoint) -> None:
    live = watch_live(endpoint)
    assert live.reachable
    assert (live.rate, live.shown.calls, live.recent.quantile_ms(0.5)) == (0, 0, None)


def test_calls_of_now_and_of_before_are_told_apart(predictors: Predictors, endpoint: Endpoint) -> None:
    predictors.live(v1_calls=100, v1_latency_20=100)
    predictors.live(ago=120, v2_calls=40, v2_latency_50=40, v0_calls=2, v0_status_429=2)
    predictors.live(ago=1200, v1_calls=7)
    live = watch_live(endpoint, time.time())
    assert live.recent.calls == 100
    assert live.shown.calls == 142
    assert live.shown.statuses == {429: 2}
    assert live.shown.versions == {1: 100, 2: 40, 0: 2}
    assert 100 / 15 <= live.rate <= 100 / 10
    assert sum(column.calls for column in live.columns) == 142


def test_quantiles_lie_within_their_bucket() -> None:
    assert quantile_ms({}, 0.5) is None
    assert LATENCY_BOUNDS[19] < (quantile_ms({20: 10}, 0.5) or 0) <= LATENCY_BOUNDS[20]
    assert quantile_ms({20: 50, 30: 50}, 0.99) == pytest.approx(LATENCY_BOUNDS[30], rel=0.05)
    assert quantile_ms({60: 1}, 0.5) == LATENCY_BOUNDS[-1]


def test_bounds_are_fine_enough() -> None:
    ratios = [high / low for low, high in pairwise(LATENCY_BOUNDS)]
    assert max(ratios) < 1.34


def test_hours_are_added_up(predictors: Predictors, endpoint: Endpoint) -> None:
    predictors.call(8, statuses={"400": 2})
    predictors.call(3, version=2)
    fold_observations()
    calls = calls_since(endpoint, hours_back(24))
    assert (calls.calls, calls.failed, calls.versions) == (11, 2, {1: 8, 2: 3})
