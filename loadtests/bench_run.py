"""The course of `bench pipeline`: start everything, compare round by round, take everything down."""

import os
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from rich.console import Console

from cluster.frame_publisher import KafkaFramePublisher
from cluster.keys import make_evidence_key
from cluster.plan import Plan, open_vision, read_plan
from cluster.policies.desk import put_in_force
from loadtests.bench_bare import BareThreads, Work
from loadtests.bench_cluster import RunningCluster, broker_pids, choose_cameras, publish
from loadtests.bench_frames import Shown, compose, entries, schedule
from loadtests.bench_layers import Workers
from loadtests.bench_report import (
    CLUSTER,
    KAFKA,
    MANY,
    MEMORY,
    ONE,
    PROCESSES,
    PROCESSES_AGAIN,
    Figures,
    Sample,
    tell_rejected,
)
from loadtests.quiet import Gate, Load, Snapshot, Spoilt, load, look, used_s
from loadtests.temporary import Temporary, temporary
from loadtests.write_entries import write_entries

PICTURES = 240
ENTRIES = 10_000
BARE_S = 5.0  # with the pauses around it below the 10 s after which Kafka gives up a silent consumer
IDLE_S = 5.0
KAFKA_S = 6.0
WARM_UP_S = 1.0


@dataclass(slots=True)
class Show:
    """The frames that cameras send, in order, without end.

    Attributes:
        pictures: JPEGs.
        cameras: One for each partition.
        begin: Capture time of the first frame.
        sent: Frames sent.
    """

    pictures: Sequence[bytes]
    cameras: Sequence[str]
    begin: datetime
    sent: int = 0

    def next(self, count: int) -> list[Shown]:
        """The next `count` frames, rounded down to whole turns of all cameras."""
        count -= count % len(self.cameras)
        frames = list(schedule(self.pictures, self.cameras, count, self.begin, self.sent // len(self.cameras)))
        self.sent += count
        return frames


@dataclass(frozen=True, slots=True)
class Sides:
    """Everything that the cluster is compared with.

    Attributes:
        one: The bare loop in one thread, models with as many threads as cores.
        many: As many bare loops as cores, in this process.
        workers: As many processes as recognisers.
    """

    one: BareThreads
    many: BareThreads
    workers: Workers

    def run(self, name: str, seconds: float) -> Work:
        """Have one of them work."""
        if name in (ONE, MANY):
            return (self.one if name == ONE else self.many).run(seconds)
        return self.workers.run("memory" if name == MEMORY else "bare", seconds)


def measure(
    settings: Mapping[str, Any], policy: Mapping[str, Any], rounds: int, frames: int, console: Console
) -> Figures:
    """Measure a cluster, and everything it is compared with.

    Args:
        settings: The cluster file; policy, name and Kafka are filled in.
        policy: The policy file.
        rounds: How often.
        frames: Backlog of each round.
        console: Where progress is told.
    """
    cv2.setNumThreads(1)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # or everything would be left running
    with temporary_run(settings, policy) as run:
        plan = read_plan(run.file)
        console.print(f"[bold]{PICTURES} pictures, {ENTRIES} watchlist entries")
        pictures = compose(PICTURES)
        known = entries(plan, open_vision(plan), ENTRIES)
        shown = Show(
            pictures,
            fill(plan, known, pictures[0], plan.in_force.policy.cameras),
            datetime.now(UTC) + timedelta(minutes=1),
        )
        console.print("[bold]starting the bare loops")
        with _sides(plan, known, shown) as sides:
            console.print("[bold]starting the cluster")
            run.beholden("up", "-f", str(run.file))
            bench = Bench(sides, shown, frames, console)
            account = bench.compare(RunningCluster(run, plan, len(plan.in_force.policy.cameras)), rounds)
            console.print("[bold]taking the cluster down, for recognisers without Ray")
            run.beholden("down", "-f", str(run.file))
            bench.compare_without_ray(plan, rounds)
    return bench.figures(plan, rounds, account)


class Bench:
    """Takes samples until they are quiet, and keeps them.

    Args:
        sides: What the cluster is compared with.
        shown: The frames.
        frames: Backlog of each round.
        console: Where progress is told.
    """

    def __init__(self, sides: Sides, shown: Show, frames: int, console: Console) -> None:
        self._sides = sides
        self._shown = shown
        self._frames = frames
        self._console = console
        self._look: Callable[[], Snapshot] = look
        self._gate = Gate(lambda: self._look(), told=partial(tell_rejected, console))
        self._idle = Load(0.0, 0.0, 0.0, 0.0)
        self._samples: dict[str, list[Sample | None]] = {}

    def compare(self, cluster: RunningCluster, rounds: int) -> dict[str, Any]:
        """Round by round: every bare loop and the pipeline in memory while the cluster is stopped, then the cluster.

        Returns:
            Where the cluster's frames went.
        """
        self._look = cluster.look
        with closing(cluster):
            cluster.drain(self._shown.next(self._frames // 2))
            self._idle = cluster.idle(IDLE_S)
            for number in range(rounds):
                for name in (ONE, MANY, PROCESSES, MEMORY):
                    self._take(name, lambda name=name: self._held(cluster, name))  # type: ignore[misc]
                self._take(CLUSTER, lambda: self._drain(cluster))
                self._tell(f"round {number + 1} of {rounds}", (ONE, MANY, PROCESSES, MEMORY, CLUSTER))
            account = cluster.account()
        self._look = look
        return account

    def compare_without_ray(self, plan: Plan, rounds: int) -> None:
        """Round by round: the bare loop in processes, and recognisers in such processes on Kafka."""
        publish(plan.settings.kafka, self._shown.next(2 * self._frames))
        for number in range(rounds):
            self._take(PROCESSES_AGAIN, lambda: self._work(PROCESSES))
            self._take(KAFKA, self._without_ray)
            self._tell(f"round {number + 1} of {rounds}", (PROCESSES_AGAIN, KAFKA))

    def figures(self, plan: Plan, rounds: int, account: Mapping[str, Any]) -> Figures:
        """What was found."""
        settings = plan.settings
        pictures = self._shown.pictures
        size_kb = np.mean([len(each) for each in pictures]) / 1000
        about = {
            "frames": f"{len(pictures)} pictures of 1280x720, {size_kb:.0f} KB each",
            "entries": ENTRIES,
            "detector": plan.detector.name,
            "embedder": plan.embedder.name,
            "recognisers": f"{settings.recognisers.count} with {settings.recognisers.threads} threads each",
            "placement": f"{settings.index.placement}, shards: {settings.index.shards}",
            "rounds": f"{rounds}, backlog of {self._frames} frames, bare loops {BARE_S:.0f} s each",
            "account": dict(account),
        }
        return Figures(about, self._samples, self._gate, self._idle)

    def _take(self, name: str, sample: Callable[[], tuple[Sample | Spoilt, Load]]) -> None:
        self._samples.setdefault(name, []).append(self._gate.take(sample))

    def _held(self, cluster: RunningCluster, name: str) -> tuple[Sample, Load]:
        with cluster.held():
            return self._work(name)

    def _work(self, name: str) -> tuple[Sample, Load]:
        before = self._look()
        work = self._sides.run(name, BARE_S)
        spent = load(before, self._look())
        return Sample(work.fps, {"loop": work.cpu_s * 1000 / work.frames}, spent), spent

    def _drain(self, cluster: RunningCluster) -> tuple[Sample | Spoilt, Load]:
        found, spent = cluster.drain(self._shown.next(self._frames))
        return (found if isinstance(found, Spoilt) else Sample(found.fps, found.cpu_ms, spent)), spent

    def _without_ray(self) -> tuple[Sample, Load]:
        work, before, after = self._sides.workers.run_kafka(uuid.uuid4().hex, KAFKA_S, self._look)
        broker_ms = used_s(before.own, after.own, broker_pids()) * 1000 / work.frames
        spent = load(before, after)
        return Sample(work.fps, {"loop": work.cpu_s * 1000 / work.frames, "broker": broker_ms}, spent), spent

    def _tell(self, what: str, names: Sequence[str]) -> None:
        last = {name: self._samples[name][-1] for name in names}
        rates = ", ".join(f"{name} {each.fps:.1f}" if each else f"{name} not quiet" for name, each in last.items())
        self._console.print(f"{what}: {rates}", highlight=False)


@contextmanager
def temporary_run(settings: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[Temporary]:
    """A broker, a cluster file and a policy of their own."""
    with tempfile.TemporaryDirectory(prefix="beholden-bench-") as folder:
        file = Path(folder) / "policy.yaml"
        file.write_text(yaml.safe_dump(dict(policy)))
        with temporary({**settings, "policy": str(file)}) as run:
            yield run


@contextmanager
def _sides(plan: Plan, known: Sequence[tuple[str, bytes]], shown: Show) -> Iterator[Sides]:
    """Everything that the cluster is compared with, loaded and warm."""
    cores = os.cpu_count() or 1
    with closing(Workers(plan, known, shown.pictures, shown.cameras)) as workers:
        one = BareThreads(plan, known, shown.pictures, 1, cores)
        sides = Sides(one, BareThreads(plan, known, shown.pictures, cores, 1), workers)
        for name in (ONE, MANY, PROCESSES, MEMORY):
            sides.run(name, WARM_UP_S)
        yield sides


def fill(plan: Plan, known: Sequence[tuple[str, bytes]], jpeg: bytes, names: Sequence[str]) -> list[str]:
    """Make the topics, put the policy in force, write the watchlist, and choose the cameras among `names`."""
    put_in_force(plan)
    make_evidence_key(plan.settings.key_folder)
    write_entries(plan.settings.kafka, known)
    return choose_cameras(plan, names, jpeg, datetime.now(UTC))


def publish_steadily(
    plan: Plan, fps: float, seconds: float, shown: Callable[[int, datetime], tuple[str, bytes]]
) -> int:
    """Send `fps` frames a second for so long; how many were sent.

    Args:
        plan: Whose Kafka.
        fps: Of all cameras together.
        seconds: How long.
        shown: Camera and JPEG of the frame of that number, captured at that moment.
    """
    begin_s, sent = time.monotonic(), 0
    with closing(KafkaFramePublisher(plan.settings.kafka)) as publisher:
        while sent < fps * seconds:
            time.sleep(max(0.0, begin_s + sent / fps - time.monotonic()))
            now = datetime.now(UTC)
            camera, jpeg = shown(sent, now)
            publisher.publish(camera, jpeg, now, "bench", sent)
            sent += 1
    return sent
