"""Loads every exported form, in a process that has not trained it (`forking`), and compares its answers to the golden
rows."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import onnxruntime
import tensorflow as tf
import ydf

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.features import load_decoder, load_features
from modelyard.features.decoder import ClassDecoder
from modelyard.features.images import ImageFeatures
from workers.training.golden import decode_rows, find_difference
from workers.training.portable import feed_portable_model
from workers.training.trees.columns import make_data
from workers.training.trees.growing import answer_trees

Predictions = list[dict[str, Any]]


class Verifier:
    """The artifact in `folder`, with its golden rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._features = load_features(read_json(folder / artifact.FEATURES))
        self._decoder = load_decoder(read_json(folder / artifact.DECODER))
        golden = read_json(folder / artifact.GOLDEN)
        self._rows = decode_rows(golden["rows"])
        self._wanted: Predictions = golden["predictions"]

    def compare(self) -> dict[str, float]:
        """Return the largest difference of each exported form."""
        answers: dict[str, Callable[[], Predictions]] = {
            artifact.CORE_ONNX: self._ask_onnx,
            artifact.CORE_KERAS: self._ask_core,
            artifact.MODEL_KERAS: self._ask_portable,
            artifact.SAVEDMODEL: self._ask_saved_model,
            artifact.YDF: self._ask_trees,
        }
        return {
            name: find_difference(self._wanted, answer(), self._decoder)
            for name, answer in answers.items()
            if name == artifact.CORE_ONNX or (self._folder / name).is_file()
        }

    def _ask_onnx(self) -> Predictions:
        session = onnxruntime.InferenceSession(self._folder / artifact.CORE_ONNX, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        outputs = session.run(names, self._features.transform(self._rows))
        return self._decoder.decode(dict(zip(names, outputs, strict=True)))

    def _ask_core(self) -> Predictions:
        core = keras.models.load_model(self._folder / artifact.CORE_KERAS, safe_mode=True)
        outputs = core(self._features.transform(self._rows), training=False)
        return self._decoder.decode({name: np.array(output) for name, output in outputs.items()})

    def _ask_portable(self) -> Predictions:
        model = keras.models.load_model(self._folder / artifact.MODEL_KERAS, safe_mode=True)
        return self._ask_end_to_end(lambda inputs: model(inputs, training=False))

    def _ask_saved_model(self) -> Predictions:
        with TemporaryDirectory() as scratch:
            with zipfile.ZipFile(self._folder / artifact.SAVEDMODEL) as archive:
                archive.extractall(scratch)
            model = tf.saved_model.load(str(Path(scratch) / "model"))
            return self._ask_end_to_end(model.serve)

    def _ask_trees(self) -> Predictions:
        with TemporaryDirectory() as scratch:
            with zipfile.ZipFile(self._folder / artifact.YDF) as archive:
                archive.extractall(scratch)
            models = [ydf.load_model(str(path)) for path in sorted(Path(scratch).iterdir())]
        data = make_data(self._features.transform(self._rows))
        outputs = len(self._decoder.labels) if isinstance(self._decoder, ClassDecoder) else 1
        return self._decoder.decode(answer_trees(models, data, outputs))

    def _ask_end_to_end(self, model: Callable[[Any], Any]) -> Predictions:
        """The end-to-end model decodes by itself; images are asked one by one, for their sizes differ."""
        batches = [[row] for row in self._rows] if isinstance(self._features, ImageFeatures) else [self._rows]
        predictions: Predictions = []
        for batch in batches:
            inputs = feed_portable_model(self._features, batch)
            outputs = model(
                {
                    name: tf.constant(array.tolist() if array.dtype == object else array)
                    for name, array in inputs.items()
                }
            )
            if "errors" in outputs:
                predictions += self._decoder.decode({"errors": np.array(outputs["errors"])})
            elif "value" in outputs:
                predictions += [{"value": float(value)} for value in np.array(outputs["value"]).reshape(-1)]
            else:
                predictions += self._decoder.decode({"probabilities": np.array(outputs["probabilities"])})
        return predictions


def verify_forms(folder: Path) -> dict[str, Any]:
    """Return {"differences": {form: largest difference}} or {"fault": "what could not be loaded"}."""
    try:
        return {"differences": Verifier(folder).compare()}
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, AttributeError) as fault:
        return {"fault": f"{type(fault).__name__}: {fault}"[:500]}
