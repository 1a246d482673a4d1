"""The device that trains, and how busy it is."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pynvml
import tensorflow as tf


def set_up_devices(seed: int) -> dict[str, Any]:
    """Let TensorFlow take memory as it needs it, fix its random numbers, and describe the device."""
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.keras.utils.set_random_seed(seed % 2**32)
    return describe_device(bool(gpus))


def list_devices(wanted: int) -> list[str]:
    """The devices that train together: so many GPUs, or those that there are; one processor where there is none."""
    gpus = [device.name for device in tf.config.list_logical_devices("GPU")]
    return gpus[: max(1, wanted)] or ["/CPU:0"]


def describe_device(has_gpu: bool) -> dict[str, Any]:
    """Kind, name, memory and, where it can be measured, use."""
    if has_gpu:
        return _describe_gpu()
    process = psutil.Process()
    return {
        "kind": "cpu",
        "name": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "used_bytes": process.memory_info().rss,
        "utilisation": min(1.0, process.cpu_percent() / 100 / max(1, len(os.sched_getaffinity(0)))),
    }


def _describe_gpu() -> dict[str, Any]:
    """What NVML says of the first device that this process may see; TensorFlow's name of it where NVML is silent."""
    try:
        pynvml.nvmlInit()
        handle = _find_handle()
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        return {
            "kind": "gpu",
            "name": pynvml.nvmlDeviceGetName(handle),
            "memory_bytes": int(memory.total),
            "used_bytes": int(memory.used),
            "utilisation": pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100,
        }
    except pynvml.NVMLError:
        details: Mapping[str, Any] = tf.config.experimental.get_device_details(
            tf.config.list_physical_devices("GPU")[0]
        )
        return {"kind": "gpu", "name": details.get("device_name", "GPU")}


def _find_handle() -> Any:
    """`CUDA_VISIBLE_DEVICES` names devices by number or by UUID."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    if visible.isdigit():
        return pynvml.nvmlDeviceGetHandleByIndex(int(visible))
    return pynvml.nvmlDeviceGetHandleByUUID(visible) if visible else pynvml.nvmlDeviceGetHandleByIndex(0)


def _cpu_name() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
