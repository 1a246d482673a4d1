"""Training upon pre-trained weights."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from modelyard.catalog import get_template
from modelyard.contracts.weights import Weights, describe_weights
from tests.training.backbone import SIZE, write_backbone
from tests.training.tables import make_plan, write_pictures
from tests.training.whole import train
from workers.training.failures import TrainingFailure
from workers.training.preparing import Material
from workers.training.preparing_images import prepare_images
from workers.training.transfer.backbones import load_network, make_backbone
from workers.training.transfer.checking import check
from workers.training.transfer.heads import fit_head

TEMPLATE = get_template("image_transfer")
TUNED = {"epochs": 1, "batch_size": 8, "views": 2}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Weights]:
    path = tmp_path_factory.mktemp("weights") / "small.keras"
    return path, write_backbone(path)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("pictures") / "data")


def prepare(pictures: Path, weights: Weights, **settings: Any) -> tuple[Material, dict[str, Any]]:
    hyperparameters = TEMPLATE.clean_hyperparameters(settings)
    plan = make_plan(
        pictures,
        target=None,
        template=TEMPLATE.slug,
        hyperparameters=hyperparameters,
        weights=weights.to_json(),
    )
    return prepare_images(plan, "classification", TEMPLATE.largest_side), hyperparameters


def run(pictures: Path, weights: tuple[Path, Weights], folder: Path, **settings: Any) -> Any:
    material, hyperparameters = prepare(pictures, weights[1], **settings)
    shutil.copyfile(weights[0], folder / "weights.keras")
    solution = train(material, hyperparameters, folder)
    answers = solution.ask(material.inputs)["probabilities"].argmax(axis=1)
    return solution, float((answers == material.truth).mean())


def test_images_come_in_the_size_and_the_colours_of_the_weights(pictures: Path, weights: tuple[Path, Weights]) -> None:
    material, _ = prepare(pictures, weights[1])
    assert material.inputs["image"].shape[1:] == (SIZE, SIZE, 3)
    assert prepare(pictures, weights[1], size=48)[0].inputs["image"].shape[1:] == (48, 48, 3)


@pytest.mark.slow
def test_a_frozen_network_tells_dark_from_light(pictures: Path, weights: tuple[Path, Weights], tmp_path: Path) -> None:
    solution, accuracy = run(pictures, weights, tmp_path, tuning=False, views=1, augmentation="none", size=48)
    assert accuracy > 0.95
    assert solution.training["weights"] == weights[1].to_json()
    assert solution.training["views"] == 1
    assert [epoch["epoch"] for epoch in solution.history] == [0]


@pytest.mark.slow
def test_tuning_changes_the_last_part_alone_and_is_kept_only_where_it_is_better(
    pictures: Path, weights: tuple[Path, Weights], tmp_path: Path
) -> None:
    solution, accuracy = run(pictures, weights, tmp_path, **TUNED)
    frozen, tuned = solution.history
    assert accuracy > 0.95
    assert solution.training["best_epoch"] == (1 if tuned["val_loss"] < frozen["val_loss"] else 0)
    before = {variable.path: variable.numpy() for variable in keras.saving.load_model(weights[0]).variables}
    stem = [value for path, value in before.items() if path.startswith("down_8/")]
    now = [variable.numpy() for variable in solution.core.variables if variable.path.startswith("down_8/")]
    assert stem
    for one, other in zip(stem, now, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_network_is_cut_where_all_paths_meet(weights: tuple[Path, Weights]) -> None:
    backbone = make_backbone(load_network(*weights), 64)
    assert backbone.stem is not None
    assert backbone.tail is not None
    assert backbone.whole.output.shape[-1] == (backbone.stem.output["early"].shape[-1] + backbone.tail.output.shape[-1])
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    said = backbone.stem(images)
    parts = np.concatenate([said["early"], backbone.tail(said["cut"])], axis=1)
    np.testing.assert_allclose(parts, backbone.whole(images), atol=1e-5)


def test_a_network_without_a_head_is_pooled(tmp_path: Path) -> None:
    path = tmp_path / "bare.keras"
    weights = write_backbone(path, None, head="none")
    assert weights.size == 224
    assert make_backbone(load_network(path, weights), 40).whole.output.shape[-1] >= 16


def test_another_file_than_the_one_planned_is_refused(weights: tuple[Path, Weights], tmp_path: Path) -> None:
    write_backbone(tmp_path / "other.keras", 64)
    with pytest.raises(TrainingFailure, match="not the file that the run was planned with"):
        load_network(tmp_path / "other.keras", weights[1])


def test_a_missing_file_is_told(weights: tuple[Path, Weights], tmp_path: Path) -> None:
    with pytest.raises(TrainingFailure, match="small cannot be used"):
        load_network(tmp_path / "none.keras", weights[1])


def test_a_size_that_the_network_cannot_take_is_told(tmp_path: Path) -> None:
    path = tmp_path / "flat.keras"
    image = keras.Input((32, 32, 3))
    keras.Model(image, keras.layers.Dense(4)(keras.layers.Flatten()(image))).save(path)
    with pytest.raises(TrainingFailure, match="cannot take images of 64 pixels"):
        make_backbone(load_network(path, describe_weights(path).weights), 64)


def test_a_check_asks_the_network(weights: tuple[Path, Weights]) -> None:
    said = check(weights[0])
    assert said["tunable"] is True
    assert said["features"] > 16
    assert said["milliseconds"] > 0


@pytest.mark.slow
@pytest.mark.data
def test_weights_of_imagenet_are_understood(data_folder: Path) -> None:
    said = check(data_folder / "weights" / "efficientnet_lite0_imagenet.keras")
    assert said["features"] == 2752
    assert said["tunable"] is True


def test_the_head_learns_classes_that_a_line_parts() -> None:
    random = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 40)
    features = random.normal(size=(120, 5)).astype(np.float32) + 4.0 * np.eye(3, 5, dtype=np.float32)[truth]
    job: Any = SimpleNamespace(must_end=False)
    head = fit_head(job, features[::2], truth[::2], features[1::2], truth[1::2], 3)
    assert head.accuracy > 0.95
    assert head.loss < 0.3
    alone = fit_head(job, features, truth, features[:0], truth[:0], 3)
    assert (alone.answer(features).argmax(axis=1) == truth).mean() > 0.95
