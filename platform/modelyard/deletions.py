"""What was deleted is announced, so that whoever keeps receipts hears of every deletion, wherever it is made."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from uuid import UUID

from django.dispatch import Signal

from modelyard.accounts.models import User, Workspace

deleted = Signal()
"""Sent with `deletion`, inside the transaction that deletes."""


@dataclass(frozen=True, kw_only=True)
class Weight:
    """How many files lie below folders, and their bytes."""

    files: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, folders: Iterable[Path]) -> Self:
        """What is here; an object store's copies that are not here are not counted."""
        paths = [path for folder in folders for path in _below(folder)]
        return cls(files=len(paths), bytes=sum(path.stat().st_size for path in paths))

    def __add__(self, other: "Weight") -> "Weight":
        return Weight(files=self.files + other.files, bytes=self.bytes + other.bytes)


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """`kind` and `subject` say what a person deleted, `rows` what went with it, by the name of its model."""

    kind: str
    subject: str
    workspace: UUID | None
    by: UUID | None
    rows: Counter[str] = field(default_factory=Counter)
    weight: Weight = field(default_factory=Weight)


def announce(
    kind: str, subject: object, *, workspace: Workspace | None, by: User | None, rows: Mapping[str, int], weight: Weight
) -> None:
    """Say that something was deleted; `rows` as Django's `delete` returns them."""
    counted = Counter({name: count for name, count in rows.items() if count})
    place, person = workspace.pk if workspace is not None else None, by.pk if by is not None else None
    deletion = Deletion(kind=kind, subject=str(subject), workspace=place, by=person, rows=counted, weight=weight)
    deleted.send(sender=None, deletion=deletion)


def _below(path: Path) -> Iterable[Path]:
    return [found for found in path.rglob("*") if found.is_file()] if path.is_dir() else [path] * path.is_file()
