"""Faults under load: `python -m tests.faults.suite --runs 200 --seed 1` (`make faults`).

One cluster runs; people walk by its cameras while something is broken; then the alerts are held against the truth. The
cluster is not put right between runs but by itself.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from cluster import ray_local
from cluster.kafka.topics import ALERTS
from cluster.kafka_settings import KafkaSettings
from cluster.settings import Delivery
from cluster.watchlists.register import read_topic
from loadtests.bench_report import machine
from loadtests.faults import CPUS, FAULTS, LASTS_S, NODES, Target
from operators.errors import BeholdenError
from tests.drawn import write_deployment
from tests.faults.checker import Verdict, check
from tests.faults.traffic import CAMERAS, FPS, FRAMES_A_PASSAGE, PEOPLE, Pair, Passage, pairs, publish, ref_of
from tests.running import Running, prepared

PASSAGES = 24
WAIT_S = 90.0
BEGIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Run:
    """One run.

    Attributes:
        seed: Of this run.
        fault: Name of what was broken.
        verdict: What it left.
        recovery_s: From the moment that the fault gives until the last late alert; 0 when none was late.
    """

    seed: int
    fault: str
    verdict: Verdict
    recovery_s: float


class Bench:
    """A running cluster, and who has walked by so far."""

    def __init__(self, running: Running, seed: int, wait_s: float) -> None:
        self._running = running
        self._wait_s = wait_s
        self._began = datetime.now(UTC) - BEGIN
        self._pairs = pairs(seed)
        self._known: set[Pair] = set()

    @property
    def kafka(self) -> KafkaSettings:
        """Where people walk by."""
        return self._running.plan.settings.kafka

    def some(self, count: int) -> list[tuple[str, int]]:
        """Cameras and people that have not met yet."""
        return [next(self._pairs) for _ in range(count)]

    def processes(self) -> dict[str, int]:
        """Of everything that could grow, by name."""
        target = self._target(random.Random(0))  # noqa: S311 - nothing is drawn
        found = {each["name"]: each["status"]["pid"] for each in target.members if each["status"]}
        found |= {"supervisor": target.actors("Supervisor")[0], "GCS": target.ray("gcs_server")[0]}
        return found | {f"raylet {number}": pid for number, pid in enumerate(target.ray("raylet"))}

    def one(self, seed: int, fault: str) -> Run:
        """Break something while people walk by, wait until it is whole again, and check."""
        chosen = random.Random(seed)  # noqa: S311 - a schedule, not a secret
        target = self._target(chosen)
        passages = [Passage(*pair) for pair in self.some(passages_of(fault))]
        lasts_s = PASSAGES * (FRAMES_A_PASSAGE + 1) / FPS
        with ThreadPoolExecutor(1) as pool:
            harm = pool.submit(_later, chosen.uniform(0.1, 0.6) * lasts_s, FAULTS[fault], target)
            expected = self._show(passages, f"run-{seed}")
            healed_at = harm.result()
        ended = time.monotonic()
        verdict = self._check(expected)
        while verdict.lost and time.monotonic() - ended < self._wait_s:
            time.sleep(0.5)
            verdict = self._check(expected)
        time.sleep(1.0)  # for what comes twice
        verdict = self._check(expected)
        self._known |= expected.keys()
        late_s = (verdict.late_until - healed_at).total_seconds() if verdict.late_until else 0.0
        return Run(seed, fault, verdict, max(0.0, late_s))

    def _target(self, chosen: random.Random) -> Target:
        return Target(self._running.run, self._running.plan, chosen, self._members())

    def _members(self) -> list[dict[str, Any]]:
        """What the cluster says of itself, once there is a supervisor that has heard a recogniser: both may be new."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                members = self._running.run.status()
            except subprocess.CalledProcessError:
                members = []
            if any(each["status"] and each["name"].startswith("recogniser") for each in members):
                return members
            if time.monotonic() > deadline:
                raise LookupError("nobody is at work: the fault before this one has left nothing")
            time.sleep(0.5)

    def _show(self, passages: list[Passage], stream: str) -> dict[Pair, datetime]:
        """A camera that finds no broker begins again: what it showed may be shown twice."""
        begun = time.monotonic()
        while True:
            try:
                return publish(self.kafka, passages, stream)
            except BeholdenError:
                if time.monotonic() - begun > WAIT_S:
                    raise
                time.sleep(1.0)

    def _check(self, expected: dict[Pair, datetime]) -> Verdict:
        try:
            records = list(read_topic(self.kafka, ALERTS, self._began))
        except BeholdenError:
            records = []
        return check([record.value for record in records], expected, self._known)


