"""Boosted trees as ONNX: one `TreeEnsemble` (ai.onnx.ml, version 5) with the trees of all members.

Every condition is translated as it stands, sets of categories included, so that the graph answers what the trees do.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from ydf import tree as ydf_tree

from workers.training.graphs import make_core

AT_LEAST, MEMBER = 2, 6
"""Modes of a node: what came is at least the split; what came is in the set."""
SUM, NONE = 1, 0
UNKNOWN = -30.0
"""The logit of a class that a member has never seen."""


@dataclass
class Nodes:
    """The attributes of the operator, filled tree by tree."""

    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    true_ids: list[int] = field(default_factory=list)
    true_leafs: list[int] = field(default_factory=list)
    false_ids: list[int] = field(default_factory=list)
    false_leafs: list[int] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    leaf_targets: list[int] = field(default_factory=list)
    leaf_weights: list[float] = field(default_factory=list)

    def add_leaf(self, target: int, weight: float) -> int:
        self.leaf_targets.append(target)
        self.leaf_weights.append(weight)
        return len(self.leaf_weights) - 1

    def add_split(self, feature: int, threshold: float) -> int:
        return self._add(feature, AT_LEAST, threshold)

    def add_membership(self, feature: int, codes: Iterable[int]) -> int:
        # The sets of all nodes lie one after the other, each ended by NaN.
        self.members += [*(float(code) for code in codes), float("nan")]
        return self._add(feature, MEMBER, 0.0)

    def _add(self, feature: int, mode: int, split: float) -> int:
        self.features.append(feature)
        self.modes.append(mode)
        self.splits.append(split)
        for ids in (self.true_ids, self.true_leafs, self.false_ids, self.false_leafs):
            ids.append(0)
        return len(self.features) - 1

    def connect(self, node: int, when_true: tuple[int, bool], when_false: tuple[int, bool]) -> None:
        """Each child is its number and whether it is a leaf."""
        self.true_ids[node], self.true_leafs[node] = when_true[0], int(when_true[1])
        self.false_ids[node], self.false_leafs[node] = when_false[0], int(when_false[1])


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where the columns of a model lie in the joined array, and which code each category is."""

    columns: Mapping[int, int]
    categories: Mapping[int, Mapping[int, frozenset[int]]]

    @classmethod
    def of(cls, model: Any, names: Sequence[str], code_sizes: Mapping[str, int]) -> "Places":
        """`code_sizes` says how many codes a column of codes has; those that no tree has seen count as unknown."""
        columns, categories = {}, {}
        for index, column in enumerate(model.data_spec().columns):
            if column.name not in names:
                continue
            columns[index] = names.index(column.name)
            if column.name in code_sizes:
                known = {text: item.index for text, item in column.categorical.items.items()}
                codes: dict[int, set[int]] = {}
                for code in range(code_sizes[column.name]):
                    codes.setdefault(known.get(str(code), 0), set()).add(code)
                categories[index] = {item: frozenset(found) for item, found in codes.items()}
        return cls(columns=columns, categories=categories)


def make_graph(
    models: Sequence[Any],
    *,
    names: Sequence[str],
    inputs: Mapping[str, NDArray[Any]],
    outputs: int,
    code_sizes: Mapping[str, int],
) -> onnx.ModelProto:
    """Return the core: the mean of the members' logits, as probabilities of `outputs` classes; of one output the mean
    value."""
    nodes = Nodes()
    start = np.zeros(1 if outputs == 2 else outputs)
    for model in models:
        places = Places.of(model, names, code_sizes)
        targets, constant = place_logits(model, outputs)
        start += constant / len(models)
        for (target, sign), first in zip(targets, model.initial_predictions(), strict=True):
            start[target] += sign * float(first) / len(models)
        for index, tree in enumerate(model.iter_trees()):
            target, sign = targets[index % len(targets)]
            _add_tree(nodes, tree.root, places, target=target, share=sign / len(models))
    return _make_model(nodes, start.astype(np.float32), inputs, outputs)


