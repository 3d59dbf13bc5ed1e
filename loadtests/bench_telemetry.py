"""`beholden bench telemetry`: what traces cost, as a ratio of on to off in one run."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import click
from rich.console import Console

from cluster.plan import open_vision, read_plan
from cluster.settings import Placement
from cluster.telemetry.settings import TelemetrySettings, TraceSettings
from loadtests.bench_frames import compose, entries
from loadtests.bench_layers import Workers
from loadtests.bench_pipeline import MODELS, POLICY, cluster_file, policy_document
from loadtests.bench_report import MISSED, NOISY, machine, tell_rejected
from loadtests.bench_run import Show, fill, publish, temporary_run
from loadtests.quiet import LIMIT_CORES, Gate, Load, load, look

PICTURES, ENTRIES = 120, 1_000
LEAST = 0.97

Round = tuple[float, float]
"""Frames a second with telemetry off and on, one right after the other."""


def measure(
    workers: Workers, on: TelemetrySettings, rounds: int, seconds: float, foreign: float, console: Console
) -> list[Round]:
    """Off and on in turn, the first of a round alternating; rounds that were not quiet are left out."""
    gate = Gate(look, foreign, told=partial(tell_rejected, console))
    found = []
    for number in range(rounds):
        order = (TelemetrySettings(), on) if number % 2 == 0 else (on, TelemetrySettings())
        one = gate.take(partial(_round, workers, seconds, order, on))
        if one:
            found.append(one)
            console.print(f"round {number + 1}: {one[0]:.1f} and {one[1]:.1f} frames/s", highlight=False)
    return found


def verdict(rounds: Sequence[Round], wanted: int, least: float | None) -> tuple[int, str]:
    """Exit status and why: too few quiet rounds, or a median ratio below `least`."""
    if 2 * len(rounds) < wanted or not rounds:
        return NOISY, f"only {len(rounds)} of {wanted} rounds were quiet: run it again when nothing else runs"
    ratios = [on / off for off, on in rounds]
    said = f"on / off: {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}), {len(rounds)} rounds"
    return (MISSED, f"{said}; asked: {least}") if least is not None and median(ratios) < least else (0, said)


@click.command("telemetry")
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True, help="Of both.")
@click.option("--seconds", type=click.FloatRange(1), default=6.0, show_default=True, help="Of each in a round.")
@click.option("--frames", type=click.IntRange(200), default=3000, show_default=True, help="Backlog that both read.")
@click.option("--share", type=click.FloatRange(0, 1), default=0.01, show_default=True, help="Of traces that are kept.")
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@click.option("--check", is_flag=True, help=f"Fail when the median ratio is below {LEAST}.")
def telemetry_command(rounds: int, seconds: float, frames: int, share: float, foreign: float, check: bool) -> None:
    """Compare recognisers that send traces to a receiver with those that send none: the same frames, in turn.

    Exits with 1 when, with --check, the median ratio is too low, with 2 when the machine was not quiet enough to tell.
    """
    console = Console()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # or everything would be left running
    settings = cluster_file(MODELS, None, Placement.IN_LANE, os.cpu_count() or 1)
    with temporary_run(settings, policy_document(POLICY)) as run, receiving(run.folder) as address:
        plan = read_plan(run.file)
        pictures = compose(PICTURES)
        known = entries(plan, open_vision(plan), ENTRIES)
        cameras = fill(plan, known, pictures[0], plan.in_force.policy.cameras)
        shown = Show(pictures, cameras, datetime.now(UTC) + timedelta(minutes=1))
        publish(plan, shown.next(frames))
        on = TelemetrySettings(traces=TraceSettings(address, share))
        with closing(Workers(plan, known, pictures, shown.cameras)) as workers:
            found = measure(workers, on, rounds, seconds, foreign, console)
    code, why = verdict(found, rounds, LEAST if check else None)
    console.print(f"[bold]{why}", highlight=False)
    for name, value in {**machine(), "share": share, "entries": ENTRIES}.items():
        console.print(f"{name}: {value}", highlight=False, style="bright_black")
    raise SystemExit(code)


@contextmanager
def receiving(folder: Path) -> Iterator[str]:
    """Address of a receiver in a process of its own; its work is counted as the run's own."""
    command = [sys.executable, "-m", "cluster", "trace", "--store", str(folder / "traces.sqlite")]
    with subprocess.Popen([*command, "--receive", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield process.stdout.readline().split()[2].rstrip(";")
        finally:
            process.send_signal(signal.SIGINT)


def _round(
    workers: Workers, seconds: float, order: Sequence[TelemetrySettings], on: TelemetrySettings
) -> tuple[Round, Load]:
    begin, found = look(), {}
    for telemetry in order:
        work, _, _ = workers.run_kafka(uuid.uuid4().hex, seconds, look, telemetry=telemetry)
        found[telemetry is on] = work.fps
    return (found[False], found[True]), load(begin, look())
