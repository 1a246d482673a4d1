"""Asking for a run: what it takes, and everything that is refused before any quota is spent."""

from typing import Any

import pytest

from modelyard.accounts.models import User, Workspace
from modelyard.contracts.plan import Plan
from modelyard.contracts.profile import Bar, Problem, Profile
from modelyard.datasets.models import VersionState
from modelyard.errors import InvalidInput, NotAllowed, QuotaExceeded
from modelyard.quotas import services as quotas
from modelyard.quotas.models import UsageEntry
from modelyard.runs.models import RunState, TrainingRun
from tests.runs.making import column, flowers, make_run, make_version, pictures, write_table

pytestmark = pytest.mark.django_db


def refusal(workspace: Workspace, by: User, profile: Profile | None = None, **wishes: Any) -> dict[str, str]:
    """The problems that a request is refused with; nothing may be left of it."""
    version = make_version(workspace, by, profile)
    with pytest.raises(InvalidInput) as caught:
        make_run(version, by, **wishes)
    assert not TrainingRun.objects.exists()
    assert not UsageEntry.objects.exists()
    return caught.value.problems


def test_a_run_is_queued_with_a_frozen_plan(workspace: Workspace, alice: User) -> None:
    run = make_run(make_version(workspace, alice), alice, hyperparameters={"epochs": 5}, options={"seed": 7})
    run.refresh_from_db()
    plan = Plan.from_json(run.plan)
    assert run.state == RunState.QUEUED
    assert (plan.target, plan.seed, plan.hyperparameters["epochs"]) == ("species", 7, 5)
    assert plan.kinds == {
        "length": "number",
        "width": "number",
        "color": "category",
        "price": "number",
        "species": "category",
    }
    assert plan.max_seconds == 1800


def test_it_reserves_one_run_and_its_time_budget(workspace: Workspace, alice: User) -> None:
    make_run(make_version(workspace, alice), alice, hyperparameters={"max_minutes": 2})
    reserved = {status.kind: status.reserved for status in quotas.overview(workspace)}
    assert reserved["concurrent_runs"] == 1
    assert reserved["training_seconds"] == 120


def test_a_spent_quota_refuses_and_leaves_nothing(workspace: Workspace, alice: User, operator: User) -> None:
    version = make_version(workspace, alice)
    quotas.set_limit(workspace, "training_seconds", 100, by=operator)
    with pytest.raises(QuotaExceeded) as caught:
        make_run(version, alice)
    assert caught.value.kind == "training_seconds"
    assert not TrainingRun.objects.exists()
    assert {status.reserved for status in quotas.overview(workspace)} == {0}


def test_a_viewer_cannot_ask_for_a_run(workspace: Workspace, alice: User, vera: User) -> None:
    with pytest.raises(NotAllowed):
        make_run(make_version(workspace, alice), vera)


def test_a_run_is_called_after_its_data_set_unless_it_has_a_name(workspace: Workspace, alice: User) -> None:
    version = make_version(workspace, alice)
    assert make_run(version, alice).name == "Flowers"
    assert make_run(version, alice, name="  my\n model ").name == "my model"


