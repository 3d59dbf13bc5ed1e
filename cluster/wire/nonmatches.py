"""Records of the ledger topic about faces that matched nobody: counts of a minute, and nothing about any one of them.

A record of each deletion would itself say who was where.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cluster.wire.text import format_time

DROPPED, LATE = "nonmatch.dropped", "nonmatch.late"


@dataclass(frozen=True, slots=True)
class Dropped:
    """What became of all faces that one process detected in a minute, and how long they existed.

    Attributes:
        begin: UTC-aware.
        end: UTC-aware.
        faces: Detected; all of them are in one of the next three.
        alerted: Led to an alert: their crop is kept as evidence, sealed.
        gated: Not good enough to be compared, dropped.
        dropped: Compared, and dropped.
        max_ms: Longest time from before the decoder to after the drop.
        p99_ms: The same of 99 of 100 of them.
    """

    begin: datetime
    end: datetime
    faces: int
    alerted: int
    gated: int
    dropped: int
    max_ms: int
    p99_ms: int

    def __post_init__(self) -> None:
        if self.faces != self.alerted + self.gated + self.dropped:
            raise ValueError(f"{self.faces} faces are not {self.alerted} + {self.gated} + {self.dropped}")


def dropped_body(found: Dropped) -> dict[str, Any]:
    """Body of the record of a minute."""
    counts = ("faces", "alerted", "gated", "dropped", "max_ms", "p99_ms")
    return {
        "begin": format_time(found.begin),
        "end": format_time(found.end),
        **{name: getattr(found, name) for name in counts},
    }


def late_body(begin: datetime, end: datetime, batches: int, faces: int, max_ms: int, ceiling_ms: int) -> dict[str, Any]:
    """Body of the record that faces existed for longer than the policy allows.

    Args:
        begin: Of the minute, UTC-aware.
        end: Of the minute, UTC-aware.
        batches: How many batches did.
        faces: How many faces were in them.
        max_ms: Of the longest.
        ceiling_ms: The policy's `max_nonmatch_s`.
    """
    counts = {"batches": batches, "faces": faces, "max_ms": max_ms, "ceiling_ms": ceiling_ms}
    return {"begin": format_time(begin), "end": format_time(end), **counts}
