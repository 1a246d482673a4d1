"""What every page says while a limit of the workspace is nearly or wholly used up."""

from typing import Any

from django import template

from modelyard.quotas import services
from modelyard.quotas.kinds import KINDS
from modelyard.quotas.warning import SHARES

register = template.Library()
NEAR, FULL = SHARES


@register.inclusion_tag("components/_quota_banner.html", takes_context=True)
def quota_banner(context: dict[str, Any]) -> dict[str, Any]:
    """The limits of which most is taken, the fullest first; nothing for visitors."""
    workspace = context.get("workspace")
    if not workspace:
        return {"near": [], "full": False}
    near = [
        status
        for status in services.overview(workspace)
        if KINDS[status.kind].period != "rate" and status.limit and status.taken * 100 >= status.limit * NEAR
    ]
    near.sort(key=lambda status: -status.taken / status.limit)
    return {"near": near, "full": any(status.taken * 100 >= status.limit * FULL for status in near)}
