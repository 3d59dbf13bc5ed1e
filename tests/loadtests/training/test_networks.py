import pytest

torch = pytest.importorskip("torch", reason="training needs torch, which the project does not install")

from loadtests.training.networks import DetectionNetwork, EmbeddingNetwork, count_parameters  # noqa: E402
from operators.yunet import OUTPUTS  # noqa: E402


def test_the_embedder_is_small_and_gives_one_row_a_crop() -> None:
    """Under 460,000 numbers, so that its file stays under 2 MB."""
    network = EmbeddingNetwork(128).eval()
    with torch.no_grad():
        assert network(torch.zeros(3, 3, 112, 112)).shape == (3, 128)
    assert count_parameters(network) < 460_000


def test_where_a_feature_lies_changes_the_embedding() -> None:
    """A mark on the left cheek is another person than the same mark on the right one."""
    torch.manual_seed(0)
    network = EmbeddingNetwork(64).eval()
    crops = torch.zeros(2, 3, 112, 112)
    crops[0, :, 60:70, 32:42] = 1
    crops[1, :, 60:70, 64:74] = 1
    with torch.no_grad():
        left, right = network(crops)
    assert (left - right).norm() > 0.05 * left.norm()


@pytest.mark.parametrize(("height", "width"), [(64, 96), (320, 320)])
def test_the_detector_has_the_twelve_outputs_in_order(height: int, width: int) -> None:
    """Names, order and shapes are those the operator reads."""
    network = DetectionNetwork().eval()
    with torch.no_grad():
        outputs = network(torch.zeros(2, 3, height, width))
    assert tuple(outputs) == OUTPUTS
    columns = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
    for name, value in outputs.items():
        kind, stride = name.split("_")
        assert value.shape == (2, height * width // int(stride) ** 2, columns[kind])
    assert 60_000 < count_parameters(network) < 500_000


def test_cells_stand_row_by_row() -> None:
    """A bright spot changes the answers around the cell it lies in."""
    torch.manual_seed(1)
    network = DetectionNetwork().eval()
    images = torch.zeros(2, 3, 64, 128)
    images[1, :, 8:24, 88:104] = 255
    with torch.no_grad():
        dark, bright = network(images)["kps_8"]
    changed = (bright - dark).abs().sum(1).view(8, 16)
    row, column = (int(changed.sum(axis).argmax()) for axis in (1, 0))
    assert abs(row - 1.5) < 2
    assert abs(column - 11.5) < 2
