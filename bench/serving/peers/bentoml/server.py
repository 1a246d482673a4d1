"""BentoML, as its documentation has it; adaptive batching off, which serves large bodies ten times as fast."""

from typing import Any

import bentoml
import numpy as np
from bentoml.exceptions import InvalidArgument

from bench.serving.peers.model import Model


@bentoml.service(workers=1)
class Predictor:
    def __init__(self) -> None:
        self.model = Model()

    @bentoml.api
    def predict(self, instances: np.ndarray) -> np.ndarray:
        try:
            return self.model.predict(self.model.check(instances.astype(np.float32)))
        except ValueError as fault:
            raise InvalidArgument(str(fault)) from fault

    @bentoml.api
    def predict_images(self, instances: list[dict[str, Any]]) -> np.ndarray:
        return self.model.predict(self.model.read(instances))
