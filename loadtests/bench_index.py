"""How fast a list is searched: the back ends side by side, and whether they raise the same alerts as brute force."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from indexes.backends import Rowwise
from indexes.faiss_flat import FaissFlat
from indexes.int8 import Int8Index, is_exact_here
from loadtests.bench_report import machine, tell_rejected
from loadtests.quiet import Gate, Load, load, look
from loadtests.stopwatch import mean_s
from operators.types import Float32

DIMENSION = 512
BATCHES = (1, 8, 64)
THRESHOLD = 0.4  # of the searches: lower than a policy's, so that more rows are compared in full
K = 7
INSTALLED, TUNED, INT8 = "FAISS as installed", "FAISS tuned", "8 bits"
FLOORS = {INSTALLED: 15.0, TUNED: 3.0}  # of 8 bits at 100,000 rows and 64 queries
FLOOR_AT = (100_000, 64)
_INSTALLED_BLAS = 128_000
_SEED = 20261125
_SAMPLE_S = 0.5
_CHUNK = 250
_MOST = 64  # alerts a query
_NEAR = 1e-4  # float32 is off by less


@dataclass(frozen=True, slots=True)
class Timed:
    """One back end at one size.

    Attributes:
        rows: In the list.
        batch: Queries at once.
        way: Which back end.
        ms: Milliseconds of each round, in which all ways were measured in turn.
    """

    rows: int
    batch: int
    way: str
    ms: tuple[float, ...]


def draw(rows: int, queries: int) -> tuple[Float32, Float32]:
    """A list of random unit vectors, and queries of which every other one is near to a row (cosine about 0.6).

    Returns:
        (rows, 512) and (queries, 512) float32.
    """
    rng = np.random.default_rng(_SEED)
    held = units(rng.standard_normal((rows, DIMENSION), np.float32))
    asked = rng.standard_normal((queries, DIMENSION), np.float32) / np.float32(DIMENSION**0.5)
    near = rng.integers(0, rows, len(asked[::2]))
    asked[::2] = held[near] + np.float32(1.3) * asked[::2]
    return held, units(asked)


def measure(held: Float32, asked: Float32, threads: int, rounds: int, gate: Gate) -> list[Timed]:
    """Time all back ends in turn, round by round; rounds that were not quiet are taken again."""
    ways = _open(held, threads)
    found = []
    for batch in BATCHES:
        calls = {name: _calls(way, asked[:batch]) for name, way in ways.items()}
        samples = [gate.take(partial(_round, ways, calls, asked[:batch])) for _ in range(rounds)]
        kept = [sample for sample in samples if sample]
        found += [Timed(len(held), batch, name, tuple(sample[name] for sample in kept)) for name in ways]
    return found


def ratios(found: list[Timed], rows: int, batch: int, way: str) -> list[float]:
    """How many times as fast as another way 8 bits are, round by round."""
    own, other = (next(t.ms for t in found if (t.rows, t.batch, t.way) == (rows, batch, w)) for w in (INT8, way))
    return [theirs / ours for ours, theirs in zip(own, other, strict=True)]


def disagreements(held: Float32, asked: Float32, threads: int) -> int:
    """Alerts, as (query, row) pairs that reach the threshold, that 8 bits and brute force in float32 do not share."""
    index, wrong = Int8Index(held, threads), 0
    for start in range(0, len(asked), _CHUNK):
        part = asked[start : start + _CHUNK]
        _, rows = index.search(part, _MOST, THRESHOLD - _NEAR)
        ours = [(int(query), int(rows[query, at])) for query, at in np.argwhere(rows >= 0)]
        theirs = np.argwhere(part @ held.T >= THRESHOLD - _NEAR).tolist()
        wrong += len(_alerts(held, part, ours) ^ _alerts(held, part, theirs))
    return wrong


def _alerts(held: Float32, asked: Float32, pairs: Iterable[Sequence[int]]) -> set[tuple[int, int]]:
    """The (query, row) pairs whose cosine, in float64, reaches the threshold."""
    return {
        (query, row)
        for query, row in pairs
        if float(held[row].astype(np.float64) @ asked[query].astype(np.float64)) >= THRESHOLD
    }


@click.command("index")
@click.option("--rows", multiple=True, type=click.IntRange(1), default=(10_000, 100_000, 1_000_000), show_default=True)
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--queries", type=click.IntRange(64), default=10_000, show_default=True, help="Held against brute force.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write everything there.")
@click.option("--check", is_flag=True, help="Fail when a floor is missed.")
def index_command(
    rows: tuple[int, ...], threads: int, rounds: int, queries: int, file: Path | None, check: bool
) -> None:
    """Compare the back ends of the watchlist with each other and with brute force.

    Exits with 1 when alerts differ or, with --check, when a floor is missed; with 2 when the machine was not quiet.
    """
    console = Console()
    if not is_exact_here():
        console.print("this processor sums 8-bit products in 16 bits: FAISS in float32 is used instead")
        raise SystemExit(2)
    gate = Gate(look, told=partial(tell_rejected, console))
    found: list[Timed] = []
    wrong: dict[int, int] = {}
    for size in rows:
        held, asked = draw(size, queries)
        found += measure(held, asked, threads, rounds, gate)
        show([t for t in found if t.rows == size], console)
        wrong[size] = disagreements(held, asked, threads)
        console.print(f"{queries:,} queries at cosine {THRESHOLD}: {wrong[size]} alerts differ from brute force")
    about = machine() | {"threads": threads}
    console.print(", ".join(f"{name} {value}" for name, value in about.items()), highlight=False)
    if file:
        body = {"about": about, "timed": [asdict(each) for each in found], "differ": wrong, "rejected": gate.rejected}
        file.write_text(json.dumps(body, indent=1))
    raise SystemExit(verdict(found, wrong, check, console))


def show(found: list[Timed], console: Console) -> None:
    """Print one size as a table."""
    table = Table("queries at once", "back end", "ms", "8 bits are faster", "range over rounds")
    table.title = f"{found[0].rows:,} rows of {DIMENSION}"
    for each in found:
        if each.ms:
            times = ratios(found, each.rows, each.batch, each.way)
            spread = f"{min(times):.1f} to {max(times):.1f}"
            median = f"{float(np.median(times)):.1f}"
            table.add_row(str(each.batch), each.way, f"{float(np.median(each.ms)):.2f}", median, spread)
    console.print(table)


def verdict(found: list[Timed], wrong: Mapping[int, int], check: bool, console: Console) -> int:
    """The exit status."""
    if any(wrong.values()):
        console.print("[bold red]alerts differ from brute force")
        return 1
    if not check:
        return 0
    size, batch = FLOOR_AT
    for way, floor in FLOORS.items():
        times = ratios(found, size, batch, way)
        if not times:
            return 2
        if (median := float(np.median(times))) < floor:
            console.print(f"[bold red]{size:,} rows, {batch} queries: {median:.1f} times {way}, {floor} asked")
            return 1
    return 0


def _open(held: Float32, threads: int) -> dict[str, Rowwise]:
    return {
        INSTALLED: FaissFlat(held, threads, blas_from=_INSTALLED_BLAS // threads),
        TUNED: FaissFlat(held, threads),
        INT8: Int8Index(held, threads),
    }


def _calls(way: Rowwise, asked: Float32) -> int:
    """As many calls as fill a sample, after one that warms up."""
    way.search(asked, K, THRESHOLD)
    once = mean_s(lambda: way.search(asked, K, THRESHOLD))
    return max(1, int(_SAMPLE_S / once))


def _round(ways: Mapping[str, Rowwise], calls: Mapping[str, int], asked: Float32) -> tuple[dict[str, float], Load]:
    before = look()
    ms = {name: 1000 * mean_s(partial(way.search, asked, K, THRESHOLD), calls[name]) for name, way in ways.items()}
    return ms, load(before, look())


def units(vectors: Float32) -> Float32:
    """The same array, each row brought to length 1."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    vectors /= lengths[:, None]
    return vectors
