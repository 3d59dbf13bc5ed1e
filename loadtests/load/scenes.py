"""Scenes of people who do not exist, drawn and encoded before the first is sent, and kept for the next run."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.resources import files
from inspect import getsource
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from cluster.folders import cache_folder
from loadtests.load.pool import Pool, find_pool, write_pool
from loadtests.load.timetable import VIEWS
from loadtests.people.compose import paste
from loadtests.people.draws import draw_of
from loadtests.people.nuisance import FACE_UNITS, STREET, draw_view
from loadtests.people.person import person
from loadtests.people.render import Model, render
from loadtests.people.view import LEFT, TOP
from operators.decode import encode
from operators.types import Image

_WALKING = replace(STREET, yaw_deg=15, pitch_deg=6, roll_deg=5, light=0.4)
_FACE_SHARE = 0.36  # of half the picture's height, so that the whole head is in it
_FACE_PX = 130.0
_GRAIN = 2.0  # makes 1280x720 at quality 85 about 100 KB, as cameras send


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """What is to be drawn.

    Attributes:
        seed: Of places, poses and grounds.
        width_px: Of a picture.
        height_px: Of a picture.
        quality: Of the JPEG.
        people: In each picture.
        listed: Seeds of listed people by reference: one group each, the first ones.
        strangers: Seeds of the others.
        groups: How many groups follow in which nobody is listed.
    """

    seed: int
    width_px: int
    height_px: int
    quality: int
    people: int
    listed: Mapping[str, int]
    strangers: Sequence[int]
    groups: int


def open_pool(spec: PoolSpec, folder: Path | None = None) -> Pool:
    """All pictures: those of an earlier run that were drawn from the same by the same code, else drawn now.

    Args:
        spec: What is to be drawn.
        folder: Where they are kept; the user's cache when None.
    """
    file = (folder or cache_folder() / "load") / f"{_digest(spec)}.zip"
    drawn = (jpeg for group in range(len(spec.listed) + spec.groups) for jpeg in _group(spec, group))
    return find_pool(file) or write_pool(file, drawn)


def _digest(spec: PoolSpec) -> str:
    """Of what is drawn, and of the code and the libraries that draw and encode it."""
    package = files("loadtests")
    people = package.joinpath("people").iterdir()
    code = sorted((each for each in people if each.name.endswith(".py")), key=lambda each: each.name)
    versions = cv2.__version__, np.__version__, version("simplejpeg")
    parts = [repr((spec, VIEWS, versions)).encode(), getsource(encode).encode()]
    parts += [each.read_bytes() for each in [*code, package.joinpath("load", "scenes.py")]]
    return hashlib.sha256(b"".join(hashlib.sha256(each).digest() for each in parts)).hexdigest()


def _group(spec: PoolSpec, group: int) -> Iterator[bytes]:
    listed = list(spec.listed.values())[group : group + 1]
    draw = draw_of(spec.seed, 61, group)
    others = islice(cycle(spec.strangers), group * spec.people, None)
    models = [Model.of(person(who)) for who in [*listed, *islice(others, spec.people - len(listed))]]
    shapes = draw.integers(40, 200, (18, 32, 3), np.uint8)
    ground = cv2.resize(shapes, (spec.width_px, spec.height_px), interpolation=cv2.INTER_CUBIC)
    for _ in range(VIEWS):
        grain = draw.normal(0, _GRAIN, (spec.height_px, spec.width_px, 1))
        canvas: Image = np.clip(ground.astype(np.float32) + grain, 0, 255).astype(np.uint8)
        for place, model in enumerate(models):
            half = spec.height_px / 2
            scale = min(_FACE_PX, _FACE_SHARE * half, 0.55 * spec.width_px / spec.people) / FACE_UNITS
            x = (place + 0.5) * spec.width_px / spec.people + draw.uniform(-4, 4)
            y = half * (group % 2 + 0.52) + draw.uniform(-3, 3)
            cut = render(model, draw_view(draw, _WALKING), scale).pixels
            paste(canvas, cut, round(x + LEFT * scale), round(y + TOP * scale))
        yield encode(canvas, spec.quality, "420")
