"""The networks of the benchmark as ONNX, with random weights: speed does not depend on what was learned."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OUTPUT = "probabilities"


class Graph:
    """Collects nodes and weights; every method returns the name of what its node computes."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        output = output or f"{kind.lower()}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, values: NDArray[Any]) -> str:
        name = f"weight{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(values, name))
        return name

    def numbers(self, values: NDArray[Any] | float) -> str:
        return self.constant(np.asarray(values, dtype=np.float32))

    def draw(self, *shape: int, inputs: int) -> str:
        """Weights that keep the size of what passes through them."""
        return self.numbers(self._random.normal(0, np.sqrt(2 / inputs), size=shape))

    def dense(self, name: str, sizes: Sequence[int]) -> str:
        """Dense layers with ReLU between them and softmax at the end."""
        for number, (before, after) in enumerate(pairwise(sizes), start=1):
            name = self.add("Gemm", name, self.draw(before, after, inputs=before), self.numbers(np.zeros(after)))
            last = number == len(sizes) - 1
            name = self.add("Softmax", name, output=OUTPUT) if last else self.add("Relu", name)
        return name

    def convolve(self, name: str, before: int, after: int) -> str:
        """3 x 3 convolution, ReLU, halved."""
        weights = self.draw(after, before, 3, 3, inputs=9 * before)
        name = self.add("Conv", name, weights, self.numbers(np.zeros(after)), pads=[1, 1, 1, 1])
        return self.add("MaxPool", self.add("Relu", name), kernel_shape=[2, 2], strides=[2, 2])

    def write(self, name: str, shape: Sequence[int], labels: int) -> bytes:
        graph = helper.make_graph(
            self._nodes,
            "core",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", *shape])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", labels])],
            self._weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def build_table(sizes: Sequence[int], seed: int = 0) -> bytes:
    """What Modelyard's features leave to the network."""
    graph = Graph(seed)
    graph.dense("numbers", sizes)
    return graph.write("numbers", sizes[:1], sizes[-1])


def build_whole_table(sizes: Sequence[int], centre: NDArray[Any], scale: NDArray[Any], seed: int = 0) -> bytes:
    """The same with the features inside, so that peers need no code for them: raw numbers in."""
    graph = Graph(seed)
    scaled = graph.add("Mul", graph.add("Sub", "rows", graph.numbers(centre)), graph.numbers(scale))
    third = graph.add("Div", scaled, graph.numbers(3.0))
    bent = graph.add("Sqrt", graph.add("Add", graph.add("Mul", third, third), graph.numbers(1.0)))
    graph.dense(graph.add("Div", scaled, bent), sizes)
    return graph.write("rows", sizes[:1], sizes[-1])


def build_pixels(shape: Sequence[int], filters: Sequence[int], sizes: Sequence[int], seed: int, *, flat: bool) -> bytes:
    """Pixels from 0 to 255 through convolutions, if any, and dense layers. `flat` takes them as one long row."""
    graph = Graph(seed)
    name = "rows" if flat else "image"
    scaled = graph.add("Mul", name, graph.numbers(1 / 255))
    height, width, channels = shape
    if filters:
        scaled = graph.add("Transpose", scaled, perm=[0, 3, 1, 2])
    for before, after in pairwise((channels, *filters)):
        scaled = graph.convolve(scaled, before, after)
    halved = 2 ** len(filters)
    features = (filters[-1] if filters else channels) * (height // halved) * (width // halved)
    graph.dense(graph.add("Flatten", scaled), (features, *sizes))
    return graph.write(name, (int(np.prod(shape)),) if flat else shape, sizes[-1])
