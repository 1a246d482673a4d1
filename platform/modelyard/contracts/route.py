"""Route: what the predictor needs to know of an endpoint, a key and a workspace's limits.

The platform writes, the predictor reads; usage and reports go the other way. In Redis, under the prefix `modelyard:`:

    routes     hash   "<workspace id>/<endpoint name>" -> Route as JSON
    keys       hash   key id -> Key as JSON (never the key: its digest)
    limits     hash   workspace id -> Limits as JSON
    changed    channel; a message {"routes": field}, {"keys": key id} or {"limits": workspace id}: read that field again
    usage      stream; the predictor adds {"usage": Usage as JSON} about once a second; the platform folds and deletes
    shadows    stream; likewise {"shadowing": Shadowing as JSON}
    predictors hash   process name -> {"at": seconds, "routes": {field: {"state", "message", "versions", "shadow"}}},
                      where `versions` maps the number to "AVAILABLE", "LOADING" or "END", and `shadow` (absent
                      without one) is {"version", "state", "message"}
    spent:<workspace id>:<YYYY-MM>   predictions this month; the predictor adds to it and refuses above the limit
    rate:<workspace id>              the token bucket of a workspace
    seen:<process name>              a predictor's mark: while it is there, Redis was not emptied
    told:<process name>              the last batch of usage that a predictor told

A name belongs to a workspace: which endpoint `churn` means is decided by the key that asks.

Platform and predictor are of one version, but not at every moment of an upgrade: whoever reads ignores fields that it
does not know, and new fields have defaults.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

PREFIX = "modelyard:"
ROUTES = PREFIX + "routes"
KEYS = PREFIX + "keys"
LIMITS = PREFIX + "limits"
CHANGED = PREFIX + "changed"
USAGE = PREFIX + "usage"
SHADOWS = PREFIX + "shadows"
PREDICTORS = PREFIX + "predictors"


def spent_key(workspace: str, month: str) -> str:
    """The Redis key that counts the predictions of a workspace in a month (`YYYY-MM`, UTC)."""
    return f"{PREFIX}spent:{workspace}:{month}"


def rate_key(workspace: str) -> str:
    """The Redis key of the token bucket of a workspace."""
    return f"{PREFIX}rate:{workspace}"


def _known(kind: type, value: Mapping[str, Any]) -> dict[str, Any]:
    """What of `value` are fields of the dataclass `kind`. Raises `TypeError` for what is no object at all."""
    if not isinstance(value, Mapping):
        raise TypeError(f"an object was expected, got {type(value).__name__}")
    names = {item.name for item in fields(kind)}
    return {name: part for name, part in value.items() if name in names}


@dataclass(frozen=True, kw_only=True)
class Target:
    """A model version that an endpoint answers with; `percent` is its share.

    `artifact` is an absolute folder or, with an object store, the path in the store of what `sha256` is the digest of.

    A share of 0 is a version that only answers the keys that name it, and callers who ask for it by number.
    """

    version: int
    artifact: str
    sha256: str
    percent: int = 100

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**_known(cls, value))


@dataclass(frozen=True, kw_only=True)
class Route:
    """An endpoint. `labels` maps aliases of the model to version numbers, `keys` ids of API keys to the version that
    answers them; `shadow` is asked too, and never heard by callers. `release` is what comparisons are counted under.
    """

    name: str
    workspace: str
    endpoint: str
    model: str
    targets: tuple[Target, ...]
    labels: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    shadow: Target | None = None
    release: str = ""

    @property
    def field(self) -> str:
        return f"{self.workspace}/{self.name}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        targets = tuple(Target.from_json(target) for target in value["targets"])
        shadow = Target.from_json(value["shadow"]) if value.get("shadow") else None
        return cls(**{**_known(cls, value), "targets": targets, "shadow": shadow})


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
        lists = {"scopes": tuple(value["scopes"]), "endpoints": tuple(value["endpoints"])}
        return cls(**{**_known(cls, value), **lists})


EXPLANATION_COST = 20
"""Predictions that an explained row counts as: it takes some hundred to some thousand passes through the network."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a workspace may ask of the predictor; None is no limit."""

    requests_per_second: int | None = None
    predictions_per_month: int | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**_known(cls, value))


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Calls of one endpoint with one key in one UTC minute, added up by one predictor.

    `predictions` are rows answered; `errors` are calls that failed, `faults` those among them that were no fault of the
    caller (a status of 500 and above, or no finite number computed); `latencies` counts calls by `LATENCY_BOUNDS`, the
    last one those above all bounds.
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
    faults: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**{**_known(cls, value), "latencies": tuple(value["latencies"])})


@dataclass(frozen=True, kw_only=True)
class Shadowing:
    """What one predictor found comparing a shadow's predictions with those that callers got, under one release.

    `agreed` counts equal labels, `difference` adds up the absolute differences of values; `failed` are predictions that
    the shadow could not make, `skipped` those that it was not asked for because it was busy.
    """

    workspace: str
    endpoint: str
    release: str
    version: int
    compared: int = 0
    agreed: int = 0
    difference: float = 0.0
    failed: int = 0
    skipped: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**_known(cls, value))


LATENCY_BOUNDS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Upper bounds in milliseconds."""
