"""The device that this worker trains on: one GPU, or the processor."""

import math
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import psutil
import pynvml

LOOP_SECONDS, MULTIPLY_SECONDS = 0.016, 0.03
"""What the two parts of `measure_speed` take on the machine of the estimates: two cores of an AMD EPYC."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """`index` is the CUDA index of a GPU, None for the processor; `speed` is that of this machine's processor, by
    `measure_speed`, `others` are further GPUs that a run may ask for."""

    index: int | None
    name: str
    memory_bytes: int
    speed: float = 1.0
    others: tuple[int, ...] = ()

    @property
    def visible(self) -> str:
        """What `CUDA_VISIBLE_DEVICES` says to a child that may use this device, and the others with it."""
        return "-1" if self.index is None else ",".join(map(str, (self.index, *self.others)))

    def to_json(self) -> dict[str, Any]:
        kind = "cpu" if self.index is None else "gpu"
        return {
            "kind": kind,
            "name": self.name,
            "index": self.index,
            "memory_bytes": self.memory_bytes,
            "speed": self.speed,
        }

    def measure(self) -> dict[str, Any]:
        """How busy the device is now: `used_bytes`, `utilisation` 0 to 1; nothing where the driver does not say."""
        if self.index is None:
            memory = psutil.virtual_memory()
            return {"used_bytes": memory.total - memory.available, "utilisation": psutil.cpu_percent() / 100}
        with suppress(pynvml.NVMLError):
            handle = pynvml.nvmlDeviceGetHandleByIndex(self.index)
            rates, memory = pynvml.nvmlDeviceGetUtilizationRates(handle), pynvml.nvmlDeviceGetMemoryInfo(handle)
            return {"used_bytes": int(memory.used), "utilisation": rates.gpu / 100}
        return {}


def measure_speed() -> float:
    """How fast this machine is beside the one on which the estimates of model templates were made (1).

    Half of what counts is plain Python, in which networks are compiled and exported, half is arithmetic in arrays.
    """
    matrix = np.full((512, 512), 1e-3, dtype=np.float32)

    def loop() -> None:
        sum(number * number for number in range(300_000))

    def multiply() -> None:
        for _ in range(8):
            np.matmul(matrix, matrix)

    return round(math.sqrt(LOOP_SECONDS / _time_of(loop) * MULTIPLY_SECONDS / _time_of(multiply)), 3)


def _time_of(act: Callable[[], None]) -> float:
    """The best of three."""
    found = []
    for _ in range(3):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return max(min(found), 1e-6)


def find_device(wanted: str) -> Device:
    """The GPUs whose numbers `wanted` names; for "" the first one. The processor for "cpu" and where there is no such
    GPU."""
    if wanted != "cpu":
        first, *others = (int(number) for number in (wanted or "0").split(","))
        with suppress(pynvml.NVMLError):
            return replace(_find_gpu(first), others=tuple(others))
    return Device(index=None, name=_processor_name(), memory_bytes=psutil.virtual_memory().total)


def _find_gpu(index: int) -> Device:
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    name = pynvml.nvmlDeviceGetName(handle)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Device(index=index, name=name if isinstance(name, str) else name.decode(), memory_bytes=int(memory.total))


def _processor_name() -> str:
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
