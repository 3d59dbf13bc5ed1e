"""What goes wrong: each fault is a function that does its harm to a running cluster and undoes what it can.

It gives the moment from which the cluster has to become whole again by itself: of a kill, that of the kill; of anything
that somebody else ends, its end.
"""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

from cluster import ray_local
from cluster.broker.control import BrokerSpec, start_broker, stop_broker
from cluster.kafka.frame_source import KafkaFrameSource
from cluster.plan import Plan
from cluster.recogniser_status import STANDING_BY
from loadtests.temporary import Temporary

STORM_S, STORM_STEP_S = 60.0, 2.0
NODES, CPUS = 2, 2
"""Ray's nodes, all on this machine, and the cores each says it has."""


@dataclass(frozen=True, slots=True)
class Target:
    """A running cluster.

    Attributes:
        run: Its folder, broker and commands.
        plan: What it runs.
        random: Chooses.
        members: What it said of itself just before: asking takes seconds, and the fault is to come under load.
    """

    run: Temporary
    plan: Plan
    random: random.Random
    members: list[dict[str, Any]]

    @property
    def cluster(self) -> str:
        """Its name."""
        return self.plan.settings.cluster

    def pids(self, kind: str) -> list[int]:
        """Processes of shards, or of recognisers that do not stand by."""
        heard = [one for one in self.members if one["name"].startswith(kind) and one["status"]]
        return _some([one["status"]["pid"] for one in heard if one["state"] != STANDING_BY])

    def broker(self) -> list[int]:
        """Processes of the broker."""
        return _some([pid for pid, command in _commands() if str(self.run.folder / "broker") in command])

    def ray(self, name: str) -> list[int]:
        """Processes of this cluster's Ray, the head's first: `raylet` or `gcs_server`."""
        session = f"/{self.cluster}/session_"
        return _some([pid for pid, command in _commands() if f"/{name} --" in command and session in command])

    def actors(self, title: str) -> list[int]:
        """Processes of its actors of one class; Ray's title for them hides whose they are, their parents do not."""
        nodes = [child for pid in self.ray("raylet") for child in psutil.Process(pid).children()]
        return _some([child.pid for child in nodes if " ".join(child.cmdline()).startswith(f"ray::{title}")])


def _some(pids: list[int]) -> list[int]:
    """A fault that finds nobody to harm would pass for one that does no harm."""
    if not pids:
        raise LookupError("there is no such process: nothing is broken")
    return pids


def _commands() -> Iterator[tuple[int, str]]:
    """Of all processes, those first that were started first: their numbers begin anew at some time."""
    found = list(psutil.process_iter(["pid", "cmdline", "create_time"]))
    for process in sorted(found, key=lambda each: float(each.info["create_time"] or 0)):
        yield process.info["pid"], " ".join(process.info["cmdline"] or ())


def kill_recogniser(target: Target) -> datetime:
    """`kill -9` of one; Ray starts it anew."""
    return _kill([target.random.choice(target.pids("recogniser"))])


def kill_all_recognisers(target: Target) -> datetime:
    """`kill -9` of all at once: nobody watches until one is back."""
    return _kill(target.pids("recogniser"))


def kill_amid_backlog(target: Target) -> datetime:
    """All stand still for a while, go on, and are killed while they have what has come meanwhile in hand."""
    pids = target.pids("recogniser")
    _freeze(pids, target.random.uniform(4, 6))
    time.sleep(target.random.uniform(0.05, 0.2))
    return _kill(pids)


def terminate_recogniser(target: Target) -> datetime:
    """SIGTERM to one: it finishes, commits, and leaves."""
    pid = target.random.choice(target.pids("recogniser"))
    os.kill(pid, signal.SIGTERM)
    return datetime.now(UTC)


def kill_shard(target: Target) -> datetime:
    """`kill -9` of one replica of an index shard."""
    return _kill([target.random.choice(target.pids("shard"))])


