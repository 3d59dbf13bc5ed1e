"""`beholden bench overload`: what happens when frames come faster than they can be looked at.

Capacity is found first, by working off a backlog of cameras whose rule is `every`. Then cameras whose rule is `newest`
send so many times as much, and everything is held against the account, the ledger, the dead letters and the alerts.
"""

import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from cluster.kafka.topics import ALERTS, DEAD_LETTERS, LEDGER
from cluster.plan import Plan, open_vision, read_plan
from cluster.ports import Record
from cluster.settings import Placement
from cluster.watchlists.register import read_topic
from cluster.wire.alerts import is_canary
from cluster.wire.shed import parse_shed
from loadtests.bench_cluster import Ends, RunningCluster, choose_cameras, ends, lanes_of
from loadtests.bench_frames import Shown, compose, entries, schedule
from loadtests.bench_pipeline import CANDIDATES, MODELS, POLICY, cluster_file, policy_document
from loadtests.bench_report import MISSED, NOISY, machine
from loadtests.bench_result import Compared, json_option, result, save
from loadtests.bench_run import ENTRIES, fill, publish_steadily, temporary_run
from loadtests.overload_passages import Passages, recognised
from loadtests.quiet import Load, Spoilt, load
from loadtests.temporary import Temporary

FACTORS = (1.5, 3.0)
PICTURES = 120
BACKLOG = 600
MAX_AGE_MS, LEAST_SHARE, LEAST_FOUND = 1000, 0.8, 0.95


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the frames of one phase.

    Attributes:
        factor: Times capacity that was asked for.
        sent_fps: Frames a second that were sent.
        published: Frames sent.
        looked_at: Frames that were looked at.
        shed: Frames shed, by reason.
        dead_lettered: Frames refused.
        in_ledger: Frames in the ledger's intervals.
        intervals: Records of the ledger.
        p99_age_ms: No more than 1 % of frames looked at were older when they were decided.
        smallest_share: Of the camera that was looked at least, over an equal share.
        passages: Listed people who came.
        found: Part of them that alerted within 3 s.
        load: Who used the cores.
    """

    factor: float
    sent_fps: float
    published: int
    looked_at: int
    shed: Mapping[str, int]
    dead_lettered: int
    in_ledger: int
    intervals: int
    p99_age_ms: float
    smallest_share: float
    passages: int
    found: float
    load: Load

    def faults(self) -> list[str]:
        """What is not as promised."""
        shed = sum(self.shed.values())
        promises = {
            f"p99 age is {self.p99_age_ms:.0f} ms, above {MAX_AGE_MS}": self.p99_age_ms <= MAX_AGE_MS,
            f"a camera has {self.smallest_share:.2f} of its share": self.smallest_share >= LEAST_SHARE,
            f"{self.found:.3f} of passages alerted": self.factor > FACTORS[0] or self.found >= LEAST_FOUND,
            "frames are missing": self.published == self.looked_at + shed + self.dead_lettered,
            f"the ledger has {self.in_ledger} frames and the account {shed}": self.in_ledger == shed,
        }
        return [f"at {self.factor} times capacity {fault}" for fault, is_kept in promises.items() if not is_kept]


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything that can be counted from outside at one moment."""

    ends: Ends
    dead_letters: int
    in_ledger: int
    intervals: int

    def __sub__(self, before: "Totals") -> "Totals":
        return Totals(
            self.ends - before.ends,
            self.dead_letters - before.dead_letters,
            self.in_ledger - before.in_ledger,
            self.intervals - before.intervals,
        )


