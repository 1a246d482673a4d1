"""From the `Authorization` header to a caller. Keys lie in memory as digests; nothing is asked of anybody."""

import hmac
from dataclasses import dataclass
from typing import Self

from modelyard.contracts.keys import MalformedKey, digest_secret, parse_key
from modelyard.contracts.passes import PREFIX as PASS_PREFIX
from modelyard.contracts.passes import Pass, read_pass
from modelyard.contracts.route import Key
from workers.serving.admission.credentials import read_credential
from workers.serving.admission.lookups import Unknown
from workers.serving.problems import Problem, bad_request, forbidden, unauthorized

NO_DIGEST = "0" * 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Somebody who proved who they are. `endpoints` empty means all of the workspace."""

    key: str
    user: str
    workspace: str
    scopes: frozenset[str]
    endpoints: frozenset[str]
    expires_at: float | None

    @classmethod
    def of_key(cls, key: Key) -> Self:
        return cls(
            key=key.id,
            user=key.user,
            workspace=key.workspace,
            scopes=frozenset(key.scopes),
            endpoints=frozenset(key.endpoints),
            expires_at=key.expires_at,
        )

    @classmethod
    def of_pass(cls, visitor: Pass) -> Self:
        return cls(
            key="",
            user=visitor.user,
            workspace=visitor.workspace,
            scopes=frozenset(("predict", "read")),
            endpoints=frozenset((visitor.endpoint,)),
            expires_at=visitor.expires_at,
        )

    def check(self, scopes: frozenset[str], endpoint: str | None) -> None:
        """Raise a 403 unless the key has one of `scopes` and may use the endpoint."""
        if not scopes & self.scopes:
            raise forbidden(f"the API key lacks the scope {' or '.join(sorted(scopes))}; create one that has it")
        if endpoint is not None and not self.may_use(endpoint):
            raise forbidden(
                f"the API key may not use the endpoint {endpoint!r}, only {', '.join(sorted(self.endpoints))}"
            )

    def may_use(self, endpoint: str) -> bool:
        return not self.endpoints or endpoint in self.endpoints

    def sole_endpoint(self) -> str:
        """The endpoint that is meant where a path names none. Raises a 400 unless the key is bound to just one."""
        if len(self.endpoints) != 1:
            raise bad_request(
                "this path names no endpoint, so the API key must be bound to exactly one; "
                "use /endpoints/NAME/invocations, or a key that is bound"
            )
        return next(iter(self.endpoints))


class Callers:
    """The keys that the platform published, and the pepper that passes are signed with."""

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper
        self._keys: dict[str, Key] = {}

    def put(self, key_id: str, key: Key | None) -> None:
        if key is None:
            self._keys.pop(key_id, None)
        else:
            self._keys[key_id] = key

    def identify(self, authorization: bytes | None, api_key: bytes | None, now: float) -> Caller:
        """Return who asks. Raises a 401 that says what is wrong with what came, and `Unknown` for a key that is well
        formed and not known here: it may be new."""
        text = read_credential(authorization, api_key)
        if text.startswith(PASS_PREFIX):
            visitor = read_pass(text, self._pepper, now)
            if visitor is None:
                raise unauthorized("the pass is not ours or has expired; reload the page")
            return Caller.of_pass(visitor)
        try:
            parsed = parse_key(text)
        except MalformedKey as fault:
            raise unauthorized(str(fault)) from fault
        key = self._keys.get(parsed.id)
        stored = key.digest if key is not None else NO_DIGEST
        is_right = hmac.compare_digest(stored, digest_secret(parsed.secret, self._pepper))
        if key is None:
            raise Unknown("keys", parsed.id, _refusal())
        if not is_right:
            raise _refusal()
        caller = Caller.of_key(key)
        check_expiry(caller, now)
        return caller


def _refusal() -> Problem:
    return unauthorized("the API key is unknown or was revoked")


def check_expiry(caller: Caller, now: float) -> None:
    """Raise a 401 once the key or pass has expired."""
    if caller.expires_at is not None and caller.expires_at <= now:
        raise unauthorized("the API key has expired; create or rotate one")
