"""What predictors observe becomes rows, every entry once, and does not stay for ever."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from modelyard.contracts.observations import OBSERVATIONS
from modelyard.endpoints.models import Endpoint
from modelyard.monitoring.folding import MOST_FAILURES, fold_observations, forget_old
from modelyard.monitoring.models import CallHour, FailedCall, InputHour
from tests.monitoring.telling import MOVED, SAME, Predictors

pytestmark = pytest.mark.django_db


def test_calls_of_an_hour_are_added_up(predictors: Predictors, redis: Any) -> None:
    predictors.call(10, statuses={"400": 2}, latencies={"20": 8, "30": 2})
    predictors.call(5, statuses={"400": 1, "503": 1}, latencies={"20": 5})
    predictors.call(3, version=2)
    assert fold_observations() == 3
    assert fold_observations() == 0, "an entry is folded once"
    first, second = CallHour.objects.order_by("version")
    assert (first.calls, first.statuses, first.latencies) == (15, {"400": 3, "503": 1}, {"20": 13, "30": 2})
    assert (second.version, second.calls) == (2, 3)
    assert redis.xlen(OBSERVATIONS) == 0


def test_sketches_of_an_hour_are_added_up(predictors: Predictors) -> None:
    predictors.sketch(SAME)
    predictors.sketch(MOVED)
    fold_observations()
    hour = InputHour.objects.get()
    assert hour.rows == 400
    assert hour.counts["input:age"] == [0, 50, 50, 50, 70, 180, 0]


def test_a_new_reference_begins_anew(predictors: Predictors) -> None:
    predictors.sketch({"input:age": (1, 2, 3)})
    predictors.sketch({"input:age": (4, 5)})
    fold_observations()
    assert InputHour.objects.get().counts == {"input:age": [4, 5]}


def test_failures_are_kept_with_their_reason(predictors: Predictors) -> None:
    predictors.fail(key="abcd1234", request_id="r-1")
    fold_observations()
    failure = FailedCall.objects.get()
    assert (failure.status, failure.column, failure.row, failure.key) == (400, "age", 0, "abcd1234")
    assert failure.withheld


def test_only_the_newest_failures_are_kept(predictors: Predictors) -> None:
    for number in range(MOST_FAILURES + 5):
        predictors.fail(request_id=f"r-{number}", at=1_700_000_000.0 + number)
    fold_observations()
    assert FailedCall.objects.count() == MOST_FAILURES
    assert not FailedCall.objects.filter(request_id="r-0").exists()


def test_what_is_no_observation_is_left_out(predictors: Predictors, redis: Any) -> None:
    for content in ("no json", "{}", '{"calls": {"version": 1}}', '{"other": {}}', "[1, 2]"):
        redis.xadd(OBSERVATIONS, {"observation": content})
    predictors.call(2)
    assert fold_observations() == 6
    assert CallHour.objects.get().calls == 2


def test_an_endpoint_that_is_gone_takes_everything_with_it(predictors: Predictors, endpoint: Endpoint) -> None:
    predictors.call()
    predictors.fail()
    predictors.sketch(SAME)
    fold_observations()
    predictors.call()
    endpoint.delete()
    assert fold_observations() == 1
    assert not CallHour.objects.exists()
    assert not FailedCall.objects.exists()
    assert not InputHour.objects.exists()


def test_what_is_old_is_forgotten(predictors: Predictors, endpoint: Endpoint) -> None:
    now = timezone.now()
    for days in (1, 89, 91):
        hour = now - timedelta(days=days)
        CallHour.objects.create(endpoint=endpoint, version=1, hour=hour)
        InputHour.objects.create(endpoint=endpoint, version=1, hour=hour)
    for days in (13, 15):
        FailedCall.objects.create(endpoint=endpoint, version=1, created_at=now - timedelta(days=days), status=400)
    forget_old()
    assert (CallHour.objects.count(), InputHour.objects.count(), FailedCall.objects.count()) == (2, 2, 1)
