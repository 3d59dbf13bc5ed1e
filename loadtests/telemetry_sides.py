"""Two clusters on one broker, alike but for their telemetry, and a collector; for `bench telemetry`."""

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import yaml

from cluster.observe.receiving import receiving
from cluster.plan import read_plan
from loadtests.bench_cluster import Drained, RunningCluster, stopped
from loadtests.bench_run import Show, fill
from loadtests.quiet import Load, Spoilt
from loadtests.temporary import Temporary

COLLECTOR, SUPERVISOR, SHARDS = "collector", "supervisor", "shards"


@dataclass(slots=True)
class Side:
    """One of the clusters.

    Attributes:
        cluster: It, running.
        shown: What its cameras show.
        frames: Backlog of each sample.
        held: Processes that stand still while it is measured: the other side's supervisor, who asks and sends for as
            long as it runs. Its recognisers have nothing to do, and leave their group if they stand still.
    """

    cluster: RunningCluster
    shown: Show
    frames: int
    held: Sequence[int] = ()

    def take(self) -> tuple[Drained | Spoilt, Load]:
        """See `RunningCluster.drain`."""
        with stopped(self.held):
            return self.cluster.drain(self.shown.next(self.frames))


@contextmanager
def collecting(folder: Path) -> Iterator[tuple[str, int]]:
    """Address of a collector in a process of its own, and that process; its work is counted as the run's own."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_collect, args=(theirs, folder / "traces.sqlite"), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv(), process.pid or 0
    finally:
        process.terminate()
        process.join()


def _collect(pipe: "Connection[str, None]", store: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with receiving("127.0.0.1:0", store) as address, suppress(EOFError):
        pipe.send(address)
        pipe.recv()  # nothing comes: until the parent has gone


def beside(run: Temporary, name: str, changes: Mapping[str, Any]) -> Temporary:
    """The same run with another cluster, whose topics and keys are its own.

    Args:
        run: On whose broker.
        name: What tells it from others.
        changes: Of its cluster file.
    """
    settings = yaml.safe_load(run.file.read_text())
    settings |= {
        "cluster": f"{settings['cluster']}-{name}",
        "kafka": {**settings["kafka"], "topic_prefix": f"{name}."},
        "keys": str(run.folder / f"keys-{name}"),
        **changes,
    }
    file = run.folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(settings))
    return replace(run, file=file)


@contextmanager
def running_side(
    run: Temporary, known: Sequence[tuple[str, bytes]], pictures: Sequence[bytes], frames: int, collector: int
) -> Iterator[Side]:
    """A cluster that is up.

    Args:
        run: Its cluster file.
        known: Reference and record of every entry of the watchlist.
        pictures: What its cameras show.
        frames: See `Side`.
        collector: Process of the collector.
    """
    plan = read_plan(run.file)
    names = plan.in_force.policy.cameras
    shown = Show(pictures, fill(plan, known, pictures[0], names), datetime.now(UTC) + timedelta(minutes=1))
    try:
        run.beholden("up", "-f", str(run.file))
        with closing(RunningCluster(run, plan, len(names))) as cluster:
            shards = {each["status"]["pid"] for each in run.status() if each["name"].startswith("shard")}
            cluster.groups |= {SUPERVISOR: _supervisor(cluster.leader), COLLECTOR: {collector}}
            if shards:
                cluster.groups[SHARDS] = shards
            yield Side(cluster, shown, frames)
    finally:
        run.beholden("down", "-f", str(run.file))


def introduce(one: Side, other: Side) -> None:
    """Each counts the other's processes as none of somebody else, and holds its supervisor."""
    for this, that in ((one, other), (other, one)):
        this.cluster.own = {that.cluster.leader}
        this.held = sorted(that.cluster.groups[SUPERVISOR])


def _supervisor(leader: int) -> set[int]:
    """The process of the supervisor in that session."""
    found = set()
    for process in psutil.process_iter(["pid", "cmdline"]):
        with suppress(ProcessLookupError):
            if "ray::Supervisor" in " ".join(process.info["cmdline"] or ()) and os.getsid(process.pid) == leader:
                found.add(process.pid)
    return found
