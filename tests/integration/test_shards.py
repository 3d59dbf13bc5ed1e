"""The sharded watchlist under loss and change, on one real cluster; every test divides it as it needs it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from cluster.kafka.topics import ALERTS
from cluster.ports import Record
from cluster.shards.layout import Layout
from cluster.status import WATCHING
from cluster.watchlists.register import read_topic
from tests.drawn import CAMERAS, scene
from tests.running import Running

pytestmark = pytest.mark.integration

END_SUPERVISOR = """
import sys
from pathlib import Path
from cluster.ray_driver import connected
from cluster.settings import read_cluster
import ray
with connected(read_cluster(Path(sys.argv[1]))):
    ray.kill(ray.get_actor("supervisor"))
"""


def test_a_killed_replica_is_not_missed_and_comes_back(running: Running) -> None:
    """SIGKILL to one replica of each shard: every listed person alerts meanwhile, and no recogniser starts over."""
    kept = running.ready_shards()
    running.divide(2, 2)
    people = {f"person-{seed}": seed for seed in range(100, 116)}
    running.enrol(people)
    before = running.ready_shards()
    assert set(before) == _names(2, 2)
    assert _pids(before, kept) == _pids(kept, kept)
    victims = ("shard-0-of-2-r0", "shard-1-of-2-r1")
    for pid in _pids(before, victims):
        os.kill(pid, signal.SIGKILL)
    running.publish([(CAMERAS[at % 4], scene([seed])) for at, seed in enumerate(people.values())])
    running.alerts(set(people))
    _watch_as_before(running)
    running.wait(lambda: _are_others(running.shards(), before, victims), "they are back, and ready")


def test_a_shard_without_replicas_stops_everything_and_nothing_is_lost(running: Running) -> None:
    """While both are silent no one alerts, not even people of the other shard; once they are back everyone has."""
    running.divide(2, 2)
    people = {f"person-{seed}": seed for seed in range(120, 132)}
    running.enrol(people)
    shards = running.ready_shards()
    pids = _pids(shards, [name for name in shards if name.startswith("shard-1-of-2")])
    with _stopped(pids):
        running.publish([(CAMERAS[at % 4], scene([seed])) for at, seed in enumerate(people.values())])
        running.wait(
            lambda: all("watchlist shard 1 of 2 does not answer" in lane["state"] for lane in running.lanes()),
            "every recogniser says what it waits for",
        )
        assert not people.keys() & _alerted(read_topic(running.plan.settings.kafka, ALERTS))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    running.alerts(set(people))
    running.wait(lambda: all(lane["state"] == "watching" for lane in running.lanes()), "they watch again")


def test_a_frozen_replica_is_ended_and_comes_back(running: Running) -> None:
    """What it was asked would stay in the askers' memory for as long as it is frozen; it is not missed meanwhile."""
    running.divide(2, 2)
    people = {f"person-{seed}": seed for seed in range(132, 136)}
    running.enrol(people)
    before = running.ready_shards()
    victim = "shard-0-of-2-r0"
    with _stopped(_pids(before, [victim])):
        running.publish([(CAMERAS[at], scene([seed])) for at, seed in enumerate(people.values())])
        running.alerts(set(people))
        running.wait(lambda: _are_others(running.shards(), before, [victim]), "another process is ready")
    _watch_as_before(running)
    others = set(before) - {victim}
    assert _pids(running.ready_shards(), others) == _pids(before, others)


def test_a_replica_is_taken_away(running: Running) -> None:
    """Those that stay are not touched."""
    running.divide(2, 2)
    before = running.ready_shards()
    running.divide(2, 1)
    after = running.ready_shards()
    assert set(after) == _names(2, 1)
    assert _pids(after, after) == _pids(before, after)


def test_the_list_is_divided_anew_while_frames_flow(running: Running) -> None:
    """From 2 shards to 4: everyone who passes alerts, before, meanwhile and afterwards; the old shards are gone."""
    running.divide(2, 1)
    people = {f"person-{seed}": seed for seed in range(140, 170)}
    running.enrol(people)
    begun, enough = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        shown = pool.submit(_pass_by, running, list(people.values()), begun, enough)
        assert begun.wait(120)
        running.divide(4, 1)
        enough.set()
        shown.result(120)
    alerts = running.alerts(set(people))
    assert {found[0]["generation"]["shards"] for found in alerts.values()} == {2, 4}
    assert all(len({alert["alert_id"] for alert in found}) == 1 for found in alerts.values())
    assert set(running.ready_shards()) == _names(4, 1)


