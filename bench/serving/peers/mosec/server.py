"""mosec, as its documentation has it, with orjson instead of its default, which is faster. BENCH_BATCH of 1 switches
batching off."""

import os
from typing import Any

import numpy as np
import orjson
from mosec import Server, ValidationError, Worker

from bench.serving.peers.model import Model

BATCH = int(os.environ.get("BENCH_BATCH", "1"))
WAIT_MS = 1


class Predictor(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.model = Model()

    def deserialize(self, data: bytes) -> Any:
        try:
            return orjson.loads(data)["instances"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as fault:
            raise ValidationError(str(fault)) from fault

    def serialize(self, data: Any) -> bytes:
        return orjson.dumps({"predictions": data}, option=orjson.OPT_SERIALIZE_NUMPY)

    def forward(self, data: Any) -> Any:
        try:
            if BATCH == 1:
                return self.model.predict(self.model.read(data))
            parts = [self.model.read(rows) for rows in data]
        except ValueError as fault:
            raise ValidationError(str(fault)) from fault
        ends = np.cumsum([len(part) for part in parts])[:-1]
        return np.split(self.model.predict(np.concatenate(parts)), ends)


if __name__ == "__main__":
    server = Server()
    server.append_worker(Predictor, num=1, max_batch_size=BATCH, max_wait_time=WAIT_MS)
    server.run()
