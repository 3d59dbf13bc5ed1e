"""What a run needs of whoever sends the frames of a timetable."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sent:
    """How far sending has come.

    Attributes:
        frames: Acknowledged by Kafka.
        due: Should have been given to Kafka by now.
        bytes: Of those that are acknowledged.
        late_s: How late the latest frame was given.
        latest_s: How late any was at the most.
        late_p99_s: 99th percentile over all.
        cores: That sending takes, on the mean until it is done.
        is_done: Whether every frame is acknowledged.
        limit: Why sending and neither Kafka nor the cluster is the limit, in a sentence; None: it is not.
        held_s: How long Kafka held sending up: it had not acknowledged enough. Of several processes, the most.
    """

    frames: int = 0
    due: int = 0
    bytes: int = 0
    late_s: float = 0.0
    latest_s: float = 0.0
    late_p99_s: float = 0.0
    cores: float = 0.0
    is_done: bool = False
    limit: str | None = None
    held_s: float = 0.0


class Sender(Protocol):
    """Sends the frames of one timetable, each at the time that is intended for it. Ready once it is made.

    A frame that is late is sent late, with the capture time that was intended, and none is left out: the wait counts.
    """

    def begin(self) -> datetime:
        """Begin; when the frame that is due at 0 s is captured, UTC-aware."""
        ...

    def look(self) -> Sent:
        """How far it has come.

        Raises:
            BrokerUnavailable: Frames could not be written.
        """
        ...

    def close(self) -> None:
        """End it, at any time."""
        ...
