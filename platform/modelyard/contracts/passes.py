"""Passes: how the platform calls the predictor for a signed-in person (the playground), without a key of theirs.

A pass is `mdyp_<payload>.<signature>`: base64url JSON of who, where and until when, signed with the installation's
pepper. It is sent as `Authorization: Bearer mdyp_…`, lives a minute, and is never shown to anybody.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass

PREFIX = "mdyp_"
LIFETIME_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Pass:
    """Lets `user` predict with one endpoint of a workspace until `expires_at` (seconds since 1970)."""

    workspace: str
    user: str
    endpoint: str
    expires_at: float


def sign_pass(visitor: Pass, pepper: bytes) -> str:
    """Return the text of a pass."""
    payload = base64.urlsafe_b64encode(json.dumps(asdict(visitor)).encode()).decode().rstrip("=")
    return f"{PREFIX}{payload}.{_signature(payload, pepper)}"


def read_pass(text: str, pepper: bytes, now: float) -> Pass | None:
    """Return the pass that `text` is, None where it was not signed here or has expired."""
    payload, _, signature = text.removeprefix(PREFIX).partition(".")
    if not text.startswith(PREFIX) or not hmac.compare_digest(
        _signature(payload, pepper).encode(), signature.encode("utf-8", "replace")
    ):
        return None
    visitor = Pass(**json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
    return visitor if visitor.expires_at > now else None


def _signature(payload: str, pepper: bytes) -> str:
    return hmac.new(pepper, b"pass:" + payload.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
