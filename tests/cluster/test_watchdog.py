"""Calls that return, raise, or never do either."""

import threading

import pytest

from cluster.watchdog import GivenUp, within


def test_what_returns_in_time() -> None:
    """Its value, or its own error: also a TimeoutError of its own, which is not the watchdog's."""
    assert within(5.0, lambda: 7) == 7

    def fail() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        within(5.0, fail)


def test_what_does_not_return() -> None:
    """It is given up, and goes on by itself."""
    goes_on, done = threading.Event(), threading.Event()
    with pytest.raises(GivenUp, match=r"0\.01 s"):
        within(0.01, lambda: (goes_on.wait(5.0), done.set()))
    goes_on.set()
    assert done.wait(5.0)
