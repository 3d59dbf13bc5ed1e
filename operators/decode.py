"""JPEG to pixels and back. The only file that imports the decoder; why this one: docs/decisions/0002."""

import numpy as np
import simplejpeg

from operators.errors import FrameReason, FrameRefused
from operators.jpeg import JpegHeader
from operators.types import Image


def decode(data: bytes, header: JpegHeader, min_long_side_px: int | None = None) -> Image:
    """Decode a frame whose header was checked. A frame cut short is refused, never half grey.

    Args:
        data: The encoded frame.
        header: What `check_header` found in these bytes.
        min_long_side_px: None for full size; otherwise the smallest of the decoder's cheap scales (1/2, 3/8, 1/4, 1/8)
            whose longer side still has this many pixels, full size when none has.

    Returns:
        (h, w, 3) uint8, BGR, writable and owned by the caller. Grey frames come with three equal channels.

    Raises:
        FrameRefused: TRUNCATED or DECODE_FAILED; HEADER_INVALID when the decoder reads another size than the check.
    """
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(data)
        if (width, height) != (header.width, header.height):
            detail = f"the check read {header.width}x{header.height}, the decoder {width}x{height}"
            raise FrameRefused(FrameReason.HEADER_INVALID, detail)
        # The scales 5/8 to 7/8 cost more than full size (no vector code for them), hence min_factor.
        scale = {} if min_long_side_px is None else {_long_side(header): min_long_side_px, "min_factor": 2}
        image: Image = simplejpeg.decode_jpeg(data, "BGR", **scale)
    except ValueError as error:
        raise FrameRefused(_reason(str(error)), f"the decoder says: {error}") from error
    return image


def encode(image: Image, quality: int, subsampling: str = "444") -> bytes:
    """Encode an image as baseline JPEG.

    Args:
        image: (h, w, 3) uint8, BGR.
        quality: 1 to 100.
        subsampling: "444" keeps all colour, for crops that are embedded again; "420" halves it, as cameras do.
    """
    jpeg: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality, "BGR", subsampling)
    return jpeg


def _long_side(header: JpegHeader) -> str:
    return "min_width" if header.width >= header.height else "min_height"


def _reason(message: str) -> FrameReason:
    return FrameReason.TRUNCATED if "premature end" in message.lower() else FrameReason.DECODE_FAILED