class Overload:
    """Runs phases against one cluster.

    Args:
        run: Where it runs.
        plan: What it runs.
        cluster: The running cluster.
        cameras: One for each partition, whose rule is `newest`.
        pictures: What they send.
        listed: Who is to be seen in a picture and is recognised, by the picture's number.
    """

    def __init__(
        self,
        run: Temporary,
        plan: Plan,
        cluster: RunningCluster,
        cameras: Sequence[str],
        pictures: Sequence[bytes],
        listed: Mapping[int, str],
    ) -> None:
        self._run = run
        self._plan = plan
        self._cluster = cluster
        self._cameras = cameras
        self._pictures = pictures
        self._listed = listed

    def phase(self, factor: float, capacity_fps: float, seconds: float) -> Outcomes:
        """Send so many times as much as can be looked at, for so long; where everything went."""
        passages = Passages(self._listed, [n for n in range(len(self._pictures)) if n not in self._listed])
        before, began = self._totals(), self._cluster.look()
        begin_s = time.monotonic()
        published = publish_steadily(
            self._plan, factor * capacity_fps, seconds, lambda number, now: self._shown(passages, number, now)
        )
        took_s = time.monotonic() - begin_s
        spent = load(began, self._cluster.look())
        self._cluster.await_more(published)
        found = self._totals() - before
        return Outcomes(
            factor=factor,
            sent_fps=published / took_s,
            published=published,
            looked_at=found.ends.watched.total(),
            shed=dict(found.ends.shed),
            dead_lettered=found.dead_letters,
            in_ledger=found.in_ledger,
            intervals=found.intervals,
            p99_age_ms=percentile(found.ends.ages_ms, 0.99),
            smallest_share=min(found.ends.watched[camera] for camera in self._cameras)
            * len(self._cameras)
            / max(1, found.ends.watched.total()),
            passages=len(passages.all),
            found=passages.found([json.loads(one.value) for one in self._all(ALERTS) if not is_canary(one.value)]),
            load=spent,
        )

    def _totals(self) -> Totals:
        intervals = [found for one in self._all(LEDGER) if (found := parse_shed(one.value))]
        frames = sum(each.frames for each in intervals)
        return Totals(ends(lanes_of(self._run)), len(self._all(DEAD_LETTERS)), frames, len(intervals))

    def _shown(self, passages: Passages, number: int, now: datetime) -> tuple[str, bytes]:
        camera = self._cameras[number % len(self._cameras)]
        return camera, self._pictures[passages.picture(camera, now)]

    def _all(self, topic: str) -> list[Record]:
        return list(read_topic(self._plan.settings.kafka, topic))


def percentile(ages_ms: Mapping[int, int], part: float) -> float:
    """The age that no more than `1 - part` of the frames exceed, to the step in which ages are counted."""
    total, seen = sum(ages_ms.values()), 0
    for age, count in sorted(ages_ms.items()):
        seen += count
        if seen >= part * total:
            return float(age)
    return float("nan")


def measure(poll_frames: int, seconds: float, console: Console) -> tuple[float, list[Outcomes]]:
    """Capacity in frames a second, and what became of the frames at each of FACTORS."""
    settings = cluster_file(MODELS, None, Placement.IN_LANE, os.cpu_count() or 1)
    settings["recognisers"]["poll_frames"] = poll_frames
    with temporary_run(settings, policy_of(policy_document(POLICY))) as run:
        plan = read_plan(run.file)
        names = plan.in_force.policy.cameras
        pictures = compose(PICTURES)
        vision = open_vision(plan)
        listed = recognised(pictures, vision, plan)
        backlog_cameras = fill(plan, entries(plan, vision, ENTRIES), pictures[0], names[:CANDIDATES])
        cameras = choose_cameras(plan, names[CANDIDATES:], pictures[0], datetime.now(UTC))
        console.print(f"{len(cameras)} cameras, {len(listed)} pictures of listed people; starting the cluster")
        run.beholden("up", "-f", str(run.file))
        with closing(RunningCluster(run, plan, len(names))) as cluster:
            capacity = find_capacity(cluster, backlog_cameras, pictures)
            console.print(f"capacity: {capacity:.1f} frames/s", highlight=False)
            overload = Overload(run, plan, cluster, cameras, pictures, listed)
            return capacity, [overload.phase(factor, capacity, seconds) for factor in FACTORS]


