"""Durations in fixed buckets."""

import math

import pytest

from cluster.stages import BUCKETS_S, Histogram, Stage, Stages, cumulative


@pytest.mark.parametrize(
    ("seconds", "bound"), [(0.0, 0.001), (0.001, 0.001), (0.0011, 0.0025), (30.0, 30.0), (-1, 0.001)]
)
def test_a_duration_is_counted_up_to_its_bound(seconds: float, bound: float) -> None:
    """The bound itself included; a clock that was put back counts as no time."""
    histogram = Histogram()
    histogram.took(seconds)
    assert next(le for le, count in cumulative(histogram.durations) if count) == bound


def test_what_is_longer_than_any_bucket_is_counted_too() -> None:
    """In the last one, which has no end; several at once count as so many."""
    histogram = Histogram()
    histogram.took(31.0, 3)
    assert list(cumulative(histogram.durations))[-2:] == [(BUCKETS_S[-1], 0), (math.inf, 3)]
    assert (histogram.durations.count, histogram.durations.total_s) == (3, 93.0)


def test_each_stage_counts_by_itself() -> None:
    """Stages that nothing has gone through are left out; each says how often it has failed."""
    stages = Stages()
    stages.took(Stage.DECODE, 0.25)
    stages.took(Stage.DECODE, 0.75)
    stages.failed(Stage.SEARCH)
    assert {stage: (one.count, one.total_s) for stage, one in stages.durations.items()} == {"decode": (2, 1.0)}
    assert {stage: failed for stage, failed in stages.errors.items() if failed} == {"search": 1}
    assert set(stages.errors) == set(Stage)
