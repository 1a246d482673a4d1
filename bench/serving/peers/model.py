"""The model as every peer holds it: one ONNX file, one thread, rows of bare numbers (or base64 JPEGs) in.

It runs in the peers' own environments, so it imports nothing of Modelyard.
"""

import base64
import io
import os
from typing import Any

import numpy as np
import onnxruntime as ort

MODEL_VARIABLE = "BENCH_MODEL"


class Model:
    """The file that the environment names."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(os.environ[MODEL_VARIABLE], options, providers=["CPUExecutionProvider"])
        rows = self._session.get_inputs()[0]
        self._name: str = rows.name
        self._shape = tuple(rows.shape[1:])

    def read(self, rows: list[Any]) -> np.ndarray:
        """Return rows as one array: lists of numbers, or `{"b64": …}`. Raises `ValueError`."""
        if rows and isinstance(rows[0], dict):
            return np.stack([read_jpeg(base64.b64decode(row["b64"])) for row in rows])
        return self.check(np.asarray(rows, dtype=np.float32))

    def check(self, array: np.ndarray) -> np.ndarray:
        if array.shape[1:] != self._shape:
            raise ValueError(f"rows of the shape {self._shape} are wanted, got {array.shape}")
        return array

    def predict(self, array: np.ndarray) -> np.ndarray:
        probabilities: np.ndarray = self._session.run(None, {self._name: array})[0]
        return probabilities


def read_jpeg(content: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), dtype=np.float32)
