"""`GET /healthz`: 200 once the platform can serve, 503 with the reasons until then."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from redis.exceptions import RedisError

from modelyard.redis_connection import redis


def show_health(request: HttpRequest) -> JsonResponse:
    problems = [problem for problem in (_database_problem(), _redis_problem()) if problem]
    return JsonResponse(
        {"status": "unavailable" if problems else "ok", "problems": problems}, status=503 if problems else 200
    )


def _database_problem() -> str | None:
    try:
        executor = MigrationExecutor(connection)
        pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "the database does not answer"
    return f"{len(pending)} migrations are pending; run `manage.py migrate`" if pending else None


def _redis_problem() -> str | None:
    try:
        redis().ping()
    except (RedisError, OSError):
        return "Redis does not answer"
    return None
