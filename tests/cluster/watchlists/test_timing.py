"""How long changes of the list take until they are searched with."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cluster.watchlists.timing import Timing
from tests.builders import NOW, record


def test_changes_are_counted_by_their_kind() -> None:
    """An empty value is a withdrawal; the last of each kind is told apart."""
    timing = Timing()
    timing.has_come([record(b"entry"), record(b"")])
    timing.took_effect(NOW + timedelta(seconds=0.5))
    timing.has_come([record(b"")])
    timing.took_effect(NOW + timedelta(seconds=2))
    assert {kind: each.count for kind, each in timing.effects.items()} == {"enrolled": 1, "withdrawn": 2}
    assert timing.last_effect_s == pytest.approx({"enrolled": 0.5, "withdrawn": 2.0})


def test_a_clock_ahead_counts_as_no_time() -> None:
    """Whoever wrote the change had another clock."""
    timing = Timing()
    timing.has_come([record(b"entry")])
    timing.took_effect(NOW - timedelta(seconds=3))
    assert (timing.last_effect_s["enrolled"], timing.effects["enrolled"].total_s) == (0.0, 0.0)


def test_the_oldest_change_that_is_not_in_effect_is_told() -> None:
    """Until it is; by kind, since a withdrawal that waits is another matter than somebody new."""
    timing, later = Timing(), NOW + timedelta(seconds=7)
    assert timing.waiting_s(later) == {"enrolled": 0.0, "withdrawn": 0.0}
    timing.has_come([record(b""), replace(record(b""), timestamp_ms=record(b"").timestamp_ms + 5000)])
    assert timing.waiting_s(later) == pytest.approx({"enrolled": 0.0, "withdrawn": 7.0})
    timing.took_effect(later)
    assert timing.waiting_s(later)["withdrawn"] == 0.0


def test_a_search_that_fails_is_not_counted() -> None:
    """Its time says nothing."""
    timing = Timing()
    with timing.search():
        pass
    with pytest.raises(RuntimeError), timing.search():
        raise RuntimeError
    assert timing.searches.count == 1
