"""How the rate of frames goes."""

import numpy as np
import pytest

from loadtests.load.shapes import DAY_CURVE, Course, Shape, due_times


def rate(due: "np.typing.NDArray[np.float64]", begin_s: float, end_s: float) -> float:
    """Frames a second within a part of the scenario."""
    return float(np.count_nonzero((due >= begin_s) & (due < end_s)) / (end_s - begin_s))


def test_a_constant_rate_has_a_frame_at_every_beat() -> None:
    """The first at once, or as much later as the phase says."""
    np.testing.assert_allclose(due_times(Shape(Course.CONSTANT), 5.0, 2.0), np.arange(10) / 5)
    np.testing.assert_allclose(due_times(Shape(Course.CONSTANT), 5.0, 2.0, 0.5), np.arange(10) / 5 + 0.1)


def test_a_ramp_rises_evenly() -> None:
    """From the least to the full rate: the mean lies between, at the ends it is near them."""
    due = due_times(Shape(Course.RAMP, least=0.2), 100.0, 100.0)
    assert len(due) == pytest.approx(6000, abs=1)
    assert rate(due, 0, 10) == pytest.approx(24, abs=1)
    assert rate(due, 90, 100) == pytest.approx(96, abs=1)


def test_a_spike_is_full_only_while_it_lasts() -> None:
    """Before and after it the least."""
    due = due_times(Shape(Course.SPIKE, least=0.1, begins_s=20.0, lasts_s=10.0), 50.0, 60.0)
    assert [rate(due, *part) for part in ((0, 20), (20, 30), (30, 60))] == pytest.approx([5, 50, 5], abs=0.3)


def test_a_day_is_busiest_at_eight() -> None:
    """The curve of a whole day, passed through in the scenario's length."""
    assert len(DAY_CURVE) == 24
    due = due_times(Shape(Course.DAY, least=0.01), 100.0, 240.0)
    assert rate(due, 78, 82) > 90 > 10 > rate(due, 20, 40)


@pytest.mark.parametrize(
    ("shape", "what"),
    [
        ({"course": Course.RAMP}, "least: missing for course ramp"),
        ({"course": Course.CONSTANT, "least": 0.5}, "least: means nothing to course constant"),
        ({"course": Course.RAMP, "least": 0.0}, "least: must be above 0"),
        ({"course": Course.SPIKE, "least": 0.5}, "begins_s: missing for course spike"),
        ({"course": Course.SPIKE, "least": 0.5, "begins_s": 1.0, "lasts_s": 0.0}, "lasts_s above 0"),
        ({"course": Course.DAY, "least": 0.5, "lasts_s": 1.0}, "lasts_s: means nothing to course day"),
    ],
)
def test_what_does_not_belong_together_is_refused(shape: dict[str, object], what: str) -> None:
    """With the key and the course."""
    with pytest.raises(ValueError, match=what):
        Shape(**shape)  # type: ignore[arg-type]
