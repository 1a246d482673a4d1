"""Codes of an app and recovery codes: switched on, asked for, used once, switched off, lost."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.urls import reverse

from modelyard.accounts import entering
from modelyard.accounts.factors import codes
from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.accounts.services import require_second_factor
from tests.accounts.app import code_of, set_up
from tests.factories import PASSWORD

SIGN_IN, SECOND, SECURITY = (reverse(f"accounts:{name}") for name in ("sign_in", "second_factor", "security"))


@pytest.fixture
def secured(alice: User, workspace: Workspace) -> tuple[str, list[str]]:
    """Alice has an app; its secret and her recovery codes."""
    client = Client()
    client.force_login(alice)
    return set_up(client)


def show_password(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post(SIGN_IN, {"email": email, "password": password, "next": "/usage/"})


def is_in(client: Client) -> bool:
    return client.get(reverse("accounts:settings")).status_code == 200


def test_signing_in_asks_for_a_code_and_leads_where_one_wanted(
    client: Client, alice: User, secured: tuple[str, list[str]]
) -> None:
    asked = show_password(client, alice.email)
    assert asked.url == SECOND
    assert not is_in(client)
    assert b"one-time-code" in client.get(SECOND).content
    assert client.post(SECOND, {"code": code_of(secured[0])}).url == "/usage/"
    assert is_in(client)
    event = AuditEvent.objects.filter(action="person.sign_in").latest("pk")
    assert event.details == {"how": "password", "factor": "totp"}


def test_a_code_works_once(alice: User, secured: tuple[str, list[str]]) -> None:
    code = code_of(secured[0])
    assert codes.use_code(alice, code) == "totp"
    assert codes.use_code(alice, code) is None


def test_the_code_that_switched_the_app_on_does_not_sign_in(alice: User, secured: tuple[str, list[str]]) -> None:
    assert codes.use_code(alice, code_of(secured[0], steps=-1)) is None


def test_the_clock_of_a_phone_may_be_half_a_minute_off_and_no_more(alice: User, secured: tuple[str, list[str]]) -> None:
    assert codes.use_code(alice, code_of(secured[0], steps=4)) is None
    assert codes.use_code(alice, code_of(secured[0], steps=1)) == "totp"


def test_a_recovery_code_works_once_with_or_without_its_spaces(alice: User, secured: tuple[str, list[str]]) -> None:
    first, second = secured[1][:2]
    assert len(set(secured[1])) == 10
    assert codes.use_code(alice, first) == "recovery_codes"
    assert codes.use_code(alice, first) is None
    assert codes.use_code(alice, second.replace(" ", "")) == "recovery_codes"
    assert codes.count_recovery_codes(alice) == 8


@pytest.mark.parametrize("wrong", ["000000", "", "１２３４５６", "'; --", "0" * 40])
def test_a_wrong_code_does_not_get_in_and_is_recorded(
    client: Client, alice: User, secured: tuple[str, list[str]], wrong: str
) -> None:
    show_password(client, alice.email)
    assert client.post(SECOND, {"code": wrong}).status_code == 422
    assert not is_in(client)
    assert AuditEvent.objects.filter(action="person.second_factor_failed").exists() == bool(wrong)


def test_guessing_codes_is_slowed_down_from_whatever_address(
    alice: User, secured: tuple[str, list[str]], still: None
) -> None:
    answers = []
    for number in range(7):
        client = Client(REMOTE_ADDR=f"198.51.100.{number}")
        show_password(client, alice.email)
        answers.append(client.post(SECOND, {"code": "000000"}))
    assert [answer.status_code for answer in answers] == [422] * 5 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_the_second_step_alone_leads_back_to_the_first(client: Client, secured: tuple[str, list[str]]) -> None:
    assert client.get(SECOND).url == SIGN_IN
    assert client.post(SECOND, {"code": code_of(secured[0])}).url == SIGN_IN


@pytest.mark.parametrize("change", ["password", "deactivated", "too late"])
def test_the_second_step_ends_with_what_the_first_one_proved(
    client: Client, alice: User, secured: tuple[str, list[str]], change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change == "too late":
        monkeypatch.setattr(entering, "WAIT_SECONDS", -1)
    show_password(client, alice.email)
    if change == "password":
        alice.set_password("seven purple bicycles")
        alice.save()
    if change == "deactivated":
        User.objects.update(is_active=False)
    assert client.post(SECOND, {"code": code_of(secured[0])}).url == SIGN_IN
    assert not is_in(client)


def test_the_session_gets_a_new_id_at_each_step(client: Client, alice: User, secured: tuple[str, list[str]]) -> None:
    client.get(SIGN_IN)
    show_password(client, alice.email)
    between = client.session.session_key
    client.post(SECOND, {"code": code_of(secured[0])})
    assert client.session.session_key != between


def test_the_secret_lies_encrypted_and_the_codes_are_not_there(alice: User, secured: tuple[str, list[str]]) -> None:
    kept = " ".join(str(factor.data) for factor in Authenticator.objects.filter(user=alice))
    assert secured[0] not in kept
    assert not [code for code in secured[1] if code in kept or code.replace(" ", "") in kept]


def test_under_another_pepper_no_code_works_and_nothing_breaks(
    alice: User, secured: tuple[str, list[str]], environment: Any, caplog: pytest.LogCaptureFixture
) -> None:
    environment(key_pepper="another pepper, thirty-two letters and more")
    assert codes.use_code(alice, code_of(secured[0])) is None
    assert "MODELYARD_KEY_PEPPER" in caplog.text


def test_the_picture_is_drawn_here_and_nothing_is_on_before_a_code(
    client: Client, alice: User, workspace: Workspace
) -> None:
    client.force_login(alice)
    page = client.get(reverse("accounts:set_up_app")).content.decode()
    assert "<svg" in page
    assert "style=" not in page
    assert client.post(reverse("accounts:set_up_app"), {"code": "000000", "password": PASSWORD}).status_code == 422
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("act", ["set_up_app", "remove_app", "renew_recovery_codes"])
def test_every_change_asks_for_the_password(client: Client, alice: User, workspace: Workspace, act: str) -> None:
    client.force_login(alice)
    secret = ""
    if act != "set_up_app":
        secret, _ = set_up(client)
    else:
        client.get(reverse("accounts:set_up_app"))
    before = list(Authenticator.objects.values("type", "data"))
    for password in ("", "wrong"):
        fields = {"password": password, "code": code_of(secret) if secret else ""}
        assert client.post(reverse(f"accounts:{act}"), fields).status_code == 422
    assert list(Authenticator.objects.values("type", "data")) == before


def test_switching_the_app_off_takes_the_recovery_codes_too(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    set_up(client)
    assert client.post(reverse("accounts:remove_app"), {"password": PASSWORD}).url == SECURITY
    assert not Authenticator.objects.exists()
    assert show_password(Client(), alice.email).url == "/usage/"


def test_new_recovery_codes_end_the_former_ones(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    _, former = set_up(client)
    assert client.post(reverse("accounts:renew_recovery_codes"), {"password": PASSWORD}).status_code == 200
    assert codes.use_code(alice, former[0]) is None


def test_recovery_codes_are_shown_once(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    _, shown = set_up(client)
    page = client.get(SECURITY).content.decode()
    assert not [code for code in shown if code in page]


def test_a_new_password_by_link_does_not_get_around_the_app(alice: User, secured: tuple[str, list[str]]) -> None:
    alice.set_password("seven purple bicycles")
    alice.save()
    assert show_password(Client(), alice.email, "seven purple bicycles").url == SECOND


def test_an_operator_resets_what_somebody_lost(
    client: Client, alice: User, operator: User, secured: tuple[str, list[str]]
) -> None:
    hers = Client()
    hers.force_login(alice)
    client.force_login(operator)
    client.post(reverse("console:change_person", args=[alice.pk]), {"act": "reset_factors"})
    assert not Authenticator.objects.filter(user=alice).exists()
    assert not is_in(hers)
    assert AuditEvent.objects.get(action="factor.reset").actor == operator


def test_the_command_resets_it_too(alice: User, secured: tuple[str, list[str]]) -> None:
    call_command("reset_second_factor", email="Alice@example.com")
    assert not Authenticator.objects.exists()
    assert AuditEvent.objects.filter(action="factor.reset", actor=None).exists()
    with pytest.raises(CommandError, match="no account"):
        call_command("reset_second_factor", email="nobody@example.com")


@pytest.mark.parametrize(
    ("rule", "operators", "others"), [("optional", True, True), ("operators", False, True), ("everybody", False, False)]
)
def test_an_installation_can_require_one(
    alice: User, workspace: Workspace, operator: User, environment: Any, rule: str, operators: bool, others: bool
) -> None:
    environment(second_factor=rule)
    for person, free in ((operator, operators), (alice, others)):
        client = Client()
        client.force_login(person)
        answer = client.get(reverse("accounts:keys"))
        assert (answer.status_code == 200) == free
        if not free:
            assert answer.url == SECURITY
            assert client.get("/api/v1/quotas").json()["error"]["code"] == "second_factor_missing"
            set_up(client)
            assert client.get(reverse("accounts:keys")).status_code == 200
            assert client.get("/api/v1/quotas").status_code == 200


def test_a_workspace_can_require_one_of_its_members(
    client: Client, alice: User, bob: User, charlie: User, workspace: Workspace
) -> None:
    client.force_login(alice)
    client.post(reverse("accounts:set_workspace_rule"), {"second_factor": "on"})
    workspace.refresh_from_db()
    assert workspace.second_factor
    client.force_login(bob)
    assert client.get(reverse("accounts:keys")).url == SECURITY
    client.force_login(charlie)
    assert client.get(reverse("accounts:keys")).status_code == 200


def test_only_an_owner_makes_the_rule(client: Client, alice: User, bob: User, workspace: Workspace) -> None:
    require_second_factor(workspace, True, by=alice)
    client.force_login(bob)
    set_up(client)
    assert client.post(reverse("accounts:set_workspace_rule")).status_code == 403
    workspace.refresh_from_db()
    assert workspace.second_factor


def test_passkeys_need_https_and_a_name(client: Client, alice: User, workspace: Workspace, environment: Any) -> None:
    client.force_login(alice)
    offered = {}
    for address in ("https://yard.example", "http://localhost:8000", "http://yard.example", "https://192.0.2.1"):
        environment(public_url=address)
        offered[address] = reverse("accounts:add_passkey").encode() in client.get(SECURITY).content
    assert list(offered.values()) == [True, True, False, False]


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "[]",
        "{}",
        "null",
        "7",
        "[" * 15_000,
        '{"response": []}',
        '{"response": {"userHandle": "AA"}}',
        '{"id": "x", "rawId": 1}',
    ],
)
def test_a_passkey_that_makes_no_sense_is_refused(
    client: Client, alice: User, workspace: Workspace, credential: str
) -> None:
    client.post(reverse("accounts:offer_passkey"))
    assert client.post(reverse("accounts:take_passkey"), {"credential": credential}).status_code == 422
    client.force_login(alice)
    offer = client.post(reverse("accounts:offer_to_add_passkey"), {"name": "Phone", "password": PASSWORD})
    assert offer.json()["publicKey"]["rp"]["id"] == settings.ENVIRONMENT.public_url.split("/")[2].split(":")[0]
    assert client.post(reverse("accounts:add_passkey"), {"credential": credential}).status_code == 422
    assert not Authenticator.objects.exists()


def test_a_passkey_is_offered_after_the_password_only(client: Client, alice: User, workspace: Workspace) -> None:
    client.force_login(alice)
    answer = client.post(reverse("accounts:offer_to_add_passkey"), {"name": "Phone", "password": "wrong"})
    assert answer.status_code == 422
    assert "password" in answer.json()["problem"]


def test_guessing_the_password_in_an_open_session_is_slowed_down(
    client: Client, alice: User, workspace: Workspace, still: None
) -> None:
    client.force_login(alice)
    fields = {"old_password": "guess", "new_password": "seven purple bicycles"}
    for _ in range(6):
        answer = client.post(reverse("accounts:change_password"), fields)
    assert b"Too many tries" in answer.content
    client.post(reverse("accounts:change_password"), {**fields, "old_password": PASSWORD})
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
