"""SEC-20: nothing takes data from a path of the server, an address or a database; names stay names wherever they go."""

import json
import socket
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.security.test_mass_assignment import send, shapes, writes
from tests.security.two_tenants import Tenant, changes, make_tenant, picture
from tests.web.asking import name_provider

FIELDS = (
    "path", "file_path", "source", "source_path", "url", "uri", "href", "source_url", "import_url", "download_url",
    "webhook", "callback_url", "dsn", "connection", "connection_url", "database", "driver", "jdbc_url", "query", "host",
    "server", "bucket", "storage", "artifact", "weights_path", "plugin", "module", "class", "command", "template_path",
)  # fmt: skip
"""What platforms call the field from which they read a file of their own, or somebody else's server, or code."""
NAMES = (
    "line\nbreak", "carriage\r\nX-Injected: 1", 'quo"te', "apos'trophe", "`id`", "$(id)", "${IFS}", "{{7*7}}", "%(x)s",
    "-rf", "--help", "a: b", "- list", "# comment", "[table]", "!!python/object:os.system", "<!ENTITY x SYSTEM 'y'>",
    "=cmd|' /C calc'!A0", "../../etc/passwd", "FROM scratch\nRUN id", "null", "\u202egnp.exe", "a\u2028b", "\ufeffname",
)  # fmt: skip
"""Names that are something else to a shell, a header, YAML, TOML, a Dockerfile, a spreadsheet, a path."""
UNSEEN = ("\\n", "\\r", "\u202e", "\u2028", "\ufeff")
"""As they would stand in JSON."""


@pytest.fixture
def tenant(redis: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    name_provider(monkeypatch)
    return make_tenant("ann")


@pytest.fixture
def canary() -> Iterator[socket.socket]:
    """A server that nobody has any reason to call."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def lures(port: int) -> list[str]:
    return [
        f"http://127.0.0.1:{port}/data.csv",
        f"postgresql://user:secret@127.0.0.1:{port}/db",
        f"s3://127.0.0.1:{port}/bucket/data.csv",
        f"jdbc:mysql://127.0.0.1:{port}/db?autoDeserialize=true",
        f"\\\\127.0.0.1@{port}\\share\\data.csv",
        "file:///etc/passwd",
        "/etc/passwd",
    ]


def test_nothing_is_fetched_or_read_on_somebodys_word(tenant: Tenant, canary: socket.socket) -> None:
    client = Client()
    client.force_login(tenant.owner)
    for write in writes(tenant):
        plain = shapes(send(client, write, {})[1])
        found = lures(canary.getsockname()[1])
        for turn in (0, 3):
            offered = zip(FIELDS, islice(cycle(found), turn, None), strict=False)
            extra = {name: lure for name, lure in offered if name not in write[2]}
            status, rows = send(client, write, extra)
            assert status < 500, write[:2]
            assert (status >= 400 and rows == []) or shapes(rows) == plain, write[:2]
            kept = [row for row in rows for lure in found if lure in str(row)]
            assert kept == [], (write[:2], "was kept although nothing asks for it")
    with pytest.raises(BlockingIOError):
        canary.accept()


def test_a_file_that_is_only_named_is_no_file(tenant: Tenant, canary: socket.socket) -> None:
    client = Client()
    client.force_login(tenant.owner)
    for address in ("/api/v1/datasets", "/api/v1/batches"):
        for lure in lures(canary.getsockname()[1]):
            before = picture()
            answer = client.post(address, {"name": "x", "file": lure, "endpoint": "people"})
            assert 400 <= answer.status_code < 500, (address, lure)
            assert changes(before, picture()) == []
    with pytest.raises(BlockingIOError):
        canary.accept()


def test_a_name_stays_a_name(tenant: Tenant) -> None:
    """It is refused in words, or kept as one line that shows all it holds; and it makes no file."""
    client = Client()
    client.force_login(tenant.owner)
    here = set(Path.cwd().iterdir())
    named = [(write, field) for write in writes(tenant) for field in ("name", "alias", "target") if field in write[2]]
    assert len(named) >= 8
    for (method, address, given), field in named:
        for name in NAMES:
            status, rows = send(client, (method, address, {**given, field: name}), {})
            assert status < 500, (address, field)
            kept = json.dumps(rows, default=str, ensure_ascii=False)
            assert not [sign for sign in UNSEEN if sign in kept], (address, field, kept)
    assert set(Path.cwd().iterdir()) == here
