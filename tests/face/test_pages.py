"""Every page in a real browser: accessible, inside its policy, never wider than the screen, in both themes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser import PATIENCE
from tests.face.conftest import Site
from tests.face.seed import CONSOLE

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
NAMES = (
    *("home", "data", "data-new", "data-set", "data-compare"),
    *("data-former", "data-table", "data-images", "data-rejected", "data-uploaded"),
    *("runs", "templates", "run-new"),
    *("run-cancelled", "run-failed", "run-succeeded", "run-former", "run-running", "run-queued"),
    *(
        "models",
        "model",
        "model-version",
        "model-compare",
        "endpoints",
        "endpoint-new",
        "endpoint",
        "endpoint-shadowed",
        "endpoint-drift",
        "endpoint-failures",
    ),
    *("batches", "batch-new", "batch-failed", "batch-succeeded", "batch-running", "batch-queued"),
    *("keys", "settings", "members", "usage"),
    *(f"admin-{name}" for name in CONSOLE),
    "admin-audit-found",
)
SIGNED_OUT = ("/sign-in/", "/sign-up/", "/forgotten/")
RUN_AXE = """async () => (await axe.run({resultTypes: ["violations"]})).violations.flatMap(
    (rule) => rule.nodes.map((node) => `${rule.id}: ${node.target.join(" ")}: ${node.failureSummary}`))"""
SETTLE = "() => Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => null)))"
WATCH_POLICY = """window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
    if (event.sourceFile !== "") violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});"""
WIDER = """() => document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("body *")]
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 1 && element.checkVisibility())
    .map((element) => `${element.tagName}.${element.getAttribute("class")}`)"""

WIDTHS = (1920, 768, 375)
SCREEN: dict[str, Any] = {"viewport": {"width": 1440, "height": 800}, "reduced_motion": "reduce"}
ASKING = '<form method="get" action="/" data-confirm="Really?"><button name="sent" value="1" id="go">Go</button></form>'


@pytest.fixture(scope="module")
def person(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    context = browser.new_context(**SCREEN)
    context.set_default_timeout(PATIENCE)
    context.add_cookies([{"name": "sessionid", "value": site.session, "url": site.url}])
    context.add_init_script(WATCH_POLICY)
    yield context
    context.close()


@pytest.fixture(scope="module")
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**SCREEN)
    context.set_default_timeout(PATIENCE)
    context.add_init_script(WATCH_POLICY)
    yield context
    context.close()


@pytest.fixture
def page(person: BrowserContext) -> Iterator[Page]:
    page = person.new_page()
    yield page
    page.close()


def _open(page: Page, address: str) -> list[str]:
    """Load a page and return what went wrong while it did."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    answer = page.goto(address)
    page.wait_for_timeout(150)
    assert answer is not None
    assert answer.status < 500, f"{address}: {answer.status}"
    return [*faults, *page.evaluate("violations")]


def _look_at(page: Page) -> dict[str, list[str]]:
    """What axe finds in both themes, and what is wider than the screen."""
    found = {}
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(SETTLE)
        found[scheme] = page.evaluate(RUN_AXE)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        found[f"{width} px"] = page.evaluate(WIDER)
    return {what: faults for what, faults in found.items() if faults}


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci")
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_accessible_inside_its_policy_and_not_too_wide(page: Page, site: Site, name: str) -> None:
    assert _open(page, site.url + site.addresses[name]) == []
    assert _look_at(page) == {}


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci")
@pytest.mark.parametrize("address", SIGNED_OUT)
def test_a_page_for_visitors_is_so_too(visitor: BrowserContext, site: Site, address: str) -> None:
    page = visitor.new_page()
    assert _open(page, site.url + address) == []
    assert _look_at(page) == {}
    page.close()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci")
def test_a_page_that_says_what_went_wrong_is_so_too(page: Page, site: Site) -> None:
    faults = _open(page, site.url + site.addresses["model"] + "versions/99/")
    assert [fault for fault in faults if "404" not in fault] == []
    assert page.locator("[data-error-message]").is_visible()
    assert _look_at(page) == {}


def test_the_theme_that_is_chosen_is_kept_and_applied_before_the_first_paint(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.locator("[data-theme-switch] summary").click()
    page.locator("[data-theme-choice=dark]").click()
    page.goto(site.url + site.addresses["keys"], wait_until="commit")
    page.wait_for_selector("body", state="attached")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.wait_for_load_state()  # the style sheets have come
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.evaluate("localStorage.clear()")


def test_the_whole_spine_can_be_walked_by_keyboard(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip-link"
    seen = []
    for _press in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.getAttribute('href')"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    spine = [site.addresses[name] for name in ("data", "runs", "models", "endpoints")]
    assert [href for href in seen if href in spine] == spine


def test_a_form_that_asks_first_is_only_sent_after_yes(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.evaluate("(form) => document.getElementById('content').insertAdjacentHTML('beforeend', form)", ASKING)
    page.locator("#go").click()
    page.locator("#confirm button[value=no]").click()
    assert "sent" not in page.url
    page.locator("#go").click()
    assert page.locator("#confirm .dialog-question").text_content() == "Really?"
    page.locator("#confirm button[value=yes]").click()
    page.wait_for_url("**/?sent=1")


def test_a_page_is_small(page: Page, site: Site) -> None:
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())) if answer.status == 200 else None)
    page.goto(site.url + site.addresses["run-running"], wait_until="networkidle")
    assert sum(sizes) < 300_000, "bytes before compression; 200 kB is the aim for what is sent"
