"""`Idempotency-Key`, on a small real view."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import path
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from modelyard.accounts.keys import create_key
from modelyard.accounts.models import IdempotentAnswer, User, Workspace
from modelyard.api_base import WorkspaceView
from modelyard.errors import Conflict
from modelyard.idempotency import idempotent

made: list[str] = []


class Maker(WorkspaceView):
    """Makes something and notes it; "break" fails after the work, and "refuse" is refused."""

    @idempotent(hidden=("secret",))
    def post(self, request: Request) -> Response:
        name = request.data["name"]
        if name == "refuse":
            raise Conflict("refused")
        Workspace.objects.create(name=name)
        if name == "break":
            raise RuntimeError("killed")
        made.append(name)
        return Response({"number": len(made), "secret": "s3cret", "owner": self.person.pk}, status=201)


urlpatterns = [path("make", Maker.as_view()), path("make-else", Maker.as_view())]


@pytest.fixture(autouse=True)
def addresses(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    made.clear()


@pytest.fixture
def headers(workspace: Workspace, alice: User) -> dict[str, str]:
    _, text = create_key("K", workspace=workspace, user=alice, scopes=["write"])
    return {"Authorization": f"Bearer {text}", "Idempotency-Key": "k1"}


def make(client: Client, headers: dict[str, str], name: str = "one", path: str = "/make") -> Any:
    return client.post(path, {"name": name}, content_type="application/json", headers=headers)


def test_a_repeated_request_gets_the_first_answer_and_makes_nothing(client: Client, headers: dict[str, str]) -> None:
    first, again = make(client, headers), make(client, headers)
    assert made == ["one"]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == {**first.json(), "secret": None}
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "s3cret" not in repr(list(IdempotentAnswer.objects.values()))


def test_without_a_key_every_request_makes_something(client: Client, headers: dict[str, str]) -> None:
    del headers["Idempotency-Key"]
    make(client, headers)
    make(client, headers)
    assert made == ["one", "one"]


def test_the_same_key_for_something_else_is_refused(client: Client, headers: dict[str, str], bob: User) -> None:
    make(client, headers)
    assert make(client, headers, "two").status_code == 422
    assert make(client, headers, path="/make-else").status_code == 422
    _, text = create_key("K", workspace=bob.memberships.get().workspace, user=bob, scopes=["write"])
    assert make(client, {**headers, "Authorization": f"Bearer {text}"}).status_code == 422
    assert made == ["one"]


def test_while_the_first_request_is_at_work_the_second_is_told_so(client: Client, headers: dict[str, str]) -> None:
    make(client, headers)
    IdempotentAnswer.objects.update(status=None)
    assert make(client, headers).status_code == 409
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    assert make(client, headers).status_code == 201
    assert made == ["one", "one"]


def test_what_was_refused_may_be_tried_again(client: Client, headers: dict[str, str]) -> None:
    assert make(client, headers, "refuse").status_code == 409
    assert make(client, headers, "one").status_code == 201


def test_a_crash_leaves_neither_the_work_nor_the_answer(client: Client, headers: dict[str, str]) -> None:
    with pytest.raises(RuntimeError):
        make(client, headers, "break")
    assert not Workspace.objects.filter(name="break").exists()
    assert not IdempotentAnswer.objects.exists()


def test_an_answer_is_kept_for_a_day(client: Client, headers: dict[str, str]) -> None:
    make(client, headers)
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    make(client, headers)
    assert made == ["one", "one"]


def test_two_workspaces_may_use_the_same_key(client: Client, headers: dict[str, str], charlie: User) -> None:
    make(client, headers)
    _, text = create_key("K", workspace=charlie.memberships.get().workspace, user=charlie, scopes=["write"])
    assert make(client, {**headers, "Authorization": f"Bearer {text}"}).status_code == 201


@pytest.mark.parametrize("key", ["", "k" * 201, "a\x01b"])
def test_a_key_that_is_none_is_refused(client: Client, headers: dict[str, str], key: str) -> None:
    assert make(client, {**headers, "Idempotency-Key": key}).status_code == 422


def test_files_are_part_of_the_request(client: Client, headers: dict[str, str]) -> None:
    def send(content: bytes) -> Any:
        return client.post("/make", {"name": "one", "file": SimpleUploadedFile("a.csv", content)}, headers=headers)

    assert [send(b"a").status_code, send(b"a").status_code, send(b"b").status_code] == [201, 201, 422]
    assert made == ["one"]
