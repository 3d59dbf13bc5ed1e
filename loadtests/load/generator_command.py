"""`beholden-load generator`, and `beholden bench generator`: what the generator itself can do."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from loadtests.bench_result import Compared, conclude, json_option, result, save
from loadtests.quiet import LIMIT_CORES, Gate, look

if TYPE_CHECKING:
    from loadtests.load.generator_bench import Flow


@click.command("generator")
@click.option("--frames", type=click.IntRange(100), default=20_000, show_default=True, help="Of each measurement.")
@click.option("--bytes", "size", type=click.IntRange(100), default=100_000, show_default=True, help="Of a frame.")
@click.option("--processes", type=click.IntRange(1), help="That send; by default as many as there are cores.")
@click.option("--fps", type=click.FloatRange(1), default=2000.0, show_default=True, help="The rate that is asked.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often.")
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@click.option("--check", is_flag=True, help="Fail when the rate is not reached, or frames are late at it.")
@json_option
def generator_command(
    frames: int,
    size: int,
    processes: int | None,
    fps: float,
    rounds: int,
    foreign: float,
    check: bool,
    file: Path | None,
) -> None:
    """Measure how many frames a second the load generator sends, and what one costs.

    Into a sink that takes everything and into a broker of its own, which share this machine's cores with it: all at
    once, then at a rate. Each measurement writes frames x bytes into a temporary folder.

    Exits with 1 when, with --check, the rate is not reached; with 2 when the machine was not quiet enough to tell.
    """
    from loadtests.bench_report import tell_rejected
    from loadtests.load.generator_bench import Question, measure

    console = Console()
    question = Question(frames, size, processes or os.cpu_count() or 1, fps, rounds)
    gate = Gate(look, foreign, told=partial(tell_rejected, console))
    found = measure(question, gate, lambda what: console.print(what, highlight=False))
    figures = compared(found, fps)
    save(result(figures, [asdict(each) for each in found], gate, asdict(question)), file)
    quiet = min((len(each.rounds) for each in figures), default=0)
    raise SystemExit(conclude(figures, quiet, rounds, check, console))


def compared(found: "Sequence[Flow]", fps: float) -> list[Compared]:
    """What is asked, and what it costs.

    Args:
        found: What was measured.
        fps: The rate that is asked.
    """
    from loadtests.load.generator_bench import BROKER, SINK
    from loadtests.load.lateness import LATE_S

    figures = []
    for into, due in ((SINK, None), (BROKER, None), (BROKER, fps)):
        flows = [each for each in found if (each.into, each.asked_fps) == (into, due)]
        of = f"generator, {into}" + (f", {due:g} frames/s" if due else "")
        if due:
            late_ms = tuple(1000 * each.late_p99_s for each in flows)
            figures.append(Compared(f"{of}: 99 % given within", late_ms, at_most=1000 * LATE_S, unit="ms"))
        else:
            rates = tuple(each.fps for each in flows)
            figures.append(Compared(f"{of}: sent", rates, at_least=fps, unit="frames/s"))
        cpu_ms = tuple(each.cpu_ms for each in flows)
        figures.append(Compared(f"{of}: CPU of 1,000 frames", cpu_ms, unit="s", higher_is_better=False))
        cores = tuple(each.cores for each in flows)
        figures.append(Compared(f"{of}: cores", cores, higher_is_better=False))
    return figures
