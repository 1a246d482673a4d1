"""A model in memory. It is only made from an artifact that is what was registered and answers as it did in training."""

import gc
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import inf, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from modelyard.contracts import artifact
from modelyard.contracts.jsonfile import read_json
from modelyard.contracts.signature import Signature
from modelyard.features import RowProblem, load_decoder, load_features
from modelyard.features.base import Arrays
from modelyard.features.numbers import NumberTable
from modelyard.features.table import TableFeatures
from workers.serving.models.golden import check_golden
from workers.serving.models.named_numbers import NamedNumbers, compile_reader
from workers.serving.models.predictions import Batch, Predictions, make_writer
from workers.serving.models.rows import Row, read_row
from workers.serving.tally import Spent

__all__ = ["CannotLoad", "Columns", "LoadedModel", "NotFinite", "Predictions"]

ort.disable_telemetry_events()  # else it notes for its maker, in ~/.cache/Microsoft, what it runs

RUNTIME_FAULTS = (
    runtime.Fail,
    runtime.InvalidArgument,
    runtime.InvalidGraph,
    runtime.InvalidProtobuf,
    runtime.NotImplemented,
    runtime.RuntimeException,
)
WARM_SIZES = (1, 1, 1, 8, 64, 64, 256, 256)
SECONDS_AT_ONCE = 0.02
"""Rows that take longer are computed in parts: what a network holds of each row while it computes is the most memory
that a model needs, and larger parts are no faster."""
UNKNOWN_AT_ONCE = 4
"""As many rows are computed together before it is known how long a row takes."""
FEW_NUMBERS = 64
"""Numbers that plain Python looks through sooner than NumPy has begun."""
Columns = Mapping[str, Sequence[object] | NDArray[Any]]


class CannotLoad(Exception):
    """An artifact that must not answer; the message says why."""


class NotFinite(ArithmeticError):
    """The model computed no finite number for `row`."""

    def __init__(self, row: int) -> None:
        super().__init__(f"row {row}")
        self.row = row


