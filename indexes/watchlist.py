"""The watchlist as one shard holds it: entries in force, and immutable generations that are searched."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol

import numpy as np

from indexes.exact import Rows
from indexes.faiss_flat import FaissFlat
from operators.types import Float32, Generation, Hit


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


class Rowwise(Protocol):
    """A back end: rows in, the most alike rows out. See `ExactIndex.search`."""

    def search(self, queries: Float32, k: int) -> tuple[Float32, Rows]:
        """The `k` most alike rows of each query."""
        ...


Backend = Callable[[Float32], Rowwise]

# Bound on what float32 accumulation may lose against float64 for unit vectors of up to 2,048 dimensions: d * 2**-24.
_ROUNDING = 2048 * 2.0**-24
_FETCH_MORE = 4  # rows fetched beyond k, for entries with several vectors and entries that have just expired


class WatchlistGeneration:
    """One immutable state of a shard's watchlist.

    Args:
        entries: Entries by reference.
        name: What it is called in alerts.
        backend: Makes the index of one list's rows.
    """

    def __init__(self, entries: Mapping[str, Entry], name: Generation, backend: Backend) -> None:
        self.name = name
        self.size = len(entries)
        members: dict[tuple[str, int], list[Entry]] = {}
        for ref in sorted(entries):
            entry = entries[ref]
            members.setdefault((entry.watchlist, entry.vectors.shape[1]), []).append(entry)
        self._lists = [_List(members[key], backend) for key in sorted(members)]

    def search(self, vectors: Float32, k: int, at_least: float, now: datetime) -> list[list[Hit]]:
        """For each vector the best `k` entries of every list that are in force at `now`, best first within a list.

        Cosines are computed anew from the stored rows, exactly, so that every back end, batch size, shard and machine
        gives the same number for the same pair; equal ones are ordered by reference. Entries below `at_least` are left
        out, and so are vectors of another length than those asked for: they cannot be compared.
        """
        hits: list[list[Hit]] = [[] for _ in vectors]
        if len(vectors):
            for part in [part for part in self._lists if part.dimension == vectors.shape[1]]:
                for found, more in zip(hits, part.search(vectors, k, at_least, now, self.name), strict=True):
                    found.extend(more)
        return hits


class _List:
    """The rows of one list within a generation; row i belongs to `owners[i]`, owners sorted by reference."""

    def __init__(self, members: Sequence[Entry], backend: Backend) -> None:
        self._watchlist = members[0].watchlist
        self._owners = [entry for entry in members for _ in entry.vectors]
        self._rows = np.concatenate([entry.vectors for entry in members])
        self.dimension = self._rows.shape[1]
        self._index = backend(self._rows)

    def search(
        self, vectors: Float32, k: int, at_least: float, now: datetime, generation: Generation
    ) -> Iterator[list[Hit]]:
        fetch = k + _FETCH_MORE
        cosines, rows = self._index.search(vectors, fetch)
        for query, vector in enumerate(vectors):
            seen, near = cosines[query], rows[query]
            best = self._best(vector, near[seen >= at_least - _ROUNDING], k, at_least, now)
            while len(seen) < len(self._owners) and not _is_settled(seen, best, k, at_least):
                seen, near = (part[0] for part in self._index.search(vector[None], 4 * len(seen)))
                best = self._best(vector, near[seen >= at_least - _ROUNDING], k, at_least, now)
            yield [Hit(entry.ref, entry.digest, self._watchlist, cosine, generation) for cosine, entry in best]

    def _best(self, vector: Float32, rows: Rows, k: int, at_least: float, now: datetime) -> list[tuple[float, Entry]]:
        """The best `k` entries in force among `rows`, each by its best vector, as (exact cosine, entry)."""
        best: dict[str, tuple[float, Entry]] = {}
        for row in rows:
            entry = self._owners[row]
            cosine = cosine_of(self._rows[row], vector)
            if now < entry.not_after and cosine >= at_least and cosine > best.get(entry.ref, (-2.0,))[0]:
                best[entry.ref] = (cosine, entry)
        return sorted(best.values(), key=lambda found: (-found[0], found[1].ref))[:k]


def cosine_of(a: Float32, b: Float32) -> float:
    """Cosine of two float32 unit vectors (d,): the number that is compared and alerted, the same on every machine.

    Products of float32 are exact in float64 and their sum is rounded once, so no order of summation can change it. Cut
    to [-1, 1]: a unit vector rounded to float32 is up to 1e-7 longer or shorter than 1.
    """
    cosine = math.fsum((a.astype(np.float64) * b.astype(np.float64)).tolist())
    return max(min(cosine, 1.0), -1.0)  # with the cosine first NaN stays NaN, the other way round it becomes 1


def _is_settled(seen: Float32, best: Sequence[tuple[float, Entry]], k: int, at_least: float) -> bool:
    """Whether no row beyond those seen can be among the best: `seen` descends, so its last bounds all the others."""
    wanted = best[-1][0] if len(best) == k else at_least
    return bool(seen[-1] < wanted - _ROUNDING)


class Watchlist:
    """Entries of one shard, kept current record by record; hands out generations. Not thread-safe.

    Args:
        shard: 0-based number of this shard.
        shards: Number of shards.
        contract: Digest of the embedding contract in force; entries made by another are not searched.
        backend: Makes the index of one list's rows.
    """

    def __init__(self, shard: int, shards: int, contract: str, backend: Backend) -> None:
        self._shard = shard
        self._shards = shards
        self._contract = contract
        self._backend = backend
        self._entries: dict[str, Entry] = {}
        self._next_offsets: dict[int, int] = {}
        self.foreign: set[str] = set()

    def apply(self, partition: int, offset: int, ref: str, entry: Entry | None) -> None:
        """Take in one record of the watchlist topic: an entry, or None for a withdrawal."""
        self._next_offsets[partition] = offset + 1
        self._entries.pop(ref, None)
        self.foreign.discard(ref)
        if entry is not None and entry.contract == self._contract:
            self._entries[ref] = entry
        elif entry is not None:
            self.foreign.add(ref)

    def generation(self) -> WatchlistGeneration:
        """The present state, as an immutable whole that is ready to be searched."""
        digest = hashlib.sha256()
        for ref in sorted(self._entries):
            digest.update(f"{ref}\0{self._entries[ref].digest}\n".encode())
        number = sum(self._next_offsets.values())
        name = Generation(self._shard, self._shards, number, digest.hexdigest())
        return WatchlistGeneration(self._entries, name, self._backend)


def faiss_backend(threads: int) -> Backend:
    """The default back end, searching with that many threads."""
    return partial(FaissFlat, threads=threads)
