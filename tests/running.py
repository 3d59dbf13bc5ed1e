"""A running cluster with hands to work it, for integration tests."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml

from cluster.frame_publisher import KafkaFramePublisher
from cluster.kafka.reader import TopicReader
from cluster.kafka.topics import ALERTS, DEAD_LETTERS, WATCHLIST
from cluster.keys import read_keys
from cluster.plan import Plan, open_vision, read_plan
from cluster.policies.desk import put_in_force
from cluster.ports import Record
from cluster.status import READY
from cluster.watchlists.admission import Origin
from cluster.watchlists.desk import create_list, open_desk, read_vacancies
from cluster.watchlists.enrol import Picture, enrol
from cluster.watchlists.register import read_topic
from loadtests.sought import listing
from loadtests.temporary import Temporary, temporary
from operators.vision import Vision
from tests.drawn import scene
from tests.onlooker import Onlooker

WAIT_S = 120.0  # whoever waits so long has failed; a machine that has ten times as much to do as it can is no reason


@dataclass(frozen=True, slots=True)
class Running:
    """A running cluster with hands to work it."""

    run: Temporary
    plan: Plan
    vision: Vision
    onlooker: Onlooker

    @classmethod
    def begin(cls, run: Temporary, plan: Plan) -> "Running":
        """With topics, keys, its policy in force and an empty list."""
        put_in_force(plan)
        create_list(plan, "sought", "the test")
        return cls(run, plan, open_vision(plan), Onlooker(run.file, run.environment))

    def up(self) -> None:
        """Bring the cluster up, as an operator does."""
        self.run.beholden("up", "-f", str(self.run.file))

    def enrol(self, seeds: Mapping[str, int]) -> None:
        """Put drawn people on the list of a running cluster, by reference and seed, and wait until shards search them.

        The recognisers of a cluster whose shards hold no list are not waited for.
        """
        self.put(seeds)
        self._await_shards()

    def put(self, seeds: Mapping[str, int]) -> None:
        """Put drawn people on the list, by reference and seed."""
        with open_desk(self.plan) as desk:
            desk.put({ref: self._record(ref, seed) for ref, seed in seeds.items()}, read_vacancies(self.plan))

    def withdraw(self, ref: str) -> None:
        """Take one person off the list as an operator does, and wait until running shards have done so."""
        why = ("--why", "not_sought", "--by", "the test")
        self.run.beholden("watchlist", "withdraw", "-f", str(self.run.file), "--entry", ref, *why)
        self._await_shards()

    def _await_shards(self) -> None:
        """Wait until every replica of every shard is ready and they search everyone who is listed, and nobody else."""
        records = read_topic(self.plan.settings.kafka, WATCHLIST)
        listed = sum(map(bool, {record.key: record.value for record in records}.values()))
        self.wait(lambda: self._searched() in (None, listed), f"{listed} entries in the shards")

    def _searched(self) -> int | None:
        """How many entries every replica of the shards has; -1 while one is not ready, None when there are none."""
        shards = self.shards()
        if any(member["state"] != READY for member in shards.values()):
            return -1
        fewest: dict[str, int] = {}
        for name, member in shards.items():
            shard, entries = name.rsplit("-", 1)[0], member["status"]["entries"]
            fewest[shard] = min(entries, fewest.get(shard, entries))
        return sum(fewest.values()) if shards else None

    def divide(self, shards: int, replicas: int) -> None:
        """Divide the watchlist as an operator does, unless it is divided so: another number in the file, then `up`."""
        content = yaml.safe_load(self.run.file.read_text())
        if content["index"].get("shards") != shards or content["index"].get("replicas", 1) != replicas:
            content["index"] |= {"shards": shards, "replicas": replicas}
            self.run.file.write_text(yaml.safe_dump(content, allow_unicode=True))
            self.up()
        self._await_shards()

    def shards(self) -> dict[str, dict[str, Any]]:
        """Every index shard there is, by name."""
        return {each["name"]: each for each in self.onlooker.members() if each["name"].startswith("shard")}

    def ready_shards(self) -> dict[str, dict[str, Any]]:
        """Every index shard by name, once all are ready: one that is too busy to answer has no status."""
        found: dict[str, dict[str, Any]] = {}

        def are_ready() -> bool:
            found.clear()
            found.update(self.shards())
            return all(member["state"] == READY for member in found.values())

        self.wait(are_ready, "every shard is ready")
        return found

    def lanes(self) -> list[dict[str, Any]]:
        """Every recogniser."""
        return [member for member in self.onlooker.members() if member["name"].startswith("recogniser")]

    def heard(self) -> list[dict[str, Any]]:
        """Every recogniser, once each has said how it is; for that none may be drained."""
        found: list[dict[str, Any]] = []

        def all_say() -> bool:
            found[:] = self.lanes()
            return all(member["status"] for member in found)

        self.wait(all_say, "every recogniser says how it is")
        return found

    def publish(self, frames: Sequence[tuple[str, bytes]], seq: int = 0) -> None:
        """Publish frames of cameras and wait until the broker has them."""
        with closing(KafkaFramePublisher(self.plan.settings.kafka)) as publisher:
            for at, (camera, jpeg) in enumerate(frames):
                publisher.publish(camera, jpeg, datetime.now(UTC), "test", seq + at)

    def read(self, topic: str, enough: Callable[[list[Record]], bool]) -> list[Record]:
        """Everything in a topic, once it is enough."""
        records: list[Record] = []
        deadline = time.monotonic() + WAIT_S
        with closing(TopicReader(self.plan.settings.kafka, topic, 0, 1, from_beginning=True)) as reader:
            while not enough(records):
                assert time.monotonic() < deadline, f"{topic}: only {[record.value[:300] for record in records]}"
                records += reader.poll(0.2)
        return records

    def alerts(self, of: set[str]) -> dict[str, list[dict[str, Any]]]:
        """Alerts of these entries, by entry, once each of them has one."""
        records = self.read(ALERTS, lambda found: of <= {json.loads(record.value)["entry"] for record in found})
        by_entry: dict[str, list[dict[str, Any]]] = {}
        for record in records:
            alert = json.loads(record.value)
            by_entry.setdefault(alert["entry"], []).append(alert)
        return {entry: by_entry[entry] for entry in of}

    def dead_letters(self, count: int) -> list[dict[str, Any]]:
        """The dead letters, once there are `count`."""
        return [json.loads(record.value) for record in self.read(DEAD_LETTERS, lambda found: len(found) >= count)]

    def accounts(self) -> list[dict[str, Any]]:
        """Where every frame went, recogniser by recogniser."""
        return [lane["status"]["account"] for lane in self.heard()]

    def frames_done(self) -> int:
        """Frames that have come and reached their end."""
        return sum(account["frames_in"] - account["open"] for account in self.accounts())

    def wait(self, until: Callable[[], bool], what: str, timeout_s: float = WAIT_S) -> None:
        """Wait for something to become true."""
        deadline = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < deadline, what
            time.sleep(0.3)

    def _record(self, ref: str, seed: int) -> bytes:
        """The watchlist record of one drawn person."""
        now = datetime.now(UTC)
        picture = Picture(scene([seed]), Origin("drawn by the test", now.date()))
        keys = read_keys(self.plan.settings.key_folder)
        return enrol(listing(ref, self.plan, now), [picture], self.plan, self.vision, keys, now)


Shot = tuple[str, bytes, datetime]
"""Camera, JPEG, and when it was captured."""


@contextmanager
def showing(running: Running, fps: float, shot: Callable[[int], Shot]) -> Iterator[None]:
    """Cameras show so many frames a second, one `shot` after the other by its number, until the block has ended."""
    enough = threading.Event()

    def show() -> None:
        with closing(KafkaFramePublisher(running.plan.settings.kafka)) as publisher:
            at = 0
            while not enough.wait(1 / fps):
                publisher.publish(*shot(at), "shown", at)
                at += 1

    thread = threading.Thread(target=show)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


@contextmanager
def prepared(cluster: Mapping[str, Any]) -> Iterator[Running]:
    """All that a cluster needs, as `temporary` has it, with hands to work it; `up` is left to the test."""
    with temporary(cluster) as run:
        running = Running.begin(run, read_plan(run.file))
        with closing(running.onlooker):
            yield running
