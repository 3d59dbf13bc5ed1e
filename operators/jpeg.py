"""What a JPEG says about itself, read before any decoder sees it.

A file of 689 bytes can claim 30000x30000 pixels and cost a decoder gigabytes and seconds. This walk reads the markers
only, so it costs microseconds whatever the file claims.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NoReturn

from operators.errors import FrameReason, FrameRefused

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
# C0..CF without DHT (C4), JPG (C8) and DAC (CC): each declares a coding process.
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
# Cameras write 5 to 30 segments; without a limit a megabyte of empty segments costs 100 ms of Python.
_MAX_SEGMENTS = 512
_WARP_LIMIT_PX = 32766
# Of the largest picture: the decoder's work is bounded by scans times pixels. libjpeg's own progressive files have 10.
_SCANS_AT_MOST_PIXELS = 12
_FILL_END = re.compile(rb"[^\xff]")
# The next marker within entropy-coded data: not a stuffed zero, not a restart marker.
_MARKER_IN_SCAN = re.compile(rb"\xff+[\x01-\xcf\xd8-\xfe]")
_OTHER_FORMATS = {
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"RIFF": "RIFF (WebP or AVI)",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"\x00\x00\x00\x01": "an H.264 or H.265 stream",
    b"%PDF": "PDF",
    b"\xff\x0a": "JPEG XL",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}


@dataclass(frozen=True, slots=True)
class JpegLimits:
    """What a frame may ask of the decoder.

    Attributes:
        max_bytes: Size of the encoded frame, bytes, 1 and up. Too high: one frame can hold a lane and Kafka's fetch;
            too low: detailed scenes are refused.
        max_side_px: Longer side, pixels, 1 to 32766 (the warp that cuts out faces cannot address more). Too high:
            memory for one row grows; too low: panorama cameras are refused.
        max_pixels: Width times height, pixels. Decoding takes 3 bytes a pixel, 9 for progressive files. Too high: one
            frame can exhaust the lane's memory; too low: high-resolution cameras are refused.
        min_side_px: Shorter side, pixels, 1 and up. Too low: frames in which no usable face fits are decoded; too
            high: narrow crops from a gateway are refused.
        max_scans: Scans in a file, 1 and up. Ordinary progressive files have 10. Too high: a small progressive file
            can cost seconds, since each scan rewrites the whole image; too low: progressive cameras are refused.
            Fewer, and never fewer than 12, are allowed where scans times pixels would be above 12 times `max_pixels`.
    """

    max_bytes: int
    max_side_px: int
    max_pixels: int
    min_side_px: int
    max_scans: int

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"{field.name}: must be at least 1, found {getattr(self, field.name)}")
        if self.max_side_px > _WARP_LIMIT_PX:
            raise ValueError(f"max_side_px: must be at most {_WARP_LIMIT_PX}, found {self.max_side_px}")


@dataclass(frozen=True, slots=True)
class JpegHeader:
    """The image a JPEG declares.

    Attributes:
        width: Pixels.
        height: Pixels.
        components: 1 (grey) or 3 (colour).
        progressive: Whether the image comes in several passes over all of it.
    """

    width: int
    height: int
    components: int
    progressive: bool


@dataclass(frozen=True, slots=True)
class _Segment:
    marker: int
    start: int
    end: int


def check_header(data: bytes, limits: JpegLimits) -> JpegHeader:
    """The header of a JPEG that is safe to hand to the decoder. Bytes after the end marker are allowed.

    Args:
        data: The encoded frame.
        limits: What it may ask of the decoder.

    Raises:
        FrameRefused: With the reason; a file refused here was never decoded.
    """
    _check_envelope(data, limits)
    header, scan = _read_until_scan(data, limits)
    components_in_scan = data[scan.start] if scan.end > scan.start else 0
    if not header.progressive and components_in_scan == header.components:
        # Such a file has exactly one scan: the decoder refuses a second one itself.
        if data.rfind(b"\xff\xd9", scan.end) < 0:
            _refuse(FrameReason.TRUNCATED, "no end-of-image marker after the image data; the sender cut the frame")
        return header
    affordable = _SCANS_AT_MOST_PIXELS * limits.max_pixels // (header.width * header.height)
    _count_scans(data, scan, min(limits.max_scans, affordable))
    return header


def _refuse(reason: FrameReason, detail: str) -> NoReturn:
    raise FrameRefused(reason, detail)


def _check_envelope(data: bytes, limits: JpegLimits) -> None:
    if not data:
        _refuse(FrameReason.EMPTY, "expected a JPEG, found 0 bytes")
    if len(data) > limits.max_bytes:
        _refuse(FrameReason.TOO_LARGE, f"expected at most {limits.max_bytes} bytes, found {len(data)}")
    if not data.startswith(b"\xff\xd8"):
        found = next((name for magic, name in _OTHER_FORMATS.items() if data.startswith(magic)), "something else")
        _refuse(FrameReason.NOT_JPEG, f"expected a JPEG, found {found}; send the JPEG bytes alone as the value")


def _read_until_scan(data: bytes, limits: JpegLimits) -> tuple[JpegHeader, _Segment]:
    """The frame header and the first start of scan."""
    header: JpegHeader | None = None
    for segment in _segments(data, 2):
        if segment.marker in _FRAME_HEADERS:
            if header is not None:
                _refuse(FrameReason.HEADER_INVALID, "expected one frame header, found a second")
            header = _frame_header(data, segment)
            _check_size(header, limits)
        elif segment.marker == _SOS:
            if header is None:
                _refuse(FrameReason.HEADER_INVALID, "image data starts before any frame header")
            return header, segment
    _refuse(FrameReason.HEADER_INVALID, "the image ends before its data starts")


def _segments(data: bytes, position: int) -> Iterator[_Segment]:
    """The marker segments from `position` up to the end-of-image marker, which is not given out."""
    for _ in range(_MAX_SEGMENTS):
        marker, position = _marker(data, position)
        if marker == _EOI:
            return
        if marker == _SOI or marker in _WITHOUT_LENGTH:
            _refuse(FrameReason.HEADER_INVALID, f"marker {marker:#04x} where a segment was expected")
        end = position + int.from_bytes(data[position : position + 2], "big")
        if position + 2 > len(data) or end > len(data):
            _refuse(FrameReason.TRUNCATED, f"segment {marker:#04x} runs past the end of the frame")
        if end < position + 2:
            _refuse(FrameReason.HEADER_INVALID, f"segment {marker:#04x} declares a length below 2")
        yield _Segment(marker, position + 2, end)
        position = end
    _refuse(FrameReason.HEADER_INVALID, f"more than {_MAX_SEGMENTS} segments before the image data")


def _marker(data: bytes, position: int) -> tuple[int, int]:
    """The marker at `position` and the position behind it; any number of ff bytes may stand before it."""
    if position >= len(data):
        _refuse(FrameReason.TRUNCATED, "the frame ends between two segments")
    if data[position] != 0xFF:
        _refuse(FrameReason.HEADER_INVALID, f"expected a marker at byte {position}, found other data")
    found = _FILL_END.search(data, position)
    if found is None:
        _refuse(FrameReason.TRUNCATED, "the frame ends within a marker")
    marker = data[found.start()]
    if marker == 0:
        _refuse(FrameReason.HEADER_INVALID, f"expected a marker at byte {position}, found a stuffed zero")
    return marker, found.end()


def _frame_header(data: bytes, segment: _Segment) -> JpegHeader:
    body = data[segment.start : segment.end]
    if segment.marker not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
        _refuse(FrameReason.UNSUPPORTED_JPEG, f"expected baseline or progressive, found process {segment.marker:#04x}")
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        _refuse(FrameReason.HEADER_INVALID, f"frame header of {len(body)} bytes does not fit its component count")
    if body[0] != 8:
        _refuse(FrameReason.UNSUPPORTED_JPEG, f"expected 8 bits a sample, found {body[0]}")
    if body[5] not in (1, 3):
        _refuse(FrameReason.UNSUPPORTED_JPEG, f"expected 1 (grey) or 3 (colour) components, found {body[5]}")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    return JpegHeader(width, height, body[5], segment.marker == _PROGRESSIVE)


def _check_size(header: JpegHeader, limits: JpegLimits) -> None:
    size = f"{header.width}x{header.height}"
    shorter, longer = sorted((header.width, header.height))
    if shorter == 0:
        _refuse(FrameReason.HEADER_INVALID, f"expected a size above zero, found {size}")
    if longer > limits.max_side_px or header.width * header.height > limits.max_pixels:
        allowed = f"a side of {limits.max_side_px} and {limits.max_pixels} pixels"
        _refuse(FrameReason.TOO_LARGE, f"expected at most {allowed}, found {size}")
    if shorter < limits.min_side_px:
        _refuse(FrameReason.TOO_SMALL, f"expected sides of at least {limits.min_side_px} pixels, found {size}")


def _count_scans(data: bytes, first: _Segment, max_scans: int) -> None:
    """Walk the scans of a file that may have several, up to its end marker."""
    position, scans = first.end, 1
    while True:
        if scans > max_scans:
            detail = f"expected at most {max_scans} scans of a picture of this size, found more"
            _refuse(FrameReason.TOO_MANY_SCANS, detail)
        found = _MARKER_IN_SCAN.search(data, position)
        if found is None:
            _refuse(FrameReason.TRUNCATED, f"no end-of-image marker after scan {scans}; the sender cut the frame")
        following = _next_scan(data, found.start())
        if following is None:
            return
        position, scans = following, scans + 1


def _next_scan(data: bytes, position: int) -> int | None:
    """Where the data of the next scan start, None when the image ends first."""
    for segment in _segments(data, position):
        if segment.marker == _SOS:
            return segment.end
        if segment.marker in _FRAME_HEADERS:
            _refuse(FrameReason.HEADER_INVALID, "expected one frame header, found a second between scans")
    return None
