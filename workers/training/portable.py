"""The model for people who take it away: raw values in, probabilities or a value out, in built-in Keras layers only.

Inputs are named after the columns (letters, digits and underscores). Numbers, flags (1 or 0) and dates (seconds since
1970) are float64 with NaN for missing, categories and texts are strings with "" for missing, images are upright pixels
of any size, 0 to 255, shape (rows, height, width, channels). A model of texts takes the arrays of its features
instead: how texts become numbers (NFKC, HTML entities, pieces of words) cannot be said in built-in layers.
"""

import re
from collections.abc import Mapping
from keyword import iskeyword
from typing import Any

import numpy as np
from keras import Input, Model, layers, ops
from numpy.typing import NDArray

from modelyard.features import Decoder, Features
from modelyard.features.anomalies import AnomalyDecoder
from modelyard.features.columns import (
    DAY,
    CategoryColumn,
    CodedColumn,
    Column,
    DateColumn,
    FlagColumn,
    NumberColumn,
    TextColumn,
)
from modelyard.features.decoder import ClassDecoder, ValueDecoder
from modelyard.features.images import ImageFeatures, convert_image, open_image
from modelyard.features.table import LARGEST_SCALED, TableFeatures
from modelyard.features.text_rows import TextRows
from modelyard.features.values import parse_category, parse_date, parse_flag, parse_number

UNSEEN = "\x00unseen"
# fmt: off
TAKEN = frozenset((
    "add", "argmax", "cast", "clip", "concatenate", "core", "cos", "equal", "expm1", "floor",
    "get_item", "greater", "isnan", "less", "less_equal", "log1p", "minimum", "model", "multiply",
    "self", "sin", "sqrt", "square", "string_lookup", "subtract", "sum", "take", "text_vectorization",
    "true_divide", "where",
))
# fmt: on
"""Names that Keras gives to the operations of the end-to-end model, which must differ from those of its inputs."""
Tensor = Any


def make_portable_model(features: Features, core: Model, decoder: Decoder) -> Model:
    """Return the end-to-end model around a numeric core."""
    if isinstance(features, ImageFeatures):
        inputs, arrays = _embed_images(features)
    elif isinstance(features, TableFeatures):
        inputs, arrays = _embed_table(features)
    elif isinstance(features, TextRows):
        inputs = {tensor.name: Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in core.inputs}
        arrays = inputs
    else:
        raise TypeError(f"no portable form of {type(features).__name__} is known")
    outputs = core(arrays)
    if isinstance(decoder, ClassDecoder):
        best = ops.argmax(outputs["probabilities"], axis=-1)
        name = layers.StringLookup(vocabulary=list(decoder.labels), num_oov_indices=0, oov_token=UNSEEN, invert=True)
        return Model(inputs, {"probabilities": outputs["probabilities"], "label": name(best)}, name="model")
    if isinstance(decoder, AnomalyDecoder):
        return Model(inputs, {"errors": outputs["errors"], "score": _score(outputs["errors"], decoder)}, name="model")
    assert isinstance(decoder, ValueDecoder)
    return Model(inputs, {"value": _unscale(outputs["value"], decoder)}, name="model")


def _score(errors: Tensor, decoder: AnomalyDecoder) -> Tensor:
    """The mean of the columns' errors by the usual one."""
    shares = [1.0 / (decoder.inputs.count(name) * len(decoder.columns)) for name in decoder.inputs]
    return ops.sum(errors * np.array(shares, dtype=np.float32), axis=-1) / decoder.median


def name_inputs(features: Features) -> dict[str, str]:
    """Map every column to the name of its input; models of texts have none. TensorFlow signatures do not tell upper
    from lower case."""
    if isinstance(features, ImageFeatures):
        return {features.NAME: features.NAME}
    if isinstance(features, TextRows):
        return {}
    assert isinstance(features, TableFeatures)
    names: dict[str, str] = {}
    given: set[str] = set()
    for column in features.columns:
        bare = re.sub(r"\W", "_", column.name, flags=re.ASCII).strip("_") or "column"
        if not bare.isidentifier() or iskeyword(bare) or re.sub(r"_\d+$", "", bare).lower() in TAKEN:
            bare = f"column_{bare}"
        name, number = bare, 2
        while name.lower() in given:
            name, number = f"{bare}_{number}", number + 1
        given.add(name.lower())
        names[column.name] = name
    return names


def feed_portable_model(features: Features, rows: list[Any]) -> dict[str, NDArray[Any]]:
    """Return raw rows as the arrays that the end-to-end model takes; images one row at a time, for their sizes
    differ."""
    if isinstance(features, ImageFeatures):
        pictures = [convert_image(open_image(row), features.channels) for row in rows]
        pixels = [np.asarray(picture, dtype=np.uint8) for picture in pictures]
        return {features.NAME: np.stack([array.reshape(*array.shape[:2], features.channels) for array in pixels])}
    if isinstance(features, TextRows):
        return features.transform(rows)
    assert isinstance(features, TableFeatures)
    names = name_inputs(features)
    return {names[column.name]: _feed_column(column, [row[column.name] for row in rows]) for column in features.columns}


def _feed_column(column: Column, values: list[Any]) -> NDArray[Any]:
    if isinstance(column, NumberColumn):
        return np.array([parse_number(value, column.style) for value in values])
    if isinstance(column, DateColumn):
        return np.array([parse_date(value, column.order) for value in values])
    if isinstance(column, FlagColumn):
        return np.array([parse_flag(value) for value in values])
    return np.array([parse_category(value) or "" for value in values], dtype=object)


