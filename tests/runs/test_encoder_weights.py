"""Text encoders from the operator: what a folder is, what is refused and why, and how training gets it."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from modelyard.accounts.models import User, Workspace
from modelyard.contracts.encoders import describe_encoder
from modelyard.contracts.profile import Profile
from modelyard.contracts.safetensors import read_floats, read_header
from modelyard.contracts.weights import BadWeights
from modelyard.errors import InvalidInput
from modelyard.runs.weights import HANDED_OVER, WeightsMissing, hand_over_weights, list_kinds, list_weights
from tests.runs.making import column, make_run, make_version
from tests.training.encoder_files import CONFIG, POSITIONS, write_arrays, write_encoder

NUMBERS = "model.safetensors"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's folder, not made yet."""
    folder = tmp_path / "weights"
    monkeypatch.setattr(settings, "ENVIRONMENT", replace(settings.ENVIRONMENT, weights=folder))
    return folder


def messages() -> Profile:
    label = column("label", "category", distinct=2)
    return Profile(kind="texts", rows=200, columns=(column("text", "text", distinct=190), label))


def test_a_folder_says_what_it_is(tmp_path: Path) -> None:
    weights = write_encoder(tmp_path / "small")
    found = describe_encoder(tmp_path / "small")
    assert (weights.name, weights.kind, weights.size) == ("small", "texts", POSITIONS)
    assert (found.architecture.layers, found.architecture.width) == (CONFIG["num_hidden_layers"], 32)
    assert found.pieces.reading.lowercase
    assert len(weights.sha256) == 64


@pytest.mark.parametrize(
    ("config", "lowercase", "strip"),
    [
        ({"do_lower_case": False}, False, False),
        ({"do_lower_case": True, "strip_accents": False}, True, False),
        ({"do_lower_case": False, "strip_accents": True}, False, True),
        ({}, True, True),
    ],
)
def test_the_settings_of_the_tokenizer_are_heeded(
    tmp_path: Path, config: dict[str, Any], lowercase: bool, strip: bool
) -> None:
    write_encoder(tmp_path / "small")
    (tmp_path / "small" / "tokenizer_config.json").write_text(json.dumps(config))
    reading = describe_encoder(tmp_path / "small").pieces.reading
    assert (reading.lowercase, reading.strip_accents) == (lowercase, strip)


def test_a_vocabulary_with_capitals_tells_them_apart(tmp_path: Path) -> None:
    write_encoder(tmp_path / "small")
    vocabulary = tmp_path / "small" / "vocab.txt"
    vocabulary.write_text(vocabulary.read_text().replace("\nshop\n", "\nShop\n"))
    assert not describe_encoder(tmp_path / "small").pieces.reading.lowercase


def test_word_pieces_may_be_in_the_file_of_newer_tokenizers(tmp_path: Path) -> None:
    write_encoder(tmp_path / "small")
    vocabulary = tmp_path / "small" / "vocab.txt"
    pieces = vocabulary.read_text().split()
    vocabulary.unlink()
    described = {
        "model": {"type": "WordPiece", "vocab": {piece: number for number, piece in enumerate(pieces)}},
        "normalizer": {"type": "BertNormalizer", "lowercase": False, "strip_accents": None},
    }
    (tmp_path / "small" / "tokenizer.json").write_text(json.dumps(described))
    found = describe_encoder(tmp_path / "small").pieces
    assert list(found.pieces) == pieces
    assert not found.reading.lowercase


