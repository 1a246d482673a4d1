"""Raw values to arrays: fitted in training, kept as JSON, applied alike in training and prediction. NumPy and Pillow
only.

features = load_features(read_json(folder / FEATURES))
decoder = load_decoder(read_json(folder / DECODER))
arrays = features.transform(rows)              # the inputs of the numeric core, by name
predictions = decoder.decode(outputs)          # the outputs of the numeric core, by name
"""

from collections.abc import Callable, Mapping
from typing import Any

from modelyard.features.anomalies import AnomalyDecoder
from modelyard.features.base import BadValue, Decoder, Features, RowProblem
from modelyard.features.decoder import ClassDecoder, ValueDecoder
from modelyard.features.encoded_texts import EncodedTexts
from modelyard.features.images import ImageFeatures
from modelyard.features.series.features import SeriesFeatures
from modelyard.features.series.forecasts import ForecastDecoder
from modelyard.features.table import TableFeatures
from modelyard.features.texts import TextFeatures

__all__ = ["BadValue", "Decoder", "Features", "RowProblem", "load_decoder", "load_features"]


def load_features(value: Mapping[str, Any]) -> Features:
    """Return the features that `to_json` described. Raises `ValueError` for a kind that this release does not know."""
    kinds: dict[str, Callable[[Mapping[str, Any]], Features]] = {
        TableFeatures.KIND: TableFeatures.from_json,
        ImageFeatures.KIND: ImageFeatures.from_json,
        SeriesFeatures.KIND: SeriesFeatures.from_json,
        TextFeatures.KIND: TextFeatures.from_json,
        EncodedTexts.KIND: EncodedTexts.from_json,
    }
    if value.get("kind") not in kinds:
        raise ValueError(f"features are of kind {value.get('kind')!r}; this release knows {', '.join(kinds)}")
    return kinds[value["kind"]](value)


def load_decoder(value: Mapping[str, Any]) -> Decoder:
    """Return the decoder that `to_json` described. Raises `ValueError` for a kind that this release does not know."""
    kinds: dict[str, Callable[[Mapping[str, Any]], Decoder]] = {
        ClassDecoder.KIND: ClassDecoder.from_json,
        ValueDecoder.KIND: ValueDecoder.from_json,
        AnomalyDecoder.KIND: AnomalyDecoder.from_json,
        ForecastDecoder.KIND: ForecastDecoder.from_json,
    }
    if value.get("kind") not in kinds:
        raise ValueError(f"the decoder is of kind {value.get('kind')!r}; this release knows {', '.join(kinds)}")
    return kinds[value["kind"]](value)
