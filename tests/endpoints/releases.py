"""What tests of releases share."""

import json
from typing import Any

from modelyard.accounts.models import Workspace
from modelyard.contracts import route
from modelyard.endpoints import services
from modelyard.endpoints.models import Endpoint, Release
from tests.endpoints.conftest import Mirror

FAST = (100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def use(mirror: Mirror, workspace: Workspace, version: int, **fields: Any) -> None:
    mirror.use(workspace, version=version, requests=100, predictions=100, latencies=FAST, **fields)
    services.fold_usage()


def current(endpoint: Endpoint) -> Release:
    return endpoint.releases.order_by("-pk")[0]


def tell_shadow(mirror: Mirror, release: Release, **found: Any) -> None:
    endpoint = release.endpoint
    told = route.Shadowing(
        workspace=str(endpoint.workspace_id), endpoint=endpoint.name, release=str(release.pk), version=2, **found
    )
    mirror.redis.xadd(route.SHADOWS, {"shadowing": json.dumps(told.to_json())})
