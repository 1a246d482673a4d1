"""The platform API describes itself, completely, and in a browser."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests.web.access import ROUTES

TUS = "api/v1/uploads"
"""Uploads speak tus 1.0, which has a document of its own."""


@pytest.fixture(scope="module")
def document() -> Any:
    said = StringIO()
    call_command("spectacular", format="openapi-json", validate=True, fail_on_warn=True, stdout=said)
    return json.loads(said.getvalue())


def test_the_document_is_valid_and_without_warnings(document: Any) -> None:
    assert document["openapi"].startswith("3.1")


def test_every_call_of_the_api_is_described(document: Any) -> None:
    described = {f"{method.upper()} {path}" for path, calls in document["paths"].items() for method in calls}
    callable_ones = {
        f"{method} /{_generic(route)}"
        for route, methods in ROUTES.items()
        for method, access in methods.items()
        if access.scope and method != "HEAD" and not route.startswith(TUS)
    }
    assert callable_ones <= described


def test_keys_and_errors_are_described(document: Any) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {"type": "http", "scheme": "bearer"}.items() <= schemes["apiKey"].items()
    made = document["paths"]["/api/v1/keys"]["post"]
    assert "Idempotency-Key" in [parameter["name"] for parameter in made["parameters"]]


def test_anybody_reads_the_document_and_its_page(client: Client, db: None) -> None:
    answer = client.get("/api/v1/schema", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert b"//cdn" not in page.content
    assert b"unpkg" not in page.content


def test_every_call_of_the_api_is_in_the_handbook() -> None:
    handbook = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    missing = {f"/{_generic(route)}" for route in ROUTES if route.startswith("api/")}
    assert {path for path in missing if f"{path}`" not in handbook and f"{path}," not in handbook} == set()


def _generic(route: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
