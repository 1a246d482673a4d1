import pytest

from modelyard.accounts.models import User, Workspace
from modelyard.batches.models import BatchPrediction
from modelyard.registry.models import ModelVersion
from tests.batches import making


@pytest.fixture(autouse=True)
def real_redis(redis: object) -> object:
    """Work is rung for, and spent predictions are told, over a real Redis."""
    return redis


@pytest.fixture
def version(workspace: Workspace, alice: User) -> ModelVersion:
    return making.register_model(workspace, alice)


@pytest.fixture
def batch(version: ModelVersion, alice: User) -> BatchPrediction:
    return making.make_batch(version, alice)
