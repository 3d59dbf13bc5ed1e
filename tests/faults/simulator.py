"""A cluster in one thread: real pipelines on a simulated Kafka, under a seeded scheduler that stops, kills and delays.

Real are admission, decisions, passages, offsets, holds, recall and alerts. Simulated, by Kafka's own rules, are
partitions, a consumer group that shares them in two phases, commits that are refused to members of an earlier
generation, acknowledgements that come late or never, members that are given up and go on as zombies, and processes that
end between any two of their calls. While one process waits in a call the others go on.
"""

import hashlib
import json
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import ClassVar, cast

import numpy as np

from cluster.account import Account
from cluster.clocks import HandClock
from cluster.memory_io import MemorySink
from cluster.offsets import TopicPartition
from cluster.pipeline import Pipeline
from cluster.ports import Delivery, Record, Skipped
from cluster.privacy.evidence import EvidenceSink
from cluster.results import Outlets
from operators.errors import BrokerUnavailable, FrameRefused
from operators.policy import Policy
from operators.types import Float32, FrameRef, Hit
from operators.vision import Seen, Vision
from tests.builders import EVIDENCE_KEY, NOW, PEOPLE, FakeVision, chain, hit, in_force, policy

PARTITIONS, CAMERAS = 2, ("gate", "hall", "Süd-Tor 3 出口")
MOST_FRAMES, FRAME_MS = 12, 200
MOST_WORKERS, MOST_EVENTS, CALM_FROM = 3, 4000, 300
WHO = (("anna", "empty"), ("bert", "stranger", "empty"), ("cleo", "half", "blurred", "empty"))
"""By place in the picture, who may stand there: a place is never another listed person's within one passage."""


class Killed(BaseException):
    """The process ends here, whatever it was about to do."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How likely it is, at each call to the outside, that something goes wrong.

    Attributes:
        kill: The process ends.
        refuse: The broker does not acknowledge; whether it has written is open.
        pause: The process stands still while others go on.
    """

    kill: float = 0.01
    refuse: float = 0.01
    pause: float = 0.03


NO_FAULTS = Faults(0, 0, 0)


class Index:
    """The three listed people, by their vectors."""

    names = ("anna", "bert", "cleo")
    rows = np.stack([PEOPLE[name] for name in names])

    def search(self, vectors: Float32, k: int, at_least: float) -> list[list[Hit]]:
        """See `ports.Index`."""
        found = []
        for cosines in (vectors @ self.rows.T).tolist():
            best = sorted(zip(cosines, self.names, strict=True), key=lambda pair: (-pair[0], pair[1]))[:k]
            found.append([hit(name, cosine) for cosine, name in best if cosine >= at_least])
        return found


class OnceVision(FakeVision):
    """Sees each picture once: the same ones come again in every schedule."""

    known: ClassVar[dict[bytes, Seen | FrameRefused]] = {}

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """See `FakeVision`."""
        for jpeg in jpegs:
            if jpeg not in self.known:
                [self.known[jpeg]] = super().see([jpeg])
        return [self.known[jpeg] for jpeg in jpegs]


