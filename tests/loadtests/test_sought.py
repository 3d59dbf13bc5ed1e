"""Which portraits the demonstration enrols."""

from collections import Counter
from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest

from loadtests import sought
from loadtests.sought import portraits
from operators.errors import FrameReason, FrameRefused
from operators.types import Faces
from operators.vision import Seen, Vision
from tests.builders import origin_of, unit


class TakesInTurn:
    """Sees in each take what it was told: a vector, two faces, or a picture that is none."""

    def __init__(self, takes: Sequence[Seen | FrameRefused]) -> None:
        self.takes = takes
        self.asked: list[bytes] = []

    def see(self, jpegs: Sequence[bytes]) -> list[Seen | FrameRefused]:
        """See `Vision.see`."""
        self.asked += jpegs
        return [self.takes[int(jpeg)] for jpeg in jpegs]


def _seen(*vectors: list[float]) -> Seen:
    n = len(vectors)
    faces = Faces(np.zeros((n, 4), np.float32), np.ones(n, np.float32), np.zeros((n, 5, 2), np.float32))
    rows = np.stack([unit(*vector) for vector in vectors])
    return Seen(faces, np.arange(n), rows, Counter(), origin_of(faces))


GOOD, LIKE_IT, SKEWED, ASKEW = _seen([1]), _seen([1, 0.3]), _seen([0, 1]), _seen([0, 0, 1])
TWO, NONE = _seen([1], [0, 1]), FrameRefused(FrameReason.NOT_JPEG, "no picture")


@pytest.mark.parametrize(
    ("takes", "chosen", "looked_at"),
    [
        ([GOOD, LIKE_IT], 0, 2),
        ([SKEWED, GOOD, LIKE_IT], 1, 3),
        ([TWO, NONE, SKEWED, GOOD, ASKEW, LIKE_IT], 3, 6),
        ([NONE, SKEWED, GOOD, TWO, ASKEW, NONE], 1, 6),
        ([NONE] * 6, 0, 6),
    ],
)
def test_a_portrait_is_taken_again_until_two_are_alike(
    monkeypatch: pytest.MonkeyPatch, takes: list[Seen | FrameRefused], chosen: int, looked_at: int
) -> None:
    """One that was cut askew is like no other; without two that are alike the first with one face is used."""
    monkeypatch.setattr(sought, "portrait", lambda who, take=0: str(take).encode())
    vision = TakesInTurn(takes)
    assert portraits(cast("Vision", vision), {"anna": 5}) == {"anna": str(chosen).encode()}
    assert len(vision.asked) == looked_at
