"""What `bench pipeline` shows the cluster: pictures with people in them, and a watchlist of 10,000."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np

from cluster.enrol import Person, enrol
from cluster.plan import Plan
from cluster.wire.entries import EntryRecord, encode_entry
from indexes.watchlist import Entry
from loadtests.photos import listed
from operators.decode import decode, encode
from operators.jpeg import check_header
from operators.types import Float32, Image
from operators.vision import Vision

WIDTH_PX, HEIGHT_PX = 1280, 720
QUALITY = 85
GRAIN = 2.0  # makes 1280x720 at quality 85 about 100 KB, as cameras send
PERSON_PX = (300, 420)  # heights of a photo within the frame: faces of about 90 to 190 px
LISTED_EVERY = 10  # every tenth picture shows a volunteer: more alerts than any street
FRAME_S = 0.2  # between two frames of one camera
WATCHLIST = "volunteers"
SEED = 20261123


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame to be published.

    Attributes:
        camera: Which camera sends it.
        jpeg: What it sends.
        captured_at: UTC-aware.
        seq: Number of the frame within its camera's stream.
    """

    camera: str
    jpeg: bytes
    captured_at: datetime
    seq: int


def compose(folder: Path, count: int, plan: Plan) -> list[bytes]:
    """Pictures of 1280x720 with one or two people each, volunteers smiling among strangers.

    Args:
        folder: See `loadtests/photos.py`.
        count: How many.
        plan: Its limits hold for the photos as for any frame.
    """
    draw = np.random.default_rng(SEED)
    strangers = cycle(sorted(folder.glob("images/portraits/*.jpg")))
    volunteers = cycle(sorted(folder.glob("images/amfd_640/S*.jpg")))
    pictures = []
    for number in range(count):
        files = [next(volunteers if number % LISTED_EVERY == 0 else strangers)]
        files += [next(strangers)] * (number % 2)
        photos = [_read(file, plan) for file in files]
        pictures.append(encode(_picture(photos, draw), QUALITY, "420"))
    return pictures


def entries(folder: Path, plan: Plan, vision: Vision, total: int) -> list[tuple[str, bytes]]:
    """Reference and record of every entry: the volunteers, then random unit vectors up to `total`.

    A random vector of 128 dimensions has a cosine of 0.55 with a face once in 3,000,000,000 pairs: it never matches.
    """
    now = datetime.now(UTC)
    until = now + timedelta(days=1)
    found = []
    for ref, path in listed(folder).items():
        person = Person(ref, WATCHLIST, "photo taken for research", "the benchmark", until)
        found.append((ref, enrol(path.read_bytes(), person, plan, vision, now)))
    draw = np.random.default_rng(SEED)
    noise = draw.standard_normal((max(0, total - len(found)), plan.embedder.dimension or 0)).astype(np.float32)
    for number, vector in enumerate(noise / np.linalg.norm(noise, axis=1, keepdims=True)):
        found.append((f"random-{number:06d}", _record(f"random-{number:06d}", vector, plan, now, until)))
    return found


def schedule(
    pictures: Sequence[bytes], cameras: Sequence[str], count: int, begin: datetime, seq: int = 0
) -> Iterator[Shown]:
    """`count` frames, camera after camera, each camera with a frame every 200 ms from `begin` on."""
    for number in range(count):
        turn = seq + number // len(cameras)
        yield Shown(
            camera=cameras[number % len(cameras)],
            jpeg=pictures[number % len(pictures)],
            captured_at=begin + timedelta(seconds=FRAME_S * turn),
            seq=turn,
        )


def _record(ref: str, vector: Float32, plan: Plan, now: datetime, until: datetime) -> bytes:
    entry = Entry(ref, WATCHLIST, vector[None], until, plan.contract.digest, "")
    return encode_entry(EntryRecord(entry, "random numbers", "the benchmark", now))


def _read(file: Path, plan: Plan) -> Image:
    data = file.read_bytes()
    return decode(data, check_header(data, plan.settings.limits.jpeg))


def _picture(photos: Sequence[Image], draw: np.random.Generator) -> Image:
    """A soft, grainy background with one photo in its left and one in its right half."""
    shapes = draw.integers(40, 200, (18, 32, 3), np.uint8)
    wide = cv2.resize(shapes, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    canvas = np.clip(wide + draw.normal(0, GRAIN, (HEIGHT_PX, WIDTH_PX, 1)), 0, 255).astype(np.uint8)
    for half, photo in enumerate(photos):
        tall = int(draw.integers(*PERSON_PX))
        across = min(WIDTH_PX // 2, round(photo.shape[1] * tall / photo.shape[0]))
        left = half * WIDTH_PX // 2 + int(draw.integers(0, WIDTH_PX // 2 - across + 1))
        top = int(draw.integers(0, HEIGHT_PX - tall + 1))
        canvas[top : top + tall, left : left + across] = cv2.resize(photo, (across, tall), interpolation=cv2.INTER_AREA)
    return canvas
