"""Random watchlists, and what a search must find in them, by brute force in exact arithmetic."""

import math
from datetime import timedelta
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from indexes.entry import Entry
from operators.types import Float32
from tests.builders import DIMENSION, NOW, entry, random_units

POOL = np.concatenate([random_units(11, 12), np.eye(DIMENSION, dtype=np.float32)[:4]])
"""(16, 8) vectors that entries and queries share, so that ties and duplicates are common."""


def entries(max_size: int = 12) -> st.SearchStrategy[list[Entry]]:
    """Entries over three lists with one to three vectors, some expired, some expiring at this very moment."""
    drawn = st.tuples(
        st.sampled_from(["alpha", "beta", "gamma"]),
        st.lists(st.integers(0, len(POOL) - 1), min_size=1, max_size=3),
        st.sampled_from([-1, 0, 1, 1, 1]),
    )
    return st.lists(drawn, max_size=max_size).map(
        lambda rows: [
            entry(f"e{at:02}", *POOL[picked], watchlist=name, not_after=NOW + timedelta(milliseconds=left))
            for at, (name, picked, left) in enumerate(rows)
        ]
    )


def queries() -> st.SearchStrategy[list[int]]:
    """Rows of POOL."""
    return st.lists(st.integers(0, len(POOL) - 1), max_size=4)


def exact_cosine(a: Float32, b: Float32) -> float:
    """The exact product, rounded once to float64, cut to [-1, 1]."""
    exact = sum(Fraction(float(x)) * Fraction(float(y)) for x, y in zip(a, b, strict=True))
    return float(min(max(exact, Fraction(-1)), Fraction(1)))


def best_by_hand(
    people: list[Entry], asked: list[int], k: int, at_least: float
) -> tuple[Float32, list[list[tuple[str, str, float]]]]:
    """The vectors asked for, and for each (list, reference, cosine) of the best `k` entries of every list."""
    found = []
    for row in asked:
        best = []
        for name in sorted({one.watchlist for one in people}):
            ranked = sorted(
                (-max(exact_cosine(vector, POOL[row]) for vector in one.vectors), one.ref)
                for one in people
                if one.watchlist == name and one.not_after > NOW
            )
            best += [(name, ref, -negative) for negative, ref in ranked[:k] if -negative >= at_least]
        found.append(best)
    assert all(math.isfinite(cosine) for rows in found for *_, cosine in rows)
    return POOL[asked], found