def kill_supervisor(target: Target) -> datetime:
    """`kill -9` of the supervisor; frames do not pass through it."""
    return _kill(target.actors("Supervisor"))


def kill_node(target: Target) -> datetime:
    """`kill -9` of Ray on a machine that is not the head, and of everything that runs there; it comes back later."""
    node = psutil.Process(target.ray("raylet")[-1])
    killed_at = _kill([*(child.pid for child in node.children(recursive=True)), node.pid])
    time.sleep(target.random.uniform(3, 6))
    ray_local.add_node(target.cluster, CPUS)
    return killed_at


def kill_head(target: Target) -> datetime:
    """`kill -9` of what knows all of Ray; somebody ends the rest and brings everything up again."""
    _kill(target.ray("gcs_server"))
    time.sleep(target.random.uniform(1, 3))
    brought_up_at = datetime.now(UTC)
    ray_local.stop_ray(target.cluster)
    ray_local.start_ray(target.cluster, CPUS, lambda _: None, NODES)
    target.run.beholden("up", "-f", str(target.run.file))
    return brought_up_at


def pause_recogniser(target: Target) -> datetime:
    """One stands still for less than its session lasts."""
    return _freeze([target.random.choice(target.pids("recogniser"))], target.random.uniform(1, 4))


def freeze_recogniser(target: Target) -> datetime:
    """One stands still for longer than its session lasts, and goes on as a zombie."""
    return _freeze([target.random.choice(target.pids("recogniser"))], target.random.uniform(11, 13))


def freeze_broker(target: Target) -> datetime:
    """Kafka does not answer for some seconds."""
    return _freeze(target.broker(), target.random.uniform(2, 6))


def restart_broker(target: Target) -> datetime:
    """Kafka ends without a word and comes back."""
    _kill(target.broker())
    folder = target.run.folder / "broker"
    stop_broker(folder, wipe=False)
    start_broker(BrokerSpec(int(target.run.bootstrap.split(":")[1]), 1, folder), lambda _: None)
    return datetime.now(UTC)


def storm(target: Target) -> datetime:
    """A member that looks at nothing joins the group, and leaves it, every two seconds for a minute."""
    ends = time.monotonic() + STORM_S
    while time.monotonic() < ends:
        with closing(
            KafkaFrameSource(target.plan.settings.kafka, target.plan.group, "storm", lambda *_: None)
        ) as member:
            _poll(member, time.monotonic() + STORM_STEP_S)
        time.sleep(STORM_STEP_S)
    return datetime.now(UTC)


def _poll(member: KafkaFrameSource, until: float) -> None:
    while time.monotonic() < until:
        member.poll(1, 0.2, {})


FAULTS: dict[str, Callable[[Target], datetime]] = {
    "none": lambda _: datetime.now(UTC),
    "kill -9 a recogniser": kill_recogniser,
    "kill -9 all recognisers": kill_all_recognisers,
    "kill -9 all amid a backlog": kill_amid_backlog,
    "terminate a recogniser": terminate_recogniser,
    "kill -9 a shard": kill_shard,
    "kill -9 the supervisor": kill_supervisor,
    "kill -9 a node": kill_node,
    "kill -9 Ray's head, start all again": kill_head,
    "pause a recogniser": pause_recogniser,
    "freeze a recogniser past its session": freeze_recogniser,
    "freeze the broker": freeze_broker,
    "kill -9 the broker, start it again": restart_broker,
    "members come and go": storm,
}
LASTS_S = {"members come and go": STORM_S}
"""Faults under which people have to walk by for longer than under others."""


def _kill(pids: Sequence[int]) -> datetime:
    for pid in pids:
        with suppress(ProcessLookupError):  # its parent may have taken it along
            os.kill(pid, signal.SIGKILL)
    return datetime.now(UTC)


def _freeze(pids: Sequence[int], seconds: float) -> datetime:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        with suppress(ProcessLookupError):  # given up and replaced meanwhile
            os.kill(pid, signal.SIGCONT)
    return datetime.now(UTC)
