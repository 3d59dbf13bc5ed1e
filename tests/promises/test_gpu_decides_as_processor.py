"""Where there is a GPU, it finds the faces that a processor finds, and their vectors are as near to everyone's."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from cluster.plan import open_vision, read_plan
from loadtests.bench_frames import compose
from loadtests.temporary import CONFIGS
from operators.errors import DeviceUnavailable
from operators.onnx import providers
from operators.vision import Seen, Vision

MOST = 0.002  # that a cosine may differ by, in float32
SEED = 20261126
HAS_CUDA = "CUDAExecutionProvider" in providers()


def _vision(folder: Path, device: str) -> Vision:
    models = {"manifests": str(CONFIGS / "models"), "files": str(CONFIGS / "models")}
    policy = str(CONFIGS / "policies" / "demo-1.yaml")
    file = folder / f"{device}.yaml"
    file.write_text(yaml.safe_dump({"cluster": "gpu", "device": device, "models": models, "policy": policy}))
    try:
        return open_vision(read_plan(file))
    except DeviceUnavailable as refused:
        pytest.skip(str(refused))


@pytest.mark.gpu
@pytest.mark.skipif(not HAS_CUDA, reason="this onnxruntime offers no CUDA")
def test_no_face_and_no_cosine_depends_on_the_device(tmp_path: Path) -> None:
    """Frames of three faces, against faces of each other and random vectors."""
    jpegs = compose(8, (1920, 1080), 3)
    found = {device: _vision(tmp_path, device).see(jpegs) for device in ("cpu", "cuda")}
    sides = [[one for one in seen if isinstance(one, Seen)] for seen in found.values()]
    assert [len(side) for side in sides] == [len(jpegs)] * 2
    for on_cpu, on_gpu in zip(*sides, strict=True):
        assert on_gpu.gated == on_cpu.gated
        np.testing.assert_allclose(on_gpu.faces.boxes, on_cpu.faces.boxes, atol=0.1)
    ours, theirs = (np.concatenate([one.vectors for one in side]) for side in sides)
    assert len(ours) > len(jpegs)
    draw = np.random.default_rng(SEED).standard_normal((10_000, ours.shape[1])).astype(np.float32)
    others = np.concatenate([ours, draw / np.linalg.norm(draw, axis=1, keepdims=True)])
    differ = float(np.abs(theirs @ others.T - ours @ others.T).max())
    assert differ <= MOST, f"seed {SEED}"
