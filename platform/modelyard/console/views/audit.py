"""Who did what to which object, when, from where; and whether that is still what was written."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from modelyard.accounts.audit.checking import last_check
from modelyard.accounts.models import AuditEvent
from modelyard.accounts.requests import person_of
from modelyard.accounts.services import record
from modelyard.console.access import operators_only
from modelyard.console.audit_search import AuditSearch
from modelyard.streamed_rows import defuse

PER_PAGE = 100
MOST_EXPORTED = 50_000
LATELY = timedelta(days=2)
COLUMNS = ("event", "at", "person", "person_id", "key", "action", "subject", "workspace", "workspace_id", "address")


@operators_only
@require_http_methods(["GET", "HEAD"])
def audit(request: HttpRequest) -> HttpResponse:
    search = AuditSearch(request.GET)
    events, older = _page(search.found(), request.GET.get("before", ""))
    context = {
        "search": search,
        "events": events,
        "older": older,
        "first_page": "before" not in request.GET,
        "most_exported": MOST_EXPORTED,
        "actions": AuditEvent.objects.order_by("action").values_list("action", flat=True).distinct(),
        "check": _say_check(),
    }
    return render(request, "console/audit.html", context)


@operators_only
@require_http_methods(["GET"])
def audit_csv(request: HttpRequest) -> HttpResponse:
    """What was found, newest first, for a spreadsheet; that it was taken is an event too."""
    search = AuditSearch(request.GET)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, "details"])
    count = 0
    for event in search.found()[:MOST_EXPORTED].iterator(1000):
        writer.writerow(_row(event))
        count += 1
    asked = {name: str(value) for name, value in search.cleaned_data.items() if value}
    record("audit.export", f"{count} events", by=person_of(request), workspace=None, request=request, search=asked)
    answer = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    name = f"audit-{timezone.now():%Y-%m-%d-%H%M}.csv"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _page(found: QuerySet[AuditEvent], before: str) -> tuple[list[AuditEvent], int | None]:
    """The events older than the number `before`, and the number to ask for next."""
    if before.isdecimal() and before.isascii() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    events = list(found[: PER_PAGE + 1])
    return events[:PER_PAGE], events[PER_PAGE - 1].pk if len(events) > PER_PAGE else None


def _row(event: AuditEvent) -> list[str]:
    values = [
        event.pk,
        event.at.isoformat(),
        event.actor.email if event.actor else "",
        event.actor_id or "",
        event.key,
        event.action,
        event.subject,
        event.workspace.name if event.workspace else "",
        event.workspace_id or "",
        event.address or "",
        json.dumps(event.details, ensure_ascii=False) if event.details else "",
    ]
    return [str(defuse(str(value))) for value in values]


def _say_check() -> dict[str, Any]:
    """The last verification in words; the tone says how to take it."""
    check = last_check()
    if check is None:
        words = gettext("The clock (celery beat) does it once a day, manage.py audit_verify at once.")
        return {"tone": "warn", "title": gettext("The log has not been verified yet"), "words": words}
    if check.fault:
        words = gettext("Keep the database as it is. %(fault)s.") % {"fault": check.fault}
        return {"tone": "bad", "title": gettext("The log was tampered with"), "words": words, "at": check.at}
    words = ngettext(
        "%(count)s event is as it was written.", "%(count)s events are as they were written.", check.events
    ) % {"count": f"{check.events:,}"}
    if check.at < timezone.now() - LATELY:
        title = gettext("The log has not been verified lately")
        return {"tone": "warn", "title": title, "words": words, "at": check.at}
    return {"tone": "good", "title": gettext("The log is verified"), "words": words, "at": check.at}
