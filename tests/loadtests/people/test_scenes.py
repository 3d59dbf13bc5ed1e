"""Schedules of walks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.people.nuisance import Range
from loadtests.people.scenes import CLEAR_FRAMES, Crowd, Schedule, _is_clear, plan_walks

LISTED = {f"person-{seed}": seed for seed in range(20)}
CROWD = Crowd(LISTED, range(100, 160), per_minute=30, listed_share=0.4, again_after_s=20)


def plan(seed: int, seconds: float = 40.0, fps: float = 5.0) -> Schedule:
    """A busy street with two cameras."""
    return plan_walks(seed, ["left", "right"], fps, seconds, CROWD)


@given(st.integers(0, 10_000))
def test_every_expected_alert_can_be_given(seed: int) -> None:
    """Each listed person is clearly seen in enough frames, never twice within the cool-down, and all have left."""
    schedule = plan(seed)
    for passage in schedule.expected:
        beside = [one for one in schedule.passages if one.camera == passage.camera]
        frames = [number / schedule.fps for number in range(schedule.frames)]
        seen = sum(_is_clear(passage, beside, at) for at in frames if passage.is_in_view(at))
        assert seen >= CLEAR_FRAMES
        assert not passage.away
        assert schedule.listed[passage.entry or ""] == passage.person
        again = [one for one in beside if one.entry == passage.entry and one.enters_s > passage.enters_s]
        assert all(one.enters_s - passage.leaves_s >= CROWD.again_after_s for one in again)
    assert all(0 < one.enters_s < one.leaves_s <= schedule.seconds for one in schedule.passages)
    assert [one.number for one in schedule.passages] == list(range(len(schedule.passages)))


def test_a_schedule_is_its_seed() -> None:
    """The same twice, another for another seed."""
    assert plan(1) == plan(1)
    assert plan(1) != plan(2)


def test_everybody_comes() -> None:
    """Listed people and strangers, in both views, some walking away."""
    schedule = plan(1, 120)
    assert {one.camera for one in schedule.passages} == {"left", "right"}
    assert len(schedule.expected) > 10
    strangers = [one for one in schedule.passages if one.entry is None]
    assert any(one.away for one in strangers)
    assert all(one.person in range(100, 160) for one in strangers)
    assert max(len(schedule.in_view("left", at)) for at in range(120)) >= 2


def test_people_grow_and_come_down_the_picture() -> None:
    """Towards the camera a head gets larger and lower; the farthest comes first in the list."""
    schedule = plan(1)
    passage = next(one for one in schedule.passages if not one.away)
    times = [passage.enters_s + share * (passage.leaves_s - passage.enters_s) for share in (0.1, 0.5, 0.9)]
    sizes = [passage.scale_px(at) for at in times]
    rows = [passage.middle_px(at)[1] for at in times]
    assert sizes == sorted(sizes)
    assert rows == sorted(rows)
    for at in range(40):
        depths = [one.depth_m(at) for one in schedule.in_view("left", at)]
        assert depths == sorted(depths, reverse=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strangers": [5]}, "none of those who are listed"),
        ({"strangers": []}, "must be some"),
        ({"per_minute": 0}, "above 0"),
        ({"listed_share": 1.5}, r"\[0, 1\]"),
    ],
)
def test_a_crowd_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    """With a message that says what is wrong."""
    fields = {"listed": LISTED, "strangers": [100], "per_minute": 10, "listed_share": 0.5, "again_after_s": 20}
    with pytest.raises(ValueError, match=message):
        Crowd(**(fields | change))  # type: ignore[arg-type]


def test_too_short_a_time_is_refused() -> None:
    """Nobody can walk by in two seconds."""
    with pytest.raises(ValueError, match="nobody walks by within 2"):
        plan(1, 2)


def test_ranges_are_drawn_evenly() -> None:
    """From low to high."""
    import numpy as np

    values = [Range(2, 4).draw(np.random.default_rng(seed)) for seed in range(200)]
    assert 2 <= min(values) < 2.2
    assert 3.8 < max(values) <= 4
