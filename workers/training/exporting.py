"""Writes every form of a trained model into the folder of an artifact."""

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import tensorflow as tf
import tf2onnx

from modelyard.contracts import artifact
from workers.training.portable import make_portable_model
from workers.training.preparing import Material

OPSET = 18


def export_forms(material: Material, core: keras.Model, folder: Path) -> None:
    """Write the core and the end-to-end model in every form."""
    core.save(folder / artifact.CORE_KERAS)
    export_onnx(core, folder / artifact.CORE_ONNX)
    portable = make_portable_model(material.features, core, material.decoder)
    portable.save(folder / artifact.MODEL_KERAS)
    export_saved_model(portable, folder / artifact.SAVEDMODEL)


def export_onnx(core: keras.Model, path: Path) -> None:
    """Write the core as ONNX, its inputs and outputs named as in the core."""
    inputs = {tensor.name: tensor for tensor in core.inputs}
    signature = [tf.TensorSpec(tensor.shape, tensor.dtype, name=name) for name, tensor in inputs.items()]

    @tf.function(input_signature=signature)
    def answer(*arrays: Any) -> Any:
        return core(dict(zip(inputs, arrays, strict=True)), training=False)

    tf2onnx.convert.from_function(answer, input_signature=signature, opset=OPSET, output_path=str(path))


def export_saved_model(model: keras.Model, path: Path) -> None:
    """Write a zip of the SavedModel, a folder `model` in it."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        export = keras.export.ExportArchive()
        export.track(model)
        given = {tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in model.inputs}
        # `model.export` would leave normalisation over batches in training mode.
        export.add_endpoint("serve", lambda inputs: model(inputs, training=False), input_signature=[given])
        export.write_out(str(folder), verbose=False)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.rglob("*")):
                archive.write(file, Path("model") / file.relative_to(folder))
