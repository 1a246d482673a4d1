"""How an endpoint is: what the running predictors last said of it."""

import json
import time
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from modelyard.contracts.route import PREDICTORS
from modelyard.endpoints.models import Endpoint
from modelyard.redis_connection import redis

State = Literal["live", "loading", "failed", "unreachable"]
SILENT_SECONDS = 15
TITLES: dict[State, Promise] = {
    "live": _("Live"),
    "loading": _("Loading"),
    "failed": _("Failed"),
    "unreachable": _("Unreachable"),
}


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """`versions` says of each version that a predictor holds how many predictors answer with it; `shadow_fault` why
    one of them cannot ask the shadow."""

    state: State
    message: str = ""
    predictors: int = 0
    shadow_fault: str = ""
    versions: dict[int, int]

    @property
    def title(self) -> str:
        return str(TITLES[self.state])


def read_reports() -> list[dict[str, Any]]:
    """Return what every predictor said of all routes, without those that fell silent; nothing while Redis is away."""
    try:
        texts = redis().hvals(PREDICTORS)
    except (RedisError, OSError):
        return []
    reports = [json.loads(text) for text in texts]
    return [report for report in reports if report["at"] > time.time() - SILENT_SECONDS]


def state_of(endpoint: Endpoint, reports: list[dict[str, Any]] | None = None) -> EndpointState:
    """Say how `endpoint` is: live when every predictor answers with every version of its current release."""
    said = read_reports() if reports is None else reports
    if not said:
        return EndpointState(state="unreachable", message=str(_("No predictor is running.")), versions={})
    wanted = [target.version.number for target in endpoint.answering]
    entries = [report["routes"].get(endpoint.route_field, {}) for report in said]
    versions = {
        number: sum(entry.get("versions", {}).get(str(number)) == "AVAILABLE" for entry in entries) for number in wanted
    }
    failed = next((entry for entry in entries if entry.get("state") == "failed"), None)
    state: State = "loading"
    if failed is not None:
        state = "failed"
    elif all(entry.get("state") == "live" for entry in entries) and all(
        count == len(said) for count in versions.values()
    ):
        state = "live"
    message = failed.get("message", "") if failed else ""
    shadow_fault = next((text for entry in entries if (text := entry.get("shadow", {}).get("message"))), "")
    return EndpointState(
        state=state, message=message, predictors=len(said), versions=versions, shadow_fault=shadow_fault
    )
