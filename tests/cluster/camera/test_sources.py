"""Folders, images and videos as cameras; all pictures are drawn shapes."""

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from cluster.camera import pictures
from cluster.camera.pictures import Shape, video_frames
from cluster.camera.sources import Shot, file_fps, file_shots, is_live, shown
from operators.decode import decode, encode
from operators.errors import SourceUnavailable
from operators.jpeg import JpegLimits, check_header
from operators.types import Image
from tests.waiting import PATIENCE_S

LIMITS = JpegLimits(2**20, 4096, 2**24, 1, 10)
AS_IT_IS = Shape()
# EXIF of 26 bytes with one entry: orientation 6, to be shown turned clockwise by a quarter.
EXIF_QUARTER = bytes.fromhex("ffe100224578696600004d4d002a00000008000101120003000000010006000000000000")


def drawn(width: int = 80, height: int = 60, level: int = 200) -> Image:
    """A grey picture with a black block in its upper left corner."""
    image = np.full((height, width, 3), level, np.uint8)
    image[: height // 3, : width // 4] = 0
    return image


def png(image: Image) -> bytes:
    """The image as PNG."""
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = image.shape[1], image.shape[0], "rgb24", Fraction(1)
    frame = av.VideoFrame.from_ndarray(image, "bgr24").reformat(format="rgb24")
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def write_video(path: Path, levels: list[int]) -> None:
    """A video with one drawn picture for each grey level, 10 per second; each is a JPEG of its own."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 80, 60, "yuvj420p"
        for level in levels:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn(level=level), "bgr24")))
        container.mux(stream.encode(None))


def spoilt(path: Path, numbers: set[int]) -> io.BytesIO:
    """The video with most of the data of the pictures with these numbers overwritten."""
    start, *pictures = path.read_bytes().split(b"\xff\xd8\xff")
    for number in numbers:
        pictures[number] = bytes(600) + pictures[number][600:]
    return io.BytesIO(b"\xff\xd8\xff".join([start, *pictures]))


def shots_of(path: Path, shape: Shape = AS_IT_IS) -> tuple[list[bytes], dict[str, str]]:
    """JPEGs of one pass, and the files skipped."""
    skipped: dict[str, str] = {}
    shots: list[Shot] = list(file_shots(path, shape, skipped.__setitem__))
    assert all(shot.arrived_at is None and shot.run == 1 for shot in shots)
    return [shot.jpeg for shot in shots], skipped


def pixels(jpeg: bytes) -> Image:
    """The JPEG decoded by the decoder that recognisers use."""
    return decode(jpeg, check_header(jpeg, LIMITS))


def test_folder_is_sent_in_name_order_byte_for_byte(tmp_path: Path) -> None:
    """Unchanged JPEGs keep their bytes; other files, hidden files and subfolders are not looked at."""
    jpegs = [encode(drawn(level=level), 80) for level in (250, 150, 50)]
    for name, jpeg in zip(("c.JPG", "a.jpeg", "b.jpg"), jpegs, strict=True):
        (tmp_path / name).write_bytes(jpeg)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._a.jpg").write_bytes(b"not an image")
    (tmp_path / "more").mkdir()
    assert shots_of(tmp_path) == ([jpegs[1], jpegs[2], jpegs[0]], {})


@pytest.mark.parametrize("bad", [b"", b"\xff\xd8 no JPEG", b"no image at all", encode(drawn(640, 480), 90)[:-700]])
def test_unreadable_file_is_skipped_and_named(tmp_path: Path, bad: bytes) -> None:
    """A file that is no image or cut short is passed over; the ones around it are sent."""
    good = encode(drawn(), 80)
    for name, data in (("1.jpg", good), ("2.jpg", bad), ("3.jpg", good)):
        (tmp_path / name).write_bytes(data)
    jpegs, skipped = shots_of(tmp_path)
    assert jpegs == [good, good]
    assert list(skipped) == ["2.jpg"]
    assert skipped["2.jpg"]


def test_png_cut_short_is_skipped(tmp_path: Path) -> None:
    """Half a PNG is not sent as a picture that is half empty."""
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    (tmp_path / "half.png").write_bytes(png(noise)[:-4000])
    (tmp_path / "whole.png").write_bytes(png(drawn()))
    jpegs, skipped = shots_of(tmp_path)
    assert (len(jpegs), list(skipped)) == (1, ["half.png"])


def test_png_becomes_a_jpeg_of_the_same_picture(tmp_path: Path) -> None:
    """PNG is encoded anew, colours in place."""
    image = drawn()
    image[30:, 40:] = (250, 120, 20)
    (tmp_path / "a.png").write_bytes(png(image))
    found = pixels(shots_of(tmp_path / "a.png")[0][0])
    assert np.abs(found[45, 60].astype(int) - (250, 120, 20)).max() < 6
    assert np.abs(found.astype(int) - image).mean() < 3


@pytest.mark.parametrize(("width_px", "expected"), [(40, (30, 40)), (33, (25, 33)), (80, (60, 80)), (200, (60, 80))])
def test_width_shrinks_and_keeps_the_aspect(tmp_path: Path, width_px: int, expected: tuple[int, int]) -> None:
    """Frames wider than --width are shrunk, narrower ones left as they are."""
    jpeg = encode(drawn(), 80)
    (tmp_path / "a.jpg").write_bytes(jpeg)
    found = shots_of(tmp_path, Shape(width_px=width_px))[0][0]
    assert pixels(found).shape[:2] == expected
    assert (found == jpeg) == (width_px >= 80)


def test_quality_encodes_anew(tmp_path: Path) -> None:
    """--quality changes the bytes and not the size in pixels; lower is smaller."""
    (tmp_path / "a.jpg").write_bytes(encode(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8), 95))
    sizes = [len(shots_of(tmp_path, Shape(quality=quality))[0][0]) for quality in (90, 30)]
    assert sizes[0] > sizes[1]


def test_width_is_that_of_the_picture_as_shown(tmp_path: Path) -> None:
    """A picture to be turned by a quarter is turned before it is sent, and its width is the one after turning."""
    jpeg = encode(drawn(), 95)
    (tmp_path / "a.jpg").write_bytes(jpeg[:2] + EXIF_QUARTER + jpeg[2:])
    found = pixels(shots_of(tmp_path, Shape(width_px=30, quality=95))[0][0])
    assert found.shape[:2] == (40, 30)
    assert found[2, 27].max() < 40
    assert found[2, 2].min() > 160


def test_video_is_sent_frame_by_frame(tmp_path: Path) -> None:
    """A video gives all its frames in order, and its own rate."""
    path = tmp_path / "100%: a.mkv"
    write_video(path, levels := [40, 120, 200])
    jpegs, _ = shots_of(path, Shape(width_px=40))
    assert [pixels(jpeg).shape for jpeg in jpegs] == [(30, 40, 3)] * 3
    assert [pixels(jpeg)[20, 30].mean() for jpeg in jpegs] == pytest.approx(levels, abs=5)
    assert file_fps(path) == 10.0


def test_damaged_packets_are_passed_over(tmp_path: Path) -> None:
    """Pictures that cannot be decoded are left out, the ones after them are not."""
    write_video(tmp_path / "a.mkv", [100] * 6)
    assert sum(1 for _ in video_frames(spoilt(tmp_path / "a.mkv", {3}))) == 5


def test_video_with_nothing_but_damage_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live stream whose packets never give a picture must count as lost, not as silent."""
    monkeypatch.setattr(pictures, "FRUITLESS_PACKETS", 20)
    write_video(tmp_path / "a.mkv", [100] * 25)
    with pytest.raises(SourceUnavailable, match="the last 20 packets gave no picture"):
        list(video_frames(spoilt(tmp_path / "a.mkv", set(range(1, 25)))))


def test_images_are_shown_once_a_second(tmp_path: Path) -> None:
    """Folders and single images have no rate of their own."""
    (tmp_path / "a.png").write_bytes(png(drawn()))
    assert file_fps(tmp_path) == file_fps(tmp_path / "a.png") == 1.0


def test_missing_source_is_named(tmp_path: Path) -> None:
    """A path that does not exist is refused with what can be given."""
    with pytest.raises(SourceUnavailable, match=r"there is no .*nowhere; give"):
        file_fps(tmp_path / "nowhere")


def test_folder_without_images_is_refused(tmp_path: Path) -> None:
    """The message says which files are looked for, and where."""
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(SourceUnavailable, match=r"no images; put files ending in \.jpeg, \.jpg, \.png directly"):
        shots_of(tmp_path)


def test_folder_of_nothing_but_bad_files_is_refused(tmp_path: Path) -> None:
    """Otherwise a loop over it would never send nor end."""
    (tmp_path / "a.jpg").write_bytes(b"rubbish")
    with pytest.raises(SourceUnavailable, match=r"nothing in .* can be read"):
        shots_of(tmp_path)


@pytest.mark.parametrize("name", ["a.jpg", "a.mp4"])
def test_single_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    """A single bad file is an error, not a skipped file."""
    (tmp_path / name).write_bytes(b"rubbish")
    with pytest.raises(SourceUnavailable, match=name):
        shots_of(tmp_path / name)


@pytest.mark.parametrize(
    ("source", "live"),
    [("rtsp://camera/1", True), ("HTTP://camera/a", True), ("folder", False), ("C:/a.mp4", False), ("a:b.mp4", False)],
)
def test_addresses_and_paths_are_told_apart(source: str, live: bool) -> None:
    """An address has a scheme that cameras speak; everything else is a path."""
    assert is_live(source) is live


def test_unknown_scheme_is_refused() -> None:
    """Libav would open file:// and stranger things; none of them is a camera."""
    with pytest.raises(SourceUnavailable, match=r"file:// is not a camera address; give a path"):
        is_live("file:///etc/hosts")


@pytest.mark.parametrize(
    "source", ["rtsp://user:secret@camera:554/1", "http://camera:80/a?token=secret", "rtsp://u:secret@a@[::1]/"]
)
def test_messages_never_show_a_password(source: str) -> None:
    """Addresses are shown without user, password and query."""
    assert "secret" not in shown(source)
    assert shown(source).startswith(source.partition("://")[0] + "://")


def test_error_of_an_address_does_not_repeat_it() -> None:
    """What libav reports holds the whole address; what is raised here does not."""
    with pytest.raises(SourceUnavailable) as caught:
        next(video_frames("rtsp://user:secret@127.0.0.1:1/x", {"rtsp_transport": "tcp"}, PATIENCE_S))
    assert str(caught.value) == "Connection refused"
