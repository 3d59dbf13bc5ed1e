"""Which face of a picture is the person's, and why there may be none."""

from collections import Counter

import numpy as np
import pytest

from loadtests.evaluate.looks import probe_of, reference_of
from operators.errors import FrameReason, FrameRefused
from operators.types import Faces
from operators.vision import Seen
from tests.builders import origin_of

TRUE = np.array([10, 10, 60, 60], np.float32)


def seen(*lefts: float, gated: tuple[str, ...] = ()) -> Seen:
    """Faces of 50 px from these columns on, whose vectors are their numbers, and gated ones."""
    boxes = np.array([(left, 10, left + 50, 60) for left in lefts], np.float32).reshape(-1, 4)
    n = len(boxes)
    faces = Faces(boxes, np.ones(n, np.float32), np.zeros((n, 5, 2), np.float32))
    return Seen(faces, np.arange(n), np.arange(n, dtype=np.float32)[:, None], Counter(gated), origin_of(faces))


@pytest.mark.parametrize(
    ("what", "number", "reason", "false_faces"),
    [
        pytest.param(seen(10), 0, None, 0, id="one face"),
        pytest.param(seen(200, 22, 12), 2, None, 2, id="the one that overlaps most"),
        pytest.param(seen(200), None, "not found", 1, id="only another face"),
        pytest.param(seen(200, gated=("pose",)), None, "pose", 1, id="gated, and another face"),
        pytest.param(seen(gated=("too_small", "pose", "pose")), None, "pose", 0, id="gated, the most frequent reason"),
        pytest.param(seen(), None, "not found", 0, id="nothing"),
        pytest.param(FrameRefused(FrameReason.TOO_SMALL, ""), None, "too_small", 0, id="refused"),
    ],
)
def test_the_face_that_overlaps_the_true_one_is_the_probe(
    what: Seen | FrameRefused, number: int | None, reason: str | None, false_faces: int
) -> None:
    """All others that pass the gates are false faces."""
    vector, why, others = probe_of(what, TRUE)
    assert (None if vector is None else int(vector[0])) == number
    assert (why, others) == (reason, false_faces)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        pytest.param(seen(10), None, id="one face"),
        pytest.param(seen(), "no_face", id="none"),
        pytest.param(seen(10, 200), "several_faces", id="two"),
        pytest.param(seen(10, gated=("pose",)), "several_faces", id="one and a gated one, as in enrolment"),
        pytest.param(seen(gated=("pose",)), "pose", id="one that is gated"),
        pytest.param(FrameRefused(FrameReason.TOO_SMALL, ""), "too_small", id="refused"),
    ],
)
def test_a_reference_must_show_exactly_one_face(what: Seen | FrameRefused, reason: str | None) -> None:
    """As `beholden watchlist enrol` decides."""
    vector, why = reference_of(what)
    assert why == reason
    assert (vector is None) == (reason is not None)
