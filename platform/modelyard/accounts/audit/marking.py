"""The marks and links of the audit log: HMAC-SHA256 with a key that is not in the database.

An event's mark covers everything it says and is made when it is written: it needs no lock and no former event. A link
of the chain covers the link before it, its own place, and the mark of the event that stands there. Whoever has the
database alone can make neither. What is covered must come back from either database as it was, so it is put into one
form first; changing that form breaks every chain there is.
"""

import hmac
import ipaddress
import json
import secrets
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings

NONCE_LENGTH = 16
ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class Event(Protocol):
    """What an audit event says; migrations pass the model as it was."""

    at: datetime
    actor_id: UUID | None
    workspace_id: UUID | None
    action: str
    subject: str
    details: Any
    address: str | None
    key: str
    mark: str


def draw_mark(event: Event) -> str:
    """A mark for an event that is about to be written. No two are the same, so a copied event shows."""
    return _mark(event, secrets.token_hex(NONCE_LENGTH // 2))


def is_genuine(event: Event) -> bool:
    """Whether the event says what it said when it was marked. What cannot even be said was never marked."""
    try:
        mark = _mark(event, event.mark[:NONCE_LENGTH])
    except (AttributeError, TypeError, ValueError):
        return False
    return hmac.compare_digest(event.mark.encode(), mark.encode())


def link(former: str, seq: int, event: int, mark: str) -> str:
    """The hash of place `seq` of the chain; the first one has no former."""
    return sign(f"modelyard audit link 1\n{former}\n{seq}\n{event}\n{mark}")


def sign(text: str) -> str:
    return hmac.digest(settings.ENVIRONMENT.audit_key.encode(), text.encode(), "sha256").hex()


def _mark(event: Event, nonce: str) -> str:
    said = [
        event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        str(event.actor_id or ""),
        str(event.workspace_id or ""),
        event.action,
        event.subject,
        _plain(json.loads(json.dumps(event.details))),
        _plain_address(event.address),
        event.key,
    ]
    return nonce + sign(f"modelyard audit event 1\n{nonce}\n{ENCODER.encode(said)}")


def _plain(value: Any) -> Any:
    """JSON without what PostgreSQL forgets: whether a whole number was written with a point."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _plain_address(address: str | None) -> str:
    try:
        return str(ipaddress.ip_address(address)) if address else ""
    except ValueError:
        return str(address)
