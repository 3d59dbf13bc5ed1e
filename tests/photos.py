"""People in photos: a folder of consenting volunteers, each with a neutral and a smiling picture, and strangers.

Layout: `images/amfd_640/N*-NNNN.jpg` neutral and `S*-NNNN.jpg` smiling with the same number, `images/portraits/*.jpg`
people who are on no list, `models/*.onnx`. Photos stay in that folder; nothing of them is written anywhere else but to
the run's own broker, which goes with the run.
"""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

VARIABLE = "BEHOLDEN_TESTDATA"


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


def folder_from_environment() -> Path:
    """The folder of photos.

    Raises:
        click.UsageError: It is not given, or holds no photos.
    """
    given = os.environ.get(VARIABLE)
    if not given:
        raise click.UsageError(
            f"no photos: set {VARIABLE} to a folder that holds images/amfd_640/, images/portraits/ and models/ "
            "(the layout is described in loadtests/photos.py)"
        )
    folder = Path(given).resolve()
    if not listed(folder):
        raise click.UsageError(f"{VARIABLE}={given}: no images/amfd_640/N*.jpg there")
    return folder


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


def _ref(path: Path) -> str:
    return f"volunteer-{path.stem.split('-')[1]}"
