"""How long to wait before something is tried again."""

import random
from collections.abc import Callable

MOST_DOUBLINGS = 30  # far beyond any bound on the wait, and a float takes it


def pause_s(attempt: int, first_s: float, most_s: float, draw: Callable[[], float] = random.random) -> float:
    """A wait with full jitter: anything up to a bound that doubles with every attempt.

    A hundred recognisers that lost the same broker at the same moment come back spread over the whole wait. With the
    same wait for all they would come back, and be turned away, in step.

    Args:
        attempt: How many attempts have failed since the last that did not, less one: 0 after the first.
        first_s: Longest wait after the first failure, seconds.
        most_s: Longest wait ever, seconds.
        draw: A number in [0, 1).
    """
    return draw() * min(most_s, first_s * 2.0 ** min(attempt, MOST_DOUBLINGS))
