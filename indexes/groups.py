"""Exact search in two steps: coarse numbers say which groups of neighbours may hold somebody, and those are compared.

What the coarse numbers are, and how far they can be off, is the caller's; here rows are compared in float32.
"""

from collections.abc import Callable, Sequence

import numpy as np

from indexes.exact import Rows, cut
from operators.types import Float32

# From this part of all groups on, rows are compared whole: one large product is faster than many small ones.
_WHOLE_FROM = 0.05
_WHOLE_ROWS = 32_768  # whose products with 64 queries are 8 MB, which stay in the cache until the best are picked
Found = tuple[Rows, Rows, Float32]
"""Numbers of queries, numbers of rows, cosines."""


def search_groups(
    rows: Float32,
    group: int,
    may_reach: Callable[[Float32, float], tuple[Rows, Rows]],
    queries: Float32,
    k: int,
    at_least: float,
) -> tuple[Float32, Rows]:
    """See `ExactIndex.search`. The higher `at_least`, the fewer rows are compared.

    Args:
        rows: (n, d) float32 unit vectors.
        group: So many neighbours are a group; the last one may be shorter.
        may_reach: Takes finite queries (q, d) and a cosine; gives the numbers of queries and of groups, in pairs, of
            which a row may have that cosine. None that has it is left out.
        queries: (q, d) float32.
        k: See there.
        at_least: See there.
    """
    k = min(k, len(rows))
    best, numbers = np.full((len(queries), k), -np.inf, np.float32), np.full((len(queries), k), -1, np.intp)
    usable = np.isfinite(queries).all(1)
    if k and usable.any():
        asked = queries[usable]
        query, which = may_reach(asked, at_least)
        if len(query) > _WHOLE_FROM * len(asked) * -(-len(rows) // group):
            found = [_whole(rows, asked, k, start) for start in range(0, len(rows), _WHOLE_ROWS)]
        else:
            pairs = zip(query.tolist(), (which * group).tolist(), strict=True)
            found = [_near(rows[first : first + group], first, asked[one], one, at_least) for one, first in pairs]
        best[usable], numbers[usable] = _first(_joined(found), len(asked), k)
    return cut(best, numbers, at_least)


def padded(rows: Float32, group: int) -> Float32:
    """With rows of zeros behind, so that they divide into groups; the same array when they do."""
    more = -len(rows) % group
    return np.concatenate([rows, np.zeros((more, rows.shape[1]), np.float32)]) if more else rows


def _near(rows: Float32, first: int, vector: Float32, query: int, at_least: float) -> Found:
    cosines = rows @ vector
    [reach] = np.nonzero(cosines >= at_least)
    return np.full(len(reach), query), reach + first, cosines[reach]


def _whole(rows: Float32, queries: Float32, k: int, start: int) -> Found:
    cosines = queries @ rows[start : start + _WHOLE_ROWS].T
    k = min(k, cosines.shape[1])
    best = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
    query = np.repeat(np.arange(len(queries)), k)
    return query, best.ravel() + start, np.take_along_axis(cosines, best, axis=1).ravel()


def _joined(parts: Sequence[Found]) -> Found:
    none = (np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.float32))
    query, row, cosine = (np.concatenate(column) for column in zip(none, *parts, strict=True))
    return query, row, cosine


def _first(found: Found, queries: int, k: int) -> tuple[Float32, Rows]:
    """The first `k` of each query, by higher cosine, then lower row."""
    best, rows = np.full((queries, k), -np.inf, np.float32), np.full((queries, k), -1, np.intp)
    order = np.lexsort((found[1], -found[2], found[0]))
    query, row, cosine = (column[order] for column in found)
    place = np.arange(len(query)) - np.searchsorted(query, query)
    kept = place < k
    best[query[kept], place[kept]], rows[query[kept], place[kept]] = cosine[kept], row[kept]
    return best, rows
