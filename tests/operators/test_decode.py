import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.decode import decode, encode
from operators.errors import FrameReason, FrameRefused
from operators.jpeg import JpegHeader, JpegLimits, check_header
from operators.types import Image


def _photograph(limits: JpegLimits, height: int = 480, width: int = 640) -> tuple[bytes, JpegHeader]:
    noise = np.random.default_rng(5).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    image = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    data = encode(np.asarray(image, np.uint8), 85, "420")
    return data, check_header(data, limits)


def test_colours_and_orientation_survive(limits: JpegLimits) -> None:
    """Blue stays in channel 0 and the top row at the top."""
    image = np.zeros((32, 48, 3), np.uint8)
    image[:16, :, 0] = 250
    data = encode(image, 95)
    back = decode(data, check_header(data, limits))
    assert back.shape == (32, 48, 3)
    assert back.dtype == np.uint8
    assert back[2, 20].tolist() == pytest.approx([250, 0, 0], abs=6)
    assert back[29, 20].tolist() == pytest.approx([0, 0, 0], abs=6)


def test_agrees_with_another_decoder(picture: Image, limits: JpegLimits) -> None:
    """Pixels differ from OpenCV's decoder by rounding only."""
    data = encode(picture, 90)
    other = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decode(data, check_header(data, limits)).astype(int) - other).max() <= 2


def test_grey_frames_become_three_channels(limits: JpegLimits) -> None:
    """A grey camera gives three equal channels."""
    grey = np.tile(np.arange(0, 200, dtype=np.uint8), (40, 1))
    data = bytes(cv2.imencode(".jpg", grey)[1].tobytes())
    header = check_header(data, limits)
    image = decode(data, header)
    assert header.components == 1
    assert image.shape == (40, 200, 3)
    assert (image[..., 0] == image[..., 2]).all()


@pytest.mark.parametrize(
    ("wanted", "width"), [(None, 640), (641, 640), (640, 640), (500, 640), (321, 640), (320, 320), (200, 240), (1, 80)]
)
def test_the_smallest_cheap_scale_is_chosen(limits: JpegLimits, wanted: int | None, width: int) -> None:
    """The longer side is at least what was asked for, from 1/2, 3/8, 1/4 and 1/8 of the size, or full size."""
    data, header = _photograph(limits)
    assert decode(data, header, wanted).shape == (width * 3 // 4, width, 3)
    assert decode(*_photograph(limits, 640, 480), wanted).shape == (width, width * 3 // 4, 3)


def test_a_frame_cut_short_is_refused_not_half_grey(limits: JpegLimits) -> None:
    """Neither a missing end nor a forged end marker gives an image."""
    data, header = _photograph(limits)
    half = data[: len(data) // 2]
    with pytest.raises(FrameRefused) as cut:
        decode(half, header)
    assert cut.value.reason is FrameReason.TRUNCATED
    forged = half + b"\xff\xd9"
    with pytest.raises(FrameRefused):
        decode(forged, check_header(forged, limits))


def test_damaged_data_are_refused(limits: JpegLimits) -> None:
    """A frame whose compressed data are damaged gives no image."""
    data, header = _photograph(limits)
    damaged = bytearray(data)
    damaged[len(data) // 2 : len(data) // 2 + 40] = b"\xff\xd9" * 20
    with pytest.raises(FrameRefused) as refused:
        decode(bytes(damaged), header)
    assert refused.value.reason in (FrameReason.TRUNCATED, FrameReason.DECODE_FAILED)


def test_a_header_of_another_file_is_refused(limits: JpegLimits) -> None:
    """The decoder never allocates for a size that the check did not see."""
    data, _ = _photograph(limits)
    with pytest.raises(FrameRefused, match="the check read 64x64, the decoder 640x480"):
        decode(data, JpegHeader(64, 64, 3, progressive=False))


def test_padding_after_the_end_is_ignored(picture: Image, limits: JpegLimits) -> None:
    """Cameras that pad their frames give the same pixels."""
    data = encode(picture, 80)
    padded = data + bytes(300)
    assert (decode(padded, check_header(padded, limits)) == decode(data, check_header(data, limits))).all()


def test_views_can_be_encoded(picture: Image) -> None:
    """A crop that is a view into a larger image is encoded as it looks."""
    assert encode(picture[10:50, 20:60], 90) == encode(picture[10:50, 20:60].copy(), 90)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(2, 3000), st.integers(0, 255)), min_size=1, max_size=6))
def test_damaged_files_get_an_image_or_a_refusal(damage: list[tuple[int, int]]) -> None:
    """Whatever is damaged, the answer is an image of the declared size or FrameRefused."""
    limits = JpegLimits(max_bytes=100_000, max_side_px=512, max_pixels=65_536, min_side_px=8, max_scans=20)
    y, x = np.mgrid[:96, :128]
    data = bytearray(encode(np.stack([x * 2, y * 2, x + y], axis=2).astype(np.uint8), 90))
    for place, value in damage:
        data[place % len(data)] = value
    try:
        header = check_header(bytes(data), limits)
        image = decode(bytes(data), header)
    except FrameRefused:
        return
    assert image.shape == (header.height, header.width, 3)
