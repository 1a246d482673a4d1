"""Signing in by an identity provider, a real one in a process of its own, and everything it may get wrong."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.conf import settings
from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import AuditEvent, Identity, User, Workspace
from modelyard.environment import SingleSignOn, UnsafeSetting, read_environment
from tests.accounts.app import set_up
from tests.accounts.identity_provider import CLIENT, SECRET, VISITOR
from tests.conftest import free_port, wait_for_port
from tests.factories import PASSWORD, make_user, make_workspace

ROOT = Path(__file__).resolve().parents[2]
LEAVE, BACK, SECURITY = (reverse(f"accounts:{name}") for name in ("single_sign_on", "single_sign_on_back", "security"))


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    port = free_port()
    with subprocess.Popen([sys.executable, "-m", "tests.accounts.identity_provider", str(port)], cwd=ROOT) as process:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def provider(issuer: str, environment: Any, db: None) -> Callable[..., None]:
    """Say who signs in next, and how this installation is set up: `provider(domains=frozenset({"corp.example"}))`."""

    def choose(upcoming: dict[str, Any] | None = None, **changed: Any) -> None:
        requests.put(f"{issuer}/next", json=upcoming or {}, timeout=60).raise_for_status()
        usual = {"client_id": CLIENT, "client_secret": SECRET, "name": "Corp", "domains": frozenset(), "sign_up": True}
        environment(single_sign_on=SingleSignOn(**{"issuer": issuer, **usual, **changed}))

    choose()
    return choose


def ask_provider(client: Client, target: str = "/usage/") -> str:
    """Go to the provider as a browser would and return the address, on our side, that it sends the browser to."""
    left = client.get(LEAVE, {"next": target})
    assert left.status_code == 302, left.content.decode()
    back = requests.get(left.url, allow_redirects=False, timeout=60).headers["Location"]
    assert back.startswith(settings.ENVIRONMENT.public_url + BACK)
    return back.removeprefix(settings.ENVIRONMENT.public_url)


def come_by_provider(client: Client) -> Any:
    return client.get(ask_provider(client))


def is_in(client: Client) -> bool:
    return client.get(reverse("accounts:settings")).status_code == 200


def test_somebody_new_gets_an_account_and_a_workspace(client: Client, provider: Any) -> None:
    assert b"Sign in with Corp" in client.get(reverse("accounts:sign_in")).content
    assert come_by_provider(client).url == "/usage/"
    dora = User.objects.get(email=VISITOR["email"])
    assert (dora.name, dora.has_usable_password(), dora.is_staff) == ("Dora", False, False)
    assert dora.memberships.get().role == "owner"
    assert is_in(client)
    assert AuditEvent.objects.get(action="person.sign_in", actor=dora).details["how"] == "single sign-on"


def test_the_same_person_comes_again_even_with_another_address(client: Client, provider: Any) -> None:
    come_by_provider(client)
    provider({"claims": {"email": "dora.new@corp.example"}})
    again = Client()
    assert come_by_provider(again).url == "/usage/"
    assert User.objects.count() == 1
    assert is_in(again)


def test_the_request_carries_state_nonce_and_a_verifier_and_no_secret(client: Client, provider: Any) -> None:
    asked = parse_qs(urlsplit(client.get(LEAVE).url).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == [settings.ENVIRONMENT.public_url + BACK]
    assert len(asked["state"][0]) >= 20
    assert len(asked["nonce"][0]) >= 20
    assert SECRET not in client.get(LEAVE).url


@pytest.mark.parametrize(
    "fault",
    [
        {"claims": {"nonce": "another"}},
        {"claims": {"nonce": None}},
        {"claims": {"iss": "https://evil.example"}},
        {"claims": {"iss": None}},
        {"claims": {"aud": "another client"}},
        {"claims": {"aud": None}},
        {"claims": {"exp": 1_000_000_000}},
        {"claims": {"sub": None}},
        {"key": "other"},
        {"answer": {"state": "another"}},
        {"answer": {"code": "invented"}},
        {"answer": {"error": "access_denied"}},
    ],
    ids=str,
)
def test_an_answer_that_does_not_fit_lets_nobody_in(client: Client, provider: Any, fault: dict[str, Any]) -> None:
    provider(fault)
    answer = come_by_provider(client)
    assert answer.status_code == 400
    assert b"Traceback" not in answer.content
    assert not User.objects.exists()
    assert not is_in(client)


def test_an_answer_for_another_browser_lets_nobody_in(client: Client, provider: Any) -> None:
    stolen = ask_provider(Client())
    assert client.get(stolen).status_code == 400
    assert not is_in(client)


def test_an_answer_works_once(client: Client, provider: Any) -> None:
    address = ask_provider(client)
    assert client.get(address).status_code == 302
    client.post(reverse("accounts:sign_out"))
    assert client.get(address).status_code == 400


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_an_address_that_is_not_verified_is_refused(client: Client, provider: Any, verified: Any) -> None:
    provider({"claims": {"email_verified": verified}, "userinfo": {"email_verified": verified}})
    assert come_by_provider(client).status_code == 403
    assert not User.objects.exists()
    assert AuditEvent.objects.filter(action="person.sign_in_failed", subject=VISITOR["sub"]).exists()


def test_an_address_told_beside_the_token_counts_for_the_same_subject_only(client: Client, provider: Any) -> None:
    provider({"claims": {"email": None, "email_verified": None}})
    assert come_by_provider(client).status_code == 302
    provider({"claims": {"email": None, "sub": "4711"}, "userinfo": {"sub": "1234", "email": "x@corp.example"}})
    assert come_by_provider(Client()).status_code == 403


@pytest.mark.parametrize("how", ["connected", "not connected"])
def test_a_deactivated_person_is_refused(client: Client, provider: Any, how: str) -> None:
    if how == "connected":
        come_by_provider(client)
        client.post(reverse("accounts:sign_out"))
    else:
        make_workspace(make_user("dora"))
        provider({"claims": {"email": "dora@example.com"}})
    User.objects.update(is_active=False)
    assert come_by_provider(client).status_code in (403, 409)
    assert not is_in(client)


def test_an_account_of_the_same_address_is_not_opened_by_the_address_alone(client: Client, provider: Any) -> None:
    make_workspace(make_user("dora"))
    provider({"claims": {"email": "DORA@example.com"}})
    answer = come_by_provider(client)
    assert answer.status_code == 409
    assert b"connect it under Settings" in answer.content
    assert not is_in(client)


def test_who_signs_in_by_password_connects_and_disconnects(
    client: Client, provider: Any, alice: User, workspace: Workspace
) -> None:
    client.force_login(alice)
    assert client.get(LEAVE).url == SECURITY
    assert client.post(reverse("accounts:connect_single_sign_on"), {"password": "wrong"}).status_code == 422
    client.post(reverse("accounts:connect_single_sign_on"), {"password": PASSWORD})
    assert come_by_provider(client).url == SECURITY
    elsewhere = Client()
    assert come_by_provider(elsewhere).url == "/usage/"
    assert elsewhere.get(reverse("accounts:settings")).context["user"] == alice
    client.post(reverse("accounts:disconnect_single_sign_on"))
    assert not Identity.objects.exists()


def test_an_identity_belongs_to_one_person(client: Client, provider: Any, alice: User, workspace: Workspace) -> None:
    come_by_provider(client)
    hers = Client()
    hers.force_login(alice)
    hers.post(reverse("accounts:connect_single_sign_on"), {"password": PASSWORD})
    assert come_by_provider(hers).status_code == 409
    assert not alice.identities.exists()


def test_nobody_is_left_without_a_way_in(client: Client, provider: Any) -> None:
    come_by_provider(client)
    assert client.post(reverse("accounts:disconnect_single_sign_on")).status_code == 409
    assert Identity.objects.count() == 1


def test_a_second_factor_of_ours_is_asked_for_here_too(client: Client, provider: Any) -> None:
    come_by_provider(client)
    client.get(reverse("accounts:settings"))
    set_up(client)
    assert come_by_provider(Client()).url == reverse("accounts:second_factor")


def test_whoever_requires_one_leaves_it_to_the_provider(client: Client, provider: Any, environment: Any) -> None:
    environment(second_factor="everybody")
    come_by_provider(client)
    assert is_in(client)
    assert client.get("/api/v1/quotas").status_code == 200


@pytest.mark.parametrize(
    ("email", "status"),
    [("dora@corp.example", 302), ("dora@evil.example", 403), ("dora@corp.example.evil.example", 403), ("dora", 403)],
)
def test_only_addresses_of_the_chosen_domains_come_in(client: Client, provider: Any, email: str, status: int) -> None:
    provider({"claims": {"email": email}}, domains=frozenset({"corp.example"}))
    assert come_by_provider(client).status_code == status


def test_unknown_people_can_be_kept_out(client: Client, provider: Any) -> None:
    provider(sign_up=False)
    assert come_by_provider(client).status_code == 403
    assert not User.objects.exists()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example"])
def test_coming_back_leads_nowhere_else(client: Client, provider: Any, target: str) -> None:
    assert client.get(ask_provider(client, target)).url == reverse("home")


def test_a_provider_that_is_away_is_told_and_the_page_goes_on(client: Client, provider: Any) -> None:
    provider(issuer=f"http://127.0.0.1:{free_port()}")
    answer = client.get(LEAVE)
    assert answer.status_code == 400
    assert b"did not work" in answer.content


def test_a_wrong_secret_of_ours_lets_nobody_in(client: Client, provider: Any) -> None:
    provider(client_secret="not the one")
    assert come_by_provider(client).status_code == 400


def test_signing_out_leads_to_the_way_out_at_the_provider_too(client: Client, provider: Any) -> None:
    come_by_provider(client)
    page = client.post(reverse("accounts:sign_out"))
    assert not is_in(client)
    assert b"At Corp you are still signed in" in page.content
    assert page.context["way_out"].replace("&", "&amp;") in page.content.decode()
    back = requests.get(page.context["way_out"], allow_redirects=False, timeout=60)
    assert back.status_code == 302
    assert back.headers["Location"].startswith(
        settings.ENVIRONMENT.public_url + reverse("accounts:sign_in") + "?state="
    )
    assert client.post(reverse("accounts:sign_out")).status_code == 302


@pytest.mark.parametrize("address", [None, "", "javascript:alert(1)", "http://evil.example/", 7])
def test_where_the_provider_has_no_way_out_one_is_signed_out_here(client: Client, provider: Any, address: Any) -> None:
    provider({"metadata": {"end_session_endpoint": address}}, name=f"Corp {address}")
    come_by_provider(client)
    assert client.post(reverse("accounts:sign_out")).url == reverse("accounts:sign_in")
    assert not is_in(client)


def test_who_came_by_password_is_signed_out_here_only(
    client: Client, provider: Any, alice: User, workspace: Workspace
) -> None:
    client.force_login(alice)
    assert client.post(reverse("accounts:sign_out")).url == reverse("accounts:sign_in")


def test_a_second_factor_in_between_loses_no_way_out(client: Client, provider: Any) -> None:
    come_by_provider(client)
    client.get(reverse("accounts:settings"))
    _secret, codes = set_up(client)
    again = Client()
    come_by_provider(again)
    again.post(reverse("accounts:second_factor"), {"code": codes[0]})
    assert is_in(again)
    assert again.post(reverse("accounts:sign_out")).context["way_out"]


def test_without_a_provider_there_is_no_such_page(client: Client, db: None) -> None:
    assert b"sign-in/sso" not in client.get(reverse("accounts:sign_in")).content
    assert client.get(LEAVE).status_code == 404
    assert client.get(BACK).status_code == 404


def test_the_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("MODELYARD_SSO_ISSUER", "https://id.example/")
    monkeypatch.setenv("MODELYARD_SSO_CLIENT_ID", "yard")
    monkeypatch.setenv("MODELYARD_SSO_CLIENT_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("MODELYARD_SSO_DOMAINS", "Corp.example, @other.example")
    chosen = read_environment().single_sign_on
    assert chosen is not None
    assert (chosen.client_secret, chosen.name) == ("from a file", "id.example")
    assert chosen.domains == {"corp.example", "other.example"}
    assert "from a file" not in repr(chosen)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"MODELYARD_SSO_ISSUER": "http://id.example"}, "https"),
        ({"MODELYARD_SSO_ISSUER": "https://id.example"}, "CLIENT_ID"),
        ({"MODELYARD_SECOND_FACTOR": "perhaps"}, "optional, operators, everybody"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], words: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnsafeSetting, match=words):
        read_environment()
