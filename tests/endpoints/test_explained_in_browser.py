"""What spoke for and against an answer, as people see it: bars, marked words, a grid over their own picture."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser import open_page, overflow_of
from tests.serving.conftest import PEPPER, PredictorProcess
from tests.web_server import EMAIL, PASSWORD, ROOT, WebServer, start_web

pytestmark = pytest.mark.browser
PUBLISH = f"""
import json
from modelyard.accounts.models import User
from tests.endpoints.explained import publish_all
print(json.dumps(publish_all(User.objects.get(email="{EMAIL}"))))
"""
PHONE = {"width": 375, "height": 812}


@pytest.fixture(scope="module")
def server(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    redis_url = redis_server.removesuffix("/0") + "/3"
    predictor = PredictorProcess(redis_url, tmp_path_factory.mktemp("predictor"))
    variables = {"MODELYARD_KEY_PEPPER": PEPPER, "MODELYARD_PREDICT_INTERNAL_URL": predictor.url}
    with start_web(tmp_path_factory.mktemp("web"), redis_url, **variables) as web:
        yield web
    predictor.kill()


@pytest.fixture(scope="module")
def addresses(server: WebServer) -> dict[str, str]:
    found: dict[str, str] = json.loads(server.ask_python(PUBLISH).splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def screenshots() -> Path:
    folder = ROOT / "test-results" / "screenshots" / "explained"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def page(browser: Browser, server: WebServer) -> Iterator[Page]:
    page, problems = open_page(browser, base_url=server.url)
    page.goto("/sign-in/")
    page.fill("input[type=email]", EMAIL)
    page.fill("input[type=password]", PASSWORD)
    page.press("input[type=password]", "Enter")
    page.wait_for_selector("main")
    yield page
    page.context.close()
    assert not problems


def try_out(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator("#reasons-title")).to_be_visible()


def test_columns_are_told_with_bars(page: Page, addresses: dict[str, str], screenshots: Path) -> None:
    try_out(page, addresses["areas"])
    answer = page.locator("#answer")

    expect(answer.locator(".reason-bar")).to_have_count(13)
    expect(answer.get_by_text("3 others together")).to_be_visible()
    expect(answer.get_by_role("row", name="The usual answer")).to_be_visible()
    answer.screenshot(path=screenshots / "columns.png")
    page.set_viewport_size(PHONE)
    assert overflow_of(page) == 0
    answer.screenshot(path=screenshots / "columns-phone.png")


def test_it_can_be_left_out(page: Page, addresses: dict[str, str]) -> None:
    page.goto(addresses["people"])
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    page.get_by_label("Tell what spoke for and against").uncheck()
    page.get_by_role("button", name="Predict", exact=True).click()
    expect(page.locator("#answer meter").first).to_be_visible()

    expect(page.locator("#reasons-title")).to_have_count(0)
    expect(page.get_by_label("Tell what spoke for and against")).not_to_be_checked()


def test_words_are_marked(page: Page, addresses: dict[str, str], screenshots: Path) -> None:
    try_out(page, addresses["reviews"])
    answer = page.locator("#answer")

    expect(answer.locator(".marked-text mark").first).to_be_visible()
    expect(answer.locator("mark.speaks-for").filter(has_text="喜")).to_be_visible()
    answer.screenshot(path=screenshots / "words.png")


def test_a_grid_lies_over_the_picture_that_was_chosen(page: Page, addresses: dict[str, str], screenshots: Path) -> None:
    pixels = np.full((64, 64), 120, np.uint8)
    pixels[:24, :24] = 255
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    page.goto(addresses["pictures"])
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    page.set_input_files(
        "input[type=file]", {"name": "light.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    )
    page.get_by_role("button", name="Predict", exact=True).click()
    picture = page.locator("img[data-explained-picture]")

    expect(picture).to_be_visible()
    assert str(picture.get_attribute("src")).startswith("blob:")
    expect(page.locator(".explained-picture rect").first).to_be_visible()
    page.emulate_media(color_scheme="dark")
    page.locator("#answer").screenshot(path=screenshots / "picture-dark.png")
