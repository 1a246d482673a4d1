"""The Celery application of the workers, started in the repository's root with PYTHONPATH=platform:.

    celery -A workers.app worker -Q train -c 1          one for each GPU (MODELYARD_DEVICE), or for the processor
    celery -A workers.app worker -Q ingest -c 2         reads uploaded files
    celery -A workers.app worker -Q score -c 1          answers files row by row
    celery -A workers.app beat                          the clock, which does the periodic work itself

Tasks run in threads: see docs/decisions/0002.
"""

import os
from dataclasses import replace
from typing import Any

import django
from celery import signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "modelyard.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # Celery would import every page and address to check them
django.setup()

from django.conf import settings  # noqa: E402

from modelyard.jobs import sender  # noqa: E402
from modelyard.safety import refuse_unsafe_start  # noqa: E402
from workers.devices import find_device, measure_speed  # noqa: E402
from workers.presence import Presence  # noqa: E402
from workers.receiving import receive_safely  # noqa: E402

RECONCILE_SECONDS = 30.0
FOLD_SECONDS = 5.0
FORGET_SECONDS = 3600.0
METER_SECONDS = 300.0
WARN_SECONDS = 60.0
SEAL_SECONDS = 3.0
VERIFY_SECONDS = 5.0

refuse_unsafe_start(settings.ENVIRONMENT)
receive_safely()
app = sender()
app.conf.update(
    imports=["workers.tasks"],
    worker_pool="threads",
    timezone="UTC",
    beat_scheduler="workers.upkeep:Upkeep",
    beat_schedule={
        "reconcile": {"task": "reconcile", "schedule": RECONCILE_SECONDS},
        "fold usage": {"task": "fold_usage", "schedule": FOLD_SECONDS},
        "fold observations": {"task": "fold_observations", "schedule": FOLD_SECONDS},
        "seal audit log": {"task": "seal_audit_log", "schedule": SEAL_SECONDS},
        "verify audit log": {"task": "verify_audit_log", "schedule": VERIFY_SECONDS},
        "meter storage": {"task": "meter_storage", "schedule": METER_SECONDS},
        "warn of quotas": {"task": "warn_of_quotas", "schedule": WARN_SECONDS},
        "forget old": {"task": "forget_old", "schedule": FORGET_SECONDS},
    },
)

_present: list[Presence] = []


def presence() -> Presence:
    """This worker process, as it was made when the worker started."""
    return _present[0]


def start_presence(name: str, queues: list[str]) -> Presence:
    """Say who this process is, and that it is there."""
    device = find_device(settings.ENVIRONMENT.device)
    if "train" in queues:
        device = replace(device, speed=measure_speed())
    _present[:] = [Presence(name=name, queues=queues, device=device)]
    return _present[0]


@signals.celeryd_after_setup.connect
def _start(sender: str, instance: Any, **details: Any) -> None:
    start_presence(sender, sorted(instance.app.amqp.queues.consume_from)).begin()


@signals.worker_shutting_down.connect
def _stop(**details: Any) -> None:
    for present in _present:
        present.stopping.set()


@signals.worker_shutdown.connect
def _leave(**details: Any) -> None:
    for present in _present:
        present.end()
