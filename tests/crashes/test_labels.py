"""Crash points stand where they have to, do nothing by themselves, and do what they say."""

import signal
import subprocess
import sys
from collections import Counter

import pytest

from modelyard.environment import ROOT
from tests.crashes.labels import list_labels, without_label

ELSEWHERE = "the label stands where it is called"
NO_DATA = "nothing that anybody brought"
ROWS_ALONE = "rows alone: what is killed there was never written, and nothing else follows"
WITHIN = "a part of what is labelled within it, or around it"
ALLOWED_FILES = {
    "platform/modelyard/contracts/jsonfile.py:flush": ELSEWHERE,
    "workers/training/sealing.py:_flush": ELSEWHERE,
    "platform/modelyard/launching/services.py:start": NO_DATA,
    "platform/modelyard/translations.py:_compile": NO_DATA,
    "platform/modelyard/objects/store.py:get_file": "as FolderStore.get_file, over the network",
    "platform/modelyard/objects/store.py:fetch": "as FolderStore.get_file, over the network",
}
ALLOWED_COMMITS = {
    ROWS_ALONE: (
        "accounts/attempts.py:claim",
        "accounts/audit/guarding.py:lifted",
        "accounts/factors/codes.py:_use_app_code",
        "accounts/factors/codes.py:confirm_app",
        "accounts/factors/holding.py:remove_factor",
        "accounts/factors/holding.py:reset_factors",
        "accounts/members.py:accept_invitation",
        "accounts/members.py:invite",
        "accounts/members.py:remove_member",
        "accounts/members.py:set_role",
        "accounts/members.py:withdraw_invitation",
        "accounts/people.py:ensure_admin",
        "accounts/people.py:join",
        "accounts/people.py:set_operator",
        "accounts/people.py:sign_up",
        "accounts/services.py:create_workspace",
        "accounts/services.py:rename_workspace",
        "accounts/services.py:require_second_factor",
        "accounts/single_sign_on.py:admit",
        "accounts/single_sign_on.py:connect",
        "accounts/single_sign_on.py:disconnect",
        "datasets/profiles.py:correct_kinds",
        "keeping/retention.py:set_retention",
        "quotas/pricing.py:set_prices",
        "quotas/pricing.py:withdraw_prices",
        "registry/services.py:remove_alias",
        "registry/services.py:set_alias",
        "runs/prioritising.py:set_priority",
        "runs/prioritising.py:set_share",
        "runs/settling.py:finish_run",
    ),
    WITHIN: (
        "batches/settling.py:cancel_batch",
        "endpoints/folding.py:add_predictions",
        "endpoints/rolling_back.py:_judge",
        "idempotency.py:_answer_once",
        "keeping/erasing.py:erase_dataset",
        "keeping/erasing.py:erase_model",
        "keeping/erasing.py:erase_person",
        "keeping/erasing.py:erase_runs",
        "keeping/erasing.py:erase_workspace",
        "keeping/restoring.py:_bring_back",
        "keeping/snapshots.py:_loading_postgres",
        "quotas/services.py:_note_reservation",
        "quotas/services.py:add_used",
        "quotas/services.py:commit",
        "quotas/services.py:refund",
        "quotas/services.py:release",
        "quotas/services.py:reserve",
        "registry/deriving.py:_derive",
        "registry/services.py:_model_of",
        "runs/settling.py:cancel_run",
        "workers/attempting.py:_settle_finished",
    ),
}


def test_no_label_stands_for_two_places() -> None:
    assert {label: count for label, count in Counter(list_labels()).items() if count > 1} == {}


def test_whatever_is_renamed_or_flushed_stands_beside_a_label() -> None:
    assert without_label("files") == ALLOWED_FILES.keys()


def test_whatever_is_committed_stands_beside_a_label() -> None:
    allowed = {
        name if name.startswith("workers/") else f"platform/modelyard/{name}"
        for name in sum(ALLOWED_COMMITS.values(), ())
    }
    assert without_label("commits") - allowed == set(), "new: give it a label, and a scenario that comes by"
    assert allowed - without_label("commits") == set(), "no longer there, or labelled by now"


@pytest.mark.parametrize(
    ("variable", "code"),
    [({}, 0), ({"MODELYARD_CRASH_AT": "elsewhere"}, 0), ({"MODELYARD_CRASH_AT": "here"}, -signal.SIGKILL)],
)
def test_only_the_variable_makes_a_label_do_something(variable: dict[str, str], code: int) -> None:
    act = "from modelyard.contracts.crash_points import reach; reach('here')"
    environment = {"PYTHONPATH": str(ROOT / "platform"), **variable}
    assert subprocess.run([sys.executable, "-c", act], env=environment, check=False).returncode == code
