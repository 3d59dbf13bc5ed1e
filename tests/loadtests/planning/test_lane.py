"""One recogniser as a queue."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.planning.lane import arrivals, chances, simulate


def test_whoever_is_alone_waits_for_the_own_batch_only() -> None:
    """One camera whose next frame comes long after the one before is done."""
    found = simulate(1, 1.0, lambda frames: 0.02 + 0.01 * frames, 8, 0.0, frames=500)
    assert (found.p50_s, found.p99_s, found.batch) == (pytest.approx(0.03), pytest.approx(0.03), 1.0)


def test_what_waits_is_taken_together() -> None:
    """Near the limit batches are nearly full; a frame alone would be too slow by far."""
    assert simulate(40, 2.0, lambda frames: 0.04 + 0.005 * frames, 8, 0.1).batch > 5


@given(
    cameras=st.integers(1, 60),
    loads=st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95)),
    fixed=st.floats(0.0, 0.02),
    spread=st.floats(0.0, 0.5),
)
@settings(max_examples=15, deadline=None)
def test_more_frames_wait_no_less(cameras: int, loads: tuple[float, float], fixed: float, spread: float) -> None:
    """And p99 is no less than p50. Two frames that come at once are done together: that much may be gained."""

    def batch_s(frames: float) -> float:
        return fixed + 0.01 * frames

    most = 8 / batch_s(8)
    low, high = (simulate(cameras, most * load / cameras, batch_s, 8, spread, frames=3000) for load in sorted(loads))
    assert low.p99_s >= low.p50_s
    assert high.p99_s >= high.p50_s
    assert high.p99_s >= low.p99_s - batch_s(1)
    assert high.p50_s >= low.p50_s - batch_s(1)


def test_cameras_send_evenly_and_not_exactly() -> None:
    """A frame each in every stretch, with jitter, whatever the seed."""
    came = arrivals(10, 1000, 3)
    assert len(came) == 1000
    assert np.all(np.diff(came) >= 0)
    assert np.allclose(np.histogram(came, np.arange(2, 99))[0].mean(), 10, atol=0.1)
    assert not np.array_equal(came, arrivals(10, 1000, 4))


def test_chances_change_nothing_on_the_mean() -> None:
    """And spread as they are said to."""
    drawn = chances(50_000, 0.4, 1)
    assert drawn.mean() == pytest.approx(1.0, abs=0.01)
    assert drawn.std() == pytest.approx(0.4, abs=0.02)
    assert np.all(chances(3, 0.0, 1) == 1.0)
