"""Made in the installation's own shell: people with workspaces, sessions, keys, and a data set each.

manage.py shell --no-imports -c "from bench.load import people; people.make(COUNT, CSV)"
"""

import json
import time
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from modelyard.accounts.keys import create_key
from modelyard.accounts.models import User
from modelyard.accounts.services import create_workspace
from modelyard.quotas import services as quotas

PATIENCE = 600
HOST = "127.0.0.1"
PLENTY = {"concurrent_runs": 10_000, "training_seconds": 10**9, "storage_bytes": 10**12}


def make(count: int, table: str) -> None:
    """Make `count` people; print for each the session cookie, a key, and the id of a ready data set version."""
    operator = User.objects.create_user("operator@example.com", "a password for the load", is_staff=True)
    made = [_make(number, Path(table).read_bytes(), operator) for number in range(count)]
    deadline = time.monotonic() + PATIENCE
    for one in made:
        address = f"/api/v1/dataset-versions/{one['version']}"
        while _client(one).get(address).json()["state"] != "ready":
            if time.monotonic() > deadline:
                raise TimeoutError("the data sets were not read")
            time.sleep(0.5)
    print(json.dumps(made))


def _make(number: int, content: bytes, operator: User) -> dict[str, str]:
    person = User.objects.create_user(f"p{number}@example.com", "a password for the load", name=f"Person {number}")
    workspace = create_workspace(f"Lab {number}", owner=person)
    for kind, limit in PLENTY.items():
        quotas.set_limit(workspace, kind, limit, by=operator)
    key = create_key("load", workspace=workspace, user=person, scopes=["admin"])[1]
    client = Client(SERVER_NAME=HOST)
    client.force_login(person)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    file = SimpleUploadedFile("irises.csv", content, "text/csv")
    answer = client.post(
        "/api/v1/datasets", {"name": "Irises", "file": file}, headers={"Authorization": f"Bearer {key}"}
    )
    return {"key": key, "session": session, "version": answer.json()["version"]["id"]}


def _client(one: dict[str, str]) -> Client:
    return Client(SERVER_NAME=HOST, headers={"Authorization": f"Bearer {one['key']}"})
