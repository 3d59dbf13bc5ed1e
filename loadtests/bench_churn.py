"""How far changes to a list hold up its searches, and how long a restart takes, at the size of a large list."""

import math
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
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

from cluster.watchlists.aside import Aside
from indexes.backends import Backend, best_backend
from indexes.columns import Columns
from indexes.entry import Entry
from indexes.generation import WatchlistGeneration
from indexes.snapshot import write
from indexes.watchlist import Watchlist
from loadtests.bench_index import DIMENSION, THRESHOLD, units
from loadtests.bench_report import tell_rejected
from loadtests.bench_restart import MOST_RESTART, Restart, opened, people, restart_sample, tell_restarts
from loadtests.bench_result import Compared, json_option, result, save
from loadtests.quiet import Gate, Load, load, look
from operators.onnx import Device
from operators.types import Float32

QUERIES, K = 8, 3
CHANGES = 20  # enrolments and as many withdrawals, ten times a second
POLL_S = 0.1
MOST_P99, MOST_EFFECT_MS = 1.5, 1000.0
_STRIDE = 7919  # prime: whoever is withdrawn is withdrawn once, and lies in another block than the one before
_BETWEEN_S = 0.005
_SEED = 20261125
ENROLLED, WITHDRAWN = "enrolled", "withdrawn"
_LAST_S = 1.5  # in which the last changes of a round must become known


@dataclass(frozen=True, slots=True, eq=False)
class Watched:
    """A change that the searching thread looks out for.

    Attributes:
        what: ENROLLED or WITHDRAWN.
        ref: Whose.
        vector: (d,) float32, that of the entry.
        applied_s: When the record was given to the watchlist, by the performance counter.
    """

    what: str
    ref: str
    vector: Float32
    applied_s: float


@dataclass(frozen=True, slots=True)
class Round:
    """Milliseconds.

    Attributes:
        quiet: Of searches of a list that is left alone.
        busy: Of searches while it changes.
        effects: By what changed, from record to the first search that knows of it; infinite when none did.
    """

    quiet: Sequence[float]
    busy: Sequence[float]
    effects: Mapping[str, Sequence[float]]


@dataclass(slots=True)
class Shard:
    """A watchlist that is searched while it changes.

    Attributes:
        watchlist: Changed by one thread.
        backend: Of its blocks.
        people: Who is on it in the beginning, as columns of one length but for the last.
        current: Searched by another thread.
        watches: Whether some of the changes are watched.
        watched: Changes that have not been seen by a search yet.
        effects_ms: By what changed, milliseconds from record to the first search that knows of it.
        swaps_ms: For each poll, milliseconds until its changes were in force.
        enrolled: So many, and as many withdrawn.
    """

    watchlist: Watchlist
    backend: Backend
    people: Sequence[Columns]
    current: WatchlistGeneration
    watches: bool = True
    watched: list[Watched] = field(default_factory=list)
    effects_ms: dict[str, list[float]] = field(default_factory=lambda: {ENROLLED: [], WITHDRAWN: []})
    swaps_ms: list[float] = field(default_factory=list)
    enrolled: int = 0

    @property
    def rows(self) -> int:
        """People in the beginning."""
        return sum(map(len, self.people))


def search(shard: Shard, asked: Float32, seconds: float) -> list[float]:
    """Milliseconds of each search, one after the other with a short pause between.

    Changes that are watched take the places of the last queries, until they are seen.
    """
    took, now, end = [], datetime.now(UTC), time.monotonic() + seconds
    while time.monotonic() < end:
        watched = shard.watched[: len(asked)]
        queries = np.concatenate([asked[len(watched) :], *(each.vector[None] for each in watched)])
        started = time.perf_counter()
        hits = shard.current.search(queries, K, THRESHOLD, now)
        ended = time.perf_counter()
        took.append(1000 * (ended - started))
        for each, found in zip(watched, hits[len(asked) - len(watched) :], strict=True):
            if (each.what == ENROLLED) == (each.ref in {hit.entry for hit in found}):
                shard.effects_ms[each.what].append(1000 * (ended - each.applied_s))
                shard.watched.remove(each)
        time.sleep(_BETWEEN_S)
    return took


