"""Coming and going."""

import re
import time
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse

from modelyard.accounts import recovery
from modelyard.accounts.models import AuditEvent, User, Workspace
from tests.accounts.mailbox import link_in, wait_for_mails
from tests.factories import PASSWORD

SIGN_IN = reverse("accounts:sign_in")


def sign_in(client: Client, email: str, password: str = PASSWORD, **fields: str) -> Any:
    return client.post(SIGN_IN, {"email": email, "password": password, **fields})


def test_a_person_signs_in_and_out(client: Client, alice: User, workspace: Workspace) -> None:
    assert client.get(SIGN_IN).status_code == 200
    answer = sign_in(client, "Alice@Example.com")
    assert (answer.status_code, answer.url) == (302, reverse("home"))
    assert client.get(reverse("accounts:settings")).status_code == 200
    client.post(reverse("accounts:sign_out"))
    assert client.get(reverse("accounts:settings")).status_code == 302
    assert AuditEvent.objects.filter(action="person.sign_in", actor=alice).exists()


def test_leaving_by_a_link_is_not_possible(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.get(reverse("accounts:sign_out")).status_code == 405


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client: Client, alice: User) -> None:
    wrong, unknown = sign_in(client, alice.email, "wrong"), sign_in(client, "nobody@example.com", "wrong")
    assert wrong.status_code == unknown.status_code == 422
    strip = re.compile(rb"[A-Za-z0-9]{64}|alice@example.com|nobody@example.com|nonce=\"[^\"]*\"")
    assert strip.sub(b"", wrong.content) == strip.sub(b"", unknown.content)
    assert AuditEvent.objects.filter(action="person.sign_in_failed").count() == 2


def test_a_deactivated_person_does_not_get_in_and_is_out_at_once(client: Client, alice: User) -> None:
    client.force_login(alice)
    User.objects.update(is_active=False)
    assert client.get(reverse("accounts:settings")).status_code == 302
    assert sign_in(client, alice.email).status_code == 422


def test_guessing_is_slowed_down(client: Client, alice: User, still: None) -> None:
    answers = [sign_in(client, alice.email, f"guess {number}") for number in range(6)]
    assert [answer.status_code for answer in answers][-1] == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert sign_in(client, alice.email).status_code == 429


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil"])
def test_signing_in_leads_nowhere_else(client: Client, alice: User, workspace: Workspace, target: str) -> None:
    assert sign_in(client, alice.email, next=target).url == reverse("home")


def test_signing_in_leads_back_to_the_page_that_asked(client: Client, alice: User, workspace: Workspace) -> None:
    assert sign_in(client, alice.email, next="/usage/?days=7").url == "/usage/?days=7"


def test_the_session_gets_a_new_id_at_the_sign_in(client: Client, alice: User) -> None:
    client.get(SIGN_IN)
    client.session["x"] = 1
    before = client.session.session_key
    sign_in(client, alice.email)
    assert client.session.session_key != before


@pytest.mark.parametrize(
    ("began", "seen", "alive"), [(0, 0, True), (0, 13, False), (6 * 24, 1, True), (8 * 24, 1, False)]
)
def test_a_session_ends_when_unused_and_after_a_week(
    client: Client, alice: User, workspace: Workspace, began: int, seen: int, alive: bool
) -> None:
    client.force_login(alice)
    session = client.session
    session["began"], session["seen"] = time.time() - began * 3600, time.time() - seen * 3600
    session.save()
    assert (client.get(reverse("accounts:settings")).status_code == 200) == alive


def sign_up(client: Client, **changed: str) -> Any:
    fields = {"name": "Dora", "email": "dora@example.com", "password": "seven purple bicycles", **changed}
    return client.post(reverse("accounts:sign_up"), fields)


def test_somebody_new_signs_up_and_gets_a_workspace(client: Client, db: None) -> None:
    assert client.get(reverse("accounts:sign_up")).status_code == 200
    assert sign_up(client).status_code == 302
    dora = User.objects.get(email="dora@example.com")
    assert dora.memberships.get().role == "owner"
    assert client.get(reverse("accounts:settings")).status_code == 200
    assert not dora.is_staff


@pytest.mark.parametrize("password", ["short", "password123", "1234567890123", "dora@example.com"])
def test_a_weak_password_is_refused(client: Client, db: None, password: str) -> None:
    assert sign_up(client, password=password).status_code == 422
    assert not User.objects.exists()


def test_an_address_signs_up_once(client: Client, alice: User) -> None:
    assert sign_up(client, email="ALICE@example.com").status_code == 422
    assert User.objects.count() == 1


def test_signing_up_makes_nobody_an_operator(client: Client, db: None) -> None:
    sign_up(client, is_staff="1", is_superuser="1", role="owner")
    assert not User.objects.get().is_staff


def test_an_installation_can_refuse_to_sign_people_up(client: Client, db: None, environment: Any) -> None:
    environment(sign_up=False)
    assert client.get(reverse("accounts:sign_up")).status_code == 404
    assert sign_up(client).status_code == 404
    assert b"sign-up" not in client.get(SIGN_IN).content


def test_a_forgotten_password_is_replaced_by_a_link_that_works_once(client: Client, alice: User) -> None:
    elsewhere = Client()
    elsewhere.force_login(alice)
    assert client.post(reverse("accounts:forgotten"), {"email": alice.email}).status_code == 302
    wait_for_mails(1)
    link = link_in(mail.outbox[0])
    assert link.startswith(settings.ENVIRONMENT.public_url)
    form = client.get(link.removeprefix(settings.ENVIRONMENT.public_url), follow=True)
    chosen = {"new_password1": "seven purple bicycles", "new_password2": "seven purple bicycles"}
    assert client.post(form.request["PATH_INFO"], chosen).status_code == 302
    assert sign_in(client, alice.email, "seven purple bicycles").status_code == 302
    assert elsewhere.get(reverse("accounts:settings")).status_code == 302
    again = Client().get(link.removeprefix(settings.ENVIRONMENT.public_url), follow=True)
    assert b"new_password1" not in again.content


def test_the_link_never_carries_the_host_of_a_request(client: Client, alice: User) -> None:
    client.post(reverse("accounts:forgotten"), {"email": alice.email}, headers={"Host": "evil.example"})
    wait_for_mails(1)
    assert "evil.example" not in mail.outbox[0].body


def test_an_unknown_address_gets_the_same_answer_and_no_mail(client: Client, alice: User) -> None:
    known = client.post(reverse("accounts:forgotten"), {"email": alice.email}, follow=True)
    wait_for_mails(1)
    unknown = client.post(reverse("accounts:forgotten"), {"email": "nobody@example.com"}, follow=True)
    assert known.request["PATH_INFO"] == unknown.request["PATH_INFO"] == reverse("accounts:forgotten_sent")
    assert [message.to for message in mail.outbox] == [[alice.email]]


def test_a_link_expires_after_an_hour(client: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PASSWORD_RESET_TIMEOUT", -1)
    link = recovery.link_for(alice).removeprefix(settings.ENVIRONMENT.public_url)
    assert b"new_password1" not in client.get(link, follow=True).content
