"""`beholden bench ceiling`: how near to what models and decoder allow, and what batches are worth.

A recogniser must decode and run its models. Both alone, one after the other, are the ceiling: none that does so is
faster, however little it does beside. The models alone are faster than that, so the ceiling is printed beside whatever
is held against them.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from cluster.plan import open_vision, read_plan
from cluster.settings import Placement
from loadtests.bench_cluster import RunningCluster
from loadtests.bench_frames import compose, entries
from loadtests.bench_layers import Workers
from loadtests.bench_pipeline import MODELS, POLICY, cluster_file, policy_document
from loadtests.bench_report import Sample, tell_rejected
from loadtests.bench_result import Compared, conclude, json_option, result, save
from loadtests.bench_run import BARE_S, ENTRIES, WARM_UP_S, Show, fill, temporary_run
from loadtests.quiet import LIMIT_CORES, Gate, Load, Spoilt, load

PICTURES = 24  # the graphs' inputs for one are kept, 12 MB
LEAST_OF_CEILING, LEAST_BATCHED = 0.95, 1.2
MODELS_ALONE, DECODER, SINGLE, RECOGNISER, CLUSTER = "models", "decode", "single", "memory", "cluster"
LAYERS = (MODELS_ALONE, DECODER, SINGLE, RECOGNISER)
NAMES = {
    MODELS_ALONE: "models alone, inputs ready",
    DECODER: "decoder alone",
    SINGLE: "recogniser, one frame at a time",
    RECOGNISER: "recogniser, eight frames at a time",
    CLUSTER: "cluster",
}
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
Round = Mapping[str, Sample]
"""What was measured, by layer; all of them."""


def ceiling_fps(one: Round) -> float:
    """Frames a second of models and decoder, one after the other on the same cores."""
    return 1 / (1 / one[MODELS_ALONE].fps + 1 / one[DECODER].fps)


def compared(rounds: Sequence[Round]) -> list[Compared]:
    """What is compared, round by round."""

    def over(layer: str, other: str) -> tuple[float, ...]:
        return tuple(each[layer].fps / each[other].fps for each in rounds)

    def of_ceiling(layer: str) -> tuple[float, ...]:
        return tuple(each[layer].fps / ceiling_fps(each) for each in rounds)

    ceiling = tuple(ceiling_fps(each) / each[MODELS_ALONE].fps for each in rounds)
    return [
        Compared("ceiling (models, then decoder) / models alone", ceiling),
        Compared("recogniser / models alone", over(RECOGNISER, MODELS_ALONE)),
        Compared("recogniser / ceiling", of_ceiling(RECOGNISER), at_least=LEAST_OF_CEILING),
        Compared("cluster / models alone", over(CLUSTER, MODELS_ALONE)),
        Compared("cluster / ceiling", of_ceiling(CLUSTER)),
        Compared("recogniser, batches of 8 / batches of 1", over(RECOGNISER, SINGLE), at_least=LEAST_BATCHED),
    ]


def measure(
    workers: Workers, cluster: RunningCluster, shown: Show, frames: int, rounds: int, gate: Gate
) -> list[Round]:
    """All layers in turn, the cluster stopped meanwhile, then the cluster; rounds without all of them are left out."""
    cluster.drain(shown.next(frames // 2))
    found: list[Round] = []
    for _ in range(rounds):
        one = {layer: gate.take(partial(_held, workers, cluster, layer)) for layer in LAYERS}
        one[CLUSTER] = gate.take(partial(_drained, cluster, shown, frames))
        whole = {layer: sample for layer, sample in one.items() if sample}
        if len(whole) == len(one):
            found.append(whole)
    return found


def _held(workers: Workers, cluster: RunningCluster, layer: str) -> tuple[Sample, Load]:
    with cluster.held():
        before = cluster.look()
        work = workers.run(layer, BARE_S)
        spent = load(before, cluster.look())
    return Sample(work.fps, {"loop": 1000 * work.cpu_s / work.frames}, spent), spent


def _drained(cluster: RunningCluster, shown: Show, frames: int) -> tuple[Sample | Spoilt, Load]:
    found, spent = cluster.drain(shown.next(frames))
    return (found if isinstance(found, Spoilt) else Sample(found.fps, found.cpu_ms, spent)), spent


def table(rounds: Sequence[Round]) -> Table:
    """Medians of each layer."""
    shown = Table("median", "frames/s", "processor time, ms a frame")
    for layer, name in NAMES.items():
        samples = [each[layer] for each in rounds]
        cpu_ms = median(sum(each.cpu_ms.values()) for each in samples)
        shown.add_row(name, f"{median(each.fps for each in samples):.1f}", f"{cpu_ms:.2f}")
    shown.add_row("ceiling: models, then decoder", f"{median(map(ceiling_fps, rounds)):.1f}", "", style="bold")
    return shown


@click.command("ceiling")
@click.option("--policy", type=_FILE, default=POLICY, help="Whose models and numbers; the demonstration's by default.")
@click.option("--models", type=_FOLDER, default=MODELS, help="Folder of the model files; configs/models by default.")
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Of all that is compared.")
@click.option("--frames", type=click.IntRange(200), default=600, show_default=True, help="The cluster's backlog.")
@click.option("--foreign", type=float, default=LIMIT_CORES, show_default=True, help="Cores other programs may take.")
@click.option("--check", is_flag=True, help="Fail when a ratio is below what is asked.")
@json_option
def ceiling_command(
    policy: Path, models: Path, rounds: int, frames: int, foreign: float, check: bool, file: Path | None
) -> None:
    """Hold recogniser and cluster against models alone and against models and decoder; and batches of 8 against 1.

    Exits with 1 when, with --check, a ratio is below what is asked, with 2 when the machine was not quiet enough.
    """
    console = Console()
    settings = cluster_file(models, None, Placement.IN_LANE, os.cpu_count() or 1)
    with temporary_run(settings, policy_document(policy)) as run:
        plan = read_plan(run.file)
        pictures, names = compose(PICTURES), plan.in_force.policy.cameras
        known = entries(plan, open_vision(plan), ENTRIES)
        begin = datetime.now(UTC) + timedelta(minutes=1)
        shown = Show(pictures, fill(plan, known, pictures[0], names), begin)
        with closing(Workers(plan, known, pictures, shown.cameras)) as workers:
            for layer in LAYERS:
                workers.run(layer, WARM_UP_S)
            console.print("[bold]starting the cluster")
            run.beholden("up", "-f", str(run.file))
            with closing(RunningCluster(run, plan, len(names))) as cluster:
                gate = Gate(cluster.look, foreign, told=partial(tell_rejected, console))
                found = measure(workers, cluster, shown, frames, rounds, gate)
    if found:
        console.print(table(found))
    ratios, about = compared(found), {"detector": plan.detector.name, "embedder": plan.embedder.name}
    samples = [{name: asdict(each) for name, each in one.items()} for one in found]
    save(result(ratios, samples, gate, {**about, "entries": ENTRIES, "pictures": PICTURES}), file)
    raise SystemExit(conclude(ratios, len(found), rounds, check, console))
