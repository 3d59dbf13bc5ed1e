"""How fast a recogniser is, and how much it has to do."""

from collections import deque
from dataclasses import dataclass

from cluster.scaling import Load

RATE_WINDOW_S = 10.0


@dataclass(frozen=True, slots=True)
class _Measured:
    """Counts at one moment: frames taken in, frames looked at, seconds of work."""

    at_s: float
    frames_in: int
    looked_at: int
    busy_s: float


class Rates:
    """Counts of the last 10 s. One thread measures; any may ask."""

    def __init__(self) -> None:
        self._frame_s = 0.0
        self.begin()

    def begin(self) -> None:
        """Forget what was measured: a dataflow begins."""
        self._measured: deque[_Measured] = deque()

    def measure(self, now_s: float, frames_in: int, looked_at: int, busy_s: float) -> None:
        """Note the counts at one moment.

        Args:
            now_s: Seconds of a clock that only goes on.
            frames_in: Frames taken in so far.
            looked_at: Frames looked at so far.
            busy_s: Seconds of work so far.
        """
        self._measured.append(_Measured(now_s, frames_in, looked_at, busy_s))
        while now_s - self._measured[0].at_s > RATE_WINDOW_S:
            self._measured.popleft()
        begin = self._measured[0]
        if looked_at > begin.looked_at:
            self._frame_s = (busy_s - begin.busy_s) / (looked_at - begin.looked_at)

    @property
    def frames_per_s(self) -> float:
        """Frames taken in each second; 0 before two moments were measured."""
        measured = self._measured
        if len(measured) < 2:
            return 0.0
        begin, end = measured[0], measured[-1]
        return (end.frames_in - begin.frames_in) / (end.at_s - begin.at_s)

    def load(self, waiting: int) -> Load | None:
        """How much there is to do while so many frames wait; None before two moments were measured."""
        measured = self._measured
        if len(measured) < 2:
            return None
        begin, end = measured[0], measured[-1]
        return Load(waiting * self._frame_s, (end.busy_s - begin.busy_s) / (end.at_s - begin.at_s))
