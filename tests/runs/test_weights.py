"""Pre-trained weights: what a file is, what is refused, who may build upon it, and how training gets it."""

import json
import logging
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from modelyard.accounts.models import User, Workspace
from modelyard.contracts.weights import BadWeights, describe_weights
from modelyard.errors import InvalidInput
from modelyard.runs.weights import HANDED_OVER, WeightsMissing, hand_over_weights, list_weights
from tests.runs.making import make_run, make_version, pictures

ASK_THE_OPERATOR = "Ask your operator"


def layer(name: str, kind: str, /, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": {"name": name, **config}, "registered_name": None}


def picture_input(shape: tuple[int | None, ...] = (None, 64, 64, 3)) -> dict[str, Any]:
    return layer("image", "InputLayer", batch_shape=list(shape))


def write_weights(path: Path, *layers: dict[str, Any], kind: str = "Functional") -> Path:
    """A file whose configuration is all that is looked at before it is loaded."""
    module = "keras.src.models.functional"
    network = {"module": module, "class_name": kind, "config": {"layers": list(layers)}, "registered_name": kind}
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({**network, "compile_config": {"optimizer": "os.system"}}))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", f"weights of {path.stem}")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's folder, not made yet."""
    folder = tmp_path / "weights"
    monkeypatch.setattr(settings, "ENVIRONMENT", replace(settings.ENVIRONMENT, weights=folder))
    return folder


@pytest.fixture
def two_files(folder: Path) -> Path:
    for name in ("alpha", "beta"):
        write_weights(folder / f"{name}.keras", picture_input(), layer("scale", "Rescaling"))
    return folder


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "net.keras", picture_input(), layer("scale", "Rescaling"), layer("c", "Conv2D"))
    found = describe_weights(path)
    assert (found.weights.name, found.weights.size, found.any_size, found.scales_itself) == ("net", 64, False, True)
    assert found.layers == (("image", "InputLayer"), ("scale", "Rescaling"), ("c", "Conv2D"))
    assert len(found.weights.sha256) == 64


def test_a_network_for_any_size_is_given_the_usual_one(tmp_path: Path) -> None:
    found = describe_weights(write_weights(tmp_path / "net.keras", picture_input((None, None, None, 3))))
    assert (found.weights.size, found.any_size, found.scales_itself) == (224, True, False)


def test_layers_of_a_network_within_the_network_are_looked_at(tmp_path: Path) -> None:
    inner = layer("inner", "Functional", "keras.src.models.functional", layers=[layer("evil", "Lambda")])
    with pytest.raises(BadWeights, match="Lambda"):
        describe_weights(write_weights(tmp_path / "net.keras", picture_input(), inner))


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (layer("x", "Lambda"), "may run code"),
        (layer("x", "TFSMLayer"), "may run code"),
        (layer("x", "StringLookup", vocabulary="/etc/passwd"), "may run code or read files"),
        (layer("x", "system", module="os"), "not part of Keras"),
        (layer("x", "get_file", module="keras.utils"), "not part of Keras"),
        ({**layer("x", "Block"), "registered_name": "keras_hub>Block"}, "keras_hub>Block"),
        (layer("x", "Dense", activation={"class_name": "function", "module": "builtins"}), "may run code"),
    ],
)
def test_what_could_run_code_is_refused(part: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=words):
        describe_weights(write_weights(tmp_path / "net.keras", picture_input(), part))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((None, 10), "takes no images"),
        ((None, 64, 64, 1), "images of 1 channels"),
        ((None, 64, 32, 3), "64 x 32"),
        ((None, 4096, 4096, 3), "squares of 32 to 512"),
    ],
)
def test_what_takes_no_pictures_is_refused(shape: tuple[int | None, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadWeights, match=words):
        describe_weights(write_weights(tmp_path / "net.keras", picture_input(shape)))


def cut_short(path: Path) -> None:
    path.write_bytes(write_weights(path, picture_input()).read_bytes()[:100])


def without_weights(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (cut_short, "no file of Keras 3"),
        (without_weights, "no file of Keras 3"),
        (lambda path: write_weights(path, picture_input(), kind="Own"), "class of its own"),
        (lambda path: None, "cannot be read"),
    ],
)
def test_a_broken_file_is_told(write: Callable[[Path], object], words: str, tmp_path: Path) -> None:
    write(tmp_path / "net.keras")
    with pytest.raises(BadWeights, match=words):
        describe_weights(tmp_path / "net.keras")


