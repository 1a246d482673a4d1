"""A person's way in a real browser: drop a file, watch its rows, take the result home; with a real worker behind it."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import open_page
from tests.web_server import EMAIL, PASSWORD, ROOT, WebServer, start_web

pytestmark = pytest.mark.browser
MAKE_MODEL = f"""
from modelyard.accounts.models import User
from tests.batches.making import register_model
alice = User.objects.get(email="{EMAIL}")
print(register_model(alice.memberships.get().workspace, alice).get_absolute_url())
"""
PATIENCE = 90_000


@pytest.fixture(scope="module")
def server(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with start_web(tmp_path_factory.mktemp("web"), redis_server) as web:
        yield web


@pytest.fixture(scope="module")
def model_address(server: WebServer) -> str:
    return server.ask_python(MAKE_MODEL).splitlines()[-1]


@pytest.fixture
def worker(server: WebServer) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-Q", "score", "-n", "scorer@%h"]
    with (server.home / "scorer.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "-c", "1"], cwd=ROOT, env=server.environment, stdout=log, stderr=log, start_new_session=True
        )
    yield
    process.terminate()
    process.wait(60)


@pytest.fixture
def page(browser: Browser, server: WebServer) -> Iterator[Page]:
    page, problems = open_page(browser, base_url=server.url, accept_downloads=True)
    page.goto("/sign-in/")
    page.fill("input[type=email]", EMAIL)
    page.fill("input[type=password]", PASSWORD)
    page.press("input[type=password]", "Enter")
    page.wait_for_selector("main")
    yield page
    page.context.close()
    assert not problems


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    rows = "".join(f"{number},{number % 90 if number % 5 else 'old'},Wien\n" for number in range(5000))
    path.write_text("id,age,city\n" + rows)
    return path


def bring(page: Page, model_address: str, file: Path) -> None:
    page.goto(model_address)
    page.get_by_role("link", name="Predict a file").click()
    expect(page.get_by_role("heading", name="Predict a file")).to_be_visible()
    expect(page.locator("[data-upload-plain]")).to_be_hidden()
    page.set_input_files("input[type=file]", file)
    page.wait_for_url("**/batches/*-*/", timeout=PATIENCE)


def test_from_a_dropped_file_to_the_result(
    page: Page, model_address: str, file: Path, worker: None, tmp_path: Path
) -> None:
    bring(page, model_address, file)
    download = page.get_by_role("link", name="Download the result")
    expect(download).to_be_visible(timeout=PATIENCE)
    state = page.locator("#batch-state")
    expect(state).to_contain_text("5,000")
    expect(state).to_contain_text("4,000")
    expect(state).to_contain_text("'age' must be a number")
    page.reload()
    with page.expect_download() as caught:
        download.click()
    caught.value.save_as(tmp_path / "result.csv")
    assert caught.value.suggested_filename == "people-predictions.csv"
    rows = list(csv.DictReader((tmp_path / "result.csv").open(newline="")))
    assert len(rows) == 5000
    assert rows[0]["prediction_error"]
    assert rows[1]["predicted_label"] in ("no", "yes")
    page.goto("/batches/")
    expect(page.get_by_role("listitem").filter(has_text="people.csv").first).to_contain_text("5,000 of 5,000 rows")
    page.goto("/usage/")
    expect(page.locator("main")).to_contain_text("4,000")


def test_a_file_that_lacks_a_column_says_which(page: Page, model_address: str, worker: None, tmp_path: Path) -> None:
    path = tmp_path / "wrong.csv"
    path.write_text("age,town\n41,Wien\n")
    bring(page, model_address, path)
    expect(page.locator("#batch-state")).to_contain_text("“city”", timeout=PATIENCE)
    expect(page.get_by_role("link", name="Bring the repaired file")).to_be_visible()


def test_one_that_waits_is_cancelled_and_deleted(page: Page, model_address: str, file: Path) -> None:
    bring(page, model_address, file)
    expect(page.locator("#batch-state")).to_contain_text("as soon as a worker is free")
    page.get_by_role("button", name="Cancel").click()
    page.locator("#batch-state").evaluate("(region) => { region.innerHTML = region.innerHTML; }")
    with page.expect_navigation():
        page.locator("#confirm button[value=yes]").click()
    expect(page.locator("#batch-state")).to_contain_text("nothing was charged")
    page.get_by_role("button", name="Delete").click()
    page.locator("#confirm button[value=yes]").click()
    page.wait_for_url("**/batches/")
    expect(page.locator("body")).to_contain_text("people.csv was deleted")
