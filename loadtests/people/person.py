"""A person who does not exist: a seed, and the parameters that follow from it.

Only uniform draws of PCG64 are used, multiplied and added: the numbers are the same to the last bit on every machine.
Parameters are independent of each other, so that no group of skin or hair says anything about the rest of a face;
hair colour alone leans dark on dark skin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from loadtests.people.draws import draw_of

T = TypeVar("T")

Colour = tuple[float, float, float]
"""Blue, green, red, 0 to 255."""


class HairStyle(StrEnum):
    """How the hair falls."""

    BALD = "bald"
    BUZZ = "buzz"
    SHORT = "short"
    QUIFF = "quiff"
    PARTED = "parted"
    FRINGE = "fringe"
    RECEDING = "receding"
    BOB = "bob"
    LONG = "long"
    LONG_FRINGE = "long_fringe"
    AFRO = "afro"
    BUN = "bun"


class Beard(StrEnum):
    """Hair on the face."""

    NONE = "none"
    STUBBLE = "stubble"
    MOUSTACHE = "moustache"
    GOATEE = "goatee"
    FULL = "full"


class Glasses(StrEnum):
    """Shape of the rims."""

    NONE = "none"
    ROUND = "round"
    OVAL = "oval"
    SQUARE = "square"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class Mark:
    """A mole: where it is in the face's own map, and how large."""

    u: float
    v: float
    size: float


@dataclass(frozen=True, slots=True)
class Person:
    """Everything that stays the same when a person is seen again.

    Lengths are in head units (the eyes lie about 0.65 apart) or, where a field is said to be on the map, in the
    coordinates of `loadtests.people.head`. Fields without a unit run from 0 to 1 between the least and the most.

    Attributes:
        seed: Who it is.
        skin: 0 the lightest, 1 the darkest.
    """

    seed: int
    # Skull and jaw.
    width: float
    squareness: float
    jaw_taper: float
    chin: float
    chin_length: float
    cheekbone: float
    ear_size: float
    ear_out: float
    # Eyes and brows.
    eye_u: float
    eye_v: float
    eye_size: float
    eye_open: float
    eye_slant: float
    eye_depth: float
    iris: Colour
    brow_height: float
    brow_arch: float
    brow_slant: float
    brow_thickness: float
    brow_length: float
    brow_dark: float
    # Nose and mouth.
    nose_v: float
    nose_width: float
    nose_bridge: float
    nose_tip: float
    mouth_v: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    lip_red: float
    # Skin.
    skin: float
    warmth: float
    ruddy: float
    freckles: float
    lines: float
    marks: tuple[Mark, ...]
    # Hair, beard, glasses.
    hair: HairStyle
    hair_colour: Colour
    hair_volume: float
    hairline: float
    parting: float
    curl: float
    beard: Beard
    beard_dark: float
    glasses: Glasses
    rim_colour: Colour
    rim_size: float
    rim_thickness: float


_IRISES: tuple[Colour, ...] = (
    (40, 62, 92),
    (30, 42, 62),
    (70, 105, 105),
    (150, 120, 80),
    (130, 125, 100),
    (85, 120, 75),
)
_HAIRS: tuple[Colour, ...] = (
    (22, 20, 24),
    (28, 36, 52),
    (38, 62, 98),
    (70, 120, 168),
    (120, 178, 214),
    (44, 74, 160),
    (128, 128, 130),
    (214, 216, 220),
)
_DYED: tuple[Colour, ...] = ((170, 90, 40), (150, 60, 190), (90, 140, 50), (60, 40, 190))
_RIMS: tuple[Colour, ...] = ((25, 22, 20), (40, 50, 90), (60, 60, 190), (170, 110, 40), (150, 150, 155), (50, 160, 190))
_DARK_HAIRS = 3  # the first of the colours, from black to brown


