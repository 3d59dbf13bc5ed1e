"""Records of the ledger topic that say when cameras were not watched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cluster.account import Shed
from cluster.wire.ledger import LedgerInvalid, parse_record, typed
from cluster.wire.text import format_time, parse_time

SHED_TYPE = "frames.shed"


@dataclass(frozen=True, slots=True)
class ShedInterval:
    """Frames that nobody looked at. Frames between them may have been looked at: `frames` says how many were not.

    Attributes:
        cameras: The camera; of frames that were jumped over, all that the partition was known to have, maybe none.
        topic: Topic of the frames.
        partition: Their partition.
        reason: Why.
        frames: How many.
        first: Offset of the first of them.
        last: Offset of the last: a record of the same partition that lies in these again is about frames that were
            read a second time, after a crash.
        begin: Capture time of the first; of frames that were jumped over, about when they came.
        end: Capture time of the last.
    """

    cameras: tuple[str, ...]
    topic: str
    partition: int
    reason: Shed
    frames: int
    first: int
    last: int
    begin: datetime
    end: datetime


def shed_body(shed: ShedInterval) -> dict[str, Any]:
    """Body of the record."""
    return {
        "cameras": list(shed.cameras),
        "topic": shed.topic,
        "partition": shed.partition,
        "reason": str(shed.reason),
        "frames": shed.frames,
        "first": shed.first,
        "last": shed.last,
        "begin": format_time(shed.begin),
        "end": format_time(shed.end),
    }


def parse_shed(value: bytes) -> ShedInterval | None:
    """The interval in a record of the ledger topic; None for records about something else.

    Raises:
        LedgerInvalid: It is no record of the ledger, or no interval as this version writes them.
    """
    record = parse_record(value)
    if record.kind != SHED_TYPE:
        return None
    try:
        return _interval(record.body)
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerInvalid(f"not an interval of shed frames: {type(error).__name__}") from None


def _interval(body: Mapping[str, Any]) -> ShedInterval:
    cameras = typed(body, "cameras", list)
    if not all(type(camera) is str for camera in cameras) or typed(body, "frames", int) < 1:
        raise LedgerInvalid("cameras are not all text, or there are no frames")
    return ShedInterval(
        begin=parse_time(body["begin"]),
        end=parse_time(body["end"]),
        topic=typed(body, "topic", str),
        cameras=tuple(cameras),
        **{name: typed(body, name, int) for name in ("partition", "first", "last")},
        reason=Shed(body["reason"]),
        frames=body["frames"],
    )
