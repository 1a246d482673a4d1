"""Intervals around values, for callers who ask for them: `"parameters": {"interval": 0.9}`."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import orjson

from workers.serving.call import Encode
from workers.serving.models.loaded import LoadedModel, Predictions
from workers.serving.problems import bad_request

INTERVAL = "interval"


def read_level(model: LoadedModel, parameters: Mapping[str, Any]) -> float | None:
    """Return the level that is asked for, None where no interval is."""
    level = parameters.get(INTERVAL)
    if level is None:
        return None
    offered = model.signature.output.levels
    if not offered:
        raise bad_request("this model gives no intervals; they need a regressor and rows held out of its training")
    if isinstance(level, bool) or level not in offered:
        raise bad_request(f"the interval must be one of {', '.join(map(str, offered))}, got {str(level)[:40]}")
    return float(level)


def read_parameters(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `parameters` of a request. Names that mean something to other servers are passed over, as they do ours."""
    parameters = body.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise bad_request('"parameters" must be an object such as {"interval": 0.9}')
    return parameters


def encode_rows_at(level: float) -> Encode:
    return partial(_encode_rows, level)


def encode_columns_at(level: float) -> Encode:
    return partial(_encode_columns, level)


def _encode_rows(level: float, predictions: Predictions) -> bytes:
    return orjson.dumps({"predictions": predictions.rows_at(level)})


def _encode_columns(level: float, predictions: Predictions) -> bytes:
    columns = {name: column.tolist() for name, column in predictions.arrays_at(level).items()}
    return orjson.dumps({"outputs": columns})