def place_logits(model: Any, outputs: int) -> tuple[list[tuple[int, float]], NDArray[np.float64]]:
    """For each logit of a model its place among ours and its sign, and what to add to ours.

    A model orders the classes that it has seen in its own way, and of two has a single logit, that of the second.
    """
    if outputs == 1:
        return [(0, 1.0)], np.zeros(1)
    known = [int(text) for text in model.label_classes()]
    if outputs == 2:
        return [(0, 1.0 if known[-1] == 1 else -1.0)], np.zeros(1)
    start = np.full(outputs, UNKNOWN)
    start[known] = 0.0
    return [(label, 1.0) for label in (known[1:] if len(known) == 2 else known)], start


def _add_tree(nodes: Nodes, root: Any, places: Places, *, target: int, share: float) -> None:
    number, is_leaf = _add_node(nodes, root, places, target, share)
    if is_leaf:  # the operator wants a node as root: one that goes to the same leaf either way
        node = nodes.add_split(0, 0.0)
        nodes.connect(node, (number, True), (number, True))
        number = node
    nodes.roots.append(number)


def _add_node(nodes: Nodes, node: Any, places: Places, target: int, share: float) -> tuple[int, bool]:
    if node.is_leaf:
        return nodes.add_leaf(target, float(node.value.value) * share), True
    condition = node.condition
    if isinstance(condition, ydf_tree.NumericalHigherThanCondition):
        number, swapped = nodes.add_split(places.columns[condition.attribute], float(condition.threshold)), False
    elif isinstance(condition, ydf_tree.CategoricalIsInCondition):
        number, swapped = _add_set(nodes, condition, places)
    else:
        raise TypeError(f"a condition of the kind {type(condition).__name__} has no translation")
    positive = _add_node(nodes, node.pos_child, places, target, share)
    negative = _add_node(nodes, node.neg_child, places, target, share)
    nodes.connect(number, *((negative, positive) if swapped else (positive, negative)))
    return number, False


def _add_set(nodes: Nodes, condition: Any, places: Places) -> tuple[int, bool]:
    """The smaller of the set and its complement; for the latter the children change places."""
    categories = places.categories[condition.attribute]
    wanted = set(condition.mask)
    inside = sorted(code for item, codes in categories.items() if item in wanted for code in codes)
    outside = sorted(code for item, codes in categories.items() if item not in wanted for code in codes)
    swapped = len(outside) < len(inside)
    feature = places.columns[condition.attribute]
    return nodes.add_membership(feature, outside if swapped else inside), swapped


def _make_model(
    nodes: Nodes, start: NDArray[np.float32], inputs: Mapping[str, NDArray[Any]], outputs: int
) -> onnx.ModelProto:
    ordered = sorted(inputs, reverse=True)
    steps = [helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT) for name in ordered]
    steps.append(helper.make_node("Concat", [f"{name}_float" for name in ordered], ["columns"], axis=1))
    steps.append(_make_trees(nodes, len(start)))
    steps.append(helper.make_node("Add", ["grown", "start"], ["logits"]))
    return make_core("trees", inputs, outputs, steps, [numpy_helper.from_array(start, "start")])


def _make_trees(nodes: Nodes, targets: int) -> onnx.NodeProto:
    sets = (
        {"membership_values": numpy_helper.from_array(np.array(nodes.members, dtype=np.float32))}
        if nodes.members
        else {}
    )
    return helper.make_node(
        "TreeEnsemble",
        ["columns"],
        ["grown"],
        domain="ai.onnx.ml",
        n_targets=targets,
        aggregate_function=SUM,
        post_transform=NONE,
        tree_roots=nodes.roots,
        nodes_featureids=nodes.features,
        nodes_modes=numpy_helper.from_array(np.array(nodes.modes, dtype=np.uint8)),
        nodes_splits=numpy_helper.from_array(np.array(nodes.splits, dtype=np.float32)),
        nodes_truenodeids=nodes.true_ids,
        nodes_trueleafs=nodes.true_leafs,
        nodes_falsenodeids=nodes.false_ids,
        nodes_falseleafs=nodes.false_leafs,
        leaf_targetids=nodes.leaf_targets,
        leaf_weights=numpy_helper.from_array(np.array(nodes.leaf_weights, dtype=np.float32)),
        **sets,
    )
