import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from operators.boxes import overlaps
from operators.types import Float32

SIDES = st.tuples(*[st.floats(-4000, 4000, width=32)] * 4)


def _boxes(*rows: tuple[float, ...]) -> Float32:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_shared_area_over_joint_area() -> None:
    """Whole, half, corner, touching, apart."""
    found = overlaps(
        _boxes((0, 0, 10, 10)), _boxes((0, 0, 10, 10), (0, 0, 5, 10), (5, 5, 15, 15), (10, 0, 20, 10), (50, 50, 60, 60))
    )
    np.testing.assert_allclose(found, [[1, 0.5, 25 / 175, 0, 0]], rtol=1e-6)
    assert found.dtype == np.float32


def test_no_boxes_on_either_side() -> None:
    """Empty tables keep their shape."""
    some = _boxes((0, 0, 1, 1), (1, 1, 2, 2))
    assert overlaps(some, _boxes()).shape == (2, 0)
    assert overlaps(_boxes(), some).shape == (0, 2)


def test_boxes_without_area_overlap_nothing() -> None:
    """Points, lines and boxes turned inside out have no area to share, not even with themselves."""
    flat = _boxes((1, 1, 1, 1), (0, 0, 10, 0), (10, 10, 0, 0), (10, 0, 0, 10))
    assert not overlaps(flat, flat).any()
    assert not overlaps(flat, _boxes((0, 0, 10, 10))).any()


@given(st.lists(SIDES, max_size=4), st.lists(SIDES, max_size=4))
def test_a_share_lies_between_nothing_and_all_and_has_no_direction(a: list[tuple[float, ...]], b: list) -> None:  # type: ignore[type-arg]
    """In [0, 1], whatever the boxes, and the same from both sides."""
    found = overlaps(_boxes(*a), _boxes(*b))
    assert np.all((found >= 0) & (found <= 1))
    np.testing.assert_array_equal(found, overlaps(_boxes(*b), _boxes(*a)).T)
