"""One person on one list, and how alike two vectors are."""

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from operators.types import Float32

# Bound on what float32 accumulation may lose against float64 for unit vectors of up to 2,048 dimensions: d * 2**-24.
ROUNDING = 2048 * 2.0**-24


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One person on one list.

    Attributes:
        ref: Opaque reference, unique over all lists.
        watchlist: Name of the list.
        vectors: (m, d) float32 unit vectors, m at least 1.
        not_after: UTC-aware; from then on the entry does not match.
        contract: Digest of the embedding contract that made the vectors.
        digest: SHA-256 (hex) of the record it came from.
    """

    ref: str
    watchlist: str
    vectors: Float32
    not_after: datetime
    contract: str
    digest: str


def cosine_of(a: Float32, b: Float32) -> float:
    """Cosine of two float32 unit vectors (d,): the number that is compared and alerted, the same on every machine.

    Products of float32 are exact in float64 and their sum is rounded once, so no order of summation can change it. Cut
    to [-1, 1]: a unit vector rounded to float32 is up to 1e-7 longer or shorter than 1.
    """
    cosine = math.fsum((a.astype(np.float64) * b.astype(np.float64)).tolist())
    return max(min(cosine, 1.0), -1.0)  # with the cosine first NaN stays NaN, the other way round it becomes 1
