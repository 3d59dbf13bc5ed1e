import hashlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the project does not install")

from loadtests.training.embedder import COLOUR, MEAN, SCALE, normalise  # noqa: E402
from loadtests.training.export import export_detector, export_embedder  # noqa: E402
from loadtests.training.networks import DetectionNetwork, EmbeddingNetwork  # noqa: E402
from operators.align import TEMPLATE_NAME  # noqa: E402
from operators.detect import DetectSettings, open_detector  # noqa: E402
from operators.embed import open_embedder  # noqa: E402
from operators.models import Adapter, ModelManifest, People  # noqa: E402
from operators.onnx import Device, open_session  # noqa: E402

_RAW = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def _manifest(data: bytes, adapter: Adapter, dimension: int | None = None) -> ModelManifest:
    mean, scale = (MEAN, SCALE) if dimension else _RAW
    return ModelManifest(
        name="made-here",
        adapter=adapter,
        file="made-here.onnx",
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        licence="Apache-2.0",
        training_data="none",
        evaluation="none",
        people=People.SYNTHETIC,
        colour=COLOUR,
        mean=mean,
        scale=scale,
        dimension=dimension,
        template=TEMPLATE_NAME if dimension else None,
    )


def _stirred(network: torch.nn.Module) -> torch.nn.Module:
    """With other running means and variances than those of a new network, so that folding has something to fold."""
    torch.manual_seed(3)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.1)
    return network.eval()


@pytest.fixture(scope="module")
def embedder() -> torch.nn.Module:
    """Untrained, with 128 numbers a face."""
    return _stirred(EmbeddingNetwork(128))


@pytest.fixture(scope="module")
def detector() -> torch.nn.Module:
    """Untrained."""
    return _stirred(DetectionNetwork())


def test_the_file_says_nothing_about_the_machine(embedder: torch.nn.Module, detector: torch.nn.Module) -> None:
    """No paths, no programs, the same bytes each time, small enough for a repository."""
    for write, network in ((export_embedder, embedder), (export_detector, detector)):
        data = write(network)
        assert data == write(network)
        assert len(data) < 1_900_000
        assert not any(
            word in data for word in (b"/work", b"/opt", b"/tmp", b"/home", b"site-packages", b"torch", b".py")
        )


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_embedder_gives_what_torch_gives(embedder: torch.nn.Module, count: int) -> None:
    """For any number of crops, through the operator: the same directions."""
    data = export_embedder(embedder)
    crops = np.random.default_rng(1).integers(0, 256, (count, 112, 112, 3), np.uint8)
    found = open_embedder(_manifest(data, Adapter.EMBEDDER112, 128), data, Device.CPU, 1).embed(crops)
    with torch.no_grad():
        raw = embedder(normalise(torch.from_numpy(crops).permute(0, 3, 1, 2).float()))
    np.testing.assert_allclose(found, torch.nn.functional.normalize(raw).numpy(), atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 3, 736, 1280), (2, 3, 320, 320), (3, 3, 64, 96)])
def test_the_detector_gives_what_torch_gives(detector: torch.nn.Module, shape: tuple[int, ...]) -> None:
    """For any number of pictures and any sides of whole cells: every output, cls and obj after the sigmoid."""
    session = open_session(export_detector(detector), Device.CPU, 1)
    images = np.random.default_rng(2).integers(0, 256, shape).astype(np.float32)
    with torch.no_grad():
        expected = detector(torch.from_numpy(images))
    for port, found in zip(session.outputs, session.run(images), strict=True):
        wanted = expected[port.name].sigmoid() if port.name[:3] in ("cls", "obj") else expected[port.name]
        np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)


def test_the_detector_opens_and_finds_nothing_before_it_has_learned() -> None:
    """The operator takes it for a YuNet of any batch; the prior of a new network keeps it silent."""
    data = export_detector(DetectionNetwork().eval())
    settings = DetectSettings(confidence=0.5, overlap=0.3, max_side_px=1280)
    opened = open_detector(_manifest(data, Adapter.YUNET), data, Device.CPU, 1, settings)
    assert opened.batch is None
    pictures = [np.full((120, 200, 3), grey, np.uint8) for grey in (0, 128)]
    assert [len(faces) for faces in opened.detect_batch(pictures)] == [0, 0]
