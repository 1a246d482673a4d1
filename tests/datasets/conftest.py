"""Fixtures of the data sets' tests: signed-in clients, small files, versions that have been read."""

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from modelyard.accounts.keys import create_key
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.profile import Bar, ColumnProfile, Problem, Profile
from modelyard.datasets import services
from modelyard.datasets.models import DatasetVersion

CSV = b"age,city\n31,Bonn\n44,Ulm\n,Bonn\n"


@pytest.fixture
def api(alice: User, workspace: Workspace) -> Client:
    """Alice's programs: every request carries her key."""
    return api_client(alice, workspace, ["write"])


def api_client(user: User, workspace: Workspace, scopes: list[str]) -> Client:
    _key, text = create_key("tests", workspace=workspace, user=user, scopes=scopes)
    return Client(headers={"Authorization": f"Bearer {text}"})


def csv_file(content: bytes = CSV, name: str = "people.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, content_type="text/csv")


def people_profile(**changes: object) -> Profile:
    """What ingesting would say of `CSV`."""
    found = {
        "kind": "table",
        "rows": 3,
        "columns": (
            ColumnProfile(
                name="age",
                kind="number",
                missing=1,
                distinct=2,
                minimum=31.0,
                maximum=44.0,
                mean=37.5,
                median=37.5,
                deviation=6.5,
                bars=(Bar(count=1, low=31.0, high=37.5), Bar(count=1, low=37.5, high=44.0)),
                examples=("31", "44"),
            ),
            ColumnProfile(
                name="city",
                kind="category",
                distinct=2,
                bars=(Bar(count=2, value="Bonn"), Bar(count=1, value="Ulm")),
                examples=("Bonn", "Ulm"),
            ),
        ),
        "preview": (("31", "Bonn"), ("44", "Ulm"), (None, "Bonn")),
        "warnings": (Problem(code="few_rows", message="Only 3 rows; a model needs more.", column=None),),
    }
    return Profile(**{**found, **changes})  # type: ignore[arg-type]


@pytest.fixture
def uploaded(alice: User, workspace: Workspace) -> DatasetVersion:
    """A version that waits to be read."""
    return services.create_dataset(workspace, "People", by=alice, file=csv_file()).versions.get()


@pytest.fixture
def settle() -> Callable[[DatasetVersion, Profile], DatasetVersion]:
    """Read a version as the worker does, finding what the test says."""

    def settle_as(version: DatasetVersion, profile: Profile) -> DatasetVersion:
        claimed = services.claim_version(version.pk)
        assert claimed is not None
        assert services.settle_version(claimed, profile)
        return DatasetVersion.objects.get(pk=version.pk)

    return settle_as


@pytest.fixture
def ready(uploaded: DatasetVersion, settle: Callable[[DatasetVersion, Profile], DatasetVersion]) -> DatasetVersion:
    return settle(uploaded, people_profile())
