"""Shadows, versions for single keys, and guards that take a release back by themselves."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from modelyard.accounts import keys
from modelyard.accounts.models import AuditEvent, User, Workspace
from modelyard.contracts import route
from modelyard.endpoints import services
from modelyard.endpoints.models import Endpoint, Release, ShadowResult, Verdict, VersionMinute
from modelyard.errors import Conflict, InvalidInput
from modelyard.registry import services as registry
from modelyard.registry.models import ModelVersion
from tests.artifacts import PRICES, make_version
from tests.endpoints.conftest import ALL_TO_ONE, CANARY, GUARD, Committing, Mirror
from tests.endpoints.releases import current, tell_shadow, use
from tests.serving.conftest import wait_for

SLOW = (0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0)


def test_a_release_that_fails_more_often_is_taken_back_with_its_reason(
    guarded: Release, endpoint: Endpoint, workspace: Workspace, alice: User, mirror: Mirror, committing: Committing
) -> None:
    use(mirror, workspace, 1, faults=1, errors=1)
    use(mirror, workspace, 2, faults=20, errors=20)

    with committing():
        assert services.judge_releases() == 1

    guarded.refresh_from_db()
    now = current(endpoint)
    assert guarded.verdict == Verdict.TRIPPED
    assert (now.split, now.created_by, now.guard) == (ALL_TO_ONE, None, None)
    assert now.reason == {"kind": "errors", "requests": 100, "new": 0.2, "former": 0.01}
    found = mirror.route(endpoint)
    assert found is not None
    assert [target.version for target in found.targets] == [1]
    told = AuditEvent.objects.get(action="endpoint.rollback")
    assert told.actor is None
    assert told.details["reason"] == "20.0% of 100 calls failed, before the release it was 1.0%"
    assert (told.details["from"], told.details["to"]) == (CANARY, ALL_TO_ONE)
    wait_for(lambda: mail.outbox)
    assert mail.outbox[0].to == [alice.email]
    assert "20.0% of 100 calls failed" in mail.outbox[0].body
    assert endpoint.get_absolute_url() in mail.outbox[0].body
    assert not VersionMinute.objects.exists()
    assert services.judge_releases() == 0


def test_a_release_that_is_slower_is_taken_back(
    guarded: Release, endpoint: Endpoint, workspace: Workspace, mirror: Mirror, committing: Committing
) -> None:
    use(mirror, workspace, 1)
    mirror.use(workspace, version=2, requests=100, latencies=SLOW)
    services.fold_usage()

    with committing():
        assert services.judge_releases() == 1
    assert current(endpoint).reason["kind"] == "latency"


def test_mistakes_of_callers_do_not_count_against_a_release(
    guarded: Release, endpoint: Endpoint, workspace: Workspace, mirror: Mirror
) -> None:
    use(mirror, workspace, 1)
    use(mirror, workspace, 2, errors=90, faults=0)

    assert services.judge_releases() == 0
    assert current(endpoint) == guarded


def test_too_few_calls_are_not_judged(guarded: Release, workspace: Workspace, mirror: Mirror) -> None:
    mirror.use(workspace, version=2, requests=49, faults=49, errors=49)
    services.fold_usage()

    assert services.judge_releases() == 0


@pytest.mark.parametrize(("calls", "verdict"), [(100, Verdict.PASSED), (10, Verdict.UNJUDGED)])
def test_a_guard_ends_with_its_window(
    guarded: Release, workspace: Workspace, mirror: Mirror, calls: int, verdict: Verdict
) -> None:
    mirror.use(workspace, version=2, requests=calls)
    services.fold_usage()
    Release.objects.filter(pk=guarded.pk).update(created_at=timezone.now() - timedelta(minutes=31))

    assert services.judge_releases() == 0
    guarded.refresh_from_db()
    assert guarded.verdict == verdict


def test_a_whole_switch_is_compared_with_the_former_version_s_last_day(
    endpoint: Endpoint, second: ModelVersion, workspace: Workspace, alice: User, mirror: Mirror, committing: Committing
) -> None:
    use(mirror, workspace, 1, faults=10, errors=10)
    with committing():
        services.release(endpoint, [{"version": 2, "percent": 100}], by=alice, guard={"error_rate": 0.05})
    use(mirror, workspace, 2, faults=12, errors=12)
    assert services.judge_releases() == 0
    use(mirror, workspace, 2, faults=40, errors=40)
    with committing():
        assert services.judge_releases() == 1
    assert current(endpoint).reason["former"] == pytest.approx(0.1)


def test_a_release_whose_former_version_is_gone_stays_and_says_so(
    endpoint: Endpoint, second: ModelVersion, workspace: Workspace, alice: User, mirror: Mirror, committing: Committing
) -> None:
    with committing():
        services.release(endpoint, [{"version": 2, "percent": 100}], by=alice, guard=GUARD)
        registry.delete_version(endpoint.model.versions.get(number=1), by=alice)
    use(mirror, workspace, 2, faults=50, errors=50)

    with committing():
        services.judge_releases()
    assert current(endpoint).verdict == Verdict.STUCK
    assert "no version 1" in AuditEvent.objects.get(action="endpoint.rollback_failed").details["fault"]
    assert services.judge_releases() == 0


def test_a_new_release_ends_the_watch_of_the_former_one(
    guarded: Release, endpoint: Endpoint, alice: User, committing: Committing
) -> None:
    with committing():
        services.release(endpoint, ALL_TO_ONE, by=alice)
    guarded.refresh_from_db()
    assert guarded.verdict == Verdict.REPLACED


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        ({}, "error_rate or latency_factor"),
        ({"minimum_requests": 10}, "error_rate or latency_factor"),
        ({"error_rate": 2}, "error_rate must be a number from 0 to 1, got 2"),
        ({"latency_factor": 0.5}, "latency_factor must be a number from 1 to 100"),
        ({"error_rate": True}, "error_rate must be a number"),
        ({"error_rate": 0.1, "window_minutes": 0}, "window_minutes must be a number"),
        ({"error_rate": 0.1, "minimum_requests": "many"}, "minimum_requests must be a number"),
    ],
)
def test_an_odd_guard_is_refused(
    endpoint: Endpoint, second: ModelVersion, alice: User, guard: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        services.release(endpoint, CANARY, by=alice, guard=guard)


def test_a_guard_needs_something_to_compare(endpoint: Endpoint, second: ModelVersion, alice: User) -> None:
    with pytest.raises(InvalidInput, match="nothing to compare"):
        services.release(endpoint, ALL_TO_ONE, by=alice, guard=GUARD)


def test_a_shadow_is_in_the_route_and_kept_from_deletion(
    endpoint: Endpoint, second: ModelVersion, alice: User, mirror: Mirror, committing: Committing
) -> None:
    with committing():
        made = services.release(endpoint, ALL_TO_ONE, by=alice, shadow=2)

    found = mirror.route(endpoint)
    assert found is not None
    assert found.shadow == route.Target(version=2, artifact=str(second.folder), sha256=second.sha256, percent=0)
    assert [target.version for target in found.targets] == [1]
    assert found.release == str(made.pk)
    fresh = Endpoint.objects.get(pk=endpoint.pk)
    assert [target.version.number for target in fresh.answering] == [1]
    with pytest.raises(Conflict):
        registry.delete_version(second, by=alice)


def test_a_shadow_must_keep_the_promise_and_not_answer_itself(
    endpoint: Endpoint, second: ModelVersion, workspace: Workspace, alice: User
) -> None:
    with pytest.raises(InvalidInput, match="cannot be its shadow"):
        services.release(endpoint, CANARY, by=alice, shadow=2)
    with pytest.raises(InvalidInput, match="no version 9"):
        services.release(endpoint, ALL_TO_ONE, by=alice, shadow=9)
    make_version(workspace, alice, signature=PRICES)
    with pytest.raises(InvalidInput, match="would break"):
        services.release(endpoint, ALL_TO_ONE, by=alice, shadow=3)


def test_what_predictors_find_of_a_shadow_is_added_up_once(
    endpoint: Endpoint, second: ModelVersion, alice: User, mirror: Mirror, committing: Committing
) -> None:
    with committing():
        made = services.release(endpoint, ALL_TO_ONE, by=alice, shadow=2)
    tell_shadow(mirror, made, compared=30, agreed=27, skipped=5)
    tell_shadow(mirror, made, compared=10, agreed=9, failed=1)
    mirror.redis.xadd(route.SHADOWS, {"shadowing": "no JSON"})
    mirror.redis.xadd(route.SHADOWS, {"shadowing": json.dumps({"workspace": "x"})})

    assert services.fold_shadows() == 4
    assert services.fold_shadows() == 0

    result = ShadowResult.objects.get()
    assert (result.release, result.compared, result.agreed, result.failed, result.skipped) == (made, 40, 36, 1, 5)
    assert result.agreement == pytest.approx(0.9)


def test_a_comparison_for_somebody_else_s_release_is_left_out(
    endpoint: Endpoint, second: ModelVersion, alice: User, mirror: Mirror
) -> None:
    made = current(endpoint)
    told = route.Shadowing(workspace="elsewhere", endpoint="churn", release=str(made.pk), version=2, compared=1)
    mirror.redis.xadd(route.SHADOWS, {"shadowing": json.dumps(told.to_json())})
    odd = route.Shadowing(workspace="elsewhere", endpoint="churn", release="../1", version=2, compared=1)
    mirror.redis.xadd(route.SHADOWS, {"shadowing": json.dumps(odd.to_json())})

    assert services.fold_shadows() == 2
    assert not ShadowResult.objects.exists()


def test_a_key_is_given_a_version_of_its_own(
    endpoint: Endpoint, second: ModelVersion, workspace: Workspace, alice: User, mirror: Mirror, committing: Committing
) -> None:
    with committing():
        key, _text = keys.create_key("Test", workspace=workspace, user=alice, scopes=["predict"])
        services.release(endpoint, ALL_TO_ONE, by=alice, keys={key.pk: 2})

    found = mirror.route(endpoint)
    assert found is not None
    assert found.keys == {key.pk: 2}
    assert [(target.version, target.percent) for target in found.targets] == [(1, 100), (2, 0)]
    assert services.promise_of(Endpoint.objects.get(pk=endpoint.pk)) == second.promise


def test_keys_of_others_are_refused(endpoint: Endpoint, second: ModelVersion, charlie: User, alice: User) -> None:
    theirs = Workspace.objects.get(memberships__user=charlie)
    key, _text = keys.create_key("Theirs", workspace=theirs, user=charlie, scopes=["predict"])
    with pytest.raises(InvalidInput, match="no API key with the id"):
        services.release(endpoint, ALL_TO_ONE, by=alice, keys={key.pk: 2})
