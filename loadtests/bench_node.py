"""`beholden bench node`: frames a second of one node over what its decoder and its networks do alone, in one run.

Every frame is decoded on a processor, and its faces are found and compared on the device; so no cluster on this node
can be faster than the slower of the two. Both are measured in every round, while the cluster is stopped, on the number
of threads that was fastest before the first. Recognisers that share one GPU are measured against one that has it alone.
After the rounds frames come at a part of that speed, each captured as it is sent, and it is seen how old they grow.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cluster.account import Outcome
from cluster.plan import open_vision, read_plan
from cluster.settings import Placement
from loadtests.bench_frames import compose, entries
from loadtests.bench_pipeline import MODELS, PLACEMENTS, POLICY, cluster_file, policy_document
from loadtests.bench_report import MISSED, machine, tell_rejected
from loadtests.bench_result import Compared, conclude, json_option, result, save
from loadtests.bench_run import ENTRIES, Show, fill, temporary_run
from loadtests.node_clusters import Effort, Measured, measure_cluster
from loadtests.node_limits import Alone, Together, faces_of, what_limits
from loadtests.quiet import LIMIT_CORES, Gate, Snapshot
from operators.onnx import Device

PEOPLE = 3
CAMERAS = 1024  # of which one for each partition is chosen
DEVICES = [str(each) for each in Device]
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("node")
@click.option("--device", type=click.Choice(DEVICES), default=DEVICES[0], show_default=True)
@click.option("--recognisers", type=click.IntRange(1), multiple=True, help="As many as cores when not given.")
@click.option("--policy", type=_FILE, default=POLICY, help="Whose models and numbers; the demonstration's by default.")
@click.option("--size", default="1920x1080", show_default=True, help="Of the frames, with three faces each.")
@click.option("--max-side-px", type=click.IntRange(32), help="Instead of the policy's.")
@click.option("--placement", type=click.Choice(PLACEMENTS), default=PLACEMENTS[0], show_default=True)
@click.option("--index-device", type=click.Choice(DEVICES), help="As --device when not given.")
@click.option("--detect-batch", type=click.IntRange(1), default=1, show_default=True)
@click.option("--decode-threads", type=click.IntRange(1), help="Of each recogniser; with a GPU cores by recognisers.")
@click.option("--poll-frames", type=click.IntRange(1), default=8, show_default=True)
@click.option("--pictures", type=click.IntRange(1), default=48, show_default=True, help="Drawn, and shown in turn.")
@click.option("--frames", type=click.IntRange(200), default=4_000, show_default=True, help="Backlog of each round.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.1, 5), default=2.0, show_default=True, help="Of each part alone.")
@click.option(
    "--load", "part", type=click.FloatRange(0, 1), default=0.8, show_default=True, help="Of its speed, at last."
)
@click.option("--load-seconds", type=click.FloatRange(1), default=10.0, show_default=True)
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@json_option
@click.option("--check", "least", type=float, metavar="RATIO", help="Fail when the fastest cluster's is below.")
def node_command(
    device: str,
    recognisers: tuple[int, ...],
    policy: Path,
    size: str,
    max_side_px: int | None,
    placement: str,
    index_device: str | None,
    detect_batch: int,
    decode_threads: int | None,
    poll_frames: int,
    pictures: int,
    frames: int,
    rounds: int,
    seconds: float,
    part: float,
    load_seconds: float,
    foreign: float,
    file: Path | None,
    least: float | None,
) -> None:
    """Measure whole clusters on this node against its decoder alone and its networks alone.

    Exits with 1 when frames went elsewhere than to an alert or to nobody, or the ratio of the fastest cluster is below
    --check, with 2 when the machine was not quiet enough.
    """
    console, cores = Console(), os.cpu_count() or 1
    width, height = (int(side) for side in size.split("x"))
    document = policy_document(policy) | {"cameras": [f"bench-{number}" for number in range(CAMERAS)]}
    if max_side_px:
        document["detect"] |= {"max_side_px": max_side_px}
    console.print(f"[bold]drawing {pictures} pictures of {size} with {PEOPLE} faces each")
    jpegs = compose(pictures, (width, height), PEOPLE)
    effort = Effort(rounds, frames, seconds, part, load_seconds)
    found: list[Measured] = []
    gates: list[Gate] = []

    def gate_of(look: Callable[[], Snapshot]) -> Gate:
        gates.append(Gate(look, foreign, told=partial(tell_rejected, console)))
        return gates[-1]

    with ExitStack() as until_end:
        limits: dict[str, Together] = {}
        for count in recognisers or (cores,):
            settings = node_file(Device(device), count, Placement(placement), Device(index_device or device))
            settings["recognisers"] |= {"detect_batch": detect_batch, "poll_frames": poll_frames}
            if decode_threads:
                settings["recognisers"] |= {"decode_threads": decode_threads}
            with temporary_run(settings, document) as run:
                plan = read_plan(run.file)
                if not limits:
                    faces = faces_of(plan, jpegs)
                    alone, limits = what_limits(plan, jpegs, faces, seconds, until_end)
                    show_alone(alone, faces, console)
                known = entries(plan, open_vision(plan), ENTRIES)
                cameras = fill(plan, known, jpegs[0], plan.in_force.policy.cameras)
                shown = Show(jpegs, cameras, datetime.now(UTC) + timedelta(minutes=1))
                console.print(f"[bold]starting {count} recognisers")
                found.append(measure_cluster(run, plan, shown, limits, effort, gate_of))
            show(found, console)
    how: dict[str, object] = {"size": size, "device": device, "max_side_px": max_side_px, "placement": placement}
    how |= {"index": index_device, "detect_batch": detect_batch, "decode_threads": decode_threads}
    how |= {"poll_frames": poll_frames, "load": part}
    size_kb = round(sum(map(len, jpegs)) / len(jpegs) / 1000, 1)
    how |= {"frame_kb": size_kb, "faces": faces, "entries": ENTRIES}
    samples = {"alone": [asdict(each) for each in alone], "clusters": [asdict(each) for each in found]}
    ratios = compared(found, least)
    reasons = [why for gate in gates for why in gate.reasons]
    taken = sum(gate.taken for gate in gates)
    save(replace(result(ratios, samples, settings=how), taken=taken, rejected=reasons), file)
    console.print(", ".join(f"{name} {value}" for name, value in (machine() | how).items()), style="bright_black")
    raise SystemExit(verdict(found, ratios, rounds, least, console))


def node_file(device: Device, count: int, placement: Placement, index_device: Device) -> dict[str, Any]:
    """The cluster file of so many recognisers, which share one GPU where they use one, and the cores to decode."""
    cores = os.cpu_count() or 1
    document = cluster_file(MODELS, count, placement, cores)
    document |= {"device": str(device), "kafka": {"frame_partitions": max(8, 2 * count)}}
    document["index"] |= {"shards": 1, "device": str(index_device)}
    if device is Device.CUDA:
        document["recognisers"] |= {
            "threads": 1,
            "gpu_share": round(0.98 / count, 3),
            "decode_threads": max(1, cores // count),
        }
    return document


def show_alone(alone: Sequence[Alone], faces: float, console: Console) -> None:
    """Print what limits this node."""
    counts = sorted({count for each in alone for count in each.fps})
    table = Table("alone", *(f"{count} at once" for count in counts))
    for each in alone:
        table.add_row(each.what, *(f"{each.fps[count]:.0f}" if count in each.fps else "" for count in counts))
    table.caption = f"frames a second; {faces:.2f} faces of a frame are compared"
    console.print(table)


def show(found: Sequence[Measured], console: Console) -> None:
    """Print what whole clusters did."""
    table = Table(
        "recognisers", "frames/s", "min..max", "of what limits it", "GPU works", "CPU ms/frame", "made up of", "at load"
    )
    for one in (each for each in found if each.rounds):
        cpu = {name: median(each.whole.cpu_ms[name] for each in one.rounds) for name in one.rounds[0].whole.cpu_ms}
        speeds = [each.whole.fps for each in one.rounds]
        gpu = [each.gpu for each in one.rounds if each.gpu is not None]
        table.add_row(
            str(one.recognisers),
            f"{one.fps:.0f}",
            f"{min(speeds):.0f}..{max(speeds):.0f}",
            f"{median(each.ratio for each in one.rounds):.2f}",
            f"{median(gpu):.0%}" if gpu else "",
            f"{sum(cpu.values()):.2f}",
            ", ".join(f"{name} {ms:.2f}" for name, ms in cpu.items()),
            f"{at.fps:.0f}/s: p50 {at.p50_ms:.0f}, p99 {at.p99_ms:.0f} ms" if (at := one.at_load) else "",
        )
    console.print(table)


def compared(found: Sequence[Measured], least: float | None) -> list[Compared]:
    """Whole clusters over what limits them, round by round; asked of the fastest."""
    best = max(found, key=lambda one: one.fps)
    return [
        Compared(
            f"cluster of {one.recognisers} recognisers / slower of decoder and networks alone",
            tuple(each.ratio for each in one.rounds),
            at_least=least if one is best else None,
        )
        for one in found
    ]


def verdict(
    found: Sequence[Measured], ratios: Sequence[Compared], rounds: int, least: float | None, console: Console
) -> int:
    """The exit status, and why."""
    for one in found:
        elsewhere = {name: one.account[name] for name in (Outcome.SHED, Outcome.DEAD_LETTERED) if one.account[name]}
        if elsewhere:
            console.print(f"[bold red]{one.recognisers} recognisers did not look at all frames: {elsewhere}")
            return MISSED
    return conclude(ratios, min(len(one.rounds) for one in found), rounds, least is not None, console)
