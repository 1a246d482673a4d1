"""What runs of this installation took, beside what their model templates had said: so the next estimate is better.

A model template knows how its work grows with the data, but not this machine. Its guess is multiplied by what runs of
the same template on the same kind of device took beside their guesses: a weighted mean of logarithms, in which runs of
like size count most and the template's own guess counts as one run. Until there are runs, the speed that the workers
have measured of their machines stands in.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper, Value
from django.db.models.functions import Now

from modelyard.catalog.spec import ModelTemplate
from modelyard.contracts.profile import Profile
from modelyard.runs.models import RunState, TrainingRun, Worker
from modelyard.runs.reporting import ALIVE

MOST_RUNS = 30
LIKE_SIZE = math.log(8.0)
"""A run that was estimated to take eight times as long, or an eighth, counts for 1/e."""
NARROWEST = math.log(1.2)
SPREADS = 1.3
MEMORY_SPREAD = math.log(2.0)
PROGRAM_BYTES = 800_000_000
BYTES_A_CELL = 150
"""A cell of a table: its text while the table is read, and its number while a network is trained."""
BYTES_A_PIXEL = 24


@dataclass(frozen=True, kw_only=True)
class Range:
    low: float
    high: float

    @property
    def middle(self) -> float:
        return math.sqrt(self.low * self.high)

    def miss(self, value: float) -> float:
        """How far `value` lies beyond this range; negative below it."""
        return max(0.0, value - self.high) + min(0.0, value - self.low)

    def scaled(self, past: Sequence[tuple[float, float]], *, prior: float = 0.0) -> "Range":
        """This guess after `past`: pairs of weight and log(taken / guessed). `prior` is the log that this one is off
        by if nothing else is known."""
        total = 1.0 + sum(weight for weight, _off in past)
        centre = (prior + sum(weight * off for weight, off in past)) / total
        own = math.log(self.high / self.low) / 2
        spread = (own**2 + sum(weight * (off - centre) ** 2 for weight, off in past)) / total
        half = max(NARROWEST, SPREADS * math.sqrt(spread) if past else own)
        return Range(low=self.middle * math.exp(centre - half), high=self.middle * math.exp(centre + half))


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a run should take. `guessed_seconds` and `guessed_memory` are the middles before anything was learned."""

    seconds: Range
    memory: Range
    guessed_seconds: float
    guessed_memory: float
    learned_from: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Hindsight:
    """What was expected of a run, and by how much that was off: 0 within the range, below it negative, None while the
    run has not succeeded."""

    seconds: Range
    memory: Range
    learned_from: int
    off_seconds: float | None
    off_memory: float | None


def look_back(run: TrainingRun) -> Hindsight | None:
    """None for a run of which nothing was expected: it was requested before there were estimates."""
    if not run.estimate:
        return None
    seconds, memory = Range(**run.estimate["seconds"]), Range(**run.estimate["memory"])
    ended = run.state == RunState.SUCCEEDED
    return Hindsight(
        seconds=seconds,
        memory=memory,
        learned_from=run.estimate["learned_from"],
        off_seconds=seconds.miss(run.usage.get("wall_seconds", 0.0)) if ended else None,
        off_memory=memory.miss(run.usage.get("peak_memory_bytes", 0.0)) if ended else None,
    )


def expect(template: ModelTemplate, profile: Profile, hyperparameters: Mapping[str, Any]) -> Expectation:
    """What a run with these (cleaned) hyper-parameters should take on the workers that there are now."""
    guessed = template.estimate(profile, hyperparameters)
    seconds = Range(low=max(1.0, guessed.low), high=max(1.0, guessed.low, guessed.high))
    size = PROGRAM_BYTES + guess_data_bytes(profile, template.largest_side)
    memory = Range(low=size * math.exp(-MEMORY_SPREAD / 2), high=size * math.exp(MEMORY_SPREAD / 2))
    kind, speed = _look_at_workers()
    past = _list_past(template.slug, kind, seconds.middle)
    learned = seconds.scaled([(weight, off) for weight, off, _memory in past], prior=-math.log(speed))
    most = float(hyperparameters["max_minutes"]) * 60
    return Expectation(
        seconds=Range(low=min(learned.low, most), high=min(learned.high, most)),
        memory=memory.scaled([(weight, off) for weight, _off, off in past]),
        guessed_seconds=seconds.middle,
        guessed_memory=memory.middle,
        learned_from=len(past),
    )


def guess_data_bytes(profile: Profile, largest_side: int) -> float:
    """The memory that the data itself takes while it is trained on."""
    if profile.kind != "images":
        return float(profile.rows * max(1, len(profile.columns)) * BYTES_A_CELL)
    width, height = (float(profile.details.get(f"median_{side}") or largest_side) for side in ("width", "height"))
    scale = min(1.0, largest_side / max(width, height, 1.0))
    return profile.rows * width * height * scale**2 * BYTES_A_PIXEL


def _list_past(slug: str, device_kind: str, seconds: float) -> list[tuple[float, float, float]]:
    """Of the newest runs that ended by themselves: weight, and by what logarithms time and memory were off."""
    ended = TrainingRun.objects.filter(model_template=slug, state=RunState.SUCCEEDED, finish_requested=False)
    ended = ended.filter(device__kind=device_kind, attempt=1).exclude(estimate={}).order_by("-ended_at")
    past = []
    for estimate, usage in ended.values_list("estimate", "usage")[:MOST_RUNS]:
        taken, memory = usage.get("wall_seconds"), usage.get("peak_memory_bytes")
        if not taken or not memory:
            continue
        unlike = math.log(estimate["guessed_seconds"] / seconds) / LIKE_SIZE
        off = math.log(taken / estimate["guessed_seconds"]), math.log(memory / estimate["guessed_memory"])
        past.append((math.exp(-abs(unlike)), *off))
    return past


def _look_at_workers() -> tuple[str, float]:
    """Kind and speed of the devices that train now; a processor of the usual speed where there is none."""
    lately = ExpressionWrapper(Now() - Value(ALIVE), output_field=DateTimeField())
    devices = [worker.device for worker in Worker.objects.filter(seen_at__gte=lately) if "train" in worker.queues]
    kinds = {device.get("kind") for device in devices}
    speeds = sorted(float(device.get("speed") or 1.0) for device in devices)
    return "gpu" if "gpu" in kinds else "cpu", speeds[len(speeds) // 2] if speeds else 1.0
