"""Entries of one list as columns: a million of them without a million objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from indexes.entry import Entry
from operators.types import Float32

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Entries of one list and one length of vectors.

    Attributes:
        watchlist: Name of the list.
        refs: References of the n entries, no two alike.
        digests: (n, 32) uint8, SHA-256 of the record that each came from.
        not_after_us: (n,) int64, microseconds since 1970, UTC.
        ends: (n,) int64, the number of the first row behind each entry's.
        rows: (m, d) float32 unit vectors, those of an entry side by side.
    """

    watchlist: str
    refs: list[str]
    digests: npt.NDArray[np.uint8]
    not_after_us: Numbers
    ends: Numbers
    rows: Float32

    def __len__(self) -> int:
        return len(self.refs)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.rows.shape[1])


def columns_of(entries: Sequence[Entry]) -> Columns:
    """Columns of entries, at least one, all of one list and one length of vectors."""
    return Columns(
        entries[0].watchlist,
        [entry.ref for entry in entries],
        np.frombuffer(bytes.fromhex("".join(entry.digest for entry in entries)), np.uint8).reshape(-1, 32),
        np.array([microseconds(entry.not_after) for entry in entries], np.int64),
        np.cumsum([len(entry.vectors) for entry in entries], dtype=np.int64),
        np.concatenate([entry.vectors for entry in entries]),
    )


def select(columns: Columns, numbers: Numbers) -> Columns:
    """Some of the entries, in the order of their numbers."""
    counts = np.diff(columns.ends, prepend=0)[numbers]
    ends = np.cumsum(counts)
    rows = np.repeat(columns.ends[numbers] - ends, counts) + np.arange(ends[-1] if len(ends) else 0)
    refs = [columns.refs[number] for number in numbers.tolist()]
    return Columns(
        columns.watchlist, refs, columns.digests[numbers], columns.not_after_us[numbers], ends, columns.rows[rows]
    )


def join(parts: Sequence[Columns]) -> Columns:
    """The entries of several, one after the other; at least one part, all of one list and one length of vectors."""
    before = np.cumsum([0, *(len(part.rows) for part in parts)])
    return Columns(
        parts[0].watchlist,
        [ref for part in parts for ref in part.refs],
        np.concatenate([part.digests for part in parts]),
        np.concatenate([part.not_after_us for part in parts]),
        np.concatenate([part.ends + start for part, start in zip(parts, before, strict=False)]),
        np.concatenate([part.rows for part in parts]),
    )


def microseconds(moment: datetime) -> int:
    """A UTC-aware moment as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND
