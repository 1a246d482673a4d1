"""The reference in a real browser, of endpoints that a real predictor serves: inside its policy, on wide and narrow
screens, in both languages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import open_page, overflow_of
from tests.face.test_pages import AXE, RUN_AXE, SETTLE
from tests.serving.conftest import PEPPER, PredictorProcess, wait_for
from tests.web_server import EMAIL, start_web

pytestmark = pytest.mark.browser
SEED = f"""
import json
from django.test import Client
from modelyard.accounts.models import User
from modelyard.endpoints import services
from tests.endpoints.test_with_predictor import trained
from tests.serving import artifacts
alice = User.objects.get(email="{EMAIL}")
workspace = alice.memberships.get().workspace
addresses = {{}}
for name, write in (("people", artifacts.write_classifier), ("pictures", artifacts.write_image_classifier)):
    version = trained(workspace, alice, write)
    split = [{{"version": version.number, "percent": 100}}]
    endpoint = services.publish(workspace, name, version.model, split, by=alice)
    addresses[name] = endpoint.get_absolute_url()
client = Client()
client.force_login(alice)
print(json.dumps({{"session": client.cookies["sessionid"].value, "addresses": addresses}}))
"""


@dataclass(frozen=True, kw_only=True)
class Site:
    url: str
    session: str
    addresses: dict[str, str]


@pytest.fixture(scope="module")
def site(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    url = redis_server.removesuffix("/0") + "/8"
    predictor = PredictorProcess(url, tmp_path_factory.mktemp("predictor"))
    variables = {
        "MODELYARD_KEY_PEPPER": PEPPER,
        "MODELYARD_PREDICT_URL": predictor.url,
        "MODELYARD_PREDICT_INTERNAL_URL": predictor.url,
    }
    try:
        with start_web(tmp_path_factory.mktemp("reference"), url, **variables) as server:
            seeded = json.loads(server.ask_python(SEED).splitlines()[-1])
            yield Site(url=server.url, **seeded)
    finally:
        predictor.kill()


def open_reference(browser: Browser, site: Site, name: str, language: str = "en") -> tuple[Page, list[str]]:
    """Open the page once the predictor serves the endpoint."""
    page, problems = open_page(browser, viewport={"width": 1280, "height": 900}, locale=language)
    page.context.add_cookies([{"name": "sessionid", "value": site.session, "url": site.url}])

    def is_there() -> bool:
        page.goto(f"{site.url}{site.addresses[name]}reference/")
        return page.locator("#predict").count() == 1

    wait_for(is_there, 60)
    return page, problems


@pytest.mark.parametrize("name", ["people", "pictures"])
def test_it_can_be_read_on_every_screen(browser: Browser, site: Site, name: str) -> None:
    page, problems = open_reference(browser, site, name)
    assert page.locator("article").count() >= 7
    for width in (1920, 768, 375):
        page.set_viewport_size({"width": width, "height": 800})
        assert overflow_of(page) == 0, width
    assert problems == []
    page.context.close()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: npm ci")
def test_everybody_can_read_it(browser: Browser, site: Site) -> None:
    page, _problems = open_reference(browser, site, "pictures")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for fold in page.locator("article summary").all():
        fold.click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.evaluate(SETTLE)
        assert page.evaluate(RUN_AXE) == []
    page.context.close()


def test_a_call_is_chosen_and_its_answers_unfolded(browser: Browser, site: Site) -> None:
    page, problems = open_reference(browser, site, "people")
    page.locator("#invoke .tab", has_text="text/csv").click()
    page.locator("#invoke .tab-panel:visible", has_text="age,city").wait_for()
    page.locator("#invoke summary").click()
    page.locator("#invoke td", has_text="429").wait_for()
    page.get_by_role("link", name="Try it").click()
    page.locator("#playground").wait_for()
    assert problems == []
    page.context.close()


def test_it_is_in_chinese_too(browser: Browser, site: Site) -> None:
    page, problems = open_reference(browser, site, "people", "zh-CN")
    assert page.locator("h1").inner_text() == "API 参考"
    assert page.locator("#invoke h3").inner_text() == "预测 MLflow 与 SageMaker 客户端发来的数据"
    assert problems == []
    page.context.close()
