"""The colours of a head: skin, eyes, brows, mouth, hair and beard, painted on the map of `loadtests.people.head`."""

from dataclasses import dataclass

import numpy as np

from loadtests.people.brush import SIDE, Brush, curve, ellipse, mirror, noise
from loadtests.people.draws import draw_of
from loadtests.people.head import bump, grid, hair_cover, ramp
from loadtests.people.person import Beard, Colour, HairStyle, Person
from operators.types import Float32, Image

_SKINS: tuple[Colour, ...] = (
    (182, 206, 238),
    (162, 190, 229),
    (138, 172, 220),
    (100, 138, 196),
    (66, 100, 160),
    (46, 70, 120),
    (34, 50, 84),
)
_WHITE: Colour = (228, 232, 234)
_BLACK: Colour = (18, 16, 16)


@dataclass(frozen=True, slots=True)
class Expression:
    """What a face does at a moment.

    Attributes:
        smile: -0.4 the corners of the mouth down, 0 at rest, 1 a broad smile.
        open: 0 the mouth closed, 1 wide open.
        brows: -1 drawn together, 0 at rest, 1 raised.
        blink: 0 the eyes open, 1 closed.
        gaze: Where the eyes look, right and down, -1 to 1.
    """

    smile: float = 0.0
    open: float = 0.0
    brows: float = 0.0
    blink: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)


def mouth_corner(who: Person, face: Expression) -> tuple[float, float]:
    """Place on the map of the mouth corner on the picture's right; the other one is its mirror image."""
    return who.mouth_width * (1 + 0.22 * face.smile - 0.08 * face.open), who.mouth_v - 0.035 * face.smile


