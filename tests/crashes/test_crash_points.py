"""Real processes are killed at every crash point; afterwards everything that was acknowledged is there, and no more."""

from collections.abc import Callable

import pytest

from tests.crashes.conftest import Driver
from tests.crashes.labels import list_labels
from tests.crashes.scenarios import SCENARIOS, STORING, STORING_LABELS

PLACES = [("folder", name) for name in SCENARIOS] + [("encrypted", name) for name in STORING]
KILLED = -9
OFTEN = {"folder": 2, "encrypted": 1}
"""On so many ways a process is killed at a label that many ways share."""

Drivers = Callable[[str], Driver]
Broken = dict[str, object]


def kill_everywhere(driver: Driver, storage: str, scenario: str) -> Broken:
    """Play a scenario to its end, then once more for each label on its way; returns where something was wrong."""
    found = driver.outcomes.get(scenario)
    if found is None:
        found = driver.outcomes[scenario] = _kill_everywhere(driver, storage, scenario)
    return found


def _kill_everywhere(driver: Driver, storage: str, scenario: str) -> Broken:
    labels = driver.must("play", scenario=scenario, at="")
    broken = {"": look(driver, scenario)}
    for label in labels:
        if driver.hit[label] == OFTEN[storage] or (storage == "encrypted" and not label.startswith(STORING_LABELS)):
            continue
        assert driver.order("play", scenario=scenario, at=label)["code"] == KILLED, f"{label} was passed unharmed"
        broken[label] = look(driver, scenario)
        driver.hit[label] += 1
    return {label: wrong for label, wrong in broken.items() if wrong}


def look(driver: Driver, scenario: str) -> object:
    """What is wrong after the platform has put itself in order."""
    told = driver.must("recover", scenario=scenario)
    return {name: wrong for name, wrong in told.items() if wrong}


@pytest.mark.parametrize(("storage", "scenario"), PLACES)
def test_a_process_that_is_killed_anywhere_leaves_nothing_wrong(drivers: Drivers, storage: str, scenario: str) -> None:
    assert kill_everywhere(drivers(storage), storage, scenario) == {}


def test_a_process_was_killed_at_every_label(drivers: Drivers) -> None:
    for storage, scenario in PLACES:
        kill_everywhere(drivers(storage), storage, scenario)
    killed = {*drivers("folder").hit, *drivers("encrypted").hit}
    assert set(list_labels()) - killed == set(), "on the way of no scenario"
