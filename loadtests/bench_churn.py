"""How far changes to a list hold up its searches, and how long a restart takes, at the size of a large list."""

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from cluster.watchlist_aside import Aside
from indexes.backends import Backend, best_backend
from indexes.columns import Columns, microseconds
from indexes.entry import Entry
from indexes.generation import WatchlistGeneration
from indexes.set_digest import SetDigest
from indexes.snapshot import Snapshot, read, write
from indexes.watchlist import Watchlist
from loadtests.bench_index import DIMENSION, THRESHOLD, units
from loadtests.bench_report import tell_rejected
from loadtests.quiet import Gate, Load, load, look
from operators.onnx import Device
from operators.types import Float32

QUERIES, K = 8, 3
CHANGES = 20  # enrolments and as many withdrawals, ten times a second
POLL_S = 0.1
MOST_P99, MOST_RESTART = 1.5, 3.0
_BETWEEN_S = 0.005
_SEED = 20261125
_IDENTITY = {"bench": "churn"}


@dataclass(slots=True)
class Shard:
    """A watchlist that is searched while it changes."""

    watchlist: Watchlist
    backend: Backend
    rows: int
    current: WatchlistGeneration
    swaps_ms: list[float] = field(default_factory=list)
    enrolled: int = 0


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


def search(shard: Shard, asked: Float32, seconds: float) -> list[float]:
    """Milliseconds of each search, one after the other with a short pause between."""
    found, now, end = [], datetime.now(UTC), time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.perf_counter()
        shard.current.search(asked, K, THRESHOLD, now)
        found.append(1000 * (time.perf_counter() - started))
        time.sleep(_BETWEEN_S)
    return found


@contextmanager
def churn(shard: Shard) -> Iterator[None]:
    """Enrol and withdraw on a thread of its own, as a shard that follows its topic does."""
    stop = threading.Event()

    def change() -> None:
        rng = np.random.default_rng(_SEED + shard.enrolled)
        with ThreadPoolExecutor(1) as pool:
            aside = Aside(shard.watchlist, shard.backend, pool, None, _IDENTITY)
            while not stop.wait(POLL_S):
                started = time.perf_counter()
                for vector in units(rng.standard_normal((CHANGES, DIMENSION), np.float32)):
                    _change(shard, vector, f"case-{rng.integers(shard.rows)}")
                aside.step(datetime.now(UTC))
                shard.current = shard.watchlist.generation()
                shard.swaps_ms.append(1000 * (time.perf_counter() - started))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def restart(snapshot: Snapshot[Columns], backend: Backend, folder: Path) -> tuple[Shard, float, float]:
    """A shard from its snapshot on a disk; seconds until it can search, and seconds to read the files alone."""
    write(snapshot, folder)
    _forget(folder)
    started = time.perf_counter()
    for file in sorted(folder.iterdir()):
        with file.open("rb", buffering=0) as opened:
            while opened.read(1 << 22):
                pass
    alone_s = time.perf_counter() - started
    _forget(folder)
    started = time.perf_counter()
    watchlist = Watchlist(0, 1, "bench", backend)
    watchlist.restore(read(folder, _IDENTITY, 0, watchlist.block))
    current = watchlist.generation()
    shard = Shard(watchlist, backend, current.size, current)
    return shard, time.perf_counter() - started, alone_s


@click.command("churn")
@click.option("--rows", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seconds", type=click.FloatRange(1), default=10.0, show_default=True, help="Of each half of a round.")
@click.option("--check", is_flag=True, help="Fail when a limit is passed.")
def churn_command(rows: int, threads: int, rounds: int, seconds: float, check: bool) -> None:
    """Search a list while people are enrolled and withdrawn, against the same list left alone.

    Exits with 1 when, with --check, changes slow the slowest searches by more than half or a restart takes more than
    three times the reading of its files; with 2 when the machine was not quiet.
    """
    console, backend = Console(), best_backend(threads, Device.CPU)
    with tempfile.TemporaryDirectory() as folder:
        shard, ready_s, alone_s = restart(people(rows, backend.block_rows), backend, Path(folder) / "shard")
    asked = units(np.random.default_rng(_SEED).standard_normal((QUERIES, DIMENSION), np.float32))
    gate = Gate(look, told=partial(tell_rejected, console))
    pairs = [pair for _ in range(rounds) if (pair := gate.take(lambda: _round(shard, asked, seconds)))]
    if not pairs:
        raise SystemExit(2)
    ratios = [float(np.percentile(busy, 99) / np.percentile(quiet, 99)) for quiet, busy in pairs]
    table = Table("searches of 8 queries, ms", "p50", "p95", "p99", "longest", title=f"{rows:,} rows of {DIMENSION}")
    for name, column in (("left alone", 0), (f"{2 * CHANGES / POLL_S:.0f} changes a second", 1)):
        values = np.percentile(np.concatenate([pair[column] for pair in pairs]), [50, 95, 99, 100])
        table.add_row(name, *(f"{value:.1f}" for value in values))
    console.print(table)
    ratio, swap = float(np.median(ratios)), np.percentile(shard.swaps_ms, [50, 99])
    console.print(f"p99 under changes / left alone: {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    console.print(
        f"{2 * CHANGES} changes are in force {swap[0]:.0f} ms (p50), {swap[1]:.0f} ms (p99) after they are read"
    )
    console.print(f"restart: searches after {ready_s:.1f} s, {ready_s / alone_s:.1f} x the {alone_s:.1f} s of reading")
    if check and (ratio > MOST_P99 or ready_s > MOST_RESTART * alone_s):
        console.print(f"[bold red]asked: p99 within {MOST_P99}, restart within {MOST_RESTART}")
        raise SystemExit(1)


def _round(shard: Shard, asked: Float32, seconds: float) -> tuple[tuple[list[float], list[float]], Load]:
    before = look()
    quiet = search(shard, asked, seconds)
    with churn(shard):
        busy = search(shard, asked, seconds)
    return (quiet, busy), load(before, look())


def _change(shard: Shard, vector: Float32, withdrawn: str) -> None:
    ref, offset = f"new-{shard.enrolled}", shard.rows + 2 * shard.enrolled
    until = datetime.now(UTC) + timedelta(days=1)
    shard.watchlist.apply(0, offset, ref, Entry(ref, "sought", vector[None], until, "bench", "ab" * 32))
    shard.watchlist.apply(0, offset + 1, withdrawn, None)
    shard.enrolled += 1


def _forget(folder: Path) -> None:
    """Make the system forget the files, so that they are read from the disk."""
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
