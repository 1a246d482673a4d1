"""Acts on endpoints: publishing, releasing, retiring, and what each of them promises its callers."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from modelyard.accounts.models import Role, User, Workspace
from modelyard.accounts.services import record, require_role
from modelyard.contracts.crash_points import reach
from modelyard.contracts.signature import Signature
from modelyard.endpoints.folding import fold_usage
from modelyard.endpoints.models import Endpoint, Release, Target
from modelyard.endpoints.releasing import Plan, Split, check, point, require_promise
from modelyard.endpoints.rolling_back import judge_releases
from modelyard.endpoints.routes import publish_everything, publish_on_commit, publish_route
from modelyard.endpoints.shadows import fold_shadows
from modelyard.errors import Conflict, InvalidInput, NotFound
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import ENDPOINTS
from modelyard.registry import services as registry
from modelyard.registry.models import Alias, ModelVersion, RegisteredModel

__all__ = [
    "fold_shadows",
    "fold_usage",
    "get_endpoint",
    "interval_level_of",
    "judge_releases",
    "promise_of",
    "propose_name",
    "publish",
    "publish_everything",
    "release",
    "remove_alias",
    "retire",
    "set_alias",
]

SHOWN_LEVEL = 0.9
NAME = re.compile(r"^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$")


@transaction.atomic
def publish(
    workspace: Workspace,
    name: str,
    model: RegisteredModel,
    split: Split,
    *,
    by: User,
    request: HttpRequest | None = None,
) -> Endpoint:
    """Make an endpoint that answers with versions of `model`. Raises `InvalidInput`, `Conflict` and `QuotaExceeded`."""
    require_role(by, workspace, Role.EDITOR)
    if not NAME.fullmatch(name):
        words = _("must have 1 to 60 lower-case letters, digits and dashes, with no dash at either end; got %(name)s")
        raise InvalidInput({"name": words % {"name": repr(name[:80])}})
    checked = check(model, Plan(split=split))
    require_promise(checked.shares[0][0].promise, checked.versions.values())
    try:
        with transaction.atomic():
            endpoint = Endpoint.objects.create(workspace=workspace, name=name, model=model, created_by=by)
    except IntegrityError:
        words = _("there is already an endpoint %(name)s in %(workspace)s; choose another name")
        raise Conflict(words % {"name": name, "workspace": workspace.name}, code="name_taken") from None
    subject = _quota_subject(endpoint)
    quotas.reserve(workspace, ENDPOINTS.name, 1, subject=subject)
    quotas.commit(workspace, ENDPOINTS.name, subject=subject, amount=1)
    made = point(endpoint, checked, by=by)
    _record("endpoint.publish", endpoint, by=by, request=request, model=model.name, split=made.split)
    reach("endpoint.publish.before_commit")
    return endpoint


@transaction.atomic
def release(
    endpoint: Endpoint,
    split: Split,
    *,
    by: User,
    keys: Mapping[str, int] | None = None,
    shadow: int | None = None,
    guard: Mapping[str, Any] | None = None,
    request: HttpRequest | None = None,
) -> Release:
    """Let `endpoint` answer with other versions of its model; what is left out is off from then on.

    Raises `InvalidInput`, also where its promise would break.
    """
    require_role(by, endpoint.workspace, Role.EDITOR)
    locked = Endpoint.objects.select_for_update(of=("self",)).select_related("model__workspace").get(pk=endpoint.pk)
    checked = check(locked.model, Plan(split=split, keys=keys or {}, shadow=shadow, guard=guard))
    require_promise(promise_of(locked), checked.versions.values())
    made = point(locked, checked, by=by)
    more = {"keys": made.keys, "shadow": made.shadow, "guard": made.guard}
    told = {name: value for name, value in more.items() if value}
    _record("endpoint.release", locked, by=by, request=request, split=made.split, **told)
    reach("endpoint.release.before_commit")
    return made


@transaction.atomic
def retire(endpoint: Endpoint, *, by: User, request: HttpRequest | None = None) -> None:
    """Delete an endpoint: callers get "not found" from now on, and its place in the quota is free again."""
    workspace, field, subject = endpoint.workspace, endpoint.route_field, _quota_subject(endpoint)
    require_role(by, workspace, Role.EDITOR)
    _record("endpoint.delete", endpoint, by=by, request=request)
    endpoint.delete()
    quotas.release(workspace, ENDPOINTS.name, subject=subject)
    transaction.on_commit(partial(publish_route, field))
    reach("endpoint.retire.before_commit")


@transaction.atomic
def set_alias(version: ModelVersion, name: str, *, by: User, request: HttpRequest | None = None) -> Alias:
    """Let a word mean a version, for the callers of the model's endpoints too. Raises `InvalidInput`."""
    alias = registry.set_alias(version, name, by=by, request=request)
    _republish(version.model)
    reach("alias.set.before_commit")
    return alias


@transaction.atomic
def remove_alias(model: RegisteredModel, name: str, *, by: User, request: HttpRequest | None = None) -> None:
    """Take a word away from a model and its endpoints. Raises `NotFound`."""
    registry.remove_alias(model, name, by=by, request=request)
    _republish(model)
    reach("alias.remove.before_commit")


def get_endpoint(workspace: Workspace, name: str) -> Endpoint:
    """Return the endpoint of that name. Raises `NotFound`."""
    endpoint = (
        Endpoint.objects.filter(workspace=workspace, name=name)
        .select_related("model", "workspace", "created_by")
        .prefetch_related("targets__version")
        .first()
    )
    if endpoint is None:
        words = _("there is no endpoint %(name)s in %(workspace)s")
        raise NotFound(words % {"name": repr(name[:80]), "workspace": workspace.name})
    return endpoint


def promise_of(endpoint: Endpoint) -> Signature:
    """What callers may rely on: what the version with the largest share takes and gives."""
    return first_target(endpoint).version.promise


def interval_level_of(endpoint: Endpoint) -> float | None:
    """The level at which the playground asks for intervals; None where not every version that answers gives them."""
    offered = [set(target.version.promise.output.levels) for target in endpoint.answering]
    shared = set.intersection(*offered) if offered else set()
    return min(shared, key=lambda level: abs(level - SHOWN_LEVEL), default=None)


def first_target(endpoint: Endpoint) -> Target:
    """The version with the largest share of the calls."""
    return min(endpoint.answering, key=lambda target: (-target.percent, target.version.number))


def propose_name(model: RegisteredModel) -> str:
    """Return a free name for an endpoint of `model`, made of the model's own name."""
    letters = re.sub(r"[^a-z0-9]+", "-", model.name.lower()).strip("-")[:50].strip("-") or "model"
    taken = set(Endpoint.objects.filter(workspace=model.workspace).values_list("name", flat=True))
    numbered = (letters if number == 1 else f"{letters}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in numbered if name not in taken)


def _republish(model: RegisteredModel) -> None:
    for endpoint in model.endpoints.all():
        publish_on_commit(endpoint)


def _record(action: str, endpoint: Endpoint, *, by: User, request: HttpRequest | None, **details: Any) -> None:
    subject, workspace = str(endpoint.id), endpoint.workspace
    record(action, subject, by=by, workspace=workspace, request=request, name=endpoint.name, **details)


def _quota_subject(endpoint: Endpoint) -> str:
    return f"endpoint:{endpoint.id}"
