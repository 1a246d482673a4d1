"""Guards: a release that makes callers worse off than the version before it is taken back, by itself and with a reason.

A guard compares the versions that a release gives more calls to (the new ones) with those that had them before, over
the calls since the release. Where the former version gets no calls any more, its last day is what it is compared with.
Only faults count that are not the caller's own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from modelyard.endpoints.folding import add_counts
from modelyard.endpoints.models import PredictionUsage, Release, VersionMinute
from modelyard.endpoints.usage import quantile_ms
from modelyard.errors import InvalidInput

LEAST_SLOWER_MS = 5.0
BASELINE_HOURS = 24
P95 = 0.95
Breach = dict[str, Any]
"""`kind` (errors or latency), `requests` that were looked at, and the `new` and the `former` figure."""


@dataclass(frozen=True, kw_only=True)
class Guard:
    """When a release is taken back: `error_rate` is how much higher the share of failed calls may be (0.02 is two in a
    hundred more), `latency_factor` how many times the former 95th percentile is too slow. None does not matter."""

    error_rate: float | None = None
    latency_factor: float | None = None
    minimum_requests: int = 50
    window_minutes: int = 30

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read a guard that people sent or that was stored. Raises `InvalidInput`."""
        guard = cls(
            error_rate=_number(value, "error_rate", 0, 1),
            latency_factor=_number(value, "latency_factor", 1, 100),
            minimum_requests=int(_number(value, "minimum_requests", 1, 1_000_000) or cls.minimum_requests),
            window_minutes=int(_number(value, "window_minutes", 1, 10_080) or cls.window_minutes),
        )
        if guard.error_rate is None and guard.latency_factor is None:
            raise InvalidInput({"guard": _("must give error_rate or latency_factor, or both")})
        return guard


@dataclass(kw_only=True)
class Record:
    """What a guard looks at of some versions."""

    requests: int = 0
    faults: int = 0
    latencies: list[int] = field(default_factory=list)

    def add(self, row: "VersionMinute | PredictionUsage") -> None:
        self.requests += row.requests
        self.faults += row.faults
        self.latencies = add_counts(self.latencies, row.latencies)

    @property
    def error_rate(self) -> float:
        return self.faults / self.requests if self.requests else 0.0

    @property
    def p95_ms(self) -> float | None:
        return quantile_ms(self.latencies, P95)


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How a guarded release fares against what was before it."""

    guard: Guard
    new: Record
    former: Record
    ends_at: datetime

    @property
    def is_judgeable(self) -> bool:
        return self.new.requests >= self.guard.minimum_requests

    def breach(self) -> Breach | None:
        """Why the release has to be taken back; None while it need not be."""
        if not self.is_judgeable:
            return None
        return self._breach_of_errors() or self._breach_of_latency()

    def _breach_of_errors(self) -> Breach | None:
        allowed, new, former = self.guard.error_rate, self.new, self.former
        if allowed is None or new.error_rate <= former.error_rate + allowed:
            return None
        return {"kind": "errors", "requests": new.requests, "new": new.error_rate, "former": former.error_rate}

    def _breach_of_latency(self) -> Breach | None:
        factor, new, former = self.guard.latency_factor, self.new.p95_ms, self.former.p95_ms
        if factor is None or new is None or former is None or new <= max(former * factor, former + LEAST_SLOWER_MS):
            return None
        return {"kind": "latency", "requests": self.new.requests, "new": new, "former": former}


def in_words(breach: Breach) -> str:
    """Say in the reader's language why a release was taken back."""
    new, former = breach["new"], breach["former"]
    if breach["kind"] == "errors":
        words = _("%(new)s%% of %(requests)s calls failed, before the release it was %(former)s%%")
        told = {"new": f"{new * 100:.1f}", "requests": breach["requests"], "former": f"{former * 100:.1f}"}
    else:
        words = _("95%% of the calls took up to %(new)s ms, before the release up to %(former)s ms")
        told = {"new": f"{new:.0f}", "former": f"{former:.0f}"}
    return words % told


def watch(release: Release, former: Release) -> Watch:
    """Look at a guarded release and at what was before it."""
    guard = Guard.from_json(release.guard or {})
    new_ones, former_ones = compared_versions(release, former)
    since = release.created_at.replace(second=0, microsecond=0)
    minutes = VersionMinute.objects.filter(endpoint=release.endpoint_id, minute__gte=since)
    before = _record_of(minutes.filter(version__in=former_ones))
    if before.requests < guard.minimum_requests:
        before = _record_of(_last_day(release, former_ones))
    return Watch(
        guard=guard,
        new=_record_of(minutes.filter(version__in=new_ones)),
        former=before,
        ends_at=release.created_at + timedelta(minutes=guard.window_minutes),
    )


def compared_versions(release: Release, former: Release) -> tuple[set[int], set[int]]:
    """Return the versions that get more calls than under the former release, and the other ones of that release."""
    now, then = _shares(release), _shares(former)
    new_ones = {number for number, percent in now.items() if number not in then or percent > then[number]}
    return new_ones, set(then) - new_ones


def _shares(release: Release) -> dict[int, int]:
    keyed = {int(number): 0 for number in release.keys.values()}
    return {**keyed, **{int(share["version"]): int(share["percent"]) for share in release.split}}


def _last_day(release: Release, versions: set[int]) -> QuerySet[PredictionUsage]:
    """The hours up to the release; its own hour counts too, for the former versions had calls in it until then."""
    end = release.created_at
    return PredictionUsage.objects.filter(
        workspace=release.endpoint.workspace_id,
        endpoint=release.endpoint.name,
        version__in=versions,
        hour__gt=end - timedelta(hours=BASELINE_HOURS),
        hour__lte=end,
    )


def _record_of(rows: Iterable[VersionMinute] | Iterable[PredictionUsage]) -> Record:
    record = Record()
    for row in rows:
        record.add(row)
    return record


def _number(value: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    found = value.get(name)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
        words = _("%(name)s must be a number from %(low)s to %(high)s, got %(found)s")
        told = {"name": name, "low": f"{low:g}", "high": f"{high:g}", "found": repr(found)[:40]}
        raise InvalidInput({"guard": words % told})
    return float(found)
