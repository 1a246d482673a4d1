"""Judging guarded releases, and taking back the ones that their guard condemns."""

import logging
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation

from modelyard.accounts import mails
from modelyard.accounts.models import ApiKey
from modelyard.accounts.services import record
from modelyard.contracts.crash_points import reach
from modelyard.endpoints.guarding import Breach, in_words, watch
from modelyard.endpoints.models import Endpoint, Release, Verdict, VersionMinute
from modelyard.endpoints.releasing import Plan, check, point
from modelyard.errors import InvalidInput

log = logging.getLogger(__name__)


def judge_releases() -> int:
    """Look at every release that is being watched; return how many were rolled back."""
    watched = Release.objects.filter(verdict=Verdict.WATCHING).values_list("pk", "endpoint_id")
    return sum(_judge(release, endpoint, timezone.now()) for release, endpoint in list(watched))


@transaction.atomic
def _judge(release_id: int, endpoint_id: UUID, now: datetime) -> bool:
    locked = Endpoint.objects.select_for_update(of=("self",)).select_related("workspace", "model__workspace")
    endpoint = locked.filter(pk=endpoint_id).first()
    release = Release.objects.select_related("created_by").filter(pk=release_id, verdict=Verdict.WATCHING).first()
    former = former_release(release) if release is not None else None
    if endpoint is None or release is None or former is None:
        return False
    release.endpoint = endpoint
    fares = watch(release, former)
    breach = fares.breach()
    if breach:
        _take_back(release, former, breach)
        return True
    if now >= fares.ends_at:
        _end(release, Verdict.PASSED if fares.is_judgeable else Verdict.UNJUDGED)
    return False


def former_release(release: Release) -> Release | None:
    """The release that this one replaced."""
    return Release.objects.filter(endpoint=release.endpoint_id, pk__lt=release.pk).order_by("-pk").first()


def _take_back(release: Release, former: Release, breach: Breach) -> None:
    """Release again what was before, for everybody to see why; where that is gone, say so."""
    endpoint = release.endpoint
    _end(release, Verdict.TRIPPED)
    plan = Plan(split=former.split, keys=_keys_left(former))
    told = {"name": endpoint.name, "reason": in_words(breach), "from": release.split, "to": former.split}
    try:
        with transaction.atomic():
            point(endpoint, check(endpoint.model, plan), by=None, reason=breach)
    except InvalidInput as fault:
        _end(release, Verdict.STUCK)
        _record("endpoint.rollback_failed", endpoint, **told, fault=next(iter(fault.problems.values())))
    else:
        log.warning("endpoint %s was rolled back: %s", endpoint.name, told["reason"])
        _record("endpoint.rollback", endpoint, **told)
    transaction.on_commit(partial(_write_to, release, breach))
    reach("endpoint.roll_back.before_commit")


def _record(action: str, endpoint: Endpoint, **details: Any) -> None:
    record(action, str(endpoint.id), by=None, workspace=endpoint.workspace, **details)


def _keys_left(former: Release) -> dict[str, int]:
    """What keys the former release named that have not been deleted since."""
    known = set(ApiKey.objects.filter(pk__in=former.keys).values_list("pk", flat=True))
    return {key: number for key, number in former.keys.items() if key in known}


def _end(release: Release, verdict: Verdict) -> None:
    release.verdict = verdict
    release.save(update_fields=["verdict"])
    VersionMinute.objects.filter(endpoint=release.endpoint_id).delete()


def _write_to(release: Release, breach: Breach) -> None:
    """Tell who released it."""
    person = release.created_by
    if person is None or not person.is_active:
        return
    link = settings.ENVIRONMENT.public_url + release.endpoint.get_absolute_url()
    with translation.override(person.language or translation.get_language()):
        words = {"name": release.endpoint.name, "reason": in_words(breach), "verdict": release.verdict, "link": link}
        mails.send_later("rolled_back", person.email, words)
