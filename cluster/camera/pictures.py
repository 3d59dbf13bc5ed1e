"""Decode what a camera's source delivers, and encode what is sent of it. The only file that imports PyAV."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import av
import av.error
import av.logging
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from operators.decode import encode
from operators.errors import SourceUnavailable
from operators.types import Image

# libav writes to stderr from its own threads; what matters comes back as an error anyway.
av.logging.set_level(None)

USUAL_FPS = 25.0  # of a video that does not state its rate
QUALITY = 90  # for frames that have to be encoded here; a JPEG that needs no change keeps its own
# In a row. A stream joined in its middle gives none until its next key frame, which some cameras send every 20 s; after
# a minute at 25 per second it is as good as lost.
FRUITLESS_PACKETS = 1500

VideoFrame = av.VideoFrame


@dataclass(frozen=True, slots=True)
class Shape:
    """What is changed in a frame before it is sent.

    Attributes:
        width_px: Wider frames are shrunk to this, keeping their aspect; frames are never enlarged. None: as they are.
        quality: JPEG quality, 1 to 100. None: JPEG files are not encoded anew, everything else with QUALITY.
    """

    width_px: int | None = None
    quality: int | None = None


def upright(frame: VideoFrame, width_px: int | None) -> Image:
    """The picture as a viewer would show it, (h, w, 3) uint8 BGR, at most `width_px` wide."""
    quarters = round(frame.rotation / 90) % 4
    shown_px = frame.height if quarters % 2 else frame.width
    scale = min(1.0, width_px / shown_px) if width_px else 1.0
    width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
    picture = frame.reformat(width, height, "bgr24", interpolation="AREA" if scale < 1 else None).to_ndarray()
    return np.rot90(np.asarray(picture, np.uint8), quarters)


def shot_jpeg(frame: VideoFrame, shape: Shape) -> bytes:
    """`frame` shrunk and encoded as `shape` asks."""
    return encode(upright(frame, shape.width_px), shape.quality or QUALITY, "420")


def video_fps(source: str) -> float:
    """The rate a video states, or USUAL_FPS.

    Raises:
        SourceUnavailable: It cannot be opened.
    """
    with _opened(source, {}, None) as container:
        video = container.streams.video
        return float((video[0].average_rate if video else None) or USUAL_FPS)


def video_frames(
    source: str | io.BytesIO, options: dict[str, str] | None = None, timeout_s: float | None = None
) -> Iterator[VideoFrame]:
    """Every whole picture of the first video stream of `source`, in order.

    Packets that cannot be decoded and pictures known to be damaged are passed over: a live stream is joined in its
    middle and loses packets.

    Args:
        source: What libav opens: an address, `file:` and a path, or the bytes of a file.
        options: Passed on to libav.
        timeout_s: How long the source may be silent; None for ever.

    Raises:
        SourceUnavailable: It cannot be opened, has no video, breaks off, or cannot be decoded; the text never holds
            the address, which may hold a password.
    """
    with _opened(source, options or {}, timeout_s) as container:
        yield from _pictures(container)


@contextmanager
def _opened(source: str | io.BytesIO, options: dict[str, str], timeout_s: float | None) -> Iterator[InputContainer]:
    try:
        with av.open(source, "r", options=options, timeout=timeout_s) as container:
            yield container
    except av.error.ExitError as error:
        raise SourceUnavailable(f"no data for {timeout_s} s") from error
    except (av.error.FFmpegError, OSError) as error:
        raise SourceUnavailable(error.strerror or type(error).__name__) from error


def _pictures(container: InputContainer) -> Iterator[VideoFrame]:
    if not container.streams.video:
        raise SourceUnavailable("there is no video in it")
    fruitless = 0
    for packet in container.demux(container.streams.video[0]):
        frames = _decoded(packet)
        yield from (frame for frame in frames if not frame.is_corrupt)
        fruitless = 0 if frames else fruitless + 1
        if fruitless == FRUITLESS_PACKETS:
            raise SourceUnavailable(f"the last {fruitless} packets gave no picture")


def _decoded(packet: "Packet[VideoStream]") -> list[VideoFrame]:
    try:
        return packet.decode()
    except av.error.InvalidDataError:
        return []