def _embed_images(features: ImageFeatures) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    pixels = Input((None, None, features.channels), dtype="uint8", name=features.NAME)
    floats = ops.cast(pixels, "float32")
    resized = layers.Resizing(features.height, features.width, interpolation="bilinear", antialias=True)(floats)
    return {features.NAME: pixels}, {features.NAME: resized}


def _embed_table(features: TableFeatures) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    names = name_inputs(features)
    inputs: dict[str, Tensor] = {}
    blocks: list[Tensor] = []
    codes: list[Tensor] = []
    for column in features.columns:
        numeric = isinstance(column, (NumberColumn, FlagColumn, DateColumn))
        value = Input((), dtype="float64" if numeric else "string", name=names[column.name])
        inputs[names[column.name]] = value
        if isinstance(column, CodedColumn):
            codes.append(ops.cast(_look_up(column.levels.levels, value), "int32")[:, None])
        else:
            blocks.append(_embed_column(column, value))
    arrays = {}
    if blocks:
        arrays["numbers"] = _scale(_join(blocks), features)
    if codes:
        arrays["codes"] = _join(codes)
    return inputs, arrays


def _join(parts: list[Tensor]) -> Tensor:
    return ops.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


def _embed_column(column: Column, value: Tensor) -> Tensor:
    """What `column.write` computes."""
    if isinstance(column, NumberColumn):
        return value[:, None]
    if isinstance(column, FlagColumn):
        return (value * 2.0 - 1.0)[:, None]
    if isinstance(column, CategoryColumn):
        return ops.take(column.rows, ops.cast(_look_up(column.levels.levels, value), "int32"), axis=0)
    if isinstance(column, DateColumn):
        parts = _calendar(value)
        return ops.concatenate([_date_part(part, parts) for part in column.parts], axis=1)
    assert isinstance(column, TextColumn)
    return _embed_text(column, value)


def _look_up(levels: tuple[str, ...], value: Tensor) -> Tensor:
    return layers.StringLookup(vocabulary=list(levels), oov_token=UNSEEN)(value)


def _embed_text(column: TextColumn, value: Tensor) -> Tensor:
    counts = layers.TextVectorization(
        vocabulary=list(column.words) or [UNSEEN],
        output_mode="count",
        split="character" if column.characters else "whitespace",
    )(value)
    counts = ops.cast(counts, "float64")
    length = ops.log1p(ops.sum(counts, axis=1, keepdims=True)) / 4.0
    present = ops.cast(ops.greater(counts[:, 1 : len(column.words) + 1], 0.0), "float64")
    return _join([present, length]) if column.words else length


def _scale(raw: Tensor, features: TableFeatures) -> Tensor:
    missing = ops.isnan(raw)
    scaled = ops.where(missing, 0.0, (raw - features.centre) * features.scale)
    scaled = ops.clip(scaled, -LARGEST_SCALED, LARGEST_SCALED)
    numbers = ops.cast(scaled / ops.sqrt(1.0 + ops.square(scaled / 3.0)), "float32")
    if not len(features.indicators):
        return numbers
    return _join([numbers, ops.cast(ops.take(missing, features.indicators, axis=1), "float32")])


def _calendar(seconds: Tensor) -> dict[str, Tensor]:
    """The arithmetic of `columns.calendar` in the graph."""
    floor = ops.floor
    days = floor(seconds / DAY)
    shifted = days + 719_468.0
    era = floor(shifted / 146_097.0)
    day_of_era = shifted - era * 146_097.0
    leaps = floor(day_of_era / 1460.0) - floor(day_of_era / 36_524.0) + floor(day_of_era / 146_096.0)
    year_of_era = floor((day_of_era - leaps) / 365.0)
    day_of_year = day_of_era - (365.0 * year_of_era + floor(year_of_era / 4.0) - floor(year_of_era / 100.0))
    shifted_month = floor((5.0 * day_of_year + 2.0) / 153.0)
    month = shifted_month + ops.where(ops.less(shifted_month, 10.0), 3.0, -9.0)
    hours = (seconds - days * DAY) / 3600.0
    return {
        "days": seconds / DAY,
        "year": year_of_era + era * 400.0 + ops.cast(ops.less_equal(month, 2.0), "float64"),
        "month": month,
        "day": day_of_year - floor((153.0 * shifted_month + 2.0) / 5.0) + 1.0,
        "weekday": days + 3.0 - 7.0 * floor((days + 3.0) / 7.0),
        "hour": floor(hours),
        "hours": hours,
    }


def _date_part(part: str, parts: Mapping[str, Tensor]) -> Tensor:
    """What `columns.DATE_PARTS` computes."""
    if part == "season":
        return _wave((parts["month"] - 1.0 + (parts["day"] - 1.0) / 31.0) / 12.0)
    if part == "clock":
        return _wave(parts["hours"] / 24.0)
    if part in ("weekday", "hour"):
        return ops.cast(ops.equal(parts[part][:, None], np.arange(7.0 if part == "weekday" else 24.0)), "float64")
    return parts[part][:, None]


def _wave(phase: Tensor) -> Tensor:
    angle = 2 * np.pi * phase[:, None]
    return ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=1)


def _unscale(value: Tensor, decoder: ValueDecoder) -> Tensor:
    values = ops.cast(value, "float64") * decoder.scale + decoder.mean
    if decoder.transform == "log":
        values = ops.expm1(ops.minimum(values, 700.0))
    return ops.clip(values, decoder.minimum, decoder.maximum)
