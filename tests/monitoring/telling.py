"""A reference for the artifact of a version, and a predictor's words about an endpoint."""

import json
import time
from typing import Any

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import write_json
from modelyard.contracts.observations import (
    OBSERVATIONS,
    SLOT_SECONDS,
    CallCounts,
    Failure,
    Observation,
    Sketch,
    live_key,
    write_observation,
)
from modelyard.contracts.reference import Reference, ReferenceColumn
from modelyard.endpoints.models import Endpoint
from modelyard.registry.models import ModelVersion

AGE = ReferenceColumn(
    name="input:age",
    role="input",
    measure="value",
    column="age",
    counts=(0, 250, 250, 250, 250, 0, 0),
    edges=(17.9, 30.0, 45.0, 60.0, 80.0),
)
CITY = ReferenceColumn(
    name="input:city",
    role="input",
    measure="label",
    column="city",
    counts=(600, 390, 10, 0, 0),
    values=("Wien", "Berlin"),
)
BOUGHT = ReferenceColumn(
    name="prediction:label",
    role="prediction",
    measure="label",
    column="bought",
    counts=(150, 50, 0, 0, 0),
    values=("no", "yes"),
)
REFERENCE = Reference(columns=(AGE, CITY, BOUGHT), part="test")
SAME = {
    "input:age": (0, 50, 50, 50, 50, 0, 0),
    "input:city": (120, 78, 2, 0, 0),
    "prediction:label": (150, 50, 0, 0, 0),
}
MOVED = {**SAME, "input:age": (0, 0, 0, 0, 20, 180, 0)}


def give_reference(version: ModelVersion, reference: Reference = REFERENCE) -> None:
    """Let an artifact have a reference, as training leaves one."""
    version.folder.mkdir(parents=True, exist_ok=True)
    write_json(version.folder / artifact.REFERENCE, reference.to_json())
    version.sha256 = artifact.seal(version.folder)
    version.save(update_fields=["sha256"])


class Predictors:
    """Says what predictors say of an endpoint."""

    def __init__(self, redis: Any, endpoint: Endpoint) -> None:
        self._redis = redis
        self._endpoint = endpoint
        self._place = {"workspace": str(endpoint.workspace_id), "endpoint": endpoint.name}
        self.hour = int(time.time() // 3600) * 3600

    def tell(self, observation: Observation) -> None:
        self._redis.xadd(OBSERVATIONS, {"observation": json.dumps(write_observation(observation))})

    def call(self, calls: int = 10, version: int = 1, **fields: Any) -> None:
        counts = {"rows": calls, "seconds": 0.1, "latencies": {"20": calls}, **fields}
        self.tell(CallCounts(**self._place, version=version, hour=self.hour, calls=calls, **counts))

    def fail(self, message: str = "column 'age' must be a number, got …", **fields: Any) -> None:
        told = {"version": 1, "at": time.time(), "status": 400, "withheld": True, "column": "age", "row": 0, **fields}
        self.tell(Failure(**self._place, message=message, **told))

    def sketch(self, counts: dict[str, tuple[int, ...]], rows: int = 200, version: int = 1) -> None:
        self.tell(Sketch(**self._place, version=version, hour=self.hour, rows=rows, counts=counts))

    def live(self, ago: float = 0, **counts: int) -> None:
        """Count in a slot: `live(v1_calls=3, v1_status_400=1)`."""
        key = live_key(self._endpoint.route_field, int((time.time() - ago) // SLOT_SECONDS))
        for name, count in counts.items():
            self._redis.hincrby(key, name.removeprefix("v").replace("_", ":"), count)
