"""One immutable state of a shard's watchlist."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from indexes.blocks import Block
from indexes.columns import Columns, microseconds, select
from indexes.merge import best_of
from operators.types import Float32, Generation, Hit


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A block, and which of its entries were replaced or withdrawn since it was made."""

    block: Block
    gone: frozenset[int]

    def living(self) -> Columns:
        """The entries that count."""
        if not self.gone:
            return self.block.columns
        counts = np.ones(len(self.block.columns), np.bool_)
        counts[list(self.gone)] = False
        return select(self.block.columns, np.flatnonzero(counts))


@dataclass(frozen=True, slots=True, eq=False)
class WatchlistGeneration:
    """What is searched until the next one takes its place.

    Attributes:
        name: What it is called in alerts.
        size: Entries.
        parts: Every entry is in one of them.
    """

    name: Generation
    size: int
    parts: Sequence[Part]

    @property
    def size_bytes(self) -> int:
        """Of its vectors, those included that count no more and are not erased yet."""
        return sum(part.block.columns.rows.nbytes for part in self.parts)

    def search(self, vectors: Float32, k: int, at_least: float, now: datetime) -> list[list[Hit]]:
        """For each vector the best `k` entries of every list that are in force at `now`, best first within a list.

        Cosines are computed anew from the stored rows, exactly, so that every back end, batch size, shard and machine
        gives the same number for the same pair; equal ones are ordered by reference. Entries below `at_least` are left
        out, and so are vectors of another length than those asked for: they cannot be compared.
        """
        hits: list[list[Hit]] = [[] for _ in vectors]
        now_us = microseconds(now)
        for part in self.parts:
            if len(vectors) and part.block.columns.dimension == vectors.shape[1]:
                answers = part.block.search(vectors, k, at_least, now_us, part.gone)
                for own, best in zip(hits, answers, strict=True):
                    own += [self._hit(part.block.columns, cosine, number) for cosine, number in best]
        return [best_of(found, k) for found in hits]

    def _hit(self, columns: Columns, cosine: float, number: int) -> Hit:
        digest = columns.digests[number].tobytes().hex()
        return Hit(columns.refs[number], digest, columns.watchlist, cosine, self.name)
