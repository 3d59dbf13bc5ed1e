"""How fast a recogniser is, by the counts of a few moments."""

from cluster.rates import RATE_WINDOW_S, Rates


def test_nothing_is_said_before_two_moments_were_measured() -> None:
    """Nor after a dataflow has begun anew."""
    rates = Rates()
    assert (rates.frames_per_s, rates.load(7)) == (0.0, None)
    rates.measure(1.0, 0, 0, 0.0)
    assert (rates.frames_per_s, rates.load(7)) == (0.0, None)
    rates.measure(2.0, 9, 9, 0.5)
    assert rates.frames_per_s == 9.0
    rates.begin()
    assert (rates.frames_per_s, rates.load(7)) == (0.0, None)


def test_what_waits_is_told_in_seconds_of_work() -> None:
    """By what a frame that is looked at takes; those that are shed take nothing."""
    rates = Rates()
    rates.measure(0.0, 100, 10, 1.0)
    rates.measure(4.0, 140, 20, 2.0)
    load = rates.load(30)
    assert load is not None
    assert (rates.frames_per_s, load.behind_s, load.busy) == (10.0, 3.0, 0.25)


def test_only_the_last_seconds_count() -> None:
    """What a frame took is still known when none was looked at in them."""
    rates = Rates()
    rates.measure(0.0, 0, 0, 0.0)
    rates.measure(1.0, 50, 10, 1.0)
    rates.measure(1.5 + RATE_WINDOW_S, 50, 10, 1.0)
    rates.measure(2.5 + RATE_WINDOW_S, 50, 10, 1.0)
    load = rates.load(30)
    assert load is not None
    assert (rates.frames_per_s, load.behind_s, load.busy) == (0.0, 3.0, 0.0)
