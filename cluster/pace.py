"""How many frames a batch may have, so that none of them grows old while the others are looked at."""

import math

WEIGHT = 0.3  # of the last batch: a few batches after the machine has become slower the pace has followed


class Pace:
    """Follows how long frames take. Not thread-safe.

    Args:
        most: Most frames of a batch.
        longest_s: How long a batch may take; one of a single frame may take longer.
    """

    def __init__(self, most: int, longest_s: float = math.inf) -> None:
        self._most = most
        self.longest_s = longest_s
        self._frame_s = 0.0

    def took(self, frames: int, seconds: float) -> None:
        """A batch has been looked at."""
        if frames:
            self._frame_s += WEIGHT * (seconds / frames - self._frame_s) if self._frame_s else seconds / frames

    @property
    def frames(self) -> int:
        """Most frames of the next batch."""
        if self._frame_s * self._most <= self.longest_s:
            return self._most
        return max(1, int(self.longest_s / self._frame_s))
