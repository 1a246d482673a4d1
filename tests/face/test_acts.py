"""Acts in a real browser: a limit changed in place, a key made and copied, the API's documentation opened."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import PATIENCE
from tests.face.conftest import Site

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    context.add_cookies([{"name": "sessionid", "value": site.session, "url": site.url}])
    yield context.new_page()
    context.close()


def test_a_limit_is_changed_without_leaving_the_page(page: Page, site: Site) -> None:
    page.goto(site.url + site.addresses["admin-quotas"])
    page.evaluate("document.body.dataset.stays = 'yes'")
    field = page.get_by_label("Limit: Endpoints of Customer insight")
    field.fill("33")
    field.press("Enter")
    expect(page.get_by_text("works now")).to_be_visible()
    expect(field).to_have_value("33")
    field.fill("a lot")
    field.press("Enter")
    expect(page.get_by_text("Enter a number.")).to_be_visible()
    assert page.evaluate("document.body.dataset.stays") == "yes"
    page.reload()
    expect(field).to_have_value("33")


def test_a_key_is_made_and_shown_once(page: Page, site: Site) -> None:
    page.goto(f"{site.url}{site.addresses['keys']}?endpoint=churn")
    expect(page.get_by_role("textbox", name="Endpoints")).to_have_value("churn")
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator("#secret-text")
    expect(secret).to_contain_text("mdy_")
    text = secret.inner_text()
    page.goto(site.url + site.addresses["keys"])
    assert text not in page.content()
    expect(page.get_by_text("Calls churn")).to_be_visible()


def test_the_documentation_of_the_api_opens_within_its_policy(page: Page, site: Site) -> None:
    faults: list[str] = []
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: faults.append(request.url) if not request.url.startswith(site.url) else None)
    page.goto(f"{site.url}/api/v1/docs")
    page.locator("#operations-keys-keys_create").click()
    expect(page.get_by_text("Make a key")).to_be_visible()
    assert [fault for fault in faults if not fault.startswith("data:")] == []


def test_moving_a_slider_keeps_the_shares_at_a_hundred(page: Page, site: Site) -> None:
    page.goto(site.url + site.addresses["endpoint"])
    slider = page.get_by_label("Slider for the share of version 2")
    slider.fill("30")
    expect(page.get_by_label("Per cent of the calls for version 2")).to_have_value("30")
    expect(page.get_by_label("Per cent of the calls for version 1")).to_have_value("70")
    page.get_by_label("Per cent of the calls for version 1").fill("55")
    expect(page.get_by_label("Slider for the share of version 1")).to_have_value("55")
    expect(page.get_by_label("Per cent of the calls for version 2")).to_have_value("30")
    page.get_by_role("button", name="Release", exact=True).click()
    expect(page.get_by_text("must add up to 100 percent, got 85")).to_be_visible()


def test_a_guard_s_fields_show_once_one_is_wanted(page: Page, site: Site) -> None:
    page.goto(site.url + site.addresses["endpoint"])
    page.get_by_text("Shadow, single keys, guard").click()
    minutes = page.get_by_label("Watch for this many minutes")
    expect(minutes).to_be_hidden()
    page.get_by_label("Take the release back by itself").check()
    expect(minutes).to_be_visible()
