"""The model of the benchmark: a table of 14 numbers, a network 14-64-32-3, written as an artifact without training."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json, write_json
from modelyard.contracts.keys import compose_key
from modelyard.contracts.route import Target
from modelyard.contracts.signature import Input, Output, Signature
from modelyard.features import load_decoder, load_features
from modelyard.features.decoder import ClassDecoder
from modelyard.features.table import TableFeatures

COLUMNS = tuple(f"column_{index:02d}" for index in range(14))
LABELS = ("low", "middle", "high")
LAYERS = (14, 64, 32, 3)
KEY = compose_key("benchkey", "0123456789abcdefghijklmnopqrstuv")


def sample_rows(count: int, seed: int = 1) -> list[dict[str, float]]:
    numbers = np.random.default_rng(seed).normal(10.0, 4.0, size=(count, len(COLUMNS))).round(3)
    return [dict(zip(COLUMNS, row, strict=True)) for row in numbers.tolist()]


def write_model(folder: Path) -> Target:
    rows = sample_rows(500, seed=2)
    texts = {name: np.array([str(row[name]) for row in rows], dtype=object) for name in COLUMNS}
    features = TableFeatures.fit(texts, dict.fromkeys(COLUMNS, "number"))
    signature = Signature(
        task="multiclass classification",
        inputs=tuple(Input(name=name, kind="number", example=rows[0][name]) for name in COLUMNS),
        output=Output(kind="label", name="level", labels=LABELS),
    )
    folder.mkdir(parents=True)
    write_json(folder / artifact.SIGNATURE, signature.to_json())
    write_json(folder / artifact.FEATURES, features.to_json())
    write_json(folder / artifact.DECODER, ClassDecoder(LABELS).to_json())
    (folder / artifact.CORE_ONNX).write_bytes(build_network())
    golden = sample_rows(8, seed=3)
    write_json(folder / artifact.GOLDEN, {"rows": golden, **expected_answer(folder, golden)})
    return Target(version=1, artifact=str(folder), sha256=artifact.seal(folder))


def build_network() -> bytes:
    random = np.random.default_rng(0)
    nodes, weights, name = [], [], "numbers"
    for number, (before, after) in enumerate(pairwise(LAYERS)):
        last = number == len(LAYERS) - 2
        values = random.normal(0, 1 / np.sqrt(before), size=(before, after)).astype(np.float32)
        weights += [
            numpy_helper.from_array(values, f"w{number}"),
            numpy_helper.from_array(np.zeros(after, dtype=np.float32), f"b{number}"),
        ]
        nodes.append(helper.make_node("Gemm", [name, f"w{number}", f"b{number}"], [f"d{number}"]))
        name = "probabilities" if last else f"a{number}"
        nodes.append(helper.make_node("Softmax" if last else "Relu", [f"d{number}"], [name]))
    graph = helper.make_graph(
        nodes,
        "core",
        [helper.make_tensor_value_info("numbers", TensorProto.FLOAT, [None, LAYERS[0]])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, LAYERS[-1]])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def expected_answer(folder: Path, rows: list[dict[str, float]]) -> dict[str, Any]:
    """What onnxruntime answers without any server."""
    session = ort.InferenceSession(str(folder / artifact.CORE_ONNX), providers=["CPUExecutionProvider"])
    arrays = load_features(read_json(folder / artifact.FEATURES)).transform(rows)
    outputs = session.run(["probabilities"], {"numbers": arrays["numbers"]})
    decoder = load_decoder(read_json(folder / artifact.DECODER))
    return {"predictions": decoder.decode({"probabilities": outputs[0]})}
