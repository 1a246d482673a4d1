"""What operators decide about the queue: which run goes before others, and how much of it a workspace gets."""

from collections.abc import Collection

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext

from modelyard.accounts.models import User, Workspace
from modelyard.accounts.services import record
from modelyard.errors import Conflict, InvalidInput, NotAllowed
from modelyard.leasing import tell
from modelyard.runs.models import Priority, QueueShare, RunState, TrainingRun
from modelyard.runs.queueing import USUAL_SHARE

SMALLEST_SHARE = 10
LARGEST_SHARE = 1000


@transaction.atomic
def set_priority(run: TrainingRun, priority: int, *, by: User, request: HttpRequest | None = None) -> None:
    """Let a waiting run go before or after those of everybody. Raises `NotAllowed`, `InvalidInput`, `Conflict`."""
    _require_operator(by)
    if priority not in Priority.values:
        raise InvalidInput({"priority": gettext("must be one of %(values)s") % {"values": Priority.values}})
    before = run.priority
    changed = TrainingRun.objects.filter(pk=run.pk, state=RunState.QUEUED).update(priority=priority)
    if not changed:
        raise Conflict(gettext("%(run)s no longer waits, so its place cannot be changed.") % {"run": run.name})
    run.priority = priority
    names = {"before": Priority(before).name.lower(), "after": Priority(priority).name.lower()}
    record("run.prioritise", str(run.pk), by=by, workspace=run.workspace, request=request, **names)
    tell(run)


@transaction.atomic
def set_share(workspace: Workspace, percent: int, *, by: User, request: HttpRequest | None = None) -> None:
    """Give a workspace more or less of the queue than others; 100 is the usual. Raises as above."""
    _require_operator(by)
    if isinstance(percent, bool) or not SMALLEST_SHARE <= percent <= LARGEST_SHARE:
        bounds = {"least": SMALLEST_SHARE, "most": LARGEST_SHARE, "given": percent}
        raise InvalidInput(
            {"percent": gettext("must be a whole number from %(least)d to %(most)d, got %(given)s") % bounds}
        )
    before = shares_of([workspace])[workspace]
    QueueShare.objects.update_or_create(workspace=workspace, defaults={"percent": percent})
    record("queue.share", str(workspace.pk), by=by, workspace=workspace, request=request, before=before, after=percent)


def shares_of(workspaces: Collection[Workspace]) -> dict[Workspace, int]:
    """The share of each workspace in per cent of the usual."""
    unusual = dict(QueueShare.objects.filter(workspace__in=workspaces).values_list("workspace_id", "percent"))
    return {workspace: unusual.get(workspace.pk, USUAL_SHARE) for workspace in workspaces}


def _require_operator(person: User) -> None:
    if not person.is_staff:
        raise NotAllowed(gettext("Only an operator changes the order of the queue."))
