"""A database as an older release left it, with data in it: what is made today, in the tables and columns of then."""

import io
import pickle
import sys
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import Client
from django.urls import reverse

from modelyard.accounts.models import User
from modelyard.datasets.models import Dataset
from modelyard.endpoints.models import Endpoint
from modelyard.registry.models import ModelVersion
from modelyard.runs.models import TrainingRun
from tests.keeping import acts

RELEASES = {
    "0.1.0": {
        "accounts": "0001_initial",
        "datasets": "0001_initial",
        "endpoints": "0001_initial",
        "quotas": "0001_initial",
        "registry": "0001_initial",
        "runs": "0001_initial",
    },
    "0.2.0": {
        "accounts": "0002_chained_audit_log",
        "batches": "0001_batch_predictions",
        "datasets": "0002_seal",
        "endpoints": "0002_guarded_releases",
        "monitoring": "0001_what_is_seen_of_endpoints",
        "quotas": "0001_initial",
        "registry": "0001_initial",
        "runs": "0003_fair_queue",
    },
}
"""The newest migrations of each release."""
ALONGSIDE = ("sessions",)
"""Apps of Django whose tables every release has whole."""


def make(path: str) -> str:
    """Fill an installation of today; its rows go to `path`. Prints the key and the report."""
    told = acts.build("")
    rows = {model._meta.label_lower: list(model.objects.values()) for model in apps.get_models()}
    Path(path).write_bytes(pickle.dumps(rows))
    return told


def upgrade(path: str, release: str, key: str) -> str:
    """Make the database of a release with these rows, bring it up to today, look at every page; prints the report."""
    for app, name in RELEASES[release].items():
        call_command("migrate", app, name, verbosity=0, skip_checks=True)
    for app in ALONGSIDE:
        call_command("migrate", app, verbosity=0, skip_checks=True)
    targets = list(RELEASES[release].items())
    insert(MigrationLoader(connection).project_state(targets).apps, pickle.loads(Path(path).read_bytes()))
    call_command("migrate", verbosity=0, skip_checks=True)
    told = acts.go_on(key)
    look_around()
    call_command("check_quotas", stdout=io.StringIO())
    return told


def insert(then: Any, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Write what the tables of then have columns for, with the ids of today."""
    with transaction.atomic():
        for model in then.get_models():
            if model._meta.app_label in ("contenttypes", "auth"):
                continue
            columns = [column.attname for column in model._meta.concrete_fields]
            found = rows.get(model._meta.label_lower, [])
            made = [model(**{name: row[name] for name in columns if name in row}) for row in found]
            model._base_manager.bulk_create(made)
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), list(then.get_models())):
                cursor.execute(statement)


def look_around() -> None:
    """Every page about what there is can be shown."""
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(email="alice@example.com"))
    names = ("home", "datasets:list", "runs:list", "registry:list", "endpoints:list", "accounts:keys", "keeping:data")
    addresses = [reverse(name) for name in names]
    addresses += [reverse("datasets:detail", args=[dataset.pk]) for dataset in Dataset.objects.all()]
    shown: list[models.Model] = [*TrainingRun.objects.all(), *ModelVersion.objects.all(), *Endpoint.objects.all()]
    addresses += [row.get_absolute_url() for row in shown]  # type: ignore[attr-defined]
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, f"{address}: {answer.status_code}"


def main() -> None:
    print({"make": make, "upgrade": upgrade}[sys.argv[1]](*sys.argv[2:]))