@contextmanager
def bench(folder: Path, seed: int, wait_s: float = WAIT_S, standby: int = 0, **cluster: object) -> Iterator[Bench]:
    """A broker, two recognisers, two shards of two replicas, and a list of drawn people."""
    document = write_deployment(folder) | cluster
    document["index"] |= {"replicas": 2}
    document["recognisers"] |= {"standby": standby}
    with prepared(document) as running:
        run = running.run
        running.put({ref_of(number): number for number in range(PEOPLE)})
        os.environ["XDG_STATE_HOME"] = str(run.folder)  # this process starts Ray's nodes, where the commands look
        ray_local.authenticate()
        ray_local.start_ray(running.plan.settings.cluster, CPUS, lambda _: None, NODES)
        run.beholden("up", "-f", str(run.file))
        yield Bench(running, seed, wait_s)


def passages_of(fault: str) -> int:
    """How many people walk by while it happens."""
    return max(PASSAGES, int(LASTS_S.get(fault, 0) * FPS / (FRAMES_A_PASSAGE + 1)))


def check_runs(faults: Sequence[str]) -> None:
    """Make sure that one cluster can show all these: no two may meet twice within its cool-down.

    Raises:
        click.UsageError: It cannot.
    """
    needed, there = sum(map(passages_of, faults)), len(CAMERAS) * PEOPLE
    if needed > there:
        raise click.UsageError(
            f"--runs: {needed} passages are needed, and {there} pairs of a camera and a person exist; ask for fewer "
            "runs, and run the rest with another --seed"
        )


def _later(seconds: float, harm: Callable[[Target], datetime], target: Target) -> datetime:
    time.sleep(seconds)
    return harm(target)


@click.command()
@click.option("--runs", default=len(FAULTS), show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--fault", "only", multiple=True, type=click.Choice(list(FAULTS)), help="Only these.")
@click.option("--delivery", default="at-least-once", show_default=True)
@click.option("--standby", default=0, show_default=True, help="Recognisers that stand by.")
@click.option("--wait", "wait_s", default=WAIT_S, show_default=True, help="For alerts that are missing, seconds.")
@click.option("--until-bad", is_flag=True, help="End with the first run that is.")
@click.option("--records", type=click.Path(path_type=Path), help="Append a line of JSON for each run.")
def main(
    runs: int,
    seed: int,
    only: Sequence[str],
    delivery: str,
    standby: int,
    wait_s: float,
    until_bad: bool,
    records: Path | None,
) -> None:
    """Run faults in turn; exit with 1 when an alert is lost, doubled or wrong, or written twice where none may be."""
    bad, names = 0, list(only or FAULTS)
    faults = [names[number % len(names)] for number in range(runs)]
    check_runs(faults)
    mode = f"{delivery}, {standby} standing by" if standby else delivery
    with (
        tempfile.TemporaryDirectory() as folder,
        bench(Path(folder), seed, wait_s, standby, delivery=delivery) as cluster,
    ):
        for number, fault in enumerate(faults):
            run = cluster.one(seed * 100_000 + number, fault)
            bad += not run.verdict.is_good or (delivery == Delivery.EXACTLY_ONCE and run.verdict.repeated > 0)
            click.echo(f"{number + 1}/{runs} {run.fault}: {_line(run)}")
            if records:
                about = {"delivery": mode, "machine": machine_text(), "at": f"{datetime.now(UTC):%Y-%m-%d}"}
                with records.open("a") as file:
                    file.write(json.dumps({**asdict(run), **about}, default=str) + "\n")
            if bad and until_bad:
                break
    sys.exit(1 if bad else 0)


def machine_text() -> str:
    """The machine and the versions that matter, as records name them."""
    parts = {**machine(), **{name: version(name) for name in ("ray", "kafka-python")}}
    return ", ".join(f"{name} {value}" for name, value in parts.items())


def _line(run: Run) -> str:
    verdict = run.verdict
    counts = {"lost": len(verdict.lost), "doubled": len(verdict.doubled), "wrong": len(verdict.wrong)}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    return (
        f"{verdict.expected} passages, {said}, {verdict.repeated} repeated under the same id; "
        f"longest wait {verdict.longest_wait_s:.1f} s, whole again after {run.recovery_s:.1f} s (seed {run.seed})"
    )


if __name__ == "__main__":
    main()
