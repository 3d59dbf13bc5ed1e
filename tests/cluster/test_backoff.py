"""Waits that spread those who wait."""

import random

import pytest

from cluster.backoff import pause_s


@pytest.mark.parametrize(("attempt", "longest"), [(0, 0.5), (1, 1.0), (2, 2.0), (3, 3.0), (10, 3.0), (10**6, 3.0)])
def test_the_longest_wait_doubles_up_to_a_bound(attempt: int, longest: float) -> None:
    """However long something has been failing."""
    assert pause_s(attempt, 0.5, 3.0, lambda: 1.0) == longest


def test_waits_are_spread_over_all_of_the_time() -> None:
    """A hundred who fail at once: some in every tenth of the wait, nearly none beyond what chance gives."""
    draw = random.Random(17).random  # noqa: S311 - a wait, not a secret
    tenths = [int(10 * pause_s(4, 1.0, 8.0, draw) / 8.0) for _ in range(100)]
    assert set(tenths) == set(range(10))
    assert max(map(tenths.count, tenths)) < 25
