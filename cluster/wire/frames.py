"""The frames topic, and the dead letters of frames that could not be processed."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from cluster.ports import Record
from cluster.wire.text import Headers, dump, format_time, parse_time
from operators.errors import FrameReason, FrameRefused
from operators.types import Frame

T = TypeVar("T")

MAX_CAMERA_BYTES = 200
DEAD_LETTER_FORM = "beholden.dead-letter.v1"


def parse_camera(key: bytes | None) -> str:
    """The camera id in a record's key.

    Raises:
        FrameRefused: There is none, or it is not text that can stand in a list, a log line and a header.
    """
    if not key:
        raise FrameRefused(FrameReason.NO_CAMERA, "the record has no key; publish with the camera id as key")
    try:
        camera = key.decode()
    except UnicodeDecodeError:
        raise FrameRefused(FrameReason.CAMERA_ID_INVALID, "the key is not UTF-8 text") from None
    if len(key) > MAX_CAMERA_BYTES:
        raise FrameRefused(FrameReason.CAMERA_ID_INVALID, f"the key has {len(key)} bytes, {MAX_CAMERA_BYTES} at most")
    if not camera.isprintable() or camera != camera.strip():
        raise FrameRefused(FrameReason.CAMERA_ID_INVALID, "the key has control characters or blanks at its ends")
    return camera


def parse_frame(record: Record) -> Frame:
    """The frame in a record of the frames topic; all headers are optional.

    Raises:
        FrameRefused: The key or a header cannot be understood.
    """
    camera = parse_camera(record.key)
    captured_at = _header(record, "captured_at", parse_time)
    return Frame(
        ref=record.ref,
        camera=camera,
        jpeg=record.value,
        captured_at=captured_at or datetime.fromtimestamp(record.timestamp_ms / 1000, UTC),
        stream=_header(record, "stream", str),
        seq=_header(record, "seq", int),
        traceparent=_header(record, "traceparent", str),
    )


def _header(record: Record, name: str, parse: Callable[[str], T]) -> T | None:
    raw = record.headers.get(name)
    if raw is None:
        return None
    try:
        return parse(raw.decode("ascii"))
    except ValueError:
        raise FrameRefused(
            FrameReason.METADATA_INVALID, f"header {name} cannot be read; leave it out or mend it"
        ) from None


def frame_headers(captured_at: datetime, stream: str, seq: int) -> Headers:
    """Headers that a camera gateway writes."""
    return [
        ("captured_at", captured_at.astimezone(UTC).isoformat().encode()),
        ("stream", stream.encode()),
        ("seq", str(seq).encode()),
    ]


def encode_dead_letter(record: Record, reason: FrameReason, detail: str, at: datetime) -> bytes:
    """What is kept of a frame that cannot be processed: never the image."""
    return dump(
        {
            "form": DEAD_LETTER_FORM,
            "reason": reason,
            "detail": detail,
            "topic": record.ref.topic,
            "partition": record.ref.partition,
            "offset": record.ref.offset,
            "camera": (record.key or b"")[:MAX_CAMERA_BYTES].decode(errors="backslashreplace"),
            "bytes": len(record.value),
            "sha256": hashlib.sha256(record.value).hexdigest(),
            "at": format_time(at),
        }
    )
