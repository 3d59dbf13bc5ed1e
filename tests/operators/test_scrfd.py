import numpy as np
import pytest

from operators.scrfd import read_scrfd
from operators.types import Faces, Float32

WIDTH, HEIGHT = 96, 64
NAMES = [str(n) for n in range(9)]


def _silence() -> list[Float32]:
    """Outputs for a 96x64 input in which there is nothing."""
    rows = [2 * WIDTH * HEIGHT // stride**2 for stride in (8, 16, 32)]
    return [np.zeros((n, columns), np.float32) for columns in (1, 4, 10) for n in rows]


def _read(outputs: list[Float32], confidence: float = 0.5) -> Faces:
    return read_scrfd(NAMES, outputs, WIDTH, confidence)


@pytest.mark.parametrize("anchor", [0, 1])
@pytest.mark.parametrize(("cell", "level", "column", "line"), [(14, 0, 2, 1), (7, 1, 1, 1), (5, 2, 2, 1)])
def test_geometry(cell: int, level: int, column: int, line: int, anchor: int) -> None:
    """Both anchors of a cell stand at its corner; sides and landmarks count from there in strides."""
    outputs = _silence()
    row, stride = 2 * cell + anchor, (8, 16, 32)[level]
    outputs[level][row] = 0.75
    outputs[3 + level][row] = [1, 0.5, 3, 2]
    outputs[6 + level][row] = np.arange(10) / 10
    faces = _read(outputs)
    x, y = column * stride, line * stride
    np.testing.assert_allclose(faces.boxes, [[x - stride, y - stride / 2, x + 3 * stride, y + 2 * stride]], rtol=1e-6)
    points = (np.arange(10).reshape(5, 2) / 10 + [column, line]) * stride
    np.testing.assert_allclose(faces.landmarks, points[None], rtol=1e-5)
    assert faces.confidence.tolist() == [0.75]


def test_nothing_is_found_in_silence() -> None:
    """No row above the threshold gives no faces."""
    assert len(_read(_silence())) == 0


def test_the_threshold_is_inclusive() -> None:
    """A confidence equal to the threshold is a face."""
    outputs = _silence()
    outputs[0][4] = 0.5
    assert len(_read(outputs, 0.5)) == 1
    assert len(_read(outputs, 0.51)) == 0
