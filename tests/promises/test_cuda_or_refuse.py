"""Promise 6: `device: cuda` runs on CUDA or refuses to start."""

import json
from pathlib import Path

import pytest

from cluster.plan import open_vision, read_plan
from operators.errors import DeviceUnavailable
from operators.onnx import Device, providers
from tests.drawn import write_deployment

HAS_CUDA = "CUDAExecutionProvider" in providers()


def _file(folder: Path, device: str) -> Path:
    path = folder / "cluster.yaml"
    path.write_text(json.dumps({"cluster": "drawn", "device": device, **write_deployment(folder)}))
    return path


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime offers CUDA: nothing to refuse")
def test_without_cuda_a_cluster_that_asks_for_it_does_not_start(tmp_path: Path) -> None:
    """No fallback to the processor; the message says what was found and what to do."""
    plan = read_plan(_file(tmp_path, "cuda"))
    assert plan.settings.device is Device.CUDA
    with pytest.raises(DeviceUnavailable, match=r"device cuda: .*CPUExecutionProvider.*install the extra gpu.*or set"):
        open_vision(plan)


def test_what_runs_is_what_was_asked_for(tmp_path: Path) -> None:
    """The provider is onnxruntime's own answer, not the setting repeated."""
    device = "cuda" if HAS_CUDA else "cpu"
    try:
        vision = open_vision(read_plan(_file(tmp_path, device)))
    except DeviceUnavailable:
        if device == "cpu":  # with CUDA, refusing is right where there is no card
            raise
        return
    assert vision.provider == f"{device.upper()}ExecutionProvider"