def skin_colour(who: Person) -> Colour:
    """The colour of the skin in even, white light."""
    at = who.skin * (len(_SKINS) - 1)
    low = min(int(at), len(_SKINS) - 2)
    blue, green, red = (a + (b - a) * (at - low) for a, b in zip(_SKINS[low], _SKINS[low + 1], strict=True))
    return blue * (1.06 - 0.14 * who.warmth), green * (1.01 - 0.03 * who.warmth), min(255.0, red * 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What of a head's colours stays the same whatever the face does.

    Attributes:
        skin: (512, 512, 3) float32, BGR, over the map: skin and beard.
        hair: (512, 512, 3) float32: hair, times its opacity.
        bare: (512, 512, 1) float32, 0 to 1: one less the opacity of the hair.
    """

    skin: Float32
    hair: Float32
    bare: Float32


def paint_ground(who: Person) -> Ground:
    """The colours of a head without eyes, brows and mouth, in even, white light."""
    u, v = grid(SIDE)
    skin = _skin(who, u, v)
    _beard(who, skin, u, v)
    colour, opacity = _hair(who, u, v)
    return Ground(skin, colour * opacity, 1 - opacity)


def paint_face(who: Person, ground: Ground, face: Expression) -> Image:
    """The colours of a head with an expression, in even, white light: (512, 512, 3) uint8, BGR, over the map."""
    canvas = ground.skin.copy()
    brush = Brush(canvas)
    _creases(who, face, brush)
    for side in (-1, 1):
        _eye(who, face, brush, side)
        _brow(who, face, brush, side)
    _nose(who, brush)
    _mouth(who, face, brush)
    canvas *= ground.bare
    canvas += ground.hair
    return np.asarray(np.clip(canvas + 0.5, 0, 255), np.uint8)


def _skin(who: Person, u: Float32, v: Float32) -> Float32:
    canvas = np.empty((SIDE, SIDE, 3), np.float32)
    canvas[:] = skin_colour(who)
    mottle = 1 + 0.035 * noise(who.seed, 2, (28, 28)) + 0.02 * noise(who.seed, 3, (160, 160))
    canvas *= mottle[..., None]
    aside = np.abs(u)
    blush = bump(aside, v, (0.27, 0.17), (0.17, 0.13)) + 0.8 * bump(u, v, (0, who.nose_v + 0.01), (0.10, 0.08))
    depth = (0.05 + 0.16 * who.ruddy) * (1 - 0.6 * who.skin)
    canvas *= 1 - blush[..., None] * np.array([depth, 0.8 * depth, -0.15 * depth], np.float32)
    shade = bump(aside, v, (who.eye_u, who.eye_v + 0.01), (0.12, 0.07)) * (0.08 + 0.10 * who.eye_depth)
    canvas *= 1 - shade[..., None]
    _freckles(who, canvas)
    return canvas


def _freckles(who: Person, canvas: Float32) -> None:
    brush = Brush(canvas)
    draw = draw_of(who.seed, 4)
    blue, green, red = skin_colour(who)
    for across, down, size in draw.random((int(130 * who.freckles), 3)):
        at = ((across * 2 - 1) * 0.46, 0.02 + down * 0.24)
        brush.fill(
            ellipse(at, 0.003 + 0.004 * size, 0.003 + 0.004 * size, 8),
            (blue * 0.55, green * 0.62, red * 0.8),
            0.55,
            0.6,
        )
    for mark in who.marks:
        dark: Colour = (blue * 0.30, green * 0.33, red * 0.42)
        brush.fill(ellipse((mark.u, mark.v), mark.size, mark.size, 14), dark, 0.9, 0.7)


def _creases(who: Person, face: Expression, brush: Brush) -> None:
    blue, green, red = skin_colour(who)
    dark: Colour = (blue * 0.55, green * 0.58, red * 0.66)
    corner_u, corner_v = mouth_corner(who, face)
    for side in (-1.0, 1.0):
        fold = [
            (0.05 * who.nose_width + 0.012, who.nose_v + 0.01),
            (corner_u + 0.02, corner_v - 0.07),
            (corner_u + 0.035, corner_v + 0.01),
        ]
        opacity = min(0.75, 0.10 + 0.40 * who.lines + 0.25 * max(0.0, face.smile))
        brush.line(mirror(curve(fold), side), 0.008, dark, opacity, 1.6)
        bag = [
            (who.eye_u - 0.05, who.eye_v + 0.045),
            (who.eye_u, who.eye_v + 0.062),
            (who.eye_u + 0.06, who.eye_v + 0.04),
        ]
        brush.line(mirror(curve(bag), side), 0.007, dark, 0.12 + 0.4 * who.lines, 1.5)
        crow = [(who.eye_u + 0.085, who.eye_v + 0.005), (who.eye_u + 0.14, who.eye_v + 0.02)]
        brush.line(mirror(np.array(crow), side), 0.005, dark, 0.5 * who.lines, 1.2)
    for row in range(3):
        high = -0.245 - 0.035 * row
        wrinkle = [(-0.17, high + 0.008), (0.0, high - 0.004), (0.17, high + 0.008)]
        brush.line(curve(wrinkle), 0.006, dark, 0.42 * who.lines + 0.25 * max(0.0, face.brows), 1.4)


def _eye(who: Person, face: Expression, brush: Brush, side: float) -> None:
    u, v = who.eye_u, who.eye_v
    half = 0.066 * who.eye_size
    high = 0.031 * who.eye_open * who.eye_size * max(0.06, 1 - face.blink) * (1 - 0.25 * max(0.0, face.smile))
    slant = who.eye_slant * half
    inner, outer = (u - half, v + 0.5 * slant), (u + half, v - 0.5 * slant)
    upper = curve([inner, (u - 0.3 * half, v - 1.25 * high), (u + 0.35 * half, v - 1.15 * high - 0.3 * slant), outer])
    lower = curve([outer, (u + 0.3 * half, v + 0.85 * high), (u - 0.4 * half, v + 0.75 * high), inner])
    rim = np.concatenate([upper, lower])
    gaze = (side * face.gaze[0] * 0.3 * half, face.gaze[1] * 0.3 * high)
    iris = (u + gaze[0], v - 0.15 * high + gaze[1])
    size = 0.034 * (0.85 + 0.15 * who.eye_size)
    dark: Colour = (who.iris[0] * 0.45, who.iris[1] * 0.45, who.iris[2] * 0.45)
    shapes = [
        (rim, _WHITE),
        (ellipse(iris, size, size, 24), dark),
        (ellipse(iris, size * 0.84, size * 0.84, 24), who.iris),
        (ellipse(iris, size * 0.40, size * 0.40, 16), _BLACK),
        (ellipse((iris[0] - side * 0.010, iris[1] - 0.011), 0.007, 0.007, 10), (250.0, 250.0, 250.0)),
    ]
    blue, green, red = skin_colour(who)
    lid: Colour = (blue * 0.62, green * 0.64, red * 0.72)
    brush.line(mirror(upper - (0, 0.022), side), 0.008, lid, 0.7, 1.0)
    if face.blink < 0.8:
        brush.inside(mirror(rim, side), [(mirror(shape, side), colour) for shape, colour in shapes])
    lash = upper if face.blink < 0.8 else lower
    brush.line(mirror(lash, side), 0.010, _BLACK, 0.92, 0.7)
    brush.line(mirror(lower, side), 0.005, lid, 0.75, 0.8)


def _brow(who: Person, face: Expression, brush: Brush, side: float) -> None:
    base = who.eye_v - who.brow_height - 0.025 * face.brows
    inner = (0.048 + 0.01 * max(0.0, face.brows), base + who.brow_slant - 0.018 * min(0.0, face.brows))
    bend = (0.048 + 0.13 * who.brow_length, base - 0.012 - 0.04 * who.brow_arch)
    outer = (0.048 + 0.235 * who.brow_length, base + 0.022 - who.brow_slant)
    line = curve([inner, bend, outer])
    thick = 0.026 * who.brow_thickness * np.linspace(1.0, 0.35, len(line))
    shape = np.concatenate(
        [line - np.stack([0 * thick, thick / 2], 1), (line + np.stack([0 * thick, thick / 2], 1))[::-1]]
    )
    factor = 0.75 - 0.35 * who.brow_dark
    blue, green, red = who.hair_colour
    colour: Colour = (min(blue * factor, 130.0), min(green * factor, 140.0), min(red * factor, 150.0))
    brush.fill(mirror(shape, side), colour, 0.62 + 0.34 * who.brow_dark, 1.1)


def _nose(who: Person, brush: Brush) -> None:
    blue, green, red = skin_colour(who)
    dark: Colour = (blue * 0.30, green * 0.30, red * 0.38)
    for side in (-1.0, 1.0):
        hole = ellipse((0.030 * who.nose_width, who.nose_v + 0.052), 0.019 * who.nose_width, 0.010, 14)
        brush.fill(mirror(hole, side), dark, 0.9, 1.1)
        wing = curve(
            [
                (0.058 * who.nose_width, who.nose_v),
                (0.068 * who.nose_width, who.nose_v + 0.03),
                (0.052 * who.nose_width, who.nose_v + 0.052),
            ]
        )
        brush.line(mirror(wing, side), 0.007, dark, 0.35, 1.4)


def _mouth(who: Person, face: Expression, brush: Brush) -> None:
    u, v = mouth_corner(who, face)
    middle = who.mouth_v + 0.012 * face.smile
    gap = 0.075 * face.open
    up, low = 0.030 * who.lip_upper, 0.034 * who.lip_lower
    blue, green, red = skin_colour(who)
    tint = 0.35 + 0.55 * who.lip_red
    lips: Colour = (blue * (0.86 - 0.22 * tint), green * (0.80 - 0.24 * tint), red * (0.95 - 0.10 * tint) + 14 * tint)
    rosy: Colour = (lips[0] * 1.07, lips[1] * 1.06, min(255.0, lips[2] * 1.07))
    bow = [(-u, v), (-0.35 * u, middle - up), (0.0, middle - up * 0.72), (0.35 * u, middle - up), (u, v)]
    seam_up = [
        (u, v),
        (0.4 * u, middle - gap * 0.35),
        (0.0, middle - gap * 0.4),
        (-0.4 * u, middle - gap * 0.35),
        (-u, v),
    ]
    seam_low = [
        (-u, v),
        (-0.4 * u, middle + gap * 0.6),
        (0.0, middle + gap * 0.65),
        (0.4 * u, middle + gap * 0.6),
        (u, v),
    ]
    bottom = [
        (u, v),
        (0.45 * u, middle + gap * 0.65 + low),
        (0.0, middle + gap * 0.7 + low * 1.12),
        (-0.45 * u, middle + gap * 0.65 + low),
        (-u, v),
    ]
    curves = {
        name: curve(part) for name, part in {"bow": bow, "up": seam_up, "low": seam_low, "bottom": bottom}.items()
    }
    if face.open > 0.05:
        inside = np.concatenate([curves["up"], curves["low"]])
        teeth = inside.copy()
        teeth[:, 1] = np.minimum(teeth[:, 1], middle - 0.05 * gap)
        brush.inside(inside, [(inside, (40.0, 26.0, 60.0)), (teeth, (222.0, 228.0, 232.0))])
    brush.fill(np.concatenate([curves["bow"], curves["up"]]), lips, 0.9, 0.9)
    brush.fill(np.concatenate([curves["low"], curves["bottom"]]), rosy, 0.9, 0.9)
    seam: Colour = (lips[0] * 0.35, lips[1] * 0.33, lips[2] * 0.42)
    brush.line(curves["up"], 0.007, seam, 0.85, 0.8)


def _beard(who: Person, canvas: Float32, u: Float32, v: Float32) -> None:
    if who.beard is Beard.NONE:
        return
    below = who.mouth_v
    lip = (
        ramp(v, below - 0.085, below - 0.055)
        * ramp(v, below + 0.0, below - 0.03)
        * ramp(np.abs(u), who.mouth_width + 0.06, who.mouth_width)
    )
    jaw = np.maximum(ramp(v, below + 0.05, below + 0.09), ramp(np.abs(u), 0.26, 0.36) * ramp(v, 0.12, 0.26))
    jaw = jaw * ramp(np.abs(u), 0.95, 0.8)
    chin = ramp(v, below + 0.05, below + 0.08) * ramp(np.abs(u), 0.20, 0.14)
    ring = np.maximum(
        lip,
        ramp(np.abs(u), who.mouth_width - 0.01, who.mouth_width + 0.02)
        * ramp(np.abs(u), who.mouth_width + 0.08, who.mouth_width + 0.04)
        * ramp(v, below - 0.08, below - 0.04),
    )
    cover, opacity = {
        Beard.STUBBLE: (np.maximum(jaw, lip), 0.38),
        Beard.MOUSTACHE: (lip, 0.9),
        Beard.GOATEE: (np.maximum(chin, ring * ramp(v, 0.7, 0.6)), 0.88),
        Beard.FULL: (np.maximum(jaw, ring), 0.9),
    }[who.beard]
    strands = 0.75 + 0.35 * noise(who.seed, 5, (200, 150))
    factor = 0.95 - 0.45 * who.beard_dark
    colour = np.array(who.hair_colour, np.float32) * np.float32(factor)
    mask = np.clip(cover * opacity * strands * 1.15, 0, 1)[..., None].astype(np.float32)
    canvas += (colour - canvas) * mask


def _hair(who: Person, u: Float32, v: Float32) -> tuple[Float32, Float32]:
    """Colour (h, w, 3) and opacity (h, w, 1) of the hair of the head."""
    cover = hair_cover(who, u, v)
    fine = noise(who.seed, 6, (26, 210)) * (1 - who.curl) + noise(who.seed, 7, (110, 110)) * who.curl
    ragged = np.clip(cover * 1.6 - 0.3 + 0.45 * fine, 0, 1) * (cover > 0)
    strands = 1 + (0.20 + 0.12 * who.curl) * fine + 0.06 * noise(who.seed, 8, (14, 14))
    if who.hair in (HairStyle.PARTED, HairStyle.BOB, HairStyle.LONG):
        strands = strands * (1 - 0.45 * bump(u - np.float32(0.6 * who.parting), v, (0, -0.7), (0.035, 0.5)))
    if who.hair is HairStyle.BUZZ:
        ragged = ragged * 0.72
    colour = np.array(who.hair_colour, np.float32) * strands[..., None].astype(np.float32)
    return colour, ragged[..., None].astype(np.float32)
