"""Where a camera's frames come from: a folder of images, one image or video, or a live address."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from cluster.camera.pictures import Shape, shot_jpeg, video_fps, video_frames
from operators.errors import FrameRefused, SourceUnavailable
from operators.jpeg import JpegHeader, JpegLimits, check_header

LIVE_SCHEMES = frozenset({"rtsp", "rtsps", "http", "https", "rtmp", "rtmps", "srt", "tcp", "udp", "rtp"})
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})
# The recognisers' limits decide what is too large or too small; here only whether it is a whole JPEG.
ANY_JPEG = JpegLimits(max_bytes=2**31, max_side_px=32766, max_pixels=2**30, min_side_px=1, max_scans=100)


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame ready to be sent.

    Attributes:
        jpeg: The encoded image.
        arrived_at: UTC-aware time of arrival from a live camera; None for files, which are captured when sent.
        run: Grows with every connection to a live camera.
    """

    jpeg: bytes
    arrived_at: datetime | None = None
    run: int = 1


def is_live(source: str) -> bool:
    """Whether `source` is an address rather than a path.

    Raises:
        SourceUnavailable: It is an address with a scheme that no camera speaks.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", source)
    if scheme is None:
        return False
    if scheme[1].lower() not in LIVE_SCHEMES:
        known = ", ".join(sorted(LIVE_SCHEMES))
        raise SourceUnavailable(
            f"{scheme[1]}:// is not a camera address; give a path, or an address with one of {known}"
        )
    return True


def shown(source: str) -> str:
    """`source` as it may stand in a message: without user, password, and query, which often is a password too."""
    if not is_live(source):
        return source
    parts = urlsplit(source)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def file_fps(path: Path) -> float:
    """The rate at which `path` is played when none is asked for: a video's own, 1 for images.

    Raises:
        SourceUnavailable: There is nothing at `path`, or nothing that can be opened.
    """
    if not path.exists():
        raise SourceUnavailable(f"there is no {path}; give a folder of images, an image, a video or an address")
    if path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES:
        return 1.0
    try:
        return video_fps(f"file:{path}")
    except SourceUnavailable as error:
        raise SourceUnavailable(f"{path} cannot be read as an image or video: {error}") from error


def file_shots(path: Path, shape: Shape, skip: Callable[[str, str], None]) -> Iterator[Shot]:
    """One pass over a folder of images in name order, one image, or one video.

    Hidden files and subfolders of a folder are not looked at.

    Args:
        path: Where the images are.
        shape: What is changed in them.
        skip: Told the name of each file of a folder that cannot be read, and why.

    Raises:
        SourceUnavailable: There is no image, or none that can be read.
    """
    sent = 0
    for shot in _folder_shots(path, shape, skip) if path.is_dir() else _one_file(path, shape):
        sent += 1
        yield shot
    if not sent:
        raise SourceUnavailable(f"nothing in {path} can be read as an image; give JPEG or PNG images, or a video")


def _folder_shots(folder: Path, shape: Shape, skip: Callable[[str, str], None]) -> Iterator[Shot]:
    for path in _images(folder):
        try:
            yield Shot(_still(path, shape))
        except SourceUnavailable as error:
            skip(path.name, str(error))


def _one_file(path: Path, shape: Shape) -> Iterator[Shot]:
    try:
        if path.suffix.lower() in IMAGE_SUFFIXES:
            yield Shot(_still(path, shape))
        else:
            yield from (Shot(shot_jpeg(frame, shape)) for frame in video_frames(f"file:{path}"))
    except SourceUnavailable as error:
        raise SourceUnavailable(f"{path} cannot be read: {error}") from error


def _images(folder: Path) -> list[Path]:
    """The images directly in `folder`, in name order."""
    try:
        found = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    except OSError as error:
        raise SourceUnavailable(f"{folder} cannot be listed: {error.strerror}") from error
    if not found:
        suffixes = ", ".join(sorted(IMAGE_SUFFIXES))
        raise SourceUnavailable(f"{folder} has no images; put files ending in {suffixes} directly into it")
    return sorted(found, key=lambda path: path.name)


def _still(path: Path, shape: Shape) -> bytes:
    """The JPEG of one image file: its own bytes when nothing has to change."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceUnavailable(error.strerror or type(error).__name__) from error
    if data.startswith(b"\xff\xd8") and _is_kept(_jpeg_header(data), shape):
        return data
    frame = next(video_frames(io.BytesIO(data)), None)
    if frame is None:
        raise SourceUnavailable("there is no picture in it")
    return shot_jpeg(frame, shape)


def _is_kept(header: JpegHeader, shape: Shape) -> bool:
    return shape.quality is None and (shape.width_px is None or header.width <= shape.width_px)


def _jpeg_header(data: bytes) -> JpegHeader:
    """What a JPEG declares; one that is cut short must not be sent half grey."""
    try:
        return check_header(data, ANY_JPEG)
    except FrameRefused as error:
        raise SourceUnavailable(error.detail) from error
