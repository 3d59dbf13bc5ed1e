import contextlib
import struct
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.decode import decode
from operators.errors import FrameReason, FrameRefused
from operators.jpeg import JpegHeader, JpegLimits, check_header

LIMITS = JpegLimits(max_bytes=1_000_000, max_side_px=4096, max_pixels=16_000_000, min_side_px=8, max_scans=20)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _frame_header(marker: int = 0xC0, width: int = 64, height: int = 48, components: int = 3, bits: int = 8) -> bytes:
    return _segment(
        marker,
        struct.pack(">BHHB", bits, height, width, components) + b"".join(b"%c\x11\x00" % i for i in range(components)),
    )


def _scan(components: int = 3, data: bytes = b"\x12\x34\xff\x00\x56\xff\xd0") -> bytes:
    return _segment(0xDA, bytes([components]) + b"\x00\x00" * components + b"\x00\x3f\x00") + data


def _jpeg(*parts: bytes, end: bytes = b"\xff\xd9") -> bytes:
    return b"\xff\xd8" + _segment(0xE0, b"JFIF\0") + b"".join(parts) + end


def _encoded(*options: int) -> bytes:
    image = np.random.default_rng(3).integers(0, 256, (96, 128, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", image, list(options))[1].tobytes())


BASELINE = _encoded()
PROGRESSIVE = _encoded(cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (BASELINE, JpegHeader(128, 96, 3, progressive=False)),
        (PROGRESSIVE, JpegHeader(128, 96, 3, progressive=True)),
        (_jpeg(_frame_header(), _scan()), JpegHeader(64, 48, 3, progressive=False)),
        (_jpeg(_frame_header(components=1), _scan(1)), JpegHeader(64, 48, 1, progressive=False)),
        (_jpeg(_frame_header(), _scan(1), _scan(1), _scan(1)), JpegHeader(64, 48, 3, progressive=False)),
        (_jpeg(b"\xff\xff\xff" + _frame_header(0xC1), _scan()), JpegHeader(64, 48, 3, progressive=False)),
        (BASELINE + bytes(500), JpegHeader(128, 96, 3, progressive=False)),
        (PROGRESSIVE + b"\xff\xd8 another picture", JpegHeader(128, 96, 3, progressive=True)),
    ],
    ids=["baseline", "progressive", "minimal", "grey", "sequential scans", "fill bytes", "padded", "trailing image"],
)
def test_gives_the_declared_image(data: bytes, expected: JpegHeader) -> None:
    """Every ordinary form of JPEG passes, with bytes after its end."""
    assert check_header(data, LIMITS) == expected


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", FrameReason.EMPTY),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), FrameReason.NOT_JPEG),
        (b"GIF89a" + bytes(50), FrameReason.NOT_JPEG),
        (b"hello, this is text", FrameReason.NOT_JPEG),
        (b"\xff", FrameReason.NOT_JPEG),
        (b"\xff\xd8", FrameReason.TRUNCATED),
        (b"\xff\xd8" + b"\xff" * 1000, FrameReason.TRUNCATED),
        (BASELINE[:9], FrameReason.TRUNCATED),
        (BASELINE[:-2], FrameReason.TRUNCATED),
        (PROGRESSIVE[:-2], FrameReason.TRUNCATED),
        (PROGRESSIVE[: len(PROGRESSIVE) // 2], FrameReason.TRUNCATED),
        (_jpeg(_frame_header(width=0), _scan()), FrameReason.HEADER_INVALID),
        (_jpeg(_frame_header(height=0), _scan()), FrameReason.HEADER_INVALID),
        (_jpeg(_frame_header(), _frame_header(), _scan()), FrameReason.HEADER_INVALID),
        (_jpeg(_frame_header(), _scan(1), _frame_header(), _scan(1)), FrameReason.HEADER_INVALID),
        (_jpeg(b"\xff\xd8", _frame_header(), _scan()), FrameReason.HEADER_INVALID),
        (_jpeg(_scan()), FrameReason.HEADER_INVALID),
        (_jpeg(_frame_header()), FrameReason.HEADER_INVALID),
        (_jpeg(b"junk", _frame_header(), _scan()), FrameReason.HEADER_INVALID),
        (_jpeg(b"\xff\x00", _frame_header(), _scan()), FrameReason.HEADER_INVALID),
        (_jpeg(b"\xff\xe1\x00\x01", _frame_header(), _scan()), FrameReason.HEADER_INVALID),
        (_jpeg(_segment(0xC0, b"\x08\x00"), _scan()), FrameReason.HEADER_INVALID),
        (_jpeg(_segment(0xFE, b"") * 600, _frame_header(), _scan()), FrameReason.HEADER_INVALID),
        (_jpeg(_frame_header(components=4), _scan(4)), FrameReason.UNSUPPORTED_JPEG),
        (_jpeg(_frame_header(components=2), _scan(2)), FrameReason.UNSUPPORTED_JPEG),
        (_jpeg(_frame_header(0xC1, bits=12), _scan()), FrameReason.UNSUPPORTED_JPEG),
        (_jpeg(_frame_header(0xC3), _scan()), FrameReason.UNSUPPORTED_JPEG),
        (_jpeg(_frame_header(0xC9), _scan()), FrameReason.UNSUPPORTED_JPEG),
        (_jpeg(_frame_header(width=30000, height=30000), _scan()), FrameReason.TOO_LARGE),
        (_jpeg(_frame_header(width=4097, height=9), _scan()), FrameReason.TOO_LARGE),
        (_jpeg(_frame_header(width=4096, height=4096), _scan()), FrameReason.TOO_LARGE),
        (BASELINE + bytes(1_000_000), FrameReason.TOO_LARGE),
        (_jpeg(_frame_header(width=64, height=7), _scan()), FrameReason.TOO_SMALL),
        (_jpeg(_frame_header(0xC2), _scan() * 21), FrameReason.TOO_MANY_SCANS),
        (_jpeg(_frame_header(), _scan(1) * 21), FrameReason.TOO_MANY_SCANS),
        (_jpeg(_frame_header(0xC2), _scan(), _segment(0xFE, b"\xff\xd9"), _scan() * 20), FrameReason.TOO_MANY_SCANS),
    ],
)
def test_refuses_with_the_reason(data: bytes, reason: FrameReason) -> None:
    """Every way in which a frame can be no usable JPEG has its own reason."""
    with pytest.raises(FrameRefused) as refused:
        check_header(data, LIMITS)
    assert refused.value.reason is reason


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A grey progressive picture of nothing in as many scans, which no decoder finds anything wrong with.

    Each scan after the first says of one more coefficient, or of one more bit of it, that it is zero in all blocks, in
    runs of 32767 blocks: a few bytes for a pass over the whole image.
    """
    blocks = -(-width // 8) * -(-height // 8)
    tables = _segment(0xDB, b"\0" + b"\1" * 64)
    tables += b"".join(_segment(0xC4, bytes([kind, 1, *[0] * 15, symbol])) for kind, symbol in ((0, 0), (16, 0xE0)))
    first = _segment(0xDA, b"\1\1\0\0\0\0") + _bits("0" * blocks)
    run = "0" + "1" * 14  # one code for 32767 blocks without anything
    empty = _bits(run * -(-blocks // 32767))
    progression = [
        (k, high, low) for high, low in ((0, 13), *((bit, bit - 1) for bit in range(13, 0, -1))) for k in range(1, 64)
    ]
    rest = [
        _segment(0xDA, bytes([1, 1, 0, k, k, high << 4 | low])) + empty for k, high, low in progression[: scans - 1]
    ]
    header = _segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0")
    return b"\xff\xd8" + tables + header + first + b"".join(rest) + b"\xff\xd9"


def _bits(bits: str) -> bytes:
    """Bits as they stand in a scan: filled up with ones, and a zero after each 0xff."""
    whole = bits + "1" * (-len(bits) % 8)
    return bytes(int(whole[at : at + 8], 2) for at in range(0, len(whole), 8)).replace(b"\xff", b"\xff\0")


@pytest.mark.parametrize(("side_px", "allowed"), [(4000, 12), (3000, 20), (64, 20)])
def test_the_larger_a_picture_is_the_fewer_scans_it_may_have(side_px: int, allowed: int) -> None:
    """Each goes over all of it; a large file of ordinary make still passes."""
    assert check_header(many_scans(side_px, side_px, allowed), LIMITS).progressive
    with pytest.raises(FrameRefused, match=f"at most {allowed} scans") as refused:
        check_header(many_scans(side_px, side_px, allowed + 1), LIMITS)
    assert refused.value.reason is FrameReason.TOO_MANY_SCANS


def test_the_decoder_would_have_gone_over_every_scan() -> None:
    """The file above is a good one to it: it is the check that stands between."""
    data = many_scans(64, 48, 500)
    assert decode(data, JpegHeader(64, 48, 1, progressive=True)).shape == (48, 64, 3)
    assert len(data) < 20_000


def test_as_many_scans_as_allowed_pass() -> None:
    """The limit on scans is the number allowed, not one below it."""
    assert check_header(_jpeg(_frame_header(0xC2), _scan() * 20), LIMITS).progressive


def test_a_small_file_with_a_huge_claim_costs_no_memory() -> None:
    """A header of 30000x30000 pixels is refused without allocating anything for them."""
    data = _jpeg(_frame_header(width=30000, height=30000), _scan(data=bytes(600)))
    tracemalloc.start()
    try:
        with pytest.raises(FrameRefused, match="30000x30000"):
            check_header(data, LIMITS)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_texts_hold_no_content_of_the_frame() -> None:
    """What is dead-lettered names a format or a position, never bytes of the frame."""
    with pytest.raises(FrameRefused) as refused:
        check_header(b"secret words of somebody", LIMITS)
    assert "secret" not in str(refused.value)


def _answers(data: bytes) -> None:
    with contextlib.suppress(FrameRefused):
        header = check_header(data, LIMITS)
        assert LIMITS.min_side_px <= min(header.width, header.height)
        assert max(header.width, header.height) <= LIMITS.max_side_px


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300).map(lambda tail: b"\xff\xd8\xff" + tail) | st.binary(max_size=50))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    """Arbitrary bytes give a header or FrameRefused, and nothing else."""
    _answers(data)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([BASELINE, PROGRESSIVE]),
    st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=8),
    st.integers(0, 20_000),
)
def test_damaged_files_get_an_answer(data: bytes, damage: list[tuple[int, int]], cut: int) -> None:
    """Files with changed bytes and a cut end give a header or FrameRefused, and nothing else."""
    changed = bytearray(data)
    for place, value in damage:
        changed[place] = value
    _answers(bytes(changed[: len(changed) - cut]))


@pytest.mark.parametrize(
    ("field", "value"),
    [("max_bytes", 0), ("max_side_px", 40_000), ("max_pixels", 0), ("min_side_px", -1), ("max_scans", 0)],
)
def test_limits_out_of_range_are_refused(field: str, value: int) -> None:
    """A limit that refuses everything, or that a later step cannot bear, is named."""
    good = {"max_bytes": 1, "max_side_px": 1, "max_pixels": 1, "min_side_px": 1, "max_scans": 1}
    with pytest.raises(ValueError, match=field):
        JpegLimits(**{**good, field: value})
