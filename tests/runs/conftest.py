import pytest

from modelyard.accounts.models import User, Workspace
from modelyard.datasets.models import DatasetVersion
from modelyard.runs.models import TrainingRun
from tests.runs.making import make_run, make_version


@pytest.fixture
def version(workspace: Workspace, alice: User) -> DatasetVersion:
    return make_version(workspace, alice)


@pytest.fixture
def run(version: DatasetVersion, alice: User) -> TrainingRun:
    """A queued run."""
    return make_run(version, alice)
