"""What predictors are told in Redis is what the database says."""

from collections.abc import Callable, Iterator
from datetime import timedelta

from django.utils import timezone
from redis.exceptions import RedisError

from modelyard.accounts.key_publishing import outdated_keys
from modelyard.accounts.models import Workspace
from modelyard.consistency.findings import CannotLook, Finding, Look, Promise
from modelyard.endpoints.routes import outdated_routes
from modelyard.monitoring.services import outdated_rules
from modelyard.quotas.publishing import outdated_limits

REWRITTEN = "The clock (beat) writes it anew within half a minute; make sure that beat runs, and look at its log."
MIRRORS: tuple[tuple[str, Callable[[], set[str]]], ...] = (
    ("route", outdated_routes),
    ("key", outdated_keys),
    ("rules of endpoint", outdated_rules),
    ("limits of workspace", lambda: outdated_limits() - _young_workspaces()),
)


def _young_workspaces() -> set[str]:
    """Those whose limits the clock has not written for the first time yet."""
    young = Workspace.objects.filter(created_at__gt=timezone.now() - timedelta(minutes=1))
    return {str(workspace) for workspace in young.values_list("pk", flat=True)}


def check_mirrors(look: Look) -> Iterator[Finding]:
    """Routes, keys, rules and limits in Redis are those of the database."""
    try:
        for kind, find_outdated in MIRRORS:
            for field in sorted(find_outdated()):
                words = "what predictors are told of it is not what the database says"
                yield Finding(promise=Promise.PUBLISHED, where=f"{kind} {field}", what=words, repair=REWRITTEN)
    except (RedisError, OSError) as fault:
        raise CannotLook(f"Redis does not answer: {fault}") from fault
