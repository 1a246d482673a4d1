"""The main job as a person does it, in a real browser: ten steps from signing up to an operator's limit."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import open_page, overflow_of
from tests.journeys.conftest import EMAIL, PASSWORD, Running
from tests.journeys.samples import write_breast_cancer

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
pytestmark = [pytest.mark.slow, pytest.mark.browser]
PERSON, SECRET = "dora@example.com", "a long enough secret"


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page, problems = open_page(browser, viewport={"width": 1440, "height": 900})
    yield page
    assert problems == []


@pytest.fixture(scope="module")
def state() -> dict[str, str]:
    """What one step leaves for the next."""
    return {}


class Camera:
    """Leaves a picture of a page, and refuses one that is wider than its window."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def take(self, page: Page, name: str) -> None:
        page.screenshot(path=self.folder / f"{name}.png", full_page=True)
        assert overflow_of(page) <= 0, f"{name} is wider than the window"


@pytest.fixture(scope="module")
def camera(screenshots: Path) -> Camera:
    return Camera(screenshots)


def test_01_a_person_signs_up_and_is_told_what_to_do(page: Page, installation: Running, camera: Camera) -> None:
    page.goto(installation.base + "/")
    page.get_by_role("link", name=re.compile("account|sign up", re.IGNORECASE)).first.click()
    page.locator("input[type=email]").fill(PERSON)
    for field in page.locator("input[type=text]:visible").all():
        field.fill("Dora")
    for field in page.locator("input[type=password]").all():
        field.fill(SECRET)
    page.locator("form button.button-primary").click()
    expect(page).to_have_url(installation.base + "/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    camera.take(page, "01-home")


def test_02_a_file_is_dropped_and_becomes_a_profile(
    page: Page, installation: Running, camera: Camera, state: dict[str, str], tmp_path: Path
) -> None:
    page.goto(installation.base + "/data/new/")
    camera.take(page, "02-upload")
    page.locator("input[type=file]").set_input_files(write_breast_cancer(tmp_path / "cancer.csv"))
    expect(page).to_have_url(re.compile(r"/data/versions/"), timeout=180_000)
    expect(page.get_by_role("link", name="Train a model")).to_be_visible(timeout=180_000)
    expect(page.get_by_role("main")).to_contain_text("569")
    state["version"] = page.url
    camera.take(page, "03-profile")


def test_03_a_kind_is_corrected_by_hand(page: Page, state: dict[str, str]) -> None:
    def choose(kind: str) -> None:
        with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            page.get_by_label("Kind of mean radius").select_option(kind)
        assert answer.value.ok

    choose("text")
    page.goto(state["version"])
    expect(page.get_by_label("Kind of mean radius")).to_have_value("text")
    choose("number")


def test_04_a_model_template_is_chosen_and_its_form_says_what_it_takes(
    page: Page, camera: Camera, state: dict[str, str]
) -> None:
    page.goto(state["version"])
    page.get_by_role("link", name="Train a model").click()
    camera.take(page, "04-model-templates")
    page.get_by_role("link", name="Use this Table classifier").click()
    expect(page.get_by_label("What to predict")).to_be_visible()
    page.get_by_label("What to predict").select_option("diagnosis")
    page.get_by_label("Name").fill("Tumour")
    page.get_by_label("Epochs").fill("1000000000")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".field-error").first).to_contain_text("10")
    page.get_by_label("Epochs").fill("15")
    camera.take(page, "05-new-run")
    page.get_by_role("button", name="Start training").click()
    expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]{36}/"))
    state["run"] = page.url


def test_05_it_is_watched_live_and_ends_without_a_reload(page: Page, camera: Camera) -> None:
    expect(page.locator("#run-state progress")).to_be_visible(timeout=180_000)
    camera.take(page, "06-running")
    expect(page.get_by_role("link", name="See how good it is")).to_be_visible(timeout=600_000)
    expect(page.locator("#run-curves svg").first).to_be_visible()
    camera.take(page, "07-ended")
    page.reload()
    expect(page.get_by_role("link", name="See how good it is")).to_be_visible()


def test_06_the_model_version_says_how_good_it_is(page: Page, camera: Camera, state: dict[str, str]) -> None:
    page.get_by_role("link", name="See how good it is").click()
    expect(page.get_by_role("heading", name="Confusion matrix")).to_be_visible()
    for words in ("ROC curve", "What it rests on", "SavedModel"):
        expect(page.get_by_role("main")).to_contain_text(words)
    state["model"] = page.url
    camera.take(page, "08-model-version")
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile(r"\.keras")).click()
    assert download.value.suggested_filename.endswith(".keras")


