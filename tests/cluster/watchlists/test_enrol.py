import base64
import hashlib
from collections import Counter
from typing import Any, cast

import numpy as np
import pytest

from cluster.keys import new_keys
from cluster.plan import Plan, open_vision
from cluster.watchlists.admission import Origin, Person
from cluster.watchlists.enrol import Picture, enrol
from cluster.wire.entries import parse_entry
from operators.errors import EnrolmentReason, EnrolmentRefused
from operators.types import Faces
from operators.vision import Seen, Vision
from tests.builders import NOW, TOMORROW, origin_of, unit
from tests.drawn import DIMENSION, scene

KEYS = new_keys()


def _person(**changes: Any) -> Person:
    fields = {"ref": "case-7", "watchlist": "sought", "category": "missing", "necessity": "n", "approver": "a judge"}
    return Person(**{**fields, "not_after": TOMORROW, **changes})


def _pictures(*jpegs: bytes) -> list[Picture]:
    return [Picture(jpeg, Origin("a photo", NOW.date())) for jpeg in jpegs]


class OneAnswer:
    """A vision that sees the same in every image, and counts the images."""

    def __init__(self, faces: int = 1, gated: dict[str, int] | None = None, vector: Any = None) -> None:
        self.images = 0
        vectors = np.stack([unit(1) if vector is None else vector] * faces) if faces else np.zeros((0, 8), np.float32)
        n = np.arange(faces)
        found = Faces(np.zeros((faces, 4), np.float32), np.ones(faces, np.float32), np.zeros((faces, 5, 2), np.float32))
        self._seen = Seen(found, n, vectors, Counter(gated or {}), origin_of(found))

    def see(self, images: list[bytes]) -> list[Seen]:
        """See `Vision.see`."""
        self.images += len(images)
        return [self._seen for _ in images]


def _refused(drawn: Plan, vision: OneAnswer, **changes: Any) -> EnrolmentReason:
    with pytest.raises(EnrolmentRefused) as refused:
        enrol(_person(**changes), _pictures(scene([3])), drawn, cast("Vision", vision), KEYS, NOW)
    return refused.value.reason


def test_one_face_becomes_an_entry_of_the_contract_in_force(drawn: Plan) -> None:
    """The vector is the one a frame of the same picture would be searched with, to the bit."""
    vision = open_vision(drawn)
    found = parse_entry(b"case-7", enrol(_person(), _pictures(scene([3])), drawn, vision, KEYS, NOW))
    [seen] = vision.see([scene([3])])
    assert isinstance(seen, Seen)
    assert found.entry.vectors.tobytes() == seen.vectors.tobytes()
    assert (found.entry.ref, found.entry.watchlist, found.entry.not_after) == ("case-7", "sought", TOMORROW)
    assert found.entry.contract == drawn.contract.digest


def test_several_images_give_several_vectors(drawn: Plan) -> None:
    """Each with its own digest, source and sealed crop, in the order given."""
    vision, jpegs = open_vision(drawn), [scene([3]), scene([3], 320, 240)]
    found = parse_entry(b"case-7", enrol(_person(), _pictures(*jpegs), drawn, vision, KEYS, NOW))
    assert found.entry.vectors.shape == (2, DIMENSION)
    assert [photo.sha256 for photo in found.photos] == [hashlib.sha256(jpeg).hexdigest() for jpeg in jpegs]
    for photo in found.photos:
        assert KEYS.open(photo.crop, "case-7").startswith(b"\xff\xd8")


def test_no_picture_is_readable_in_the_record(drawn: Plan) -> None:
    """Neither the image nor its crop, as bytes or as base64: whoever reads the topic sees no face."""
    jpeg = scene([3])
    value = enrol(_person(), _pictures(jpeg), drawn, open_vision(drawn), KEYS, NOW)
    [photo] = parse_entry(b"case-7", value).photos
    crop = KEYS.open(photo.crop, "case-7")
    assert crop[-40:-10] not in photo.crop
    assert b"\xff\xd8\xff" not in photo.crop[:20]
    assert jpeg[200:230] not in value
    assert base64.b64encode(jpeg[201:231]) not in value


@pytest.mark.parametrize(
    ("faces", "gated", "reason"),
    [
        (0, {}, EnrolmentReason.NO_FACE),
        (2, {}, EnrolmentReason.SEVERAL_FACES),
        (1, {"too_small": 1}, EnrolmentReason.SEVERAL_FACES),
        (0, {"pose": 2}, EnrolmentReason.SEVERAL_FACES),
        (0, {"blurred": 1, "pose": 1}, EnrolmentReason.SEVERAL_FACES),
        *[(0, {gate: 1}, EnrolmentReason(gate)) for gate in ("too_small", "outside", "blurred", "pose")],
        (0, {"low_confidence": 1}, EnrolmentReason.LOW_CONFIDENCE),
    ],
)
def test_anything_but_one_good_face_is_refused(
    drawn: Plan, faces: int, gated: dict[str, int], reason: EnrolmentReason
) -> None:
    """Faces below the gates count: whose vector it is must not be a question."""
    assert _refused(drawn, OneAnswer(faces, gated)) is reason


def test_a_person_who_must_not_be_listed_is_refused_before_the_image_is_seen(drawn: Plan) -> None:
    """No face is looked for of whom the policy does not let in."""
    vision = OneAnswer()
    assert _refused(drawn, vision, watchlist="other") is EnrolmentReason.UNKNOWN_LIST
    assert vision.images == 0


@pytest.mark.parametrize("vector", [np.zeros(8, np.float32), np.full(8, np.nan, np.float32)])
def test_a_face_without_a_vector_is_refused(drawn: Plan, vector: Any) -> None:
    """Nobody is told that a person is sought whom the index would never search for."""
    assert _refused(drawn, OneAnswer(vector=vector)) is EnrolmentReason.UNUSABLE


def test_an_image_that_is_none_is_refused_with_what_was_found(drawn: Plan) -> None:
    """As a frame would be, with the decoder's reason in the detail."""
    with pytest.raises(EnrolmentRefused) as refused:
        enrol(_person(), _pictures(scene([3]), b"no picture"), drawn, open_vision(drawn), KEYS, NOW)
    assert refused.value.reason is EnrolmentReason.NOT_AN_IMAGE
    assert "not_jpeg" in refused.value.detail
