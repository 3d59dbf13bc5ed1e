"""Records of the ledger topic that say when cameras were not watched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785

from cluster.account import Shed
from cluster.wire.ledger import LEDGER_FORM, LedgerInvalid, parse_record, typed
from cluster.wire.text import format_time, parse_time

SHED_TYPE = "frames.shed"


@dataclass(frozen=True, slots=True)
class ShedInterval:
    """Frames that nobody looked at. Frames between them may have been looked at: `frames` says how many were not.

    Attributes:
        at: When it was written, UTC-aware.
        deployment: Whose cameras.
        policy_digest: SHA-256 (hex) of the policy by which they were shed.
        writer: Which recogniser.
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

    at: datetime
    deployment: str
    policy_digest: str
    writer: str
    cameras: tuple[str, ...]
    topic: str
    partition: int
    reason: Shed
    frames: int
    first: int
    last: int
    begin: datetime
    end: datetime


def encode_shed(shed: ShedInterval) -> bytes:
    """Value of a record of the ledger topic, in RFC 8785 form."""
    return rfc8785.dumps(
        {
            "form": LEDGER_FORM,
            "type": SHED_TYPE,
            "at": format_time(shed.at),
            "deployment": shed.deployment,
            "policy_digest": shed.policy_digest,
            "writer": shed.writer,
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
    )


def parse_shed(value: bytes) -> ShedInterval | None:
    """The interval in a record of the ledger topic; None for records about something else.

    Raises:
        LedgerInvalid: It is no record of the ledger.
    """
    return parse_record(value, [SHED_TYPE], _interval)


def _interval(body: Mapping[str, Any]) -> ShedInterval:
    cameras = typed(body, "cameras", list)
    if not all(type(camera) is str for camera in cameras) or typed(body, "frames", int) < 1:
        raise LedgerInvalid("cameras are not all text, or there are no frames")
    return ShedInterval(
        at=parse_time(body["at"]),
        begin=parse_time(body["begin"]),
        end=parse_time(body["end"]),
        **{name: typed(body, name, str) for name in ("deployment", "policy_digest", "writer", "topic")},
        cameras=tuple(cameras),
        **{name: typed(body, name, int) for name in ("partition", "first", "last")},
        reason=Shed(body["reason"]),
        frames=body["frames"],
    )
