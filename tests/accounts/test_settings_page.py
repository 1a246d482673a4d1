"""A person's own settings."""

from django.conf import settings
from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import AuditEvent, User, Workspace
from tests.factories import PASSWORD

SETTINGS = reverse("accounts:settings")


def test_a_person_changes_name_and_language(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    assert client.post(SETTINGS, {"name": "Alice L.", "language": "zh-hans"}).status_code == 302
    alice.refresh_from_db()
    assert (alice.name, alice.language) == ("Alice L.", "zh-hans")
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME].value == "zh-hans"


def test_settings_change_nothing_that_is_not_asked_for(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    extra = {"is_staff": "1", "is_superuser": "1", "email": "x@example.com", "is_active": "0", "password": "x"}
    client.post(SETTINGS, {"name": "A", "language": "", **extra})
    changed = User.objects.get(pk=alice.pk)
    assert (changed.email, changed.is_staff, changed.is_active) == (alice.email, False, True)
    assert changed.check_password(PASSWORD)


def test_changing_the_password_asks_for_the_old_one(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    address = reverse("accounts:change_password")
    fields = {"old_password": "wrong", "new_password": "seven purple bicycles"}
    assert client.post(address, fields).status_code == 422
    assert client.post(address, {"old_password": PASSWORD, "new_password": "short"}).status_code == 422
    assert User.objects.get(pk=alice.pk).check_password(PASSWORD)


def test_a_changed_password_ends_the_other_sessions(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    elsewhere = Client()
    elsewhere.force_login(alice)
    fields = {"old_password": PASSWORD, "new_password": "seven purple bicycles"}
    assert client.post(reverse("accounts:change_password"), fields).status_code == 302
    assert client.get(SETTINGS).status_code == 200
    assert elsewhere.get(SETTINGS).status_code == 302


def test_a_person_ends_their_other_sessions(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    elsewhere = Client()
    elsewhere.force_login(alice)
    assert client.post(reverse("accounts:end_sessions")).status_code == 302
    assert client.get(SETTINGS).status_code == 200
    assert elsewhere.get(SETTINGS).status_code == 302
    assert AuditEvent.objects.filter(action="person.end_sessions").exists()


def test_the_language_is_switched_and_remembered(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    answer = client.post(reverse("accounts:language"), {"language": "zh-hans", "next": "/keys/"})
    assert (answer.status_code, answer.url) == (302, "/keys/")
    assert b'lang="zh-hans"' in client.get(SETTINGS).content
    alice.refresh_from_db()
    assert alice.language == "zh-hans"
    assert client.post(reverse("accounts:language"), {"language": "tlh"}).status_code == 422


def test_a_visitor_switches_the_language_too(client: Client, db: None) -> None:
    client.post(reverse("accounts:language"), {"language": "zh-hans", "next": "//evil.example"})
    assert b'lang="zh-hans"' in client.get(reverse("accounts:sign_in")).content
