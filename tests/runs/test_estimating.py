"""Before a run people are told what it will take; what runs here took makes the next estimate better."""

import pytest

from modelyard.accounts.models import User, Workspace
from modelyard.catalog import get_template
from modelyard.contracts.progress import Progress
from modelyard.datasets.models import DatasetVersion
from modelyard.runs import services
from modelyard.runs.calibrating import Expectation, Range, expect, look_back
from modelyard.runs.models import TrainingRun
from tests.runs.making import flowers, make_run, make_version, pictures

TEMPLATE = get_template("tabular_classifier")
SETTINGS = TEMPLATE.clean_hyperparameters({})


@pytest.fixture
def version(workspace: Workspace, alice: User) -> DatasetVersion:
    return make_version(workspace, alice)


def expect_now(rows: int = 150) -> Expectation:
    return expect(TEMPLATE, flowers(rows), SETTINGS)


def train(version: DatasetVersion, by: User, *, seconds: float, memory: int = 10**9) -> TrainingRun:
    """A run that took this much."""
    run = services.claim_run(make_run(version, by).pk, "worker")
    assert run is not None
    assert services.record_progress(run, Progress(event="device", device={"kind": "cpu"}))
    assert services.settle_succeeded(run, {}, services.Usage(wall_seconds=seconds, peak_memory_bytes=memory))
    return TrainingRun.objects.get(pk=run.pk)


@pytest.mark.django_db
def test_without_experience_the_template_and_the_speed_of_the_workers_say_it() -> None:
    first = expect_now()
    assert first.learned_from == 0
    assert first.seconds.low < first.seconds.middle < first.seconds.high
    services.report_worker("slow", ["train"], {"kind": "cpu", "speed": 0.25}, None)
    assert expect_now().seconds.middle == pytest.approx(4 * first.seconds.middle, rel=1e-6)


def test_what_runs_took_moves_the_estimate_there(version: DatasetVersion, alice: User) -> None:
    first = expect_now()
    taken = 5 * first.seconds.high
    for _ in range(6):
        train(version, alice, seconds=taken, memory=3 * 10**9)
    learned = expect_now()
    assert learned.learned_from == 6
    assert learned.seconds.low < taken < 1.3 * learned.seconds.high
    assert learned.seconds.middle > 3 * first.seconds.middle
    assert learned.memory.low < 3 * 10**9 < 1.3 * learned.memory.high


def test_runs_of_another_size_say_less(version: DatasetVersion, alice: User) -> None:
    small, large = expect_now(), expect_now(rows=3_000_000)
    for _ in range(6):
        train(version, alice, seconds=5 * small.seconds.high)
    grown = expect_now().seconds.middle / small.seconds.middle
    assert expect_now(rows=3_000_000).seconds.low / large.seconds.low < grown


@pytest.mark.django_db
def test_nothing_is_expected_beyond_the_time_budget() -> None:
    settings = TEMPLATE.clean_hyperparameters({"max_minutes": 0.1})
    assert expect(TEMPLATE, flowers(3_000_000), settings).seconds.high <= 6.0


@pytest.mark.django_db
def test_more_data_needs_more_memory() -> None:
    assert expect_now(rows=10_000_000).memory.low > expect_now().memory.high
    images = get_template("image_classifier")
    settings = images.clean_hyperparameters({})
    few, many = (expect(images, pictures((count, count)), settings) for count in (30, 3_000_000))
    assert many.memory.low > few.memory.high


def test_a_range_knows_how_far_it_was_missed() -> None:
    expected = Range(low=10.0, high=20.0)
    assert [expected.miss(value) for value in (5.0, 10.0, 15.0, 26.0)] == [-5.0, 0.0, 0.0, 6.0]


def test_a_run_tells_what_was_expected_and_how_it_turned_out(version: DatasetVersion, alice: User) -> None:
    waiting = look_back(make_run(version, alice))
    assert waiting is not None
    assert waiting.off_seconds is None
    ended = train(version, alice, seconds=10_000.0, memory=1)
    found = look_back(ended)
    assert found is not None
    assert found.off_seconds == pytest.approx(10_000.0 - found.seconds.high)
    assert found.off_memory == pytest.approx(1 - found.memory.low)
    assert look_back(TrainingRun()) is None, "runs from before there were estimates"
