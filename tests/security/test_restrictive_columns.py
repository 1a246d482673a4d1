"""AUT-02: every column that shall keep somebody out does. A new column of these tables says whether it restricts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from modelyard.accounts import attempts, keys, members
from modelyard.accounts.key_publishing import key_for_predictors
from modelyard.accounts.models import ApiKey, Attempts, Identity, Invitation, Membership, Role, User, Workspace
from modelyard.errors import NotFound
from tests.accounts.app import set_up
from tests.factories import PASSWORD
from workers.serving.admission.callers import Callers
from workers.serving.admission.lookups import Unknown
from workers.serving.problems import Problem

PLAIN: dict[type[Model], set[str]] = {
    User: {"id", "name", "language", "created_at", "last_login"},
    Workspace: {"id", "name", "created_at"},
    Membership: {"id", "created_at"},
    Invitation: {"id", "workspace", "email", "created_at"},
    ApiKey: {"name", "created_at", "last_used_at", "replaces"},
    Authenticator: {"id", "created_at", "last_used_at"},
    Identity: {"id", "created_at"},
    Attempts: {"name"},
}
"""What a row tells and no door hangs on; an invitation is for whoever has its link."""
LONG_AGO, SOON = timezone.now() - timedelta(days=1), timezone.now() + timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class House:
    """Alice, owner and operator, with a key, an open invitation and tries at her password."""

    alice: User
    workspace: Workspace
    key: ApiKey
    text: str
    invitation: Invitation
    token: str
    client: Client


@pytest.fixture
def house(redis: Any, alice: User, workspace: Workspace) -> House:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(User.objects.get(pk=alice.pk))
    key, text = keys.create_key("K", workspace=workspace, user=alice, scopes=["admin", "predict"], endpoints=["churn"])
    invitation, link = members.invite(workspace, "new@example.com", Role.VIEWER, by=alice)
    token = link.rstrip("/").rpartition("/")[2]
    made = {"invitation": invitation, "token": token, "client": client}
    return House(alice=alice, workspace=workspace, key=key, text=text, **made)


def calls_api(house: House) -> bool:
    answer = Client().get("/api/v1/keys", headers={"Authorization": f"Bearer {house.text}"})
    return answer.status_code == 200 and bool(answer.json()["results"])


def predicts(house: House) -> bool:
    """Whether a predictor that was told of the key as it is now answers it, for the endpoint `churn`."""
    key = ApiKey.objects.live().filter(pk=house.key.pk, user__is_active=True).first()
    callers = Callers(settings.ENVIRONMENT.key_pepper.encode())
    callers.put(house.key.pk, key_for_predictors(key) if key is not None else None)
    try:
        caller = callers.identify(f"Bearer {house.text}".encode(), None, timezone.now().timestamp())
        caller.check(frozenset({"predict"}), "churn")
    except (Problem, Unknown):
        return False
    return caller.workspace == str(house.workspace.pk)


def opens_console(house: House) -> bool:
    return house.client.get(reverse("console:overview")).status_code == 200


def stays_in(house: House) -> bool:
    return house.client.get(reverse("accounts:keys")).status_code == 200


def signs_in(house: House) -> bool:
    fields = {"email": "alice@example.com", "password": PASSWORD, "next": "/settings/"}
    return Client().post(reverse("accounts:sign_in"), fields).headers.get("Location") == "/settings/"


def owns(house: House) -> bool:
    """Whether she may change the workspace."""
    address = reverse("accounts:rename_workspace")
    return house.client.post(address, {"name": "Lab"}).headers.get("Location") == reverse("accounts:members")


def is_invited(house: House) -> bool:
    try:
        return members.find_invitation(house.token).pk == house.invitation.pk
    except NotFound:
        return False


def of_others() -> tuple[User, Workspace]:
    other = User.objects.create_user("other@example.com", PASSWORD)
    workspace = Workspace.objects.create(name="Other")
    Membership.objects.create(workspace=workspace, user=other, role=Role.VIEWER)
    return other, workspace


Probe = Callable[[House], bool]
Flip = Callable[[], dict[str, Any]]
RESTRICTIVE: list[tuple[type[Model], str, Flip, list[Probe]]] = [
    (User, "is_active", lambda: {"is_active": False}, [calls_api, predicts, opens_console, stays_in, signs_in, owns]),
    (User, "is_staff", lambda: {"is_staff": False}, [opens_console]),
    (User, "session_stamp", lambda: {"session_stamp": "another"}, [stays_in, opens_console]),
    (User, "password", lambda: {"password": "!"}, [stays_in, signs_in]),
    (User, "email", lambda: {"email": "else@example.com"}, [signs_in]),
    (Workspace, "second_factor", lambda: {"second_factor": True}, [stays_in, owns]),
    (Membership, "role", lambda: {"role": Role.EDITOR}, [owns]),
    (Membership, "user", lambda: {"user": of_others()[0]}, [calls_api, stays_in, owns]),
    (Membership, "workspace", lambda: {"workspace": of_others()[1], "role": Role.VIEWER}, [calls_api, owns]),
    (Invitation, "expires_at", lambda: {"expires_at": LONG_AGO}, [is_invited]),
    (Invitation, "accepted_at", lambda: {"accepted_at": LONG_AGO}, [is_invited]),
    (Invitation, "digest", lambda: {"digest": "0" * 64}, [is_invited]),
    (ApiKey, "id", lambda: {"id": "AAAAAAAA"}, [calls_api, predicts]),
    (ApiKey, "digest", lambda: {"digest": "0" * 64}, [calls_api, predicts]),
    (ApiKey, "expires_at", lambda: {"expires_at": LONG_AGO}, [calls_api, predicts]),
    (ApiKey, "revoked_at", lambda: {"revoked_at": LONG_AGO}, [calls_api, predicts]),
    (ApiKey, "scopes", lambda: {"scopes": ["write"]}, [calls_api, predicts]),
    (ApiKey, "endpoints", lambda: {"endpoints": ["another"]}, [predicts]),
    (ApiKey, "workspace", lambda: {"workspace": of_others()[1]}, [calls_api, predicts]),
    (ApiKey, "user", lambda: {"user": of_others()[0]}, [calls_api]),
]
ELSEWHERE: dict[tuple[type[Model], str], str] = {
    (User, "is_superuser"): "set together with is_staff; nothing asks for it (test_nothing_asks_for_superusers)",
    (Invitation, "role"): "test_an_invitation_gives_its_role",
    (Invitation, "invited_by"): "test_an_invitation_of_somebody_deactivated_is_void",
    (Authenticator, "user"): "test_a_second_factor_is_its_persons",
    (Authenticator, "type"): "test_a_second_factor_is_its_persons",
    (Authenticator, "data"): "test_a_second_factor_is_its_persons",
    (Identity, "user"): "tests/accounts/test_single_sign_on.py",
    (Identity, "issuer"): "tests/accounts/test_single_sign_on.py",
    (Identity, "subject"): "tests/accounts/test_single_sign_on.py",
    (Attempts, "count"): "tests/accounts/test_attempts.py",
    (Attempts, "last_at"): "tests/accounts/test_attempts.py",
    (Attempts, "blocked_until"): "test_who_is_blocked_waits",
}
"""Columns whose flip needs more than one row: where it is tested."""


def test_every_column_says_whether_it_restricts() -> None:
    told = {(model, column) for model, column, _, _ in RESTRICTIVE} | set(ELSEWHERE)
    told |= {(model, column) for model, columns in PLAIN.items() for column in columns}
    assert told == {(model, field.name) for model in PLAIN for field in model._meta.concrete_fields}


@pytest.mark.parametrize(
    ("model", "column", "flip", "probes"), RESTRICTIVE, ids=lambda value: getattr(value, "__name__", None)
)
def test_a_restrictive_column_changes_an_outcome(
    house: House, model: type[Model], column: str, flip: Flip, probes: list[Probe]
) -> None:
    assert [probe.__name__ for probe in probes if not probe(house)] == [], "shut before anything was changed"
    mine = {User: {"pk": house.alice.pk}, Workspace: {"pk": house.workspace.pk}, Membership: {"user": house.alice}}
    row = model._base_manager.get(**mine.get(model, {}))
    model._base_manager.filter(pk=row.pk).update(**flip())
    assert [probe.__name__ for probe in probes if probe(house)] == [], f"still open after {column} changed"


@pytest.mark.parametrize("flip", [{"expires_at": SOON}, {"scopes": ["predict", "admin"]}, {"endpoints": []}])
def test_a_column_that_allows_goes_on_allowing(house: House, flip: dict[str, Any]) -> None:
    ApiKey.objects.update(**flip)
    assert calls_api(house)
    assert predicts(house)


def test_nothing_asks_for_superusers(house: House) -> None:
    User.objects.filter(pk=house.alice.pk).update(is_staff=False, is_superuser=True)
    assert not opens_console(house)


def test_an_invitation_gives_its_role(house: House) -> None:
    person, _ = of_others()
    members.accept_invitation(house.token, by=person)
    assert Membership.objects.get(workspace=house.workspace, user=person).role == Role.VIEWER


def test_an_invitation_of_somebody_deactivated_is_void(house: House) -> None:
    User.objects.filter(pk=house.alice.pk).update(is_active=False)
    assert not is_invited(house)


@pytest.mark.parametrize("change", ["user", "type", "data"])
def test_a_second_factor_is_its_persons(house: House, change: str) -> None:
    set_up(house.client)
    assert not signs_in(house)
    if change == "user":
        Authenticator.objects.update(user=of_others()[0])
    elif change == "type":
        Authenticator.objects.filter(type="totp").delete()
    else:
        Authenticator.objects.filter(type="totp").update(data={"secret": "not ours"})
    assert signs_in(house) == (change != "data")


def test_who_is_blocked_waits(house: House) -> None:
    attempts.claim_sign_in("alice@example.com", "127.0.0.1", known=True)
    Attempts.objects.update(blocked_until=SOON)
    assert not signs_in(house)