@dataclass(slots=True, eq=False)
class World:
    """Kafka, the clock and all processes.

    Attributes:
        random: Decides everything.
        faults: What goes wrong now.
        policies: One after the other; a process begins with the one that was released last.
        frames: By partition.
        make: Makes a process's pipeline.
        released: Which of the policies was released last.
        late: Messages that arrived when the partitions had been shared anew since they were sent.
    """

    random: random.Random
    faults: Faults
    policies: Sequence[Policy]
    frames: Mapping[TopicPartition, Sequence[Record]]
    make: Callable[..., Pipeline] = Pipeline
    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    committed: dict[TopicPartition, int] = field(default_factory=dict)
    alerts: list[bytes] = field(default_factory=list)
    evidence: list[bytes] = field(default_factory=list)
    in_flight: "list[Message]" = field(default_factory=list)
    group: "Group" = field(default_factory=lambda: Group())
    processes: "list[Process]" = field(default_factory=list)
    events: int = 0
    released: int = 0
    late: int = 0

    def chance(self, likely: float) -> bool:
        """Whether something happens."""
        return likely > 0 and self.random.random() < likely

    def run(self) -> bool:
        """Let everything go on until all frames are committed; False when that does not come to pass."""
        while not all(self.committed.get(at, 0) == len(records) for at, records in self.frames.items()):
            if self.events > MOST_EVENTS:
                return False
            if self.events > CALM_FROM:
                self.faults = NO_FAULTS
            self.event()
        return True

    def event(self) -> None:
        """One thing happens, to a process that is not in the middle of a call."""
        self.events += 1
        self.clock.time += timedelta(milliseconds=self.random.choice([1, 20, 50, 400]))
        self._deliver_late()
        if self.released + 1 < len(self.policies) and self.chance(0.05):
            self.released += 1
        self.processes = [process for process in self.processes if not process.is_dead]
        idle = [process for process in self.processes if not process.is_busy]
        if not self.processes or (len(self.processes) < MOST_WORKERS and self.chance(0.03)):
            self.processes.append(Process(self))
        elif self.group.ghosts() and self.chance(0.1):
            self.group.remove(self.random.choice(self.group.ghosts()))
        elif idle and self.faults.pause and self.chance(0.01):
            self.group.remove(self.random.choice(idle))  # given up for being slow: it does not know yet
        elif idle:
            process = self.random.choice(idle)
            process.leave() if len(self.processes) > 1 and self.chance(0.01) else process.step()

    def call(self, process: "Process") -> None:
        """A process calls the outside: others may go on meanwhile, and it may not come back."""
        if self.chance(self.faults.pause):
            for _ in range(self.random.randint(1, 12)):
                self.event()
        if self.chance(self.faults.kill):
            raise Killed

    def _deliver_late(self) -> None:
        """What was on its way when its process ended arrives, or never does."""
        for message in [one for one in self.in_flight if one.sender.is_dead]:
            if self.chance(0.3):
                self.in_flight.remove(message)
                if self.chance(0.5):
                    message.arrive()


class Group:
    """The consumer group: members give back what they have, then the partitions are shared anew."""

    def __init__(self) -> None:
        self.members: dict[Process, bool] = {}
        self.generation = 0
        self.is_stable = False
        self.shares: dict[Process, list[TopicPartition]] = {}

    def add(self, process: "Process") -> None:
        """One more: all share anew."""
        self.members[process] = False
        self._prepare()

    def remove(self, process: "Process") -> None:
        """One less."""
        if self.members.pop(process, None) is not None:
            self._prepare()

    def ghosts(self) -> "list[Process]":
        """Members whose processes have ended, which Kafka does not know yet."""
        return [process for process in self.members if process.is_dead]

    def join(self, process: "Process") -> None:
        """A member has given back what it had."""
        self.members[process] = True
        if all(self.members.values()):
            self.generation, self.is_stable = self.generation + 1, True
            order = process.world.random.sample(list(self.members), len(self.members))
            self.shares = {member: [] for member in order}
            for number, partition in enumerate(process.world.frames):
                self.shares[order[number % len(order)]].append(partition)

    def _prepare(self) -> None:
        self.is_stable = False
        self.members = dict.fromkeys(self.members, False)


@dataclass(slots=True, eq=False)
class Message:
    """A message on its way, and its delivery."""

    sender: "Process"
    value: bytes
    topic: list[bytes]
    generation: int
    has_arrived: bool = False
    acknowledged_ns: int = 0

    def arrive(self) -> None:
        """The broker has written it."""
        if not self.has_arrived:
            self.has_arrived = True
            self.sender.world.late += self.sender.world.group.generation != self.generation
            self.topic.append(self.value)

    def wait(self, timeout_s: float) -> None:
        """See `ports.Delivery`."""
        world = self.sender.world
        world.call(self.sender)
        refused = world.chance(world.faults.refuse)
        if not refused or world.chance(0.5):
            self.arrive()
        if refused:
            raise BrokerUnavailable("not acknowledged")
        if self in world.in_flight:
            world.in_flight.remove(self)


