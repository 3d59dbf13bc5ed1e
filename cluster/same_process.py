"""Whether a process is still the one that was meant: numbers are used again, and clocks are set."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_ENDED = (b"Z", b"X")  # it has ended, and nobody has buried it: in a container the first process may never do so


def started_s(pid: int) -> float:
    """When a process was started: seconds after its machine was, which no change of the clock alters.

    Raises:
        ProcessLookupError: There is none of that number.
    """
    return _look(pid)[1]


def runs(pid: int, at_s: float) -> bool:
    """Whether that very process runs.

    Args:
        pid: Its number.
        at_s: When it was started, by `started_s`.
    """
    try:
        state, found_s = _look(pid)
    except ProcessLookupError:
        return False
    return state not in _ENDED and abs(found_s - at_s) < 0.5 / _TICKS


def _look(pid: int) -> tuple[bytes, float]:
    """State and start of a process."""
    try:
        whole = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        raise ProcessLookupError(f"there is no process {pid}") from None
    state, *numbers = whole.rpartition(b")")[2].split()  # before it stands a name, in which may be anything
    return state, int(numbers[18]) / _TICKS
