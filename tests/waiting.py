"""Waiting for what another thread has yet to do, for as long as it takes on a machine that has much else to do."""

import time
from collections.abc import Callable

PATIENCE_S = 60.0
LOOK_S = 0.005


def wait_until(holds: Callable[[], bool], what: Callable[[], object] = lambda: "") -> None:
    """Return once something is true.

    Args:
        holds: Whether it is.
        what: Tells what there is instead, should it never become so.
    """
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, what()
        time.sleep(LOOK_S)
