"""Fields that are not offered are not taken, and filters that are not offered find nothing out."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client

from modelyard.accounts.keys import create_key
from tests.security.two_tenants import Tenant, changes, make_tenant, picture
from tests.web.access import ROUTES, Least
from tests.web.asking import name_provider

GUARDED = {
    "workspace": None,
    "user": None,
    "owner": None,
    "requested_by": None,
    "created_by": None,
    "role": "owner",
    "state": "succeeded",
    "is_staff": True,
    "is_superuser": True,
    "is_active": False,
    "password": "pbkdf2$x",
    "session_stamp": "0" * 16,
    "digest": "0" * 64,
    "sha256": "0" * 64,
    "revoked_at": "2020-01-01T00:00:00Z",
    "expires_at": "2099-01-01T00:00:00Z",
    "last_used_at": "2020-01-01T00:00:00Z",
    "created_at": "2020-01-01T00:00:00Z",
    "number": 4711,
    "lease": "mine",
    "attempt": 9,
    "priority": 9,
    "limit": 10**9,
    "second_factor": True,
    "email": "root@example.com",
    "id": None,
    "pk": None,
}
"""What somebody would like to write into a row; None is filled in with an id of the other tenant."""
ALSO_BY_ID = ("workspace", "user", "owner", "requested_by", "created_by")
VARYING = {"id", "pk", "digest", "created_at", "updated_at", "key_id", "mark", "at", "expires_at", "last_at"}
"""What differs between two rows that were made the same way."""
Write = tuple[str, str, dict[str, Any]]


@pytest.fixture
def tenants(redis: Any, db: None, monkeypatch: pytest.MonkeyPatch) -> tuple[Tenant, Tenant]:
    name_provider(monkeypatch)
    return make_tenant("ann"), make_tenant("ben", mark="other-")


def writes(ann: Tenant) -> Iterator[Write]:
    """Requests of Ann's that make or change something, each as small as it can be."""
    values, api = ann.world.values, "/api/v1/"
    model, endpoint = ann.world.names["api/v1/models"], ann.world.names["api/v1/endpoints"]
    yield "POST", f"{api}keys", {"name": "k", "scopes": ["read"]}
    yield "POST", f"{api}keys/{values['key_id']}/rotate", {"overlap_hours": 1}
    yield (
        "POST",
        f"{api}runs",
        {
            "dataset_version": values["version_id"],
            "model_template": "tabular_classifier",
            "target": "species",
        },
    )
    yield "POST", f"{api}endpoints", {"name": "another", "model": model, "version": 2}
    yield "POST", f"{api}endpoints/{endpoint}/releases", {"version": 1}
    yield "PUT", f"{api}models/{model}/aliases/latest", {"version": 1}
    yield "PATCH", f"{api}dataset-versions/{values['version_id']}", {"kinds": {"length": "category"}}
    yield "FORM", f"{api}datasets", {"name": "Fresh", "file": None}
    yield "FORM", "/settings/", {"name": "Ann", "language": "en"}
    yield "FORM", "/keys/", {"name": "k", "scopes": "read", "endpoints": "", "days": "7"}
    yield "FORM", "/members/invite/", {"email": "new@example.com", "role": "viewer"}
    yield "FORM", "/members/rename/", {"name": "Renamed"}
    yield "FORM", f"/members/{values['membership_id']}/role/", {"role": "editor"}
    yield "FORM", f"/endpoints/aliases/{values['model_id']}/", {"alias": "latest", "version": "2"}


