"""The exact ledger: what a workspace may still take, what it has taken, and what it gave back.

    reserve ──► commit ──► release          every step once per subject; a repeated call changes nothing
        └─────► refund

A reservation is one conditional UPDATE of the quota's own columns, so no two requests can both take what is left: on
SQLite (`BEGIN IMMEDIATE`) and on PostgreSQL, which after waiting for a row checks it again, but nothing joined to it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import IntegrityError, transaction
from django.db.models import F, Q, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise

from modelyard.accounts.models import User, Workspace
from modelyard.accounts.services import record
from modelyard.contracts.crash_points import reach
from modelyard.errors import InvalidInput, NotAllowed, QuotaExceeded
from modelyard.quotas import publishing
from modelyard.quotas.kinds import KINDS, QuotaKind
from modelyard.quotas.models import EntryState, Quota, UsageEntry
from modelyard.quotas.warning import note_reached
from modelyard.quotas.wording import say_exceeded

MOST = 2**53
"""The largest limit and amount: whole numbers up to here survive JSON and JavaScript."""


@dataclass(frozen=True, kw_only=True)
class QuotaStatus:
    """One limit of a workspace and what stands against it now."""

    kind: str
    title: str | Promise
    unit: str
    limit: int
    used: int
    reserved: int
    period: str

    @property
    def taken(self) -> int:
        return self.used + self.reserved

    @property
    def left(self) -> int:
        return max(0, self.limit - self.taken)


@dataclass(frozen=True, kw_only=True)
class Discrepancy:
    """A quota whose counters differ from the sum of its ledger."""

    quota: Quota
    used: int
    reserved: int


@transaction.atomic
def reserve(workspace: Workspace, kind: str, amount: int, *, subject: str, at: datetime | None = None) -> None:
    """Take `amount` for `subject` in the period of `at` (now), to be settled by `commit` or `refund`.

    Raises `QuotaExceeded`, `InvalidInput`.
    """
    _check_amount(amount)
    if _open_entry_of(workspace, kind, subject) is not None:
        return
    quota = _current_quota(workspace, kind, at)
    taken = Quota.objects.filter(pk=quota.pk, limit__gte=F("used") + F("reserved") + amount).update(
        reserved=F("reserved") + amount
    )
    if not taken:
        if _open_entry_of(workspace, kind, subject) is not None:
            return
        quota.refresh_from_db()
        raise QuotaExceeded(say_exceeded(KINDS[kind], quota, amount), kind=kind)
    if not _note_reservation(quota, subject, amount):
        Quota.objects.filter(pk=quota.pk).update(reserved=F("reserved") - amount)
    note_reached(quota, at)


def require_left(workspace: Workspace, kind: str, amount: int = 1, *, at: datetime | None = None) -> None:
    """Raise `QuotaExceeded` where less than `amount` is left in the period of `at` (now); nothing is taken."""
    quota = _current_quota(workspace, kind, at)
    if quota.used + quota.reserved + amount > quota.limit:
        raise QuotaExceeded(say_exceeded(KINDS[kind], quota, amount), kind=kind)


@transaction.atomic
def commit(workspace: Workspace, kind: str, *, subject: str, amount: int, at: datetime | None = None) -> bool:
    """Turn the reservation of `subject` into use of `amount`, which may differ. False where none is open."""
    _check_amount(amount)
    entry = _entry_of(workspace, kind, subject)
    if entry is None or not _move(entry, EntryState.RESERVED, EntryState.COMMITTED, amount):
        return False
    Quota.objects.filter(pk=entry.quota_id).update(reserved=F("reserved") - entry.amount, used=F("used") + amount)
    note_reached(entry.quota, at)
    return True


@transaction.atomic
def refund(workspace: Workspace, kind: str, *, subject: str) -> bool:
    """Give the open reservation of `subject` back. False where none is open."""
    entry = _entry_of(workspace, kind, subject)
    if entry is None or not _move(entry, EntryState.RESERVED, EntryState.REFUNDED, entry.amount):
        return False
    Quota.objects.filter(pk=entry.quota_id).update(reserved=F("reserved") - entry.amount)
    return True


@transaction.atomic
def release(workspace: Workspace, kind: str, *, subject: str) -> bool:
    """Give back what `subject` holds, committed or only reserved: its files are deleted, its endpoint retired."""
    if KINDS[kind].period != "standing":
        raise ValueError(f"{kind} cannot be released: what was used up in a month stays used")
    entry = _entry_of(workspace, kind, subject)
    if entry is None:
        return False
    if not _move(entry, EntryState.COMMITTED, EntryState.REFUNDED, entry.amount):
        return refund(workspace, kind, subject=subject)
    Quota.objects.filter(pk=entry.quota_id).update(used=F("used") - entry.amount)
    return True


@transaction.atomic
def add_used(workspace: Workspace, kind: str, amount: int, *, subject: str, at: datetime | None = None) -> None:
    """Add to what `subject` has used in the month of `at` (now), above the limit too: it has already happened.

    For predictions, which the predictors count and limit. Not idempotent: call it in the transaction that marks the
    count as folded.
    """
    _check_amount(amount)
    quota = _current_quota(workspace, kind, at)
    Quota.objects.filter(pk=quota.pk).update(used=F("used") + amount)
    grown = UsageEntry.objects.filter(quota=quota, subject=subject).update(amount=F("amount") + amount)
    if not grown:
        UsageEntry.objects.create(
            quota=quota, subject=subject, amount=amount, state=EntryState.COMMITTED, settled_at=timezone.now()
        )
    note_reached(quota, at)


@transaction.atomic
def set_limit(workspace: Workspace, kind: str, limit: int, *, by: User, request: HttpRequest | None = None) -> None:
    """Change a limit at once. Below what is used, it blocks new work only. Raises `NotAllowed`, `InvalidInput`."""
    if not by.is_staff:
        raise NotAllowed("only an operator changes quotas; ask yours to raise this one")
    if kind not in KINDS:
        raise InvalidInput({"kind": f"must be one of {', '.join(KINDS)}, got {kind}"})
    if isinstance(limit, bool) or not 0 <= limit <= MOST:
        raise InvalidInput({"limit": f"must be a whole number from 0 to {MOST}, got {limit}"})
    quota = _current_quota(workspace, kind)
    Quota.objects.filter(pk=quota.pk).update(limit=limit)
    subject = f"{workspace.pk}/{kind}"
    record("quota.change", subject, by=by, workspace=workspace, request=request, before=quota.limit, after=limit)
    note_reached(quota)
    publishing.publish_on_commit(workspace)
    reach("quota.set.before_commit")


def overview(workspace: Workspace, *, at: datetime | None = None) -> list[QuotaStatus]:
    """Return every kind with its limit and what stands against it at `at` (now); writes nothing."""
    newest = _newest_quotas([workspace])
    return [_status(kind, newest.get((workspace.pk, kind.name)), at) for kind in KINDS.values()]


def overviews(workspaces: list[Workspace], *, at: datetime | None = None) -> dict[Workspace, list[QuotaStatus]]:
    """Return `overview` of many workspaces with one query."""
    newest = _newest_quotas(workspaces)
    return {
        workspace: [_status(kind, newest.get((workspace.pk, kind.name)), at) for kind in KINDS.values()]
        for workspace in workspaces
    }


def audit() -> list[Discrepancy]:
    """Return every quota whose counters are not the sum of its ledger; none is the only right answer."""
    summed = Quota.objects.annotate(
        ledger_used=Sum("entries__amount", filter=Q(entries__state=EntryState.COMMITTED), default=0),
        ledger_reserved=Sum("entries__amount", filter=Q(entries__state=EntryState.RESERVED), default=0),
    )
    wrong = summed.exclude(used=F("ledger_used"), reserved=F("ledger_reserved"))
    return [Discrepancy(quota=quota, used=quota.ledger_used, reserved=quota.ledger_reserved) for quota in wrong]


def period_of(kind: QuotaKind, at: datetime | None = None) -> str:
    """The period that `at` (now) falls into: "YYYY-MM" in UTC for monthly kinds, "" for the others."""
    return (at or timezone.now()).astimezone(UTC).strftime("%Y-%m") if kind.period == "monthly" else ""


def _current_quota(workspace: Workspace, kind: str, at: datetime | None = None) -> Quota:
    """Find the row of this period, or make it with the limit of the period before, else the default."""
    period = period_of(KINDS[kind], at)
    found = Quota.objects.filter(workspace=workspace, kind=kind, period=period).first()
    if found is not None:
        return found
    former = Quota.objects.filter(workspace=workspace, kind=kind, period__lt=period).order_by("-period").first()
    limit = former.limit if former is not None else KINDS[kind].default
    return Quota.objects.get_or_create(workspace=workspace, kind=kind, period=period, defaults={"limit": limit})[0]


def _entry_of(workspace: Workspace, kind: str, subject: str) -> UsageEntry | None:
    """The newest line of `subject`: work that began last month is settled in last month's books."""
    lines = UsageEntry.objects.filter(quota__workspace=workspace, quota__kind=kind, subject=subject)
    lines = lines.select_related("quota")
    return lines.order_by("-quota__period").first()


