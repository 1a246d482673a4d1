"""Keys: made, found, bound, rotated, revoked; every restriction of a key changes an outcome."""

import hmac
import re
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from modelyard.accounts import keys, members, people
from modelyard.accounts.models import ApiKey, AuditEvent, User, Workspace
from modelyard.contracts.keys import MalformedKey, compose_key, parse_key
from modelyard.errors import Conflict, InvalidInput, NotAllowed


@pytest.fixture
def made(workspace: Workspace, alice: User) -> tuple[ApiKey, str]:
    return keys.create_key("Checkout", workspace=workspace, user=alice, scopes=["predict", "read"], days=30)


def test_a_key_is_found_by_its_text_and_stored_as_a_digest(made: tuple[ApiKey, str]) -> None:
    key, text = made
    assert keys.find_key(text) == key
    secret = text.removeprefix(f"mdy_{key.id}_")
    assert secret not in repr(ApiKey.objects.values().get())
    assert secret not in repr(list(AuditEvent.objects.values()))


def test_a_stolen_table_of_digests_is_worth_nothing_without_the_pepper(made: tuple[ApiKey, str], settings: Any) -> None:
    key, text = made
    secret = parse_key(text).secret.encode()
    assert key.digest not in (sha256(secret).hexdigest(), hmac.new(b"", secret, sha256).hexdigest())
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, key_pepper="another installation's pepper")
    assert keys.find_key(text) is None


def test_a_typing_error_is_told_from_a_wrong_key(made: tuple[ApiKey, str]) -> None:
    key, text = made
    with pytest.raises(MalformedKey):
        keys.find_key(text[:-1] + ("0" if text[-1] != "0" else "1"))
    assert keys.find_key(compose_key(key.id, "x" * 32)) is None
    assert keys.find_key(compose_key("zzzzzzzz", "x" * 32)) is None


@pytest.mark.parametrize("noise", ["", "mdy_", "Bearer", "mdy_" + "é" * 47, "mdy_\ud800" + "a" * 46, "a" * 100_000])
def test_what_cannot_be_a_key_is_malformed(db: None, noise: str) -> None:
    with pytest.raises(MalformedKey):
        keys.find_key(noise)


def test_an_expired_key_is_refused(made: tuple[ApiKey, str]) -> None:
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert keys.find_key(made[1]) is None


def test_a_revoked_key_is_refused(made: tuple[ApiKey, str], alice: User) -> None:
    keys.revoke_key(made[0], by=alice)
    keys.revoke_key(made[0], by=alice)
    assert keys.find_key(made[1]) is None
    assert AuditEvent.objects.filter(action="key.revoke").count() == 1


def test_the_key_of_a_deactivated_person_is_refused(made: tuple[ApiKey, str], alice: User, operator: User) -> None:
    people.set_active(alice, False, by=operator)
    assert keys.find_key(made[1]) is None
    people.set_active(alice, True, by=operator)
    assert keys.find_key(made[1]) is not None


def test_the_keys_of_a_removed_member_are_revoked(workspace: Workspace, alice: User, bob: User) -> None:
    _, text = keys.create_key("Bob's", workspace=workspace, user=bob, scopes=["predict"])
    members.remove_member(bob.memberships.get(workspace=workspace), by=alice)
    assert keys.find_key(text) is None


def test_a_successor_has_the_same_rights_and_the_old_key_works_on_for_a_while(
    made: tuple[ApiKey, str], alice: User
) -> None:
    key, text = made
    successor, new_text = keys.rotate_key(key, by=alice, overlap_hours=2)
    assert keys.find_key(text) == key
    assert keys.find_key(new_text) == successor
    assert (successor.scopes, successor.endpoints, successor.replaces) == (key.scopes, key.endpoints, key)
    assert key.expires_at is not None
    assert key.expires_at <= timezone.now() + timedelta(hours=2)
    assert successor.expires_at is not None
    assert successor.expires_at > timezone.now() + timedelta(days=29)


def test_rotating_without_overlap_ends_the_old_key_at_once(made: tuple[ApiKey, str], alice: User) -> None:
    keys.rotate_key(made[0], by=alice, overlap_hours=0)
    assert keys.find_key(made[1]) is None


