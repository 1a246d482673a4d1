"""Small real artifacts: fitted features, a linear core written as ONNX by hand, golden rows, a manifest."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.route import Target
from modelyard.contracts.signature import Input, Output, Signature
from modelyard.features import load_decoder, load_features
from modelyard.features.anomalies import AnomalyDecoder
from modelyard.features.backgrounds import mix_background, places_of
from modelyard.features.decoder import ClassDecoder, ValueDecoder
from modelyard.features.images import ImageFeatures
from modelyard.features.intervals import Intervals
from modelyard.features.series.calendars import Calendar
from modelyard.features.series.candidates import Candidate
from modelyard.features.series.effects import Effects
from modelyard.features.series.features import SeriesFeatures
from modelyard.features.series.forecasts import LEVELS, ForecastDecoder
from modelyard.features.series.outlooks import Recipe
from modelyard.features.series.requests import Columns, Past
from modelyard.features.table import TableFeatures

AGES = ["22", "35", "47", None, "61", "18", "29", "54"]
CITIES = ["Wien", "Berlin", "Wien", "Paris", "Berlin", "Paris", None, "Wien"]
ROW: dict[str, Any] = {"age": 41, "city": "Wien"}
LABELS = ("no", "yes")


def fit_people() -> TableFeatures:
    columns = {"age": np.array(AGES, dtype=object), "city": np.array(CITIES, dtype=object)}
    return TableFeatures.fit(columns, {"age": "number", "city": "category"})


def write_classifier(folder: Path, *, seed: int = 0) -> Target:
    """A classifier of people by `age` (may be absent) and `city` (must be there); other seeds give other answers."""
    features = fit_people()
    weights = np.random.default_rng(seed).normal(size=(features.number_count, len(LABELS)))
    signature = Signature(
        task="binary classification",
        inputs=(
            Input(name="age", kind="number"),
            Input(name="city", kind="category", values=("Berlin", "Paris", "Wien")),
        ),
        output=Output(kind="label", name="bought", labels=LABELS),
    )
    golden = [ROW, {"age": None, "city": "Berlin"}, {"age": 18.5, "city": "Atlantis"}]
    core = build_core(weights, output="probabilities", softmax=True)
    return write(folder, signature, features, ClassDecoder(LABELS), core, golden)


def write_regressor(folder: Path) -> Target:
    features = fit_people()
    weights = np.linspace(-1, 1, features.number_count)[:, None]
    signature = Signature(
        task="regression",
        inputs=(Input(name="age", kind="number"), Input(name="city", kind="category")),
        output=Output(kind="value", name="price", levels=(0.8, 0.9)),
    )
    intervals = Intervals(rows=200, widths={0.8: 5.0, 0.9: 8.0}, centres=[0.0], spreads=[1.0])
    decoder = ValueDecoder(mean=100.0, scale=10.0, transform="none", minimum=0.0, maximum=1000.0, intervals=intervals)
    return write(folder, signature, features, decoder, build_core(weights, output="value", softmax=False), [ROW])


def write_measures(folder: Path, *names: str) -> Target:
    """A regressor of numbers only: of `width` and `height`, or of the columns named."""
    names = names or ("width", "height")
    columns = {name: np.array(["1", "2.5", None, "4", "8", "16"], dtype=object) for name in names}
    features = TableFeatures.fit(columns, dict.fromkeys(names, "number"))
    signature = Signature(
        task="regression",
        inputs=tuple(Input(name=name, kind="number") for name in names),
        output=Output(kind="value", name="area"),
    )
    weights = np.linspace(-1, 1, features.number_count)[:, None]
    decoder = ValueDecoder(mean=10.0, scale=2.0, transform="none", minimum=-1000.0, maximum=1000.0)
    core = build_core(weights, output="value", softmax=False)
    return write(folder, signature, features, decoder, core, [dict.fromkeys(names, 2.0)])


def write_detector(folder: Path) -> Target:
    """Finds anomalies by `width` and `height`: the core hands the scaled numbers on as errors."""
    columns = {name: np.array(["1", "2.5", "3", "4", "8", "16"], dtype=object) for name in ("width", "height")}
    features = TableFeatures.fit(columns, dict.fromkeys(columns, "number"))
    signature = Signature(
        task="anomaly_detection",
        inputs=tuple(Input(name=name, kind="number") for name in columns),
        output=Output(kind="anomaly", name="anomaly", labels=("normal", "anomaly")),
    )
    core = build_core(np.eye(features.number_count), output="errors", softmax=False)
    decoder = AnomalyDecoder(list(columns), threshold=1.0, quantiles=[0.0, 1.0, 2.0])
    return write(folder, signature, features, decoder, core, [dict.fromkeys(columns, 2.0)])


def write_forecaster(folder: Path) -> Target:
    """Forecasts the sales of the shops Ulm and Bonn three months ahead: the season before, and ten more a level."""
    calendar = Calendar(unit="months", step=1, writing="%Y-%m")
    columns = Columns(time="month", series=("shop",), target="sales")
    recipe = Recipe(periods=(12,), horizon=3, longest=60, window=0, candidates=(Candidate("seasonal_naive", 12),))
    end = calendar.index(calendar.read("2020-12"))
    values = 100.0 + np.arange(36) % 12 * 10.0
    features = SeriesFeatures(
        columns=columns,
        calendar=calendar,
        recipe=recipe,
        effects=Effects(),
        pasts={("Ulm",): Past(values, end), ("Bonn",): Past(values * 2 + np.arange(36), end)},
        settings={},
        scales=[1.0, 1.0],
    )
    signature = Signature(
        task="forecasting",
        inputs=(
            Input(name="shop", kind="category", optional=False, values=("Bonn", "Ulm"), example="Ulm"),
            Input(name="month", kind="date"),
            Input(name="horizon", kind="count", minimum=1, maximum=3, example=3),
            Input(name="history", kind="history"),
            Input(name="start", kind="date"),
        ),
        output=Output(kind="forecast", name="sales", labels=tuple(f"{level:g}" for level in LEVELS)),
    )
    golden: list[Mapping[str, Any]] = [{"shop": "Ulm"}, {"shop": "Bonn", "month": "2021-02"}]
    return write(folder, signature, features, ForecastDecoder(calendar), build_forecasting_core(), golden)


def build_forecasting_core() -> bytes:
    """`centre + scale * medians`, and for each level so much more or less in the unit of the target."""
    offsets = (np.array(LEVELS) - 0.5) * 100.0
    nodes = [
        helper.make_node("Cast", ["medians"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("Unsqueeze", ["scale", "last"], ["factor"]),
        helper.make_node("Unsqueeze", ["centre", "last"], ["middle"]),
        helper.make_node("Mul", ["wide", "factor"], ["scaled"]),
        helper.make_node("Add", ["scaled", "middle"], ["values"]),
        helper.make_node("Add", ["values", "offsets"], ["quantiles"]),
        helper.make_node("Identity", ["asked"], ["place"]),
    ]
    given = {"medians": (3, 1), "scale": (1,), "centre": (1,)}
    inputs = [
        helper.make_tensor_value_info(
            name, TensorProto.FLOAT if name == "medians" else TensorProto.DOUBLE, [None, *shape]
        )
        for name, shape in given.items()
    ]
    graph = helper.make_graph(
        nodes,
        "core",
        [*inputs, helper.make_tensor_value_info("asked", TensorProto.INT64, [None, 3])],
        [
            helper.make_tensor_value_info("quantiles", TensorProto.DOUBLE, [None, 3, len(LEVELS)]),
            helper.make_tensor_value_info("place", TensorProto.INT64, [None, 3]),
        ],
        [
            numpy_helper.from_array(np.array([2], dtype=np.int64), "last"),
            numpy_helper.from_array(offsets, "offsets"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write_image_classifier(folder: Path) -> Target:
    features = ImageFeatures(height=4, width=4, channels=3)
    signature = Signature(
        task="image classification",
        inputs=(Input(name="image", kind="image", height=4, width=4, channels=3),),
        output=Output(kind="label", name="class", labels=("dark", "light")),
    )
    weights = np.stack([np.full(48, -0.01), np.full(48, 0.01)], axis=1)
    core = build_core(weights, output="probabilities", softmax=True, inputs=("image", (4, 4, 3)), offset=(60.0, -60.0))
    golden = [{"image": {"b64": base64.b64encode(draw_image(200)).decode()}}]
    return write(folder, signature, features, ClassDecoder(("dark", "light")), core, golden)


def draw_image(grey: int, size: int = 9) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), (grey, grey, grey)).save(buffer, "PNG")
    return buffer.getvalue()


def build_core(
    weights: np.ndarray,
    *,
    output: str,
    softmax: bool,
    inputs: tuple[str, tuple[int, ...]] | None = None,
    offset: tuple[float, ...] = (),
) -> bytes:
    """One dense layer, and softmax where probabilities are wanted."""
    name, shape = inputs or ("numbers", (weights.shape[0],))
    bias = np.array(offset or np.zeros(weights.shape[1]), dtype=np.float32)
    nodes = [
        helper.make_node("Flatten", [name], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights", "bias"], ["dense"]),
        helper.make_node("Softmax" if softmax else "Identity", ["dense"], [output]),
    ]
    graph = helper.make_graph(
        nodes,
        "core",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, *shape])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, weights.shape[1]])],
        [numpy_helper.from_array(weights.astype(np.float32), "weights"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def write(
    folder: Path, signature: Signature, features: Any, decoder: Any, core: bytes, golden: list[Mapping[str, Any]]
) -> Target:
    """Write the folder as training leaves it, its golden predictions computed from the core itself."""
    folder.mkdir(parents=True)
    write_json(folder / artifact.SIGNATURE, signature.to_json())
    write_json(folder / artifact.FEATURES, features.to_json())
    write_json(folder / artifact.DECODER, decoder.to_json())
    (folder / artifact.CORE_ONNX).write_bytes(core)
    if places := places_of(features):
        background = mix_background(features.transform(golden), places, np.random.default_rng(0))
        write_json(folder / artifact.BACKGROUND, background.to_json())
    predictions = predict(folder, golden)
    write_json(folder / artifact.GOLDEN, {"rows": golden, "predictions": predictions})
    return Target(version=1, artifact=str(folder), sha256=artifact.seal(folder))


def predict(folder: Path, rows: list[Any]) -> list[dict[str, Any]]:
    """What the artifact answers, computed without the predictor."""
    from modelyard.contracts.jsonfile import read_json

    features = load_features(read_json(folder / artifact.FEATURES))
    decoder = load_decoder(read_json(folder / artifact.DECODER))
    session = ort.InferenceSession(str(folder / artifact.CORE_ONNX), providers=["CPUExecutionProvider"])
    if isinstance(features, ImageFeatures):
        rows = [base64.b64decode(row["image"]["b64"]) if isinstance(row, dict) else row for row in rows]
    arrays = features.transform(rows)
    names = [item.name for item in session.get_outputs()]
    outputs = session.run(names, {item.name: arrays[item.name] for item in session.get_inputs()})
    return decoder.decode(dict(zip(names, outputs, strict=True)))
