"""How fast people are drawn: frames of 1280x720 with one face, on one core, against encoding them as JPEG."""

import platform
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from loadtests.bench_report import NOISY, tell_rejected
from loadtests.bench_result import Compared, json_option, result, save
from loadtests.people.camera import Camera
from loadtests.people.scenes import Crowd, Schedule, plan_walks
from loadtests.quiet import LIMIT_CORES, Gate, look, watched
from loadtests.stopwatch import mean_s
from operators.decode import encode

FLOOR_FPS = 100.0
_SECONDS = 120.0


def frames_with_one_face(schedule: Schedule) -> list[int]:
    """The numbers of the frames of the only camera in which one person is to be seen, and from the front."""
    found = []
    for number in range(schedule.frames):
        there = schedule.in_view(schedule.cameras[0], number / schedule.fps)
        if len(there) == 1 and not there[0].away:
            found.append(number)
    return found


def measure(camera: Camera, numbers: list[int], rounds: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Time drawing, encoding, and both, round by round.

    Returns:
        (rounds, 3) seconds a frame: drawn, encoded, both.
    """
    images = [camera.frame(number)[0] for number in numbers]

    def draw() -> None:
        for number in numbers:
            camera.frame(number)

    def compress() -> None:
        for image in images:
            encode(image, 85, "420")

    def both() -> None:
        for number in numbers:
            camera.jpeg(number)

    return np.array([[mean_s(way) / len(numbers) for way in (draw, compress, both)] for _ in range(rounds)])


@click.command("people")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the walks.")
@click.option("--frames", type=click.IntRange(1), default=60, show_default=True, help="Frames in each round.")
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True)
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@json_option
def people_command(seed: int, frames: int, rounds: int, foreign: float, file: Path | None) -> None:
    """Time the drawing of street scenes with one face.

    Exits with 1 below 100 frames a second, with 2 when the machine was not quiet.
    """
    console = Console()
    cv2.setNumThreads(1)
    schedule = plan_walks(seed, ["only"], 5.0, _SECONDS, Crowd({}, range(1, 200), 12, 0.0, 20))
    camera = Camera(schedule, "only")
    camera.prepare()
    numbers = frames_with_one_face(schedule)
    chosen = [numbers[at * len(numbers) // frames] for at in range(frames)]
    gate = Gate(look, foreign, told=partial(tell_rejected, console))
    times = gate.take(lambda: watched(partial(measure, camera, chosen, rounds)))
    if times is None:
        raise SystemExit(NOISY)
    drawn, encoded, both = np.median(times, axis=0)
    table = Table("", "ms a frame", "frames a second", title=f"1280x720, one face, one core, seed {seed}")
    for name, value in (("drawn, scene prepared", drawn), ("encoded as JPEG", encoded), ("both", both)):
        table.add_row(name, f"{1000 * value:.2f}", f"{1 / value:.0f}")
    console.print(table)
    ratios = times[:, 0] / times[:, 1]
    console.print(f"drawing / encoding: {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})")
    console.print(f"{platform.machine()}, Python {platform.python_version()}, OpenCV {cv2.__version__}")
    rates = Compared("frames drawn and encoded", tuple(1 / times[:, 2]), at_least=FLOOR_FPS, unit="frames/s")
    costs = Compared("drawing / encoding", tuple(ratios), higher_is_better=False)
    save(result([rates, costs], {"s a frame: drawn, encoded, both": times.tolist()}, gate), file)
    if 1 / both < FLOOR_FPS:
        raise SystemExit(1)
