"""KServe's model server, as its documentation has it: `instances` by version 1, binary tensors by version 2."""

import sys
from typing import Any

import kserve
from kserve.errors import InvalidInput
from kserve.protocol.infer_type import InferRequest
from kserve.utils.utils import get_predict_response

from bench.serving.peers.model import Model


class Predictor(kserve.Model):
    def __init__(self) -> None:
        super().__init__("bench")
        self.model = Model()
        self.ready = True

    async def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        try:
            if isinstance(payload, InferRequest):
                array = self.model.check(payload.inputs[0].as_numpy())
            else:
                array = self.model.read(payload["instances"])
        except (ValueError, TypeError) as fault:
            raise InvalidInput(str(fault)) from fault
        return get_predict_response(payload, self.model.predict(array), "bench")


if __name__ == "__main__":
    server = kserve.ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, workers=1, access_log_format=None)
    server.start([Predictor()])
