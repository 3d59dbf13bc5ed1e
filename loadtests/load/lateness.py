"""How late frames were given to Kafka, in a room that does not grow with them."""

import math

import numpy as np

STEP_S = 0.001
STEPS = 10_000  # ten seconds; what is later is counted as the latest
LATE_S = 0.25  # for one percent of all frames
STANDSTILL_S = 2.0  # for any frame: in a run of hours one percent are minutes


class Lateness:
    """Counts frames by how late they were.

    Attributes:
        counts: Frames by step of `STEP_S`, rounded up.
        frames: All.
        latest_s: Of the latest that was counted.
        most_s: The most of any.
    """

    def __init__(self) -> None:
        self.counts = np.zeros(STEPS + 1, np.int64)
        self.frames = 0
        self.latest_s = self.most_s = 0.0

    def add(self, late_s: float) -> None:
        """Count a frame."""
        self.counts[min(STEPS, math.ceil(late_s / STEP_S))] += 1
        self.latest_s, self.most_s = late_s, max(self.most_s, late_s)
        self.frames += 1

    @property
    def p99_s(self) -> float:
        """Within which 99 percent were, rounded up to a step."""
        step = int(np.searchsorted(np.cumsum(self.counts), 0.99 * self.frames)) if self.frames else 0
        return self.most_s if step == STEPS else step * STEP_S

    @property
    def limit(self) -> str | None:
        """Why sending was the limit, in a sentence; None: it was not."""
        if self.p99_s <= LATE_S and self.most_s <= STANDSTILL_S:
            return None
        return f"frames were sent up to {self.most_s:.1f} s after they were due"
