"""What goes wrong: each fault is a function that does its harm to a running cluster and undoes what it can."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from cluster.broker.control import BrokerSpec, start_broker, stop_broker
from loadtests.temporary import Temporary


@dataclass(frozen=True, slots=True)
class Target:
    """A running cluster.

    Attributes:
        run: Its folder, broker and commands.
        random: Chooses.
        members: What it said of itself just before: asking takes seconds, and the fault is to come under load.
    """

    run: Temporary
    random: random.Random
    members: list[dict[str, Any]]

    def pids(self, kind: str) -> list[int]:
        """Processes of recognisers or shards."""
        return [one["status"]["pid"] for one in self.members if one["name"].startswith(kind) and one["status"]]

    def broker(self) -> list[int]:
        """Processes of the broker."""
        folder = str(self.run.folder / "broker")
        found = psutil.process_iter(["pid", "cmdline"])
        return [each.pid for each in found if any(folder in part for part in each.info["cmdline"] or ())]

    def ray(self, name: str) -> list[int]:
        """Processes of this cluster's Ray: `raylet` or `gcs_server`; its actors by their class."""
        folder = str(self.run.folder)
        return [
            each.pid
            for each in psutil.process_iter(["pid", "cmdline"])
            if name in " ".join(each.info["cmdline"] or ()) and _belongs(each, folder)
        ]


def _belongs(process: psutil.Process, folder: str) -> bool:
    try:
        return process.environ().get("XDG_STATE_HOME") == folder
    except psutil.Error:
        return False


def kill_recogniser(target: Target) -> None:
    """`kill -9` of one; Ray starts it anew."""
    os.kill(target.random.choice(target.pids("recogniser")), signal.SIGKILL)


def kill_all_recognisers(target: Target) -> None:
    """`kill -9` of all at once: nobody watches until one is back."""
    for pid in target.pids("recogniser"):
        os.kill(pid, signal.SIGKILL)


def kill_shard(target: Target) -> None:
    """`kill -9` of one index shard."""
    os.kill(target.random.choice(target.pids("shard")), signal.SIGKILL)


def kill_supervisor(target: Target) -> None:
    """`kill -9` of the supervisor; frames do not pass through it."""
    for pid in target.ray("ray::Supervisor"):
        os.kill(pid, signal.SIGKILL)


def freeze_recogniser(target: Target) -> None:
    """One stands still for longer than its session lasts, and goes on as a zombie."""
    with _stopped([target.random.choice(target.pids("recogniser"))]):
        time.sleep(target.random.uniform(11, 13))


def pause_recogniser(target: Target) -> None:
    """One stands still for less than its session lasts."""
    with _stopped([target.random.choice(target.pids("recogniser"))]):
        time.sleep(target.random.uniform(1, 4))


def freeze_broker(target: Target) -> None:
    """Kafka does not answer for some seconds."""
    with _stopped(target.broker()):
        time.sleep(target.random.uniform(2, 6))


def restart_broker(target: Target) -> None:
    """Kafka ends without a word and comes back."""
    for pid in target.broker():
        os.kill(pid, signal.SIGKILL)
    folder = target.run.folder / "broker"
    stop_broker(folder, wipe=False)
    start_broker(BrokerSpec(int(target.run.bootstrap.split(":")[1]), 1, folder), lambda _: None)


FAULTS: dict[str, Callable[[Target], None]] = {
    "none": lambda _: None,
    "kill -9 a recogniser": kill_recogniser,
    "kill -9 all recognisers": kill_all_recognisers,
    "kill -9 a shard": kill_shard,
    "kill -9 the supervisor": kill_supervisor,
    "pause a recogniser": pause_recogniser,
    "freeze a recogniser past its session": freeze_recogniser,
    "freeze the broker": freeze_broker,
    "kill -9 the broker, start it again": restart_broker,
}


@contextmanager
def _stopped(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGCONT)
