"""The index tells a shift from chance."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from modelyard.endpoints.models import Endpoint
from modelyard.monitoring.drift import index_by_chance, measure_drift, stability_index
from modelyard.monitoring.models import InputHour
from tests.monitoring.telling import REFERENCE

HOUR = datetime(2026, 3, 1, 10, tzinfo=UTC)


def test_equal_shares_have_no_index() -> None:
    assert stability_index((10, 20, 30), (100, 200, 300)) == pytest.approx(0, abs=1e-9)
    assert stability_index((10, 20), (0, 0)) == 0


def test_the_index_is_that_of_the_books() -> None:
    # shares 50/50 against 70/30: (0.2)·ln(1.4) + (-0.2)·ln(0.6)
    expected = 0.2 * np.log(1.4) - 0.2 * np.log(0.6)
    assert stability_index((50_000, 50_000), (70_000, 30_000)) == pytest.approx(expected, rel=0.01)


def test_an_empty_bin_makes_no_infinite_index() -> None:
    assert 0.25 < stability_index((500, 500, 0), (0, 0, 1000)) < 30


def test_samples_of_the_same_rows_seldom_exceed_chance() -> None:
    random = np.random.default_rng(5)
    training = np.full(10, 100)
    bound_exceeded = 0
    for _ in range(1000):
        live = random.multinomial(150, np.full(10, 0.1))
        bound_exceeded += stability_index(training.tolist(), live.tolist()) > index_by_chance(
            training.tolist(), live.tolist()
        )
    assert bound_exceeded < 30


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("counts", "level"),
    [
        ((0, 25, 25, 25, 20, 0, 0), "few"),
        ((0, 250, 240, 260, 250, 0, 0), "stable"),
        ((0, 400, 300, 200, 100, 0, 0), "moved"),
        ((0, 0, 0, 0, 400, 600, 0), "drifted"),
        ((0, 125, 125, 125, 125, 0, 500), "drifted"),
    ],
)
def test_a_column_is_called_what_it_is(endpoint: Endpoint, counts: tuple[int, ...], level: str) -> None:
    InputHour.objects.create(
        endpoint=endpoint, version=1, hour=HOUR, rows=sum(counts), counts={"input:age": list(counts)}
    )
    drift = measure_drift(endpoint, 1, REFERENCE, since=HOUR)
    age = next(column for column in drift.columns if column.reference.column == "age")
    assert age.level == level


@pytest.mark.django_db
def test_hours_are_added_up_and_older_ones_left_out(endpoint: Endpoint) -> None:
    for back, count in ((0, 60), (1, 50), (30, 1000)):
        InputHour.objects.create(
            endpoint=endpoint,
            version=1,
            hour=HOUR - timedelta(hours=back),
            rows=count,
            counts={"input:city": [count, 0, 0, 0, 0]},
        )
    drift = measure_drift(endpoint, 1, REFERENCE, since=HOUR - timedelta(hours=2))
    city = drift.columns[0]
    assert (drift.rows, city.rows, city.reference.column) == (110, 110, "city"), "the furthest comes first"
    assert city.level == drift.level == "drifted"


@pytest.mark.django_db
def test_missing_and_unseen_values_are_told_apart(endpoint: Endpoint) -> None:
    InputHour.objects.create(
        endpoint=endpoint, version=1, hour=HOUR, rows=100, counts={"input:city": [40, 0, 0, 35, 25]}
    )
    city = measure_drift(endpoint, 1, REFERENCE, since=HOUR).columns[0]
    assert city.unseen == (0, 0.35)
    assert city.missing == (0, 0.25)


@pytest.mark.django_db
def test_counts_of_another_reference_are_not_compared(endpoint: Endpoint) -> None:
    InputHour.objects.create(endpoint=endpoint, version=1, hour=HOUR, rows=100, counts={"input:city": [100]})
    assert {column.level for column in measure_drift(endpoint, 1, REFERENCE, since=HOUR).columns} == {"few"}