def test_a_recogniser_that_comes_back_is_told_the_layout_in_force(running: Running) -> None:
    """It was made for 2 shards, and Ray makes it for 2 again, which are gone; it watches over 4."""
    running.divide(4, 1)
    victim = running.heard()[0]["status"]["pid"]
    os.kill(victim, signal.SIGKILL)
    running.wait(lambda: _watches(running.lanes()[0], victim), "the recogniser is back")
    four = {"shards": 4, "replicas": 1}
    running.wait(lambda: [lane["status"]["layout"] for lane in running.heard()] == [four, four], "it asks those four")
    people = {f"person-{seed}": seed for seed in range(180, 184)}
    running.enrol(people)
    running.publish([(CAMERAS[at], scene([seed])) for at, seed in enumerate(people.values())])
    alerts = running.alerts(set(people))
    assert {found["generation"]["shards"] for each in alerts.values() for found in each} == {4}


def test_a_cluster_that_has_lost_its_supervisor_says_so_and_gets_another(running: Running) -> None:
    """As after a command that was killed in between; recognisers and shards go on as they are."""
    running.divide(4, 1)
    lanes, shards = [lane["status"]["pid"] for lane in running.heard()], running.ready_shards()
    end = [sys.executable, "-c", END_SUPERVISOR, str(running.run.file)]
    subprocess.run(end, env=dict(running.run.environment), check=True)
    running.wait(lambda: "is missing" in _status(running)[1], "it says so")
    code, said = _status(running)
    assert code == 1
    assert all(name in said for name in shards)
    running.up()
    assert [lane["status"]["pid"] for lane in running.heard()] == lanes
    assert _pids(running.ready_shards(), shards) == _pids(shards, shards)


def _status(running: Running) -> tuple[int, str]:
    """Exit status of `beholden status`, and what it says of what is wrong."""
    status = [sys.executable, "-m", "cluster", "status", "-f", str(running.run.file)]
    said = subprocess.run(status, env=dict(running.run.environment), capture_output=True, text=True, check=False)
    return said.returncode, said.stderr


def _watch_as_before(running: Running) -> None:
    """Every recogniser watches, and none has started over."""
    assert [lane["status"]["restarts"] for lane in running.heard()] == [0, 0]
    running.wait(lambda: [lane["state"] for lane in running.lanes()] == [WATCHING] * 2, "every recogniser watches")


def _names(shards: int, replicas: int) -> set[str]:
    return {str(replica) for replica in Layout(shards, replicas).all()}


def _pids(members: dict[str, dict[str, Any]], names: Iterable[str]) -> list[int]:
    return [members[name]["status"]["pid"] for name in names]


def _are_others(now: dict[str, dict[str, Any]], before: dict[str, dict[str, Any]], names: Iterable[str]) -> bool:
    """Whether these are ready and other processes than before."""
    ready = all(now[name]["state"] == "ready" for name in names)
    return ready and not set(_pids(now, names)) & set(_pids(before, names))


def _watches(lane: dict[str, Any], victim: int) -> bool:
    return lane["state"] == "watching" and lane["status"]["pid"] != victim


def _alerted(records: Iterable[Record]) -> set[str]:
    return {json.loads(record.value)["entry"] for record in records}


def _pass_by(running: Running, seeds: list[int], begun: threading.Event, enough: threading.Event) -> None:
    """Show one person after the other, the last of them when it is `enough`."""
    for at, seed in enumerate(seeds):
        if at == 4:
            begun.set()
        if at == len(seeds) - 1:
            assert enough.wait(300)
        running.publish([(CAMERAS[at % 4], scene([seed]))])
        time.sleep(0.2)


@contextmanager
def _stopped(pids: list[int]) -> Iterator[None]:
    """Hold processes still; whoever has not been killed meanwhile goes on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
