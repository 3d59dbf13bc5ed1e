import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.wire.frames import MAX_CAMERA_BYTES, encode_dead_letter, frame_headers, parse_camera, parse_frame
from operators.errors import FrameReason, FrameRefused
from operators.types import Frame
from tests.builders import NOW, record

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def _reason(key: bytes | None = b"gate", **headers: bytes) -> FrameReason:
    with pytest.raises(FrameRefused) as refused:
        parse_frame(record(b"x", key=key, headers=headers))
    return refused.value.reason


def test_a_frame_needs_no_header() -> None:
    """Then it was captured at Kafka's time."""
    frame = parse_frame(record(b"jpeg", 5, 2))
    assert (frame.camera, frame.jpeg, frame.captured_at, str(frame.ref)) == ("gate", b"jpeg", NOW, "frames/2/5")
    assert (frame.stream, frame.seq, frame.traceparent) == (None, None, None)


def test_headers_are_read() -> None:
    """The camera's time counts, whatever its zone; unknown headers are passed over."""
    headers = {
        "captured_at": b"2026-01-31T14:00:01.500+02:00",
        "stream": b"run 7",
        "seq": b"0",
        "traceparent": TRACE,
        "other": b"\xff\xfe",
    }
    frame = parse_frame(record(b"jpeg", headers=headers))
    assert frame.captured_at == NOW + timedelta(seconds=1.5)
    assert (frame.stream, frame.seq, frame.traceparent) == ("run 7", 0, TRACE.decode())


@pytest.mark.parametrize("camera", ["gate", "Süd-Tor 3 出口", "a" * MAX_CAMERA_BYTES, "platform 1/left", "🚉"])
def test_camera_ids_of_any_script(camera: str) -> None:
    """Up to 200 bytes of UTF-8."""
    assert parse_camera(camera.encode()) == camera


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (None, FrameReason.NO_CAMERA),
        (b"", FrameReason.NO_CAMERA),
        (b"\xff\xd8\xff\xe0", FrameReason.CAMERA_ID_INVALID),
        (b"a" * (MAX_CAMERA_BYTES + 1), FrameReason.CAMERA_ID_INVALID),
        ("é".encode() * 101, FrameReason.CAMERA_ID_INVALID),
        (b"gate\n", FrameReason.CAMERA_ID_INVALID),
        (b" gate", FrameReason.CAMERA_ID_INVALID),
        (b"ga\x1b[31mte", FrameReason.CAMERA_ID_INVALID),
        (b"ga\x00te", FrameReason.CAMERA_ID_INVALID),
        ("ga\u202ete".encode(), FrameReason.CAMERA_ID_INVALID),
        (b"   ", FrameReason.CAMERA_ID_INVALID),
    ],
)
def test_what_is_no_camera_id_is_refused(key: bytes | None, reason: FrameReason) -> None:
    """Nothing that could forge a line of a list or a log."""
    assert _reason(key) is reason


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("captured_at", b""),
        ("captured_at", b"1769860800000"),
        ("captured_at", b"2026-01-31T12:00:00"),
        ("captured_at", b"9999-12-31T23:59:59-23:00"),
        ("captured_at", b"\xff"),
        ("seq", b""),
        ("seq", b"-1"),
        ("seq", b"1.5"),
        ("seq", b" 7"),
        ("seq", b"1_000"),
        ("seq", b"9" * 20),
        ("seq", b"9" * 5000),
        ("stream", b"\xff"),
        ("stream", b"a\nb"),
        ("stream", b"x" * 201),
        ("traceparent", b"\x00"),
        ("traceparent", b"x" * 1_000_000),
    ],
)
def test_a_header_that_cannot_be_read_is_refused(name: str, value: bytes) -> None:
    """It may be left out, it may not be wrong: what it says reaches alerts."""
    assert _reason(**{name: value}) is FrameReason.METADATA_INVALID


@pytest.mark.parametrize("timestamp_ms", [2**62, -(2**63), 10**15])
def test_a_record_time_outside_the_calendar_is_refused(timestamp_ms: int) -> None:
    """Producers may write any number there."""
    with pytest.raises(FrameRefused) as refused:
        parse_frame(record(b"x", timestamp_ms=timestamp_ms))
    assert refused.value.reason is FrameReason.METADATA_INVALID


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=200),
    st.integers(0, 2**63 - 1),
)
def test_what_a_gateway_writes_is_read_back(captured_at: datetime, stream: str, seq: int) -> None:
    """To the microsecond."""
    headers = dict(frame_headers(captured_at, stream, seq))
    frame = parse_frame(record(b"x", headers=headers))
    assert (frame.captured_at, frame.stream, frame.seq, frame.traceparent) == (captured_at, stream, seq, None)
    traced = parse_frame(record(b"x", headers=dict(frame_headers(captured_at, stream, seq, TRACE.decode()))))
    assert traced.traceparent == TRACE.decode()


HEADER = st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode), st.integers().map(lambda n: b"%d" % n))


@given(
    st.none() | st.binary(max_size=250),
    st.dictionaries(st.sampled_from(["captured_at", "stream", "seq", "traceparent"]), HEADER),
    st.integers(-(2**63), 2**63 - 1),
)
def test_any_record_is_a_frame_or_refused(key: bytes | None, headers: dict[str, bytes], timestamp_ms: int) -> None:
    """No other error comes out, and what comes out is clean."""
    try:
        frame = parse_frame(record(b"x", key=key, headers=headers, timestamp_ms=timestamp_ms))
    except FrameRefused:
        return
    assert isinstance(frame, Frame)
    assert frame.camera.isprintable()
    assert frame.camera.encode() == key
    assert frame.captured_at.tzinfo is UTC
    assert frame.seq is None or 0 <= frame.seq < 2**63


def _letter(value: bytes, **changes: Any) -> dict[str, Any]:
    made = encode_dead_letter(record(value, 5, 2, **changes), FrameReason.NOT_JPEG, "no picture", NOW)
    found: dict[str, Any] = json.loads(made)
    return found


def test_a_dead_letter_says_where_why_and_what_but_never_shows_it() -> None:
    """Size and digest stand for the bytes."""
    value = bytes(range(256)) * 4
    assert _letter(value) == {
        "form": "beholden.dead-letter.v1",
        "reason": "not_jpeg",
        "detail": "no picture",
        "topic": "frames",
        "partition": 2,
        "offset": 5,
        "camera": "gate",
        "bytes": 1024,
        "sha256": hashlib.sha256(value).hexdigest(),
        "at": "2026-01-31T12:00:00.000Z",
    }


@pytest.mark.parametrize("key", [None, b"", b"\xff\xd8\xff\xe0", b"x" * 5000, b"a\n\x1b", "é".encode() * 150])
def test_a_dead_letter_can_be_written_for_any_key(key: bytes | None) -> None:
    """A key that is no camera id leaves nothing of itself: it may be the image, swapped with the value."""
    assert _letter(b"x", key=key)["camera"] is None
    assert _letter(b"", key=key)["bytes"] == 0
