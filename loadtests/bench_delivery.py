"""`beholden bench delivery`: what it costs to write alerts and offsets in one transaction, as a ratio in one run."""

import os
import signal
import sys
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from cluster.pipeline import COMMIT_INTERVAL_S, RESULT_WAIT_S
from cluster.plan import open_vision, read_plan
from cluster.settings import Delivery, Placement
from loadtests.bench_cluster import broker_pids, publish
from loadtests.bench_frames import compose, entries
from loadtests.bench_layers import Workers
from loadtests.bench_pipeline import MODELS, POLICY, cluster_file, policy_document
from loadtests.bench_report import MISSED, NOISY, machine, tell_rejected
from loadtests.bench_result import Compared, json_option, result, save
from loadtests.bench_run import Show, fill, temporary_run
from loadtests.quiet import LIMIT_CORES, Gate, Load, load, look, used_s

PICTURES, ENTRIES = 120, 1_000
LEAST = 0.85
MODES = (Delivery.AT_LEAST_ONCE, Delivery.EXACTLY_ONCE)


@dataclass(frozen=True, slots=True)
class Measured:
    """One mode in one round.

    Attributes:
        fps: Frames a second, all recognisers together.
        lane_ms: Processor time of a recogniser for one frame, milliseconds.
        broker_ms: Processor time of the broker for one frame, milliseconds.
    """

    fps: float
    lane_ms: float
    broker_ms: float

    @property
    def cpu_ms(self) -> float:
        """Processor time of both for one frame, milliseconds."""
        return self.lane_ms + self.broker_ms


Round = tuple[Measured, Measured]
"""At-least-once and exactly-once, one right after the other."""


def measure(workers: Workers, rounds: int, seconds: float, gate: Gate, console: Console) -> list[Round]:
    """Both modes in turn, the first of a round alternating; rounds that were not quiet are left out."""
    found = []
    for number in range(rounds):
        one = gate.take(partial(_round, workers, seconds, MODES if number % 2 == 0 else MODES[::-1]))
        if one:
            found.append(one)
            console.print(f"round {number + 1}: {one[0].fps:.1f} and {one[1].fps:.1f} frames/s", highlight=False)
    return found


def ratios(rounds: Sequence[Round]) -> list[float]:
    """Frames a second of exactly-once over at-least-once, round by round."""
    return [once.fps / least.fps for least, once in rounds]


def verdict(rounds: Sequence[Round], wanted: int, least: float | None) -> tuple[int, str]:
    """Exit status and why: too few quiet rounds, or a median ratio below `least`."""
    if 2 * len(rounds) < wanted or not rounds:
        return NOISY, f"only {len(rounds)} of {wanted} rounds were quiet: run it again when nothing else runs"
    found, all_of = median(ratios(rounds)), ratios(rounds)
    said = f"exactly-once / at-least-once: {found:.3f} ({min(all_of):.3f} to {max(all_of):.3f}), {len(rounds)} rounds"
    return (MISSED, f"{said}; asked: {least}") if least is not None and found < least else (0, said)


@click.command("delivery")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Of both modes.")
@click.option("--seconds", type=click.FloatRange(1), default=6.0, show_default=True, help="Of each mode in a round.")
@click.option("--frames", type=click.IntRange(200), default=3000, show_default=True, help="Backlog that both read.")
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@click.option("--check", is_flag=True, help=f"Fail when the median ratio is below {LEAST}.")
@json_option
def delivery_command(rounds: int, seconds: float, frames: int, foreign: float, check: bool, file: Path | None) -> None:
    """Compare exactly-once with at-least-once delivery: recognisers on Kafka, the same frames, in turn.

    Exits with 1 when, with --check, the median ratio is too low, with 2 when the machine was not quiet enough to tell.
    """
    console = Console()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # or everything would be left running
    settings = cluster_file(MODELS, None, Placement.IN_LANE, os.cpu_count() or 1)
    with temporary_run(settings, policy_document(POLICY)) as run:
        plan = read_plan(run.file)
        pictures = compose(PICTURES)
        known = entries(plan, open_vision(plan), ENTRIES)
        shown = Show(
            pictures,
            fill(plan, known, pictures[0], plan.in_force.policy.cameras),
            datetime.now(UTC) + timedelta(minutes=1),
        )
        publish(plan.settings.kafka, shown.next(frames))
        with closing(Workers(plan, known, pictures, shown.cameras)) as workers:
            gate = Gate(look, foreign, told=partial(tell_rejected, console))
            found = measure(workers, rounds, seconds, gate, console)
    show(found, console)
    compared = Compared("exactly-once / at-least-once, frames/s", tuple(ratios(found)), at_least=LEAST)
    samples = [{str(mode): asdict(one) for mode, one in zip(MODES, each, strict=True)} for each in found]
    save(result([compared], samples, gate), file)
    code, why = verdict(found, rounds, LEAST if check else None)
    console.print(f"[bold]{why}", highlight=False)
    raise SystemExit(code)


def show(rounds: Sequence[Round], console: Console) -> None:
    """Print what was found."""
    table = Table("median", "frames/s", "recogniser, ms a frame", "broker, ms a frame")
    for at, mode in enumerate(MODES):
        each = [one[at] for one in rounds]
        if each:
            values = [median(getattr(one, name) for one in each) for name in ("fps", "lane_ms", "broker_ms")]
            table.add_row(str(mode), *(f"{value:.2f}" for value in values))
    console.print(table)
    if spent := [least.cpu_ms / once.cpu_ms for least, once in rounds]:
        # Other programs move this less than the rate; it says nothing of waiting.
        said = f"{median(spent):.3f} ({min(spent):.3f} to {max(spent):.3f})"
        console.print(f"the same by processor time of a frame: {said}", highlight=False)
    commits = f"every {COMMIT_INTERVAL_S:g} s, of alerts every {RESULT_WAIT_S:g} s"
    about = {**machine(), "commits": commits, "entries": ENTRIES}
    for name, value in about.items():
        console.print(f"{name}: {value}", highlight=False, style="bright_black")


def _round(workers: Workers, seconds: float, order: Sequence[Delivery]) -> tuple[Round, Load]:
    begin, found = look(), {}
    for mode in order:
        work, before, after = workers.run_kafka(uuid.uuid4().hex, seconds, look, mode)
        broker_ms = used_s(before.own, after.own, broker_pids()) * 1000 / work.frames
        found[mode] = Measured(work.fps, work.cpu_s * 1000 / work.frames, broker_ms)
    return (found[MODES[0]], found[MODES[1]]), load(begin, look())
