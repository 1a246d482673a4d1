"""Publishing, releasing and retiring, as predictors see it."""

import dataclasses
import json
from typing import Any

import pytest

from modelyard.accounts import keys
from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.contracts import route
from modelyard.endpoints import services
from modelyard.endpoints.models import Endpoint
from modelyard.errors import Conflict, InvalidInput, NotAllowed, QuotaExceeded
from modelyard.quotas import services as quotas
from modelyard.quotas.kinds import ENDPOINTS
from modelyard.registry.models import ModelVersion
from tests.artifacts import PEOPLE, PICTURES, PRICES, make_version
from tests.endpoints.conftest import ALL_TO_ONE, Committing, Mirror


def test_a_published_endpoint_has_a_route(endpoint: Endpoint, version: ModelVersion, mirror: Mirror) -> None:
    assert mirror.route(endpoint) == route.Route(
        name="churn",
        workspace=str(endpoint.workspace_id),
        endpoint=str(endpoint.id),
        model="Churn",
        targets=(route.Target(version=1, artifact=str(version.folder), sha256=version.sha256, percent=100),),
        release=str(endpoint.releases.get().pk),
    )
    assert AuditEvent.objects.get(action="endpoint.publish").details["split"] == ALL_TO_ONE


def test_predictors_are_told_when_it_commits(
    mirror: Mirror, workspace: Workspace, alice: User, version: ModelVersion, committing: Committing
) -> None:
    with mirror.redis.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(route.CHANGED)
        listener.get_message(timeout=30)
        with committing():
            endpoint = services.publish(workspace, "churn", version.model, ALL_TO_ONE, by=alice)
            assert mirror.route(endpoint) is None
        told = listener.get_message(timeout=30)
    assert json.loads(told["data"]) == {"routes": endpoint.route_field}


def test_a_release_changes_the_route(
    endpoint: Endpoint, workspace: Workspace, alice: User, mirror: Mirror, committing: Committing
) -> None:
    make_version(workspace, alice)

    with committing():
        services.release(endpoint, [{"version": 1, "percent": 10}, {"version": 2, "percent": 90}], by=alice)

    found = mirror.route(endpoint)
    assert found is not None
    assert [(target.version, target.percent) for target in found.targets] == [(2, 90), (1, 10)]
    assert endpoint.releases.count() == 2


def test_rolling_back_is_a_release_of_the_former_version(
    endpoint: Endpoint, workspace: Workspace, alice: User, mirror: Mirror, committing: Committing
) -> None:
    make_version(workspace, alice)
    with committing():
        services.release(endpoint, [{"version": 2, "percent": 100}], by=alice)
        services.release(endpoint, ALL_TO_ONE, by=alice)

    found = mirror.route(endpoint)
    assert found is not None
    assert [target.version for target in found.targets] == [1]
    assert endpoint.releases.count() == 3


def test_a_retired_endpoint_has_no_route_and_its_place_is_free(
    endpoint: Endpoint, workspace: Workspace, alice: User, mirror: Mirror, committing: Committing
) -> None:
    field = endpoint.route_field
    with committing():
        services.retire(endpoint, by=alice)

    assert not mirror.redis.hexists(route.ROUTES, field)
    assert used_endpoints(workspace) == 0


def test_an_alias_reaches_the_predictors(
    endpoint: Endpoint, version: ModelVersion, alice: User, mirror: Mirror, committing: Committing
) -> None:
    with committing():
        services.set_alias(version, "champion", by=alice)
    found = mirror.route(endpoint)
    assert found is not None
    assert found.labels == {"champion": 1}

    with committing():
        services.remove_alias(version.model, "champion", by=alice)
    found = mirror.route(endpoint)
    assert found is not None
    assert found.labels == {}


@pytest.mark.parametrize("name", ["", "Churn", "a b", "a_b", "-a", "a-", "a/b", "ä", "x" * 61, "churn\n", "../x"])
def test_an_odd_name_is_refused(
    mirror: Mirror, workspace: Workspace, alice: User, version: ModelVersion, name: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        services.publish(workspace, name, version.model, ALL_TO_ONE, by=alice)
    assert list(refused.value.problems) == ["name"]


def test_a_taken_name_is_refused_and_costs_nothing(
    endpoint: Endpoint, workspace: Workspace, alice: User, version: ModelVersion
) -> None:
    with pytest.raises(Conflict, match="already an endpoint churn"):
        services.publish(workspace, "churn", version.model, ALL_TO_ONE, by=alice)
    assert used_endpoints(workspace) == 1


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ([], "add up to 100"),
        ([{"version": 1, "percent": 99}], "add up to 100"),
        ([{"version": 1, "percent": 50}, {"version": 1, "percent": 50}], "twice"),
        ([{"version": 1, "percent": 0}, {"version": 2, "percent": 100}], "from 1 to 100"),
        ([{"version": 1, "percent": 150}, {"version": 2, "percent": -50}], "from 1 to 100"),
        ([{"version": 9, "percent": 100}], "no version 9"),
        ([{"version": True, "percent": 100}], "whole numbers"),
        ([{"version": 1, "percent": 100.0}], "whole numbers"),
        ([{"version": 1}], "whole numbers"),
    ],
)
def test_an_odd_split_is_refused(
    endpoint: Endpoint, workspace: Workspace, alice: User, split: list[dict[str, Any]], words: str
) -> None:
    make_version(workspace, alice)

    with pytest.raises(InvalidInput, match=words):
        services.release(endpoint, split, by=alice)
    assert endpoint.releases.count() == 1


