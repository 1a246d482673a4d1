"""What the installation leans on: database, Redis, object store, workers, predictor."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from redis.exceptions import RedisError

from modelyard.doctoring.findings import Finding, bad, good, warn, words_of
from modelyard.objects.probing import probe
from modelyard.redis_connection import redis
from modelyard.runs.models import Worker

MOST_SKEW = 2.0
MOST_FILLED = 0.8
QUEUES = {"ingest": "reads uploads", "train": "trains", "score": "answers files"}


def check_database() -> Iterator[Finding]:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
        skew = _database_skew()
    except (DatabaseError, OSError) as fault:
        yield bad("database", f"It does not answer: {words_of(fault)}.", "Look at DATABASE_URL, and whether it runs.")
        return
    if pending:
        yield bad("migrations", f"{len(pending)} are not applied.", "Run manage.py prepare.")
    else:
        yield good("migrations", "All are applied.")
    yield _judge_clock("the database", skew)
    if connection.vendor == "sqlite" and connection.settings_dict["NAME"] and settings.ENVIRONMENT.bucket is not None:
        yield warn(
            "database",
            "Files are shared by machines, the database (SQLite) serves only this one.",
            "Name a PostgreSQL in DATABASE_URL before a second machine joins.",
        )


def _database_skew() -> float:
    """How far the database's clock is from ours; SQLite has none of its own."""
    if connection.vendor != "postgresql":
        return 0.0
    with connection.cursor() as cursor:
        before = time.time()
        cursor.execute("SELECT EXTRACT(EPOCH FROM clock_timestamp())")
        row = cursor.fetchone()
        return float(row[0]) - (before + time.time()) / 2


def check_redis() -> Iterator[Finding]:
    try:
        client: Any = redis()
        before = time.time()
        seconds, micros = client.time()
        skew = seconds + micros / 1e6 - (before + time.time()) / 2
        memory, persistence = client.info("memory"), client.info("persistence")
    except (RedisError, OSError) as fault:
        yield bad("redis", f"It does not answer: {words_of(fault)}.", "Look at REDIS_URL, and whether it runs.")
        return
    yield good("redis", "It answers.")
    yield _judge_clock("Redis", skew)
    if memory.get("maxmemory_policy") != "noeviction":
        yield bad(
            "redis memory",
            f"Redis throws away what it has no room for ({memory.get('maxmemory_policy')}): routes, keys and messages.",
            "Set maxmemory-policy noeviction.",
        )
    most = int(memory.get("maxmemory") or 0)
    if most and int(memory["used_memory"]) > MOST_FILLED * most:
        yield warn("redis memory", "Redis is nearly full.", "Raise maxmemory.")
    if not int(persistence.get("aof_enabled") or 0):
        yield warn(
            "redis persistence",
            "Redis forgets everything when it is started again; usage that was not counted yet is lost.",
            "Start it with --appendonly yes.",
        )
    elif persistence.get("aof_last_write_status") != "ok":
        yield bad("redis persistence", "Redis cannot write its file.", "Look at its disk and its log.")


def _judge_clock(whose: str, skew: float) -> Finding:
    if abs(skew) <= MOST_SKEW:
        return good("clock", f"It goes as that of {whose}.")
    said = f"This machine's clock and that of {whose} differ by {skew:.1f} s: leases and expiry go wrong."
    return bad("clock", said, "Let all machines keep time by NTP.")


def check_object_store() -> Iterator[Finding]:
    bucket = settings.ENVIRONMENT.bucket
    if bucket is None:
        return
    problem = probe(bucket)
    if problem:
        yield bad("object store", f"{problem}.", "docs/object-store.md says what is needed.")
    else:
        yield good("object store", f"{bucket} can be written, read, listed and deleted from.")


def check_workers() -> Iterator[Finding]:
    """Was every kind of worker heard of within a few heartbeats?"""
    recent = timezone.now() - timedelta(seconds=3 * settings.ENVIRONMENT.heartbeat_seconds)
    try:
        workers = list(Worker.objects.filter(seen_at__gt=recent))
    except (DatabaseError, OSError):
        return
    for queue, does in QUEUES.items():
        alive = [worker.name for worker in workers if queue in worker.queues]
        if alive:
            yield good(f"worker {queue}", f"{len(alive)} of them: {', '.join(sorted(alive)[:5])}.")
        else:
            advice = f"Start celery -A workers.app worker -Q {queue}; look at its log."
            yield bad(f"worker {queue}", f"Nobody {does}: no worker was heard of lately.", advice)


def check_predictor() -> Iterator[Finding]:
    url = f"{settings.ENVIRONMENT.predict_internal_url}/healthz"
    advice = "Start python -m workers.serving; look at MODELYARD_PREDICT_INTERNAL_URL and its log."
    try:
        with urlopen(url, timeout=5):
            yield good("predictor", f"{url} says that it is ready.")
    except HTTPError as fault:
        yield bad("predictor", f"{url} is not ready: {_reasons(fault)}.", advice)
    except (URLError, OSError) as fault:
        yield bad("predictor", f"{url} does not answer: {words_of(fault)}.", advice)


def _reasons(fault: HTTPError) -> str:
    try:
        return "; ".join(json.loads(fault.read())["problems"]) or str(fault)
    except (ValueError, KeyError, TypeError):
        return str(fault)
