"""Every order of events that Hypothesis can think of, against the promises that a run makes."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from modelyard.accounts.models import User, Workspace
from tests.runs.making import make_run, make_version
from tests.runs.run_machine import RunMachine

SHORT = {"max_examples": 2000, "stateful_step_count": 4}
LONG = {"max_examples": 30, "stateful_step_count": 40}


@pytest.mark.django_db
@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("schedules", [SHORT, LONG], ids=["two thousand short ones", "a few long ones"])
def test_no_order_of_events_breaks_the_promises_of_a_run(
    workspace: Workspace, alice: User, schedules: dict[str, Any]
) -> None:
    class Machine(RunMachine):
        pass

    Machine.person, Machine.version = alice, make_version(workspace, alice)
    Machine.to_the_end = schedules is LONG
    Machine.waiting = [make_run(Machine.version, alice) for _ in range(2)]
    run_state_machine_as_test(
        Machine,
        settings=settings(
            **schedules,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            phases=[Phase.generate],
        ),
    )
