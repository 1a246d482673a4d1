"""Observations: what predictors tell the platform of the calls they got, besides `contracts.route.Usage`.

In Redis, under the prefix `modelyard:`:

    live:<workspace id>/<endpoint name>:<slot>   hash, counts of `SLOT_SECONDS` seconds, gone after `LIVE_SECONDS`. All
                      predictors add to the same one; `slot` is the time divided by `SLOT_SECONDS`. Its fields:
                      "<version>:calls", "<version>:rows", "<version>:status:<status>" (failed calls only) and
                      "<version>:latency:<n>", the calls in the n-th bucket of `LATENCY_BOUNDS`
    observations      stream, at most about `MOST_OBSERVATIONS` long; the predictor adds {"observation": JSON}, the JSON
                      being {"calls": `CallCounts`}, {"failure": `Failure`} or {"sketch": `Sketch`}; the platform folds
                      and deletes
    metrics:<address> hash   process name -> {"at": seconds, "figures": […]}: what the predictors behind one address
                      tell one another, so that any of them can tell Prometheus of all
    monitoring        hash   "<workspace id>/<endpoint name>" -> `Rules` as JSON; absent means the defaults

No value of a row is among them: a sketch counts in the bins of `contracts.reference`, the words of a failure have their
values withheld unless the rules of the endpoint say otherwise.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from modelyard.contracts.route import PREFIX

OBSERVATIONS = PREFIX + "observations"
MONITORING = PREFIX + "monitoring"
LIVE = PREFIX + "live:"
MOST_OBSERVATIONS = 20_000
SLOT_SECONDS = 5
LIVE_SECONDS = 900

LATENCY_BOUNDS = tuple(
    round(step * 10.0**power, 6) for power in range(-1, 5) for step in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
)
"""Upper bounds in milliseconds, from 0.1 ms to 80 s, ten a decade; the bounds of `contracts.route` are among them."""


def live_key(endpoint: str, slot: int) -> str:
    """The Redis key of the counts of an endpoint (`<workspace id>/<name>`) in a slot."""
    return f"{LIVE}{endpoint}:{slot}"


def metrics_key(address: str) -> str:
    """The Redis key under which the predictors at `address` (host and port) tell one another their metrics."""
    return f"{PREFIX}metrics:{address}"


@dataclass(frozen=True, kw_only=True)
class CallCounts:
    """Calls of one version behind an endpoint in one UTC hour (seconds since 1970), added up by one predictor.

    Version 0 are calls refused before a version was chosen. `statuses` counts the failed ones by HTTP status,
    `latencies` all of them by bucket of `LATENCY_BOUNDS`; buckets that nothing fell into are left out.
    """

    workspace: str
    endpoint: str
    version: int
    hour: int
    calls: int
    rows: int
    seconds: float
    statuses: Mapping[str, int] = field(default_factory=dict)
    latencies: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One refused call. `row` counts from 0, `column` is an input of the model; both where that is what was wrong.

    `withheld`: what callers sent was taken out of `message`.
    """

    workspace: str
    endpoint: str
    version: int
    at: float
    status: int
    message: str
    withheld: bool
    row: int | None = None
    column: str = ""
    key: str = ""
    request_id: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """How a sample of rows and predictions of one version behind an endpoint fell into the bins of its reference, in
    one UTC hour; `counts` by the names of the reference's columns."""

    workspace: str
    endpoint: str
    version: int
    hour: int
    rows: int
    counts: Mapping[str, tuple[int, ...]]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        counts = {str(name): tuple(int(count) for count in counts) for name, counts in value["counts"].items()}
        return cls(**{**value, "counts": counts})


Observation = CallCounts | Failure | Sketch
_KINDS: Mapping[str, type[CallCounts] | type[Failure] | type[Sketch]] = {
    "calls": CallCounts,
    "failure": Failure,
    "sketch": Sketch,
}


def write_observation(observation: Observation) -> dict[str, Any]:
    """The JSON of an entry."""
    kind = next(kind for kind, made in _KINDS.items() if isinstance(observation, made))
    return {kind: observation.to_json()}


def read_observation(value: Mapping[str, Any]) -> Observation:
    """The inverse. Raises `KeyError`, `TypeError` or `ValueError` for what is none."""
    ((kind, content),) = dict(value).items()
    return _KINDS[kind].from_json(content)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a workspace decided on one endpoint. `keep_values`: failures may quote what callers sent."""

    keep_values: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(keep_values=value.get("keep_values") is True)
