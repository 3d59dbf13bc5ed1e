"""`beholden bench pipeline`: frames a second of the running cluster over those of a bare loop, in one run.

Both sides decode every frame, with the same models, batches and watchlist, on the same cores, round by round in turn.
The cluster's processes are stopped (SIGSTOP) while a bare loop runs, so that it is measured at its best. What lies
between the two is measured layer by layer: docs/performance-pipeline.md.
"""

import os
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from cluster.settings import Placement
from cluster.strict_yaml import load
from loadtests.bench_bare import BATCH
from loadtests.bench_report import Figures, show, verdict
from loadtests.bench_result import Compared, json_option, result, save
from loadtests.temporary import CONFIGS

CANDIDATES = 64  # camera ids in the policy, from which one for each partition is chosen
ASKED = 0.90  # with models as light as the default; 0.95 is asked of a detector as heavy as SCRFD-2.5G
COOL_DOWN_S = 5.0  # a picture comes back after 6 s, so that every pass over the pictures alerts again
PLACEMENTS = [str(each) for each in Placement]
POLICY, MODELS = CONFIGS / "policies" / "demo-1.yaml", CONFIGS / "models"
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--policy", type=_FILE, default=POLICY, help="Whose models and numbers; the demonstration's by default.")
@click.option("--models", type=_FOLDER, default=MODELS, help="Folder of the model files; configs/models by default.")
@click.option("--manifests", type=_FOLDER, default=MODELS, help="Folder of their manifests; configs/models by default.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Of all that is compared.")
@click.option("--recognisers", type=click.IntRange(1), help="As many as cores when not given.")
@click.option("--placement", type=click.Choice(PLACEMENTS), default=PLACEMENTS[0], show_default=True)
@click.option("--frames", type=click.IntRange(200), default=600, show_default=True, help="Backlog of each round.")
@json_option
@click.option("--check", "least", type=float, metavar="RATIO", help="Asked, not 0.9; fail when the median is below.")
def pipeline(
    policy: Path,
    models: Path,
    manifests: Path,
    rounds: int,
    recognisers: int | None,
    placement: str,
    frames: int,
    file: Path | None,
    least: float | None,
) -> None:
    """Measure the running cluster against a bare loop of the same operators.

    Exits with 1 when the median ratio is below --check, with 2 when the machine was not quiet enough to tell.
    """
    from loadtests.bench_run import measure

    console = Console()
    cluster = cluster_file(models, recognisers, Placement(placement), os.cpu_count() or 1, manifests)
    figures = measure(cluster, policy_document(policy), rounds, frames, console)
    show(figures, console)
    save(result(compared(figures, least or ASKED), figures.as_json(), figures.gate, figures.about), file)
    code, why = verdict(figures, least)
    console.print(f"[bold]{why}")
    raise SystemExit(code)


def compared(figures: Figures, at_least: float = ASKED) -> list[Compared]:
    """What is compared."""
    return [
        Compared("cluster / bare loop", tuple(figures.path), at_least=at_least),
        Compared("cluster / bare loop, in processes if they are faster", tuple(figures.strict)),
    ]


def cluster_file(
    models: Path, recognisers: int | None, placement: Placement, cores: int, manifests: Path = MODELS
) -> dict[str, Any]:
    """A cluster file that spreads the cores over the recognisers; policy, name and Kafka are filled in later."""
    count = recognisers or cores
    return {
        "models": {"manifests": str(manifests.resolve()), "files": str(models.resolve())},
        "recognisers": {"count": count, "threads": max(1, cores // count), "poll_frames": BATCH},
        "index": {"placement": str(placement), "shards": 2 if placement is Placement.SHARDED else 1},
    }


def policy_document(file: Path) -> dict[str, Any]:
    """A policy changed for many cameras and single pictures, in which every frame of a backlog is looked at."""
    from loadtests.bench_run import ENTRIES

    policy: dict[str, Any] = load(file)
    for rule in policy["watchlists"].values():
        rule["most_entries"] = ENTRIES
    policy["sightings"] |= {"cool_down_s": COOL_DOWN_S, "confirm_frames": 1, "of_frames": 1}
    cameras = [f"bench-{number}" for number in range(CANDIDATES)]
    every = {"rule": "every"}
    return {**policy, "deployment": "bench", "cameras": cameras, "max_frame_age_ms": 10**9, "freshness": every}
