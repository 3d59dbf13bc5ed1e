"""People in photos: a folder of consenting volunteers, each with a neutral and a smiling picture, and strangers.

Layout: `images/amfd_640/N*-NNNN.jpg` neutral and `S*-NNNN.jpg` smiling with the same number, `images/portraits/*.jpg`
people who are on no list, `models/*.onnx`. Photos stay in that folder; nothing of them is written anywhere else but to
the run's own broker, which goes with the run.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.people.scenes import Passage, Schedule


@dataclass(frozen=True, slots=True)
class Shot:
    """One photo as a frame, with its truth.

    Attributes:
        camera: Camera that shows it.
        jpeg: The file's bytes.
        expected: Entry that must alert; None when nobody in it is listed.
    """

    camera: str
    jpeg: bytes
    expected: str | None


def listed(folder: Path) -> dict[str, Path]:
    """The neutral photo of every volunteer, by the reference it is enrolled under."""
    return {_ref(path): path for path in sorted(folder.glob("images/amfd_640/N*.jpg"))}


def shots(folder: Path, cameras: Sequence[str], strangers: int, seed: int) -> list[Shot]:
    """Every volunteer smiling once, and strangers among them, shuffled over the cameras."""
    people: list[tuple[Path, str | None]] = [(path, _ref(path)) for path in folder.glob("images/amfd_640/S*.jpg")]
    portraits = sorted(folder.glob("images/portraits/*.jpg"))
    draw = random.Random(seed)  # noqa: S311 - a shuffle, not a secret
    chosen = sorted(people) + [(path, None) for path in draw.sample(portraits, min(strangers, len(portraits)))]
    draw.shuffle(chosen)
    return [Shot(cameras[at % len(cameras)], path.read_bytes(), who) for at, (path, who) in enumerate(chosen)]


def numbered(plan: Sequence[Shot]) -> list[tuple[Shot, int]]:
    """Each shot with its number within its camera's stream."""
    counts: dict[str, int] = {}
    found = []
    for shot in plan:
        found.append((shot, counts.get(shot.camera, 0)))
        counts[shot.camera] = counts.get(shot.camera, 0) + 1
    return found


def truth_of(plan: Sequence[Shot]) -> Schedule:
    """A schedule in which everybody is in view for one frame, at one frame a second."""
    passages = [
        Passage(number, shot.camera, 0, shot.expected, seq, seq + 1, 0.0, False, ())
        for number, (shot, seq) in enumerate(numbered(plan))
    ]
    cameras = tuple(sorted({shot.camera for shot in plan}))
    return Schedule(0, cameras, 1.0, max(one.leaves_s for one in passages), {}, tuple(passages))


def _ref(path: Path) -> str:
    return f"volunteer-{path.stem.split('-')[1]}"
