"""What the operators make of pictures of one person each: a vector, or a reason why there is none."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from cluster.watchlists.enrol import only_face
from loadtests.evaluate.chain import Chain, as_jpeg
from loadtests.evaluate.counts import Counts, probe_street
from loadtests.evaluate.detection import SAME_FACE
from loadtests.evaluate.subjects import Subject
from loadtests.people.draws import draw_of
from loadtests.people.nuisance import STREET, STUDIO, Conditions, Picture, Shot, draw_picture, photograph
from loadtests.people.person import person
from loadtests.people.render import Model
from loadtests.people.streets import street
from operators.boxes import overlaps
from operators.errors import EnrolmentRefused, FrameRefused
from operators.types import Float32, Image
from operators.vision import Seen

_STUDIO, _MATED, _UNLISTED = 1, 2, 3  # kinds of pictures: each has draws of its own
NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One picture of one person.

    Attributes:
        subject: Who.
        picture: How it was taken.
        vector: (d,) float32 of the face, None when it was not found or did not pass the gates.
        reason: Why there is no vector, None when there is one.
        false_faces: How many faces pass the gates that are not the person's.
    """

    subject: Subject
    picture: Picture
    vector: Float32 | None
    reason: str | None
    false_faces: int


@dataclass(frozen=True, slots=True, eq=False)
class Sitter:
    """A person of the watchlist.

    Attributes:
        reference: The studio picture, as it is enrolled.
        probes: The street pictures.
    """

    reference: Look
    probes: list[Look]


def sit(subject: Subject, counts: Counts, chain: Chain) -> Sitter:
    """Photograph and look at a person of the watchlist."""
    model = Model.of(person(subject.seed))
    picture, shot = _shoot(model, STUDIO, counts.seed, _STUDIO, subject.rank, 0)
    reference = _enrol(subject, picture, shot, chain)
    taken = [_shoot(model, STREET, counts.seed, _MATED, subject.rank, number) for number in range(counts.mated)]
    return Sitter(reference, [_probe(subject, *each, chain) for each in taken])


def pass_by(subject: Subject, counts: Counts, chain: Chain) -> Look:
    """Photograph and look at a person of no list."""
    model = Model.of(person(subject.seed))
    return _probe(subject, *_shoot(model, STREET, counts.seed, _UNLISTED, subject.rank, 0), chain)


def probe_of(seen: Seen | FrameRefused, box: Float32) -> tuple[Float32 | None, str | None, int]:
    """The vector of the face that is the person's, or why there is none, and how many other faces passed.

    Args:
        seen: What the operators say.
        box: (4,) float32, where the face is, pixels.
    """
    if isinstance(seen, FrameRefused):
        return None, str(seen.reason), 0
    same = overlaps(box[None], seen.faces.boxes)[0]
    if len(same) and same.max() >= SAME_FACE:
        return seen.vectors[same.argmax()], None, len(same) - 1
    gates = seen.gated.most_common(1)
    return None, gates[0][0] if gates else NOT_FOUND, len(same)


def reference_of(seen: Seen | FrameRefused) -> tuple[Float32 | None, str | None]:
    """The vector of the one face there is, or why the picture is not enrolled, as enrolment decides."""
    try:
        return only_face(seen)[0], None
    except (FrameRefused, EnrolmentRefused) as refused:
        return None, str(refused.reason)


def _shoot(model: Model, within: Conditions, *seeds: int) -> tuple[Picture, Shot]:
    draw = draw_of(*seeds)
    picture = draw_picture(draw, within)
    return picture, photograph(model, picture, _street(probe_street(int(draw.integers(0, 1 << 30)))), draw)


@cache
def _street(seed: int) -> Image:
    return street(seed)


def _enrol(subject: Subject, picture: Picture, shot: Shot, chain: Chain) -> Look:
    [seen] = chain.vision.see([as_jpeg(shot.image)])
    vector, reason = reference_of(seen)
    return Look(subject, picture, vector, reason, 0)


def _probe(subject: Subject, picture: Picture, shot: Shot, chain: Chain) -> Look:
    [seen] = chain.vision.see([as_jpeg(shot.image)])
    vector, reason, false_faces = probe_of(seen, shot.box)
    return Look(subject, picture, None if vector is None else np.array(vector), reason, false_faces)