class LoadedModel:
    """Features, numeric core and decoder of one model version. `seconds_a_call` and `seconds_a_row` were measured."""

    def __init__(self, folder: Path, sha256: str, threads: int) -> None:
        """Raises `CannotLoad`."""
        started, before = time.monotonic(), _resident_bytes()
        try:
            artifact.verify(folder, sha256)
            self.signature = Signature.from_json(read_json(folder / artifact.SIGNATURE))
            self.features = load_features(read_json(folder / artifact.FEATURES))
            self.decoder = load_decoder(read_json(folder / artifact.DECODER))
            golden = read_json(folder / artifact.GOLDEN)
            self._session = ort.InferenceSession(
                str(folder / artifact.CORE_ONNX), _session_options(threads), providers=["CPUExecutionProvider"]
            )
        except (artifact.DamagedArtifact, OSError, ValueError, KeyError, TypeError, *RUNTIME_FAULTS) as fault:
            raise CannotLoad(f"the artifact cannot be read: {fault}") from fault
        self.order = tuple(item.name for item in self.signature.inputs)
        self.names = frozenset(self.order)
        self.sole_input = self.signature.inputs[0] if len(self.signature.inputs) == 1 else None
        self.takes_images = any(item.kind == "image" for item in self.signature.inputs)
        self._writer = make_writer(self.decoder)
        self.spent = Spent()
        self._inputs = [item.name for item in self._session.get_inputs()]
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._rows_at_once = UNKNOWN_AT_ONCE
        self._prove(golden)
        self.bytes = max(_resident_bytes() - before, (folder / artifact.CORE_ONNX).stat().st_size)
        self.load_seconds = time.monotonic() - started
        self.used_at = 0.0

    # -- computing

    @cached_property
    def named_numbers(self) -> NamedNumbers | None:
        """Reads rows of numbers by name. None for a model that takes other values too."""
        features = self.features
        if not isinstance(features, TableFeatures) or not features.takes_numbers:
            return None
        return compile_reader(features.names, self.names)

    def name_numbers(self, names: Sequence[str], matrix: NDArray[np.float64]) -> NumberTable | None:
        """Return rows of numbers as the columns that are looked at. None for a model that takes other values too, and
        for names that are not its inputs."""
        features = self.features
        if not isinstance(features, TableFeatures) or not features.takes_numbers:
            return None
        if tuple(names) == features.names:
            return NumberTable(features.names, matrix)
        places = {name: place for place, name in enumerate(names)}
        if len(places) < len(names) or not self.names.issuperset(names) or not places.keys() >= set(features.names):
            return None
        return NumberTable(features.names, np.ascontiguousarray(matrix[:, [places[name] for name in features.names]]))

    def predict(self, rows: Sequence[Row]) -> Predictions:
        """Return a prediction for each row. Raises `RowProblem` or `NotFinite`."""
        return self.compute(self.prepare(rows, None))

    def prepare(self, rows: Sequence[Row], columns: Columns | None) -> Arrays:
        """Return what the network takes of rows, or of columns where those came. Raises `RowProblem`."""
        started = time.perf_counter_ns()
        try:
            return self.features.transform(rows) if columns is None else self.features.transform_columns(columns)
        finally:
            self.spent.input += time.perf_counter_ns() - started

    def compute(self, arrays: Arrays) -> Predictions:
        """Return the predictions for what the features made. Raises `NotFinite`."""
        started = time.perf_counter_ns()
        outputs = self.run(arrays)
        self.spent.infer += time.perf_counter_ns() - started
        rows = len(outputs[self._outputs[0]])
        return Predictions(Batch(self.decoder, outputs, rows, self._writer), 0, rows)

    def run(self, arrays: Arrays) -> Arrays:
        """Return the outputs of the network, and count nothing. Raises `NotFinite`."""
        inputs = {name: arrays[name] for name in self._inputs}
        rows = len(inputs[self._inputs[0]])
        computed = self._session.run(self._outputs, inputs) if rows <= self._rows_at_once else self._run_parts(inputs)
        for output in computed:
            if not _is_finite(output):
                raise NotFinite(_first_not_finite(output))
        return dict(zip(self._outputs, computed, strict=True))

    def _run_parts(self, inputs: Arrays) -> list[NDArray[Any]]:
        size, rows = self._rows_at_once, len(inputs[self._inputs[0]])
        parts = [
            self._session.run(self._outputs, {name: array[start : start + size] for name, array in inputs.items()})
            for start in range(0, rows, size)
        ]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    def estimate_seconds(self, rows: int) -> float:
        return self.seconds_a_call + rows * self.seconds_a_row

    # -- proving

    def _prove(self, golden: Mapping[str, Any]) -> None:
        try:
            rows = [read_row(self, self._without_unused(row), index) for index, row in enumerate(golden["rows"])]
            if not rows or len(rows) != len(golden["predictions"]):
                raise CannotLoad("the artifact has no golden rows to prove it with")
            fault = check_golden(self.predict(rows), golden["predictions"])
            if fault is None:
                self._warm(rows)
        except (RowProblem, NotFinite, ValueError, KeyError, TypeError, *RUNTIME_FAULTS) as broken:
            raise CannotLoad(f"the golden rows cannot be computed: {broken}") from broken
        if fault is not None:
            raise CannotLoad(f"the artifact does not answer as the trained model did: {fault}")

    def _without_unused(self, row: Any) -> Any:
        """A golden row is a whole row of the data; columns that the model does not look at are left out."""
        return {name: row[name] for name in row if name in self.names} if self._is_table_row(row) else row

    def _is_table_row(self, row: Any) -> bool:
        return isinstance(row, dict) and not self.takes_images

    def _warm(self, rows: Sequence[Row]) -> None:
        """Run every size of batch that will be seen and measure what a call and a row cost this thread."""
        seconds: dict[int, float] = {}
        for size in WARM_SIZES:
            batch = [rows[index % len(rows)] for index in range(size)]
            started = time.thread_time()
            _ = self.predict(batch).rows_text
            seconds[size] = min(seconds.get(size, inf), time.thread_time() - started)
            self._rows_at_once = max(1, int(SECONDS_AT_ONCE * size / seconds[size]))
            if seconds[size] > SECONDS_AT_ONCE:
                break
        smallest, largest = min(seconds), max(seconds)
        spread = max(1, largest - smallest)
        self.seconds_a_row = max(0.0, seconds[largest] - seconds[smallest]) / spread if spread > 1 else seconds[1]
        self.seconds_a_call = max(0.0, seconds[smallest] - self.seconds_a_row)


def _session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _is_finite(output: NDArray[Any]) -> bool:
    if output.size > FEW_NUMBERS:
        return bool(np.isfinite(output).all())
    return all(map(isfinite, output.reshape(-1).tolist()))


def _first_not_finite(output: NDArray[Any]) -> int:
    bad = ~np.isfinite(output.reshape(len(output), -1)).all(axis=1)
    return int(bad.argmax())


def _resident_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096
