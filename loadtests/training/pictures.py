"""What the two networks are trained on: aligned crops of people, and street scenes with faces.

Nobody who is used here is ever used in a test, a demonstration or an evaluation: those take people below TRAINING_FROM.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from loadtests.people.compose import covered, paste
from loadtests.people.draws import TRAINING_FROM, Draw, draw_of
from loadtests.people.nuisance import (
    HARSH,
    STUDIO,
    Conditions,
    Range,
    draw_picture,
    draw_view,
    expose,
    photograph,
)
from loadtests.people.person import Person, person
from loadtests.people.render import Model, Sprite, render
from loadtests.people.streets import street
from operators.align import align
from operators.types import Faces, Float32, Image

T = TypeVar("T")

_STREETS = 48
_JITTER = 0.02  # landmarks of a detector are off by about this share of the face's width
_SPRITE_PX_PER_UNIT = 120.0  # a face of 190 px: larger ones are stretched, by half at most
_HEIGHT_UNITS, _HAIR_UNITS = 1.7, 0.5  # of a face, and of the hair above it, head units
_ZOOM = Conditions(yaw_deg=60, pitch_deg=22, roll_deg=20, light=0.9, brightness=Range(0.45, 1.35))


def crops(seeds: Sequence[int], views: int, workers: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Aligned crops of people in all conditions.

    Args:
        seeds: Who.
        views: Crops of each.
        workers: Processes.

    Returns:
        (n, 112, 112, 3) uint8, BGR, and (n,) int64: which of the seeds each shows.
    """
    parts = _spread(partial(_crops_of, views=views), seeds, workers)
    return np.concatenate(parts), np.repeat(np.arange(len(seeds)), views)


def traits(seeds: Sequence[int]) -> npt.NDArray[np.float32]:
    """What was drawn about each person: (people, t) float32, every column of mean 0 and deviation 1."""
    rows = np.array([_traits_of(person(seed)) for seed in seeds])
    return ((rows - rows.mean(0)) / np.maximum(rows.std(0), 1e-6)).astype(np.float32)


def _traits_of(who: Person) -> list[float]:
    values: list[float] = []
    for value in (getattr(who, field.name) for field in fields(who) if field.name not in ("seed", "marks")):
        if isinstance(value, StrEnum):
            values += [float(value is each) for each in type(value)]
        else:
            values += value if isinstance(value, tuple) else [value]
    return values


def _spread(work: Callable[[int], T], seeds: Sequence[int], workers: int) -> list[T]:
    """The work for each seed, in their order; spawned, since a fork of a process with threads may wait for ever."""
    if workers == 1:
        return [work(seed) for seed in seeds]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        return list(pool.map(work, seeds, chunksize=8))


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _crops_of(seed: int, views: int) -> npt.NDArray[np.uint8]:
    draw = draw_of(seed, 30)
    model = Model.of(person(seed))
    found = []
    for number in range(views):
        picture = draw_picture(draw, STUDIO if number % 8 == 0 else HARSH)
        shot = photograph(model, picture, _street(TRAINING_FROM + int(draw.random() * _STREETS)), draw)
        width = float(shot.box[2] - shot.box[0])
        off = ((draw.random((5, 2)) + draw.random((5, 2)) - 1) * 1.5 * _JITTER * width).astype(np.float32)
        found.append(align(shot.image, shot.landmarks[None] + off)[0])
    return np.stack(found)


_STREET_CACHE: dict[int, Image] = {}


