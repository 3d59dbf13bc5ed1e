"""The frames topic, and the dead letters of frames that could not be processed."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from cluster.ports import Record
from cluster.wire.text import Headers, dump, format_time, is_line, parse_time
from operators.errors import FrameReason, FrameRefused
from operators.types import Frame

T = TypeVar("T")

MAX_CAMERA_BYTES = 200
MAX_HEADER_BYTES = 200  # headers reach alerts, which are kept for long and read by people
MAX_SEQ = 2**63 - 1
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
    if not is_line(camera, MAX_CAMERA_BYTES):
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
        captured_at=captured_at or _record_time(record),
        stream=_header(record, "stream", _parse_text),
        seq=_header(record, "seq", _parse_seq),
        traceparent=_header(record, "traceparent", _parse_text),
    )


def _record_time(record: Record) -> datetime:
    try:
        return datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        detail = f"the record's time, {record.timestamp_ms} ms, lies outside the calendar; mend the producer's clock"
        raise FrameRefused(FrameReason.METADATA_INVALID, detail) from None


def _parse_text(text: str) -> str:
    if not text.isprintable() or len(text) > MAX_HEADER_BYTES:
        raise ValueError("not one short printable line")
    return text


def _parse_seq(text: str) -> int:
    seq = int(text) if text.isdigit() else -1
    if not 0 <= seq <= MAX_SEQ:
        raise ValueError("not a whole number of 63 bits")
    return seq


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


def frame_headers(captured_at: datetime, stream: str, seq: int, traceparent: str | None = None) -> Headers:
    """Headers that a camera gateway writes."""
    headers = [
        ("captured_at", captured_at.astimezone(UTC).isoformat().encode()),
        ("stream", stream.encode()),
        ("seq", str(seq).encode()),
    ]
    return [*headers, ("traceparent", traceparent.encode())] if traceparent else headers


def _readable_camera(key: bytes | None) -> str | None:
    """The camera id, when it is one: a producer that swaps key and value puts an image there."""
    try:
        return parse_camera(key)
    except FrameRefused:
        return None


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
            "camera": _readable_camera(record.key),
            "bytes": len(record.value),
            "sha256": hashlib.sha256(record.value).hexdigest(),
            "at": format_time(at),
        }
    )
