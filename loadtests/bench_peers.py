"""`beholden bench peers`: the same pictures through other pipelines, with the same models, cores and threads.

Nothing is said of speed before all of them have found the same: as many faces in each picture, the same boxes, the same
vectors. What is compared is what all of them do, from a JPEG to the vectors of its faces; nobody searches a list.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import click
import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from loadtests.bench_bare import BATCH, Work
from loadtests.bench_frames import compose
from loadtests.bench_report import tell_rejected
from loadtests.bench_result import Compared, conclude, json_option, result, save
from loadtests.peer_sides import Sides, drawn_models, photographs, real_models, sides
from loadtests.peers import PEERS, Found, Peer
from loadtests.quiet import LIMIT_CORES, Gate, Load, load, look
from loadtests.stopwatch import cpu_and_wall

LEAST = 1.5
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
BOX_PX, COSINE = 1.0, 0.995  # decoders and alignment round differently


def difference(ours: Found, theirs: Found) -> str | None:
    """What one has found and the other has not; None: they agree."""
    if len(ours.boxes) != len(theirs.boxes):
        return f"{len(ours.boxes)} faces and {len(theirs.boxes)}"
    if not len(ours.boxes):
        return None
    apart_px = np.abs(ours.boxes[:, None] - theirs.boxes[None]).max(axis=2)
    nearest = apart_px.argmin(axis=1)
    if len(set(nearest.tolist())) < len(nearest) or apart_px.min(axis=1).max() > BOX_PX:
        return f"a box that is {apart_px.min(axis=1).max():.1f} px off"
    lowest = float(np.einsum("nd,nd->n", ours.vectors, theirs.vectors[nearest]).min())
    return None if lowest >= COSINE else f"vectors with a cosine of {lowest:.4f}"


def differences(both: Sides, jpegs: Sequence[bytes]) -> list[str]:
    """Of each picture in which they differ, how; which also warms both up.

    Raises:
        click.ClickException: Neither finds a face in any picture: that they agree says nothing.
    """
    ours = [found for at in range(0, len(jpegs), BATCH) for found in both.ours(jpegs[at : at + BATCH])]
    found = [why for one, jpeg in zip(ours, jpegs, strict=True) if (why := difference(one, both.theirs(jpeg)))]
    if not found and not any(len(one.boxes) for one in ours):
        raise click.ClickException(f"no face in any of {len(jpegs)} pictures: show pictures with faces that are found")
    return found


Round = tuple[Work, Work]
"""Ours and theirs, one right after the other."""


def measure(both: Sides, jpegs: Sequence[bytes], rounds: int, gate: Gate) -> list[Round]:
    """All pictures through both in turn, the first of a round alternating; rounds that were not quiet are left out."""

    def ours() -> None:
        for at in range(0, len(jpegs), BATCH):
            both.ours(jpegs[at : at + BATCH])

    def theirs() -> None:
        for jpeg in jpegs:
            both.theirs(jpeg)

    def one_round(order: Sequence[int]) -> tuple[Round, Load]:
        before = look()
        took = {which: cpu_and_wall((ours, theirs)[which]) for which in order}
        works = [Work(len(jpegs), wall_s, cpu_s) for cpu_s, wall_s in (took[0], took[1])]
        return (works[0], works[1]), load(before, look())

    samples = [gate.take(partial(one_round, (0, 1) if number % 2 == 0 else (1, 0))) for number in range(rounds)]
    return [sample for sample in samples if sample]


def compared(found: Mapping[str, Sequence[Round]]) -> list[Compared]:
    """This project over each peer; processor time tells something on a busy machine, too."""
    both = []
    for name, rounds in found.items():
        spent = tuple(ours.cpu_s / theirs.cpu_s for ours, theirs in rounds)
        both += [
            Compared(f"this project / {name}, pictures/s", tuple(a.fps / b.fps for a, b in rounds), at_least=LEAST),
            Compared(f"this project / {name}, processor time of a picture", spent, higher_is_better=False),
        ]
    return both


def table(found: Mapping[str, Sequence[Round]]) -> Table:
    """Medians."""
    shown = Table("with the same files as", "pictures/s", "here", "ms of processor time each", "here")
    for name, rounds in found.items():
        if rounds:
            ours, theirs = zip(*rounds, strict=True)
            rates = [f"{median(each.fps for each in side):.1f}" for side in (theirs, ours)]
            cpu = [f"{median(1000 * each.cpu_s / each.frames for each in side):.2f}" for side in (theirs, ours)]
            shown.add_row(name, *rates, *cpu)
    return shown


def installed(names: Sequence[str], console: Console) -> dict[str, Peer]:
    """Those peers that are.

    Raises:
        click.ClickException: None is.
    """
    asked = {name: PEERS[name] for name in names}
    for peer in asked.values():
        if peer.version is None:
            console.print(peer.advice, highlight=False)
    here = {name: peer for name, peer in asked.items() if peer.version}
    if not here:
        raise click.ClickException("there is nothing to compare with")
    return here


@click.command("peers")
@click.option("--peer", "names", type=click.Choice(list(PEERS)), multiple=True, default=tuple(PEERS), show_default=True)
@click.option("--pictures", type=click.IntRange(BATCH), default=48, show_default=True, help="In each round.")
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True, help="Of models.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option("--testdata", type=_FOLDER, help="Real models and photographs: the folder that tests take.")
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@click.option("--check", is_flag=True, help="Fail when a peer is faster.")
@json_option
def peers_command(
    names: tuple[str, ...],
    pictures: int,
    threads: int,
    rounds: int,
    testdata: Path | None,
    foreign: float,
    check: bool,
    file: Path | None,
) -> None:
    """Send the same pictures through this project and through other pipelines, all with the same models.

    Exits with 1 when they do not find the same or, with --check, when another one is faster; with 2 when the machine
    was not quiet enough to tell.
    """
    console = Console()
    here = installed(names, console)
    cv2.setNumThreads(threads)
    jpegs = photographs(testdata, pictures) if testdata else compose(pictures)
    models = real_models(testdata) if testdata else drawn_models()
    gate = Gate(look, foreign, told=partial(tell_rejected, console))
    found: dict[str, list[Round]] = {}
    for name, peer in here.items():
        with sides(peer, models, threads) as both:
            if differ := differences(both, jpegs):
                console.print(
                    f"[bold red]{name}: {len(differ)} of {pictures} pictures differ, the first by {differ[0]}"
                )
                raise SystemExit(1)
            console.print(
                f"{name} {peer.version}: the same faces, boxes and vectors in {pictures} pictures", highlight=False
            )
            found[name] = measure(both, jpegs, rounds, gate)
    console.print(table(found))
    ratios = compared(found)
    save(result(ratios, _samples(found), gate, {"threads": threads}, [peer.package for peer in here.values()]), file)
    quiet = min(len(each) for each in found.values())
    raise SystemExit(conclude(ratios, quiet, rounds, check, console))


def _samples(found: Mapping[str, Sequence[Round]]) -> dict[str, list[dict[str, float]]]:
    """Milliseconds a picture."""
    return {
        name: [
            {
                f"{whose} {what}": 1000 * seconds / work.frames
                for whose, work in (("ours", ours), ("theirs", theirs))
                for what, seconds in (("wall_ms", work.wall_s), ("cpu_ms", work.cpu_s))
            }
            for ours, theirs in rounds
        ]
        for name, rounds in found.items()
    }
