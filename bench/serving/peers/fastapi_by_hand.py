"""What a competent engineer writes in an afternoon: FastAPI, onnxruntime, a key check; one row or many."""

import hashlib
import hmac
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, create_model

from bench.serving.model import COLUMNS, KEY, LABELS
from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.features import load_features

Row = create_model("Row", **dict.fromkeys(COLUMNS, (float | None, ...)))
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()


class Body(BaseModel):
    instances: list[Row]


def make_application(folder: Path) -> FastAPI:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(folder / artifact.CORE_ONNX), options, providers=["CPUExecutionProvider"])
    features = load_features(read_json(folder / artifact.FEATURES))
    centre, scale = features.centre, features.scale
    application = FastAPI()

    @application.post("/v1/models/bench:predict")
    async def predict(body: Body, authorization: str = Header()) -> dict[str, object]:
        digest = hashlib.sha256(authorization.removeprefix("Bearer ").encode()).hexdigest()
        if not hmac.compare_digest(digest, DIGEST):
            raise HTTPException(401)
        raw = np.array([[getattr(row, name) for name in COLUMNS] for row in body.instances], dtype=np.float64)
        scaled = (raw - centre) * scale
        numbers = (scaled / np.sqrt(1.0 + np.square(scaled / 3.0))).astype(np.float32)
        (probabilities,) = session.run(["probabilities"], {"numbers": numbers})
        predictions = []
        for row in probabilities.tolist():
            best = max(range(len(LABELS)), key=row.__getitem__)
            predictions.append(
                {"label": LABELS[best], "score": row[best], "probabilities": dict(zip(LABELS, row, strict=True))}
            )
        return {"predictions": predictions}

    return application


if __name__ == "__main__":
    uvicorn.run(make_application(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="error", loop="uvloop")
