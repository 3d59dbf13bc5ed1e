"""Rows of one list that never change, and whose they are."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

import numpy as np

from indexes.backends import Rowwise
from indexes.columns import Columns
from indexes.entry import ROUNDING, cosine_of
from indexes.exact import Rows
from operators.types import Float32

_FETCH_MORE = 4  # rows fetched beyond k, for entries with several vectors and entries that no longer count

Found = list[tuple[float, int]]
"""Cosines and numbers of entries, best first."""


class Block:
    """Entries that are searched together.

    Args:
        columns: At least one entry.
        index: Makes the index of their rows.

    Attributes:
        columns: As given.
        numbers: The number of each entry, by its reference.
    """

    def __init__(self, columns: Columns, index: Callable[[Float32], Rowwise]) -> None:
        self.columns = columns
        counts = np.diff(columns.ends, prepend=0)
        self._owners = np.repeat(np.arange(len(columns)), counts)
        self._index = index(columns.rows)
        self.numbers = {ref: number for number, ref in enumerate(columns.refs)}

    def search(self, vectors: Float32, k: int, at_least: float, now_us: int, gone: AbstractSet[int]) -> list[Found]:
        """For each vector the best `k` entries that are in force, equal ones by reference.

        Args:
            vectors: (q, d) float32.
            k: At most this many.
            at_least: Lowest cosine.
            now_us: Microseconds since 1970, UTC; entries that have ended by then are not in force.
            gone: Entries that do not count any more.
        """
        enough = at_least - ROUNDING
        cosines, rows = self._index.search(vectors, k + _FETCH_MORE, enough)
        found = []
        for query, vector in enumerate(vectors):
            seen, near = cosines[query], rows[query]
            best = self._best(vector, near, k, at_least, now_us, gone)
            while len(seen) < len(self._owners) and not _is_settled(seen, best, k, at_least):
                seen, near = (part[0] for part in self._index.search(vector[None], 4 * len(seen), enough))
                best = self._best(vector, near, k, at_least, now_us, gone)
            found.append(best)
        return found

    def _best(self, vector: Float32, rows: Rows, k: int, at_least: float, now_us: int, gone: AbstractSet[int]) -> Found:
        """The best `k` entries in force among `rows`, each by its best vector."""
        columns = self.columns
        best: dict[int, float] = {}
        for row in rows[rows >= 0].tolist():
            number = int(self._owners[row])
            if number in gone or columns.not_after_us[number] <= now_us:
                continue
            cosine = cosine_of(columns.rows[row], vector)
            if cosine >= at_least and cosine > best.get(number, -2.0):
                best[number] = cosine
        ordered = sorted(best.items(), key=lambda found: (-found[1], columns.refs[found[0]]))[:k]
        return [(cosine, number) for number, cosine in ordered]


def _is_settled(seen: Float32, best: Found, k: int, at_least: float) -> bool:
    """Whether no row beyond those seen can be among the best: `seen` descends, so its last bounds all the others."""
    wanted = best[-1][0] if len(best) == k else at_least
    return bool(seen[-1] < wanted - ROUNDING)
