"""Who gets what answer: every address by every method by every kind of caller, as `access_table.txt` says it.

The table is compared cell by cell, and each of its cells with `tests/web/access.py`, which says who may. After a route
is added or an answer changes on purpose: `MODELYARD_WRITE_TABLE=1 pytest tests/security/test_access_table.py`, then
read the difference.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from modelyard.accounts.keys import SCOPES, create_key
from modelyard.accounts.models import User, Workspace
from tests.web.access import ROUTES, Access, Least
from tests.web.asking import ask, name_provider
from tests.web.world import World, make_world

TABLE = Path(__file__).with_name("access_table.txt")
PEOPLE = ("anonymous", "outsider", "viewer", "editor", "owner", "operator")
ACTORS = (*PEOPLE, *(f"key-{scope}" for scope in SCOPES))
RANKS = {"viewer": Least.VIEWER, "editor": Least.EDITOR, "owner": Least.OWNER}
COVERED = {"predict": {"predict"}, "read": {"read"}, "write": {"read", "write"}, "admin": {"read", "write", "admin"}}
OPERATORS_TOO = {"settings/data/receipts/<uuid:receipt_id>/"}
"""What operators see beside members: that something was deleted, never what."""
Cells = dict[tuple[str, str], dict[str, int]]


@pytest.fixture
def world(redis: Any, workspace: Workspace, alice: User, monkeypatch: pytest.MonkeyPatch) -> World:
    name_provider(monkeypatch)
    return make_world(workspace, alice)


def rows() -> Iterator[tuple[str, str, Access]]:
    for route, methods in ROUTES.items():
        for method, access in methods.items():
            yield method, route, access


def read_table() -> Cells:
    lines = [line.split() for line in TABLE.read_text().splitlines()[1:]]
    return {
        (method, "" if route == "/" else route): dict(zip(ACTORS, map(int, answers), strict=True))
        for method, route, *answers in lines
    }


def write_table(cells: Cells) -> None:
    width = max(len(route) for _, route in cells)
    lines = [f"{'method':8}{'route':{width + 2}}{'  '.join(ACTORS)}"]
    for (method, route), answers in cells.items():
        told = "  ".join(f"{answers[actor]:<{len(actor)}}" for actor in ACTORS).rstrip()
        lines.append(f"{method:8}{route or '/':{width + 2}}{told}")
    TABLE.write_text("\n".join(lines) + "\n")


def test_every_cell_is_answered_as_the_table_says(
    world: World, workspace: Workspace, alice: User, bob: User, vera: User, charlie: User, operator: User
) -> None:
    people = {"outsider": charlie, "viewer": vera, "editor": bob, "owner": alice, "operator": operator}
    found: Cells = {(method, route): {} for method, route, _ in rows()}
    for actor in ACTORS:
        client, headers = Client(), {}
        if actor in people:
            client.force_login(people[actor])
        elif actor.startswith("key-"):
            scope = actor.removeprefix("key-")
            headers = {
                "Authorization": f"Bearer {create_key(scope, workspace=workspace, user=alice, scopes=[scope])[1]}"
            }
        for method, route in found:
            found[method, route][actor] = ask(client, world, route, method, **headers)
    if os.environ.get("MODELYARD_WRITE_TABLE"):
        write_table(found)
    table = read_table()
    wrong = []
    for cell, answers in found.items():
        told = table.get(cell, {})
        wrong += [
            (*cell, actor, answer, told.get(actor)) for actor, answer in answers.items() if answer != told.get(actor)
        ]
    assert wrong == [], "method, route, caller, answer, answer in the table"


def test_the_table_has_a_row_for_every_declared_method_and_no_other() -> None:
    assert set(read_table()) == {(method, route) for method, route, _ in rows()}


def test_the_table_lets_in_whom_the_declaration_lets_in_and_nobody_else() -> None:
    table = read_table()
    wrong = [
        f"{method} /{route} as {actor}: {table[method, route][actor]}"
        for method, route, access in rows()
        for actor in ACTORS
        if not fits(access, route, actor, table[method, route][actor])
    ]
    assert wrong == []


def fits(access: Access, route: str, actor: str, answer: int) -> bool:
    """Whether an answer is one that the declaration allows."""
    if answer >= 500 or answer == 405:
        return False
    if access.least == Least.ANYBODY:
        return answer not in (401, 403)
    if actor == "anonymous":
        return answer == 401
    if actor.startswith("key-"):
        return _fits_key(access, actor.removeprefix("key-"), answer)
    if access.least == Least.OPERATOR:
        return (answer == 404) == (actor != "operator")
    if access.least == Least.PERSON:
        return answer not in (401, 403)
    if actor == "operator" and route in OPERATORS_TOO:
        return answer == 200
    if actor in ("outsider", "operator"):
        return answer == 404 if "<" in route else answer not in (401, 403)
    allowed = RANKS[actor] >= access.least
    return answer not in (401, 403, 404) if allowed else answer in (403, 404)


def _fits_key(access: Access, scope: str, answer: int) -> bool:
    """Keys open no page; those that are here are of the owner."""
    if access.scope is None:
        return answer == 401
    return answer not in (401, 403, 404) if access.scope in COVERED[scope] else answer == 403