def _street(seed: int) -> Image:
    if seed not in _STREET_CACHE:
        _STREET_CACHE[seed] = street(seed)
    return _STREET_CACHE[seed]


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Cut-outs of people and streets, from which scenes are put together.

    Attributes:
        people: Cut-outs of one scale.
        backs: Cut-outs of people seen from behind or in far profile: no face.
        streets: Backgrounds.
    """

    people: list[Sprite]
    backs: list[Sprite]
    streets: list[Image]


def bank(seeds: Sequence[int], views: int, workers: int) -> Bank:
    """Prepare cut-outs of people, `views` of each."""
    parts = _spread(partial(_sprites_of, views=views), seeds, workers)
    people = [sprite for part in parts for sprite in part[:-1]]
    return Bank(people, [part[-1] for part in parts], [_street(TRAINING_FROM + number) for number in range(_STREETS)])


def _sprites_of(seed: int, views: int) -> list[Sprite]:
    draw = draw_of(seed, 31)
    model = Model.of(person(seed))
    found = [render(model, draw_view(draw, _ZOOM), _SPRITE_PX_PER_UNIT) for _ in range(views)]
    view = draw_view(draw, Conditions(yaw_deg=1))
    away = 180 + 60 * (float(draw.random()) * 2 - 1)
    behind = render(model, replace(view, yaw_deg=away), _SPRITE_PX_PER_UNIT)
    return [*found, behind]


def sample(among: Bank, side: int, draw: Draw, count: int) -> tuple[npt.NDArray[np.uint8], list[Faces]]:
    """Street scenes with faces of 12 px to nearly the whole picture, some without any.

    Some end in a black strip below or at the right, as a detector pads pictures whose sides are no multiples of 32.

    Args:
        among: What they are put together from.
        side: Width and height of a scene, pixels.
        draw: Decides everything.
        count: How many scenes.

    Returns:
        (count, side, side, 3) uint8, BGR, and the faces of each.
    """
    scenes = [_scene(among, side, draw) for _ in range(count)]
    return np.stack([image for image, _ in scenes]), [faces for _, faces in scenes]


def _scene(among: Bank, side: int, draw: Draw) -> tuple[Image, Faces]:
    strip = _strip(draw)
    image = _background(among, side, draw)[: side - strip[0], : side - strip[1]].copy()
    crowd = 0 if draw.random() < 0.12 else 1 + int(draw.random() ** 2 * 9)
    log = Range(math.log(13), math.log(0.9 * side / math.sqrt(max(1, crowd))))
    heights = sorted(math.exp(log.draw(draw)) for _ in range(crowd))  # far ones first, near ones over them
    boxes: list[Float32] = []
    points: list[Float32] = []
    for height in heights:
        away = draw.random() < 0.12
        sprites = among.backs if away else among.people
        sprite = sprites[int(draw.random() * len(sprites))]
        scale = height / (_HEIGHT_UNITS * _SPRITE_PX_PER_UNIT)
        shift = _place(sprite, scale, image.shape[:2], draw, boxes)
        if shift is None:
            continue
        cut = _scaled(sprite.pixels, scale)
        paste(image, cut, int(shift[0]), int(shift[1]))
        if not away:
            boxes.append(sprite.box * scale + np.tile(shift, 2))
            points.append(sprite.landmarks * scale + shift)
    picture = draw_picture(draw, HARSH)
    exposed = cv2.copyMakeBorder(expose(image, picture, draw), 0, strip[0], 0, strip[1], cv2.BORDER_CONSTANT)
    sure = np.ones(len(boxes), np.float32)
    return np.asarray(exposed, np.uint8), Faces(_stack(boxes, (0, 4)), sure, _stack(points, (0, 5, 2)))


def _strip(draw: Draw) -> tuple[int, int]:
    """Rows below and columns at the right that hold no picture."""
    if draw.random() >= 0.4:
        return 0, 0
    wide = int(draw.random() * 32)
    return (wide, 0) if draw.random() < 0.5 else (0, wide)


def _scaled(pixels: npt.NDArray[np.uint8], scale: float) -> npt.NDArray[np.uint8]:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=how), np.uint8)


def _background(among: Bank, side: int, draw: Draw) -> Image:
    whole = among.streets[int(draw.random() * len(among.streets))]
    zoom = math.exp(Range(math.log(0.5), math.log(2.0)).draw(draw))
    cut = min(round(side * zoom), whole.shape[0])
    top, left = (int(draw.random() * (room - cut + 1)) for room in whole.shape[:2])
    part = cv2.resize(whole[top : top + cut, left : left + cut], (side, side), interpolation=cv2.INTER_AREA)
    level = Range(0.5, 1.2).draw(draw)
    return np.asarray(np.clip(part.astype(np.float32) * np.float32(level), 0, 255), np.uint8)


def _place(sprite: Sprite, scale: float, room: tuple[int, int], draw: Draw, boxes: Sequence[Float32]) -> Float32 | None:
    """Where a cut-out comes without hiding faces that are there already; None when no place was found."""
    for _ in range(8):
        middle = draw.random(2) * room[::-1]
        face = sprite.box * scale
        shift = np.round(middle - (face[:2] + face[2:]) / 2).astype(np.float32)
        top = sprite.box[1] - _HAIR_UNITS * _SPRITE_PX_PER_UNIT
        body = np.array([0, top, sprite.pixels.shape[1], sprite.pixels.shape[0]], np.float32) * scale
        if all(covered(box, body + np.tile(shift, 2)) < 0.3 for box in boxes):
            return shift
    return None


def _stack(parts: Sequence[Float32], empty: tuple[int, ...]) -> Float32:
    return np.stack(parts).astype(np.float32) if parts else np.zeros(empty, np.float32)
