"""What whole clusters on a node do, held against what its decoder and its networks do alone: see `bench_node`."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

from cluster.plan import Plan
from cluster.telemetry.gpu import gpu_in_use
from loadtests.bench_cluster import Drained, RunningCluster, ends, lanes_of
from loadtests.bench_overload import percentile
from loadtests.bench_run import Show
from loadtests.node_limits import Together
from loadtests.node_publishers import Publishers, publishers
from loadtests.quiet import Gate, Load, Snapshot, Spoilt, load
from loadtests.temporary import Temporary

LOOK_S = 0.1
CORES_A_PUBLISHER = 4


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
