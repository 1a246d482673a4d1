"""SEC-01: whatever stands where an address has a name, no file is opened that is not ours.

The oracle is Python's own: every `open` of the process is heard of while the addresses are asked.
"""

import re
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from itertools import cycle, product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.test import Client

from modelyard.accounts.models import User, Workspace
from tests.web.access import ROUTES
from tests.web.world import World, make_world

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("../", "..\\", "%2e%2e%2f", "%252e%252e%252f", "..%00/", "....//", "..;/", "%c0%ae%c0%ae/", "#/../", "?/../")
STARTS = ("", "/", "file:///", "000001.jpg/")
TARGETS = ("etc/passwd", "database/modelyard.sqlite3", "secrets/secret_key")
ODD = (".", "..", "~root", "-", "%00", "nul", "a" * 5000, "$(id)", "`id`", "{{7*7}}", "%(x)s", "{0.__class__}")
PLACE = "HERE"
PARAMETER = re.compile(r"<str:\w+>")
HEARD: list[Path] = []
LISTENING: list[bool] = []


def hear(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook, which Python never lets go again: it is deaf unless somebody listens."""
    if LISTENING and event == "open" and isinstance(arguments[0], str):
        HEARD.append(Path(arguments[0]).resolve())


sys.addaudithook(hear)


def corpus() -> list[str]:
    """Names that try to lead elsewhere."""
    pairs = zip(product(STARTS, STEPS), cycle(TARGETS), strict=False)
    return [*(start + step * 6 + target for (start, step), target in pairs), *ODD]


@pytest.fixture
def world(redis: Any, workspace: Workspace, alice: User) -> World:
    return make_world(workspace, alice)


@pytest.fixture
def opened() -> Iterator[list[Path]]:
    """What was opened outside the home, the source, Python and the folder for temporary files' own names."""
    HEARD.clear()
    LISTENING.append(True)
    outside: list[Path] = []
    yield outside
    LISTENING.clear()
    homes = (ROOT, settings.ENVIRONMENT.home, sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"))
    ours = [Path(home).resolve() for home in (*homes, tempfile.gettempdir())]
    assert not [path for path in HEARD if not any(path.is_relative_to(home) for home in ours)]


def test_no_name_in_an_address_leads_to_a_file_that_is_not_ours(
    client: Client, world: World, alice: User, operator: User, opened: list[Path]
) -> None:
    client.raise_request_exception = False
    routes = [route for route, methods in ROUTES.items() if "<str:" in route and "GET" in methods]
    assert len(routes) >= 10
    wrong = []
    for route in routes:
        client.force_login(operator if route.startswith("admin/") else alice)
        before, after = PARAMETER.split(
            world.address(PARAMETER.sub(PLACE, route)).replace(PLACE, "<str:x>"), maxsplit=1
        )
        for name in corpus():
            for segment in (name, quote(name, safe="")):
                answer = client.get(before + segment + after)
                if answer.status_code >= 500 or b"root:x:" in answer.content:
                    wrong.append((route, segment[:200], answer.status_code))
    assert wrong == []
