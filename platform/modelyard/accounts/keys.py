"""Drawing, finding, rotating and revoking API keys. Predictors learn of every change through `key_publishing`."""

import hmac
import re
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from modelyard.accounts import key_publishing
from modelyard.accounts.models import ApiKey, Role, User, Workspace
from modelyard.accounts.services import record, require_role, role_of
from modelyard.contracts.crash_points import reach
from modelyard.contracts.keys import digest_secret, draw_key, parse_key
from modelyard.errors import Conflict, InvalidInput, NotAllowed
from modelyard.names import clean_text

SCOPES = ("predict", "read", "write", "admin")
MOST_KEYS = 100
MOST_DAYS = 3650
MOST_OVERLAP_HOURS = 168
USE_NOTED_EVERY = timedelta(minutes=1)
ENDPOINT_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$")


def covers(scopes: list[str], wanted: str) -> bool:
    """Whether a key with `scopes` may do what needs `wanted`."""
    order = ["read", "write", "admin"]
    if wanted not in order:
        return wanted in scopes
    return any(scope in order and order.index(scope) >= order.index(wanted) for scope in scopes)


def pepper() -> bytes:
    """What makes a stolen table of digests useless."""
    return str(settings.ENVIRONMENT.key_pepper).encode()


@transaction.atomic
def create_key(
    name: str,
    *,
    workspace: Workspace,
    user: User,
    scopes: list[str],
    endpoints: list[str] | None = None,
    days: int | None = None,
    within: ApiKey | None = None,
    request: HttpRequest | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which nobody can read again. Raises `InvalidInput`, `NotAllowed`.

    `within` is the key that asks for it, where a key does: the new one may not do more, elsewhere or for longer.
    """
    name = clean_text(name, len(name) + 1)
    problems = _problems_of(name, scopes, endpoints or [], days)
    if problems:
        raise InvalidInput(problems)
    expires_at = timezone.now() + timedelta(days=days) if days is not None else None
    _require_within(within, scopes, endpoints or [], expires_at)
    if role_of(user, workspace) is None:
        raise NotAllowed(f"{user.email} is not a member of {workspace.name}, so no key of theirs can act there")
    if "admin" in scopes:
        require_role(user, workspace, Role.OWNER)
    if ApiKey.objects.live().filter(workspace=workspace).count() >= MOST_KEYS:
        raise Conflict(f"{workspace.name} has {MOST_KEYS} live keys, which is the most; revoke one that is not used")
    key, text = _draw(
        ApiKey(name=name, workspace=workspace, user=user, scopes=sorted(set(scopes)), expires_at=expires_at),
        endpoints or [],
    )
    record("key.create", key.id, by=user, workspace=workspace, request=request, name=key.name, scopes=key.scopes)
    reach("key.create.before_commit")
    return key, text


@transaction.atomic
def rotate_key(
    key: ApiKey,
    *,
    by: User,
    overlap_hours: int = 24,
    within: ApiKey | None = None,
    request: HttpRequest | None = None,
) -> tuple[ApiKey, str]:
    """Make the successor of a key; the old one works for `overlap_hours` more. Raises `Conflict`, `NotAllowed`.

    `within` is the key that asks for it, where a key does: it must cover what it rotates, and the successor ends with
    it at the latest.
    """
    _require_power_over(key, by)
    problems = _beyond(within, key.scopes, key.endpoints) if within is not None else {}
    if problems:
        raise NotAllowed(f"the API key that asks may not do all that {key.name} may; rotate it with your session")
    if not 0 <= overlap_hours <= MOST_OVERLAP_HOURS:
        raise InvalidInput({"overlap_hours": f"must be from 0 to {MOST_OVERLAP_HOURS}, got {overlap_hours}"})
    now = timezone.now()
    end = now + timedelta(hours=overlap_hours)
    ended = ApiKey.objects.live(now).filter(pk=key.pk).update(expires_at=min(key.expires_at or end, end))
    if not ended:
        raise Conflict("this key is revoked or has expired; make a new one instead")
    ends = [now + (key.expires_at - key.created_at)] if key.expires_at is not None else []
    if within is not None and within.expires_at is not None:
        ends.append(within.expires_at)
    successor, text = _draw(
        ApiKey(
            name=key.name,
            workspace=key.workspace,
            user=key.user,
            scopes=key.scopes,
            expires_at=min(ends, default=None),
            replaces=key,
        ),
        key.endpoints,
    )
    key.refresh_from_db()
    key_publishing.publish_on_commit(key.id)
    record("key.rotate", key.id, by=by, workspace=key.workspace, request=request, successor=successor.id)
    reach("key.rotate.before_commit")
    return successor, text


@transaction.atomic
def revoke_key(key: ApiKey, *, by: User, request: HttpRequest | None = None) -> None:
    """End a key at once. Revoking it again changes nothing. Raises `NotAllowed`."""
    _require_power_over(key, by)
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        record("key.revoke", key.id, by=by, workspace=key.workspace, request=request, name=key.name)
        key_publishing.publish_on_commit(key.id)
        reach("key.revoke.before_commit")
    key.refresh_from_db()


def find_key(text: str) -> ApiKey | None:
    """Return the live key that `text` is, None for a wrong or ended one. Raises `MalformedKey` for a typo."""
    parsed = parse_key(text)
    key = ApiKey.objects.select_related("user", "workspace").filter(pk=parsed.id).first()
    digest = digest_secret(parsed.secret, pepper())
    stored = key.digest if key is not None else "0" * len(digest)
    if not hmac.compare_digest(stored, digest) or key is None:
        return None
    return key if key.is_live and key.user.is_active else None


def note_use(key_ids: list[str], at: datetime) -> None:
    """Remember when keys were last used, to the minute."""
    seen = ApiKey.objects.filter(pk__in=key_ids)
    seen.filter(last_used_at=None).update(last_used_at=at)
    seen.filter(last_used_at__lt=at - USE_NOTED_EVERY).update(last_used_at=at)


def _draw(key: ApiKey, endpoints: list[str]) -> tuple[ApiKey, str]:
    text = draw_key()
    parsed = parse_key(text)
    key.id, key.digest = parsed.id, digest_secret(parsed.secret, pepper())
    key.endpoints = sorted(set(endpoints))
    key.save(force_insert=True)
    key_publishing.publish_on_commit(key.id)
    return key, text


def _require_power_over(key: ApiKey, user: User) -> None:
    """People manage their own keys; owners manage everybody's in their workspace."""
    if key.user_id != user.pk or role_of(user, key.workspace) is None:
        require_role(user, key.workspace, Role.OWNER)


def _require_within(
    within: ApiKey | None, scopes: list[str], endpoints: list[str], expires_at: datetime | None
) -> None:
    """Raises `InvalidInput` where a key asks for one that may more than itself."""
    if within is None:
        return
    problems = _beyond(within, scopes, endpoints)
    if within.expires_at is not None and (expires_at is None or expires_at > within.expires_at):
        end = within.expires_at.isoformat(timespec="seconds")
        problems["expires_in_days"] = f"must end before the API key that asks, which does at {end}"
    if problems:
        raise InvalidInput(problems)


def _beyond(within: ApiKey, scopes: list[str], endpoints: list[str]) -> dict[str, str]:
    """What of these a key does not have itself."""
    problems = {}
    missing = [scope for scope in scopes if not covers(within.scopes, scope)]
    if missing:
        problems["scopes"] = f"must be scopes that the API key that asks has too, got {', '.join(missing)}"
    if within.endpoints and (not endpoints or not set(endpoints) <= set(within.endpoints)):
        problems["endpoints"] = (
            f"must be some of {', '.join(within.endpoints)}, to which the API key that asks is bound"
        )
    return problems


def _problems_of(name: str, scopes: list[str], endpoints: list[str], days: int | None) -> dict[str, str]:
    problems = {}
    if not 1 <= len(name) <= 120:
        problems["name"] = "must have 1 to 120 characters; say what the key is for"
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        problems["scopes"] = f"must be one or more of {', '.join(SCOPES)}, got {', '.join(unknown) or 'none'}"
    odd = [name for name in endpoints if not ENDPOINT_NAME.match(name)]
    if odd:
        problems["endpoints"] = f"must be names of endpoints, got {', '.join(odd)}"
    if days is not None and not 1 <= days <= MOST_DAYS:
        problems["expires"] = f"must be from 1 to {MOST_DAYS} days, got {days}"
    return problems
