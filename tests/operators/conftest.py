"""Small graphs, drawn images and manifests, so that no test of this folder needs a trained model or a face."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from operators.align import TEMPLATE_NAME
from operators.jpeg import JpegLimits
from operators.models import Adapter, ModelManifest, People
from tests.graphs import build_embedder, build_scrfd, build_yunet

Build = Callable[..., bytes]
Describe = Callable[..., ModelManifest]


@pytest.fixture(scope="session")
def yunet() -> Build:
    """Builds a YuNet of bright cells."""
    return build_yunet


@pytest.fixture(scope="session")
def scrfd() -> Build:
    """Builds an SCRFD of bright cells."""
    return build_scrfd


@pytest.fixture(scope="session")
def embedder() -> Build:
    """Builds an embedder of brightness fields."""
    return build_embedder


@pytest.fixture(scope="session")
def describe() -> Describe:
    """Builds the manifest of some model bytes."""

    def build(model: bytes, adapter: Adapter, **changes: Any) -> ModelManifest:
        fields: dict[str, Any] = {
            "name": "drawn",
            "adapter": adapter,
            "file": "drawn.onnx",
            "size_bytes": len(model),
            "sha256": hashlib.sha256(model).hexdigest(),
            "licence": "Apache-2.0",
            "training_data": "none",
            "evaluation": "none",
            "people": People.SYNTHETIC,
            "colour": "bgr",
            "mean": (0.0, 0.0, 0.0),
            "scale": (1.0, 1.0, 1.0),
            "dimension": 16 if adapter is Adapter.EMBEDDER112 else None,
            "template": TEMPLATE_NAME if adapter is Adapter.EMBEDDER112 else None,
        }
        return ModelManifest(**{**fields, **changes})

    return build


@pytest.fixture(scope="session")
def limits() -> JpegLimits:
    """Generous limits on frames."""
    return JpegLimits(max_bytes=1_000_000, max_side_px=4096, max_pixels=16_000_000, min_side_px=8, max_scans=20)


@pytest.fixture(scope="session")
def picture() -> npt.NDArray[np.uint8]:
    """A smooth coloured pattern, (120, 200, 3) uint8, BGR."""
    y, x = np.mgrid[:120, :200]
    planes = [127 + 120 * np.sin(x / 17), 127 + 120 * np.cos(y / 11), 127 + 60 * np.sin((x + y) / 23)]
    return np.stack(planes, axis=2).astype(np.uint8)


@pytest.fixture(scope="session")
def testdata() -> Path:
    """The folder of real models and photographs, which the project does not ship."""
    folder = os.environ.get("BEHOLDEN_TESTDATA")
    if not folder:
        pytest.skip("BEHOLDEN_TESTDATA does not name a folder with models and photographs")
    return Path(folder)
