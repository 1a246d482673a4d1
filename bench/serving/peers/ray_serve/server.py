"""Ray Serve, as its documentation has it: one deployment, one replica, the HTTP proxy in front."""

import sys
import threading
from typing import Any

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from bench.serving.peers.model import Model


@serve.deployment(num_replicas=1, max_ongoing_requests=128)
class Predictor:
    def __init__(self) -> None:
        self.model = Model()

    async def __call__(self, request: Request) -> Any:
        body = await request.json()
        try:
            array = self.model.read(body["instances"])
        except (KeyError, ValueError, TypeError) as fault:
            return JSONResponse({"detail": str(fault)}, 422)
        return {"predictions": self.model.predict(array).tolist()}


if __name__ == "__main__":
    ray.init(num_cpus=1, include_dashboard=False, configure_logging=False, object_store_memory=100 * 1024 * 1024)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Predictor.bind(), route_prefix="/predict")
    threading.Event().wait()
