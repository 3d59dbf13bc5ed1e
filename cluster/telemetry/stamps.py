"""What is known of one frame on its way: time stamps of `time.perf_counter_ns`, counts, and nothing that it shows."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cluster.account import Outcome
from cluster.telemetry.context import TraceContext
from operators.types import FrameRef
from operators.vision import Stretch, Times

NOT_YET: Stretch = (0, 0)


class Kept(StrEnum):
    """Why a trace is kept, the strongest reason that there is."""

    ALERT = "alert"
    ERROR = "error"
    LATE = "late"
    SHARE = "share"


@dataclass(slots=True, eq=False)
class Poll:
    """What was polled at once.

    Attributes:
        took: When it began and ended.
        frames: How many there were.
        context: The span that tells of it; None until one does.
    """

    took: Stretch
    frames: int
    context: TraceContext | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to one holder of an index shard.

    Attributes:
        holder: Its name.
        shard: Which it holds.
        number: By which the holder knows this search.
        took: When it was asked, and when its answer was read.
        own_ns: How long it says that it searched; None when it did not answer.
        error: Of which kind the failure was; None when it answered.
    """

    holder: str
    shard: int
    number: int
    took: Stretch
    own_ns: int | None
    error: str | None = None


@dataclass(slots=True, eq=False)
class Batch:
    """Frames that were looked at and searched for together.

    Attributes:
        turn_ns: When their turn had come.
        frames: How many there are.
        rows: How many faces were searched for.
        search: When.
        asked: Whom; nobody when the list is in this process.
        failed: How often the search failed before it was complete.
    """

    turn_ns: int
    frames: int
    rows: int = 0
    search: Stretch = NOT_YET
    asked: Sequence[Asked] = ()
    failed: int = 0


@dataclass(slots=True, eq=False)
class AlertSent:
    """An alert on its way.

    Attributes:
        alert_id: Which.
        context: Its span: whoever reads the alert goes on from it.
        began_ns: When it was handed over.
    """

    alert_id: str
    context: TraceContext
    began_ns: int


@dataclass(slots=True, eq=False)
class Entry:
    """What is known of one frame.

    Attributes:
        ref: Which frame.
        poll: With which others it came.
        camera: Whose; empty while that is not understood.
        captured_at: UTC-aware; None while that is not understood.
        traceparent: What the camera has told of its own span; None when it has told nothing.
        sender: The span that it follows from: the camera's, or one begun here; None until it is needed.
        has_sender: Whether that is the camera's.
        process: The span of everything that this process does for the frame; None until it is needed.
        batch: With which others it was looked at; None when it was not.
        times: Stages of looking at it.
        compared: Faces that were compared.
        gated: Faces that were not good enough.
        decide: When it was decided.
        evidence: When evidence of its alerts was sealed and written.
        alerts: What followed from it.
        policy: Number and digest of the policy that decided.
        outcome: How it ended.
        reason: Why so.
        age_ms: From its capture to its decision.
        kept: Why its trace is kept; None while that is not known.
        ended_ns: When its outcome was known.
        written_ns: When all that was written for it was acknowledged.
        commit: When its offset was stored.
    """

    ref: FrameRef
    poll: Poll
    camera: str = ""
    captured_at: datetime | None = None
    traceparent: str | None = None
    sender: TraceContext | None = None
    has_sender: bool = False
    process: TraceContext | None = None
    batch: Batch | None = None
    times: Times = field(default_factory=Times)
    compared: int = 0
    gated: int = 0
    decide: Stretch = NOT_YET
    evidence: Stretch = NOT_YET
    alerts: list[AlertSent] = field(default_factory=list)
    policy: tuple[int, str] = (0, "")
    outcome: Outcome | None = None
    reason: str = ""
    age_ms: float = 0.0
    kept: Kept | None = None
    ended_ns: int = 0
    written_ns: int = 0
    commit: Stretch = NOT_YET


AT_HAND: ContextVar[Entry | None] = ContextVar("AT_HAND", default=None)
"""The frame that is being taken in or decided in this thread: lines of its log name its trace."""
