"""How late frames were given to Kafka, in a room that does not grow with them."""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

STEP_S = 0.001
STEPS = 10_000  # ten seconds; what is later is counted as the latest
LATE_S = 0.25  # for one percent of all frames
STANDSTILL_S = 2.0  # for any frame: in a run of hours one percent are minutes
SIZE = STEPS + 4
_FRAMES, _LATEST, _MOST, _COUNTS = 0, 1, 2, 3


class Lateness:
    """Counts frames by how late they were.

    Args:
        memory: Where: (SIZE,) float64, zeros at first, perhaps of several processes. Its own when None.
    """

    def __init__(self, memory: npt.NDArray[np.float64] | None = None) -> None:
        self.memory = np.zeros(SIZE) if memory is None else memory

    def add(self, late_s: float) -> None:
        """Count a frame."""
        memory = self.memory
        memory[_COUNTS + min(STEPS, math.ceil(late_s / STEP_S))] += 1
        memory[_LATEST] = late_s
        memory[_MOST] = max(memory[_MOST], late_s)
        memory[_FRAMES] += 1

    @property
    def frames(self) -> int:
        """All that were counted."""
        return int(self.memory[_FRAMES])

    @property
    def latest_s(self) -> float:
        """Of the latest that was counted; of several processes, the most of their latest."""
        return float(self.memory[_LATEST])

    @property
    def most_s(self) -> float:
        """The most of any."""
        return float(self.memory[_MOST])

    @property
    def p99_s(self) -> float:
        """Within which 99 percent were, rounded up to a step."""
        step = int(np.searchsorted(np.cumsum(self.memory[_COUNTS:]), 0.99 * self.frames)) if self.frames else 0
        return self.most_s if step == STEPS else step * STEP_S

    @property
    def limit(self) -> str | None:
        """Why sending was the limit, in a sentence; None: it was not."""
        if self.p99_s <= LATE_S and self.most_s <= STANDSTILL_S:
            return None
        return f"frames were sent up to {self.most_s:.1f} s after they were due"


def together(parts: Iterable[Lateness]) -> Lateness:
    """Several counts as one."""
    memories = np.stack([each.memory for each in parts])
    whole = memories.sum(axis=0)
    whole[[_LATEST, _MOST]] = memories[:, [_LATEST, _MOST]].max(axis=0)
    return Lateness(whole)
