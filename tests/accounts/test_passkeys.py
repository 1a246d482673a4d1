"""Passkeys in a real browser, with the authenticator that Chromium brings for such tests (a device with a finger)."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import Browser, Page, Request, expect

from tests.accounts.app import code_of
from tests.browser import open_page
from tests.web_server import EMAIL, PASSWORD, WebServer, start_web

pytestmark = pytest.mark.browser
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def yard(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with start_web(tmp_path_factory.mktemp("passkeys"), redis_server, MODELYARD_HOST="localhost") as server:
        yield server


@pytest.fixture(scope="module")
def address(yard: WebServer) -> str:
    return f"http://localhost:{urlsplit(yard.url).port}"


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    page, problems = open_page(browser, base_url=address)
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    yield page
    page.context.close()
    assert problems == []


def show_password(page: Page) -> None:
    page.goto("/sign-in/?next=/settings/")
    page.fill("[name=email]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def is_use(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith("/sign-in/passkey/")


def repeat(address: str, sent: str) -> int:
    """Send what another browser sent before, in a session that has a challenge of its own; return the status."""
    session = requests.Session()
    session.get(f"{address}/sign-in/", timeout=60)
    token = {"X-CSRFToken": session.cookies["csrftoken"]}
    session.post(f"{address}/sign-in/passkey/options/", headers=token, timeout=60).raise_for_status()
    fields = {"credential": parse_qs(sent)["credential"][0]}
    return session.post(f"{address}/sign-in/passkey/", fields, headers=token, timeout=60).status_code


def test_a_passkey_is_added_signs_in_alone_or_second_and_is_removed(page: Page, address: str) -> None:
    show_password(page)
    expect(page).to_have_url(f"{address}/settings/")
    page.goto("/settings/security/passkeys/")
    page.fill("main [name=name]", "Work laptop")
    page.fill("main [name=password]", PASSWORD)
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    expect(page.get_by_text("Work laptop")).to_be_visible()

    page.context.clear_cookies()
    page.goto("/sign-in/?next=/settings/")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or "") if is_use(request) else None)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(f"{address}/settings/")
    assert repeat(address, sent[0]) == 422

    page.context.clear_cookies()
    show_password(page)
    expect(page).to_have_url(f"{address}/sign-in/second/")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{address}/settings/")

    page.goto("/settings/security/")
    entry = page.get_by_role("listitem").filter(has_text="Work laptop")
    entry.locator("summary").click()
    entry.locator("[name=password]").fill(PASSWORD)
    entry.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Work laptop")).to_have_count(0)

    page.context.clear_cookies()
    show_password(page)
    expect(page).to_have_url(f"{address}/settings/")


def test_a_device_without_passkeys_says_so_and_the_page_goes_on(page: Page, address: str) -> None:
    page.goto("/sign-in/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("The passkey was not used")).to_be_visible()
    expect(page).to_have_url(f"{address}/sign-in/")


def test_an_app_is_set_up_and_asked_for(page: Page, address: str) -> None:
    show_password(page)
    page.goto("/settings/security/app/")
    secret = page.locator("#app-key").inner_text().replace(" ", "")
    page.fill("[name=code]", code_of(secret, steps=-1))
    page.fill("main [name=password]", PASSWORD)
    page.get_by_role("button", name="Switch it on").click()
    codes = page.locator("#recovery-codes").inner_text().split("\n")

    page.context.clear_cookies()
    show_password(page)
    page.fill("[name=code]", codes[0])
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(f"{address}/settings/")