def _open_entry_of(workspace: Workspace, kind: str, subject: str) -> UsageEntry | None:
    entry = _entry_of(workspace, kind, subject)
    return entry if entry is not None and entry.state != EntryState.REFUNDED else None


def _note_reservation(quota: Quota, subject: str, amount: int) -> bool:
    """Write the line of a reservation; False where another request has just reserved for the same subject."""
    reopened = UsageEntry.objects.filter(quota=quota, subject=subject, state=EntryState.REFUNDED).update(
        state=EntryState.RESERVED, amount=amount, created_at=timezone.now(), settled_at=None
    )
    if reopened:
        return True
    try:
        with transaction.atomic():
            UsageEntry.objects.create(quota=quota, subject=subject, state=EntryState.RESERVED, amount=amount)
    except IntegrityError:
        return False
    return True


def _move(entry: UsageEntry, old: EntryState, new: EntryState, amount: int) -> bool:
    """Settle a line, unless somebody else has done so since it was read."""
    moved = UsageEntry.objects.filter(pk=entry.pk, state=old, amount=entry.amount).update(
        state=new, amount=amount, settled_at=timezone.now()
    )
    return moved == 1


def _newest_quotas(workspaces: list[Workspace]) -> dict[tuple[object, str], Quota]:
    rows = Quota.objects.filter(workspace__in=workspaces).order_by("period")
    return {(row.workspace_id, row.kind): row for row in rows}


def _status(kind: QuotaKind, quota: Quota | None, at: datetime | None) -> QuotaStatus:
    period = period_of(kind, at)
    current = quota is not None and quota.period == period
    return QuotaStatus(
        kind=kind.name,
        title=kind.title,
        unit=kind.unit,
        limit=quota.limit if quota is not None else kind.default,
        used=quota.used if quota is not None and current else 0,
        reserved=quota.reserved if quota is not None and current else 0,
        period=period,
    )


def _check_amount(amount: int) -> None:
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 <= amount <= MOST:
        raise InvalidInput({"amount": f"must be a whole number from 0 to {MOST}, got {amount!r}"})
