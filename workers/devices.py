"""The device that this worker trains on: one GPU, or the processor."""

import platform
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import pynvml


@dataclass(frozen=True, kw_only=True)
class Device:
    """`index` is the CUDA index of a GPU, None for the processor."""

    index: int | None
    name: str
    memory_bytes: int

    @property
    def visible(self) -> str:
        """What `CUDA_VISIBLE_DEVICES` says to a child that may use this device alone."""
        return "-1" if self.index is None else str(self.index)

    def to_json(self) -> dict[str, Any]:
        kind = "cpu" if self.index is None else "gpu"
        return {"kind": kind, "name": self.name, "index": self.index, "memory_bytes": self.memory_bytes}

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


def find_device(wanted: str) -> Device:
    """The GPU of index `wanted`; for "" the first one. The processor for "cpu" and where there is no such GPU."""
    if wanted != "cpu":
        with suppress(pynvml.NVMLError):
            return _find_gpu(int(wanted or 0))
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
