"""The page's own upload client in a real browser: progress, a reload in the middle, a connection that goes away."""

import hashlib
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from tests.browser import PATIENCE
from tests.web_server import EMAIL, PASSWORD, WebServer, start_web

pytestmark = pytest.mark.browser
MEGABYTE = 1024**2


@pytest.fixture(scope="module")
def server(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    with start_web(tmp_path_factory.mktemp("web"), redis_server) as web:
        yield web


@pytest.fixture
def page(browser: Browser, server: WebServer) -> Iterator[Page]:
    context = browser.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda fault: problems.append(str(fault)))
    page.goto("/sign-in/")
    page.fill("input[type=email]", EMAIL)
    page.fill("input[type=password]", PASSWORD)
    page.press("input[type=password]", "Enter")
    page.wait_for_selector("main")
    yield page
    context.close()
    assert not problems


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_bytes(random.Random(3).randbytes(16 * MEGABYTE))
    return path


class Line:
    """The network between page and server."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Network.enable")

    def set(self, *, megabytes_a_second: float = -1 / MEGABYTE, offline: bool = False) -> None:
        rate = int(megabytes_a_second * MEGABYTE)
        conditions = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate}
        self.session.send("Network.emulateNetworkConditions", conditions)


def stored_digest(server: WebServer, page: Page) -> str:
    version = page.url.rstrip("/").rpartition("/")[2]
    shown = requests.get(f"{server.url}/api/v1/dataset-versions/{version}", headers=server.headers, timeout=60)
    return str(shown.json()["sha256"])


def test_a_reload_in_the_middle_loses_nothing(page: Page, server: WebServer, file: Path) -> None:
    page.goto("/data/new/")
    line = Line(page)
    line.set(megabytes_a_second=1)
    page.set_input_files("input[type=file]", file)
    expect(page.locator("[data-upload-left]")).to_contain_text("left")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.locator("[data-upload-unfinished]")).to_contain_text("people.csv")
    line.set()
    offsets: list[int] = []
    page.on(
        "response",
        lambda answer: (
            offsets.append(int(answer.headers.get("upload-offset", 0))) if answer.request.method == "HEAD" else None
        ),
    )
    page.set_input_files("input[type=file]", file)
    page.wait_for_url("**/data/versions/**")
    assert any(offsets), "nothing was kept of the first half"
    assert stored_digest(server, page) == hashlib.sha256(file.read_bytes()).hexdigest()
    expect(page.locator("h1")).to_contain_text("people")


def test_a_server_that_goes_away_comes_back(page: Page, server: WebServer, file: Path) -> None:
    page.goto("/data/new/")
    page.fill("input[name=name]", "Plug")
    line = Line(page)
    line.set(megabytes_a_second=1)
    page.set_input_files("input[type=file]", file)
    expect(page.locator("[data-upload-left]")).to_contain_text("left")
    server.stop(signal.SIGKILL)
    expect(page.locator("[data-upload-status]")).to_contain_text("Trying again")
    server.ask_python("from modelyard.datasets.models import Upload; Upload.objects.update(locked_until=None)")
    server.start()
    line.set()
    page.wait_for_url("**/data/versions/**")
    assert stored_digest(server, page) == hashlib.sha256(file.read_bytes()).hexdigest()
    expect(page.locator("h1")).to_contain_text("Plug")


def test_a_paused_upload_waits_and_a_cancelled_one_is_gone(page: Page, server: WebServer, file: Path) -> None:
    page.goto("/data/new/")
    Line(page).set(megabytes_a_second=1)
    page.set_input_files("input[type=file]", file)
    expect(page.locator("[data-upload-left]")).to_contain_text("left")
    page.click("[data-upload-pause]")
    expect(page.locator("[data-upload-status]")).to_contain_text("Paused")
    page.click("[data-upload-resume]")
    expect(page.locator("[data-upload-status]")).not_to_contain_text("Paused")
    page.click("[data-upload-cancel]")
    expect(page.locator("[data-drop-zone]")).to_be_visible()
    page.reload()
    expect(page.locator("[data-upload-unfinished]")).to_be_hidden()


SETTLE = """
from modelyard.contracts.profile import Bar, ColumnProfile, Profile
from modelyard.datasets import services
version = services.claim_version("{version}")
column = ColumnProfile(name="age", kind="number", distinct=2, bars=(Bar(count=3, low=0.0, high=9.0),), examples=("3",))
services.settle_version(version, Profile(kind="table", rows=3, columns=(column,), preview=(("3",),)))
"""


def test_an_open_page_hears_that_the_file_was_read_and_a_kind_is_corrected(page: Page, server: WebServer) -> None:
    files = {"file": ("ages.csv", b"age\n3\n")}
    made = requests.post(f"{server.url}/api/v1/datasets", files=files, headers=server.headers, timeout=60).json()
    version = made["version"]["id"]
    page.goto(f"/data/versions/{version}/")
    expect(page.locator("[data-live]")).to_contain_text("Waiting for a reader")
    server.ask_python(SETTLE.format(version=version))
    expect(page.get_by_role("heading", name="Columns")).to_be_visible()
    expect(page.get_by_role("link", name="Train a model")).to_be_visible()
    page.select_option("#column-1-kind", "category")
    expect(page.locator("#column-1")).to_contain_text("Corrected by hand")
    page.reload()
    expect(page.locator("#column-1-kind")).to_have_value("category")
