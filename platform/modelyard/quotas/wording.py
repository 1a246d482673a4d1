"""What a refusal says."""

from django.utils.translation import gettext

from modelyard.quotas.kinds import QuotaKind
from modelyard.quotas.models import Quota
from modelyard.templatetags.display import amount as say_amount


def say_exceeded(kind: QuotaKind, quota: Quota, amount: int) -> str:
    """Say what was wanted, what is left of which limit, and what to do."""
    left = max(0, quota.limit - quota.used - quota.reserved)
    words = {
        "title": kind.title,
        "wanted": say_amount(amount, kind.unit),
        "left": say_amount(left, kind.unit),
        "limit": say_amount(quota.limit, kind.unit),
    }
    return gettext("%(title)s: %(wanted)s needed, %(left)s of %(limit)s left.") % words + " " + _remedy(kind)


def _remedy(kind: QuotaKind) -> str:
    remedies = {
        "concurrent_runs": gettext("Wait until a run ends or cancel one, or ask an operator to raise the limit."),
        "storage_bytes": gettext("Delete data sets or models you do not need, or ask an operator to raise the limit."),
        "endpoints": gettext("Retire an endpoint you do not need, or ask an operator to raise the limit."),
    }
    return remedies.get(kind.name) or gettext("Wait for the next month, or ask an operator to raise the limit.")