@contextmanager
def churn(shard: Shard) -> Iterator[None]:
    """Enrol and withdraw on a thread of its own, as a shard that follows its topic does."""
    stop = threading.Event()

    def change() -> None:
        rng = np.random.default_rng(_SEED + shard.enrolled)
        with ThreadPoolExecutor(1) as pool:
            aside = Aside(shard.watchlist, shard.backend, pool, None, {})
            while not stop.wait(POLL_S):
                started = time.perf_counter()
                for at, vector in enumerate(units(rng.standard_normal((CHANGES, DIMENSION), np.float32))):
                    _change(shard, vector, watch=shard.watches and at == 0)
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


def start(folder: Path, backend: Backend) -> Shard:
    """A shard from its snapshot on a disk, ready to be searched."""
    watchlist, blocks = opened(folder, backend)
    return Shard(watchlist, backend, [block.columns for block in blocks], watchlist.generation())


@click.command("churn")
@click.option("--rows", type=click.IntRange(1), default=1_000_000, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seconds", type=click.FloatRange(1), default=10.0, show_default=True, help="Of each half of a round.")
@click.option("--check", is_flag=True, help="Fail when a limit is passed.")
@json_option
def churn_command(rows: int, threads: int, rounds: int, seconds: float, check: bool, file: Path | None) -> None:
    """Search a list while people are enrolled and withdrawn, against the same list left alone; and restart it.

    Exits with 1 when, with --check, changes slow the slowest searches by more than half, one change in a hundred takes
    more than a second to be known to a search, or a restart from the disk takes more than three times the reading of
    its files; with 2 when the machine was not quiet.
    """
    console, backend = Console(), best_backend(threads, Device.CPU)
    gate = Gate(look, told=partial(tell_rejected, console))
    with tempfile.TemporaryDirectory() as named:
        folder = Path(named) / "shard"
        write(people(rows, backend.block_rows), folder)
        restarts = {
            cold: [each for _ in range(rounds) if (each := gate.take(partial(restart_sample, folder, backend, cold)))]
            for cold in (True, False)
        }
        shard = start(folder, backend)
    asked = units(np.random.default_rng(_SEED).standard_normal((QUERIES, DIMENSION), np.float32))
    found = [one for _ in range(rounds) if (one := gate.take(lambda: _round(shard, asked, seconds)))]
    if not found or not all(restarts.values()):
        raise SystemExit(2)
    _show_searches(found, shard, console)
    held = [_told_ratio(found, console), *_told_effects(found, shard, console), tell_restarts(restarts, console)]
    save(result(compared(found, restarts), [_percentiles(each) for each in found], gate), file)
    if check and not all(held):
        floors = f"p99 within {MOST_P99}, known within {MOST_EFFECT_MS:.0f} ms, restart within {MOST_RESTART}"
        console.print(f"[bold red]asked: {floors}")
        raise SystemExit(1)


def _round(shard: Shard, asked: Float32, seconds: float) -> tuple[Round, Load]:
    before = look()
    quiet = search(shard, asked, seconds)
    effects: dict[str, list[float]] = {ENROLLED: [], WITHDRAWN: []}
    shard.effects_ms, shard.watches = effects, True
    with churn(shard):
        busy = search(shard, asked, seconds)
        shard.watches = False
        search(shard, asked, _LAST_S)
    for each in shard.watched:
        effects[each.what].append(math.inf)
    shard.watched.clear()
    return Round(quiet, busy, effects), load(before, look())


def _show_searches(rounds: Sequence[Round], shard: Shard, console: Console) -> None:
    title = f"{shard.rows:,} rows of {DIMENSION}"
    table = Table(f"searches of {QUERIES} queries, ms", "p50", "p95", "p99", "longest", title=title)
    quiet, busy = [ms for each in rounds for ms in each.quiet], [ms for each in rounds for ms in each.busy]
    for name, found in (("left alone", quiet), (f"{2 * CHANGES / POLL_S:.0f} changes a second", busy)):
        table.add_row(name, *(f"{value:.1f}" for value in np.percentile(found, [50, 95, 99, 100])))
    console.print(table)


def compared(rounds: Sequence[Round], restarts: Mapping[bool, Sequence[Restart]]) -> list[Compared]:
    """What is compared: searches under changes, changes until they are known, and restarts from the disk."""
    effects = [
        Compared(
            f"{what}: known to a search, p99",
            tuple(float(np.percentile(each.effects[what], 99, method="higher")) for each in rounds),
            at_most=MOST_EFFECT_MS,
            unit="ms",
        )
        for what in (ENROLLED, WITHDRAWN)
    ]
    cold = tuple(each.ratio for each in restarts[True])
    return [
        Compared("p99 of searches under changes / left alone", tuple(_ratios(rounds)), at_most=MOST_P99),
        *effects,
        Compared("start from the disk / reading its files", cold, at_most=MOST_RESTART),
    ]


def _ratios(rounds: Sequence[Round]) -> list[float]:
    return [float(np.percentile(each.busy, 99) / np.percentile(each.quiet, 99)) for each in rounds]


def _percentiles(one: Round) -> dict[str, list[float]]:
    """Of the searches of one round, ms: p50, p95, p99, longest."""
    return {
        name: [float(ms) for ms in np.percentile(found, [50, 95, 99, 100])]
        for name, found in (("left alone", one.quiet), ("under changes", one.busy))
    }


def _told_ratio(rounds: Sequence[Round], console: Console) -> bool:
    ratios = _ratios(rounds)
    ratio = float(np.median(ratios))
    console.print(f"p99 under changes / left alone: {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    return ratio <= MOST_P99


def _told_effects(rounds: Sequence[Round], shard: Shard, console: Console) -> list[bool]:
    p50, p99 = np.percentile(shard.swaps_ms, [50, 99])
    console.print(f"{2 * CHANGES} changes are in force {p50:.0f} ms (p50), {p99:.0f} ms (p99) after they are read")
    held = []
    for what in (ENROLLED, WITHDRAWN):
        effects_ms = [ms for each in rounds for ms in each.effects[what]]
        p50, p99, longest = np.percentile(effects_ms, [50, 99, 100], method="higher")
        console.print(
            f"{what}: known to a search after {p50:.0f} ms (p50), {p99:.0f} ms (p99), {longest:.0f} ms at most, "
            f"{len(effects_ms)} watched"
        )
        held.append(bool(p99 <= MOST_EFFECT_MS))
    return held


def _change(shard: Shard, vector: Float32, watch: bool) -> None:
    """Enrol somebody and withdraw somebody; `watch`: have the search look out for both."""
    number, offset = _STRIDE * shard.enrolled % shard.rows, shard.rows + 2 * shard.enrolled
    enrolled, withdrawn = f"new-{shard.enrolled}", f"case-{number}"
    until = datetime.now(UTC) + timedelta(days=1)
    block, row = divmod(number, len(shard.people[0]))
    applied_s = time.perf_counter()
    shard.watchlist.apply(0, offset, enrolled, Entry(enrolled, "sought", vector[None], until, "bench", "ab" * 32))
    shard.watchlist.apply(0, offset + 1, withdrawn, None)
    if watch:
        shard.watched.append(Watched(ENROLLED, enrolled, vector, applied_s))
        shard.watched.append(Watched(WITHDRAWN, withdrawn, shard.people[block].rows[row], applied_s))
    shard.enrolled += 1
