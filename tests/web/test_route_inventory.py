"""Every address is declared in `access.py`, and every kind of caller gets there what is declared and no more."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from modelyard.accounts.keys import create_key
from modelyard.accounts.models import ApiKey, User, Workspace
from tests.web.access import ROUTES, WEBSOCKETS, Access, Least
from tests.web.asking import ask, name_provider
from tests.web.routes import http_routes, methods_of, websocket_routes
from tests.web.world import World, make_world

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
FROM_OUTSIDE = ("forgotten/<uidb64>/<token>/", "sign-in/sso/back/")
"""Pages that need what a mail or the identity provider gives."""
NARROWER = {"read": "predict", "write": "read", "admin": "write"}


@pytest.fixture
def world(redis: Any, workspace: Workspace, alice: User, monkeypatch: pytest.MonkeyPatch) -> World:
    name_provider(monkeypatch)
    return make_world(workspace, alice)


def declared() -> Iterator[tuple[str, str, Access]]:
    for route, methods in ROUTES.items():
        for method, access in methods.items():
            yield route, method, access


def wrong_cells(
    cells: Iterator[tuple[str, str, Access]],
    call: Callable[[str, str], int],
    right: Callable[[int], bool],
) -> list[str]:
    asked = [(route, method, call(route, method)) for route, method, _access in cells]
    assert asked
    return [f"{method} {route}: {status}" for route, method, status in asked if not right(status)]


def with_key(workspace: Workspace, user: User, scope: str) -> str:
    return create_key(scope, workspace=workspace, user=user, scopes=[scope])[1]


def test_every_route_is_declared_and_every_declared_route_exists() -> None:
    assert set(ROUTES) == set(http_routes())
    assert set(WEBSOCKETS) == set(websocket_routes())


def test_every_method_of_a_class_is_declared() -> None:
    told = {route: set(methods) - {"HEAD", "OPTIONS"} for route, methods in ROUTES.items()}
    implemented = {route: methods_of(view) for route, view in http_routes().items()}
    assert {route: told[route] for route, methods in implemented.items() if methods} == {
        route: methods for route, methods in implemented.items() if methods
    }


def test_visitors_reach_only_what_is_open(client: Client, world: World) -> None:
    def call(route: str, method: str) -> int:
        return ask(client, world, route, method)

    closed = (cell for cell in declared() if cell[2].least > Least.ANYBODY)
    assert wrong_cells(closed, call, lambda status: status == 401) == []
    opened = (cell for cell in declared() if cell[2].least == Least.ANYBODY)
    assert wrong_cells(opened, call, lambda status: status not in (401, 403, 404, 405, 500)) == []


def test_outsiders_find_nothing_of_a_workspace(client: Client, world: World, charlie: User) -> None:
    client.force_login(charlie)

    def call(route: str, method: str) -> int:
        return ask(client, world, route, method)

    others = (
        cell
        for cell in declared()
        if cell[2].least >= Least.VIEWER and ("<" in cell[0] or "version=" in world.queries.get(cell[0], ""))
    )
    assert wrong_cells(others, call, lambda status: status == 404) == []
    console = (cell for cell in declared() if cell[2].least == Least.OPERATOR)
    assert wrong_cells(console, call, lambda status: status == 404) == []


def test_outsiders_with_a_key_find_nothing_of_a_workspace(client: Client, world: World, charlie: User) -> None:
    text = with_key(charlie.memberships.get().workspace, charlie, "admin")

    def call(route: str, method: str) -> int:
        return ask(client, world, route, method, Authorization=f"Bearer {text}")

    others = (cell for cell in declared() if cell[2].scope and "<" in cell[0])
    assert wrong_cells(others, call, lambda status: status == 404) == []


def test_viewers_change_nothing(client: Client, world: World, vera: User) -> None:
    above = [cell for cell in declared() if Least.EDITOR <= cell[2].least <= Least.OWNER]

    client.force_login(vera)

    def call(route: str, method: str) -> int:
        return ask(client, world, route, method)

    assert wrong_cells(iter(above), call, lambda status: status in (403, 404)) == []
    looking = (cell for cell in declared() if Least.PERSON <= cell[2].least <= Least.VIEWER)
    assert wrong_cells(looking, call, lambda status: status not in (401, 403, 405) and status < 500) == []


def test_editors_do_not_do_what_owners_do(client: Client, world: World, bob: User) -> None:
    owners = (cell for cell in declared() if cell[2].least == Least.OWNER)

    client.force_login(bob)

    def call(route: str, method: str) -> int:
        return ask(client, world, route, method)

    assert wrong_cells(owners, call, lambda status: status in (403, 404)) == []


@pytest.mark.parametrize("scope", ["read", "write", "admin"])
def test_a_key_with_a_narrower_scope_is_refused(
    client: Client, world: World, workspace: Workspace, alice: User, scope: str
) -> None:
    text = with_key(workspace, alice, NARROWER[scope])
    cells = (cell for cell in declared() if cell[2].scope == scope)

    def call(route: str, method: str) -> int:
        return ask(client, world, route, method, Authorization=f"Bearer {text}")

    assert wrong_cells(cells, call, lambda status: status == 403) == []


@pytest.mark.parametrize("flaw", ["expired", "revoked", "of somebody deactivated"])
def test_a_key_that_has_ended_opens_nothing(
    client: Client, world: World, workspace: Workspace, alice: User, flaw: str
) -> None:
    text = with_key(workspace, alice, "admin")
    if flaw == "expired":
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif flaw == "revoked":
        ApiKey.objects.update(revoked_at=timezone.now())
    else:
        User.objects.filter(pk=alice.pk).update(is_active=False)

    def call(route: str, method: str) -> int:
        return ask(client, world, route, method, Authorization=f"Bearer {text}")

    cells = (cell for cell in declared() if cell[2].scope)
    assert wrong_cells(cells, call, lambda status: status == 401) == []


def test_a_key_opens_no_page(client: Client, world: World, workspace: Workspace, alice: User) -> None:
    text = with_key(workspace, alice, "admin")

    def call(route: str, method: str) -> int:
        return ask(client, world, route, method, Authorization=f"Bearer {text}")

    pages = (cell for cell in declared() if cell[2].scope is None and cell[2].least > Least.ANYBODY)
    assert wrong_cells(pages, call, lambda status: status == 401) == []


def test_nothing_is_changed_without_the_csrf_token(world: World, alice: User, operator: User) -> None:
    client = Client(enforce_csrf_checks=True)

    def call(route: str, method: str) -> int:
        client.force_login(operator if ROUTES[route][method].least == Least.OPERATOR else alice)
        return ask(client, world, route, method)

    unsafe = (cell for cell in declared() if cell[1] not in ("GET", "HEAD", "OPTIONS"))
    assert wrong_cells(unsafe, call, lambda status: status == 403) == []


def test_those_who_may_get_in(client: Client, world: World, alice: User, operator: User) -> None:
    def call(route: str, method: str) -> int:
        client.force_login(operator if ROUTES[route][method].least == Least.OPERATOR else alice)
        return ask(client, world, route, method)

    refused = (401, 403, 405)
    assert wrong_cells(declared(), call, lambda status: status not in refused and status < 500) == []
    about_objects = (cell for cell in declared() if cell[1] in ("GET", "HEAD") and cell[0] not in FROM_OUTSIDE)
    assert wrong_cells(about_objects, call, lambda status: status in (200, 302)) == []


def test_a_method_that_is_not_declared_is_not_served(
    client: Client, world: World, workspace: Workspace, alice: User, operator: User
) -> None:
    text = with_key(workspace, alice, "admin")

    def call(route: str, method: str) -> int:
        if any(access.scope for access in ROUTES[route].values()):
            return ask(client, world, route, method, Authorization=f"Bearer {text}")
        client.force_login(operator if route.startswith("admin/") else alice)
        return ask(client, world, route, method)

    undeclared = (
        (route, method, Access(least=Least.ANYBODY))
        for route, methods in ROUTES.items()
        for method in METHODS
        if method not in methods and not (method == "HEAD" and "GET" in methods)
    )
    assert wrong_cells(undeclared, call, lambda status: status == 405) == []
