"""Small real data sets and runs, without an upload: rows, profiles and the files that training would read."""

import csv
import io
import uuid
from collections.abc import Sequence
from typing import Any

import pyarrow
import pyarrow.parquet as parquet

from modelyard import storage
from modelyard.accounts.models import User, Workspace
from modelyard.contracts.profile import Bar, ColumnProfile, Problem, Profile
from modelyard.datasets.models import Dataset, DatasetVersion, VersionState
from modelyard.runs import services
from modelyard.runs.models import TrainingRun


def column(name: str, kind: str, **facts: Any) -> ColumnProfile:
    return ColumnProfile(name=name, kind=kind, **{"distinct": 30, **facts})  # type: ignore[arg-type]


def flowers(rows: int = 150, *, warnings: Sequence[Problem] = (), **columns: ColumnProfile | None) -> Profile:
    """The profile of a table of flowers; a column given by name replaces or adds one, None takes it away."""
    standard: dict[str, ColumnProfile | None] = {
        "plant": column("plant", "identifier", distinct=rows),
        "length": column("length", "number", distinct=60, minimum=1.0, maximum=7.0),
        "width": column("width", "number", distinct=40, minimum=0.1, maximum=2.5),
        "color": column("color", "category", distinct=3),
        "price": column("price", "number", distinct=120),
        "species": column(
            "species",
            "category",
            distinct=3,
            bars=tuple(Bar(value=name, count=rows // 3) for name in ("setosa", "versicolor", "virginica")),
        ),
    }
    kept = {**standard, **columns}
    return Profile(
        kind="table", rows=rows, columns=tuple(c for c in kept.values() if c is not None), warnings=tuple(warnings)
    )


def pictures(counts: Sequence[int] = (30, 30)) -> Profile:
    classes = tuple(Bar(value=f"class {number}", count=count) for number, count in enumerate(counts))
    return Profile(kind="images", rows=sum(counts), classes=classes, details={"median_width": 28, "median_height": 28})


def make_version(
    workspace: Workspace, by: User, profile: Profile | None = None, name: str = "Flowers"
) -> DatasetVersion:
    dataset, _made = Dataset.objects.get_or_create(workspace=workspace, name=name, defaults={"created_by": by})
    profile = profile or flowers()
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=dataset.versions.count() + 1,
        state=VersionState.READY,
        filename="flowers.csv",
        size=1,
        sha256="0" * 64,
        profile=profile.to_json(),
        created_by=by,
    )
    storage.version_folder(version.pk).mkdir(parents=True)
    if profile.kind == "table":
        write_table(version, {c.name: ["1", "2", None] for c in profile.columns})
    return version


def write_table(version: DatasetVersion, columns: dict[str, list[str | None]]) -> None:
    table = pyarrow.table({name: pyarrow.array(values, pyarrow.string()) for name, values in columns.items()})
    parquet.write_table(table, storage.version_folder(version.pk) / "table.parquet")


def make_run(version: DatasetVersion, by: User, **wishes: Any) -> TrainingRun:
    asked = {"model_template": "tabular_classifier", "target": "species", **wishes}
    return services.request_run(version, by=by, **asked)


def csv_text(rows: Sequence[Sequence[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def unknown_id() -> str:
    return str(uuid.uuid4())
