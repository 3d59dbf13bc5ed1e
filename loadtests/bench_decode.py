"""How fast frames become pixels: the decoder in use against OpenCV's, on one core, in one run."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from loadtests.bench_report import NOISY, tell_rejected
from loadtests.bench_result import Compared, json_option, result, save
from loadtests.quiet import LIMIT_CORES, Gate, look, watched
from loadtests.stopwatch import mean_s
from operators.decode import decode, encode
from operators.jpeg import JpegHeader, JpegLimits, check_header
from operators.types import Image

_LIMITS = JpegLimits(max_bytes=10_000_000, max_side_px=8192, max_pixels=40_000_000, min_side_px=16, max_scans=20)
_SEED = 20261123
ASKED = {("full size", "cv2.imdecode"): 1.8, ("half size", "full size"): 1.25}
Case = tuple[str, Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times faster one way is than another.

    Attributes:
        name: The way measured.
        reference: The way it is compared with.
        ms: Median time of one call, milliseconds.
        rounds: Reference time over own time, round by round: above 1 is faster.
    """

    name: str
    reference: str
    ms: float
    rounds: tuple[float, ...]

    @property
    def compared(self) -> Compared:
        """The same with what is asked."""
        name = f"{self.name} / {self.reference}, times as fast"
        return Compared(name, self.rounds, at_least=ASKED.get((self.name, self.reference)))


def draw_frame(width: int, height: int, seed: int = _SEED) -> Image:
    """A frame with large shapes, edges and grain: about 100 KB as a JPEG of 1280x720.

    Args:
        width: Pixels.
        height: Pixels.
        seed: Of the drawing.

    Returns:
        (height, width, 3) uint8, BGR.
    """
    rng = np.random.default_rng(seed)
    shapes = cv2.resize(rng.integers(30, 220, (9, 16, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    edges = cv2.resize(rng.integers(0, 60, (45, 80, 3), np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    grain = rng.normal(0, 3.5, (height, width, 1))
    return np.clip(shapes.astype(np.float32) + edges + grain, 0, 255).astype(np.uint8)


def measure(jpeg: bytes, rounds: int = 15, calls: int = 10) -> list[Ratio]:
    """Time every way of decoding in turn, round by round, so that other load on the machine meets all of them.

    Args:
        jpeg: One frame.
        rounds: Rounds that count; two more warm up.
        calls: Calls of each way in each round.
    """
    header = check_header(jpeg, _LIMITS)
    cv2.setNumThreads(1)
    cases = _cases(jpeg, header)
    times = np.array([[mean_s(call, calls) for _, call in cases] for _ in range(rounds + 2)])[2:]
    columns = {name: times[:, place] for place, (name, _) in enumerate(cases)}
    pairs = [
        ("full size", "cv2.imdecode"),
        ("half size", "cv2.imdecode, half size"),
        ("half size", "full size"),
        ("header check", "full size"),
    ]
    return [_ratio(name, reference, columns) for name, reference in pairs]


def show(ratios: list[Ratio], jpeg: bytes, header: JpegHeader, console: Console) -> None:
    """Print the ratios as a table."""
    title = f"{header.width}x{header.height}, {len(jpeg) / 1000:.0f} KB, one core"
    table = Table("way", "median", "against", "times as fast", "range over rounds", title=title)
    for ratio in ratios:
        spread = f"{min(ratio.rounds):.2f} to {max(ratio.rounds):.2f}"
        table.add_row(ratio.name, f"{ratio.ms:.3f} ms", ratio.reference, f"{median(ratio.rounds):.2f}", spread)
    console.print(table)
    versions = f"Python {platform.python_version()}, simplejpeg {version('simplejpeg')}, OpenCV {cv2.__version__}"
    console.print(f"{platform.machine()}, {versions}")


@click.command("decode")
@click.option("--width", default=1280, show_default=True, help="Of the drawn frame, pixels.")
@click.option("--height", default=720, show_default=True, help="Of the drawn frame, pixels.")
@click.option("--quality", default=85, show_default=True, help="Of the JPEG, 1 to 100.")
@click.option("--rounds", default=15, show_default=True, help="Rounds over all ways.")
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@json_option
def decode_command(width: int, height: int, quality: int, rounds: int, foreign: float, file: Path | None) -> None:
    """Compare the JPEG decoder with OpenCV's on a drawn frame; exits with 2 when the machine was not quiet."""
    console = Console()
    gate = Gate(look, foreign, told=partial(tell_rejected, console))
    jpeg = encode(draw_frame(width, height), quality, "420")
    found = gate.take(lambda: watched(partial(measure, jpeg, rounds)))
    if found is None:
        raise SystemExit(NOISY)
    show(found, jpeg, check_header(jpeg, _LIMITS), console)
    save(result([each.compared for each in found], {each.name: each.ms for each in found}, gate), file)


def _cases(jpeg: bytes, header: JpegHeader) -> list[Case]:
    data = np.frombuffer(jpeg, np.uint8)
    half = max(header.width, header.height) // 2
    return [
        ("cv2.imdecode", lambda: cv2.imdecode(data, cv2.IMREAD_COLOR)),
        ("full size", lambda: decode(jpeg, header)),
        ("cv2.imdecode, half size", lambda: cv2.imdecode(data, cv2.IMREAD_REDUCED_COLOR_2)),
        ("half size", lambda: decode(jpeg, header, half)),
        ("header check", lambda: check_header(jpeg, _LIMITS)),
    ]


def _ratio(name: str, reference: str, columns: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]) -> Ratio:
    ratios = columns[reference] / columns[name]
    own_ms = float(np.median(columns[name])) * 1000
    return Ratio(name, reference, own_ms, tuple(float(each) for each in ratios))
