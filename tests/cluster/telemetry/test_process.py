"""What a process uses of its machine, with an NVML that is none."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.telemetry import gpu
from cluster.telemetry.gpu import Gpu, gpu_in_use
from cluster.telemetry.process import this_process

NAMES = (
    "nvmlInit",
    "nvmlDeviceGetHandleByIndex",
    "nvmlDeviceGetHandleByUUID",
    "nvmlDeviceGetMemoryInfo",
    "nvmlDeviceGetUtilizationRates",
)
"""What it has of what is asked for here."""


class NVMLError(Exception):
    """As pynvml's."""


@dataclass(eq=False)
class Nvml:
    """As pynvml of nvidia-ml-py 13, for a machine with two GPUs; `lacks` is what it cannot do."""

    NVMLError: type = NVMLError
    lacks: str = ""
    asked: list[Any] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        if name not in NAMES:
            raise AttributeError(name)

        def call(*arguments: Any) -> Any:
            if name == self.lacks:
                raise NVMLError
            self.asked += arguments if "Handle" in name else ()
            rates = SimpleNamespace(gpu=25)
            return rates if "Rates" in name else SimpleNamespace(used=1_000, total=4_000)

        return call


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nvml]:
    """One that is there; afterwards nobody remembers it."""
    found = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", found)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpu._handle.cache_clear()
    yield found
    gpu._handle.cache_clear()


@pytest.mark.parametrize(
    ("visible", "asked"), [(None, 0), ("", 0), ("1", 1), ("1,0", 1), ("GPU-8a-b", "GPU-8a-b"), ("MIG-7,MIG-8", "MIG-7")]
)
def test_the_gpu_is_the_first_that_the_process_may_use(
    nvml: Nvml, monkeypatch: pytest.MonkeyPatch, visible: str | None, asked: object
) -> None:
    """By number or by UUID, as CUDA has it."""
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_in_use() == Gpu(1_000, 4_000, 0.25)
    assert nvml.asked == [asked]


def test_a_part_of_a_gpu_says_nothing_of_its_use(nvml: Nvml) -> None:
    """Its memory is known all the same."""
    nvml.lacks = "nvmlDeviceGetUtilizationRates"
    assert gpu_in_use() == Gpu(1_000, 4_000, None)


@pytest.mark.parametrize("lacks", ["nvmlInit", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetMemoryInfo"])
def test_an_nvml_that_fails_is_as_good_as_none(nvml: Nvml, lacks: str) -> None:
    """Nobody waits for it, and nothing else is missing."""
    nvml.lacks = lacks
    assert gpu_in_use() is None
    assert this_process(on_gpu=True).gpu is None


def test_without_its_package_there_is_no_gpu_to_tell_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without the extra `gpu`."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_in_use() is None


def test_nvidias_package_has_what_is_asked_of_it() -> None:
    """Where it is installed: a name that it does not have would be an error, not a GPU that says nothing."""
    pynvml = pytest.importorskip("pynvml", reason="it comes with the extra `gpu`")
    assert [name for name in (*NAMES, "NVMLError") if not hasattr(pynvml, name)] == []
    assert {"used", "total"} <= {field[0] for field in pynvml.c_nvmlMemory_t._fields_}
    assert "gpu" in {field[0] for field in pynvml.c_nvmlUtilization_t._fields_}


def test_a_process_tells_of_itself() -> None:
    """Its machine, its memory and its time."""
    found = this_process()
    assert (found.node, found.gpu) == (os.uname().nodename, None)
    assert found.resident_bytes > 1_000_000
    assert found.cpu_s > 0
