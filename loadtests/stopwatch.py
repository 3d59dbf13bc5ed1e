"""How long calls take."""

import time
from collections.abc import Callable


def cpu_and_wall(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of processor time, of this process with all its threads, and seconds."""
    began_s, cpu_s = time.perf_counter(), time.process_time()
    call()
    return time.process_time() - cpu_s, time.perf_counter() - began_s


def mean_s(call: Callable[[], object], calls: int = 1) -> float:
    """Seconds of one call, on the mean over several in a row."""
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls
