"""`beholden bench node`: frames a second of one node over what its decoder and its networks do alone, in one run.

Every frame is decoded on a processor, and its faces are found and compared on the device; so no cluster on this node
can be faster than the slower of the two. Both are measured in every round, while the cluster is stopped, on the number
of threads that was fastest before the first. Recognisers that share one GPU are measured against one that has it alone.
After the rounds frames come at a part of that speed, each captured as it is sent, and it is seen how old they grow.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cluster.account import Outcome
from cluster.plan import Plan, open_vision, read_plan
from cluster.settings import Placement
from cluster.telemetry.gpu import gpu_in_use
from loadtests.bench_cluster import Drained, RunningCluster, ends, lanes_of
from loadtests.bench_frames import compose, entries
from loadtests.bench_overload import percentile
from loadtests.bench_pipeline import MODELS, PLACEMENTS, POLICY, cluster_file, policy_document
from loadtests.bench_report import MISSED, machine, tell_rejected
from loadtests.bench_result import Compared, conclude, json_option, result, save
from loadtests.bench_run import ENTRIES, Show, fill, temporary_run
from loadtests.node_limits import DECODER, NETWORKS, Alone, Together, decoders, faces_of, networks, on_their_own
from loadtests.node_publishers import Publishers, publishers
from loadtests.quiet import LIMIT_CORES, Gate, Load, Snapshot, Spoilt, load
from loadtests.temporary import Temporary
from operators.onnx import Device

PEOPLE = 3
LOOK_S = 0.1
CORES_A_PUBLISHER = 4
CAMERAS = 1024  # of which one for each partition is chosen
DEVICES = [str(each) for each in Device]
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Round:
    """One round, all of it quiet.

    Attributes:
        alone: Frames a second of what limits the node, by what.
        whole: What the cluster did.
        gpu: Part of the time that the GPU worked; None without one.
    """

    alone: Mapping[str, float]
    whole: Drained
    gpu: float | None

    @property
    def ratio(self) -> float:
        """Frames a second of the cluster, over those of the slowest of what it is made of."""
        return self.whole.fps / min(self.alone.values())


@dataclass(frozen=True, slots=True)
class AtLoad:
    """What became of frames that came as they were captured.

    Attributes:
        fps: Frames a second that were sent.
        looked_at: Frames.
        p50_ms: Age of a frame when it was decided, median, to 50 ms.
        p99_ms: 99th percentile.
    """

    fps: float
    looked_at: int
    p50_ms: float
    p99_ms: float


@dataclass(slots=True)
class Measured:
    """What recognisers of one number did.

    Attributes:
        recognisers: How many.
        rounds: What they did, round by round.
        account: Where all frames went.
        at_load: What became of frames at a part of that speed; None: there was no round.
    """

    recognisers: int
    rounds: list[Round] = field(default_factory=list)
    account: Mapping[str, Any] = field(default_factory=dict)
    at_load: AtLoad | None = None

    @property
    def fps(self) -> float:
        """Frames a second, the median of the rounds; 0 without any."""
        return median(each.whole.fps for each in self.rounds) if self.rounds else 0.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: How often.
        frames: Backlog of each round.
        seconds: How long each part alone.
        part: Of the cluster's speed, at load.
        load_seconds: How long it is at load.
    """

    rounds: int
    frames: int
    seconds: float
    part: float
    load_seconds: float


def what_limits(
    plan: Plan, jpegs: Sequence[bytes], faces: float, seconds: float, until_end: ExitStack
) -> tuple[list[Alone], dict[str, Together]]:
    """What decoder and networks do alone, and both ready to be measured again, on their best number of threads.

    Args:
        plan: Models and device.
        jpegs: What is shown.
        faces: Of each picture, on average.
        seconds: How long each trial.
        until_end: Lets go of them.
    """
    makes = {DECODER: decoders(plan, jpegs), **networks(plan, jpegs, faces)}
    device, cores = plan.settings.device, os.cpu_count() or 1
    alone = {what: on_their_own(what, make, _threads(what, device, cores), seconds) for what, make in makes.items()}
    together = {
        what: until_end.enter_context(closing(Together(makes[what], alone[what].threads)))
        for what in (DECODER, NETWORKS)
    }
    return list(alone.values()), together


