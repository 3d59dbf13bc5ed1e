"""How a person is seen, and the frame of a cut-out."""

from dataclasses import dataclass, field

from loadtests.people.paint import Expression
from loadtests.people.person import Colour

LEFT, TOP, RIGHT, BOTTOM = -2.1, -2.0, 2.1, 2.6  # of a cut-out, head units around the middle of the head


@dataclass(frozen=True, slots=True)
class View:
    """How a head is held, what it does and how it is lit.

    Attributes:
        yaw_deg: Turned to the picture's right, degrees.
        pitch_deg: Bowed down, degrees.
        roll_deg: Tilted clockwise, degrees.
        face: The expression.
        light: Where the light comes from: right, down, towards the viewer; any length.
        ambient: Share of the light that comes from everywhere, 0 to 1.
        brightness: Factor on everything.
        tint: Colour of the light, factors on blue, green, red.
        clothes: Colour of what is worn.
    """

    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    face: Expression = field(default_factory=Expression)
    light: tuple[float, float, float] = (0.3, -0.5, 0.8)
    ambient: float = 0.55
    brightness: float = 1.0
    tint: Colour = (1.0, 1.0, 1.0)
    clothes: Colour = (110.0, 90.0, 80.0)
