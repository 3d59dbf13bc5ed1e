"""Shares and their intervals, held against published and hand-worked numbers."""

import numpy as np
import pytest

from loadtests.evaluate.rates import Rate, exact, exact_count, per_person, rate, resampled


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        pytest.param(0, 10, 0.0, 0.3085, id="none of ten"),
        pytest.param(10, 10, 0.6915, 1.0, id="all of ten"),
        pytest.param(3, 100, 0.0062, 0.0852, id="three of a hundred"),
        pytest.param(8, 10, 0.4439, 0.9748, id="eight of ten"),
        pytest.param(8, 42, 0.0860, 0.3412, id="the 19 % that observers of the trials of 2016 to 2019 found"),
        pytest.param(0, 0, 0.0, 1.0, id="nothing is known of nothing"),
    ],
)
def test_the_exact_interval_is_the_published_one(hits: int, of: int, low: float, high: float) -> None:
    """After Clopper and Pearson, to four digits."""
    assert exact(hits, of) == pytest.approx((low, high), abs=5e-5)


def test_without_events_the_expected_number_may_still_be_almost_four() -> None:
    """Garwood's interval: -ln(0.025) when nothing was counted; 0.6187 to 8.7673 when three were."""
    assert exact_count(0) == pytest.approx((0, 3.6889), abs=5e-5)
    assert exact_count(3) == pytest.approx((0.6187, 8.7673), abs=5e-5)


def test_hits_and_cases_are_added_up_by_person() -> None:
    """Whatever numbers the people have, in their order."""
    found, cases = per_person(np.array([True, False, True, True]), np.array([9, 4, 9, 4]))
    assert found.tolist() == [1, 2]
    assert cases.tolist() == [2, 2]


def test_resampling_is_repeatable_and_knows_that_pictures_of_one_person_are_alike() -> None:
    """20 people who are found always or never say as much as 20 cases, not as 100."""
    people = np.repeat(np.arange(20), 5)
    hits = people % 2 == 0
    low, high = resampled(hits, people, seed=3)
    assert (low, high) == resampled(hits, people, seed=3)
    alone = resampled(hits, np.arange(100), seed=3)
    assert high - low > 2 * (alone[1] - alone[0])


def test_a_rate_carries_both_intervals_and_the_wider_of_them() -> None:
    """All found: people drawn anew are all found too; only the exact interval knows that there may be others."""
    found = rate(np.ones(10, bool), np.repeat(np.arange(5), 2))
    assert (found.value, found.resampled) == (1.0, (1.0, 1.0))
    assert found.widest == found.exact == pytest.approx((0.6915, 1), abs=5e-5)


def test_a_rate_of_nothing_is_not_a_number() -> None:
    """And its interval is everything."""
    found = rate(np.zeros(0, bool), np.zeros(0, np.intp))
    assert np.isnan(found.value)
    assert found == Rate(0, 0, (0.0, 1.0), (0.0, 1.0))
