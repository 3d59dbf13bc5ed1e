"""One recogniser as a queue: periodic cameras, and a server that takes all that waits, up to a batch, at once."""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loadtests.people.draws import draw_of

Floats = npt.NDArray[np.float64]

FRAMES = 12_000  # of one simulation: one in a hundred of them is 120, which moves p99 by a few per cent at most
_JITTER = 0.2  # of the time between two frames of a camera: cameras and networks are not exact
_BEFORE = 0.1  # of the frames are not counted: it begins empty


@dataclass(frozen=True, slots=True)
class Waits:
    """From capture to decision, seconds.

    Attributes:
        p50_s: Median.
        p99_s: 99th percentile.
        batch: Frames of a batch, on the mean over frames.
    """

    p50_s: float
    p99_s: float
    batch: float


def simulate(
    cameras: int,
    fps: float,
    batch_s: Callable[[float], float],
    most: int,
    spread: float,
    seed: int = 1,
    frames: int = FRAMES,
) -> Waits:
    """What frames wait at one recogniser, its own batch included.

    Arrivals and the chances of batches are drawn in frames and not in seconds: at another rate the same happens faster.

    Args:
        cameras: That it has.
        fps: Frames a second of each.
        batch_s: How long a batch of so many frames takes.
        most: Frames of a batch.
        spread: Standard deviation over mean of the time of a batch.
        seed: Of what is drawn.
        frames: So many, about.
    """
    came = arrivals(cameras, frames, seed) / fps
    times, luck = came.tolist(), chances(len(came), spread, seed).tolist()
    took = [0.0, *(batch_s(count) for count in range(1, most + 1))]
    ends, sizes = list[float](), list[int]()
    at, free_s = 0, 0.0
    while at < len(times):
        until = bisect_right(times, max(free_s, times[at]), at, min(at + most, len(times)))
        free_s = max(free_s, times[at]) + took[until - at] * luck[at]
        ends.append(free_s)
        sizes.append(until - at)
        at = until
    waits = (np.repeat(ends, sizes) - came)[int(_BEFORE * len(came)) :]
    p50_s, p99_s = np.percentile(waits, [50, 99])
    return Waits(float(p50_s), float(p99_s), float(np.square(sizes).sum() / len(came)))


def arrivals(cameras: int, frames: int, seed: int) -> Floats:
    """When frames come, rising, in units of the time between two frames of one camera: (n,) float64."""
    draw = draw_of(seed, 70)
    each = max(2, math.ceil(frames / cameras))
    phases, jitter = draw.random((cameras, 1)), draw.uniform(-_JITTER, _JITTER, (cameras, each))
    return np.sort((np.arange(each) + phases + jitter + _JITTER).reshape(-1))


def chances(count: int, spread: float, seed: int) -> Floats:
    """By how much batches take longer than on the mean: (n,) float64, lognormal with mean 1."""
    if not spread:
        return np.ones(count)
    sigma = math.sqrt(math.log1p(spread * spread))
    return draw_of(seed, 71).lognormal(-sigma * sigma / 2, sigma, count)