class Process:
    """One recogniser: source, sink and pipeline, which starts over when the broker is silent."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.is_dead = self.is_busy = False
        self._begin()

    def step(self) -> None:
        """Process one batch, by the newest policy if it has come to know of it."""
        self._guarded(self._step)

    def leave(self) -> None:
        """Finish, commit and go, as on a termination."""
        self._guarded(self._pipeline.drain)
        self.world.group.remove(self)
        self.is_dead = True

    def _step(self) -> None:
        if self._version < self.world.released and self.world.chance(0.7):
            self._version = self.world.released
            self._pipeline.switch(*in_force(self.world.policies[self._version]))
        self._pipeline.step(0)

    def _guarded(self, work: Callable[[], object]) -> None:
        self.is_busy = True
        try:
            work()
        except Killed:
            self.is_dead = True
        except BrokerUnavailable:
            self._account.give_back()
            self.world.group.remove(self)
            self._begin()
        finally:
            self.is_busy = False

    def _begin(self) -> None:
        self._generation = -1
        self._owned: list[TopicPartition] = []
        self._positions: dict[TopicPartition, int] = {}
        self._account = Account()
        world = self.world
        world.group.add(self)
        self._version = world.released
        found, context = in_force(world.policies[self._version])
        vision, polls = cast("Vision", OnceVision()), world.random.randint(1, 4)
        outlets = Outlets(self, self, chain(MemorySink()), EvidenceSink(Aside(self), EVIDENCE_KEY))
        self._pipeline = world.make(self, outlets, vision, Index(), found, context, world.clock, self._account, polls)

    def poll(self, max_records: int, timeout_s: float, finished: Mapping[TopicPartition, int]) -> Sequence[Record]:
        """See `ports.FrameSource`, with what Kafka's client does within a poll."""
        self.world.call(self)
        group = self.world.group
        if self not in group.members:
            group.add(self)
        if not group.is_stable:
            if not group.members[self]:
                self._commit({at: offset for at, offset in finished.items() if at in self._owned})
                group.join(self)
            return []
        if self._generation != group.generation:
            self._share(group)
        return self._fetch(max_records)

    def _share(self, group: Group) -> None:
        revoked, self._owned = self._owned, group.shares[self]
        self._generation = group.generation
        self._positions = {at: self.world.committed.get(at, 0) for at in self._owned}
        self._pipeline.rebalance(revoked, self._owned)
        self._pipeline.recall(list(self.world.alerts))

    def _fetch(self, max_records: int) -> Sequence[Record]:
        records: list[Record] = []
        for at in self.world.random.sample(self._owned, len(self._owned)):
            start = self._positions[at]
            part = self.world.frames[at][start : start + max_records - len(records)]
            self._positions[at] = start + len(part)
            records += part
        return records

    def hold(self, partitions: Collection[TopicPartition]) -> None:
        """See `ports.FrameSource`: never as many bytes as that."""
        assert not partitions

    def skip(self, partitions: Collection[TopicPartition], before_ms: int) -> Sequence[Skipped]:
        """See `ports.FrameSource`: nothing is that old."""
        raise AssertionError(partitions)

    def committed(self, partition: TopicPartition) -> int | None:
        """See `ports.FrameSource`."""
        return self.world.committed.get(partition)

    def first(self, partition: TopicPartition) -> int:
        """See `ports.FrameSource`: nothing is deleted."""
        return 0

    def is_caught_up(self) -> bool:
        """See `ports.FrameSource`."""
        self.world.call(self)
        return all(self._positions[at] >= len(self.world.frames[at]) for at in self._owned)

    @property
    def keeps_results(self) -> bool:
        """See `ports.FrameSource`."""
        return False

    def commit(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """See `ports.FrameSource`."""
        self.world.call(self)
        self._commit(next_offsets)

    def _commit(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        group = self.world.group
        if self in group.members and self._generation == group.generation:
            self.world.committed.update(next_offsets)

    def send(
        self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]], frame: FrameRef | None = None
    ) -> Delivery:
        """See `ports.MessageSink` and `ports.ResultSink`."""
        return self._send(value, self.world.alerts)

    def _send(self, value: bytes, topic: list[bytes]) -> Delivery:
        self.world.call(self)
        message = Message(self, value, topic, self._generation)
        self.world.in_flight.append(message)
        if self.world.chance(0.5):
            message.arrive()
        return message


