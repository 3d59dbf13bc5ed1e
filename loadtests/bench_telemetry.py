"""`beholden bench telemetry`: what traces and metrics cost, as a ratio of on to off in one run.

Two whole clusters read the same frames in turn. Processor time is told apart by whose it is: what recognisers, shards
and the supervisor pay stays where they run, a collector is elsewhere in production.
"""

import os
import signal
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict
from functools import partial
from math import comb, inf
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cluster.plan import open_vision, read_plan
from cluster.settings import Placement
from loadtests.bench_cluster import Drained
from loadtests.bench_frames import compose, entries
from loadtests.bench_pipeline import MODELS, PLACEMENTS, POLICY, cluster_file, policy_document
from loadtests.bench_report import MISSED, NOISY, machine, tell_rejected
from loadtests.bench_result import Compared, json_option, result, save
from loadtests.bench_run import temporary_run
from loadtests.quiet import LIMIT_CORES, Gate, Load, Spoilt
from loadtests.telemetry_sides import COLLECTOR, Side, beside, collecting, introduce, running_side

PICTURES, ENTRIES = 120, 1_000
LEAST = 0.97
NEVER_LATE_MS = 86_400_000  # a backlog is old, and the traces of late frames are kept: `--share 1` says what that costs
PUSH_S = 2.0  # five times as often as by default, or a round would see none
BENCHMARK = "benchmark"
SURE = 0.9

Round = tuple[Drained, Drained]
"""A cluster with telemetry off and one with it on, one right after the other."""


def measure(off: Side, on: Side, rounds: int, gate: Gate, console: Console) -> list[Round]:
    """Off and on in turn, the first of a round alternating; rounds that were not quiet are left out.

    It ends early when it is clear on which side of `LEAST` the median ratio lies: see `interval`.
    """
    found = []
    for number in range(rounds):
        order = (off, on) if number % 2 == 0 else (on, off)
        one = gate.take(partial(_round, order))
        if one:
            both = one if number % 2 == 0 else (one[1], one[0])
            found.append(both)
            console.print(f"round {number + 1}: {both[0].fps:.1f} and {both[1].fps:.1f} frames/s", highlight=False)
            low, high = interval(_ratios(found))
            if not low < LEAST <= high:
                break
    return found


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where the median of all such values lies, `SURE` at least, whatever their distribution; of few, anywhere."""
    ordered, many = sorted(values), len(values)
    outside, below = 0.0, 0
    while below < many // 2 and outside + 2 * comb(many, below) / 2**many <= 1 - SURE:
        outside += 2 * comb(many, below) / 2**many
        below += 1
    return (ordered[below - 1], ordered[-below]) if below else (-inf, inf)


def _ratios(rounds: Sequence[Round]) -> list[float]:
    return [on.fps / off.fps for off, on in rounds]


def _round(order: tuple[Side, Side]) -> tuple[Round | Spoilt, Load]:
    """Both, and the load of the one that was disturbed more."""
    (first, one), (second, other) = (side.take() for side in order)
    worse = max(one, other, key=lambda load: max(load.foreign_cores, load.stolen_cores))
    if isinstance(first, Spoilt):
        return first, worse
    return (second if isinstance(second, Spoilt) else (first, second)), worse


def verdict(rounds: Sequence[Round], wanted: int, least: float | None) -> tuple[int, str]:
    """Exit status and why: too few quiet rounds, or a median ratio below `least`."""
    ratios = _ratios(rounds)
    if not rounds or (2 * len(rounds) < wanted and interval(ratios)[0] == -inf):
        return NOISY, f"only {len(rounds)} of {wanted} rounds were quiet: run it again when nothing else runs"
    said = f"on / off, frames a second: {_spread(ratios)}, {len(rounds)} rounds"
    return (MISSED, f"{said}; asked: {least}") if least is not None and median(ratios) < least else (0, said)


def by_cpu(rounds: Sequence[Round], without: Collection[str] = ()) -> list[float]:
    """The same ratio by processor time of a frame: the benchmark's own is left out, and that of further groups."""
    left_out = {BENCHMARK, *without}

    def spent_ms(drained: Drained) -> float:
        return sum(ms for name, ms in drained.cpu_ms.items() if name not in left_out)

    return [spent_ms(off) / spent_ms(on) for off, on in rounds]