def test_a_version_that_breaks_the_promise_is_refused(endpoint: Endpoint, workspace: Workspace, alice: User) -> None:
    make_version(workspace, alice, signature=PRICES)

    with pytest.raises(InvalidInput, match="would break what callers rely on") as refused:
        services.release(endpoint, [{"version": 2, "percent": 100}], by=alice)
    assert refused.value.code == "incompatible"


def test_versions_of_a_first_split_must_agree(mirror: Mirror, workspace: Workspace, alice: User) -> None:
    model = make_version(workspace, alice).model
    make_version(workspace, alice, signature=PICTURES)

    with pytest.raises(InvalidInput, match="would break"):
        services.publish(
            workspace, "both", model, [{"version": 1, "percent": 50}, {"version": 2, "percent": 50}], by=alice
        )


def test_a_version_may_take_more_than_was_promised(endpoint: Endpoint, workspace: Workspace, alice: User) -> None:
    more = dataclasses.replace(PEOPLE.inputs[0], name="income")
    make_version(workspace, alice, signature=dataclasses.replace(PEOPLE, inputs=(*PEOPLE.inputs, more)))

    services.release(endpoint, [{"version": 2, "percent": 100}], by=alice)

    assert endpoint.releases.count() == 2


def test_the_quota_of_endpoints_is_kept(
    endpoint: Endpoint, workspace: Workspace, alice: User, operator: User, version: ModelVersion
) -> None:
    quotas.set_limit(workspace, ENDPOINTS.name, 1, by=operator)

    with pytest.raises(QuotaExceeded):
        services.publish(workspace, "second", version.model, ALL_TO_ONE, by=alice)
    assert Endpoint.objects.count() == 1


def test_a_viewer_publishes_nothing(
    endpoint: Endpoint, workspace: Workspace, vera: User, version: ModelVersion
) -> None:
    for act in (
        lambda: services.publish(workspace, "other", version.model, ALL_TO_ONE, by=vera),
        lambda: services.release(endpoint, ALL_TO_ONE, by=vera),
        lambda: services.retire(endpoint, by=vera),
        lambda: services.set_alias(version, "champion", by=vera),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_everything_is_published_anew_after_redis_lost_it(
    endpoint: Endpoint, workspace: Workspace, alice: User, mirror: Mirror
) -> None:
    key, _text = keys.create_key("k", workspace=workspace, user=alice, scopes=["predict"])
    before = mirror.route(endpoint)
    mirror.redis.flushdb()

    services.publish_everything()

    assert mirror.route(endpoint) == before
    assert mirror.redis.hexists(route.KEYS, key.id)
    assert mirror.redis.hexists(route.LIMITS, str(workspace.pk))


def test_publishing_everything_removes_what_is_gone_and_leaves_the_rest_alone(
    endpoint: Endpoint, mirror: Mirror
) -> None:
    stale = f"{endpoint.workspace_id}/gone"
    mirror.redis.hset(route.ROUTES, stale, mirror.redis.hget(route.ROUTES, endpoint.route_field))
    with mirror.redis.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(route.CHANGED)
        listener.get_message(timeout=30)
        services.publish_everything()
        mirror.redis.publish(route.CHANGED, '"that was all"')
        told = []
        while (words := json.loads(listener.get_message(timeout=30)["data"])) != "that was all":
            told.append(words)
    assert [words for words in told if "routes" in words] == [{"routes": stale}]
    assert not mirror.redis.hexists(route.ROUTES, stale)


def test_publishing_goes_on_while_redis_is_away(
    mirror: Mirror, workspace: Workspace, alice: User, version: ModelVersion, committing: Committing, settings: Any
) -> None:
    from modelyard import redis_connection

    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, redis_url="redis://127.0.0.1:1/0")
    redis_connection.redis.cache_clear()

    with committing():
        services.publish(workspace, "churn", version.model, ALL_TO_ONE, by=alice)

    assert Endpoint.objects.count() == 1


def test_a_name_is_proposed_that_is_free(endpoint: Endpoint, workspace: Workspace, alice: User) -> None:
    assert services.propose_name(endpoint.model) == "churn-2"
    assert services.propose_name(make_version(workspace, alice, "Preis je m² (2024)!").model) == "preis-je-m-2024"
    assert services.propose_name(make_version(workspace, alice, "客户").model) == "model"


def used_endpoints(workspace: Workspace) -> int:
    return next(status.used for status in quotas.overview(workspace) if status.kind == ENDPOINTS.name)
