"""`beholden bench telemetry`: what traces and metrics cost, as a ratio of on to off in one run."""

import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import click
from rich.console import Console

from cluster.delivery import member_of
from cluster.ledger.checkpoint_keeper import Sealing
from cluster.observe.receiving import receiving
from cluster.plan import Plan, open_vision, read_plan
from cluster.settings import Placement
from cluster.status import Member
from cluster.telemetry.settings import MetricSettings, TelemetrySettings, TraceSettings
from cluster.telemetry.supervised import open_cluster_metrics
from loadtests.bench_frames import compose, entries
from loadtests.bench_layers import Workers, frames_done
from loadtests.bench_pipeline import MODELS, POLICY, cluster_file, policy_document
from loadtests.bench_report import MISSED, NOISY, machine, tell_rejected
from loadtests.bench_run import WARM_UP_S, Show, fill, publish, temporary_run
from loadtests.quiet import LIMIT_CORES, Gate, Load, load, look

PICTURES, ENTRIES = 120, 1_000
LEAST = 0.97
HEAR_S = 2.0  # as a supervisor does
NEVER_LATE_MS = 86_400_000  # a backlog is old, and the traces of late frames are kept: `--share 1` says what that costs
PUSH_S = 2.0  # five times as often as by default, or a round would see none

Round = tuple[float, float]
"""Frames a second with telemetry off and on, one right after the other."""


class Side:
    """Recognisers with telemetry of one kind, heard as a supervisor hears them.

    Args:
        workers: The recognisers.
        plan: What they run, with their telemetry.
        frames: Backlog that they read.
    """

    def __init__(self, workers: Workers, plan: Plan, frames: int) -> None:
        self._workers = workers
        self._plan = plan
        self._frames = frames

    def fps(self, seconds: float) -> float:
        """Frames a second of all of them together.

        Raises:
            click.ClickException: They were done with the whole backlog before the time was over.
        """
        telemetry = self._plan.settings.telemetry
        work, _, _ = self._workers.run_kafka(uuid.uuid4().hex, seconds, look, telemetry=telemetry, meanwhile=self._hear)
        return work.fps

    def _hear(self, seconds: float) -> None:
        """Ask for every status and make metrics of it, if any are wanted; a supervisor asks either way."""
        until_s = time.monotonic() + seconds
        metrics = open_cluster_metrics(self._plan, lambda: self._plan.in_force.policy.retention)
        try:
            while (left_s := until_s - time.monotonic()) > 0:
                heard = self._workers.statuses()
                members = [Member(member_of(status.slot), status.state, status) for status in heard]
                if metrics:
                    metrics.note(members, len(members), None, Sealing())
                time.sleep(min(left_s, HEAR_S))
        finally:
            if metrics:
                metrics.close()
        done = sum(frames_done(status) for status in self._workers.statuses())
        if done >= self._frames:
            raise click.ClickException(f"all {done} frames were done before {seconds:g} s were over: more --frames")


def measure(off: Side, on: Side, rounds: int, seconds: float, foreign: float, console: Console) -> list[Round]:
    """Off and on in turn, the first of a round alternating; rounds that were not quiet are left out."""
    gate = Gate(look, foreign, told=partial(tell_rejected, console))
    found = []
    for number in range(rounds):
        order = (off, on) if number % 2 == 0 else (on, off)
        one = gate.take(partial(_round, order, seconds))
        if one:
            both = one if number % 2 == 0 else (one[1], one[0])
            found.append(both)
            console.print(f"round {number + 1}: {both[0]:.1f} and {both[1]:.1f} frames/s", highlight=False)
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
    """Compare recognisers whose traces and metrics are sent to a collector with those of which nothing is sent.

    The same frames, in turn. Each searches its own list: what index shards tell is not in it.

    Exits with 1 when, with --check, the median ratio is too low, with 2 when the machine was not quiet enough to tell.
    """
    console = Console()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # or everything would be left running
    settings = cluster_file(MODELS, None, Placement.IN_LANE, os.cpu_count() or 1)
    with temporary_run(settings, policy_document(POLICY)) as run, collecting(run.folder) as address:
        plan = read_plan(run.file)
        pictures = compose(PICTURES)
        known = entries(plan, open_vision(plan), ENTRIES)
        cameras = fill(plan, known, pictures[0], plan.in_force.policy.cameras)
        shown = Show(pictures, cameras, datetime.now(UTC) + timedelta(minutes=1))
        publish(plan, shown.next(frames))
        traces, metrics = TraceSettings(address, share), MetricSettings(address, PUSH_S)
        telemetry = TelemetrySettings(NEVER_LATE_MS, traces, metrics)
        on = replace(plan, settings=replace(plan.settings, telemetry=telemetry))
        with closing(Workers(plan, known, pictures, shown.cameras)) as workers:
            sides = Side(workers, plan, shown.sent), Side(workers, on, shown.sent)
            for side in sides:  # what is loaded once is no part of it
                side.fps(WARM_UP_S)
            found = measure(*sides, rounds, seconds, foreign, console)
    code, why = verdict(found, rounds, LEAST if check else None)
    console.print(f"[bold]{why}", highlight=False)
    for name, value in {**machine(), "share": share, "entries": ENTRIES}.items():
        console.print(f"{name}: {value}", highlight=False, style="bright_black")
    raise SystemExit(code)


@contextmanager
def collecting(folder: Path) -> Iterator[str]:
    """Address of a collector in a process of its own; its work is counted as the run's own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_collect, args=(theirs, folder / "traces.sqlite"), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _collect(pipe: "Connection[str, None]", store: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with receiving("127.0.0.1:0", store) as address, suppress(EOFError):
        pipe.send(address)
        pipe.recv()  # nothing comes: until the parent has gone


def _round(order: tuple[Side, Side], seconds: float) -> tuple[Round, Load]:
    begin = look()
    found = (order[0].fps(seconds), order[1].fps(seconds))
    return found, load(begin, look())
