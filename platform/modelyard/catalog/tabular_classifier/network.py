"""A group of RealMLP networks with a softmax (see `table_building`)."""

from collections.abc import Mapping
from typing import Any

from modelyard.catalog.building import Network, Problem
from modelyard.catalog.table_building import build_table_network


def build(problem: Problem, hyperparameters: Mapping[str, Any]) -> Network:
    return build_table_network(problem, hyperparameters, label_smoothing=hyperparameters["label_smoothing"])
