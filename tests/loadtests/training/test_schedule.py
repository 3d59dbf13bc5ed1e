import itertools

import pytest

from loadtests.training.schedule import Budget, ramp, rate


def test_a_budget_of_steps_knows_no_clock() -> None:
    """The same steps give the same schedule on any machine."""
    budget = Budget(steps=8)
    assert [budget.used(step) for step in (0, 2, 8)] == [0, 0.25, 1]


def test_a_budget_of_seconds_knows_no_steps() -> None:
    """Time counts from when the budget was made."""
    clock = itertools.count(100, 5).__next__
    budget = Budget(seconds=20, clock=clock)
    assert [budget.used(7) for _ in range(4)] == [0.25, 0.5, 0.75, 1]


def test_of_two_limits_the_nearer_counts() -> None:
    """Whichever is used up first ends the training."""
    budget = Budget(steps=10, seconds=100, clock=iter([0.0, 50.0, 50.0]).__next__)
    assert [budget.used(1), budget.used(9)] == [0.5, 0.9]


def test_a_budget_without_end_is_refused() -> None:
    """Neither steps nor seconds would train for ever."""
    with pytest.raises(ValueError, match="give steps, seconds or both"):
        Budget()


def test_the_rate_rises_then_falls() -> None:
    """From near zero to the peak and down to a hundredth of it, never above and never zero."""
    assert rate(0.0, 1.0) == pytest.approx(0.01)
    assert rate(0.05, 1.0) == pytest.approx(1.0)
    falling = [rate(used / 20, 1.0) for used in range(1, 21)]
    assert falling == sorted(falling, reverse=True)
    assert rate(1.0, 1.0) == rate(1.7, 1.0) == pytest.approx(0.01)


def test_a_ramp_is_flat_outside() -> None:
    """Nothing before, everything after."""
    assert [ramp(used, 0.2, 0.4) for used in (0.0, 0.2, 0.3, 0.4, 1.0)] == pytest.approx([0, 0, 0.5, 1, 1])
