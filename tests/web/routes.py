"""Every address there is: HTTP from the URL resolver, websockets from the routing table."""

from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from modelyard.routing import websocket_urlpatterns


def http_routes() -> dict[str, Any]:
    """Route, as written in the URL configuration, to its view."""
    return dict(_walk(get_resolver().url_patterns, ""))


def websocket_routes() -> list[str]:
    return [str(pattern.pattern) for pattern in websocket_urlpatterns]


def methods_of(view: Any) -> set[str]:
    """The methods that a class-based view implements; of functions nothing is known."""
    wrapped = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if wrapped is None:
        return set()
    served = [name for name in wrapped.http_method_names if name not in ("head", "options", "trace")]
    return {name.upper() for name in served if hasattr(wrapped, name)}


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield route, pattern.callback
