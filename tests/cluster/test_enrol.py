import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from cluster.enrol import Person, enrol
from cluster.plan import Plan, open_vision, read_plan
from cluster.wire.entries import parse_entry
from operators.errors import EnrolmentReason, EnrolmentRefused, FrameReason, FrameRefused
from operators.types import Faces
from operators.vision import Seen, Vision
from tests.builders import NOW, TOMORROW, unit
from tests.drawn import scene, write_deployment


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A deployment of drawn people."""
    folder = tmp_path_factory.mktemp("deployment")
    file: Path = folder / "cluster.yaml"
    file.write_text(json.dumps({"cluster": "drawn", **write_deployment(folder)}))
    return read_plan(file)


def _person(**changes: Any) -> Person:
    fields = {"ref": "case-7", "watchlist": "sought", "source": "a photo", "authority": "a judge"}
    return Person(**{**fields, "not_after": TOMORROW, **changes})


class OneAnswer:
    """A vision that sees the same in every image, and counts the images."""

    def __init__(self, faces: int = 1, gated: dict[str, int] | None = None, vector: Any = None) -> None:
        self.images = 0
        vectors = np.stack([unit(1) if vector is None else vector] * faces) if faces else np.zeros((0, 8), np.float32)
        n = np.arange(faces)
        found = Faces(np.zeros((faces, 4), np.float32), np.ones(faces, np.float32), np.zeros((faces, 5, 2), np.float32))
        self._seen = Seen(found, n, vectors, Counter(gated or {}))

    def see(self, images: list[bytes]) -> list[Seen]:
        """See `Vision.see`."""
        self.images += len(images)
        return [self._seen for _ in images]


def _refused(plan: Plan, vision: OneAnswer, **changes: Any) -> EnrolmentReason:
    with pytest.raises(EnrolmentRefused) as refused:
        enrol(b"image", _person(**changes), plan, cast("Vision", vision), NOW)
    return refused.value.reason


def test_one_face_becomes_an_entry_of_the_contract_in_force(plan: Plan) -> None:
    """The vector is the one a frame of the same picture would be searched with, to the bit."""
    vision = open_vision(plan)
    found = parse_entry(b"case-7", enrol(scene([3]), _person(), plan, vision, NOW))
    [seen] = vision.see([scene([3])])
    assert isinstance(seen, Seen)
    assert found.vectors.tobytes() == seen.vectors.tobytes()
    assert (found.ref, found.watchlist, found.not_after) == ("case-7", "sought", TOMORROW)
    assert found.contract == plan.contract.digest


def test_the_same_image_gives_the_same_record(plan: Plan) -> None:
    """So that its digest can be shown again."""
    records = {enrol(b"", _person(), plan, cast("Vision", OneAnswer()), NOW) for _ in range(2)}
    assert len(records) == 1


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
    plan: Plan, faces: int, gated: dict[str, int], reason: EnrolmentReason
) -> None:
    """Faces below the gates count: whose vector it is must not be a question."""
    assert _refused(plan, OneAnswer(faces, gated)) is reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"watchlist": "other"}, EnrolmentReason.UNKNOWN_LIST),
        ({"not_after": NOW}, EnrolmentReason.EXPIRED),
        ({"not_after": NOW - timedelta(days=1)}, EnrolmentReason.EXPIRED),
        ({"ref": ""}, EnrolmentReason.INCOMPLETE),
        ({"source": " "}, EnrolmentReason.INCOMPLETE),
        ({"authority": "\t"}, EnrolmentReason.INCOMPLETE),
    ],
)
def test_a_person_who_must_not_be_enrolled_is_refused_before_the_image_is_seen(
    plan: Plan, changes: dict[str, Any], reason: EnrolmentReason
) -> None:
    """No list, no end, no source or no authority: no face is looked for."""
    vision = OneAnswer()
    assert _refused(plan, vision, **changes) is reason
    assert vision.images == 0


@pytest.mark.parametrize("vector", [np.zeros(8, np.float32), np.full(8, np.nan, np.float32)])
def test_a_face_without_a_vector_is_refused(plan: Plan, vector: Any) -> None:
    """Nobody is told that a person is sought whom the index would never search for."""
    assert _refused(plan, OneAnswer(vector=vector)) is EnrolmentReason.UNUSABLE


@pytest.mark.parametrize("ref", ["a\nb", "case\0", "x" * 201, " case-7"])
def test_a_reference_that_no_index_would_take_is_refused(plan: Plan, ref: str) -> None:
    """Now, not by a counter of invalid records later."""
    assert _refused(plan, OneAnswer(), ref=ref) is EnrolmentReason.UNUSABLE


def test_an_image_that_is_none_keeps_its_own_reason(plan: Plan) -> None:
    """As a frame would have it."""
    with pytest.raises(FrameRefused) as refused:
        enrol(b"no picture", _person(), plan, open_vision(plan), NOW)
    assert refused.value.reason is FrameReason.NOT_JPEG
