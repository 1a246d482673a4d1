"""What the page of an endpoint shows of its traffic, its failed calls and its drift."""

from collections.abc import Mapping
from typing import Any

from modelyard.endpoints.models import Endpoint
from modelyard.endpoints.services import first_target
from modelyard.monitoring import services
from modelyard.monitoring.drift import LEVELS, ColumnDrift, Drift
from modelyard.monitoring.models import FailedCall
from modelyard.monitoring.plots import draw_columns
from modelyard.monitoring.traffic import Calls, calls_since, hours_back, watch_live
from modelyard.monitoring.wording import LEVELS as LEVEL_WORDS
from modelyard.monitoring.wording import TONES, bins_of, column_title, status_title

MOST_SHOWN_FAILURES = 8
DAY, WEEK = 24, 168


def present_live(endpoint: Endpoint) -> dict[str, Any]:
    """The part that is asked for again every two seconds."""
    live = watch_live(endpoint)
    return {
        "endpoint": endpoint,
        "live": live,
        "drawing": draw_columns(live.columns) if live.columns else None,
        "quantiles": [
            (name, live.recent.quantile_ms(share)) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
        ],
        "errors": errors_of(live.shown),
        "versions": shares_of(endpoint, live.shown),
    }


def errors_of(calls: Calls) -> list[dict[str, Any]]:
    """The kinds of failed calls, the most frequent first."""
    return [
        {"status": status, "title": status_title(status), "count": count}
        for status, count in calls.statuses.most_common()
        if count
    ]


def shares_of(endpoint: Endpoint, calls: Calls) -> list[dict[str, Any]]:
    """How the calls were shared by versions, beside the shares that were released."""
    released = {target.version.number: target.percent / 100 for target in endpoint.answering}
    answered = {version: count for version, count in calls.versions.items() if version}
    total = sum(answered.values())
    return [
        {
            "version": version,
            "calls": answered.get(version, 0),
            "share": answered.get(version, 0) / total if total else 0.0,
            "released": released.get(version, 0.0),
            "swatch": place % 8 + 1,
        }
        for place, version in enumerate(sorted(answered.keys() | released.keys(), reverse=True))
    ]


def present_failures(endpoint: Endpoint) -> dict[str, Any]:
    """The newest failed calls, and how many there were of each kind."""
    day, week = calls_since(endpoint, hours_back(DAY)), calls_since(endpoint, hours_back(WEEK))
    found = FailedCall.objects.filter(endpoint=endpoint).order_by("-created_at")
    return {
        "failures": described(found[:MOST_SHOWN_FAILURES]),
        "more_failures": found.count() > MOST_SHOWN_FAILURES,
        "kinds": [
            {**kind, "day": day.statuses.get(kind["status"], 0), "week": kind["count"]} for kind in errors_of(week)
        ],
        "keeps_values": services.keeps_values(endpoint),
    }


def described(failures: Any) -> list[dict[str, Any]]:
    """Failed calls with the words for what they are."""
    return [{"call": failure, "title": status_title(failure.status)} for failure in failures]


def present_drift(endpoint: Endpoint, *, hours: int = DAY, version: int | None = None) -> dict[str, Any]:
    """The drift of one version: the one with the largest share unless another is asked for."""
    versions = {target.version.number: target.version for target in endpoint.answering}
    chosen = versions.get(version or 0) or first_target(endpoint).version
    drift = services.drift_of(endpoint, chosen, hours=hours)
    return {
        "hours": hours,
        "drift_version": chosen,
        "drift_versions": [versions[number] for number in sorted(versions, reverse=True)],
        "drift": drift,
        "drift_level": level_of(drift.level) if drift else None,
        "drift_columns": [present_column(column) for column in drift.columns] if drift else [],
        "counted": counted(drift) if drift else [],
    }


def level_of(level: Any) -> Mapping[str, str]:
    return {"name": level, "title": str(LEVEL_WORDS[level]), "tone": TONES[level]}


def present_column(column: ColumnDrift) -> dict[str, Any]:
    """A column with its bins as pairs of bars."""
    bins = bins_of(column)
    highest = max((share for one in bins for share in (one.training, one.live)), default=0) or 1.0
    return {
        "title": column_title(column.reference),
        "level": level_of(column.level),
        "index": column.index,
        "column": column,
        "bins": bins,
        "highest": highest,
        "missing": column.missing,
        "unseen": column.unseen,
    }


def counted(drift: Drift) -> list[dict[str, Any]]:
    """How many columns are at each level, the worst first."""
    counts = [{"level": level_of(level), "count": len(drift.having(level))} for level in reversed(LEVELS)]
    return [one for one in counts if one["count"]]
