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
from modelyard.features.decoder import ClassDecoder, ValueDecoder
from modelyard.features.images import ImageFeatures
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
        output=Output(kind="value", name="price"),
    )
    decoder = ValueDecoder(mean=100.0, scale=10.0, transform="none", minimum=0.0, maximum=1000.0)
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