def find_capacity(cluster: RunningCluster, cameras: Sequence[str], pictures: Sequence[bytes]) -> float:
    """Frames a second of the second of two backlogs."""
    begin = datetime.now(UTC) + timedelta(minutes=1)
    shown: list[Shown] = list(schedule(pictures, cameras, 2 * BACKLOG, begin))
    cluster.drain(shown[: BACKLOG // 2])
    found, _ = cluster.drain(shown[BACKLOG // 2 : BACKLOG + BACKLOG // 2])
    if isinstance(found, Spoilt):
        raise RuntimeError(f"capacity was not measured: {found.why}; run it again")  # noqa: TRY004 - no wrong type
    return found.fps


def policy_of(document: dict[str, Any]) -> dict[str, Any]:
    """A policy with cameras of both rules, which allows a frame the age that a street would."""
    every = document["cameras"]
    newest = [f"live-{number}" for number in range(CANDIDATES)]
    freshness = {"rule": "newest", "cameras": {camera: {"rule": "every"} for camera in every}}
    return {**document, "cameras": every + newest, "max_frame_age_ms": MAX_AGE_MS, "freshness": freshness}


def compared(found: Sequence[Outcomes]) -> list[Compared]:
    """What is promised of each phase in which the machine was quiet."""
    promised = []
    for each in (phase for phase in found if phase.load.is_quiet()):
        at = f"{each.factor:g} times capacity"
        missing = each.published - each.looked_at - sum(each.shed.values()) - each.dead_lettered
        promised += [
            Compared(f"p99 age when decided, {at}", (each.p99_age_ms,), at_most=MAX_AGE_MS, unit="ms"),
            Compared(f"least watched camera / equal share, {at}", (each.smallest_share,), at_least=LEAST_SHARE),
            Compared(f"frames missing in the account, {at}", (float(abs(missing)),), at_most=0.0),
        ]
        if each.factor <= FACTORS[0]:
            promised.append(Compared(f"passages alerted within 3 s, {at}", (each.found,), at_least=LEAST_FOUND))
    return promised


def table(found: Sequence[Outcomes]) -> Table:
    """One row a phase."""
    shown = Table("times", "sent/s", "published", "looked at", "shed", "refused", "ledger (records)", "p99 age")
    for column in ("share", "passages", "alerted in 3 s", "foreign core"):
        shown.add_column(column)
    for each in found:
        shown.add_row(
            f"{each.factor}",
            f"{each.sent_fps:.1f}",
            str(each.published),
            str(each.looked_at),
            ", ".join(f"{reason} {count}" for reason, count in sorted(each.shed.items())),
            str(each.dead_lettered),
            f"{each.in_ledger} ({each.intervals})",
            f"{each.p99_age_ms:.0f} ms",
            f"{each.smallest_share:.2f}",
            str(each.passages),
            f"{each.found:.3f}",
            f"{each.load.foreign_cores:.2f}",
        )
    return shown


@click.command("overload")
@click.option("--seconds", type=click.FloatRange(5), default=30.0, show_default=True, help="Of each phase.")
@click.option("--poll-frames", type=click.IntRange(1), default=8, show_default=True, help="Most frames of a batch.")
@json_option
@click.option("--check", is_flag=True, help="Fail when something is not as promised.")
def overload_command(seconds: float, poll_frames: int, file: Path | None, check: bool) -> None:
    """Send 1.5 and 3 times as much as can be looked at, and account for every frame.

    Exits, with --check, with 1 when something is not as promised, with 2 when other programs used the cores, too.
    """
    console = Console()
    capacity, found = measure(poll_frames, seconds, console)
    console.print(table(found))
    for name, value in machine().items():
        console.print(f"{name}: {value}", highlight=False, style="bright_black")
    samples = {"capacity_fps": capacity, "phases": [asdict(each) for each in found]}
    noisy = [str(each.load) for each in found if not each.load.is_quiet()]
    save(replace(result(compared(found), samples), taken=len(found), rejected=noisy), file)
    faults = [fault for each in found for fault in each.faults()]
    for fault in faults:
        console.print(f"[bold]{fault}")
    if check and faults:
        raise SystemExit(MISSED if all(each.load.is_quiet() for each in found) else NOISY)
