"""What benchmarks show the cluster: pictures of people who do not exist, and a watchlist of 10,000."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle

import cv2
import numpy as np

from cluster.keys import new_keys
from cluster.plan import Plan
from cluster.watchlists.enrol import enrol
from cluster.wire.entries import EntryRecord, Photo, encode_entry
from indexes.entry import Entry
from loadtests.people.body import draw_below
from loadtests.people.compose import paste
from loadtests.people.nuisance import FACE_UNITS, STREET, draw_view
from loadtests.people.person import person
from loadtests.people.render import Model, render
from loadtests.people.view import LEFT, TOP
from loadtests.sought import listing, picture, portraits, sought, strangers
from operators.decode import encode
from operators.types import Float32, Image
from operators.vision import Vision

WIDTH_PX, HEIGHT_PX = 1280, 720
QUALITY = 85
GRAIN = 2.0  # makes 1280x720 at quality 85 about 100 KB, as cameras send
FACE_PX = (90, 190)  # wide
LISTED = 50
LISTED_EVERY = 10  # every tenth picture shows a listed person: more alerts than any street
FRAME_S = 0.2  # between two frames of one camera
SEED = 20261123
PEOPLE = 0  # seed of who they are, see `loadtests/sought.py`
_WALKING = replace(STREET, yaw_deg=20, pitch_deg=8)


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


def compose(count: int, size: tuple[int, int] = (WIDTH_PX, HEIGHT_PX), people: int | None = None) -> list[bytes]:
    """Pictures of people side by side, listed ones among strangers.

    Args:
        count: How many.
        size: Width and height, pixels.
        people: In each; None: one and two in turn.
    """
    draw = np.random.default_rng(SEED)
    listed, others = cycle(sought(PEOPLE, LISTED).values()), cycle(strangers(PEOPLE))
    pictures = []
    for number in range(count):
        seen = [next(listed if number % LISTED_EVERY == 0 else others)]
        seen += [next(others)] * (number % 2) if people is None else [next(others) for _ in range(people - 1)]
        pictures.append(encode(_picture(seen, max(2, people or 2), size, draw), QUALITY, "420"))
    return pictures


def entries(plan: Plan, vision: Vision, total: int) -> list[tuple[str, bytes]]:
    """Reference and record of every entry: the listed people, then random unit vectors up to `total`.

    A random vector of 128 dimensions has a cosine of 0.55 with a face once in 3,000,000,000 pairs: it never matches.
    """
    now = datetime.now(UTC)
    jpegs = portraits(vision, sought(PEOPLE, LISTED))
    keys = new_keys()
    found = [
        (ref, enrol(listing(ref, plan, now), [picture(jpeg, now)], plan, vision, keys, now))
        for ref, jpeg in jpegs.items()
    ]
    draw = np.random.default_rng(SEED)
    noise = draw.standard_normal((max(0, total - len(found)), plan.embedder.dimension or 0)).astype(np.float32)
    for number, vector in enumerate(noise / np.linalg.norm(noise, axis=1, keepdims=True)):
        found.append((f"random-{number:06d}", random_record(f"random-{number:06d}", vector, plan, now)))
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


def random_record(ref: str, vector: Float32, plan: Plan, now: datetime) -> bytes:
    """The record of an entry that nobody is: a vector (d,) of random numbers, of unit length."""
    about = listing(ref, plan, now)
    entry = Entry(ref, about.watchlist, vector[None], about.not_after, plan.contract.digest, "")
    photo = Photo(hashlib.sha256(vector.tobytes()).hexdigest(), "random numbers", now.date(), b"")
    about_it = about.category, about.necessity, about.approver, about.minor
    return encode_entry(EntryRecord(entry, *about_it, [photo], plan.contract, now))


def _picture(seen: Sequence[int], columns: int, size: tuple[int, int], draw: np.random.Generator) -> Image:
    """A soft, grainy background with one person in each of its columns, from the left."""
    width, height = size
    shapes = draw.integers(40, 200, (18, 32, 3), np.uint8)
    wide = cv2.resize(shapes, size, interpolation=cv2.INTER_CUBIC).astype(np.float32)
    canvas = np.clip(wide + draw.normal(0, GRAIN, (height, width, 1)), 0, 255).astype(np.uint8)
    for column, who in enumerate(seen):
        scale_px = draw.uniform(*FACE_PX) / FACE_UNITS
        view = draw_view(draw, _WALKING)
        cut = render(Model.of(person(who)), view, scale_px).pixels
        left = column * width // columns + int(draw.integers(0, width // columns - cut.shape[1] + 1))
        top = int(draw.integers(0, height - cut.shape[0] + 1))
        draw_below(canvas, (left - LEFT * scale_px, top - TOP * scale_px), scale_px, view)
        paste(canvas, cut, left, top)
    return canvas
