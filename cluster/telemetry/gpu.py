"""What is used of the GPU that this process works on, as NVIDIA's NVML says. The only file that knows it."""

import os
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, as it is now.

    Attributes:
        used_bytes: Memory in use, by all that use it.
        total_bytes: Memory that it has.
        utilisation: Part of the last moment that it worked, 0 to 1; None where NVML does not say, as for a part of one.
    """

    used_bytes: int
    total_bytes: int
    utilisation: float | None


def gpu_in_use() -> Gpu | None:
    """The first GPU that this process may use; None where NVML or its Python package is not there, or fails."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        handle = _handle(pynvml, os.environ.get("CUDA_VISIBLE_DEVICES", ""))
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    except pynvml.NVMLError:
        return None
    try:
        busy = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
    except pynvml.NVMLError:
        busy = None
    return Gpu(int(memory.used), int(memory.total), busy)


def gpu_name() -> str | None:
    """What its maker calls the first GPU that this process may use; None as with `gpu_in_use`."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        return str(pynvml.nvmlDeviceGetName(_handle(pynvml, os.environ.get("CUDA_VISIBLE_DEVICES", ""))))
    except pynvml.NVMLError:
        return None


@cache
def _handle(nvml: Any, visible: str) -> Any:
    """CUDA names GPUs by their number or their UUID; unset means the first."""
    nvml.nvmlInit()
    first = visible.split(",")[0].strip() or "0"
    return nvml.nvmlDeviceGetHandleByIndex(int(first)) if first.isdigit() else nvml.nvmlDeviceGetHandleByUUID(first)