@pytest.mark.parametrize("state", [VersionState.UPLOADED, VersionState.REJECTED])
def test_data_that_is_not_ready_is_refused(workspace: Workspace, alice: User, state: VersionState) -> None:
    version = make_version(workspace, alice)
    version.state = state
    version.save()
    with pytest.raises(InvalidInput) as caught:
        make_run(version, alice)
    assert list(caught.value.problems) == ["dataset_version"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (float("nan"), "learning_rate"),
        (float("inf"), "learning_rate"),
        (0, "learning_rate"),
        (0, "batch_size"),
        (-1, "batch_size"),
        (10**9, "epochs"),
        (1e9, "epochs"),
        ("many", "epochs"),
        (True, "epochs"),
        (0, "max_minutes"),
        ("sgdd", "optimizer"),
        (1, "no_such_setting"),
    ],
)
def test_a_hyperparameter_out_of_its_range_is_refused(
    workspace: Workspace, alice: User, value: object, name: str
) -> None:
    assert list(refusal(workspace, alice, hyperparameters={name: value})) == [f"hyperparameters.{name}"]


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"seed": -1}, "options.seed"),
        ({"seed": 1.5}, "options.seed"),
        ({"seed": True}, "options.seed"),
        ({"test_share": 0.9}, "options.test_share"),
        ({"validation_share": float("nan")}, "options.validation_share"),
        ({"validation_share": "x"}, "options.validation_share"),
        ({"exclude": "length"}, "options.exclude"),
        ({"exclude": ["nonsense"]}, "options.exclude"),
        ({"exclude": ["species"]}, "options.exclude"),
        ({"exclude": ["length", "width", "color", "price"]}, "options.exclude"),
        ({"colour": "red"}, "options.colour"),
        ({"halve_batches": "perhaps"}, "options.halve_batches"),
        ({"gpus": 0}, "options.gpus"),
        ({"gpus": "many"}, "options.gpus"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(
    workspace: Workspace, alice: User, options: dict[str, object], param: str
) -> None:
    assert list(refusal(workspace, alice, options=options)) == [param]


def test_an_unknown_model_template_is_refused_naming_those_there_are(workspace: Workspace, alice: User) -> None:
    problems = refusal(workspace, alice, model_template="gpt")
    assert "tabular_classifier" in problems["model_template"]


def test_images_do_not_fit_a_template_for_tables(workspace: Workspace, alice: User) -> None:
    assert list(refusal(workspace, alice, pictures())) == ["model_template"]


@pytest.mark.parametrize("target", [None, "", "no such column"])
def test_a_missing_target_is_refused(workspace: Workspace, alice: User, target: str | None) -> None:
    assert list(refusal(workspace, alice, target=target)) == ["target"]


def test_a_target_without_values_is_refused(workspace: Workspace, alice: User) -> None:
    profile = flowers(species=column("species", "empty", missing=150, distinct=0))
    assert "has no values" in refusal(workspace, alice, profile)["target"]


def test_a_constant_target_is_refused(workspace: Workspace, alice: User) -> None:
    profile = flowers(species=column("species", "category", distinct=1))
    assert "at least 2 classes" in refusal(workspace, alice, profile)["target"]


def test_a_target_that_differs_in_every_row_is_refused(workspace: Workspace, alice: User) -> None:
    profile = flowers(species=column("species", "category", distinct=150))
    assert "identifier" in refusal(workspace, alice, profile)["target"]


def test_two_thousand_classes_are_refused(workspace: Workspace, alice: User) -> None:
    profile = flowers(6000, species=column("species", "category", distinct=2000))
    assert "1000" in refusal(workspace, alice, profile)["target"]


def test_a_quantity_is_sent_to_the_regressor(workspace: Workspace, alice: User) -> None:
    assert "tabular_regressor" in refusal(workspace, alice, target="price")["target"]


def test_words_are_sent_to_the_classifier(workspace: Workspace, alice: User) -> None:
    version = make_version(workspace, alice)
    write_table(version, {"species": ["setosa", "virginica"] * 75})
    with pytest.raises(InvalidInput, match="tabular_classifier"):
        make_run(version, alice, model_template="tabular_regressor", target="species")


@pytest.mark.parametrize(
    ("target", "chosen", "task"),
    [
        ("species", "auto", "classification"),
        ("price", "auto", "regression"),
        ("color", "auto", "classification"),
        ("length", "classification", "classification"),
    ],
)
def test_a_template_that_can_do_either_does_what_the_target_asks_for(
    workspace: Workspace, alice: User, target: str, chosen: str, task: str
) -> None:
    version = make_version(workspace, alice)
    write_table(version, {target: [str(number % 60) for number in range(150)]})
    run = make_run(version, alice, model_template="boosted_trees", target=target, hyperparameters={"task": chosen})
    assert run.plan["hyperparameters"]["task"] == task
    assert run.plan["kinds"][target] == ("number" if task == "regression" else "category")


def test_words_cannot_be_predicted_as_numbers(workspace: Workspace, alice: User) -> None:
    version = make_version(workspace, alice)
    with pytest.raises(InvalidInput, match="predicts numbers"):
        make_run(version, alice, model_template="auto_table", target="species", hyperparameters={"task": "regression"})


def test_stray_text_in_a_column_of_numbers_is_named_with_its_rows(workspace: Workspace, alice: User) -> None:
    version = make_version(workspace, alice)
    cells: list[str | None] = ["12.5", "13", "n/a", None] * 30
    cells[6], cells[40] = "about 12", "unclear"
    write_table(version, {"price": cells})
    with pytest.raises(InvalidInput) as caught:
        make_run(version, alice, model_template="tabular_regressor", target="price")
    message = caught.value.problems["target"]
    assert "row 41: “unclear”" in message
    assert "in 2 rows" in message


@pytest.mark.parametrize("rows", [1, 2, 19])
def test_too_few_rows_are_refused_with_the_minimum(workspace: Workspace, alice: User, rows: int) -> None:
    profile = flowers(rows, species=column("species", "category", distinct=min(rows, 2)))
    assert "at least 20" in refusal(workspace, alice, profile)["dataset_version"]


def test_a_table_of_nothing_but_its_target_is_refused(workspace: Workspace, alice: User) -> None:
    profile = flowers(length=None, width=None, color=None, price=None)
    assert "no columns are left" in refusal(workspace, alice, profile)["dataset_version"]


def test_one_class_folder_is_refused(workspace: Workspace, alice: User) -> None:
    problems = refusal(workspace, alice, pictures((24,)), model_template="dense_network", target=None)
    assert "2 classes" in problems["dataset_version"]


def test_images_take_no_target(workspace: Workspace, alice: User) -> None:
    assert list(refusal(workspace, alice, pictures(), model_template="dense_network")) == ["target"]


def test_images_are_trained_on_their_folders(workspace: Workspace, alice: User) -> None:
    run = make_run(make_version(workspace, alice, pictures()), alice, model_template="dense_network", target=None)
    assert run.plan["target"] is None


def test_what_is_worth_knowing_is_noted_with_the_run(workspace: Workspace, alice: User) -> None:
    bars = (Bar(value="yes", count=140), Bar(value="no", count=1))
    leak = Problem(code="one_to_one", message="length tells species exactly", column="length")
    profile = flowers(warnings=[leak], species=column("species", "flag", distinct=2, missing=9, bars=bars))
    run = make_run(make_version(workspace, alice, profile), alice)
    assert {note["code"] for note in run.notes} == {"target_missing", "one_to_one", "singleton_class", "imbalance"}


def test_numbers_that_are_classes_are_read_as_text(workspace: Workspace, alice: User) -> None:
    profile = flowers(species=column("species", "number", distinct=2))
    run = make_run(make_version(workspace, alice, profile), alice)
    assert run.plan["kinds"]["species"] == "category"
