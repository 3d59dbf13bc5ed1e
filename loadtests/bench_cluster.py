"""The numerator: a running cluster, measured from outside; nothing has to ask it while it works."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import psutil

from cluster.account import Outcome
from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import FRAMES
from cluster.kafka_settings import KafkaSettings
from cluster.plan import Plan
from loadtests.bench_commits import Commits, curve, rate
from loadtests.bench_frames import Shown
from loadtests.quiet import Load, Snapshot, Spoilt, load, look, used_s
from loadtests.temporary import Temporary

FROM, TO = 0.2, 0.85  # the part of a backlog that is measured: everyone has begun, nobody has finished
LOOK_S = 0.5
DRAIN_TIMEOUT_S = 180.0
SINCE_RESUMED_S = 1.0  # for heartbeats, before the cluster is held again


@dataclass(frozen=True, slots=True)
class Drained:
    """How a backlog was worked off, between two moments well inside it.

    Attributes:
        fps: Frames a second, all recognisers together.
        cpu_ms: Processor time of one frame, milliseconds, by `recognisers`, `broker`, `benchmark` and whatever else is
            in `RunningCluster.groups`; `ray` is all the rest.
    """

    fps: float
    cpu_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ends:
    """How frames have ended, all recognisers together.

    Attributes:
        watched: Frames looked at, by camera.
        ages_ms: How many of these were how old when they were decided.
        shed: Frames, by reason.
        dead_lettered: Frames.
    """

    watched: Counter[str]
    ages_ms: Counter[int]
    shed: Counter[str]
    dead_lettered: int

    def __sub__(self, before: "Ends") -> "Ends":
        return Ends(
            self.watched - before.watched,
            self.ages_ms - before.ages_ms,
            self.shed - before.shed,
            self.dead_lettered - before.dead_lettered,
        )


def ends(lanes: Sequence[Mapping[str, Any]]) -> Ends:
    """What that is, from what every recogniser says of itself."""
    watched, ages, shed, dead = Counter[str](), Counter[int](), Counter[str](), 0
    for account in (lane["account"] for lane in lanes):
        watched.update(account["watched"])
        ages.update({int(age): count for age, count in account["ages_ms"].items()})
        shed.update(account[Outcome.SHED])
        dead += sum(account[Outcome.DEAD_LETTERED].values())
    return Ends(watched, ages, shed, dead)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the recognisers say at one moment.

    Attributes:
        shares: The partitions of each.
        unseen: Frames that ended without being looked at, shed or dead-lettered, all recognisers together.
    """

    shares: Sequence[set[int]]
    unseen: int


def standing(lanes: Sequence[Mapping[str, Any]]) -> Standing:
    """What that is, from what every recogniser says of itself."""
    ends = [lane["account"][end] for lane in lanes for end in (Outcome.SHED, Outcome.DEAD_LETTERED)]
    return Standing(
        shares=[{int(number) for number in lane["partitions"]} for lane in lanes],
        unseen=sum(sum(each.values()) for each in ends),
    )


def spoilt(before: Standing, after: Standing, rates: Sequence[float | None]) -> Spoilt | None:
    """Why a backlog that has been worked off gives no rate; None: it does.

    Args:
        before: Before it came.
        after: When it was gone.
        rates: Of each recogniser, frames a second between its commits; None: too few commits.
    """
    if len(before.shares) != len(after.shares):
        return Spoilt("a recogniser did not answer when it was asked what it does")
    if (unseen := after.unseen - before.unseen) > 0:
        return Spoilt(f"{unseen} frames were shed or refused: that is no rate of frames that are looked at")
    if before.shares != after.shares:
        return Spoilt("a partition changed hands")
    if None in rates:
        return Spoilt("a recogniser committed fewer than three times: give it more --frames")
    return None


