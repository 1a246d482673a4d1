"""Telling predictors what endpoints answer with (`contracts.route.Route`). The database is the truth, Redis a copy."""

import json
import logging
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet
from redis.exceptions import RedisError

from modelyard import storage
from modelyard.accounts.key_publishing import publish_all_keys
from modelyard.contracts.route import ROUTES, Route, Target
from modelyard.endpoints.models import Endpoint, Release
from modelyard.endpoints.models import Target as Asked
from modelyard.mirroring import mirror
from modelyard.quotas.publishing import publish_all_limits
from modelyard.redis_connection import redis

log = logging.getLogger(__name__)


def publish_on_commit(endpoint: Endpoint) -> None:
    """Write the route of `endpoint` as it stands when the current transaction has committed, or take it away."""
    transaction.on_commit(partial(publish_route, endpoint.route_field))


def publish_route(field: str) -> None:
    """Make Redis say what the database says of an endpoint; while Redis is away it is left to the reconciler."""
    try:
        _write(field)
    except (RedisError, OSError) as fault:
        log.warning("the route %s was not published: %s", field, fault)


def publish_all_routes() -> None:
    """Make Redis say what the database says of every endpoint; what is right already stays. Raises `RedisError`."""
    for field in outdated_routes():
        _write(field)


def outdated_routes() -> set[str]:
    """The routes of which Redis does not say what the database says. Raises `RedisError`."""
    newest = Release.objects.values("endpoint").annotate(newest=Max("pk")).values("newest")
    current = {release.endpoint_id: release for release in Release.objects.filter(pk__in=newest)}
    routes = [route_of(endpoint, current.get(endpoint.pk)) for endpoint in _with_targets()]
    wanted = {route.field: _plain(route) for route in routes}
    written = {str(field): json.loads(text) for field, text in redis().hgetall(ROUTES).items()}
    return {field for field in wanted.keys() | written.keys() if wanted.get(field) != written.get(field)}


def publish_everything() -> None:
    """Write all routes, keys and limits: at the start, now and then, after Redis lost them. Raises `RedisError`."""
    publish_all_keys()
    publish_all_limits()
    publish_all_routes()


def route_of(endpoint: Endpoint, current: Release | None) -> Route:
    """What the predictor needs to know of an endpoint under its current release."""
    targets = sorted(endpoint.answering, key=lambda target: (-target.percent, target.version.number))
    shadow = endpoint.shadow
    return Route(
        name=endpoint.name,
        workspace=str(endpoint.workspace_id),
        endpoint=str(endpoint.id),
        model=endpoint.model.name,
        targets=tuple(_target_of(target) for target in targets),
        labels={alias.name: alias.version.number for alias in endpoint.model.aliases.all()},
        keys=current.keys if current is not None else {},
        shadow=_target_of(shadow) if shadow is not None else None,
        release=str(current.pk) if current is not None else "",
    )


def _target_of(target: Asked) -> Target:
    version = target.version
    return Target(
        version=version.number,
        artifact=storage.address_of(version.folder),
        sha256=version.sha256,
        percent=target.percent,
    )


def latest_release(endpoint: Endpoint) -> Release | None:
    return endpoint.releases.order_by("-pk").first()


def _with_targets() -> QuerySet[Endpoint]:
    return Endpoint.objects.select_related("model").prefetch_related("targets__version", "model__aliases__version")


def _write(field: str) -> None:
    workspace, name = field.split("/", 1)

    def read() -> dict[str, Any] | None:
        endpoint = _with_targets().filter(workspace_id=UUID(workspace), name=name).first()
        return _plain(route_of(endpoint, latest_release(endpoint))) if endpoint is not None else None

    mirror(ROUTES, field, read, kind="routes")


def _plain(route: Route) -> dict[str, Any]:
    """The route as it reads back from JSON, where tuples are lists."""
    plain: dict[str, Any] = json.loads(json.dumps(route.to_json()))
    return plain
