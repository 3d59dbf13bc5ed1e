"""How fast a list is searched: the back ends side by side, and whether they raise the same alerts as brute force."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from indexes.backends import Rowwise
from indexes.faiss_flat import FaissFlat, FaissParts
from indexes.faiss_gpu import gpu_flat
from indexes.half import HalfIndex
from indexes.int8 import Int8Index, is_exact_here
from loadtests.bench_limits import Product, Sweep
from loadtests.bench_report import machine, tell_rejected
from loadtests.bench_result import Compared, json_option, result, save
from loadtests.quiet import Gate, Load, load, look
from loadtests.stopwatch import mean_s
from operators.types import Float32

DIMENSION = 512
BATCHES = (1, 8, 64)
THRESHOLD = 0.4  # of the searches: lower than a policy's, so that more rows are compared in full
K = 7
INSTALLED, TUNED, FLOAT, INT8 = "FAISS as installed", "FAISS tuned", "float32", "8 bits"
GPU_FLOAT, GPU_HALF, HALF = "FAISS GPU float32", "FAISS GPU float16", "16 bits on a GPU"
ROW_BYTES = {GPU_FLOAT: 4 * DIMENSION, GPU_HALF: 2 * DIMENSION, HALF: 2 * DIMENSION}
EXACT = (FLOAT, INT8, *ROW_BYTES)
READ, SGEMM = "reading the rows once", "sgemm"
ON_PROCESSOR = (INSTALLED, TUNED, FLOAT, INT8)
LIMITS = {1: READ, 8: READ, 64: SGEMM}  # what no search in float32 can be faster than, by batch
Search = Callable[[Float32], object]
_INSTALLED_BLAS = 128_000
_SEED = 20261125
_SAMPLE_S = 0.5
_DRAWN = 65_536
_CHUNK = 250
_MOST = 64  # alerts a query
_NEAR = 1e-4  # float32 is off by less


@dataclass(frozen=True, slots=True)
class Floor:
    """How many times as fast as another one way must be.

    Attributes:
        own: The way.
        other: The other.
        rows: In the list.
        batch: Queries at once.
        least: So many times.
    """

    own: str
    other: str
    rows: int
    batch: int
    least: float


FLOORS = (
    Floor(INT8, INSTALLED, 100_000, 64, 15.0),
    Floor(INT8, TUNED, 100_000, 64, 3.0),
    *(Floor(FLOAT, LIMITS[batch], rows, batch, 0.8) for rows in (100_000, 1_000_000) for batch in (1, 64)),
)


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
    held = np.empty((rows, DIMENSION), np.float32)

    def fill(start: int) -> None:
        part = held[start : start + _DRAWN]
        np.random.default_rng([_SEED, 1 + start]).standard_normal(part.shape, np.float32, part)
        units(part)

    with ThreadPoolExecutor() as pool:
        list(pool.map(fill, range(0, rows, _DRAWN)))
    rng = np.random.default_rng(_SEED)
    asked = rng.standard_normal((queries, DIMENSION), np.float32) / np.float32(DIMENSION**0.5)
    near = rng.integers(0, rows, len(asked[::2]))
    asked[::2] = held[near] + np.float32(1.3) * asked[::2]
    return held, units(asked)


def measure(
    searches: Mapping[str, Search], limits: Mapping[str, Search], held: Float32, asked: Float32, rounds: int, gate: Gate
) -> list[Timed]:
    """Time all back ends and what limits them in turn, round by round; rounds that were not quiet are taken again."""
    found = []
    for batch in BATCHES:
        ways = {**searches, LIMITS[batch]: limits[LIMITS[batch]]}
        calls = {name: _calls(way, asked[:batch]) for name, way in ways.items()}
        samples = [gate.take(partial(_round, ways, calls, asked[:batch])) for _ in range(rounds)]
        kept = [sample for sample in samples if sample]
        found += [Timed(len(held), batch, name, tuple(sample[name] for sample in kept)) for name in ways]
    return found


def back_ends(held: Float32, threads: int, names: Sequence[str] = ON_PROCESSOR) -> dict[str, Rowwise]:
    """Those of these names that can be used here.

    Raises:
        DeviceUnavailable: One is for a GPU, and there is none.
    """
    makes: dict[str, Callable[[], Rowwise]] = {
        INSTALLED: lambda: FaissFlat(held, threads, blas_from=_INSTALLED_BLAS // threads),
        TUNED: lambda: FaissFlat(held, threads),
        FLOAT: lambda: FaissParts(held, threads),
        INT8: lambda: Int8Index(held, threads),
        GPU_FLOAT: lambda: gpu_flat(held, half=False),
        GPU_HALF: lambda: gpu_flat(held, half=True),
        HALF: lambda: HalfIndex(held),
    }
    return {name: makes[name]() for name in names if name != INT8 or is_exact_here()}


def ratios(found: Sequence[Timed], rows: int, batch: int, way: str, own: str = INT8) -> list[float]:
    """How many times as fast as another way one is, round by round; empty when one of them was not measured."""
    ms = {each.way: each.ms for each in found if (each.rows, each.batch) == (rows, batch)}
    return [theirs / ours for ours, theirs in zip(ms.get(own, ()), ms.get(way, ()), strict=False)]


def disagreements(held: Float32, asked: Float32, index: Rowwise) -> int:
    """Alerts, as (query, row) pairs that reach the threshold, that an index and brute force do not share."""
    wrong = 0
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
@click.option(
    "--rows", multiple=True, type=click.IntRange(1), default=(1_000, 10_000, 100_000, 1_000_000), show_default=True
)
@click.option(
    "--way",
    "names",
    multiple=True,
    type=click.Choice([*ON_PROCESSOR, *ROW_BYTES]),
    default=ON_PROCESSOR,
    help="All that a processor has when not given.",
)
@click.option(
    "--gpu-bandwidth",
    type=click.FloatRange(0, min_open=True),
    metavar="TB/S",
    help="What a copy on the GPU was measured to read and write, for what limits a search there.",
)
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--queries", type=click.IntRange(64), default=10_000, show_default=True, help="Held against brute force.")
@json_option
@click.option("--plots", type=click.Path(path_type=Path, file_okay=False), help="Draw performance-index.png there.")
@click.option("--check", is_flag=True, help="Fail when a floor is missed.")
def index_command(
    rows: tuple[int, ...],
    names: tuple[str, ...],
    gpu_bandwidth: float | None,
    threads: int,
    rounds: int,
    queries: int,
    file: Path | None,
    plots: Path | None,
    check: bool,
) -> None:
    """Compare the back ends of the watchlist with each other, with brute force and with what limits them.

    Exits with 1 when alerts differ or, with --check, when a floor is missed; with 2 when the machine was not quiet.
    """
    console = Console()
    gate = Gate(look, told=partial(tell_rejected, console))
    found: list[Timed] = []
    wrong: dict[str, int] = {}
    for size in rows:
        held, asked = draw(size, queries)
        ways, sweep = back_ends(held, threads, names), Sweep(held, threads)
        searches = {name: _search(way) for name, way in ways.items()}
        found += measure(searches, {READ: sweep, SGEMM: Product(held, max(BATCHES))}, held, asked, rounds, gate)
        show([t for t in found if t.rows == size], console)
        console.print(f"{READ}: by {sweep.name}, the fastest of three ways here")
        for name in ROW_BYTES.keys() & ways.keys() if gpu_bandwidth else ():
            limit_ms = size * ROW_BYTES[name] / (gpu_bandwidth or 1) / 1e9
            own = {each.batch: float(np.median(each.ms)) for each in found if (each.rows, each.way) == (size, name)}
            times = ", ".join(f"{ms / limit_ms:.2f} times that for {batch}" for batch, ms in own.items())
            console.print(f"{name}: reading the rows once takes {limit_ms:.3f} ms; {times} at once")
        for name in [each for each in EXACT if each in ways]:
            wrong[f"{size:,} rows, {name}"] = differ = disagreements(held, asked, ways[name])
            console.print(f"{name}: of {queries:,} queries at {THRESHOLD}, {differ} alerts differ from brute force")
    settings = {"threads": threads, "gpu_bandwidth_tb_s": gpu_bandwidth}
    console.print(", ".join(f"{name} {value}" for name, value in (machine() | settings).items()), highlight=False)
    save(result(compared(found, wrong), [asdict(each) for each in found], gate, settings), file)
    if plots:
        from loadtests.bench_plots import draw_costs  # matplotlib is in the extra `evaluate`

        console.print(str(draw_costs(found, threads, plots)))
    raise SystemExit(verdict(found, wrong, check, console))


def compared(found: Sequence[Timed], wrong: Mapping[str, int]) -> list[Compared]:
    """What is compared: the floors, and where alerts differ from brute force."""
    times = [
        Compared(
            f"{floor.own} / {floor.other}, {floor.rows:,} rows, {floor.batch} at once, times as fast",
            tuple(ratios(found, floor.rows, floor.batch, floor.other, floor.own)),
            at_least=floor.least,
        )
        for floor in FLOORS
    ]
    differ = [Compared(f"alerts that differ, {where}", (float(n),), at_most=0.0) for where, n in wrong.items()]
    return times + differ


def show(found: Sequence[Timed], console: Console) -> None:
    """Print one size as a table."""
    table = Table("queries at once", "way", "ms", "8 bits are faster", "float32 reaches")
    table.title = f"{found[0].rows:,} rows of {DIMENSION}"
    for each in found:
        if each.ms:
            of_limit = ratios(found, each.rows, each.batch, each.way, FLOAT) if each.way in (READ, SGEMM) else []
            faster = ratios(found, each.rows, each.batch, each.way)
            table.add_row(
                str(each.batch), each.way, f"{float(np.median(each.ms)):.2f}", _spread(faster), _spread(of_limit)
            )
    console.print(table)


def _spread(times: Sequence[float]) -> str:
    return f"{float(np.median(times)):.2f} ({min(times):.2f} to {max(times):.2f})" if times else ""


def verdict(found: Sequence[Timed], wrong: Mapping[str, int], check: bool, console: Console) -> int:
    """The exit status."""
    if any(wrong.values()):
        console.print("[bold red]alerts differ from brute force")
        return 1
    measured = {(each.rows, each.way) for each in found}
    asked = [floor for floor in FLOORS if check and (floor.rows, floor.own) in measured]
    statuses = [_held_to(floor, found, console) for floor in asked]
    return 1 if 1 in statuses else max(statuses, default=0)


def _held_to(floor: Floor, found: Sequence[Timed], console: Console) -> int:
    times = ratios(found, floor.rows, floor.batch, floor.other, floor.own)
    if not times:
        return 2
    median, at = float(np.median(times)), f"{floor.rows:,} rows, queries at once: {floor.batch}"
    console.print(f"{at}: {floor.own} is {median:.2f} times as fast as {floor.other}, {floor.least} asked")
    return int(median < floor.least)


def _search(way: Rowwise) -> Search:
    return lambda asked: way.search(asked, K, THRESHOLD)


def _calls(way: Search, asked: Float32) -> int:
    """As many calls as fill a sample, after one that warms up."""
    way(asked)
    once = mean_s(lambda: way(asked))
    return max(1, int(_SAMPLE_S / once))


def _round(ways: Mapping[str, Search], calls: Mapping[str, int], asked: Float32) -> tuple[dict[str, float], Load]:
    before = look()
    ms = {name: 1000 * mean_s(partial(way, asked), calls[name]) for name, way in ways.items()}
    return ms, load(before, look())


def units(vectors: Float32) -> Float32:
    """The same array, each row brought to length 1."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    vectors /= lengths[:, None]
    return vectors
