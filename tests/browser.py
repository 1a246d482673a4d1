"""A real Chromium for tests, watched: a console error or a violation of the content security policy fails the test.

A form that is answered with what is wrong (422) or that a limit is spent (429) is no error of the page.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

PATIENCE = 60_000
"""Milliseconds that whatever waits for a page may wait: a page that comes is never waited for, a slow machine is."""
ANSWERS = re.compile("status of (422|429)")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start a browser; the test is skipped without Chromium."""
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        pytest.skip("no Chromium is installed")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS, timeout=2 * PATIENCE)
        yield browser
        browser.close()


def open_page(browser: Browser, **options: Any) -> tuple[Page, list[str]]:
    """Return a page of a context of its own, and the list of what goes wrong in it."""
    problems: list[str] = []
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(PATIENCE)
    watch(page, problems)
    return page, problems


def watch(page: Page, problems: list[str]) -> None:
    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and not ANSWERS.search(message.text):
            problems.append(f"{page.url}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda fault: problems.append(f"{page.url}: {fault}"))


def overflow_of(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
