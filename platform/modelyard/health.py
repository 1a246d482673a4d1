"""`GET /healthz`: 200 once the platform can serve, 503 with the reasons until then."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from modelyard.redis_connection import redis


@require_safe
def show_health(request: HttpRequest) -> JsonResponse:
    problems = find_problems()
    return JsonResponse(
        {"status": "unavailable" if problems else "ok", "problems": problems}, status=503 if problems else 200
    )


def find_problems() -> list[str]:
    """Say what keeps the platform from serving."""
    return [problem for problem in (_database_problem(), _redis_problem()) if problem]


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
