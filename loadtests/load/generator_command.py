"""`beholden-load generator`: what the generator itself can do."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from cluster.wire.text import format_time
from loadtests.quiet import LIMIT_CORES, Gate, look

if TYPE_CHECKING:
    from loadtests.load.generator_bench import Flow, Question

FORM = "beholden.generator.v1"


@click.command("generator")
@click.option("--frames", type=click.IntRange(100), default=20_000, show_default=True, help="Of each measurement.")
@click.option("--bytes", "size", type=click.IntRange(100), default=100_000, show_default=True, help="Of a frame.")
@click.option("--processes", type=click.IntRange(1), help="That send; by default as many as there are cores.")
@click.option("--fps", type=click.FloatRange(1), default=2000.0, show_default=True, help="The rate that is held.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often.")
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write everything there.")
def generator_command(
    frames: int, size: int, processes: int | None, fps: float, rounds: int, foreign: float, file: Path | None
) -> None:
    """Measure how many frames a second the generator sends, and what one costs.

    Into a sink that takes everything, and into a broker of its own, which share this machine's cores with it. Each
    measurement writes frames x bytes into a temporary folder. Exits with 2 when none was quiet.
    """
    from loadtests.bench_report import NOISY, tell_rejected
    from loadtests.load.generator_bench import Question, measure

    console = Console()
    question = Question(frames, size, processes or os.cpu_count() or 1, fps, rounds)
    gate = Gate(look, foreign, told=partial(tell_rejected, console))
    found = measure(question, gate, lambda what: console.print(what, highlight=False))
    if file:
        file.write_text(json.dumps(document(question, found, gate), indent=1) + "\n")
    console.print(table(found))
    console.print(f"samples: {gate.taken} taken, {gate.rejected} rejected", highlight=False)
    if not found:
        raise SystemExit(NOISY)


def table(found: "Sequence[Flow]") -> Table:
    """Medians, with the smallest and the largest rate; processor time of a frame in ms is that of 1,000 in s."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bright_black")
    for name in ("into", "due/s", "sent/s", "min..max", "cores", "CPU ms", "its CPU", "late ms", "limit"):
        shown.add_column(name, justify="left" if name in ("into", "limit") else "right", no_wrap=True)
    for case in dict.fromkeys((each.into, each.asked_fps) for each in found):
        some = [each for each in found if (each.into, each.asked_fps) == case]
        rates = [each.fps for each in some]
        shown.add_row(
            case[0],
            f"{case[1]:g}" if case[1] else "at once",
            f"{median(rates):.0f}",
            f"{min(rates):.0f}..{max(rates):.0f}",
            f"{median(each.cores for each in some):.2f}",
            f"{median(each.cpu_ms for each in some):.3f}",
            f"{median(each.rest_cpu_ms for each in some):.3f}",
            f"{1000 * median(each.late_p99_s for each in some):.0f}" if case[1] else "",
            "generator" if case[1] and any(each.limit for each in some) else "",
        )
    shown.caption = "CPU ms of one frame: the generator's; its: of whoever takes it. late: 99 % of frames, at the most"
    return shown


def document(question: "Question", found: "Sequence[Flow]", gate: Gate) -> dict[str, Any]:
    """Everything, for machines."""
    from loadtests.bench_report import machine
    from loadtests.bench_result import load_command

    return {
        "form": FORM,
        "name": "generator",
        "command": load_command(),
        "date": format_time(datetime.now(UTC)),
        "about": machine(),
        "question": asdict(question),
        "flows": [asdict(each) for each in found],
        "taken": gate.taken,
        "rejected": gate.rejected,
    }
