"""The camera's side of the frames topic: at which rate frames are sent, and what is said about it."""

import signal
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cluster.camera.sources import Shot
from cluster.ports import FramePublisher
from cluster.wire.text import counted
from operators.errors import FrameReason, FrameRefused, SourceUnavailable

RECENT_S = 5.0  # over which the present rate is taken


def utc_now() -> datetime:
    """The present, UTC-aware."""
    return datetime.now(UTC)


def new_stream() -> str:
    """A name for one run of a camera that no other run has."""
    return uuid.uuid4().hex


@dataclass(slots=True)
class Tally:
    """What has been sent so far.

    Attributes:
        clock: Monotonic seconds.
        sent: Frames handed to the publisher.
        sent_bytes: Their bytes.
        reconnects: Live streams after the first.
        skipped: Files that could not be read, by name, with the reason.
        refused: Frames that Kafka would not take, by reason.
    """

    clock: Callable[[], float] = time.monotonic
    sent: int = 0
    sent_bytes: int = 0
    reconnects: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    refused: Counter[FrameReason] = field(default_factory=Counter)
    _started_s: float = field(init=False)
    _recent_s: deque[float] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._started_s = self.clock()

    def add(self, size_bytes: int) -> None:
        """Count one frame."""
        self.sent += 1
        self.sent_bytes += size_bytes
        self._recent_s.append(self.clock())
        self._forget()

    def skip(self, name: str, reason: str) -> bool:
        """Note a file that cannot be read; True the first time it is noted."""
        first = name not in self.skipped
        self.skipped[name] = reason
        return first

    @property
    def elapsed_s(self) -> float:
        """Since the start."""
        return self.clock() - self._started_s

    @property
    def recent_fps(self) -> float:
        """Frames per second over the last RECENT_S, or since the start when that is shorter."""
        self._forget()
        return len(self._recent_s) / max(min(self.elapsed_s, RECENT_S), 1e-3)

    @property
    def mean_kb(self) -> float:
        """Mean size of a frame in kB (1000 bytes); 0 before the first."""
        return self.sent_bytes / self.sent / 1000 if self.sent else 0.0

    def progress(self) -> str:
        """One line for the time being."""
        return (
            f"{self.sent} frames, {self.recent_fps:.1f} fps, {self.mean_kb:.1f} kB each, "
            f"{self.elapsed_s:.0f} s, {self.reconnects} reconnects"
        )

    def summary(self) -> str:
        """One line for the end."""
        overall_fps = self.sent / max(self.elapsed_s, 1e-3)
        frames = counted(self.sent, "frame", "frames")
        text = (
            f"sent {frames} in {self.elapsed_s:.1f} s ({overall_fps:.1f} fps, {self.mean_kb:.1f} kB each), "
            f"{self.reconnects} reconnects"
        )
        if self.skipped:
            text += f", {len(self.skipped)} unreadable files skipped"
        return text + "".join(f", {count} refused: {reason}" for reason, count in self.refused.items())

    def _forget(self) -> None:
        oldest_s = self.clock() - RECENT_S
        while self._recent_s and self._recent_s[0] < oldest_s:
            self._recent_s.popleft()


def paced(
    shots: Iterable[Shot], fps: float, clock: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[Shot]:
    """`shots`, each asked for when it is due: `fps` per second on average, or as fast as they are taken when 0.

    Waiting comes before asking, so that a live source gives what is newest when it is due. A frame that is late by
    more than a period moves all later ones: what was missed is not made up for in a burst.
    """
    waiting = iter(shots)
    period_s = 1 / fps if fps else 0.0
    due_s = clock()
    while True:
        if (early_s := due_s - clock()) > 0:
            sleep(early_s)
        shot = next(waiting, None)
        if shot is None:
            return
        yield shot
        due_s = max(due_s + period_s, clock())


def repeated(one_pass: Callable[[], Iterator[Shot]], loop: bool) -> Iterator[Shot]:
    """The shots of one pass, or of one pass after the other for ever."""
    yield from one_pass()
    while loop:
        yield from one_pass()


def publish_shots(
    shots: Iterable[Shot],
    publisher: FramePublisher,
    camera: str,
    tally: Tally,
    now: Callable[[], datetime] = utc_now,
    stream_name: Callable[[], str] = new_stream,
) -> None:
    """Send `shots` as frames of `camera`, with a new stream for every connection to it.

    Raises:
        BrokerUnavailable: Frames could not be written.
        SourceUnavailable: The source came to an end that it should not have.
    """
    run, stream, seq = 0, "", 0
    for shot in shots:
        if shot.run != run:
            tally.reconnects += run != 0
            run, stream, seq = shot.run, stream_name(), 0
        try:
            publisher.publish(camera, shot.jpeg, shot.arrived_at or now(), stream, seq)
            tally.add(len(shot.jpeg))
        except FrameRefused as refused:
            tally.refused[refused.reason] += 1
        seq += 1


def send(shots: Iterable[Shot], publisher: FramePublisher, name: str, tally: Tally) -> int:
    """Send everything and wait until it is acknowledged, also when interrupted or when the source fails.

    Returns:
        Exit code: 0 at the end of the source, 128 + signal when interrupted.
    """
    try:
        publish_shots(shots, publisher, name, tally)
    except KeyboardInterrupt as interrupt:
        code = 128 + (interrupt.args[0] if interrupt.args else signal.SIGINT)
    except SourceUnavailable:
        publisher.close()
        raise
    else:
        code = 0
    publisher.close()
    return code
