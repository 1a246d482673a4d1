"""A database that is away, locked or full is told as what it is, to programs and to people; later all is well."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client

from modelyard.accounts.models import User

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("workspace")]


@contextmanager
def away(fault: type[Exception]) -> Iterator[None]:
    """Every statement fails as it does when the server has gone."""

    def fail(*arguments: Any) -> Any:
        raise fault("could not connect to server")

    with connection.execute_wrapper(fail):
        yield


@pytest.mark.parametrize("fault", [OperationalError, InterfaceError])
@pytest.mark.parametrize("path", ["/api/v1/runs", "/runs/", "/"])
def test_it_is_a_matter_of_waiting(alice: User, path: str, fault: type[Exception]) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(alice)
    with away(fault):
        answer = client.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Try again in a moment" in answer.content.decode()
    assert "could not connect" not in answer.content.decode()
    assert client.get(path).status_code == 200
