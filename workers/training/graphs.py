"""Numeric cores put together as ONNX."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper

from workers.training.calibrating import SMALLEST

OPSET, ML_OPSET, IR_VERSION = 18, 5, 10
Step = tuple[list[Any], list[Any]]
"""Nodes and constants."""


def describe_inputs(inputs: Mapping[str, NDArray[Any]]) -> list[Any]:
    """The inputs of a core for tables: `numbers` (float32) and `codes` (int32), any number of rows."""
    return [
        helper.make_tensor_value_info(
            name, TensorProto.INT32 if array.dtype.kind == "i" else TensorProto.FLOAT, [None, array.shape[1]]
        )
        for name, array in inputs.items()
    ]


def name_output(outputs: int) -> str:
    return "value" if outputs == 1 else "probabilities"


def answer_steps(outputs: int) -> Step:
    """From `logits` to the output of the core; for two classes there is one logit, that of the second."""
    if outputs == 1:
        return [helper.make_node("Identity", ["logits"], ["value"])], []
    if outputs > 2:
        return [helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1)], []
    steps = [
        helper.make_node("Sigmoid", ["logits"], ["second"]),
        helper.make_node("Neg", ["logits"], ["others"]),
        helper.make_node("Sigmoid", ["others"], ["first"]),
        helper.make_node("Concat", ["first", "second"], ["probabilities"], axis=1),
    ]
    return steps, []


def make_core(
    name: str, inputs: Mapping[str, NDArray[Any]], outputs: int, steps: Sequence[Any], constants: Sequence[Any]
) -> onnx.ModelProto:
    """Return a core of `steps`, which compute `logits`."""
    more_steps, more_constants = answer_steps(outputs)
    answer = helper.make_tensor_value_info(name_output(outputs), TensorProto.FLOAT, [None, outputs])
    graph = helper.make_graph(
        [*steps, *more_steps], name, describe_inputs(inputs), [answer], [*constants, *more_constants]
    )
    return _finish(graph)


def blend_graphs(graphs: Sequence[onnx.ModelProto], weights: Sequence[float]) -> onnx.ModelProto:
    """Return the core whose output is the weighted sum of what `graphs` answer. They take the same inputs."""
    output = graphs[0].graph.output[0]
    given: dict[str, Any] = {}
    steps: list[Any] = []
    constants: list[Any] = []
    parts: list[str] = []
    for index, (model, weight) in enumerate(zip(graphs, weights, strict=True)):
        prefix = f"m{index}_"
        for value in model.graph.input:
            given.setdefault(value.name, value)
            steps.append(helper.make_node("Identity", [value.name], [prefix + value.name]))
        part = compose.add_prefix(model, prefix).graph
        steps += part.node
        constants += part.initializer
        constants.append(numpy_helper.from_array(np.float32(weight), f"{prefix}weight"))
        parts.append(f"{prefix}weighted")
        steps.append(helper.make_node("Mul", [prefix + output.name, f"{prefix}weight"], [parts[-1]]))
    steps.append(helper.make_node("Sum", parts, [output.name]))
    width = [None, *(dimension.dim_value for dimension in output.type.tensor_type.shape.dim[1:])]
    answer = helper.make_tensor_value_info(output.name, TensorProto.FLOAT, width)
    inputs = [
        helper.make_tensor_value_info(
            value.name, value.type.tensor_type.elem_type, [None, value.type.tensor_type.shape.dim[1].dim_value]
        )
        for value in given.values()
    ]
    return _finish(helper.make_graph(steps, "blend", inputs, [answer], constants))


def temper_graph(model: onnx.ModelProto, temperature: float) -> onnx.ModelProto:
    """Return the core whose probabilities are as if the logits had been divided by the temperature."""
    tempered = onnx.ModelProto()
    tempered.CopyFrom(model)
    graph, name, raw = tempered.graph, "probabilities", "untempered"
    for node in graph.node:
        for index, output in enumerate(node.output):
            if output == name:
                node.output[index] = raw
    graph.node.extend(
        [
            helper.make_node("Max", [raw, "smallest"], ["positive"]),
            helper.make_node("Log", ["positive"], ["logarithms"]),
            helper.make_node("Mul", ["logarithms", "coldness"], ["tempered"]),
            helper.make_node("Softmax", ["tempered"], [name], axis=1),
        ]
    )
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.float32(SMALLEST), "smallest"),
            numpy_helper.from_array(np.float32(1.0 / temperature), "coldness"),
        ]
    )
    return tempered


def _finish(graph: Any) -> onnx.ModelProto:
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    )
    model.ir_version = IR_VERSION
    return model
