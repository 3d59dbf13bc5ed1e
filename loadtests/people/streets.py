"""Streets without people: what stands behind them, and what a detector must not take for a face.

Houses with windows and doors, shop signs, cars, lamps, trees, and on walls round things with a pattern inside: clocks,
posters, balls. A street is a seed.
"""

import cv2
import numpy as np

from loadtests.people.draws import Draw, draw_of
from operators.types import Image

_WORDS = ("CAFE", "BAKERY", "BOOKS", "TAXI", "OPEN", "SALE", "HOTEL", "BANK", "EXIT", "PARK", "No 7", "TEA")
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def street(seed: int, width: int = 1280, height: int = 720) -> Image:
    """A street, (height, width, 3) uint8, BGR."""
    draw = draw_of(seed, 20)
    picture = _ground(draw, width, height)
    at = -int(draw.random() * 200)
    base = int(height * _between(draw, 0.62, 0.8))
    while at < width:
        wide = int(_between(draw, 130, 380))
        _house(draw, picture, at, wide, base)
        at += wide
    for _ in range(int(_between(draw, 3, 12))):
        _PROPS[int(draw.random() * len(_PROPS))](draw, picture, base)
    return _grain(draw, picture)


def _between(draw: Draw, low: float, high: float) -> float:
    return low + (high - low) * float(draw.random())


def _colour(draw: Draw, low: float = 20, high: float = 235) -> tuple[float, float, float]:
    grey, spread = _between(draw, low, high), _between(draw, 0, 60)
    blue, green, red = (float(np.clip(grey + spread * (draw.random() * 2 - 1), 0, 255)) for _ in range(3))
    return blue, green, red


def _skin_like(draw: Draw) -> tuple[float, float, float]:
    level = _between(draw, 0.3, 1.0)
    return 150 * level, 180 * level, 225 * level


def _ground(draw: Draw, width: int, height: int) -> Image:
    top, bottom = np.array(_colour(draw, 120, 250)), np.array(_colour(draw, 60, 160))
    rows = (np.arange(height) / height)[:, None, None]
    picture: Image = np.repeat(top * (1 - rows) + bottom * rows, width, axis=1).astype(np.uint8)
    return picture