def test_what_cannot_be_used_is_not_offered_and_logged_once(two_files: Path, caplog: pytest.LogCaptureFixture) -> None:
    (two_files / "broken.keras").write_text("no zip")
    (two_files / "notes.txt").write_text("of no interest")
    with caplog.at_level(logging.WARNING):
        for _round in range(2):
            assert [weights.name for weights in list_weights("images")] == ["alpha", "beta"]
    assert sum("broken.keras is not offered" in line for line in caplog.messages) == 1


def test_a_run_is_planned_with_the_digest_of_the_file(workspace: Workspace, alice: User, two_files: Path) -> None:
    version = make_version(workspace, alice, pictures())
    first = make_run(version, alice, model_template="image_transfer", target=None)
    assert first.plan["weights"] == list_weights("images")[0].to_json()
    named = make_run(version, alice, model_template="image_transfer", target=None, hyperparameters={"weights": "beta"})
    assert named.plan["weights"]["name"] == "beta"


def test_without_weights_a_run_is_refused(workspace: Workspace, alice: User, folder: Path) -> None:
    version = make_version(workspace, alice, pictures())
    with pytest.raises(InvalidInput, match=ASK_THE_OPERATOR) as caught:
        make_run(version, alice, model_template="image_transfer", target=None)
    assert caught.value.code == "no_weights"


def test_unknown_weights_are_refused_and_those_that_there_are_named(
    workspace: Workspace, alice: User, two_files: Path
) -> None:
    version = make_version(workspace, alice, pictures())
    with pytest.raises(InvalidInput, match=r"'gamma'; there are alpha, beta") as caught:
        make_run(version, alice, model_template="image_transfer", target=None, hyperparameters={"weights": "gamma"})
    assert list(caught.value.problems) == ["hyperparameters.weights"]


def test_the_gallery_says_whom_to_ask(client: Client, workspace: Workspace, alice: User, folder: Path) -> None:
    client.force_login(alice)
    version = make_version(workspace, alice, pictures())
    words = "No pre-trained network for images is installed here"
    page = client.get("/runs/templates/", {"version": str(version.pk)})
    assert words in page.text
    assert "template=image_transfer" not in page.text
    write_weights(folder / "alpha.keras", picture_input())
    page = client.get("/runs/templates/", {"version": str(version.pk)})
    assert words not in page.text
    assert "template=image_transfer" in page.text


def test_the_form_offers_the_files(client: Client, workspace: Workspace, alice: User, two_files: Path) -> None:
    client.force_login(alice)
    version = make_version(workspace, alice, pictures())
    page = client.get("/runs/new/", {"version": str(version.pk), "template": "image_transfer"})
    assert '<option value="beta">beta</option>' in page.text


def test_training_gets_the_file_by_its_digest(two_files: Path, tmp_path: Path) -> None:
    weights = list_weights("images")[1]
    shutil.move(two_files / "beta.keras", two_files / "renamed.keras")
    hand_over_weights({"weights": weights.to_json()}, tmp_path)
    assert describe_weights(tmp_path / HANDED_OVER["images"]).weights.sha256 == weights.sha256
    (two_files / "renamed.keras").unlink()
    hand_over_weights({"weights": weights.to_json()}, tmp_path)


def test_a_machine_without_the_file_says_so(two_files: Path, tmp_path: Path) -> None:
    weights = replace(list_weights("images")[0], sha256="0" * 64)
    with pytest.raises(WeightsMissing, match="alpha"):
        hand_over_weights({"weights": weights.to_json()}, tmp_path)


def test_other_runs_need_no_file(folder: Path, tmp_path: Path) -> None:
    hand_over_weights({}, tmp_path)
    assert not (tmp_path / HANDED_OVER["images"]).exists()


def test_the_command_refuses_an_empty_folder_and_a_broken_file(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"holds no \.keras file"):
        call_command("check_weights")
    with pytest.raises(CommandError, match="Lambda"):
        call_command("check_weights", write_weights(tmp_path / "net.keras", picture_input(), layer("x", "Lambda")))


@pytest.mark.slow
def test_the_command_says_what_a_file_is(folder: Path) -> None:
    from tests.training.backbone import write_backbone

    weights = write_backbone(folder / "small.keras")
    out = StringIO()
    call_command("check_weights", stdout=out)
    said = out.getvalue()
    assert weights.sha256 in said
    assert "32 x 32, red green blue" in said
    assert "0 to 255, which it scales itself" in said
    assert "photo (InputLayer)" in said
    assert "its last part can be tuned" in said
