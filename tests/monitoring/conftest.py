"""The endpoint of `tests.endpoints`, and predictors that tell of it."""

from typing import Any

import pytest

from modelyard.endpoints.models import Endpoint
from tests.endpoints import conftest as endpoints
from tests.monitoring.telling import Predictors

committing, mirror, version, endpoint = endpoints.committing, endpoints.mirror, endpoints.version, endpoints.endpoint


@pytest.fixture
def predictors(redis: Any, endpoint: Endpoint) -> Predictors:
    return Predictors(redis, endpoint)
