"""How late frames were given to Kafka, and when that makes the sender the limit."""

import pytest

from loadtests.load.lateness import Lateness, together


def test_what_is_kept_does_not_grow_with_the_frames() -> None:
    """A run of hours is looked at ten times a second, by the process that sends and reads alerts."""
    late = Lateness()
    for number in range(10_000):
        late.add(0.001 * (number % 100))
    assert late.memory.nbytes < 100_000
    assert (late.frames, late.latest_s, late.most_s) == (10_000, pytest.approx(0.099), pytest.approx(0.099))
    assert late.p99_s == pytest.approx(0.099, abs=0.002)


def test_a_percentile_is_never_less_than_it_was() -> None:
    """Rounded up to a millisecond; of what is beyond all steps, the most."""
    late = Lateness()
    assert (late.p99_s, late.limit) == (0.0, None)
    for each in (0.0101, 0.0101, 60.0, 70.0):
        late.add(each)
    assert late.p99_s == 70.0
    few = Lateness()
    few.add(0.0101)
    assert few.p99_s == pytest.approx(0.011)


@pytest.mark.parametrize(
    ("late_s", "of", "is_limit"), [(0.3, 2, True), (0.3, 0, False), (1.9, 1, False), (2.1, 1, True)]
)
def test_many_late_frames_or_one_standstill_make_the_sender_the_limit(late_s: float, of: int, is_limit: bool) -> None:
    """In hours of frames a standstill of minutes is less than one percent."""
    late = Lateness()
    for number in range(100):
        late.add(late_s if number < of else 0.01)
    assert (late.limit is not None) is is_limit


def test_what_several_processes_count_is_one_count() -> None:
    """Ninety-nine that were in time and one that was not, wherever they were sent."""
    parts = [Lateness(), Lateness()]
    for number in range(100):
        parts[number % 2].add(3.0 if number == 40 else 0.0101)
    whole = together(parts)
    assert (whole.frames, whole.p99_s, whole.most_s) == (100, pytest.approx(0.011), 3.0)
    assert whole.latest_s == pytest.approx(0.0101)
    assert whole.limit is not None
    assert [each.limit is None for each in parts] == [False, True]
