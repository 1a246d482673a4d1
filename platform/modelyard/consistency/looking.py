"""Looking at everything, one subject after the other."""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from modelyard.consistency import books, debris, files, histories, mirrors, winners, witnesses, work
from modelyard.consistency.findings import CannotLook, Check, Finding, Look

SUBJECTS: Mapping[str, tuple[Check, ...]] = {
    "files": (files.check_files, files.check_uploads),
    "debris": (debris.check_debris, debris.check_strangers),
    "work": (work.check_work, work.check_attempts, work.check_reading, winners.check_winners),
    "books": (books.check_sums, books.check_reservations, books.check_charges),
    "histories": (histories.check_histories,),
    "audit": (witnesses.check_chain, witnesses.check_witnesses, witnesses.check_receipts),
    "mirrors": (mirrors.check_mirrors,),
}
"""What can be looked at, by the name that it is left out by."""
SETTLING_SECONDS = 1.0
"""What is found is looked for again after so long: it may have been caught between two steps of somebody at work."""


@dataclass(kw_only=True)
class Report:
    """What was found; `unseen` says of a subject why it could not be looked at, `seen` counts what was looked at."""

    findings: list[Finding] = field(default_factory=list)
    unseen: dict[str, str] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        return not self.findings and not self.unseen

    def to_json(self) -> dict[str, Any]:
        return {
            "clean": self.clean,
            "findings": [finding.to_json() for finding in self.findings],
            "unseen": self.unseen,
            "seen": dict(sorted(self.seen.items())),
        }


def look_at_all(*, quick: bool = False, now: bool = False, skip: Collection[str] = ()) -> Report:
    """Look at every subject but those to `skip`. Raises `CannotLook` where there is no database to look at."""
    _require_database()
    report = Report()
    for subject, checks in SUBJECTS.items():
        if subject in skip:
            continue
        for check in checks:
            look = Look(quick=quick, now=now)
            try:
                report.findings += _confirmed(check, look)
            except CannotLook as fault:
                report.unseen[subject] = str(fault)
            except DatabaseError as fault:
                report.unseen[subject] = f"the database does not answer: {' '.join(str(fault).split())}"
            report.seen += look.seen
    return report


def _confirmed(check: Check, look: Look) -> list[Finding]:
    """What a check finds twice. Files are looked at once: each was compared with its row again (`files`)."""
    found = list(check(look))
    if not found or check is files.check_files:
        return found
    time.sleep(SETTLING_SECONDS)
    again = set(check(Look(quick=look.quick, now=look.now)))
    return [finding for finding in found if finding in again]


def _require_database() -> None:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, OSError) as fault:
        raise CannotLook(f"the database does not answer: {' '.join(str(fault).split())}") from fault
    if pending:
        raise CannotLook(f"{len(pending)} migrations are not applied; run manage.py prepare")
