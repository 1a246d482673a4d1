"""What a page's view asks of its request."""

import ipaddress

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

from modelyard.accounts.models import User, Workspace
from modelyard.errors import NotAllowed


def person_of(request: HttpRequest) -> User:
    """The signed-in person of a view that requires one."""
    assert isinstance(request.user, User)
    return request.user


def workspace_of_page(request: HttpRequest) -> Workspace:
    """The workspace that the page is about. Raises `NotAllowed` for people who belong to none."""
    workspace: Workspace | None = request.workspace  # type: ignore[attr-defined]
    if not workspace:
        raise NotAllowed("you belong to no workspace; ask somebody to invite you")
    return workspace


def next_page(request: HttpRequest, default: str) -> str:
    """The page of ours that `next` names; anything else would let a link lead elsewhere."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    secure = request.is_secure()
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=secure)
    return wanted if safe else default


def address_of(request: HttpRequest) -> str:
    """Where a request comes from; of an IPv6 address the network, which one person has whole."""
    text = str(request.META.get("REMOTE_ADDR", ""))
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network(f"{text}/64", strict=False))
    return text