def person(seed: int) -> Person:
    """The person of this seed, 0 and up."""
    draw = _Draw(seed)
    skin = draw.unit()
    bearded = draw.unit() < 0.4
    return Person(
        seed=seed,
        width=draw.between(0.635, 0.775),
        squareness=draw.between(0.15, 0.75),
        jaw_taper=draw.between(0.05, 0.42),
        chin=draw.unit(),
        chin_length=draw.between(-0.06, 0.10),
        cheekbone=draw.unit(),
        ear_size=draw.between(0.75, 1.3),
        ear_out=draw.unit(),
        eye_u=draw.between(0.150, 0.192),
        eye_v=draw.between(-0.045, 0.015),
        eye_size=draw.between(0.9, 1.5),
        eye_open=draw.between(0.65, 1.3),
        eye_slant=draw.between(-0.25, 0.25),
        eye_depth=draw.unit(),
        iris=draw.shade(draw.pick(_IRISES), 0.15),
        brow_height=draw.between(0.075, 0.125),
        brow_arch=draw.unit(),
        brow_slant=draw.between(-0.03, 0.03),
        brow_thickness=draw.between(0.5, 2.2),
        brow_length=draw.between(0.8, 1.2),
        brow_dark=draw.unit(),
        nose_v=draw.between(0.135, 0.195),
        nose_width=draw.between(0.75, 1.55),
        nose_bridge=draw.unit(),
        nose_tip=draw.between(0.6, 1.25),
        mouth_v=draw.between(0.315, 0.375),
        mouth_width=draw.between(0.095, 0.150),
        lip_upper=draw.between(0.4, 1.8),
        lip_lower=draw.between(0.5, 1.8),
        lip_red=draw.unit(),
        skin=skin,
        warmth=draw.unit(),
        ruddy=draw.unit(),
        freckles=max(0.0, draw.between(-2.0, 1.0)),
        lines=max(0.0, draw.between(-0.6, 1.0)),
        marks=tuple(_mark(draw) for _ in range(int(draw.unit() * 4.5))),
        hair=draw.pick(tuple(HairStyle)),
        hair_colour=_hair_colour(draw, skin),
        hair_volume=draw.between(0.7, 1.35),
        hairline=draw.between(-0.05, 0.05),
        parting=draw.between(-0.3, 0.3),
        curl=draw.unit(),
        beard=draw.pick(tuple(Beard)[1:]) if bearded else Beard.NONE,
        beard_dark=draw.unit(),
        glasses=draw.pick(tuple(Glasses)[1:]) if draw.unit() < 0.3 else Glasses.NONE,
        rim_colour=draw.shade(draw.pick(_RIMS), 0.1),
        rim_size=draw.between(0.85, 1.25),
        rim_thickness=draw.between(0.5, 1.4),
    )


class _Draw:
    """Uniform draws of one seed, and no others."""

    def __init__(self, seed: int) -> None:
        self._draw = draw_of(seed, 1)

    def unit(self) -> float:
        """From 0 to 1."""
        return float(self._draw.random())

    def between(self, low: float, high: float) -> float:
        """From low to high."""
        return low + (high - low) * self.unit()

    def pick(self, among: Sequence[T]) -> T:
        """One of them, each as likely."""
        return among[int(self.unit() * len(among))]

    def shade(self, colour: Colour, by: float) -> Colour:
        """A colour lighter or darker by up to this share, and a little off its hue."""
        factor = self.between(1 - by, 1 + by)
        blue, green, red = (min(255.0, part * factor * self.between(0.93, 1.07)) for part in colour)
        return blue, green, red


def _mark(draw: _Draw) -> Mark:
    return Mark(draw.between(-0.45, 0.45), draw.between(-0.28, 0.52), draw.between(0.006, 0.015))


def _hair_colour(draw: _Draw, skin: float) -> Colour:
    if draw.unit() < 0.07:
        return draw.shade(draw.pick(_DYED), 0.2)
    dark = draw.unit() < 0.75 * skin
    return draw.shade(draw.pick(_HAIRS[:_DARK_HAIRS] if dark else _HAIRS), 0.2)
