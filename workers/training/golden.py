"""Golden rows: raw rows with the answers of the trained model, which every exported form must repeat."""

import base64
import math
from typing import Any

import numpy as np

from modelyard.features import Decoder
from modelyard.features.anomalies import AnomalyDecoder
from modelyard.features.decoder import ValueDecoder
from modelyard.features.series.forecasts import ForecastDecoder
from modelyard.features.table import TableFeatures
from modelyard.features.text_rows import TextRows
from workers.training.preparing import Material

COUNT = 12
LARGEST_IMAGE = 1_000_000
DOUBLE_UNIT = 1e-11
"""Differences of double numbers are told relative to no less than this share of them: their last digit is noise."""


def choose_golden_rows(material: Material) -> list[Any]:
    """Return raw rows as callers send them: real ones, and for tables one that is empty and one full of the unseen."""
    part = material.parts.test if len(material.parts.test) else material.parts.train
    chosen = part[np.unique(np.linspace(0, len(part) - 1, COUNT).round().astype(int))]
    rows = [material.rows.raw(int(row)) for row in chosen]
    if isinstance(material.features, (TableFeatures, TextRows)):
        names = material.features.names
        unseen = {item.name: "never seen" for item in material.signature.inputs if item.kind in ("category", "text")}
        return [*rows, dict.fromkeys(names), dict.fromkeys(names) | rows[0] | unseen]
    return [row for row in rows if len(row) <= LARGEST_IMAGE] or rows[:1]


def encode_rows(rows: list[Any]) -> list[Any]:
    """Return rows as JSON values: encoded images as {"b64"}."""
    return [{"b64": base64.b64encode(row).decode()} if isinstance(row, bytes) else row for row in rows]


def decode_rows(rows: list[Any]) -> list[Any]:
    """The inverse of `encode_rows`."""
    return [base64.b64decode(row["b64"]) if set(row) == {"b64"} else row for row in rows]


def find_difference(wanted: list[dict[str, Any]], got: list[dict[str, Any]], decoder: Decoder) -> float:
    """Return the largest difference of any probability, or of any value by the spread that the target had in training;
    infinite for another shape."""
    if len(wanted) != len(got):
        return math.inf
    return max((_compare(one, other, decoder) for one, other in zip(wanted, got, strict=True)), default=0.0)


def _compare(wanted: dict[str, Any], got: dict[str, Any], decoder: Decoder) -> float:
    if isinstance(decoder, ValueDecoder):
        size = abs(wanted["value"])
        unit = decoder.scale * (1.0 + size if decoder.transform == "log" else 1.0)
        return float(abs(wanted["value"] - got["value"]) / max(unit, DOUBLE_UNIT * size))
    if isinstance(decoder, AnomalyDecoder):
        return float(abs(wanted["score"] - got["score"]) / (1.0 + wanted["score"]))
    if isinstance(decoder, ForecastDecoder):
        return _compare_forecasts(wanted, got)
    if set(wanted["probabilities"]) != set(got["probabilities"]):
        return math.inf
    return max(abs(value - got["probabilities"][label]) for label, value in wanted["probabilities"].items())


def _compare_forecasts(wanted: dict[str, Any], got: dict[str, Any]) -> float:
    """The largest difference of any quantile, relative to the largest value."""
    if wanted["timestamps"] != got["timestamps"]:
        return math.inf
    size = 1.0 + max(map(abs, wanted["values"]))
    pairs = ((wanted["quantiles"][level], got["quantiles"][level]) for level in wanted["quantiles"])
    return max(abs(one - other) / size for line, found in pairs for one, other in zip(line, found, strict=True))
