"""LitServe, as its documentation has it; batching off, which serves single rows and large bodies better."""

import sys
from typing import Any

import litserve
import numpy as np
from fastapi import HTTPException

from bench.serving.peers.model import Model


class Predictor(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = Model()

    def decode_request(self, request: dict[str, Any]) -> np.ndarray:
        try:
            return self.model.read(request["instances"])
        except (KeyError, ValueError, TypeError) as fault:
            raise HTTPException(400, str(fault)) from fault

    def predict(self, array: np.ndarray) -> np.ndarray:
        return self.model.predict(array)

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Predictor(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="error", generate_client_file=False)
