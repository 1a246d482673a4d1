"""The harness that every model template passes: build, train, export, answer odd input."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modelyard.catalog import list_templates
from modelyard.catalog.spec import Flag, Integer, ModelTemplate, Real
from modelyard.contracts import artifact
from modelyard.contracts.encoders import describe_encoder
from modelyard.contracts.profile import ColumnProfile, Profile
from modelyard.contracts.weights import Weights, describe_weights
from modelyard.errors import InvalidInput
from tests.series import samples as series
from tests.training.backbone import write_backbone
from tests.training.encoder_files import write_encoder
from tests.training.tables import make_columns, make_plan, write_pictures, write_table
from tests.training.texts import write_texts
from tests.training.whole import build_network, train_and_compare
from workers.training.preparing import Material
from workers.training.preparing_images import prepare_images
from workers.training.preparing_tables import prepare_table
from workers.training.preparing_texts import prepare_texts
from workers.training.transfer.texts import WEIGHTS as ENCODER
from workers.training.transfer.training import WEIGHTS
from workers.training.verifying import Verifier

TEMPLATES = list_templates()
FORECASTERS = [template for template in TEMPLATES if template.method == "forecasts"]
ROWWISE = [template for template in TEMPLATES if template not in FORECASTERS]
"""They learn from rows, one by one."""
NETWORKS = [template for template in TEMPLATES if template.method == "network"]
CHEAP = {"epochs": 1, "steps": 2, "horizon": 6, "network": "always", "batch_size": 16}
FORMS = {
    "network": {artifact.CORE_ONNX, artifact.CORE_KERAS, artifact.MODEL_KERAS, artifact.SAVEDMODEL},
    "trees": {artifact.CORE_ONNX, artifact.YDF},
    "blend": {artifact.CORE_ONNX},
    "forecasts": {artifact.CORE_ONNX, artifact.CORE_KERAS},
    "transfer": {artifact.CORE_ONNX, artifact.CORE_KERAS, artifact.MODEL_KERAS, artifact.SAVEDMODEL},
}


def setting_of(template: ModelTemplate, edge: str) -> dict[str, Any]:
    """Every hyper-parameter at its lowest or highest; what is left open or chosen from a list at its default."""
    values: dict[str, Any] = {}
    for parameter in template.parameters:
        if isinstance(parameter, (Integer, Real)) and parameter.name not in ("epochs", "batch_size", "loss_threshold"):
            values[parameter.name] = getattr(parameter, edge) if edge != "default" else parameter.default_value
        if isinstance(parameter, Flag):
            values[parameter.name] = {"minimum": False, "maximum": True}.get(edge, parameter.default)
    return template.clean_hyperparameters({**values, **cheap(template)})


def cheap(template: ModelTemplate) -> dict[str, Any]:
    """Settings that train in seconds, with the task settled."""
    known = {parameter.name for parameter in template.parameters}
    settled = {"task": "classification"} if template.task == "either" else {}
    return {name: value for name, value in CHEAP.items() if name in known} | settled


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("samples")
    write_backbone(root / "small.keras")
    tables, images = write_table(root / "table", make_columns()), write_pictures(root / "images")
    texts = write_texts(root / "texts")
    write_encoder(root / "small")
    weights = {"weights of images": root / "small.keras", "weights of texts": root / "small"}
    return {"table": tables, "images": images, "texts": texts, **weights}


def prepare(template: ModelTemplate, folders: dict[str, Path], hyperparameters: dict[str, Any]) -> Material:
    task = template.task_of(hyperparameters)
    target = {"classification": "label", "regression": "value"}.get(task) if template.needs_target else None
    plan = make_plan(
        folders[template.input_kind],
        target=target,
        template=template.slug,
        hyperparameters=hyperparameters,
        data_kind=template.input_kind,
        weights=weights_of(template, folders).to_json() if template.needs_weights else {},
    )
    if template.input_kind == "images":
        return prepare_images(plan, task, template.largest_side)
    if template.input_kind == "texts":
        return prepare_texts(plan, task, describe_encoder(folders["weights of texts"]) if plan.weights else None)
    return prepare_table(plan, task)


def weights_of(template: ModelTemplate, folders: dict[str, Path]) -> Weights:
    path = folders[f"weights of {template.needs_weights}"]
    return describe_encoder(path).weights if path.is_dir() else describe_weights(path).weights


def each_template(function: Any) -> Any:
    return pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.slug)(function)


@each_template
def test_it_says_what_it_is(template: ModelTemplate) -> None:
    assert template.title
    assert template.summary.endswith(".")
    assert len(template.details) > 100
    assert template.examples
    shared = {
        "network": {"epochs", "patience", "loss_threshold", "batch_size", "learning_rate", "optimizer"},
        "transfer": {"epochs", "patience", "loss_threshold", "batch_size", "learning_rate", "optimizer", "weights"},
        "trees": {"epochs", "patience", "loss_threshold", "learning_rate"},
        "blend": set(),
        "forecasts": {"horizon", "steps", "patience", "learning_rate"},
    }[template.method]
    assert {"max_minutes"} | shared <= {parameter.name for parameter in template.parameters}
    assert all(parameter.title and parameter.help for parameter in template.parameters)


@each_template
def test_its_defaults_are_values_that_it_accepts(template: ModelTemplate) -> None:
    defaults = template.clean_hyperparameters({})
    assert template.clean_hyperparameters(defaults) == defaults
    assert set(template.json_schema()["properties"]) == set(defaults)


@each_template
@pytest.mark.parametrize(
    "wrong",
    [{"learning_rate": float("nan")}, {"batch_size": 0}, {"epochs": 10**9}, {"max_minutes": float("inf")}, {"no": 1}],
)
def test_senseless_settings_are_refused(template: ModelTemplate, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=f"hyperparameters.{next(iter(wrong))}"):
        template.clean_hyperparameters(wrong)


@each_template
def test_it_estimates_a_range_that_grows_with_the_data(template: ModelTemplate) -> None:
    columns = tuple(ColumnProfile(name=f"c{index}", kind="number") for index in range(10))
    small, large = (
        template.estimate(
            Profile(kind=template.input_kind, rows=rows, columns=columns), template.clean_hyperparameters({})
        )
        for rows in (500, 50_000)
    )
    assert 0 < small.low < small.high
    assert large.high > small.high


@pytest.mark.parametrize("template", NETWORKS, ids=lambda template: template.slug)
@pytest.mark.parametrize("edge", ["minimum", "default", "maximum"])
def test_it_builds_at_every_edge_of_its_settings(template: ModelTemplate, edge: str, folders: dict[str, Path]) -> None:
    hyperparameters = setting_of(template, edge)
    network = build_network(prepare(template, folders, hyperparameters), hyperparameters)
    assert network.parameters > 0
    assert network.epochs == 1


@pytest.mark.parametrize("template", NETWORKS, ids=lambda template: template.slug)
def test_with_products_of_fewer_bits_it_learns_alike(template: ModelTemplate, folders: dict[str, Path]) -> None:
    from workers.training.engine import PLAIN, Engine, Way

    hyperparameters = template.clean_hyperparameters(cheap(template))
    material = prepare(template, folders, hyperparameters)
    network = build_network(material, hyperparameters)
    engine = Engine(
        network,
        task=material.task,
        outputs=material.outputs,
        inputs=material.inputs,
        targets=material.targets,
        seed=1,
    )
    rows = np.arange(3 * network.batch_size, dtype=np.int32) % len(material.targets)
    order = np.tile(rows, (network.members, 1)) if network.members else rows
    start, found = [variable.numpy() for variable in engine.variables], []
    for way in (PLAIN, Way(fused=False, mixed=True), PLAIN):
        for variable, value in zip(engine.variables, start, strict=True):
            variable.assign(value)
        engine.choose(way)
        rates = np.full(3, network.learning_rate, dtype=np.float32)
        loss, _ = engine.run_steps(order, rates, np.ones(3, dtype=np.float32), np.int32(0), np.int32(3), np.int32(0))
        found.append(float(loss))
    assert found[0] == found[2]
    assert found[0] != found[1]
    assert found[1] == pytest.approx(found[0], rel=0.05)
    assert "bfloat16" not in {str(variable.dtype) for variable in engine.variables}


@pytest.mark.parametrize("template", ROWWISE, ids=lambda template: template.slug)
def test_an_epoch_gives_finite_metrics_and_every_export_agrees(
    template: ModelTemplate, folders: dict[str, Path], tmp_path: Path
) -> None:
    hyperparameters = template.clean_hyperparameters(cheap(template))
    material = prepare(template, folders, hyperparameters)
    if template.needs_weights == "images":
        shutil.copyfile(folders["weights of images"], tmp_path / WEIGHTS)
    if template.needs_weights == "texts":
        shutil.copytree(folders["weights of texts"], tmp_path / ENCODER)
    differences = train_and_compare(material, hyperparameters, tmp_path, odd_rows(template, material))
    assert set(differences) == FORMS[template.method]
    assert max(differences.values()) < 1e-4


@pytest.mark.parametrize("template", FORECASTERS, ids=lambda template: template.slug)
@pytest.mark.parametrize("edge", ["minimum", "default", "maximum"])
def test_series_are_forecast_at_every_edge_of_its_settings(template: ModelTemplate, edge: str, tmp_path: Path) -> None:
    settings = {**setting_of(template, edge), **cheap(template), "season": None}
    forecaster = series.train(tmp_path / "run", series.prepare(tmp_path / "data", series.shop_sales(), **settings))
    metrics = forecaster.report["metrics"]["test"]
    assert metrics["mase"] < 5
    assert set(metrics) == {"mase", "smape", "wql", "mae", "coverage"}
    differences = Verifier(series.export(tmp_path / "artifact", forecaster)).compare()
    assert set(differences) == FORMS[template.method]
    assert max(differences.values()) < 1e-4


def odd_rows(template: ModelTemplate, material: Material) -> list[Any]:
    """What a caller may send and no training row was like."""
    if template.input_kind == "images":
        modes = [Image.new(mode, (30, 17), colour) for mode, colour in (("L", 40), ("RGBA", 0), ("CMYK", 0))]
        sizes = [Image.linear_gradient("L").resize(size) for size in ((1, 1), (3000, 4), (5, 900))]
        return [*(encode(picture) for picture in (*modes, *sizes)), encode_turned()]
    plain = material.rows.raw(0)
    if template.input_kind == "texts":
        odd = ("", None, "\x00\ufeff", "😀" * 300, "never seen", "&#128512;" * 50, "x" * 20_000, "从未见过的字")
        return [{**plain, "text": text} for text in odd]
    return [
        {**plain, "town": "Atlantis", "many": "never seen"},
        {**plain, "x": 1e30, "y": -1e30, "since": "9999-12-31"},
        dict.fromkeys(plain),
    ]


def encode(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG" if picture.mode == "CMYK" else "PNG")
    return buffer.getvalue()


def encode_turned() -> bytes:
    """A picture that its EXIF tag says to turn."""
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.linear_gradient("L").resize((40, 20)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()
