"""Which folders of files belong to which rows, and what of them a backup takes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from modelyard.contracts.artifact import MANIFEST
from modelyard.contracts.batch import RESULT

ARRIVED = ("source", "request.json")
"""What is there of a file that was not read yet; everything else a reader may be writing."""


@dataclass(frozen=True, kw_only=True)
class Filing:
    """A folder `kind`/`subject` that a row of `table` refers to. `column` is where the seal is, "" where none is kept.

    `names` are the files that matter, none for all of them. `manifest`: see `storage.keep`.
    """

    kind: str
    subject: UUID
    table: str
    column: str
    seal: str
    names: tuple[str, ...] = ()
    manifest: str = ""

    @property
    def folder(self) -> Path:
        return Path(settings.ENVIRONMENT.storage) / self.kind / str(self.subject)

    def files(self, folder: Path) -> Iterator[tuple[str, Path]]:
        """Name and place of each file, by what is there now."""
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            wanted = not self.names or name in self.names
            if wanted and path.is_file() and not path.is_symlink() and not name.endswith(".partial"):
                yield f"storage/{self.kind}/{self.subject}/{name}", path


QUERIES = (
    ("datasets", "datasets_datasetversion", "seal", "SELECT id, seal, state FROM datasets_datasetversion"),
    ("artifacts", "registry_modelversion", "", "SELECT id, sha256, '' FROM registry_modelversion"),
    (
        "batches",
        "batches_batchprediction",
        "seal",
        "SELECT id, seal, '' FROM batches_batchprediction WHERE state IN ('queued', 'running')",
    ),
    (
        "predictions",
        "batches_batchprediction",
        "result_seal",
        "SELECT id, result_seal, '' FROM batches_batchprediction WHERE result_size IS NOT NULL",
    ),
)
"""Kind, table, column of the seal, and how to find id, seal and state."""

KINDS = tuple(kind for kind, *_rest in QUERIES)
ONLY = {"predictions": (RESULT,)}
"""Kinds of which only these files matter."""


def list_filings(fetch: Callable[[str], list[Sequence[Any]]]) -> Iterator[Filing]:
    """Every folder that rows refer to, by what `fetch` answers."""
    for kind, table, column, sql in QUERIES:
        for subject, seal, state in fetch(sql):
            yield Filing(
                kind=kind,
                subject=UUID(str(subject)),
                table=table,
                column=column,
                seal=seal,
                names=ARRIVED if state == "uploaded" else ONLY.get(kind, ()),
                manifest=MANIFEST if kind == "artifacts" else "",
            )
