"""Texts from a plan to a model: what is learned, told and exported."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.catalog import get_template
from modelyard.catalog.text_linear import Shape as LinearShape
from modelyard.catalog.text_linear import fit_margins, log_loss, spread_rows, weigh_branches
from modelyard.features.backgrounds import places_of
from modelyard.features.places import find_text_places
from modelyard.features.texts import TextFeatures
from tests.training.tables import make_plan, write_table
from tests.training.texts import make_texts, write_texts
from tests.training.whole import train
from workers.serving.explaining.games import TextGame
from workers.serving.explaining.shapley import share_out
from workers.training.explaining import make_background
from workers.training.failures import TrainingFailure
from workers.training.importance import is_one_text, measure_importance
from workers.training.preparing import Material
from workers.training.preparing_texts import prepare_texts
from workers.training.telling_words import find_words

SETTINGS = {"epochs": 2, "members": 2, "embedding": 8, "width": 8, "batch_size": 16}


def prepare(folder: Path, hyperparameters: dict[str, Any] = SETTINGS, **fields: Any) -> Material:
    settings = get_template("text_classifier").clean_hyperparameters(hyperparameters)
    plan = make_plan(folder, template="text_classifier", data_kind="texts", hyperparameters=settings, **fields)
    return prepare_texts(plan, "classification")


def score(material: Material, solution: Any) -> float:
    probabilities = solution.ask(material.take(material.parts.test))["probabilities"]
    return float((probabilities.argmax(axis=1) == material.truth[material.parts.test]).mean())


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return prepare(write_texts(tmp_path_factory.mktemp("texts")))


@pytest.fixture(scope="module")
def solution(material: Material, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return train(material, dict(material.plan.hyperparameters), tmp_path_factory.mktemp("run"))


def test_words_of_two_languages_are_learned(material: Material, solution: Any) -> None:
    assert score(material, solution) > 0.9
    assert solution.held_out is not None
    assert len(solution.held_out.rows) == len(set(solution.held_out.rows.tolist()))


def test_the_words_that_tell_are_told(material: Material, solution: Any) -> None:
    told = {entry["label"]: {word["word"] for word in entry["words"]} for entry in find_words(material, solution.ask)}
    assert told["good"] & {"lovely", "bright", "kind", "happy", "sunny"}
    assert told["bad"] & {"awful", "dark", "rude", "sad", "rainy"}
    assert not told["good"] & told["bad"]


def test_the_column_that_tells_matters_most(material: Material, solution: Any) -> None:
    importance = measure_importance(material, lambda inputs: solution.ask(inputs)["probabilities"])
    assert importance[0]["column"] == "text"
    assert {entry["column"] for entry in importance} == {"text", "price", "shop"}


def test_every_number_of_the_inputs_belongs_to_one_column(material: Material) -> None:
    assert isinstance(material.features, TextFeatures)
    places = find_text_places(material.features)
    for name, array in material.inputs.items():
        listed = sorted(index for place in places.values() for index in place.get(name, []))
        assert listed == list(range(array.shape[1])), name


def test_a_sole_text_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    columns = {name: values for name, values in make_texts().items() if name in ("text", "label")}
    kinds = {"text": "text", "label": "category"}
    alone = prepare(write_table(tmp_path, columns), kinds=kinds)
    assert is_one_text(alone.features)
    assert alone.features.transform(["a lovely day"])["gram_ids"].any()


def test_a_transformer_reads_too_with_a_part_held_out(tmp_path: Path) -> None:
    settings = {**SETTINGS, "reader": "transformer", "members": 0, "blocks": 1}
    material = prepare(write_texts(tmp_path / "data"), settings)
    solution = train(material, dict(material.plan.hyperparameters), tmp_path)
    assert score(material, solution) > 0.9
    assert solution.held_out is None


def test_texts_without_a_repeated_word_are_explained(tmp_path: Path) -> None:
    columns = make_texts()
    columns["text"] = [f"{chr(0x4E00 + row)}" for row in range(len(columns["text"]))]
    with pytest.raises(TrainingFailure, match="no word occurs in two texts"):
        prepare(write_table(tmp_path, columns))


def test_the_sizes_of_tables_hold_every_number(material: Material) -> None:
    assert material.inputs["gram_ids"].max() < material.id_sizes["gram_ids"]
    assert material.inputs["token_ids"].max() < material.id_sizes["token_ids"]


def test_a_linear_branch_of_one_class_answers_it_always() -> None:
    inputs = {"gram_ids": np.array([[1, 2], [2, 0]], np.int32), "gram_weights": np.array([[0.6, 0.8], [1, 0]])}
    matrix = spread_rows(inputs, LinearShape(grams=3, numbers=0, code_sizes=()))
    np.testing.assert_allclose(matrix.toarray(), [[0, 0.6, 0.8], [0, 0, 1]])
    weights = fit_margins(matrix, np.array([1, 1]), 3, 1.0)
    assert ((matrix @ weights[:-1] + weights[-1]).argmax(axis=1) == 1).all()


def test_the_branch_that_knows_nothing_gets_no_say() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 2, 400)
    knows = np.where(np.eye(2)[truth] > 0, 2.0, -2.0) + random.normal(0, 1.5, (400, 2))
    noise = random.normal(0, 2, (400, 2))
    wide, deep = weigh_branches(knows, noise, truth)
    assert deep < 0.1 * wide
    assert log_loss(wide * knows + deep * noise, truth) <= log_loss(knows, truth) + 1e-6


@pytest.mark.parametrize(
    ("text", "telling", "silent"),
    [
        ("the shop was lovely today", "lovely", "shop"),
        ("今天我们去店里喜欢", "喜", "店"),
        ("we went 讨厌", "讨", "went"),
    ],
)
def test_an_answer_is_explained_by_the_words_that_tell(
    material: Material, solution: Any, text: str, telling: str, silent: str
) -> None:
    background = make_background(material, solution.ask)
    good = material.labels.index("good")
    row = {"text": text, "price": 3.0, "shop": "shop 3"}
    game = TextGame(
        lambda arrays: solution.ask(arrays)["probabilities"][:, good].astype(np.float64),
        material.features,
        row,
        background,
        places_of(material.features),
    )
    shares = finish(share_out(game, 256))
    told = dict(zip([entry.get("text", entry["column"]) for entry in game.tell_players()], shares.values, strict=True))

    assert shares.base + shares.values.sum() == pytest.approx(shares.answer, abs=1e-6)
    assert abs(told[telling]) > abs(told[silent])
    assert (told[telling] > 0) == (telling in ("lovely", "喜"))
    assert {"price", "shop"} <= told.keys()
    assert all(text[entry["start"] : entry["end"]] == entry["text"] for entry in game.tell_players() if "text" in entry)


def finish(work: Any) -> Any:
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