def test_numbers_of_half_precision_are_read(tmp_path: Path) -> None:
    path, values = tmp_path / NUMBERS, np.array([[1.5, -2.0], [0.25, 3.0]], np.float32)
    halves = {"F16": values.astype("<f2"), "BF16": (values.view(np.uint32) >> 16).astype("<u2")}
    for dtype, array in halves.items():
        header = json.dumps({"a": {"dtype": dtype, "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + array.tobytes())
        np.testing.assert_array_equal(read_floats(path, read_header(path)["a"]), values)


def change_config(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changes}))

    return change


def change_file(name: str, content: bytes | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)

    return change


def cut_short(folder: Path) -> None:
    (folder / NUMBERS).write_bytes((folder / NUMBERS).read_bytes()[:-10])


def without_an_array(folder: Path) -> None:
    write_arrays(folder / NUMBERS, {"bert.embeddings.word_embeddings.weight": np.zeros((3, 32))})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (change_config(model_type="roberta"), "must be bert, distilbert or electra"),
        (change_config(model_type={"a": 1}), "must be bert, distilbert or electra"),
        (change_config(hidden_size="32"), "hidden_size in config.json must be a whole number"),
        (change_config(num_attention_heads=5), "do not divide evenly"),
        (change_config(position_embedding_type="relative_key"), "positions of another kind"),
        (change_config(hidden_act="mish"), "asks for the activation 'mish'"),
        (change_config(is_decoder=True), "an encoder is wanted"),
        (change_config(intermediate_size=50), r"of the shape \[48, 32\], config.json says \[50, 32\]"),
        (change_config(num_hidden_layers=3), "holds no encoder.layer.2"),
        (change_file("config.json", None), "config.json cannot be read"),
        (change_file("config.json", b"[1]"), "must hold an object"),
        (change_file("config.json", b"\xff"), "not in UTF-8"),
        (change_file(NUMBERS, None), "files of PyTorch .* can run code"),
        (change_file(NUMBERS, b"no numbers"), "is no safetensors file"),
        (change_file(NUMBERS, (2**62).to_bytes(8, "little") + b"{}"), "is no safetensors file"),
        (change_file(NUMBERS, b"\x04\0\0\0\0\0\0\0null"), "its header is no object"),
        (change_file("vocab.txt", None), "other means than word pieces"),
        (change_file("vocab.txt", b"a\nb\n"), r"no \[PAD\]"),
        (change_file("vocab.txt", b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n" + b"a\n" * 2000), "of different networks"),
        (cut_short, "cut short or damaged"),
        (without_an_array, "config.json says"),
    ],
)
def test_what_is_wrong_is_told(damage: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    write_encoder(tmp_path / "small")
    damage(tmp_path / "small")
    with pytest.raises(BadWeights, match=words) as caught:
        describe_encoder(tmp_path / "small")
    assert caught.value.message.startswith("small")


def test_images_and_texts_have_their_own(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert list_kinds() == set()
    write_encoder(folder / "small")
    write_encoder(folder / "broken")
    change_config(model_type="gpt2")(folder / "broken")
    with caplog.at_level(logging.WARNING):
        for _round in range(2):
            assert [weights.name for weights in list_weights("texts")] == ["small"]
    assert sum("broken is not offered" in line for line in caplog.messages) == 1
    assert list_kinds() == {"texts"}


def test_a_run_is_planned_with_the_digest_of_the_folder(workspace: Workspace, alice: User, folder: Path) -> None:
    weights = write_encoder(folder / "small")
    version = make_version(workspace, alice, messages())
    run = make_run(version, alice, model_template="text_transfer", target="label")
    assert run.plan["weights"] == weights.to_json()


def test_without_weights_a_run_is_refused(workspace: Workspace, alice: User, folder: Path) -> None:
    version = make_version(workspace, alice, messages())
    with pytest.raises(InvalidInput, match="Ask your operator") as caught:
        make_run(version, alice, model_template="text_transfer", target="label")
    assert caught.value.code == "no_weights"


def test_the_gallery_offers_it_once_there_are_weights(
    client: Client, workspace: Workspace, alice: User, folder: Path
) -> None:
    client.force_login(alice)
    version = make_version(workspace, alice, messages())
    page = client.get("/runs/templates/", {"version": str(version.pk)})
    assert "No pre-trained network for texts is installed here" in page.text
    assert "template=text_transfer" not in page.text
    write_encoder(folder / "small")
    page = client.get("/runs/templates/", {"version": str(version.pk)})
    assert "template=text_transfer" in page.text
    page = client.get("/runs/new/", {"version": str(version.pk), "template": "text_transfer"})
    assert '<option value="small">small</option>' in page.text


def test_training_gets_the_files_by_their_digest(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    weights = write_encoder(folder / "small")
    (folder / "small" / "README.md").write_text("of no interest")
    (folder / "small").rename(folder / "renamed")
    hand_over_weights({"weights": weights.to_json()}, run)
    handed = run / HANDED_OVER["texts"]
    assert sorted(path.name for path in handed.iterdir()) == ["config.json", NUMBERS, "vocab.txt"]
    assert describe_encoder(handed).weights.sha256 == weights.sha256
    (handed / NUMBERS).write_bytes(b"of an attempt that was cut off")
    hand_over_weights({"weights": weights.to_json()}, run)
    assert describe_encoder(handed).weights.sha256 == weights.sha256


def test_a_machine_without_the_folder_says_so(folder: Path, tmp_path: Path) -> None:
    weights = replace(write_encoder(folder / "small"), sha256="0" * 64)
    with pytest.raises(WeightsMissing, match="small"):
        hand_over_weights({"weights": weights.to_json()}, tmp_path)


def test_the_command_refuses_what_training_would(tmp_path: Path) -> None:
    write_encoder(tmp_path / "small")
    cut_short(tmp_path / "small")
    with pytest.raises(CommandError, match="cut short or damaged"):
        call_command("check_weights", tmp_path / "small")


@pytest.mark.slow
def test_the_command_says_what_a_folder_is(folder: Path) -> None:
    weights = write_encoder(folder / "small")
    out = StringIO()
    call_command("check_weights", stdout=out)
    said = out.getvalue()
    assert weights.sha256 in said
    assert "bert, 2 blocks, 32 wide, 4 heads" in said
    assert "in lower case, without accents" in said
    assert "48 pieces" in said
