"""Asking workers for work, by name: the platform sends, it never imports a worker.

Celery is the doorbell, the database row is the truth (`docs/decisions/`): a lost message is rung again by the
reconciler, a doubled one finds the row claimed.
"""

from functools import cache
from typing import Literal

from celery import Celery
from django.conf import settings
from django.db import transaction

from modelyard.contracts.crash_points import reach
from modelyard.redis_connection import redis

Job = Literal["profile", "train", "score", "export"]
QUEUES: dict[Job, str] = {"profile": "ingest", "train": "train", "score": "score", "export": "ingest"}
KEY_PREFIX = "modelyard:celery:"


@cache
def sender() -> Celery:
    """The Celery application; `workers.app` uses the same one with tasks registered."""
    app = Celery("modelyard", broker=settings.ENVIRONMENT.redis_url)
    app.conf.update(
        task_ignore_result=True,
        result_backend=None,
        accept_content=["json"],
        task_serializer="json",
        task_acks_late=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_max_tasks_per_child=100,
        worker_hijack_root_logger=False,
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": 86_400,
            "health_check_interval": 25,
            "socket_keepalive": True,
            "global_keyprefix": KEY_PREFIX,
        },
        task_routes={job: {"queue": queue} for job, queue in QUEUES.items()},
        task_default_queue="ingest",
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.2},
    )
    return app


def enqueue(job: Job, subject: str) -> None:
    """Ring for `job` on the row with id `subject` once the current transaction commits.

    A broker that is away is no error: the row is queued, and the reconciler rings again.
    """
    transaction.on_commit(lambda: ring(job, subject))


def ring(job: Job, subject: str) -> bool:
    """Send the message now; False where the broker is away."""
    from kombu.exceptions import OperationalError

    reach("job.before_ringing")
    try:
        sender().send_task(job, args=[subject], queue=QUEUES[job])
    except OperationalError:
        return False
    reach("job.rung")
    return True


def count_waiting(job: Job) -> int:
    """How many messages for `job` no worker has taken yet. Raises `RedisError`."""
    return int(redis().llen(KEY_PREFIX + QUEUES[job]))
