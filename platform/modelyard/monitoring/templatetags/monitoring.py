"""The parts of an endpoint's page that show what is seen of it."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from modelyard.endpoints.models import Endpoint
from modelyard.monitoring.presenting import present_drift, present_failures, present_live
from modelyard.monitoring.services import WARNING_HOURS
from modelyard.monitoring.wording import column_title

register = template.Library()
MOST_NAMED = 4


@register.simple_tag
def see_monitoring(endpoint: Endpoint) -> dict[str, Any]:
    """Live traffic, failed calls and the drift of the last day, for the parts of an endpoint's page."""
    shown = {**present_live(endpoint), **present_failures(endpoint), **present_drift(endpoint, hours=WARNING_HOURS)}
    drifted = shown["drift"].having("drifted") if shown["drift"] else []
    names = [column_title(column.reference) for column in drifted]
    return {**shown, "drifted_names": ", ".join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")}


@register.filter
def stacked(shares: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Shares as parts of a bar, in per cent of it."""
    parts, start = [], 0.0
    for share in shares:
        width = share["share"] * 100
        parts.append({"swatch": share["swatch"], "start": start, "width": width})
        start += width
    return parts
