"""A running cluster, as its supervisor sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.plan import Plan
from cluster.recogniser_status import STANDING_BY, Departure, RecogniserStatus
from cluster.watchlists.feed import FeedStatus

READY, WATCHING, DRAINED = "ready", "watching", "drained"


@dataclass(frozen=True, slots=True)
class Member:
    """One actor as the supervisor sees it.

    Attributes:
        name: Name in Ray.
        state: What it does, or why it does nothing.
        status: What it says of itself; None when it says nothing.
        departure: How it went out of work, of one that was drained; None when that is not known.
    """

    name: str
    state: str
    status: RecogniserStatus | FeedStatus | None = None
    departure: Departure | None = None

    @property
    def is_at_work(self) -> bool:
        """Whether it does what it is there for; a recogniser that may not look at anything takes frames in."""
        status = self.status
        is_halted = isinstance(status, RecogniserStatus) and self.state == status.halted
        return self.state in (READY, WATCHING, STANDING_BY) or is_halted


@dataclass(frozen=True, slots=True)
class PolicyShown:
    """What stands, as the supervisor knows it.

    Attributes:
        number: Of the policy in force.
        digest: Its digest.
        halted: Why nothing is looked at; None when it is.
        alarms: What is wrong: recognisers that go by another policy, or a policy that they cannot go by.
        halt_reason: What the account of frames says of `halted`.
        late: Recognisers that go by an older policy than the newest.
        apart_s: How far apart the recognisers changed over to it; while some are late, since when they are.
        ends: When it ends, Unix time, by what ends it: end, review, loosening.
        cameras: Its cameras, those of canaries left out, and whether each may be looked at now.
    """

    number: int
    digest: str
    halted: str | None = None
    alarms: tuple[str, ...] = ()
    halt_reason: str | None = None
    late: int = 0
    apart_s: float = 0.0
    ends: Mapping[str, float] = field(default_factory=dict)
    cameras: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """A running cluster.

    Attributes:
        plan: What was asked for; its policy may be an old one by now.
        members: Every wanted actor, recognisers that were taken out of work, and what is still there and not wanted.
        policy: What stands; None while that is not known.
        ledger: How far the ledger is sealed by checkpoints, or why it is not.
    """

    plan: Plan
    members: list[Member]
    policy: PolicyShown | None = None
    ledger: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether all is as the plan says, but for recognisers that were drained, and nothing else is there.

        Every replica of every shard answers, every recogniser asks these shards and watches its share, and someone
        watches every partition.
        """
        lanes = self._lanes
        partitions = self.plan.settings.kafka.frame_partitions
        owned = [len(lane.partitions) for lane in lanes if lane.state != STANDING_BY]
        shared = sum(owned) == partitions and (all(owned) or len(owned) > partitions)
        at_work = all(member.is_at_work or member.state == DRAINED for member in self.members)
        layout = self.plan.settings.index.layout
        known = all(lane.layout == layout and (lane.index is None or lane.index.generation) for lane in lanes)
        return at_work and known and shared

    @property
    def is_dividing(self) -> bool:
        """Whether a recogniser still asks the shards of another layout."""
        return any(lane.layout != self.plan.settings.index.layout for lane in self._lanes)

    @property
    def _lanes(self) -> list[RecogniserStatus]:
        """What recognisers say of themselves."""
        return [member.status for member in self.members if isinstance(member.status, RecogniserStatus)]
