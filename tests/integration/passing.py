"""People who pass while recognisers come and go, and who is a member of their group."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime

import psutil
from kafka import KafkaAdminClient

from cluster.frame_publisher import KafkaFramePublisher
from tests.drawn import CAMERAS, scene
from tests.running import Running
from tests.waiting import wait_until

PAUSE_S = 0.2  # between two people


def members(running: Running) -> list[tuple[str, str]]:
    """Members of the group: names and ids."""
    group = running.plan.group
    with closing(KafkaAdminClient(bootstrap_servers=running.run.bootstrap)) as admin:
        found = admin.describe_groups([group])[group]["members"]
    return sorted((one["client_id"], one["member_id"]) for one in found)


def await_end(process: psutil.Process) -> None:
    """Wait until a process has ended, also where nobody buries it: the first one of a container may not."""
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, lambda: f"{process} runs")


def work(running: Running) -> list[tuple[str, int]]:
    """State of each recogniser, by number, and how many partitions it has."""
    return [(lane["state"], len((lane["status"] or {}).get("partitions", ()))) for lane in running.lanes()]


def of(seeds: range) -> dict[str, int]:
    """Drawn people by reference."""
    return {f"person-{seed}": seed for seed in seeds}


@contextmanager
def passing_by(running: Running, seeds: range) -> Iterator[None]:
    """Listed people pass one after the other until the block has ended; every one of them alerts, once."""
    people = of(seeds)
    enough = threading.Event()

    def show() -> None:
        with closing(KafkaFramePublisher(running.plan.settings.kafka)) as publisher:
            for at, seed in enumerate(seeds):
                publisher.publish(CAMERAS[at % 4], scene([seed]), datetime.now(UTC), "test", at)
                enough.wait(PAUSE_S)
                if at == len(seeds) // 2:
                    assert enough.wait(300)

    with ThreadPoolExecutor(1) as pool:
        shown = pool.submit(show)
        try:
            yield
        finally:
            enough.set()
            shown.result(300)
    alerts = running.alerts(set(people))
    assert {entry: len(found) for entry, found in alerts.items()} == dict.fromkeys(people, 1)


def supervisors() -> list[tuple[int, psutil.Process]]:
    """Processes of supervisors on this machine, of this cluster or another, each with the leader of its session."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if "ray::Supervisor" in str(process.info["cmdline"]):
            with suppress(ProcessLookupError):  # another cluster's, which ends just now
                found.append((os.getsid(process.pid), process))
    return found
