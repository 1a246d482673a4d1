"""Write the model in MLflow's ONNX flavour."""

import shutil
import sys

import mlflow.onnx
import numpy as np
import onnx
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

if __name__ == "__main__":
    source, folder = sys.argv[1:3]
    model = onnx.load(source)
    rows = model.graph.input[0]
    shape = tuple(dimension.dim_value for dimension in rows.type.tensor_type.shape.dim[1:])
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, *shape), rows.name)]),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, -1), "probabilities")]),
    )
    shutil.rmtree(folder, ignore_errors=True)
    options = {"intra_op_num_threads": 1}
    mlflow.onnx.save_model(model, folder, signature=signature, onnx_session_options=options)