def measure(
    cluster: RunningCluster, shown: Show, limits: Mapping[str, Together], effort: Effort, gate: Gate
) -> list[Round]:
    """What limits the node, the cluster stopped meanwhile, then the cluster; rounds without all of it are left out."""
    found = []
    for _ in range(effort.rounds):
        alone = {
            what: gate.take(partial(_held, cluster, together, effort.seconds)) for what, together in limits.items()
        }
        whole = gate.take(partial(_drained, cluster, shown, effort.frames))
        known = {what: fps for what, fps in alone.items() if fps}
        if whole and len(known) == len(alone):
            found.append(Round(known, *whole))
    return found


def measure_cluster(
    run: Temporary,
    plan: Plan,
    shown: Show,
    limits: Mapping[str, Together],
    effort: Effort,
    gate_of: Callable[[Callable[[], Snapshot]], Gate],
) -> Measured:
    """Start a whole cluster, measure it against what limits the node, then at load.

    Args:
        run: Where.
        plan: What.
        shown: The frames, of cameras that the topic has a frame of each.
        limits: What limits the node.
        effort: How much.
        gate_of: What takes its samples, by what looks at the machine's processes.
    """
    run.beholden("up", "-f", str(run.file))
    told, cores = len(plan.in_force.policy.cameras), os.cpu_count() or 1
    with (
        publishers(plan, shown.cameras, max(1, cores // CORES_A_PUBLISHER)) as sending,
        closing(RunningCluster(run, plan, told, sending.publish)) as cluster,
    ):
        cluster.drain(shown.next(effort.frames // 4))
        found = Measured(
            plan.settings.recognisers.count, measure(cluster, shown, limits, effort, gate_of(cluster.look))
        )
        if found.rounds:
            fps = effort.part * found.fps
            found.at_load = at_load(cluster, run, sending, shown.pictures, fps, effort.load_seconds)
        found.account = cluster.account()
    return found


def at_load(
    cluster: RunningCluster, run: Temporary, sending: Publishers, jpegs: Sequence[bytes], fps: float, seconds: float
) -> AtLoad:
    """Frames at one rate for so long, and how old they were when they were decided."""
    before = ends(lanes_of(run))
    sent = sending.steadily(jpegs, fps, seconds)
    cluster.await_more(sent)
    ages = (ends(lanes_of(run)) - before).ages_ms
    return AtLoad(sent / seconds, ages.total(), percentile(ages, 0.5), percentile(ages, 0.99))


def _held(cluster: RunningCluster, together: Together, seconds: float) -> tuple[float, Load]:
    with cluster.held():
        before = cluster.look()
        fps = together.run(seconds)
        return fps, load(before, cluster.look())


def _drained(cluster: RunningCluster, shown: Show, frames: int) -> tuple[tuple[Drained, float | None] | Spoilt, Load]:
    with watched_gpu() as seen:
        found, spent = cluster.drain(shown.next(frames))
    return (found if isinstance(found, Spoilt) else (found, sum(seen) / len(seen) if seen else None)), spent


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


def _threads(what: str, device: Device, cores: int) -> list[int]:
    """How many at once are tried: a GPU has no more to give to five, each of which has its own models there."""
    return sorted({1, 2, 4, cores} if what == DECODER or device is Device.CPU else {1, 2, 4})


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


@contextmanager
def watched_gpu() -> Iterator[list[float]]:
    """What part of its time the GPU worked, looked at again and again during a block; nothing without one."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S) and (gpu := gpu_in_use()):
            seen.append(gpu.utilisation or 0.0)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield seen
    finally:
        over.set()
        watching.join()


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
