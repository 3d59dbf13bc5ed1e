"""Shares with their uncertainty: exact intervals, and resampling of whole people where pictures of one are alike."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtests.people.draws import draw_of

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]
Interval = tuple[float, float]

_OUTSIDE = 0.025  # on either side of a 95 % interval
RESAMPLES = 1000
FEW = 30
"""Below this many errors a share says little by itself (the rule of 30): its interval says more."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of cases.

    Attributes:
        hits: How many.
        of: Of how many.
        exact: 95 % interval after Clopper and Pearson, which takes the cases as independent.
        resampled: 95 % interval when whole people are drawn anew, None where nobody has more than one case.
    """

    hits: int
    of: int
    exact: Interval
    resampled: Interval | None = None

    @property
    def value(self) -> float:
        """The share; NaN of nothing."""
        return self.hits / self.of if self.of else float("nan")

    @property
    def widest(self) -> Interval:
        """The lower of both lower ends, and the higher of both higher ends."""
        low, high = self.exact
        return (low, high) if self.resampled is None else (min(low, self.resampled[0]), max(high, self.resampled[1]))


def rate(hits: Bools, people: Rows | None = None, seed: int = 0) -> Rate:
    """The share of cases that are hits.

    Args:
        hits: (n,) one a case.
        people: (n,) whose case each is; None when each is another person's.
        seed: Of the resampling.
    """
    count, of = int(hits.sum()), len(hits)
    return Rate(count, of, exact(count, of), None if people is None else resampled(hits, people, seed))


def exact(hits: int, of: int) -> Interval:
    """The 95 % interval after Clopper and Pearson; all of [0, 1] when there are no cases."""
    from scipy.special import betaincinv  # type: ignore[import-untyped]  # an extra; scipy.stats loads for a second

    if of == 0:
        return 0.0, 1.0
    low = betaincinv(hits, of - hits + 1, _OUTSIDE) if hits else 0.0
    high = betaincinv(hits + 1, of - hits, 1 - _OUTSIDE) if hits < of else 1.0
    return float(low), float(high)


def resampled(hits: Bools, people: Rows, seed: int) -> Interval:
    """The 95 % interval of the share when people are drawn anew, with all their cases, as often as there are people.

    Args:
        hits: (n,) one a case.
        people: (n,) whose case each is.
        seed: Of the draws: equal seeds give equal intervals.
    """
    if not len(hits):
        return 0.0, 1.0
    found, cases = per_person(hits, people)
    draw = draw_of(seed, 50)
    drawn = draw.integers(0, len(found), (RESAMPLES, len(found)))
    shares = found[drawn].sum(1) / cases[drawn].sum(1)
    low, high = np.quantile(shares, [_OUTSIDE, 1 - _OUTSIDE])
    return float(low), float(high)


def per_person(hits: Bools, people: Rows) -> tuple[Floats, Floats]:
    """Hits and cases of each person, (p,) and (p,), in order of the numbers in `people`."""
    _, own = np.unique(people, return_inverse=True)
    found = np.bincount(own, hits.astype(np.float64)).astype(np.float64)
    return found, np.bincount(own).astype(np.float64)


def exact_count(events: int) -> Interval:
    """The 95 % interval of the expected number of rare events of which so many were counted, after Garwood."""
    from scipy.special import gammaincinv

    low = float(gammaincinv(events, _OUTSIDE)) if events else 0.0
    return low, float(gammaincinv(events + 1, 1 - _OUTSIDE))
