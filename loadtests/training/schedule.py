"""How long training lasts and how fast it learns meanwhile."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop: after a number of steps, a time, or whichever comes first.

    Attributes:
        steps: Batches to learn from; None for as many as the time allows. Only steps give the same model twice.
        seconds: Wall-clock time from construction on; None for as long as the steps take.
        clock: Monotonic, seconds.
    """

    steps: int | None = None
    seconds: float | None = None
    clock: Callable[[], float] = time.monotonic
    started_s: float = field(init=False)

    def __post_init__(self) -> None:
        if not (self.steps or self.seconds):
            raise ValueError("budget: give steps, seconds or both, above zero")
        object.__setattr__(self, "started_s", self.clock())

    def used(self, step: int) -> float:
        """The part of the budget that is spent before a step (0-based), 0 to 1 and above."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = (self.clock() - self.started_s) / self.seconds if self.seconds else 0.0
        return max(by_steps, by_time)


def rate(used: float, peak: float, warm_up: float = 0.05) -> float:
    """A learning rate that rises in a straight line, then falls along a half cosine to a hundredth of its peak.

    Args:
        used: Part of the budget that is spent, 0 to 1.
        peak: Highest rate.
        warm_up: Part of the budget after which the peak is reached.
    """
    if used < warm_up:
        return peak * max(used / warm_up, 0.01)
    fallen = min((used - warm_up) / (1 - warm_up), 1.0)
    return peak * (0.01 + 0.99 * (1 + math.cos(math.pi * fallen)) / 2)


def ramp(used: float, start: float, end: float) -> float:
    """0 until `start`, 1 from `end` on, a straight line between; all parts of the budget."""
    return min(max((used - start) / (end - start), 0.0), 1.0)
