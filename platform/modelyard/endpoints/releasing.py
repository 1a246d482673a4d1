"""What a release asks for, checked against the model's versions and the endpoint's promise, and made so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from modelyard.accounts.models import ApiKey, User, Workspace
from modelyard.contracts.signature import Signature
from modelyard.endpoints.compatibility import breaks
from modelyard.endpoints.guarding import Breach, Guard, compared_versions
from modelyard.endpoints.models import Endpoint, Release, Target, Verdict, VersionMinute
from modelyard.endpoints.routes import latest_release, publish_on_commit
from modelyard.errors import InvalidInput
from modelyard.registry.models import ModelVersion, RegisteredModel

MAX_KEYS = 100
Split = Sequence[Mapping[str, Any]]
"""`[{"version": 3, "percent": 100}]`"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A release as it is asked for: `keys` maps ids of API keys to versions, `shadow` is a version, `guard` JSON."""

    split: Split
    keys: Mapping[str, int] = field(default_factory=dict)
    shadow: int | None = None
    guard: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A plan whose versions exist (and are held until the transaction ends) and whose words make sense."""

    shares: list[tuple[ModelVersion, int]]
    keys: dict[str, ModelVersion]
    shadow: ModelVersion | None
    guard: Guard | None

    @property
    def versions(self) -> dict[int, ModelVersion]:
        """Every version that may answer or is asked."""
        asked = [version for version, _percent in self.shares] + list(self.keys.values())
        return {version.number: version for version in [*asked, *([self.shadow] if self.shadow else [])]}


def check(model: RegisteredModel, plan: Plan) -> Checked:
    """Check a plan against the versions and keys that there are. Raises `InvalidInput`."""
    percents = _percents_of(plan.split)
    keys = {key: _whole(number, "keys") for key, number in plan.keys.items()}
    shadow = None if plan.shadow is None else _whole(plan.shadow, "shadow")
    if shadow is not None and (shadow in percents or shadow in keys.values()):
        words = _("version %(number)s answers callers in this release, so it cannot be its shadow too")
        raise InvalidInput({"shadow": words % {"number": shadow}})
    versions = _find(model, {*percents, *keys.values(), *({shadow} if shadow is not None else ())})
    _require_keys(model.workspace, keys)
    return Checked(
        shares=[(versions[number], percent) for number, percent in percents.items()],
        keys={key: versions[number] for key, number in keys.items()},
        shadow=versions[shadow] if shadow is not None else None,
        guard=Guard.from_json(plan.guard) if plan.guard is not None else None,
    )


def require_promise(promise: Signature, versions: Iterable[ModelVersion]) -> None:
    """Raise `InvalidInput` for a version that takes or gives something else than callers rely on."""
    for version in versions:
        broken = breaks(promise, version.promise)
        if broken:
            words = _("%(version)s would break what callers rely on: %(broken)s. Publish it as a new endpoint")
            text = words % {"version": version, "broken": "; ".join(broken[:3])}
            raise InvalidInput({"version": text}, code="incompatible")


def point(endpoint: Endpoint, checked: Checked, *, by: User | None, reason: Breach | None = None) -> Release:
    """Let the endpoint be what was checked. Raises `InvalidInput` for a guard that has nothing to watch."""
    former = latest_release(endpoint)
    percents = {version.number: 0 for version in checked.versions.values()}
    percents |= {version.number: percent for version, percent in checked.shares}
    endpoint.targets.all().delete()
    Target.objects.bulk_create(
        Target(endpoint=endpoint, version=version, percent=percents[number], is_shadow=version == checked.shadow)
        for number, version in checked.versions.items()
    )
    made = Release(
        endpoint=endpoint,
        split=[{"version": version.number, "percent": percent} for version, percent in checked.shares],
        keys={key: version.number for key, version in checked.keys.items()},
        shadow=checked.shadow.number if checked.shadow else None,
        guard=checked.guard.to_json() if checked.guard else None,
        verdict=Verdict.WATCHING if checked.guard else "",
        reason=reason,
        created_by=by,
    )
    if checked.guard is not None:
        _require_news(made, former)
    stop_watching(endpoint)
    made.save()
    publish_on_commit(endpoint)
    return made


def stop_watching(endpoint: Endpoint) -> None:
    """The current release is replaced: its guard has nothing to watch any more."""
    endpoint.releases.filter(verdict=Verdict.WATCHING).update(verdict=Verdict.REPLACED)
    VersionMinute.objects.filter(endpoint=endpoint).delete()


def _require_news(release: Release, former: Release | None) -> None:
    if former is None:
        raise InvalidInput({"guard": _("needs a release before this one to compare it with")})
    new_ones, former_ones = compared_versions(release, former)
    if not new_ones or not former_ones:
        raise InvalidInput({"guard": _("has nothing to compare: no version gets more calls than before")})


def _percents_of(split: Split) -> dict[int, int]:
    percents: dict[int, int] = {}
    for share in split:
        number, percent = _whole(share.get("version"), "split"), _whole(share.get("percent"), "split")
        if number in percents:
            raise InvalidInput({"split": _("names version %(number)s twice") % {"number": number}})
        if not 1 <= percent <= 100:
            words = _("must give version %(number)s from 1 to 100 percent, got %(percent)s")
            raise InvalidInput({"split": words % {"number": number, "percent": percent}})
        percents[number] = percent
    if sum(percents.values()) != 100:
        words = _("must add up to 100 percent, got %(sum)s")
        raise InvalidInput({"split": words % {"sum": sum(percents.values())}})
    return percents


def _find(model: RegisteredModel, numbers: set[int]) -> dict[int, ModelVersion]:
    found = model.versions.select_for_update().filter(number__in=numbers)
    versions = {version.number: version for version in found}
    missing = [str(number) for number in sorted(numbers) if number not in versions]
    if missing:
        words = _("%(model)s has no version %(missing)s")
        raise InvalidInput({"version": words % {"model": model.name, "missing": ", ".join(missing)}})
    return versions


def _require_keys(workspace: Workspace, keys: Mapping[str, int]) -> None:
    if len(keys) > MAX_KEYS:
        words = _("may name at most %(most)s keys, got %(count)s")
        raise InvalidInput({"keys": words % {"most": MAX_KEYS, "count": len(keys)}})
    known = set(ApiKey.objects.filter(workspace=workspace, pk__in=keys).values_list("pk", flat=True))
    unknown = sorted(key for key in keys if key not in known)
    if unknown:
        words = _("%(workspace)s has no API key with the id %(unknown)s")
        told = {"workspace": workspace.name, "unknown": ", ".join(key[:20] for key in unknown[:5])}
        raise InvalidInput({"keys": words % told})


def _whole(value: object, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        if place == "split":
            raise InvalidInput({"split": _("must give version and percent of each as whole numbers")})
        raise InvalidInput({place: _("must name versions by whole numbers")})
    return value