class RunningCluster:
    """A cluster that is up, and its own commits.

    Args:
        run: Where it runs.
        plan: What it runs.
        published: Frames that are in the topic already.
        publisher: Publishes frames, and waits until the broker has them; this process does when None.

    Attributes:
        leader: Of the session of its Ray.
        recognisers: Their processes.
        broker: Kafka's.
        own: Leaders of further sessions that are no foreign ones.
        groups: Processes whose time is told apart, by what they are.
    """

    def __init__(
        self, run: Temporary, plan: Plan, published: int, publisher: Callable[[Sequence[Shown]], None] | None = None
    ) -> None:
        self._publish = publisher or partial(publish, plan.settings.kafka)
        state = run.folder / "beholden" / "clusters" / plan.settings.cluster / "ray.json"
        self.leader = int(json.loads(state.read_text())["pid"])
        self.broker = broker_pids()
        self._run = run
        self.recognisers = {int(lane["pid"]) for lane in lanes_of(run)}
        self.own: set[int] = set()
        self.groups = {"recognisers": self.recognisers, "broker": self.broker, "benchmark": {os.getpid()}}
        self._standing = standing(lanes_of(run))
        self._commits = Commits(plan)
        self._published = published
        self._await(published)

    def look(self) -> Snapshot:
        """The machine's processes, with Ray's counted as own."""
        return look({self.leader} | self.own)

    def idle(self, seconds: float) -> Load:
        """What the cluster and this process use while there is nothing to do."""
        before = self.look()
        time.sleep(seconds)
        return load(before, self.look())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stop every process of the cluster, broker included, for less than its consumers' session lasts."""
        pids = [key[0] for key in self.look().own if key[0] in self.broker or os.getsid(key[0]) == self.leader]
        with stopped(pids):
            yield
        time.sleep(SINCE_RESUMED_S)

    def drain(self, frames: Sequence[Shown]) -> tuple[Drained | Spoilt, Load]:
        """Publish while the recognisers are stopped, then have them work it off.

        Returns:
            How fast it was, or why that cannot be said, and who used the cores.
        """
        base = self._commits.total
        with stopped(self.recognisers):
            self._publish(frames)
        self._published += len(frames)
        self._await(base + int(FROM * len(frames)))
        before, begin_s = self.look(), time.time()
        self._await(base + int(TO * len(frames)))
        end_s, after = time.time(), self.look()
        self._await(self._published)
        spent = load(before, after)
        stood, self._standing = self._standing, standing(lanes_of(self._run))
        rates = [rate(curve(self._commits.history, share), begin_s, end_s) for share in stood.shares]
        if why := spoilt(stood, self._standing, rates):
            return why, spent
        known = [each for each in rates if each is not None]
        return Drained(sum(known), self._cpu_ms(before, after, sum(known) * spent.wall_s)), spent

    def await_more(self, frames: int) -> None:
        """Wait until so many more frames than before are finished."""
        self._published += frames
        self._await(self._published)

    def account(self) -> dict[str, Any]:
        """Where all frames went, with alerts, summed over the recognisers."""
        accounts = [lane["account"] for lane in lanes_of(self._run)]
        reasons = {name: [each[name] for each in accounts] for name in Outcome}
        summed = {str(name): sum(sum(each.values()) for each in found) for name, found in reasons.items()}
        return {**summed, "alerts": sum(each["alerts"] for each in accounts)}

    def close(self) -> None:
        """Let go of the broker."""
        self._commits.close()

    def _await(self, total: int) -> None:
        deadline = time.monotonic() + DRAIN_TIMEOUT_S
        while self._commits.total < total:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._commits.total} of {total} frames finished in {DRAIN_TIMEOUT_S:.0f} s")
            self._commits.read(LOOK_S)

    def _cpu_ms(self, before: Snapshot, after: Snapshot, frames: float) -> dict[str, float]:
        named = {name: used_s(before.own, after.own, pids) for name, pids in self.groups.items()}
        named["ray"] = used_s(before.own, after.own) - sum(named.values())
        return {name: seconds * 1000 / frames for name, seconds in named.items()}


def publish(kafka: KafkaSettings, frames: Sequence[Shown]) -> None:
    """Publish frames and wait until the broker has them."""
    with closing(KafkaFramePublisher(kafka)) as publisher:
        for shown in frames:
            publisher.publish(shown.camera, shown.jpeg, shown.captured_at, "bench", shown.seq)


def lanes_of(run: Temporary) -> list[dict[str, Any]]:
    """What every recogniser says of itself."""
    return [each["status"] for each in run.status() if each["status"] and "partitions" in each["status"]]


def broker_pids() -> set[int]:
    """The Java processes that this process has started."""
    return {child.pid for child in psutil.Process().children() if child.name() == "java"}


def choose_cameras(plan: Plan, names: Sequence[str], jpeg: bytes, now: datetime) -> list[str]:
    """One camera for every partition, found by publishing a frame of each and looking where it went.

    Args:
        plan: Whose Kafka; the topics exist, and nobody reads them yet.
        names: Camera ids to choose from, all in the policy.
        jpeg: What they send.
        now: When.

    Raises:
        RuntimeError: No camera goes to some partition.
    """
    kafka = plan.settings.kafka
    with closing(KafkaFramePublisher(kafka)) as publisher:
        for name in names:
            publisher.publish(name, jpeg, now, "probe", 0)
    chosen: dict[int, str] = {}
    with closing(TopicReader(kafka, FRAMES, 0, 1, from_beginning=True)) as reader:
        while not reader.is_caught_up():
            for record in reader.poll(1.0):
                camera = (record.key or b"").decode()
                if camera in names:
                    chosen.setdefault(record.ref.partition, camera)
    if len(chosen) < kafka.frame_partitions:
        raise RuntimeError(f"{len(names)} cameras reach {len(chosen)} of {kafka.frame_partitions} partitions")
    return [chosen[partition] for partition in sorted(chosen)]


@contextmanager
def stopped(pids: Collection[int]) -> Iterator[None]:
    """Stop processes for the length of a block; those that end meanwhile are left alone."""
    held = []
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            held.append(pid)
        yield
    finally:
        for pid in held:
            os.kill(pid, signal.SIGCONT)
