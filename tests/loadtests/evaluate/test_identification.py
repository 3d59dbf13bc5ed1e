"""Thresholds, hits and misses of searches, by hand-worked tables."""

import numpy as np
import pytest

from loadtests.evaluate.identification import NOTHING, Best, of_mate, reaches, search, threshold_at
from operators.types import Float32

TEN = np.array([0.9, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


@pytest.mark.parametrize(
    ("share", "threshold", "alerts"),
    [
        pytest.param(0.1, 0.8001, 1, id="one may alert"),
        pytest.param(0.2, 0.8001, 1, id="two may, but the second and third tie: neither does"),
        pytest.param(0.3, 0.7001, 3, id="three may: both of the tie do"),
        pytest.param(0.05, 0.9001, 0, id="half a probe may not alert"),
        pytest.param(0.9, 0.1001, 9, id="all but one may"),
        pytest.param(1.0, -1.0, 10, id="all may"),
    ],
)
def test_no_more_than_the_share_reach_the_threshold(share: float, threshold: float, alerts: int) -> None:
    """The lowest such multiple of 0.0001, just above the first probe that must not alert."""
    assert threshold_at(TEN, share) == threshold
    assert reaches(TEN, threshold_at(TEN, share)).sum() == alerts


@pytest.mark.parametrize(
    "cosine", [0.1234, 0.12340000000001, 0.1233999999999, np.float64(np.float32(0.3)), 0.0, -0.5, 1.0]
)
def test_the_threshold_is_truly_above_whatever_the_rounding(cosine: float) -> None:
    """A cosine that is itself a multiple of 0.0001 does not reach it."""
    found = threshold_at(np.array([cosine]), 0.5)
    assert cosine < found <= cosine + 1.001e-4


def test_probes_that_were_not_searched_never_alert() -> None:
    """Nine of ten are lost: the threshold for a tenth may be as low as cosines go."""
    cosines = np.array([0.5, *[NOTHING] * 9])
    assert threshold_at(cosines, 0.1) == -1.0
    assert reaches(cosines, -1.0).sum() == 1


def test_someone_else_first_is_a_miss_however_alike() -> None:
    """Right entry, wrong entry, not searched, not enrolled."""
    best = Best(np.array([0.7, 0.99, NOTHING, 0.6]), np.array([0, 0, -1, 2]), 0)
    own = of_mate(best, np.array([0, 1, 1, -1]))
    assert own.tolist() == [0.7, NOTHING, NOTHING, NOTHING]
    assert reaches(own, 0.5).tolist() == [True, False, False, False]
    assert reaches(own, 0.7).tolist() == [True, False, False, False]


def vector(*values: float) -> Float32:
    """A vector."""
    return np.array(values, np.float32)


def test_the_best_entry_is_found_and_ties_are_counted() -> None:
    """Of equally alike entries the first, as every index does."""
    watchlist = np.stack([vector(1, 0), vector(0, 1), vector(0, 1)])
    best = search([vector(0.6, 0.8), None, vector(1, 0)], watchlist)
    assert best.row.tolist() == [1, -1, 0]
    assert best.cosine.tolist() == [pytest.approx(0.8), NOTHING, 1.0]
    assert best.ties == 1


def test_an_empty_watchlist_finds_nobody() -> None:
    """Also when it is searched."""
    best = search([vector(1, 0)], np.zeros((0, 2), np.float32))
    assert best.row.tolist() == [-1]
    assert best.cosine.tolist() == [NOTHING]


def test_a_single_entry_has_no_second() -> None:
    """And no tie."""
    assert search([vector(1, 0)], vector(1, 0)[None]).ties == 0
