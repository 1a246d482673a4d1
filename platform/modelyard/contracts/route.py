"""Route: what the predictor needs to know of an endpoint, a key and a workspace's limits.

The platform writes, the predictor reads; usage and reports go the other way. In Redis, under the prefix `modelyard:`:

    routes     hash   "<workspace id>/<endpoint name>" -> Route as JSON
    keys       hash   key id -> Key as JSON (never the key: its digest)
    limits     hash   workspace id -> Limits as JSON
    changed    channel; a message {"routes": field}, {"keys": key id} or {"limits": workspace id}: read that field again
    usage      stream; the predictor adds {"usage": Usage as JSON} about once a second; the platform folds and deletes
    predictors hash   process name -> {"at": seconds, "routes": {field: {"state", "message", "versions"}}}, where
                      `versions` maps the number to "AVAILABLE", "LOADING" or "END"
    spent:<workspace id>:<YYYY-MM>   predictions this month; the predictor adds to it and refuses above the limit
    rate:<workspace id>              the token bucket of a workspace
    seen:<process name>              a predictor's mark: while it is there, Redis was not emptied
    told:<process name>              the last batch of usage that a predictor told

A name belongs to a workspace: which endpoint `churn` means is decided by the key that asks.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

PREFIX = "modelyard:"
ROUTES = PREFIX + "routes"
KEYS = PREFIX + "keys"
LIMITS = PREFIX + "limits"
CHANGED = PREFIX + "changed"
USAGE = PREFIX + "usage"
PREDICTORS = PREFIX + "predictors"


def spent_key(workspace: str, month: str) -> str:
    """The Redis key that counts the predictions of a workspace in a month (`YYYY-MM`, UTC)."""
    return f"{PREFIX}spent:{workspace}:{month}"


def rate_key(workspace: str) -> str:
    """The Redis key of the token bucket of a workspace."""
    return f"{PREFIX}rate:{workspace}"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A model version that an endpoint answers with; `artifact` is an absolute folder, `percent` its share."""

    version: int
    artifact: str
    sha256: str
    percent: int = 100


@dataclass(frozen=True, kw_only=True)
class Route:
    """An endpoint. `labels` maps aliases of the model to version numbers."""

    name: str
    workspace: str
    endpoint: str
    model: str
    targets: tuple[Target, ...]
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def field(self) -> str:
        return f"{self.workspace}/{self.name}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{**value, "targets": tuple(Target(**target) for target in value["targets"])})


@dataclass(frozen=True, kw_only=True)
class Key:
    """An API key as the predictor knows it. `expires_at` in seconds since 1970; `endpoints` names, empty for all."""

    id: str
    digest: str
    workspace: str
    user: str
    scopes: tuple[str, ...]
    endpoints: tuple[str, ...] = ()
    expires_at: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{**value, "scopes": tuple(value["scopes"]), "endpoints": tuple(value["endpoints"])})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a workspace may ask of the predictor; None is no limit."""

    requests_per_second: int | None = None
    predictions_per_month: int | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Calls of one endpoint with one key in one UTC minute, added up by one predictor.

    `predictions` are rows answered; `latencies` counts calls by `LATENCY_BOUNDS`, the last one those above all bounds.
    """

    workspace: str
    endpoint: str
    key: str
    user: str
    version: int
    minute: int
    requests: int
    predictions: int
    errors: int
    seconds: float
    latencies: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{**value, "latencies": tuple(value["latencies"])})


LATENCY_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Upper bounds in milliseconds."""
