"""`beholden bench node`: frames a second of one node over what its decoder and its networks do alone, in one run.

Every frame is decoded on a processor, and its faces are found and compared on the device; so no cluster on this node
can be faster than the slower of the two. Recognisers that share one GPU are measured against one that has it alone.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cluster.account import Outcome
from cluster.plan import open_vision, read_plan
from cluster.settings import Placement
from cluster.strict_yaml import load as load_yaml
from cluster.telemetry.gpu import gpu_in_use
from loadtests.bench_cluster import Drained, RunningCluster
from loadtests.bench_frames import compose, entries
from loadtests.bench_pipeline import MODELS, PLACEMENTS, POLICY, cluster_file, policy_document
from loadtests.bench_report import machine, tell_rejected
from loadtests.bench_result import Compared, json_option, result, save
from loadtests.bench_run import ENTRIES, Show, fill, temporary_run
from loadtests.node_limits import DECODER, NETWORKS, Alone, decode_alone, faces_of, networks_alone
from loadtests.quiet import Spoilt
from operators.onnx import Device

PEOPLE = 3
LOOK_S = 0.1
CAMERAS = 1024  # of which one for each partition is chosen
DEVICES = [str(each) for each in Device]
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(slots=True)
class Measured:
    """What recognisers of one number did.

    Attributes:
        recognisers: How many.
        rounds: Frames a second and processor time of a frame, round by round.
        gpu: Part of the time that the GPU worked, round by round; empty without one.
        account: Where all frames went.
        rejected: Why rounds gave no rate.
    """

    recognisers: int
    rounds: list[Drained] = field(default_factory=list)
    gpu: list[float] = field(default_factory=list)
    account: Mapping[str, Any] = field(default_factory=dict)
    rejected: list[str] = field(default_factory=list)

    @property
    def fps(self) -> float:
        """Frames a second, the median of the rounds."""
        return median(each.fps for each in self.rounds)


@click.command("node")
@click.option("--device", type=click.Choice(DEVICES), default=DEVICES[0], show_default=True)
@click.option("--recognisers", type=click.IntRange(1), multiple=True, help="As many as cores when not given.")
@click.option("--policy", type=_FILE, default=POLICY, help="Whose models and numbers; the demonstration's by default.")
@click.option("--size", default="1920x1080", show_default=True, help="Of the frames, with three faces each.")
@click.option("--max-side-px", type=click.IntRange(32), help="Instead of the policy's.")
@click.option("--placement", type=click.Choice(PLACEMENTS), default=PLACEMENTS[0], show_default=True)
@click.option("--index-device", type=click.Choice(DEVICES), help="As --device when not given.")
@click.option("--detect-batch", type=click.IntRange(1), default=1, show_default=True)
@click.option("--poll-frames", type=click.IntRange(1), default=8, show_default=True)
@click.option("--pictures", type=click.IntRange(1), default=48, show_default=True, help="Drawn, and shown in turn.")
@click.option("--frames", type=click.IntRange(200), default=4_000, show_default=True, help="Backlog of each round.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.1), default=2.0, show_default=True, help="Of each part alone.")
@json_option
@click.option("--check", "least", type=float, metavar="RATIO", help="Fail when the best ratio is below.")
def node_command(
    device: str,
    recognisers: tuple[int, ...],
    policy: Path,
    size: str,
    max_side_px: int | None,
    placement: str,
    index_device: str | None,
    detect_batch: int,
    poll_frames: int,
    pictures: int,
    frames: int,
    rounds: int,
    seconds: float,
    file: Path | None,
    least: float | None,
) -> None:
    """Measure whole clusters on this node against its decoder alone and its networks alone.

    Exits with 1 when frames went elsewhere than to an alert or to nobody, or the best ratio is below --check.
    """
    console, cores = Console(), os.cpu_count() or 1
    width, height = (int(side) for side in size.split("x"))
    document = policy_document(policy) | {"cameras": [f"bench-{number}" for number in range(CAMERAS)]}
    if max_side_px:
        document["detect"] = load_yaml(policy)["detect"] | {"max_side_px": max_side_px}
    console.print(f"[bold]drawing {pictures} pictures of {size} with {PEOPLE} faces each")
    jpegs = compose(pictures, (width, height), PEOPLE)
    alone: list[Alone] = []
    found = []
    for count in recognisers or (cores,):
        settings = node_file(
            Device(device), count, detect_batch, poll_frames, Placement(placement), Device(index_device or device)
        )
        with temporary_run(settings, document) as run:
            plan = read_plan(run.file)
            if not alone:
                faces = faces_of(plan, jpegs)
                counts = sorted({1, 2, 4, cores})
                alone = [decode_alone(plan, jpegs, (1, cores), seconds)]
                alone += networks_alone(plan, jpegs, faces, counts, seconds)
                show_alone(alone, faces, console)
            known = entries(plan, open_vision(plan), ENTRIES)
            cameras = fill(plan, known, jpegs[0], plan.in_force.policy.cameras)
            shown = Show(jpegs, cameras, datetime.now(UTC) + timedelta(minutes=1))
            console.print(f"[bold]starting {count} recognisers")
            run.beholden("up", "-f", str(run.file))
            one = Measured(count)
            with closing(RunningCluster(run, plan, len(plan.in_force.policy.cameras))) as cluster:
                cluster.drain(shown.next(frames // 4))
                for _ in range(rounds):
                    with watched_gpu(one.gpu):
                        drained, _ = cluster.drain(shown.next(frames))
                    if isinstance(drained, Spoilt):
                        tell_rejected(console, drained.why)
                        one.rejected.append(drained.why)
                    else:
                        one.rounds.append(drained)
                one.account = cluster.account()
            if not one.rounds:
                raise click.ClickException(f"no round of {count} recognisers gave a rate: {one.rejected[-1]}")
            found.append(one)
        show(found, alone, console)
    how: dict[str, object] = {"size": size, "device": device, "max_side_px": max_side_px, "placement": placement}
    how |= {"index": index_device, "detect_batch": detect_batch, "poll_frames": poll_frames}
    size_kb = round(sum(map(len, jpegs)) / len(jpegs) / 1000, 1)
    how |= {"frame_kb": size_kb, "faces": faces, "entries": ENTRIES}
    samples = {"alone": [asdict(each) for each in alone], "clusters": [asdict(each) for each in found]}
    reasons = [why for each in found for why in each.rejected]
    taken = sum(len(each.rounds) for each in found) + len(reasons)
    save(replace(result(compared(found, alone, least), samples, settings=how), taken=taken, rejected=reasons), file)
    console.print(", ".join(f"{name} {value}" for name, value in (machine() | how).items()), style="bright_black")
    raise SystemExit(verdict(found, alone, least, console))


def node_file(
    device: Device, count: int, detect_batch: int, poll_frames: int, placement: Placement, index_device: Device
) -> dict[str, Any]:
    """The cluster file of so many recognisers, which share one GPU where they use one."""
    document = cluster_file(MODELS, count, placement, os.cpu_count() or 1)
    document |= {"device": str(device), "kafka": {"frame_partitions": max(8, 2 * count)}}
    document["recognisers"] |= {"detect_batch": detect_batch, "poll_frames": poll_frames}
    document["index"] |= {"shards": 1, "device": str(index_device)}
    if device is Device.CUDA:
        document["recognisers"] |= {"threads": 1, "gpu_share": round(0.98 / count, 3)}
    return document


@contextmanager
def watched_gpu(told: list[float]) -> Iterator[None]:
    """Add to `told` what part of a block's time the GPU worked; nothing without one."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S) and (gpu := gpu_in_use()):
            seen.append(gpu.utilisation or 0.0)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
    if seen:
        told.append(sum(seen) / len(seen))


