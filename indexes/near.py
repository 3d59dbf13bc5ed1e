"""Entries of one list that may be the same person."""

from collections.abc import Iterator

import numpy as np

from indexes.columns import Columns
from indexes.entry import ROUNDING, cosine_of

_AT_ONCE = 1024


def near(columns: Columns, at_least: float, first: int = 0) -> Iterator[tuple[str, str, float]]:
    """Pairs of entries with vectors that are at least so alike, each pair once, with the cosine of its closest vectors.

    Costs a product of every vector with every other: minutes from some 100,000 vectors on.

    Args:
        columns: Entries of one list and one length of vectors.
        at_least: Lowest cosine.
        first: Only pairs of which one is this entry or a later one.
    """
    owners = np.repeat(np.arange(len(columns)), np.diff(columns.ends, prepend=0))
    begin = int(np.searchsorted(owners, first))
    best: dict[tuple[int, int], float] = {}
    for start in range(begin, len(columns.rows), _AT_ONCE):
        part = columns.rows[start : start + _AT_ONCE]
        rows, others = np.nonzero(part @ columns.rows[: start + len(part)].T >= at_least - ROUNDING)
        for row, other in zip((rows + start).tolist(), others.tolist(), strict=True):
            pair = int(owners[other]), int(owners[row])
            if pair[0] < pair[1]:
                cosine = cosine_of(columns.rows[row], columns.rows[other])
                best[pair] = max(cosine, best.get(pair, -1.0))
    for (one, other), cosine in sorted(best.items()):
        if cosine >= at_least:
            yield columns.refs[one], columns.refs[other], cosine