def test_07_it_is_published_and_tried_in_the_playground(page: Page, camera: Camera, state: dict[str, str]) -> None:
    page.goto(state["model"])
    page.get_by_role("link", name="Publish").first.click()
    page.get_by_label("Name").fill("tumour")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Live", exact=True).first).to_be_visible(timeout=180_000)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#answer")).to_contain_text(re.compile("benign|malignant"))
    expect(page.get_by_role("heading", name=re.compile("What spoke for and against"))).to_be_visible()
    state["endpoint"] = page.url
    camera.take(page, "09-endpoint")


def test_08_a_key_is_made_and_the_snippet_works_in_a_shell(page: Page, camera: Camera, state: dict[str, str]) -> None:
    page.goto(state["endpoint"])
    snippets = {
        name: page.locator("pre code, pre").nth(index).text_content() or ""
        for index, name in enumerate(("curl", "python"))
    }
    page.get_by_role("link", name="Make a key for it").click()
    page.locator("input[name=name]").fill("shell")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#secret-text").text_content() or ""
    camera.take(page, "10-key")
    environment = {**os.environ, "MODELYARD_KEY": key}
    answer = subprocess.run(
        ["bash", "-c", snippets["curl"]], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(answer.stdout)["predictions"][0]["label"] in {"benign", "malignant"}


def test_09_the_call_appears_in_usage(page: Page, installation: Running, camera: Camera) -> None:
    for _ in range(90):
        page.goto(installation.base + "/usage/")
        if page.get_by_role("cell", name="shell").count():
            break
        page.wait_for_timeout(1000)
    expect(page.get_by_role("main")).to_contain_text("tumour")
    camera.take(page, "11-usage")


def test_10_an_operator_changes_a_limit_and_it_works_at_once(
    browser: Browser, installation: Running, camera: Camera
) -> None:
    page, problems = open_page(browser, viewport={"width": 1440, "height": 900})
    sign_in(page, installation, EMAIL, PASSWORD)
    for name in ("overview", "people", "workspaces", "quotas", "work", "workers", "audit"):
        page.goto(installation.base + f"/admin/{'' if name == 'overview' else name + '/'}")
        camera.take(page, f"12-admin-{name}")
    page.goto(installation.base + "/admin/quotas/")
    limit = page.get_by_label(re.compile("Limit: Runs at a time of .*Dora"))
    limit.fill("0")
    limit.press("Enter")
    expect(page.get_by_text("works now").first).to_be_visible()
    assert problems == []


def test_11_and_the_person_is_told(page: Page, state: dict[str, str]) -> None:
    page.goto(state["version"])
    page.get_by_role("link", name="Train a model").click()
    page.get_by_role("link", name="Use this Table classifier").click()
    page.get_by_label("What to predict").select_option("diagnosis")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_role("main")).to_contain_text(re.compile("limit", re.IGNORECASE))
    assert "/runs/new/" in page.url


@pytest.mark.parametrize("look", ["dark", "narrow", "chinese"])
def test_12_every_page_in_another_look(
    browser: Browser, installation: Running, screenshots: Path, state: dict[str, str], look: str
) -> None:
    options = {
        "dark": {"viewport": {"width": 1440, "height": 900}, "color_scheme": "dark"},
        "narrow": {"viewport": {"width": 375, "height": 800}},
        "chinese": {"viewport": {"width": 1440, "height": 900}, "locale": "zh-CN"},
    }[look]
    folder = screenshots / look
    folder.mkdir(exist_ok=True)
    camera = Camera(folder)
    page, problems = open_page(browser, **options)
    page.goto(installation.base + "/")
    camera.take(page, "sign-in")
    sign_in(page, installation, PERSON, SECRET)
    pages = {"home": "/", "data": "/data/", "upload": "/data/new/", "runs": "/runs/", "models": "/models/"}
    pages |= {"endpoints": "/endpoints/", "keys": "/keys/", "usage": "/usage/", "settings": "/settings/"}
    pages |= {name: address.removeprefix(installation.base) for name, address in state.items()}
    for name, path in pages.items():
        page.goto(installation.base + path)
        page.wait_for_load_state("networkidle")
        camera.take(page, name)
    if look == "chinese":
        expect(page.locator("html")).to_have_attribute("lang", re.compile("zh"))
    assert problems == []


def sign_in(page: Page, installation: Running, email: str, password: str) -> None:
    page.goto(installation.base + "/")
    page.locator("input[type=email]").fill(email)
    page.locator("input[type=password]").fill(password)
    page.locator("input[type=password]").press("Enter")
    expect(page.locator("input[type=password]")).to_have_count(0)
