"""How long a shard takes to start from its snapshot, against reading the files alone."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console

from indexes.backends import Backend
from indexes.blocks import Block
from indexes.columns import Columns, microseconds
from indexes.set_digest import SetDigest
from indexes.snapshot import Snapshot, read
from indexes.watchlist import Watchlist
from loadtests.bench_index import DIMENSION, units
from loadtests.quiet import Load, load, look
from loadtests.stopwatch import mean_s

MOST_RESTART = 3.0
_SEED = 20261125
_IDENTITY = {"bench": "churn"}


@dataclass(frozen=True, slots=True)
class Restart:
    """Seconds.

    Attributes:
        ready_s: From a snapshot until the first search.
        alone_s: To read its files alone, just before.
    """

    ready_s: float
    alone_s: float

    @property
    def ratio(self) -> float:
        """How many times as long."""
        return self.ready_s / self.alone_s


def people(rows: int, block_rows: int) -> Snapshot[Columns]:
    """A list of random people, as it would be read from a disk."""
    rng, until = np.random.default_rng(_SEED), microseconds(datetime.now(UTC) + timedelta(days=1))
    blocks = []
    for start in range(0, rows, block_rows):
        n = min(block_rows, rows - start)
        blocks.append(
            Columns(
                "sought",
                [f"case-{number}" for number in range(start, start + n)],
                rng.integers(0, 256, (n, 32), np.uint8),
                np.full(n, until, np.int64),
                np.arange(1, n + 1),
                units(rng.standard_normal((n, DIMENSION), np.float32)),
            )
        )
    listed = SetDigest()
    for columns in blocks:
        for ref, digest in zip(columns.refs, columns.digests, strict=True):
            listed.put(ref, digest.tobytes().hex())
    return Snapshot(_IDENTITY, {0: rows}, 0, [], listed.lines(), blocks)


def opened(folder: Path, backend: Backend) -> tuple[Watchlist, Sequence[Block]]:
    """A watchlist from its snapshot on a disk, and its blocks as they were read."""
    watchlist = Watchlist(0, 1, "bench", backend)
    snapshot = read(folder, _IDENTITY, 0, watchlist.block)
    watchlist.restore(snapshot)
    return watchlist, snapshot.blocks


def restart(folder: Path, backend: Backend, cold: bool) -> Restart:
    """How long a start takes, and how long it takes to read the files alone.

    Args:
        folder: A snapshot.
        backend: Of the blocks.
        cold: Both from the disk; False: both from the system's cache.
    """
    alone_s = _taken_s(partial(_read_alone, folder), folder, cold)
    return Restart(_taken_s(partial(_search_ready, folder, backend), folder, cold), alone_s)


def _taken_s(call: Callable[[], object], folder: Path, cold: bool) -> float:
    """Seconds of a call that finds the files in the system's cache or, if `cold`, only on the disk."""
    _read_alone(folder)
    for file in folder.iterdir() if cold else ():
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return mean_s(call)


def _read_alone(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        with file.open("rb", buffering=0) as opened:
            while opened.read(1 << 22):
                pass


def restart_sample(folder: Path, backend: Backend, cold: bool) -> tuple[Restart, Load]:
    """See `restart`; and who used the cores meanwhile."""
    before = look()
    return restart(folder, backend, cold), load(before, look())


def _search_ready(folder: Path, backend: Backend) -> None:
    watchlist, _ = opened(folder, backend)
    watchlist.generation()


def tell_restarts(restarts: Mapping[bool, Sequence[Restart]], console: Console) -> bool:
    """Print them, by whether they were cold; whether those from the disk are fast enough."""
    for cold, found in restarts.items():
        ratios, ready_s, alone_s = zip(*((each.ratio, each.ready_s, each.alone_s) for each in found), strict=True)
        times = f"{np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        console.print(
            f"restart from {'the disk' if cold else 'the cache'}: searches after {np.median(ready_s):.2f} s, "
            f"{times} times the {np.median(alone_s):.2f} s of reading"
        )
    return bool(np.median([each.ratio for each in restarts[True]]) <= MOST_RESTART)
