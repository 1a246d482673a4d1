"""What every answer carries, whatever it is about, and what none of them tells."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from modelyard.accounts.keys import create_key
from modelyard.accounts.models import User, Workspace
from modelyard.errors import Conflict
from tests.web.access import ROUTES, Least
from tests.web.world import make_world

ROOT = Path(__file__).resolve().parents[2]


def break_down(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret of the house")


def refuse(request: HttpRequest) -> HttpResponse:
    raise Conflict("It is too late for that; start it again.")


class BrokenView(APIView):
    permission_classes = ()

    def get(self, request: Request) -> Response:
        raise RuntimeError("the secret of the house")


urlpatterns = [
    path("broken/", break_down),
    path("refused/", refuse),
    path("api/v1/broken", BrokenView.as_view()),
    path("", include("modelyard.urls")),
]
handler404 = "modelyard.web_errors.show_not_found"
handler500 = "modelyard.web_errors.show_server_error"


@pytest.fixture
def broken(settings: Any, client: Client) -> Client:
    settings.ROOT_URLCONF = __name__
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize(
    "address", ["/sign-in/", "/settings/", "/nowhere/", "/api/v1/quotas", "/api/v1/nowhere", "/healthz"]
)
def test_every_answer_is_locked_down(client: Client, db: None, redis: Any, address: str) -> None:
    headers = client.get(address).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "no-store" in headers["Cache-Control"]
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize(("given", "taken"), [("abc-123", True), ("", False), ("x" * 65, False), ("a b", False)])
def test_every_answer_has_an_id_to_quote(client: Client, db: None, given: str, taken: bool) -> None:
    answered = client.get("/sign-in/", headers={"X-Request-Id": given}).headers["x-request-id"]
    assert (answered == given) == taken
    assert answered


def test_the_cookies_are_not_for_scripts_nor_for_other_sites(client: Client, alice: User, workspace: Workspace) -> None:
    client.post("/sign-in/", {"email": alice.email, "password": "correct horse battery"})
    client.post("/language/", {"language": "en"})
    for name in ("sessionid", "known", "django_language"):
        assert client.cookies[name]["httponly"], name
    for cookie in client.cookies.values():
        assert cookie["samesite"] == "Lax", cookie.key


def test_behind_https_cookies_are_secure_and_browsers_are_told_to_stay(tmp_path: Path) -> None:
    look = """
import json, django; django.setup()
from django.test import Client
answer = Client().get("/forgotten/sent/", secure=True, headers={"Host": "yard.example"})
cookie = answer.cookies["__Host-csrftoken"]
print(json.dumps([answer.status_code, answer.headers["Strict-Transport-Security"], cookie["secure"]]))
from django.conf import settings
print(json.dumps([settings.SESSION_COOKIE_SECURE, settings.CSRF_TRUSTED_ORIGINS]))
"""
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "platform"), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "MODELYARD_TEST_HOME": str(tmp_path),
        "MODELYARD_PUBLIC_URL": "https://yard.example",
    }
    done = subprocess.run(
        [sys.executable, "-c", look], env=variables, cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first == [200, "max-age=31536000", True]
    assert second == [True, ["https://yard.example"]]


def test_a_failure_of_ours_tells_nothing_but_an_id(broken: Client, db: None) -> None:
    page, call = broken.get("/broken/"), broken.get("/api/v1/broken")
    assert (page.status_code, call.status_code) == (500, 500)
    assert call.json()["error"]["type"] == "server_error"
    for answer in (page, call):
        assert b"secret" not in answer.content
        assert b"Traceback" not in answer.content
        assert answer.headers["x-request-id"]


def test_a_refusal_on_a_page_says_what_to_do(broken: Client, db: None) -> None:
    answer = broken.get("/refused/")
    assert answer.status_code == 409
    assert b"It is too late for that; start it again." in answer.content


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"name": NaN}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"name=x", "application/x-www-form-urlencoded", 415),
        (b"{}", "text/plain", 415),
        (b"\x80\x04.", "application/x-pickle", 415),
    ],
)
def test_a_body_that_is_no_sound_json_is_refused(
    client: Client, workspace: Workspace, alice: User, content: bytes, content_type: str, status: int
) -> None:
    _, text = create_key("K", workspace=workspace, user=alice, scopes=["admin"])
    headers = {"Authorization": f"Bearer {text}"}
    answer = client.generic("POST", "/api/v1/keys", content, content_type, headers=headers)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(("depth", "refused"), [(32, False), (33, True)])
def test_json_is_nested_32_levels_deep_at_most(
    client: Client, workspace: Workspace, alice: User, depth: int, refused: bool
) -> None:
    client.force_login(alice)
    answer = client.generic("POST", "/api/v1/keys", b'{"a":' * depth + b"1" + b"}" * depth, "application/json")
    assert answer.status_code in (400, 422)
    assert ("nested deeper than 32 levels" in answer.json()["error"]["message"]) == refused


def test_no_list_shows_anything_of_another_workspace(
    client: Client, redis: Any, workspace: Workspace, alice: User, charlie: User
) -> None:
    world = make_world(workspace, alice)
    secrets = {value for name, value in world.values.items() if name.endswith("_id") and len(value) >= 8}
    secrets |= {alice.email, world.key.name}
    client.force_login(charlie)
    lists = [
        route
        for route, methods in ROUTES.items()
        if "GET" in methods and "<" not in route and methods["GET"].least < Least.EDITOR and route != "healthz"
    ]
    assert len(lists) > 20
    for route in lists:
        for query in ({}, {"q": "a", "days": "90"}):
            content = client.get(f"/{route}", query).content.decode()
            assert not {secret for secret in secrets if secret in content}, route
