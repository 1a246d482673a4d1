"""Training upon a pre-trained text encoder.

The folders of `reference_encoders` were written by `save_pretrained` of `transformers` 5.23 for networks with random
weights; their `levels.json` holds what these networks (PyTorch 2.13) said after the embeddings and after every block.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.catalog import get_template
from modelyard.contracts.encoders import describe_encoder
from modelyard.contracts.weights import Weights
from tests.training.encoder_files import POSITIONS, write_encoder
from tests.training.tables import make_plan, write_table
from tests.training.texts import make_texts, write_texts
from tests.training.whole import train, train_and_compare
from workers.training.failures import TrainingFailure
from workers.training.preparing import Material
from workers.training.preparing_texts import prepare_texts
from workers.training.transfer.checking import check
from workers.training.transfer.encoders import Encoder, choose_pools, load_encoder
from workers.training.transfer.texts import WEIGHTS

TEMPLATE = get_template("text_transfer")
REFERENCES = Path(__file__).parent / "reference_encoders"
ODD = ("", None, "\x00\ufeff", "😀" * 300, "never seen", "&#128512;" * 50, "x" * 20_000, "从未见过的字")
Encoded = tuple[Path, Weights]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoded:
    folder = tmp_path_factory.mktemp("weights") / "small"
    return folder, write_encoder(folder)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_texts(tmp_path_factory.mktemp("texts") / "data")


def prepare(data: Path, encoder: Encoded, settings: dict[str, Any], **fields: Any) -> tuple[Material, dict[str, Any]]:
    hyperparameters = TEMPLATE.clean_hyperparameters(settings)
    plan = make_plan(
        data,
        template=TEMPLATE.slug,
        data_kind="texts",
        hyperparameters=hyperparameters,
        weights=encoder[1].to_json(),
        **fields,
    )
    return prepare_texts(plan, "classification", describe_encoder(encoder[0])), hyperparameters


def run(data: Path, encoder: Encoded, folder: Path, **settings: Any) -> tuple[Any, float]:
    material, hyperparameters = prepare(data, encoder, settings)
    shutil.copytree(encoder[0], folder / WEIGHTS)
    solution = train(material, hyperparameters, folder)
    test = material.parts.test
    answers = solution.ask(material.take(test))["probabilities"].argmax(axis=1)
    return solution, float((answers == material.truth[test]).mean())


@pytest.mark.parametrize("family", ["bert", "distilbert", "electra"])
def test_every_block_says_what_the_reference_says(family: str) -> None:
    folder = REFERENCES / family
    found, reference = describe_encoder(folder), json.loads((folder / "levels.json").read_text())
    ids, levels = np.array(reference["token_ids"], np.int32), [np.array(level) for level in reference["levels"]]
    present = (ids != found.pieces.padding)[:, :, np.newaxis]
    pools = [f"mean {number}" for number in range(len(levels))] + ["first 2"]
    wanted = [(level * present).sum(axis=1) / present.sum(axis=1) for level in levels] + [levels[-1][:, 0]]
    whole = Encoder(folder, found, columns=1).cut(ids.shape[1], 0, pools).whole
    said = np.split(np.array(whole(ids)), len(pools), axis=1)
    by_name = dict(zip(Encoder(folder, found, columns=1).order(0, pools), said, strict=True))
    for pool, values in zip(pools, wanted, strict=True):
        np.testing.assert_allclose(by_name[pool], values, atol=1e-5, err_msg=pool)


@pytest.mark.parametrize("tuned", [0, 1, 2, 48])
def test_the_parts_before_and_after_the_cut_say_what_the_whole_says(encoder: Encoded, tuned: int) -> None:
    found = describe_encoder(encoder[0])
    network = Encoder(encoder[0], found, columns=1)
    pools = sorted({pool for group in choose_pools(found.architecture).values() for pool in group})
    backbone = network.cut(8, tuned, pools)
    ids = np.array([[2, 5, 6, 3, 0, 0, 0, 0], [2, 7, 8, 9, 10, 11, 12, 3]], np.int32)
    assert backbone.stem is not None
    assert backbone.tail is not None
    said = backbone.stem(ids)
    parts = np.concatenate([said["early"], backbone.tail(said["cut"])], axis=1)
    np.testing.assert_allclose(parts, backbone.whole(ids), atol=1e-5)


def test_padding_changes_nothing_wherever_it_stands(encoder: Encoded) -> None:
    found = describe_encoder(encoder[0])
    network = Encoder(encoder[0], found, columns=2)
    first = [2, 5, 6, 3, 0, 0, 7, 8, 3, 0, 0, 0]
    apart = network.cut(12, 0, ["mean 2"]).whole(np.array([first], np.int32))
    close = network.cut(8, 0, ["mean 2"]).whole(np.array([[2, 5, 6, 3, 7, 8, 3, 0]], np.int32))
    np.testing.assert_allclose(apart, close, atol=1e-5)


@pytest.mark.slow
def test_a_frozen_network_tells_the_classes(texts: Path, encoder: Encoded, tmp_path: Path) -> None:
    solution, accuracy = run(texts, encoder, tmp_path, tuned_blocks=0)
    assert accuracy > 0.8
    assert solution.training["weights"] == encoder[1].to_json()
    assert solution.training["pooling"] in ("mean", "first", "levels")
    assert [epoch["epoch"] for epoch in solution.history] == [0]


@pytest.mark.slow
def test_tuning_changes_the_last_blocks_alone(texts: Path, encoder: Encoded, tmp_path: Path) -> None:
    settings = {"tuned_blocks": 1, "epochs": 2, "batch_size": 8, "learning_rate": 0.01}
    solution, accuracy = run(texts, encoder, tmp_path, **settings)
    assert accuracy > 0.8
    assert [epoch["epoch"] for epoch in solution.history] == [0, 1, 2]
    assert solution.training["epochs"] == 2
    found = describe_encoder(encoder[0])
    fresh = Encoder(encoder[0], found, columns=1).cut(8, 0, ["mean 2"]).whole
    before = {variable.path: variable.numpy() for variable in fresh.variables}
    now = {variable.path: variable.numpy() for variable in solution.core.variables if variable.path in before}
    changed = {path.split("/")[0] for path, value in now.items() if not np.array_equal(value, before[path])}
    assert all(name.startswith("block_1_") for name in changed)
    kept = solution.training["best_epoch"] > 0
    assert bool(changed) == kept


@pytest.mark.slow
def test_exports_agree_at_the_lowest_settings(texts: Path, encoder: Encoded, tmp_path: Path) -> None:
    material, hyperparameters = prepare(texts, encoder, {"max_tokens": 16, "tuned_blocks": 0})
    shutil.copytree(encoder[0], tmp_path / WEIGHTS)
    plain = material.rows.raw(0)
    differences = train_and_compare(material, hyperparameters, tmp_path, [{**plain, "text": text} for text in ODD])
    assert max(differences.values()) < 1e-4


@pytest.mark.slow
def test_it_trains_at_the_highest_settings(texts: Path, encoder: Encoded, tmp_path: Path) -> None:
    solution, accuracy = run(texts, encoder, tmp_path, max_tokens=512, tuned_blocks=48, epochs=1, batch_size=16)
    assert accuracy > 0.8
    assert solution.training["epochs"] == 1


def test_no_more_is_read_than_the_network_knows_places_for(encoder: Encoded, tmp_path: Path) -> None:
    columns = make_texts()
    columns["text"] = ["the shop was " * 200] * len(columns["text"])
    material, _ = prepare(write_table(tmp_path, columns), encoder, {})
    assert material.inputs["token_ids"].shape[1] == POSITIONS


def test_texts_that_are_all_empty_are_told(encoder: Encoded, tmp_path: Path) -> None:
    columns = make_texts()
    columns["text"] = [None] * len(columns["text"])
    with pytest.raises(TrainingFailure, match="all of them are empty"):
        prepare(write_table(tmp_path, columns), encoder, {})


def test_too_little_time_is_told_at_once(texts: Path, encoder: Encoded, tmp_path: Path) -> None:
    material, hyperparameters = prepare(texts, encoder, {"tuned_blocks": 0})
    shutil.copytree(encoder[0], tmp_path / WEIGHTS)
    with pytest.raises(TrainingFailure, match="more than the run may take"):
        train(material, hyperparameters, tmp_path, seconds=0.0)


def test_another_folder_than_the_one_planned_is_refused(encoder: Encoded, tmp_path: Path) -> None:
    write_encoder(tmp_path / "other", num_hidden_layers=1)
    with pytest.raises(TrainingFailure, match="not those that the run was planned with"):
        load_encoder(tmp_path / "other", encoder[1])


def test_a_missing_folder_is_told(encoder: Encoded, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailure, match="small cannot be used"):
        load_encoder(tmp_path / "none", encoder[1])


def test_a_check_asks_the_network(encoder: Encoded) -> None:
    said = check(encoder[0])
    assert said["pieces"] == POSITIONS
    assert said["milliseconds"] > 0