def _house(draw: Draw, picture: Image, left: int, wide: int, base: int) -> None:
    wall, glass = _colour(draw), _colour(draw, 20, 140)
    top = int(_between(draw, -60, 0.4 * base))
    cv2.rectangle(picture, (left, top), (left + wide, base), wall, -1)
    if draw.random() < 0.5:
        _bricks(draw, picture, (left, top, left + wide, base), wall)
    across, down = int(_between(draw, 34, 90)), int(_between(draw, 40, 110))
    frame = _colour(draw)
    for x in range(left + 14, left + wide - across // 2, across):
        for y in range(top + 14, base - down, down):
            corner = (x + int(across * 0.6), y + int(down * 0.62))
            lit = glass if draw.random() < 0.8 else _colour(draw, 150, 250)
            cv2.rectangle(picture, (x, y), corner, lit, -1)
            cv2.rectangle(picture, (x, y), corner, frame, 2)
            if draw.random() < 0.5:
                cv2.line(picture, ((x + corner[0]) // 2, y), ((x + corner[0]) // 2, corner[1]), frame, 1)
    cv2.rectangle(picture, (left + wide // 3, base - 90), (left + wide // 3 + 45, base), _colour(draw, 20, 120), -1)
    if draw.random() < 0.7:
        _sign(draw, picture, left + 8, base - int(_between(draw, 120, 170)), wide - 16)


def _bricks(draw: Draw, picture: Image, box: tuple[int, int, int, int], wall: tuple[float, float, float]) -> None:
    left, top, right, bottom = box
    joint = tuple(part * 0.8 for part in wall)
    row = int(_between(draw, 7, 14))
    for number, y in enumerate(range(max(top, 0), bottom, row)):
        cv2.line(picture, (left, y), (right, y), joint, 1)
        for x in range(left + (number % 2) * row, right, 2 * row):
            cv2.line(picture, (x, y), (x, y + row), joint, 1)


def _sign(draw: Draw, picture: Image, left: int, top: int, wide: int) -> None:
    cv2.rectangle(picture, (left, top), (left + wide, top + 34), _colour(draw), -1)
    word = _WORDS[int(draw.random() * len(_WORDS))]
    cv2.putText(picture, word, (left + 10, top + 26), _FONT, _between(draw, 0.6, 1.0), _colour(draw), 2, cv2.LINE_AA)


def _round_thing(draw: Draw, picture: Image, base: int) -> None:
    """A clock, a ball, a plate, a lamp: round, with a pattern that may look like eyes and a mouth."""
    size = _between(draw, 8, 70)
    at = (int(draw.random() * picture.shape[1]), int(_between(draw, 0.1, 1.1) * base))
    face = _skin_like(draw) if draw.random() < 0.6 else _colour(draw)
    axes = (int(size * _between(draw, 0.6, 1.0)), int(size))
    cv2.ellipse(picture, at, axes, _between(draw, -30, 30), 0, 360, face, -1, cv2.LINE_AA)
    if draw.random() < 0.5:
        cv2.ellipse(picture, at, axes, 0, 0, 360, _colour(draw), max(1, int(size / 10)), cv2.LINE_AA)
    for _ in range(int(_between(draw, 0, 5))):
        spot = (at[0] + int(_between(draw, -0.5, 0.5) * size), at[1] + int(_between(draw, -0.6, 0.6) * size))
        cv2.circle(picture, spot, max(1, int(size * _between(draw, 0.05, 0.3))), _colour(draw), -1, cv2.LINE_AA)


def _poster(draw: Draw, picture: Image, base: int) -> None:
    wide, high = int(_between(draw, 30, 140)), int(_between(draw, 40, 160))
    left, top = int(draw.random() * picture.shape[1]), int(_between(draw, 0.2, 0.9) * base)
    cells = (draw.random((6, 5, 3)) * 255).astype(np.uint8)
    flag = cv2.INTER_NEAREST if draw.random() < 0.5 else cv2.INTER_CUBIC
    patch = cv2.resize(cells, (wide, high), interpolation=flag)
    room = picture[max(top, 0) : top + high, left : left + wide]
    room[:] = patch[: room.shape[0], : room.shape[1]]


def _lamp(draw: Draw, picture: Image, base: int) -> None:
    x, colour = int(draw.random() * picture.shape[1]), _colour(draw, 20, 90)
    top = int(_between(draw, 0.1, 0.5) * base)
    cv2.line(picture, (x, base + 60), (x, top), colour, int(_between(draw, 3, 12)), cv2.LINE_AA)
    cv2.circle(picture, (x, top), int(_between(draw, 6, 26)), _colour(draw, 150, 250), -1, cv2.LINE_AA)


def _tree(draw: Draw, picture: Image, base: int) -> None:
    x, top = int(draw.random() * picture.shape[1]), _between(draw, 0.2, 0.6) * base
    cv2.line(picture, (x, base + 40), (x, int(top)), (40, 60, 80), int(_between(draw, 6, 22)), cv2.LINE_AA)
    size = _between(draw, 25, 90)
    for _ in range(30):
        at = (x + int(_between(draw, -1, 1) * size), int(top + _between(draw, -0.8, 0.8) * size))
        green = (_between(draw, 20, 60), _between(draw, 70, 150), _between(draw, 30, 80))
        cv2.circle(picture, at, int(size * _between(draw, 0.15, 0.4)), green, -1, cv2.LINE_AA)


def _car(draw: Draw, picture: Image, base: int) -> None:
    wide = int(_between(draw, 120, 420))
    high, left = wide // 4, int(draw.random() * picture.shape[1]) - 100
    top = base + int(_between(draw, -20, 60))
    paint = _colour(draw)
    roof = np.array([(0.15, 0), (0.3, -0.8), (0.7, -0.8), (0.88, 0)]) * (wide, high) + (left, top)
    cv2.fillPoly(picture, [roof.astype(np.int32)], paint, cv2.LINE_AA)
    pane = np.array([(0.22, -0.08), (0.33, -0.7), (0.67, -0.7), (0.8, -0.08)]) * (wide, high) + (left, top)
    cv2.fillPoly(picture, [pane.astype(np.int32)], _colour(draw, 30, 120), cv2.LINE_AA)
    cv2.rectangle(picture, (left, top), (left + wide, top + high), paint, -1)
    for share in (0.2, 0.8):
        wheel = (left + int(share * wide), top + high)
        cv2.circle(picture, wheel, high // 2, (25, 25, 25), -1, cv2.LINE_AA)
        cv2.circle(picture, wheel, high // 4, _colour(draw, 120, 220), -1, cv2.LINE_AA)


def _hand(draw: Draw, picture: Image, base: int) -> None:
    """A lump the colour of skin."""
    at = np.array([draw.random() * picture.shape[1], _between(draw, 0.3, 1.1) * base])
    size = _between(draw, 8, 45)
    points = at + (draw.random((9, 2)) - 0.5) * size * 2
    hull = cv2.convexHull(points.astype(np.int32))
    cv2.fillPoly(picture, [hull], _skin_like(draw), cv2.LINE_AA)


_PROPS = (_round_thing, _round_thing, _poster, _lamp, _tree, _car, _hand, _round_thing)


def _grain(draw: Draw, picture: Image) -> Image:
    """Uneven light and a little texture."""
    height, width = picture.shape[:2]
    coarse = (0.75 + 0.4 * draw.random((4, 6))).astype(np.float32)
    light = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize((draw.random((height // 3, width // 3)) * 14 - 7).astype(np.float32), (width, height))
    lit: Image = np.clip(picture * light[..., None] + fine[..., None], 0, 255).astype(np.uint8)
    return np.asarray(cv2.GaussianBlur(lit, (0, 0), _between(draw, 0.5, 2.0)), np.uint8)