def send(client: Client, write: Write, extra: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    """Send a request and take it back; return its status and what the rows it made or changed said."""
    method, address, given = write
    body: dict[str, Any] = {**extra, **given}
    before = picture()
    with transaction.atomic():
        if method == "FORM":
            if "file" in body:
                body["file"] = SimpleUploadedFile("rows.csv", b"a,b\n1,2\n3,4\n")
            answer = client.post(address, {name: value for name, value in body.items() if value is not None})
        else:
            answer = client.generic(method, address, json.dumps(body), "application/json")
        made = [row for _, _, _, row in changes(before, picture()) if row is not None]
        transaction.set_rollback(True)
    rows = [{name: value for name, value in row.items() if name not in VARYING} for row in made]
    return answer.status_code, rows


def wanted_by(ben: Tenant, given: dict[str, Any]) -> dict[str, Any]:
    wanted = {name: value if value is not None else str(ben.workspace.pk) for name, value in GUARDED.items()}
    wanted |= {f"{name}_id": str(ben.owner.pk) for name in ALSO_BY_ID}
    return {name: value for name, value in wanted.items() if name not in given}


def test_fields_that_are_not_offered_change_nothing(tenants: tuple[Tenant, Tenant]) -> None:
    ann, ben = tenants
    client = Client()
    client.force_login(ann.owner)
    wrong = []
    for write in writes(ann):
        status, plain = send(client, write, {})
        assert status < 400, (write, status)
        again, rows = send(client, write, wanted_by(ben, write[2]))
        ids = {str(ben.workspace.pk), str(ben.owner.pk)}
        planted = [row for row in rows for value in row.values() if str(value) in ids]
        if planted or not ((again >= 400 and rows == []) or shapes(rows) == shapes(plain)):
            wrong.append((write[:2], again, planted or [shapes(plain), shapes(rows)]))
    assert wrong == []


def shapes(rows: list[dict[str, Any]]) -> list[str]:
    """Rows by what is guarded in them, in an order that does not hang on random ids."""
    names = {*GUARDED, *(f"{name}_id" for name in ALSO_BY_ID)}
    return sorted(str({name: value for name, value in sorted(row.items()) if name in names}) for row in rows)


FIELDS = ("id", "name", "state", "user", "owner", "workspace", "keys", "created_by", "memberships", "user__keys")
TAILS = ("password__startswith", "digest__startswith", "email__contains", "is_staff", "session_stamp__regex", "in")
ORDERS = ("ordering", "order_by", "order", "sort", "fields", "filter", "include", "search")
CHAINS = {f"{field}__{tail}": "no such thing" for field in FIELDS for tail in TAILS}
CHAINS |= dict.fromkeys(ORDERS, "-user__password")
"""Filters as Django and its REST framework would understand them, none of which is offered."""


def test_lists_take_no_filter_and_no_order_that_is_not_offered(tenants: tuple[Tenant, Tenant]) -> None:
    ann, _ = tenants
    text = create_key("k", workspace=ann.workspace, user=ann.owner, scopes=["admin"])[1]
    client, headers = Client(), {"Authorization": f"Bearer {text}"}
    lists = [
        route
        for route, methods in ROUTES.items()
        if route.startswith("api/") and "<" not in route and "GET" in methods and methods["GET"].least > Least.ANYBODY
    ]
    assert len(lists) >= 8
    for route in lists:
        plain, filtered = (client.get(f"/{route}", query, headers=headers) for query in ({}, CHAINS))
        assert filtered.status_code == 422 or steady(filtered.json()) == steady(plain.json()), route


def steady(body: Any) -> Any:
    """An answer without the moment at which it was given."""
    return (
        {name: value for name, value in body.items() if name not in ("start", "end")}
        if isinstance(body, dict)
        else body
    )


def test_pages_take_no_filter_and_no_order_that_is_not_offered(tenants: tuple[Tenant, Tenant]) -> None:
    ann, _ = tenants
    client = Client()
    client.force_login(ann.owner)
    for route, methods in ROUTES.items():
        if (
            not route.startswith("api/")
            and "<" not in route
            and "GET" in methods
            and methods["GET"].least == Least.PERSON
        ):
            assert client.get(f"/{route}", CHAINS).status_code in (200, 302, 404, 422), route
