"""What a recogniser says of itself, and of how it went."""

from dataclasses import dataclass, field

from cluster.measures import Measured, Work
from cluster.scaling import Load
from cluster.shards.layout import Layout
from cluster.telemetry.process import Process
from cluster.watchlists.feed import FeedStatus

LEAVE_S = 8.0  # to finish, commit and leave: less than the 10 s after which Kafka would give a silent one up
LEAVING = "leaving: finishes what it has in hand"
STANDING_BY = "standing by"


@dataclass(frozen=True, slots=True)
class RecogniserStatus:
    """State of one recogniser.

    Attributes:
        slot: 0-based number.
        pid: Its process.
        node: Its machine.
        state: `watching`, `standing by`, or what it waits for.
        partitions: Partitions of the frames topic it owns, with the frames waiting in each.
        frames_per_s: Over the last 10 s.
        policy: Number of the policy by which it decides; 0 before it has one.
        policy_digest: Its digest.
        provider: What the models run on, as ONNX Runtime says.
        restarts: How often it has started over from its last commit, because Kafka had gone away.
        index: State of its own index; None when shards hold it.
        layout: Which shards it asks; None when it asks none.
        account: Where every frame went.
        load: How much it has to do; None until that has been measured.
        node_id: What Ray calls its node; None outside Ray.
        switched_at: When it changed over to this policy, RFC 3339; None when it has begun with it.
        halted: Why nothing may be looked at; None when it may.
        measured: What was measured since its process began.
        work: What it has in its hands; None while it has no dataflow.
        process: What its process uses; None when that is not known.
        spans_dropped: Spans of its traces that were not sent.
    """

    slot: int
    pid: int
    node: str
    state: str
    partitions: dict[int, int]
    frames_per_s: float
    policy: int
    policy_digest: str
    provider: str
    restarts: int
    index: FeedStatus | None
    account: dict[str, object]
    layout: Layout | None = None
    load: Load | None = None
    node_id: str | None = None
    switched_at: str | None = None
    halted: str | None = None
    measured: Measured = field(default_factory=Measured)
    work: Work | None = None
    process: Process | None = None
    spans_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Departure:
    """How a recogniser went out of work.

    Attributes:
        frames: Frames that reached their end since it was told to.
        given_back: Frames that it had read and not begun; whoever has their partition next reads them again.
        seconds: How long that took.
        has_left: Whether all it had finished is committed and it has left the group. Otherwise frames come again, to
            whoever has their partition next; none is lost.
    """

    frames: int
    given_back: int
    seconds: float
    has_left: bool

    def __str__(self) -> str:
        """In words."""
        how = "and left the group" if self.has_left else "but did not leave the group: its last frames are done again"
        return f"{self.frames} frames finished, {self.given_back} given back in {self.seconds:.1f} s {how}"
