"""How long calls take."""

import time
from collections.abc import Callable


def mean_s(call: Callable[[], object], calls: int = 1) -> float:
    """Seconds of one call, on the mean over several in a row."""
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls
