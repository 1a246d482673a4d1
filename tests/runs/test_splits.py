"""How rows are parted: what may be asked for, what is refused, and what the data suggests."""

from typing import Any

import pytest
from django.test import Client

from modelyard.accounts.models import User, Workspace
from modelyard.catalog import get_template
from modelyard.contracts.plan import Plan, Split
from modelyard.contracts.profile import Bar, Profile
from modelyard.errors import InvalidInput
from modelyard.runs.models import TrainingRun
from modelyard.runs.splits import list_split_notes, offer_methods
from tests.runs.making import column, flowers, make_run, make_version, pictures
from tests.runs.test_pages import filled_in, new_url, text_of

pytestmark = pytest.mark.django_db
PARTS = (Bar(value="Train", count=100), Bar(value="valid", count=25), Bar(value="test", count=25))


def visits(**columns: Any) -> Profile:
    """Flowers with a gardener, a day and a part."""
    more = {
        "gardener_id": column("gardener_id", "category", distinct=20),
        "picked": column("picked", "date", distinct=90),
        "part": column("part", "category", distinct=3, bars=PARTS),
    }
    return flowers(**{**more, **columns})


def plan_of(workspace: Workspace, by: User, split: dict[str, Any]) -> Plan:
    run = make_run(make_version(workspace, by, visits()), by, options={"split": split})
    return Plan.from_json(run.plan)


def test_the_split_is_frozen_with_the_plan(workspace: Workspace, alice: User) -> None:
    split = {"method": "group", "column": "gardener_id", "validation": 0.1, "test": 0.3}
    plan = plan_of(workspace, alice, split)
    assert plan.split == Split(method="group", column="gardener_id", validation=0.1, test=0.3)


def test_rows_are_parted_by_class_and_chance_where_nobody_says_how(workspace: Workspace, alice: User) -> None:
    assert plan_of(workspace, alice, {}).split == Split(method="stratified", validation=0.15, test=0.15)


@pytest.mark.parametrize(("method", "name"), [("group", "gardener_id"), ("given", "part")])
def test_a_column_of_groups_or_parts_is_not_learned_from(
    workspace: Workspace, alice: User, method: str, name: str
) -> None:
    assert name not in plan_of(workspace, alice, {"method": method, "column": name}).kinds


def test_a_date_by_which_rows_are_parted_is_learned_from(workspace: Workspace, alice: User) -> None:
    assert plan_of(workspace, alice, {"method": "time", "column": "picked"}).kinds["picked"] == "date"


@pytest.mark.parametrize(
    ("split", "param"),
    [
        ("time", "options.split"),
        ({"method": "by hand"}, "options.split.method"),
        ({"method": ["time"]}, "options.split.method"),
        ({"method": "time"}, "options.split.column"),
        ({"method": "time", "column": 7}, "options.split.column"),
        ({"method": "time", "column": "no such"}, "options.split.column"),
        ({"method": "time", "column": "color"}, "options.split.column"),
        ({"method": "group", "column": "species"}, "options.split.column"),
        ({"method": "group", "column": "plant"}, "options.split.column"),
        ({"method": "group", "column": "two"}, "options.split.column"),
        ({"method": "given", "column": "color"}, "options.split.column"),
        ({"method": "given", "column": "no train"}, "options.split.column"),
        ({"method": "random", "column": "picked"}, "options.split.column"),
        ({"test": 0.9}, "options.split.test"),
        ({"validation": "x"}, "options.split.validation"),
        ({"folds": 5}, "options.split.folds"),
    ],
)
def test_a_split_that_cannot_be_meant_is_refused(workspace: Workspace, alice: User, split: object, param: str) -> None:
    two = column("two", "category", distinct=2, bars=(Bar(value="a", count=75), Bar(value="b", count=75)))
    rest = column("no train", "category", distinct=2, bars=PARTS[1:])
    colors = tuple(Bar(value=name, count=50) for name in ("red", "white", "blue"))
    color = column("color", "category", distinct=3, bars=colors)
    version = make_version(workspace, alice, visits(two=two, rest=rest, color=color))
    with pytest.raises(InvalidInput) as caught:
        make_run(version, alice, options={"split": split})
    assert list(caught.value.problems) == [param]
    assert not TrainingRun.objects.exists()


def test_a_share_is_said_once(workspace: Workspace, alice: User) -> None:
    version = make_version(workspace, alice)
    with pytest.raises(InvalidInput) as caught:
        make_run(version, alice, options={"split": {"test": 0.2}, "test_share": 0.2})
    assert list(caught.value.problems) == ["options.split.test"]


def test_images_are_parted_by_chance_only(workspace: Workspace, alice: User) -> None:
    version = make_version(workspace, alice, pictures())
    with pytest.raises(InvalidInput) as caught:
        make_run(
            version,
            alice,
            model_template="image_classifier",
            target=None,
            options={"split": {"method": "time", "column": "taken"}},
        )
    assert list(caught.value.problems) == ["options.split.method"]
    assert "group" not in offer_methods(get_template("image_classifier"), pictures())


def test_groups_and_dates_are_pointed_out(workspace: Workspace, alice: User) -> None:
    run = make_run(make_version(workspace, alice, visits()), alice)
    notes = {note["code"]: note for note in run.notes}
    assert notes["split_by_group"]["column"] == "gardener_id"
    assert notes["split_by_time"]["column"] == "picked"


def test_who_has_chosen_a_split_is_left_alone() -> None:
    template = get_template("tabular_classifier")
    chosen = Split(method="time", column="picked")
    assert list_split_notes(chosen, template, visits(), "species") == []


def test_a_column_is_no_group_for_repeating_alone() -> None:
    profile = flowers(town=column("town", "category", distinct=20), video=column("video", "number", distinct=40))
    assert list_split_notes(Split(), get_template("tabular_classifier"), profile, "species") == []


def test_the_form_parts_by_what_was_chosen(client: Client, workspace: Workspace, alice: User) -> None:
    client.force_login(alice)
    version = make_version(workspace, alice, visits())
    page = text_of(client.get(new_url(version)))
    assert "How rows are parted" in page
    assert "picked is a date" in page
    client.post(new_url(version), filled_in(split_method="time", split_column="picked", split_test="0.3"))
    assert TrainingRun.objects.get().plan["split"] == {
        "method": "time",
        "column": "picked",
        "validation": 0.15,
        "test": 0.3,
    }


def test_the_form_says_beside_the_field_what_is_wrong(client: Client, workspace: Workspace, alice: User) -> None:
    client.force_login(alice)
    version = make_version(workspace, alice, visits())
    answer = client.post(new_url(version), filled_in(split_method="time", split_column="color"))
    assert answer.status_code == 422
    assert 'id="id_split_column_error"' in text_of(answer)


def test_a_column_left_chosen_does_no_harm_at_random(client: Client, workspace: Workspace, alice: User) -> None:
    client.force_login(alice)
    version = make_version(workspace, alice, visits())
    client.post(new_url(version), filled_in(split_column="picked"))
    assert TrainingRun.objects.get().plan["split"]["column"] is None