def test_rotating_does_not_lengthen_the_life_of_the_old_key(made: tuple[ApiKey, str], alice: User) -> None:
    end = timezone.now() + timedelta(minutes=5)
    ApiKey.objects.update(expires_at=end)
    made[0].refresh_from_db()
    keys.rotate_key(made[0], by=alice, overlap_hours=100)
    assert ApiKey.objects.get(pk=made[0].pk).expires_at == end


def test_a_key_that_has_ended_cannot_be_rotated(made: tuple[ApiKey, str], alice: User) -> None:
    keys.revoke_key(made[0], by=alice)
    with pytest.raises(Conflict):
        keys.rotate_key(made[0], by=alice)


@pytest.mark.parametrize("hours", [-1, 169])
def test_an_overlap_has_bounds(made: tuple[ApiKey, str], alice: User, hours: int) -> None:
    with pytest.raises(InvalidInput):
        keys.rotate_key(made[0], by=alice, overlap_hours=hours)


def test_only_its_person_and_owners_revoke_a_key(
    made: tuple[ApiKey, str], bob: User, charlie: User, alice: User
) -> None:
    for stranger in (bob, charlie):
        with pytest.raises(NotAllowed):
            keys.revoke_key(made[0], by=stranger)
        with pytest.raises(NotAllowed):
            keys.rotate_key(made[0], by=stranger)
    theirs, text = keys.create_key("Bob's", workspace=made[0].workspace, user=bob, scopes=["read"])
    keys.revoke_key(theirs, by=alice)
    assert keys.find_key(text) is None


def test_only_owners_make_keys_that_administer(workspace: Workspace, bob: User) -> None:
    with pytest.raises(NotAllowed):
        keys.create_key("Too much", workspace=workspace, user=bob, scopes=["admin"])


def test_an_outsider_gets_no_key(workspace: Workspace, charlie: User) -> None:
    with pytest.raises(NotAllowed):
        keys.create_key("Mine", workspace=workspace, user=charlie, scopes=["read"])


@pytest.mark.parametrize(
    ("change", "parameter"),
    [
        ({"name": " "}, "name"),
        ({"name": "n" * 121}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["root"]}, "scopes"),
        ({"endpoints": ["../x"]}, "endpoints"),
        ({"days": 0}, "expires"),
        ({"days": 10**9}, "expires"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(
    workspace: Workspace, alice: User, change: dict[str, object], parameter: str
) -> None:
    wanted = {"name": "Fine", "scopes": ["read"], "endpoints": [], "days": None, **change}
    with pytest.raises(InvalidInput) as refusal:
        keys.create_key(wanted.pop("name"), workspace=workspace, user=alice, **wanted)  # type: ignore[arg-type]
    assert list(refusal.value.problems) == [parameter]


def test_the_last_use_is_noted_to_the_minute(made: tuple[ApiKey, str]) -> None:
    now = timezone.now()
    keys.note_use([made[0].id], now)
    keys.note_use([made[0].id], now + timedelta(seconds=30))
    assert ApiKey.objects.get().last_used_at == now
    keys.note_use([made[0].id], now + timedelta(seconds=61))
    assert ApiKey.objects.get().last_used_at == now + timedelta(seconds=61)


def test_the_command_prints_a_key_and_nothing_else(workspace: Workspace, alice: User) -> None:
    said = StringIO()
    arguments = ["--email", alice.email, "--name", "Shell", "--scope", "predict", "--scope", "read", "--expires", "7"]
    call_command("create_key", *arguments, stdout=said)
    assert re.fullmatch(r"mdy_\w{8}_\w{38}\n", said.getvalue())
    key = keys.find_key(said.getvalue().strip())
    assert key is not None
    assert (key.user, key.workspace, key.scopes) == (alice, workspace, ["predict", "read"])


def test_the_command_says_who_is_missing(db: None) -> None:
    with pytest.raises(CommandError, match="no account"):
        call_command("create_key", "--email", "nobody@example.com", "--name", "x")
