"""LD-07: lists of many runs are found by an index and with few questions, however many there are."""

import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from modelyard.accounts.models import User
from modelyard.runs.models import RunState, TrainingRun

MANY = 400
MOST_QUERIES = 15
LISTS = (
    "/runs/",
    "/runs/?q=irises",
    "/runs/?state=failed",
    "/runs/?page=9",
    "/api/v1/runs",
    "/api/v1/runs?page_size=200",
)


@pytest.fixture
def member(client: Client, alice: User, run: TrainingRun) -> Client:
    """Alice, whose workspace has many runs that have ended."""
    values = {field.attname: getattr(run, field.attname) for field in TrainingRun._meta.concrete_fields}
    values |= {"state": RunState.FAILED}
    TrainingRun.objects.bulk_create(TrainingRun(**{**values, "id": uuid.uuid4()}) for _ in range(MANY))
    client.force_login(alice)
    return client


@pytest.mark.parametrize("address", LISTS)
def test_a_list_asks_few_questions_and_sorts_nothing(redis: object, member: Client, address: str) -> None:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert member.get(address).status_code == 200
    assert len(asked) <= MOST_QUERIES
    if connection.vendor != "sqlite":
        return
    lists = [query["sql"] for query in asked if 'ORDER BY "runs_trainingrun"."created_at" DESC' in query["sql"]]
    assert lists
    for sql in lists:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = [step[-1] for step in cursor.fetchall()]
        assert not [step for step in plan if "TEMP B-TREE" in step], plan
        assert [step for step in plan if "runs_of_a_workspace" in step], plan
