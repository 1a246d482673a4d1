"""Whatever columns and classes are called, every form of the model is written and answers alike."""

from pathlib import Path

import numpy as np
import pytest

from modelyard.catalog import get_template
from tests.training.tables import make_plan, write_table
from tests.training.whole import train_and_compare
from workers.training.portable import name_inputs
from workers.training.preparing_tables import prepare_table

SPOKEN = ("class", "from", "self", "None", "__proto__", "constructor", "1", "2019", "3.5", "-", " ", "\n", "<b>x</b>")
WRITTEN = ('Ünï côde "x"', "年龄", "🚀", "a b", "a_b", "a-b", "A B", "a_b_2", "a" * 300, "a" * 299 + "b", "{{ x }}")
USED_WITHIN = (
    "core",
    "model",
    "numbers",
    "codes",
    "label",
    "where",
    "where_1",
    "cast",
    "take_2",
    "string_lookup",
    "../x",
)
NAMES = (*SPOKEN, *WRITTEN, *USED_WITHIN)
SMALLEST = {"members": 1, "width": 8, "depth": 1, "batch_size": 16}
KINDS = ("number", "category", "flag", "date", "text")
VALUES = {
    "number": ["1.5", "-2", "7e3", None],
    "category": ["red", 'gr"een', "blue\n", "[UNK]"],
    "flag": ["yes", "no", "yes", None],
    "date": ["2020-02-29", "1969-07-20", "2031-12-31", "2000-01-01"],
    "text": ["the cat sat", "on [UNK] mats", "the dog, too", None],
}


@pytest.fixture(scope="module")
def kinds() -> dict[str, str]:
    return {name: KINDS[index % len(KINDS)] for index, name in enumerate(NAMES)}


@pytest.mark.parametrize(("target", "template"), [("def", "tabular_classifier"), ("value", "tabular_regressor")])
def test_any_name_of_a_column_can_be_exported(
    target: str, template: str, kinds: dict[str, str], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    columns = {name: random.choice(np.array(VALUES[kind], dtype=object), 60).tolist() for name, kind in kinds.items()}
    truth = [f"{number}" for number in random.integers(0, 3, 60)]
    data = write_table(tmp_path / "data", {**columns, target: truth})
    plan = make_plan(data, target=target, template=template)
    classifies = template == "tabular_classifier"
    kinds = {**kinds, target: "category" if classifies else "number"}
    settings = get_template(template).clean_hyperparameters(SMALLEST)
    plan = make_plan(data, target=target, template=template, kinds=kinds, hyperparameters=settings)
    material = prepare_table(plan, "classification" if classifies else "regression")
    differences = train_and_compare(material, settings, tmp_path, [])
    assert len(differences) == 4
    assert max(differences.values()) < 1e-4


@pytest.mark.parametrize("labels", [["", "[UNK]", "a"], ["x" * 300, "ü", "<script>"], ["1", "01", "1.0"]])
def test_any_name_of_a_class_comes_back_as_it_was(labels: list[str], tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    columns = {"x": [f"{number:.3f}" for number in random.normal(size=60)], "y": [labels[i % 3] for i in range(60)]}
    plan = make_plan(write_table(tmp_path / "data", columns), target="y", kinds={"x": "number", "y": "category"})
    settings = get_template("tabular_classifier").clean_hyperparameters(SMALLEST)
    material = prepare_table(plan, "classification")
    assert material.labels == tuple(sorted(labels))
    assert max(train_and_compare(material, settings, tmp_path, []).values()) < 1e-4


def test_inputs_get_names_of_their_own(kinds: dict[str, str], tmp_path: Path) -> None:
    columns = {name: [VALUES["number"][row % 3] for row in range(40)] for name in kinds}
    data = write_table(tmp_path / "data", {**columns, "y": ["a", "b"] * 20})
    plan = make_plan(data, target="y", kinds={**dict.fromkeys(kinds, "number"), "y": "category"})
    names = name_inputs(prepare_table(plan, "classification").features)
    assert list(names) == list(NAMES)
    assert len({name.lower() for name in names.values()}) == len(NAMES)
    assert all(name.isidentifier() and name.isascii() for name in names.values())
    assert names["a b"] == "a_b"
    assert names["class"] == "column_class"
