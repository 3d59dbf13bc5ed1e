"""What a process of the generator has done, in memory that it shares with whoever started it."""

import ctypes
from typing import Any

import numpy as np

from loadtests.load.lateness import SIZE, Lateness


class Tally(ctypes.Structure):
    """Written by the process that sends, read by the one that asks.

    Attributes:
        frames: Acknowledged by Kafka.
        bytes: Of these.
        held_s: How long Kafka held it up, see `Holding`.
        cpu_s: Processor time that sending took.
        is_done: Whether every frame is acknowledged.
        late: How late frames were given to Kafka: see `Lateness`.
        own: The same, without the time for which Kafka held sending up.
    """

    _fields_ = (
        ("frames", ctypes.c_int64),
        ("bytes", ctypes.c_int64),
        ("held_s", ctypes.c_double),
        ("cpu_s", ctypes.c_double),
        ("is_done", ctypes.c_bool),
        ("late", ctypes.c_double * SIZE),
        ("own", ctypes.c_double * SIZE),
    )


def lateness(part: Any) -> Lateness:
    """A view of one of a tally's two."""
    return Lateness(np.frombuffer(part))