def ratio(one: Measured, alone: Sequence[Alone]) -> float:
    """Frames a second of a cluster, over those of the slowest of what it is made of."""
    return one.fps / limit_fps(alone)


def limit_fps(alone: Sequence[Alone]) -> float:
    """Frames a second of the slower of decoder and networks."""
    return min(each.best for each in alone if each.what in (DECODER, NETWORKS))


def show_alone(alone: Sequence[Alone], faces: float, console: Console) -> None:
    """Print what limits this node."""
    table = Table("alone", *(f"{count} at once" for count in sorted({n for each in alone for n in each.fps})))
    for each in alone:
        table.add_row(each.what, *(f"{each.fps[n]:.0f}" if n in each.fps else "" for n in sorted(alone[-1].fps)))
    table.caption = f"frames a second; {faces:.2f} faces of a frame are compared"
    console.print(table)


def show(found: Sequence[Measured], alone: Sequence[Alone], console: Console) -> None:
    """Print what whole clusters did."""
    table = Table("recognisers", "frames/s", "min..max", "of what limits it", "GPU works", "CPU ms/frame", "made up of")
    for one in found:
        cpu = {name: median(each.cpu_ms[name] for each in one.rounds) for name in one.rounds[0].cpu_ms}
        speeds = [each.fps for each in one.rounds]
        table.add_row(
            str(one.recognisers),
            f"{one.fps:.0f}",
            f"{min(speeds):.0f}..{max(speeds):.0f}",
            f"{ratio(one, alone):.2f}",
            f"{median(one.gpu):.0%}" if one.gpu else "",
            f"{sum(cpu.values()):.2f}",
            ", ".join(f"{name} {ms:.2f}" for name, ms in cpu.items()),
        )
    console.print(table)


def compared(found: Sequence[Measured], alone: Sequence[Alone], least: float | None) -> list[Compared]:
    """Whole clusters over what limits them; asked of the best."""
    best = max(found, key=lambda one: one.fps)
    limit = limit_fps(alone)
    return [
        Compared(
            f"cluster of {one.recognisers} recognisers / slower of decoder and networks alone",
            tuple(each.fps / limit for each in one.rounds),
            at_least=least if one is best else None,
        )
        for one in found
    ]


def verdict(found: Sequence[Measured], alone: Sequence[Alone], least: float | None, console: Console) -> int:
    """The exit status, and why."""
    for one in found:
        elsewhere = {name: one.account[name] for name in (Outcome.SHED, Outcome.DEAD_LETTERED) if one.account[name]}
        if elsewhere:
            console.print(f"[bold red]{one.recognisers} recognisers did not look at all frames: {elsewhere}")
            return 1
    best = max(ratio(one, alone) for one in found)
    console.print(f"[bold]best ratio {best:.3f}" + (f", {least} asked" if least is not None else ""))
    return int(least is not None and best < least)
