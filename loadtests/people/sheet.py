"""A contact sheet: people side by side, each with a few pictures of the same person below or beside."""

import cv2
import numpy as np

from loadtests.people.compose import paste
from loadtests.people.draws import draw_of
from loadtests.people.nuisance import Conditions, Range, draw_view
from loadtests.people.person import Person, person
from loadtests.people.render import Model, render
from loadtests.people.view import View
from operators.types import Image

TILE_PX = 132
_GROUND = (224, 226, 228)
_INK = (60, 56, 52)
_SCALE_PX = 38.0  # of one head unit
_TEXT_PX = 16
_SMALL_PX = 66
_LIVELY = Conditions(yaw_deg=38, pitch_deg=14, roll_deg=10, light=0.7, brightness=Range(0.75, 1.15))


def sheet(seed: int, count: int, views: int = 2) -> Image:
    """People `seed` to `seed + count - 1`, each once as for a passport and `views` times as a camera might see them.

    Args:
        seed: First person.
        count: How many.
        views: Smaller pictures under each.

    Returns:
        (h, w, 3) uint8, BGR.
    """
    ideal = (1.4 * count) ** 0.5
    columns = min(range(1, count + 1), key=lambda wide: (abs(wide - ideal) > 2, -count % wide, abs(wide - ideal)))
    rows = -(-count // columns)
    tiles = [_tile(person(seed + number), views) for number in range(count)]
    blank = np.full_like(tiles[0], 0)
    blank[:] = _GROUND
    tiles += [blank] * (rows * columns - count)
    return np.vstack([np.hstack(tiles[row * columns : (row + 1) * columns]) for row in range(rows)])


def _tile(who: Person, views: int) -> Image:
    draw = draw_of(who.seed, 50)
    model = Model.of(who)
    large = _portrait(model, View(clothes=draw_view(draw, _LIVELY).clothes), TILE_PX)
    small = [_portrait(model, draw_view(draw, _LIVELY), _SMALL_PX) for _ in range(views)]
    tile = np.full((TILE_PX + (_SMALL_PX if views else 0) + _TEXT_PX, max(TILE_PX, views * _SMALL_PX), 3), 0, np.uint8)
    tile[:] = _GROUND
    tile[:TILE_PX, :TILE_PX] = large
    for number, picture in enumerate(small):
        tile[TILE_PX : TILE_PX + _SMALL_PX, number * _SMALL_PX : (number + 1) * _SMALL_PX] = picture
    at = (6, tile.shape[0] - 4)
    cv2.putText(tile, str(who.seed), at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, _INK, 1, cv2.LINE_AA)
    return tile


def _portrait(model: Model, view: View, side: int) -> Image:
    """Head and collar, (side, side, 3)."""
    scale = _SCALE_PX * side / TILE_PX
    sprite = render(model, view, scale)
    picture = np.full((side, side, 3), 0, np.uint8)
    picture[:] = (196, 190, 184)
    middle = sprite.pixels.shape[1] / 2
    paste(picture, sprite.pixels, round(side / 2 - middle), round(-0.32 * scale))
    return picture
