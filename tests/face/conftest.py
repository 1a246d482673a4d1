"""A seeded site in a process of its own, and a browser to look at it with."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.web_server import start_web

SEED = """
import json
from django.test import Client
from tests.face.seed import seed
seeded = seed()
client = Client()
client.force_login(seeded.operator)
print(json.dumps({"session": client.cookies["sessionid"].value, "addresses": seeded.addresses()}))
"""


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where it listens, the session of a person who may see everything, and every address by name."""

    url: str
    session: str
    addresses: dict[str, str]


@pytest.fixture(scope="session")
def site(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_web(tmp_path_factory.mktemp("face"), redis_server) as server:
        seeded = json.loads(server.ask_python(SEED).splitlines()[-1])
        yield Site(url=server.url, **seeded)
