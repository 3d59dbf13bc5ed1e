"""Searches in a watchlist: pure functions on cosines."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexes.exact import ExactIndex
from loadtests.evaluate.rates import Bools, Floats, Rows
from operators.types import Float32

NOTHING = -math.inf
"""Cosine of a probe that was not searched, and of a mated one whose best entry is somebody else."""
STEP = 1e-4
"""Thresholds are multiples of this: the one that is printed is the one that was measured."""
_AT_ONCE = 500  # searches: bounds the memory


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The best entry of each probe.

    Attributes:
        cosine: (n,) float64, NOTHING for a probe that was not searched.
        row: (n,) of the watchlist, -1 for a probe that was not searched.
        ties: How many probes are as alike to a second entry.
    """

    cosine: Floats
    row: Rows
    ties: int


def search(vectors: Sequence[Float32 | None], watchlist: Float32) -> Best:
    """Search each probe in the watchlist, exactly.

    Args:
        vectors: (d,) float32 each, None where there is none.
        watchlist: (N, d) float32.
    """
    cosine, row, ties = np.full(len(vectors), NOTHING), np.full(len(vectors), -1, np.intp), 0
    there = np.array([at for at, vector in enumerate(vectors) if vector is not None], np.intp)
    index = ExactIndex(watchlist)
    for start in range(0, len(there) if len(watchlist) else 0, _AT_ONCE):
        part = there[start : start + _AT_ONCE]
        cosines, rows = index.search(np.stack([vectors[at] for at in part]), 2)
        cosine[part], row[part] = cosines[:, 0], rows[:, 0]
        ties += int((cosines[:, :1] == cosines[:, 1:]).sum())
    return Best(cosine, row, ties)


def of_mate(best: Best, mates: Rows) -> Floats:
    """The cosine with which each mated probe finds its own entry first.

    Args:
        best: Of the n probes.
        mates: (n,) row of each probe's own entry, -1 where the person could not be enrolled.

    Returns:
        (n,) NOTHING where another entry is more alike, or there is none.
    """
    own = (best.row == mates) & (mates >= 0)
    return np.where(own, best.cosine, NOTHING)


def threshold_at(cosines: Floats, share: float) -> float:
    """The lowest threshold that at most this share of probes reaches, a multiple of STEP, -1 at least.

    Args:
        cosines: (n,) best cosine of each probe of people on no list.
        share: 0 to 1. Of n probes it must be at least one, or the threshold lies above all of them.
    """
    allowed = int(share * len(cosines) + 1e-9)
    if allowed >= len(cosines):
        return -1.0
    first_refused = float(np.sort(cosines)[-1 - allowed])
    if first_refused < -1:
        return -1.0
    steps = math.floor(first_refused / STEP)
    while round(steps * STEP, 9) <= first_refused:
        steps += 1
    return round(steps * STEP, 9)


def reaches(cosines: Floats, threshold: float) -> Bools:
    """Which probes raise an alert, (n,): those at or above the threshold."""
    return cosines >= threshold
