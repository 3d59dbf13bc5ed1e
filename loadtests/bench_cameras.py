"""`beholden bench cameras`: many cameras that each send almost nothing, and what one of them takes of memory."""

import os
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import psutil
from rich.console import Console

from cluster.plan import open_vision, read_plan
from cluster.settings import Placement
from loadtests.bench_cluster import RunningCluster, ends, lanes_of
from loadtests.bench_frames import compose, entries, schedule
from loadtests.bench_overload import percentile
from loadtests.bench_pipeline import CANDIDATES, MODELS, POLICY, cluster_file, policy_document
from loadtests.bench_result import Compared, conclude, json_option, result, save
from loadtests.bench_run import fill, publish_steadily, temporary_run
from loadtests.quiet import load

MOST_KB = 100.0  # of a camera, in all recognisers together
PICTURES = 48
ENTRIES = 1_000
WARM_UP = 1_200  # frames: what a recogniser takes once, whatever the number of cameras, it has taken then
SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the frames.

    Attributes:
        cameras: That sent them.
        kb: Of memory for one of these, all recognisers together: what they hold more than before.
        published: Frames.
        looked_at: Frames.
        shed: Frames.
        dead_lettered: Frames.
        p99_age_ms: No more than 1 % of frames looked at were older when they were decided.
        foreign_cores: Used by other programs.
    """

    cameras: int
    kb: float
    published: int
    looked_at: int
    shed: int
    dead_lettered: int
    p99_age_ms: float
    foreign_cores: float


def policy_of(document: Mapping[str, Any], cameras: int) -> dict[str, Any]:
    """The policy of the other benchmarks with so many cameras more."""
    return {**document, "cameras": [*document["cameras"], *names(cameras)]}


def names(cameras: int) -> list[str]:
    """Of the cameras that send almost nothing."""
    return [f"quiet-{number}" for number in range(cameras)]


def measure(cameras: int, fps: float, seconds: float, console: Console) -> Outcomes:
    """Have that many cameras send `fps` frames a second each."""
    settings = cluster_file(MODELS, None, Placement.IN_LANE, os.cpu_count() or 1)
    with temporary_run(settings, policy_of(policy_document(POLICY), cameras)) as run:
        plan = read_plan(run.file)
        pictures = compose(PICTURES)
        known = entries(plan, open_vision(plan), ENTRIES)
        busy = fill(plan, known, pictures[0], plan.in_force.policy.cameras[:CANDIDATES])
        run.beholden("up", "-f", str(run.file))
        with closing(RunningCluster(run, plan, CANDIDATES)) as cluster:
            console.print("warming up")
            begin = datetime.now(UTC) + timedelta(minutes=1)
            cluster.drain(list(schedule(pictures, busy, WARM_UP - WARM_UP % len(busy), begin)))
            time.sleep(SETTLE_S)
            before, held, began = ends(lanes_of(run)), held_kb(cluster), cluster.look()
            console.print(f"{cameras} cameras, {cameras * fps:g} frames a second together, {seconds:g} s")
            sending = names(cameras)
            published = publish_steadily(
                plan,
                cameras * fps,
                seconds,
                lambda number, _: (sending[number % cameras], pictures[number % len(pictures)]),
            )
            cluster.await_more(published)
            foreign = load(began, cluster.look()).foreign_cores
            time.sleep(SETTLE_S)
            after, more = ends(lanes_of(run)), held_kb(cluster) - held
    found = after - before
    return Outcomes(
        cameras,
        more / cameras,
        published,
        found.watched.total(),
        found.shed.total(),
        found.dead_lettered,
        percentile(found.ages_ms, 0.99),
        foreign,
    )


def held_kb(cluster: RunningCluster) -> float:
    """What all recognisers hold in memory, in units of 1,000 bytes."""
    return sum(psutil.Process(pid).memory_info().rss for pid in cluster.recognisers) / 1000


def compared(found: Outcomes) -> list[Compared]:
    """What is asked."""
    missing = found.published - found.looked_at - found.shed - found.dead_lettered
    return [
        Compared("memory of an idle camera", (found.kb,), at_most=MOST_KB, unit="kB"),
        Compared("frames missing in the account", (float(abs(missing)),), at_most=0.0),
        Compared("frames shed or refused", (float(found.shed + found.dead_lettered),), at_most=0.0),
        Compared("p99 age when decided", (found.p99_age_ms,), unit="ms", higher_is_better=False),
    ]


@click.command("cameras")
@click.option("--cameras", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--fps", type=click.FloatRange(0, min_open=True), default=0.02, show_default=True, help="Of each.")
@click.option("--seconds", type=click.FloatRange(1), default=100.0, show_default=True)
@json_option
@click.option("--check", is_flag=True, help="Fail when something is not as asked.")
def cameras_command(cameras: int, fps: float, seconds: float, file: Path | None, check: bool) -> None:
    """Measure what an idle camera takes of memory, and whether many of them are watched without loss.

    Exits with 1 when, with --check, something is not as asked.
    """
    console = Console()
    found = measure(cameras, fps, seconds, console)
    ratios = compared(found)
    save(result(ratios, [asdict(found)]), file)
    raise SystemExit(conclude(ratios, 1, 1, check, console))
