"""Every page that links lead to is walked in a real browser, which reports what the content security policy stopped."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error

from tests.browser import PATIENCE
from tests.face.conftest import Site
from tests.web.access import ROUTES

pytestmark = pytest.mark.browser
LISTEN = """
document.addEventListener("securitypolicyviolation", (event) => {
  stopped(`${location.pathname}: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""
LINKS = "[...document.querySelectorAll('a[href]')].map((link) => link.href)"
VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
FOR_VISITORS = ["/sign-in/", "/sign-up/", "/forgotten/", "/forgotten/sent/", "/nowhere/", "/api/v1/docs"]


@pytest.fixture
def stopped() -> list[str]:
    """What the policy stopped."""
    return []


@pytest.fixture
def context(browser: Browser, site: Site, stopped: list[str]) -> Iterator[BrowserContext]:
    context = browser.new_context(reduced_motion="reduce", accept_downloads=False)
    context.set_default_timeout(PATIENCE)
    context.expose_binding("stopped", lambda _source, words: stopped.append(words))
    context.add_init_script(LISTEN)
    yield context
    context.close()


def look_at(page: Any, address: str) -> list[str]:
    """Open an address and return where its links lead; nothing for what is a file."""
    try:
        page.goto(address, wait_until="load")
    except Error as fault:
        if "Download is starting" in fault.message or "ERR_ABORTED" in fault.message:
            return []
        raise
    links: list[str] = page.evaluate(LINKS)
    return links


def test_the_listener_hears_what_is_stopped(context: BrowserContext, site: Site, stopped: list[str]) -> None:
    page = context.new_page()
    page.goto(f"{site.url}/sign-in/")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.x = 1'}))"
    )
    page.wait_for_function("true")
    assert page.evaluate("window.x") is None
    page.goto(f"{site.url}/sign-in/")
    assert ["script-src" in words for words in stopped] == [True]


def test_no_page_for_visitors_is_stopped(context: BrowserContext, site: Site, stopped: list[str]) -> None:
    page = context.new_page()
    for address in FOR_VISITORS:
        look_at(page, site.url + address)
    assert stopped == []


def test_no_page_that_links_lead_to_is_stopped(context: BrowserContext, site: Site, stopped: list[str]) -> None:
    context.add_cookies([{"name": "sessionid", "value": site.session, "url": site.url}])
    page = context.new_page()
    waiting = [site.url + address for address in ("/", "/admin/", "/settings/security/", *site.addresses.values())]
    seen: set[str] = set()
    while waiting:
        address = waiting.pop()
        shape = VARYING.sub("*", address.split("?")[0].split("#")[0])
        if shape not in seen and address.startswith(site.url):
            seen.add(shape)
            waiting += look_at(page, address)
    assert stopped == []
    assert len(seen) > len([route for route in ROUTES if "GET" in ROUTES[route]]) // 3
