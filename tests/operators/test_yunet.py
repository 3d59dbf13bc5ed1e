import numpy as np
import pytest

from operators.types import Float32
from operators.yunet import OUTPUTS, read_yunet

WIDTH, HEIGHT = 96, 64
COLUMNS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def _silence() -> dict[str, Float32]:
    """Outputs for a 96x64 input in which there is nothing."""
    shapes = {name: (WIDTH * HEIGHT // int(name.split("_")[1]) ** 2, COLUMNS[name.split("_")[0]]) for name in OUTPUTS}
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


def _face_at(row: int, stride: int) -> dict[str, Float32]:
    outputs = _silence()
    outputs[f"cls_{stride}"][row] = 0.9
    outputs[f"obj_{stride}"][row] = 0.4
    outputs[f"bbox_{stride}"][row] = [0.5, 0.25, np.log(3), np.log(2)]
    outputs[f"kps_{stride}"][row] = np.arange(10) / 10
    return outputs


def _read(outputs: dict[str, Float32], confidence: float = 0.5) -> tuple[Float32, Float32, Float32]:
    faces = read_yunet(list(outputs), list(outputs.values()), WIDTH, confidence)
    return faces.boxes, faces.confidence, faces.landmarks


@pytest.mark.parametrize(
    ("row", "stride", "column", "line"), [(14, 8, 2, 1), (7, 16, 1, 1), (5, 32, 2, 1), (0, 8, 0, 0)]
)
def test_geometry(row: int, stride: int, column: int, line: int) -> None:
    """A cell's offsets count in strides from its top left corner, with the size as an exponent."""
    boxes, confidence, landmarks = _read(_face_at(row, stride))
    x, y = (column + 0.5) * stride, (line + 0.25) * stride
    expected = [x - 1.5 * stride, y - stride, x + 1.5 * stride, y + stride]
    np.testing.assert_allclose(boxes, [expected], rtol=1e-5)
    np.testing.assert_allclose(confidence, [0.6], rtol=1e-5)
    points = (np.arange(10).reshape(5, 2) / 10 + [column, line]) * stride
    np.testing.assert_allclose(landmarks, points[None], rtol=1e-5)


def test_nothing_is_found_in_silence() -> None:
    """No cell above the threshold gives arrays of no rows."""
    boxes, confidence, landmarks = _read(_silence())
    assert (boxes.shape, confidence.shape, landmarks.shape) == ((0, 4), (0,), (0, 5, 2))


def test_the_threshold_applies_to_the_geometric_mean() -> None:
    """Class and object confidence of 0.9 and 0.4 count as 0.6."""
    assert len(_read(_face_at(3, 16), 0.599)[0]) == 1
    assert len(_read(_face_at(3, 16), 0.601)[0]) == 0


@pytest.mark.parametrize("confidence", [0.05, 0.5, 1.0])
def test_the_same_cells_are_kept_as_if_all_were_multiplied(confidence: float) -> None:
    """Also where factors are below 0, above 1 or no numbers, each of which a broken graph may give."""
    outputs, draw = _silence(), np.random.default_rng(5)
    for kind in ("cls", "obj"):
        values = outputs[f"{kind}_8"]
        values[:, 0] = draw.choice([-0.5, 0.0, 0.1, 0.4, 0.7, 0.99, 1.0, 1.5, np.nan], len(values))
    outputs["kps_8"][:, 0] = np.arange(len(outputs["kps_8"]))  # tells the cells apart
    both = np.clip(outputs["cls_8"][:, 0], 0, 1) * np.clip(outputs["obj_8"][:, 0], 0, 1)
    expected = np.flatnonzero(both >= np.float32(confidence) ** 2)
    _, found, landmarks = _read(outputs, confidence)
    assert 0 < len(expected) < len(both)
    assert (landmarks[:, 0, 0] / 8 - expected % (WIDTH // 8)).tolist() == expected.tolist()
    np.testing.assert_array_equal(found, np.sqrt(both[expected]))


def test_outputs_beyond_one_are_clipped() -> None:
    """A confidence is never above 1, whatever the graph gives."""
    outputs = _face_at(0, 8)
    outputs["cls_8"][0], outputs["obj_8"][0] = 1.5, 7
    assert _read(outputs)[1].tolist() == [1.0]


def test_what_is_not_finite_is_no_face() -> None:
    """Geometry that is not a number, or a size beyond every image, gives no warning and no NaN."""
    outputs = _face_at(0, 8)
    outputs["kps_8"][0, 3] = np.nan
    assert len(_read(outputs)[0]) == 0
    outputs = _face_at(0, 8)
    outputs["bbox_8"][0, 2] = 5000
    assert np.isfinite(_read(outputs)[0]).all()


def test_the_order_of_outputs_is_free() -> None:
    """Outputs are found by name."""
    outputs = dict(reversed(_face_at(4, 8).items()))
    assert _read(outputs)[0].tolist() == _read(_face_at(4, 8))[0].tolist()