class Aside:
    """The topic `evidence`, as a process writes it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def send(self, key: str, value: bytes, headers: Sequence[tuple[str, bytes]], frame: FrameRef) -> Delivery:
        """See `ports.ResultSink`."""
        return self._process._send(value, self._process.world.evidence)


def simulate(seed: int, faults: Faults, make: Callable[..., Pipeline] = Pipeline) -> list[str]:
    """Run one schedule; what is wrong with the alerts it leaves, nothing when all is well.

    Args:
        seed: Decides everything.
        faults: What may go wrong.
        make: The pipeline, or one with a bug.
    """
    chosen = random.Random(seed)  # noqa: S311 - a schedule, not a secret
    confirm = chosen.randint(1, 3)
    sightings = replace(policy().sightings, confirm_frames=confirm, of_frames=chosen.randint(confirm, 4))
    policies = [policy(sightings=sightings, max_frame_age_ms=3_600_000)]
    frames = frames_of(chosen)
    world = World(chosen, faults, policies, frames, make)
    if not world.run():
        return ["a partition is stuck"]
    expected = undisturbed(policies, frames)
    return [*reconcile(expected, world.alerts), *without_evidence(world.alerts, world.evidence)]


def undisturbed(policies: Sequence[Policy], frames: Mapping[TopicPartition, Sequence[Record]]) -> list[bytes]:
    """The alerts of one process that nothing disturbs, by the first of the policies."""
    world = World(random.Random(0), NO_FAULTS, policies, frames)  # noqa: S311
    world.processes.append(Process(world))
    while world.processes[0].step() or any(world.committed.get(at, 0) < len(each) for at, each in frames.items()):
        world.clock.time += timedelta(seconds=10)
    return world.alerts


def reconcile(expected: Sequence[bytes], found: Sequence[bytes]) -> list[str]:
    """What a reader that gives each id once would say is lost or too much."""
    wanted, got = ({json.loads(value)["alert_id"]: json.loads(value) for value in each} for each in (expected, found))
    lost = [f"lost: {_name(wanted[one])}" for one in wanted.keys() - got.keys()]
    return lost + [f"too much: {_name(got[one])}" for one in got.keys() - wanted.keys()]


def without_evidence(alerts: Sequence[bytes], evidence: Sequence[bytes]) -> list[str]:
    """Alerts none of whose copies names evidence that was written."""
    written = {hashlib.sha256(value).hexdigest() for value in evidence}
    bodies = [json.loads(value) for value in alerts]
    proven = {body["alert_id"] for body in bodies if body["evidence"]["sha256"] in written}
    return [f"without evidence: {_name(body)}" for body in bodies if body["alert_id"] not in proven]


def _name(alert: dict[str, dict[str, object]]) -> str:
    return f"{alert['entry']} at {alert['camera']}, frame {alert['frame']['partition']}/{alert['frame']['offset']}"


def frames_of(chosen: random.Random) -> dict[TopicPartition, list[Record]]:
    """Frames of all cameras, each camera on one partition."""
    frames: dict[TopicPartition, list[Record]] = {("frames", number): [] for number in range(PARTITIONS)}
    places = {camera: ("frames", chosen.randrange(PARTITIONS)) for camera in CAMERAS[: chosen.randint(1, 3)]}
    there = {camera: [chosen.choice(who) for who in WHO] for camera in places}
    for number in range(chosen.randint(4, MOST_FRAMES)):
        for camera, at in places.items():
            there[camera] = [
                chosen.choice(who) if chosen.random() < 0.3 else now
                for who, now in zip(WHO, there[camera], strict=True)
            ]
            captured = int(NOW.timestamp() * 1000) + number * FRAME_MS
            ref = FrameRef(*at, len(frames[at]))
            value = " ".join(there[camera]).encode()
            frames[at].append(Record(ref, camera.encode(), value, {}, captured))
    return frames
