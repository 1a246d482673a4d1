"""What a run will take, told before it starts: time, memory, and what of the quota; and how that turned out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.accounts.models import Workspace
from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.profile import Profile
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import CONCURRENT_RUNS, TRAINING_SECONDS
from modelyard.runs.calibrating import Range, expect

BUDGET = "max_minutes"
"""The hyper-parameter, common to all model templates, that bounds the time and so what is reserved."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """`low` to `high` seconds and `memory` bytes are expected; `reserved` seconds of `left` are taken until the run
    ends. `learned_from` says from how many runs of this installation that is known."""

    low: float
    high: float
    memory: Range
    learned_from: int
    reserved: int
    left: int
    runs_left: int

    @property
    def affordable(self) -> bool:
        return self.reserved <= self.left and self.runs_left > 0


def budget_of(hyperparameters: Mapping[str, Any]) -> int:
    """The wall-clock seconds to reserve for a run with these (cleaned) hyper-parameters."""
    return math.ceil(float(hyperparameters[BUDGET]) * 60)


def estimate(
    workspace: Workspace, template: ModelTemplate, profile: Profile, hyperparameters: Mapping[str, Any]
) -> Forecast:
    """Return what a run with these (cleaned) hyper-parameters will take."""
    expected = expect(template, profile, hyperparameters)
    left = {status.kind: status.left for status in quotas.overview(workspace)}
    return Forecast(
        low=expected.seconds.low,
        high=expected.seconds.high,
        memory=expected.memory,
        learned_from=expected.learned_from,
        reserved=budget_of(hyperparameters),
        left=left[TRAINING_SECONDS.name],
        runs_left=left[CONCURRENT_RUNS.name],
    )
