"""Drawing, finding and ending API keys. The predictor learns of every change through `contracts.route`."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from modelyard.accounts.models import ApiKey, User, Workspace
from modelyard.contracts.keys import MalformedKey, digest_secret, draw_key, parse_key
from modelyard.errors import InvalidInput

SCOPES = ("predict", "read", "write", "admin")


def pepper() -> bytes:
    return str(settings.ENVIRONMENT.key_pepper).encode()


def create_key(
    name: str,
    *,
    workspace: Workspace,
    user: User,
    scopes: list[str],
    endpoints: list[str] | None = None,
    days: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which nobody can read again. Raises `InvalidInput`."""
    problems = _problems_of(name, scopes, days)
    if problems:
        raise InvalidInput(problems)
    text = draw_key()
    parsed = parse_key(text)
    key = ApiKey.objects.create(
        id=parsed.id,
        digest=digest_secret(parsed.secret, pepper()),
        name=name.strip(),
        workspace=workspace,
        user=user,
        scopes=sorted(set(scopes)),
        endpoints=sorted(set(endpoints or [])),
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    return key, text


def find_key(text: str) -> ApiKey | None:
    """Return the live key that `text` is, None for a wrong, expired or revoked one. Raises `MalformedKey` for a typo."""
    parsed = parse_key(text)
    key = ApiKey.objects.select_related("user", "workspace").filter(pk=parsed.id).first()
    digest = digest_secret(parsed.secret, pepper())
    stored = key.digest if key else "0" * len(digest)
    if not _equal(stored, digest) or key is None:
        return None
    now = timezone.now()
    if key.revoked_at is not None and key.revoked_at <= now:
        return None
    if key.expires_at is not None and key.expires_at <= now:
        return None
    return key if key.user.is_active else None


def _equal(left: str, right: str) -> bool:
    import hmac

    return hmac.compare_digest(left, right)


def _problems_of(name: str, scopes: list[str], days: int | None) -> dict[str, str]:
    problems = {}
    if not name.strip():
        problems["name"] = "must not be empty; say what the key is for"
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        problems["scopes"] = f"must be one or more of {', '.join(SCOPES)}, got {', '.join(unknown) or 'none'}"
    if days is not None and not 1 <= days <= 3650:
        problems["expires"] = f"must be from 1 to 3650 days, got {days}"
    return problems


__all__ = ["SCOPES", "MalformedKey", "create_key", "find_key"]
