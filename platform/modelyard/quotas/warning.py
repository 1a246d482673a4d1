"""Telling people that a limit is nearly or wholly used up: noted when it happens, told by mail a little later.

A warning is noted in the transaction that reaches it, once for each kind, month and share: its row is unique. The clock
tells it: whoever claims the row writes to everybody, nobody else does so meanwhile.
"""

import logging
import smtplib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import DateTimeField, ExpressionWrapper, Q, Value
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone, translation

from modelyard.accounts import mails
from modelyard.accounts.models import Role, User, Workspace
from modelyard.quotas.kinds import KINDS
from modelyard.quotas.models import Quota, QuotaWarning
from modelyard.templatetags.display import amount as say_amount

log = logging.getLogger(__name__)

SHARES = (80, 100)
"""The per cents of a limit that people are warned at."""
CLAIM = timedelta(minutes=10)
MAIL_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Somebody to tell, and the page where they can do something about it."""

    person: User
    page: str


def note_reached(quota: Quota, at: datetime | None = None) -> None:
    """Note the shares of its limit that a quota has reached, those that were not noted this month."""
    now = at or timezone.now()
    row = Quota.objects.filter(pk=quota.pk).values_list("limit", "used", "reserved", "period").first()
    if row is None or KINDS[quota.kind].period == "rate":
        return
    limit, used, reserved, period = row
    reached = [percent for percent in SHARES if limit and (used + reserved) * 100 >= limit * percent]
    if not reached:
        return
    month = period or now.astimezone(UTC).strftime("%Y-%m")
    QuotaWarning.objects.bulk_create(
        [
            QuotaWarning(
                workspace_id=quota.workspace_id,
                kind=quota.kind,
                month=month,
                percent=percent,
                told_at=None if percent == reached[-1] else now,
            )
            for percent in reached
        ],
        ignore_conflicts=True,
    )


def tell_warnings() -> int:
    """Write to the owners of the workspaces, and to operators, about what was noted; return how many warnings.

    A server that is away is tried again later. Somebody whose address is refused is left out, the others are not.
    """
    waiting = Q(told_at=None) & (Q(claimed_until=None) | Q(claimed_until__lt=Now()))
    told = 0
    connection: BaseEmailBackend = get_connection(timeout=MAIL_SECONDS)
    try:
        for warning in QuotaWarning.objects.filter(waiting).select_related("workspace").order_by("pk"):
            until = ExpressionWrapper(Now() + Value(CLAIM), output_field=DateTimeField())
            claimed = QuotaWarning.objects.filter(waiting, pk=warning.pk).update(claimed_until=until)
            if claimed:
                _tell(warning, connection)
                QuotaWarning.objects.filter(pk=warning.pk).update(told_at=Now(), claimed_until=None)
                told += 1
    except OSError as fault:
        log.error("warnings of quotas wait, since the mail server does not answer: %s", fault)
    finally:
        connection.close()
    return told


def _tell(warning: QuotaWarning, connection: BaseEmailBackend) -> None:
    """Write one warning to everybody. Raises `OSError` where the mail server is away before anybody was told."""
    connection.open()
    told = 0
    for reader in _readers(warning.workspace):
        with translation.override(reader.person.language or settings.LANGUAGE_CODE):
            message = mails.write("quota_warning", reader.person.email, _words(warning, reader.page))
        message.connection = connection
        try:
            message.send()
            told += 1
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as fault:
            log.error("%s was not told of a quota: %s", reader.person.pk, fault)
        except OSError as fault:
            if not told:
                raise
            log.error("the mail server hung up, and not everybody was told of a quota: %s", fault)
            return


def _readers(workspace: Workspace) -> Iterable[Reader]:
    """Each person once: operators, who can raise the limit, and the owners of the workspace."""
    operators = User.objects.filter(is_active=True, is_staff=True).order_by("pk")
    owners = User.objects.filter(
        is_active=True, memberships__workspace=workspace, memberships__role=Role.OWNER
    ).exclude(is_staff=True)
    for person in owners.order_by("pk").distinct():
        yield Reader(person=person, page=reverse("quotas:usage"))
    for person in operators:
        yield Reader(person=person, page=reverse("console:quotas"))


def _words(warning: QuotaWarning, page: str) -> dict[str, object]:
    kind = KINDS[warning.kind]
    period = warning.month if kind.period == "monthly" else ""
    quota = Quota.objects.filter(workspace=warning.workspace, kind=kind.name, period=period).first()
    limit, taken = (quota.limit, quota.used + quota.reserved) if quota is not None else (kind.default, 0)
    return {
        "workspace": warning.workspace.name,
        "title": kind.title,
        "percent": warning.percent,
        "limit": say_amount(limit, kind.unit),
        "taken": say_amount(taken, kind.unit),
        "monthly": kind.period == "monthly",
        "link": settings.ENVIRONMENT.public_url + page,
    }