def compared(rounds: Sequence[Round]) -> list[Compared]:
    """What is compared."""
    return [
        Compared("telemetry on / off, frames/s", tuple(_ratios(rounds)), at_least=LEAST),
        Compared("telemetry off / on, processor time without the collector's", tuple(by_cpu(rounds, [COLLECTOR]))),
    ]


def table(rounds: Sequence[Round]) -> Table:
    """Processor time of a frame by whose it is, with telemetry off and on; medians."""
    shown = Table("processor time, ms a frame", "off", "on", "more", "of the whole")
    whole_ms = median(sum(off.cpu_ms.values()) for off, _ in rounds)
    for name in rounds[0][0].cpu_ms:
        before_ms, after_ms = (median(each.cpu_ms[name] for each in side) for side in zip(*rounds, strict=True))
        more_ms = median(on.cpu_ms[name] - off.cpu_ms[name] for off, on in rounds)
        shown.add_row(name, f"{before_ms:.2f}", f"{after_ms:.2f}", f"{more_ms:+.2f}", f"{more_ms / whole_ms:+.1%}")
    return shown


@click.command("telemetry")
@click.option("--rounds", type=click.IntRange(1), default=15, show_default=True, help="Of both, at most.")
@click.option("--frames", type=click.IntRange(200), default=600, show_default=True, help="Backlog of each in a round.")
@click.option("--share", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="Of traces that are kept.")
@click.option("--placement", type=click.Choice(PLACEMENTS), default=str(Placement.SHARDED), show_default=True)
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@click.option("--check", is_flag=True, help=f"Fail when the median ratio is below {LEAST}.")
@json_option
def telemetry_command(
    rounds: int, frames: int, share: float, placement: str, foreign: float, check: bool, file: Path | None
) -> None:
    """Compare a cluster whose traces and metrics are sent to a collector with one of which nothing is sent.

    The same frames, in turn, until it is clear whether the median ratio is high enough, five rounds at least; the other
    cluster has nothing to do meanwhile. With `--foreign` above what others take, on
    a busy machine, only processor time tells something.

    Exits with 1 when, with --check, the median ratio is too low, with 2 when the machine was not quiet enough to tell.
    """
    console = Console()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # or everything would be left running
    settings = cluster_file(MODELS, None, Placement(placement), os.cpu_count() or 1)
    with temporary_run(settings, policy_document(POLICY)) as run, collecting(run.folder) as (address, collector):
        plan = read_plan(run.file)
        known, pictures = entries(plan, open_vision(plan), ENTRIES), compose(PICTURES)
        quiet, telling = beside(run, "off", {}), beside(run, "on", {"telemetry": _telemetry(address, share)})
        console.print("[bold]starting two clusters")
        with (
            running_side(quiet, known, pictures, frames, collector) as off,
            running_side(telling, known, pictures, frames, collector) as on,
        ):
            introduce(off, on)
            for side in (off, on):  # what is loaded once is no part of it
                side.take()
            gate = Gate(off.cluster.look, foreign, told=partial(tell_rejected, console))
            found = measure(off, on, rounds, gate, console)
    code, why = verdict(found, rounds, LEAST if check else None)
    if found:
        console.print(table(found))
        console.print(f"by processor time: {_spread(by_cpu(found))}", highlight=False)
        console.print(f"without the collector's: {_spread(by_cpu(found, [COLLECTOR]))}", highlight=False)
    console.print(f"[bold]{why}", highlight=False)
    save(result(compared(found), [[asdict(side) for side in each] for each in found], gate), file)
    for name, value in {**machine(), "share": share, "placement": placement, "entries": ENTRIES}.items():
        console.print(f"{name}: {value}", highlight=False, style="bright_black")
    raise SystemExit(code)


def _telemetry(address: str, share: float) -> dict[str, Any]:
    """That section of the cluster file."""
    return {
        "objective_ms": NEVER_LATE_MS,
        "traces": {"otlp": address, "share": share},
        "metrics": {"otlp": address, "every_s": PUSH_S},
    }


def _spread(ratios: Sequence[float]) -> str:
    low, high = interval(ratios)
    sure = f", {SURE:.0%} sure: {low:.3f} to {high:.3f}" if high < inf else ""
    return f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}{sure})"
