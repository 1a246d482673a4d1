"""What belongs to one tenant never shows in anything that another is told, and no id of it works for another."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from modelyard.accounts.keys import create_key
from tests.security.two_tenants import MARK, Tenant, changes, make_tenant, picture
from tests.web.access import ROUTES, Access, Least
from tests.web.asking import name_provider
from tests.web.world import PARAMETER

SEARCHES = ({}, {"q": MARK[:4]}, {"days": "90", "sort": "name", "page": "1", "state": "succeeded"})
SHOWN_TO_BEARERS = {"invitations/<str:token>/"}
"""Links that are made to be opened by whoever has them."""


@pytest.fixture
def tenants(redis: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> tuple[Tenant, Tenant]:
    name_provider(monkeypatch)
    return make_tenant("ann", mark=f"{MARK}-"), make_tenant("ben")


def routes(*methods: str) -> Iterator[tuple[str, str, Access]]:
    for route, declared in ROUTES.items():
        for method, access in declared.items():
            if method in methods and access.least < Least.OPERATOR:
                yield route, method, access


def told(client: Client, address: str, query: dict[str, str] | None = None, **headers: str) -> str:
    """Everything that an answer says, with its headers."""
    client.raise_request_exception = False
    answer = client.get(address, query or {}, headers=headers)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body.decode("utf-8", "replace") + json.dumps(dict(answer.headers))


def ways_in(tenant: Tenant) -> Iterator[tuple[Client, dict[str, str]]]:
    """As a visitor, by session, and by a key that may do everything."""
    yield Client(), {}
    client = Client()
    client.force_login(tenant.owner)
    yield client, {}
    text = create_key("k", workspace=tenant.workspace, user=tenant.owner, scopes=["admin", "predict"])[1]
    yield Client(), {"Authorization": f"Bearer {text}"}


def test_no_byte_of_one_tenant_reaches_another(tenants: tuple[Tenant, Tenant]) -> None:
    ann, ben = tenants
    leaks = []
    for client, headers in ways_in(ben):
        for route, _, _ in routes("GET"):
            for query in SEARCHES if "<" not in route else SEARCHES[:1]:
                said = told(client, ben.world.address(route), {**query}, **headers)
                leaks += [(route, word) for word in (MARK, *ann.ids.values()) if word in said]
    assert leaks == []


def test_asking_for_objects_of_another_tells_nothing_but_what_was_asked(tenants: tuple[Tenant, Tenant]) -> None:
    ann, ben = tenants
    leaks = []
    for client, headers in ways_in(ben):
        for route, _, access in routes("GET"):
            address = ann.world.address(route) + ann.world.queries.get(route, "")
            if address == ben.world.address(route) or access.least == Least.ANYBODY or route in SHOWN_TO_BEARERS:
                continue
            said = told(client, address, **headers)
            for asked in (address, address.replace("/", "%2F")):
                said = said.replace(asked, "")
            words = [word for word in (MARK, *ann.ids.values()) if word in said]
            leaks += [(route, word) for word in words if word not in address]
    assert leaks == []


def test_the_marks_are_where_they_would_leak_from(tenants: tuple[Tenant, Tenant]) -> None:
    ann, _ = tenants
    client = Client()
    client.force_login(ann.owner)
    seen = {route for route, _, _ in routes("GET") if MARK in told(client, ann.world.address(route))}
    assert len(seen) > 40


def swapped(ann: Tenant, ben: Tenant, route: str) -> Iterator[str]:
    """The addresses of a route with one id, or all of them, taken from the other tenant."""
    named = [name for name in PARAMETER.findall(route) if _value(ann, route, name) != _value(ben, route, name)]
    for taken in {(*named,), *((name,) for name in named)}:
        if taken:
            values = {name: _value(ann if name in taken else ben, route, name) for name in PARAMETER.findall(route)}
            yield "/" + PARAMETER.sub(lambda found, values=values: values[found[1]], route)


def _value(tenant: Tenant, route: str, name: str) -> str:
    if name != "name":
        return tenant.world.values[name]
    return next(value for start, value in tenant.world.names.items() if route.startswith(start))


def test_no_id_of_another_works_and_nothing_changes(tenants: tuple[Tenant, Tenant]) -> None:
    ann, ben = tenants
    calls = list(ways_in(ben))[1:]
    before = picture()
    wrong, count = [], 0
    for client, headers in calls:
        client.raise_request_exception = False
        for route, method, access in routes("GET", "POST", "PUT", "PATCH", "DELETE"):
            if (headers and access.scope is None) or route in SHOWN_TO_BEARERS:
                continue
            for address in swapped(ann, ben, route):
                content_type = "application/json" if route.startswith("api/") else "application/x-www-form-urlencoded"
                body = ben.world.bodies.get(route) or ("{}" if route.startswith("api/") else "")
                tus = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"} if "uploads" in route else {}
                answer = client.generic(method, address, body, content_type, headers={**headers, **tus})
                count += 1
                if answer.status_code not in (404, 409, 415, 422) and access.least > Least.ANYBODY:
                    wrong.append((method, address, answer.status_code))
    assert wrong == []
    assert count > 100
    assert changes(before, picture()) == []


def bodies(ann: Tenant, ben: Tenant) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Requests of Ben's that name an object of Ann's in the body."""
    hers, his = ann.world.values, ben.world.values
    api = "/api/v1/"
    yield "POST", f"{api}runs", {"dataset_version": hers["version_id"], "model_template": "tabular_classifier"}
    yield "POST", f"{api}datasets", {"name": "Mine", "upload": hers["upload_id"]}
    yield "POST", f"{api}datasets/{his['dataset_id']}/versions", {"upload": hers["upload_id"]}
    yield "POST", f"{api}endpoints", {"name": "mine", "model": ann.world.names["api/v1/models"], "version": 1}
    yield (
        "POST",
        f"{api}batch-predictions",
        {"endpoint": ann.world.names["api/v1/endpoints"], "upload": hers["upload_id"]},
    )
    yield (
        "POST",
        f"{api}batch-predictions",
        {"endpoint": ben.world.names["api/v1/endpoints"], "upload": hers["upload_id"]},
    )
    yield "POST", "/switch/", {"workspace": str(ann.workspace.pk)}
    yield "POST", f"/runs/new/?version={hers['version_id']}&template=tabular_classifier", {"target": "species"}
    yield "POST", f"/data/{his['dataset_id']}/", {"upload": hers["upload_id"]}
    yield "POST", "/data/new/", {"name": "Mine", "upload": hers["upload_id"]}


def test_no_id_of_another_works_in_a_body(tenants: tuple[Tenant, Tenant]) -> None:
    ann, ben = tenants
    client = Client()
    client.force_login(ben.owner)
    before = picture()
    wrong = []
    for method, address, body in bodies(ann, ben):
        content: Any = json.dumps(body) if address.startswith("/api/") else body
        options = {"content_type": "application/json"} if address.startswith("/api/") else {}
        answer = client.post(address, content, **options)
        if answer.status_code not in (404, 422):
            wrong.append((method, address, body, answer.status_code))
    assert wrong == []
    assert changes(before, picture()) == []
