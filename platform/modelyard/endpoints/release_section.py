"""What the page of an endpoint says of its releases."""

from typing import Any

from django.http import QueryDict

from modelyard.endpoints.guarding import Watch, in_words, watch
from modelyard.endpoints.models import Endpoint, Release, ShadowResult, Verdict
from modelyard.endpoints.release_form import ReleaseForm, keys_to_choose
from modelyard.endpoints.rolling_back import former_release
from modelyard.endpoints.routes import latest_release
from modelyard.endpoints.usage import Calls
from modelyard.registry.models import ModelVersion

MOST_RELEASES = 20


def release_section(
    endpoint: Endpoint, versions: list[ModelVersion], calls: dict[int, Calls], form: ReleaseForm | None
) -> dict[str, Any]:
    """Versions with their shares and calls, the current release, and the ones before."""
    current = latest_release(endpoint)
    return {
        "shares": _shares(endpoint, versions, calls, form.data if form is not None else None),
        "release_form": form
        or ReleaseForm(endpoint, versions, initial={"shadow": current.shadow if current else None}),
        "keys": keys_to_choose(endpoint, current),
        "current": current,
        "watched": _watch_of(current),
        "shadow_result": _result_of(current),
        "releases": _releases(endpoint),
        "predicts_labels": any(target.version.promise.output.kind == "label" for target in endpoint.answering),
    }


def _shares(
    endpoint: Endpoint, versions: list[ModelVersion], calls: dict[int, Calls], sent: Any
) -> list[dict[str, Any]]:
    """Every version of the model that could answer, with its share (or the one just asked for) and its calls."""
    percents = {target.version.number: str(target.percent) for target in endpoint.answering}
    if isinstance(sent, QueryDict):
        percents = {version.number: sent.get(f"percent-{version.number}", "0") for version in versions}
    return [
        {
            "version": version,
            "percent": percents.get(version.number, "0"),
            "calls": calls.get(version.number, Calls()),
        }
        for version in versions
    ]


def _watch_of(current: Release | None) -> Watch | None:
    if current is None or current.verdict != Verdict.WATCHING:
        return None
    former = former_release(current)
    return watch(current, former) if former is not None else None


def _result_of(current: Release | None) -> ShadowResult | None:
    if current is None or current.shadow is None:
        return None
    return ShadowResult.objects.filter(release=current).first() or ShadowResult(release=current)


def _releases(endpoint: Endpoint) -> list[dict[str, Any]]:
    """The newest releases, the current one first."""
    newest = endpoint.releases.select_related("created_by").order_by("-id")[:MOST_RELEASES]
    return [{"release": one, "reason": in_words(one.reason) if one.reason else ""} for one in newest]
